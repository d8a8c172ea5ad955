package yamlform

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Kind is the type of a scalar in the core schema of YAML 1.2 (section 10.3.2). A
// quoted scalar is always a string.
type Kind int

// The kinds of scalars.
const (
	KindString Kind = iota
	KindNull
	KindBool
	KindNumber
)

// Scalar expands the variables in the scalar at p and returns its text and kind,
// which is not KindNull. It returns false after it has reported a mistake.
func (d *Decoder) Scalar(p Place, expected string) (string, Kind, bool) {
	if !p.IsScalar() {
		d.ReportKind(p, expected)
		return "", 0, false
	}
	text, err := d.expand(p.node.Value, func(name string) { d.warnQuotes(p, "uses the variable "+name+", whose value") })
	if err != nil {
		d.Report(p, "%v", err)
		return "", 0, false
	}
	kind := kindOf(text, p.node.Style)
	if kind == KindNull {
		d.reportNull(p, expected)
	}
	return text, kind, kind != KindNull
}

// IsNull reports whether the value at p is null.
func (d *Decoder) IsNull(p Place) bool {
	if !p.IsScalar() {
		return false
	}
	text, err := d.expand(p.node.Value, func(string) {})
	return err == nil && kindOf(text, p.node.Style) == KindNull
}

// Text reads the string at p. For an unquoted number or boolean, the mistake adds
// quotes to expected.
func (d *Decoder) Text(p Place, expected, quotes string) (string, bool) {
	text, kind, ok := d.Scalar(p, expected)
	if ok && kind != KindString {
		d.Report(p, "is not a string: got %s; expected %s%s", text, expected, quotes)
	}
	return text, ok && kind == KindString
}

// kindOf returns the kind of a scalar.
func kindOf(text string, style yaml.Style) Kind {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
	switch {
	case style&quoted != 0:
		return KindString
	case slices.Contains([]string{"", "~", "null", "Null", "NULL"}, text):
		return KindNull
	case slices.Contains([]string{"true", "True", "TRUE", "false", "False", "FALSE"}, text):
		return KindBool
	case isNumber(text):
		return KindNumber
	default:
		return KindString
	}
}

// isNumber reports whether a plain scalar is an integer or a float.
func isNumber(text string) bool {
	only := func(text, digits string) bool { return text != "" && strings.Trim(text, digits) == "" }
	if hex, ok := strings.CutPrefix(text, "0x"); ok {
		return only(hex, "0123456789abcdefABCDEF")
	}
	if octal, ok := strings.CutPrefix(text, "0o"); ok {
		return only(octal, "01234567")
	}
	body := text
	if body != "" && strings.Contains("+-", body[:1]) {
		body = body[1:]
	}
	switch body {
	case ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN":
		return true
	}
	if body == "" || !strings.Contains(".0123456789", body[:1]) || !only(body, "0123456789.eE+-") {
		return false
	}
	_, err := strconv.ParseFloat(body, 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// expand replaces ${VAR} and ${VAR:-default} in the text of a scalar, and $${ with a
// literal ${, unless d expands nothing. As in a shell, the default is used if the
// variable is unset or empty. Nothing inside a default is expanded. expand calls inQuotes
// with the name of each variable whose value begins and ends with quotes.
func (d *Decoder) expand(text string, inQuotes func(name string)) (string, error) {
	if d.file.Getenv == nil {
		return text, nil
	}
	var out strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			out.WriteString(text)
			return out.String(), nil
		}
		if i > 0 && text[i-1] == '$' {
			out.WriteString(text[:i-1])
			out.WriteString("${")
			text = text[i+2:]
			continue
		}
		out.WriteString(text[:i])
		inner, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed {
			return "", fmt.Errorf("has no closing } after %s; expected ${VAR}, or $${ for a literal ${", Quote(text[i:]))
		}
		value, err := variable(inner, d.file.Getenv)
		if err != nil {
			return "", err
		}
		name, _, _ := strings.Cut(inner, ":-")
		if set, _ := d.file.Getenv(name); set == value && InQuotes(value) {
			inQuotes(name)
		}
		out.WriteString(value)
		text = rest
	}
}

// warnQuotes warns about quotes around the value at p, or around a part of it.
func (d *Decoder) warnQuotes(p Place, what string) {
	d.Warn(p.Path, "%s begins and ends with quotes, which are part of the value; remove the quotes, for example from the env file", what)
}

// variable returns the value of the text between ${ and }.
func variable(inner string, getenv func(string) (string, bool)) (string, error) {
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !variableName(name) {
		return "", fmt.Errorf("has an invalid variable: got %s; expected ${VAR} or ${VAR:-default}, or $${ for a literal ${",
			Quote("${"+inner+"}"))
	}
	if strings.Contains(fallback, "${") {
		return "", fmt.Errorf("has a variable inside the default of %s; write the default without variables", name)
	}
	value, set := getenv(name)
	switch {
	case hasFallback && value == "":
		return fallback, nil
	case !set:
		return "", fmt.Errorf("uses the variable %s, which is not set; set it, or write ${%s:-default}", name, name)
	default:
		return value, nil
	}
}

func variableName(name string) bool {
	return name != "" && ASCIIWord(name, "_") && (name[0] < '0' || name[0] > '9')
}
