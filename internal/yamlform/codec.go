package yamlform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// Codec describes one kind of value and reads it.
type Codec[V any] struct {
	Expected string // what a valid value is, such as "a list of routes"
	// Read returns false after it has reported a mistake in the value.
	Read   func(d *Decoder, p Place) (V, bool)
	Keys   func(path string) []Key // the keys inside the value; nil if it has none
	Schema func() Schema           // the JSON Schema of the value; nil for a string
}

// String is a string that passes check. If the string is invalid, check returns a
// text that is reported after the path of the value; otherwise it returns "".
func String(expected string, check func(string) string) Codec[string] {
	return checkedString(expected, "", check)
}

// Text is like [String], for values that users choose freely. YAML reads some of
// them as numbers or booleans, so its mistakes mention quotes.
func Text(expected string, check func(string) string) Codec[string] {
	return checkedString(expected, ", in quotes if it looks like a number, true or false", check)
}

func checkedString(expected, quotes string, check func(string) string) Codec[string] {
	return Codec[string]{Expected: expected, Read: func(d *Decoder, p Place) (string, bool) {
		text, ok := d.Text(p, expected, quotes)
		if !ok {
			return "", false
		}
		if problem := check(text); problem != "" {
			d.Report(p, "%s", problem)
			return "", false
		}
		return text, true
	}}
}

// Identifier is a name that another system defines, such as a client ID, a group
// or a scope. Identifiers are compared byte for byte, so one that can only be a
// typing mistake is rejected.
func Identifier(expected string) Codec[string] {
	return Text(expected, func(text string) string {
		if problem := BadIdentifier(text); problem != "" {
			return problem + "; expected " + expected
		}
		return ""
	})
}

// BadIdentifier returns what is wrong with an identifier, or "".
func BadIdentifier(text string) string {
	const limit = 512
	switch {
	case text == "":
		return "is empty"
	case len(text) > limit:
		return fmt.Sprintf("is longer than %d bytes", limit)
	case strings.TrimSpace(text) != text || strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text):
		return fmt.Sprintf("has white space around it or a control character in it: got %s", Quote(text))
	}
	return ""
}

// Lower is f with the value converted to lower case.
func Lower(f Codec[string]) Codec[string] {
	read := f.Read
	f.Read = func(d *Decoder, p Place) (string, bool) {
		text, ok := read(d, p)
		return strings.ToLower(text), ok
	}
	return f
}

// FilePath is the path of a file or directory. A relative path starts at the
// directory of the decoded file.
func FilePath(expected string) Codec[string] {
	return Codec[string]{Expected: expected, Read: func(d *Decoder, p Place) (string, bool) {
		path, ok := Identifier(expected).Read(d, p)
		if !ok {
			return "", false
		}
		return d.Resolve(path), true
	}}
}

// Boolean is a boolean.
func Boolean() Codec[bool] {
	const expected = "true or false, without quotes"
	return Codec[bool]{Expected: expected, Schema: SchemaOrVariable(Schema{"type": "boolean"}), Read: func(d *Decoder, p Place) (bool, bool) {
		text, kind, ok := d.Scalar(p, expected)
		if ok && kind != KindBool {
			d.Report(p, "is invalid: got %s; expected %s", Quote(text), expected)
		}
		return strings.EqualFold(text, "true"), ok && kind == KindBool
	}}
}

// Integer is a whole number of units between minimum and maximum.
func Integer(unit string, minimum, maximum int) Codec[int] {
	expected := fmt.Sprintf("a whole number of %s from %d to %d, without quotes", unit, minimum, maximum)
	return Codec[int]{Expected: expected, Schema: SchemaOrVariable(Schema{"type": "integer", "minimum": minimum, "maximum": maximum}),
		Read: func(d *Decoder, p Place) (int, bool) {
			text, kind, ok := d.Scalar(p, expected)
			if !ok {
				return 0, false
			}
			n, err := strconv.Atoi(text)
			if kind != KindNumber || err != nil || n < minimum || n > maximum || strconv.Itoa(n) != text {
				d.Report(p, "is invalid: got %s; expected %s", Quote(text), expected)
				return 0, false
			}
			return n, true
		}}
}

// Size is a number of bytes up to maximum. It may be written with KiB, MiB or GiB.
func Size(example string, maximum int) Codec[int] {
	units := map[string]int{"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	expected := fmt.Sprintf("a size such as %s (a whole number of bytes, or with KiB, MiB or GiB) up to %dGiB", example, maximum>>30)
	shape := Schema{"anyOf": []Schema{{"type": "integer", "minimum": 0, "maximum": maximum},
		{"type": "string", "pattern": "^(0|[1-9][0-9]{0,6})(KiB|MiB|GiB)$"}}}
	return Codec[int]{Expected: expected, Schema: SchemaOrVariable(shape), Read: func(d *Decoder, p Place) (int, bool) {
		text, kind, ok := d.Scalar(p, expected)
		if !ok {
			return 0, false
		}
		digits := strings.TrimRight(text, "KMGiB")
		unit, known := units[text[len(digits):]]
		n, err := strconv.Atoi(digits)
		if (kind == KindNumber) != (unit == 1) || !known || err != nil || n < 0 || n > maximum/unit || strconv.Itoa(n) != digits {
			d.Report(p, "is invalid: got %s; expected %s", Quote(text), expected)
			return 0, false
		}
		return n * unit, true
	}}
}

// Duration is a duration in Go's notation between minimum and maximum.
func Duration(example string, minimum, maximum time.Duration) Codec[time.Duration] {
	expected := fmt.Sprintf("a duration with its unit, such as %s, from %s to %s", example, quote.Duration(minimum), quote.Duration(maximum))
	return Codec[time.Duration]{Expected: expected,
		Schema: SchemaOrVariable(Schema{"type": "string", "pattern": `^([0-9]+(\.[0-9]*)?(ms|s|m|h))+$`}),
		Read: func(d *Decoder, p Place) (time.Duration, bool) {
			text, _, ok := d.Scalar(p, expected)
			if !ok {
				return 0, false
			}
			length, err := time.ParseDuration(text)
			switch {
			case text != "" && strings.Trim(text, "+-.0123456789") == "":
				d.Report(p, "has no unit: got %s; expected %s", Quote(text), expected)
			case err != nil:
				d.Report(p, "is not a duration (the units are ms, s, m and h): got %s; expected %s", Quote(text), expected)
			case length < minimum || length > maximum:
				d.Report(p, "is out of range: got %s; expected %s", Quote(text), expected)
			default:
				return length, true
			}
			return 0, false
		}}
}

// Enum is one of the given values.
func Enum[E ~string](values ...E) Codec[E] {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	expected := strings.Join(words, ", ")
	if i := strings.LastIndex(expected, ", "); i >= 0 {
		expected = expected[:i] + " or " + expected[i+2:]
	}
	return Codec[E]{Expected: expected, Schema: SchemaOrVariable(Schema{"enum": words}), Read: func(d *Decoder, p Place) (E, bool) {
		text, ok := d.Text(p, expected, "")
		if !ok {
			return "", false
		}
		if !slices.Contains(words, text) {
			d.Report(p, "is invalid: got %s; expected %s", Quote(text), expected)
			return "", false
		}
		return E(text), true
	}}
}

// Verbatim is a text in which variables are not expanded, so that a mistake can be
// reported at a position inside it ([Places.MistakeWithin]).
func Verbatim(expected string) Codec[string] {
	return Codec[string]{Expected: expected, Read: func(d *Decoder, p Place) (string, bool) {
		if !p.IsScalar() {
			d.ReportKind(p, expected)
			return "", false
		}
		value := p.node.Value
		switch kind := kindOf(value, p.node.Style); {
		case kind == KindNull:
			d.reportNull(p, expected)
		case kind != KindString:
			d.Report(p, "is not a string: got %s; expected %s", value, expected)
		case strings.TrimSpace(value) == "":
			d.Report(p, "is empty; expected %s", expected)
		default:
			_, after := d.splitLine(d.Pos(p))
			d.places.texts[p.Path] = text{value: value, plain: p.node.Style == 0 && strings.HasPrefix(after, value)}
			return value, true
		}
		return "", false
	}}
}
