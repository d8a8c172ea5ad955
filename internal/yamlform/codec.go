package yamlform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Codec is one kind of value: what to write, and how it is read.
type Codec[V any] struct {
	Form string // what to write, such as "a list of routes"
	// Read returns false after it has reported what is wrong with the value.
	Read  func(d *Decoder, p Place) (V, bool)
	Below func(path string) []Key // the keys inside it; nil when it holds none
	Shape func() Schema           // for editors; nil for a string
}

// String is a string that passes check, which returns what is wrong with it, in
// words that follow its path, or nothing.
func String(form string, check func(string) string) Codec[string] {
	return checked(form, "", check)
}

// Text is String for values that users choose freely: YAML may take some of them
// for numbers, so its mistakes mention quotes.
func Text(form string, check func(string) string) Codec[string] {
	return checked(form, ", in quotes where it looks like a number, true or false", check)
}

func checked(form, quotes string, check func(string) string) Codec[string] {
	return Codec[string]{Form: form, Read: func(d *Decoder, p Place) (string, bool) {
		text, ok := d.Text(p, form, quotes)
		if !ok {
			return "", false
		}
		if wrong := check(text); wrong != "" {
			d.Fault(p, "%s", wrong)
			return "", false
		}
		return text, true
	}}
}

// Identifier is a name from another system: a client id, a group, a scope. It is
// compared byte for byte, so what can only be a typing mistake is refused.
func Identifier(form string) Codec[string] {
	return Text(form, func(text string) string {
		if wrong := BadIdentifier(text); wrong != "" {
			return wrong + "; write " + form
		}
		return ""
	})
}

// BadIdentifier says what is wrong with an identifier, or nothing.
func BadIdentifier(text string) string {
	const most = 512
	switch {
	case text == "":
		return "is empty"
	case len(text) > most:
		return fmt.Sprintf("is longer than %d bytes", most)
	case strings.TrimSpace(text) != text || strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text):
		return fmt.Sprintf("is %s, with white space around it or a control character in it", Quote(text))
	}
	return ""
}

// Lower reads what f reads, and gives it in lower case.
func Lower(f Codec[string]) Codec[string] {
	read := f.Read
	f.Read = func(d *Decoder, p Place) (string, bool) {
		text, ok := read(d, p)
		return strings.ToLower(text), ok
	}
	return f
}

// FilePath is the path of a file or directory, relative to the file's own.
func FilePath(form string) Codec[string] {
	return Codec[string]{Form: form, Read: func(d *Decoder, p Place) (string, bool) {
		path, ok := Identifier(form).Read(d, p)
		if !ok {
			return "", false
		}
		return d.Beside(path), true
	}}
}

// Boolean is a boolean.
func Boolean() Codec[bool] {
	const form = "true or false, without quotes"
	return Codec[bool]{Form: form, Shape: OrVariable(Schema{"type": "boolean"}), Read: func(d *Decoder, p Place) (bool, bool) {
		text, kind, ok := d.Scalar(p, form)
		if ok && kind != KindBool {
			d.Fault(p, "is %s; write %s", Quote(text), form)
		}
		return strings.EqualFold(text, "true"), ok && kind == KindBool
	}}
}

// Integer is a whole number of the given unit in the range from least to most.
func Integer(unit string, least, most int) Codec[int] {
	form := fmt.Sprintf("a whole number of %s from %d to %d, without quotes", unit, least, most)
	return Codec[int]{Form: form, Shape: OrVariable(Schema{"type": "integer", "minimum": least, "maximum": most}),
		Read: func(d *Decoder, p Place) (int, bool) {
			text, kind, ok := d.Scalar(p, form)
			if !ok {
				return 0, false
			}
			n, err := strconv.Atoi(text)
			if kind != KindNumber || err != nil || n < least || n > most || strconv.Itoa(n) != text {
				d.Fault(p, "is %s; write %s", Quote(text), form)
				return 0, false
			}
			return n, true
		}}
}

// Size is a number of bytes, or of KiB, MiB or GiB, up to so many bytes.
func Size(example string, most int) Codec[int] {
	units := map[string]int{"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	form := fmt.Sprintf("a size such as %s (a whole number of bytes, or with KiB, MiB or GiB) up to %dGiB", example, most>>30)
	shape := Schema{"anyOf": []Schema{{"type": "integer", "minimum": 0, "maximum": most},
		{"type": "string", "pattern": "^(0|[1-9][0-9]{0,6})(KiB|MiB|GiB)$"}}}
	return Codec[int]{Form: form, Shape: OrVariable(shape), Read: func(d *Decoder, p Place) (int, bool) {
		text, kind, ok := d.Scalar(p, form)
		if !ok {
			return 0, false
		}
		digits := strings.TrimRight(text, "KMGiB")
		unit, known := units[text[len(digits):]]
		n, err := strconv.Atoi(digits)
		if (kind == KindNumber) != (unit == 1) || !known || err != nil || n < 0 || n > most/unit || strconv.Itoa(n) != digits {
			d.Fault(p, "is %s; write %s", Quote(text), form)
			return 0, false
		}
		return n * unit, true
	}}
}

// Duration is a length of time in Go's notation, in the range from least to
// most.
func Duration(example string, least, most time.Duration) Codec[time.Duration] {
	form := fmt.Sprintf("a duration with its unit, such as %s, from %s to %s", example, FormatDuration(least), FormatDuration(most))
	return Codec[time.Duration]{Form: form, Shape: OrVariable(Schema{"type": "string", "pattern": `^([0-9]+(\.[0-9]*)?(ms|s|m|h))+$`}),
		Read: func(d *Decoder, p Place) (time.Duration, bool) {
			text, _, ok := d.Scalar(p, form)
			if !ok {
				return 0, false
			}
			length, err := time.ParseDuration(text)
			switch {
			case text != "" && strings.Trim(text, "+-.0123456789") == "":
				d.Fault(p, "is %s without a unit; write %s", Quote(text), form)
			case err != nil:
				d.Fault(p, "is %s, which is no duration (the units are ms, s, m and h); write %s", Quote(text), form)
			case length < least || length > most:
				d.Fault(p, "is %s, out of its range; write %s", Quote(text), form)
			default:
				return length, true
			}
			return 0, false
		}}
}

// Enum is one word of a closed list, exactly as the list has it.
func Enum[E ~string](values ...E) Codec[E] {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	form := strings.Join(words, ", ")
	if i := strings.LastIndex(form, ", "); i >= 0 {
		form = form[:i] + " or " + form[i+2:]
	}
	return Codec[E]{Form: form, Shape: OrVariable(Schema{"enum": words}), Read: func(d *Decoder, p Place) (E, bool) {
		text, ok := d.Text(p, form, "")
		if !ok {
			return "", false
		}
		if !slices.Contains(words, text) {
			d.Fault(p, "is %s; write %s", Quote(text), form)
			return "", false
		}
		return E(text), true
	}}
}

// Verbatim is a text that is taken as written: variables are not expanded in it,
// and mistakes can be placed inside it ([Places.MistakeWithin]).
func Verbatim(form string) Codec[string] {
	return Codec[string]{Form: form, Read: func(d *Decoder, p Place) (string, bool) {
		if !p.IsScalar() {
			d.Unfit(p, form)
			return "", false
		}
		value := p.node.Value
		switch kind := kindOf(value, p.node.Style); {
		case kind == KindNull:
			d.null(p, form)
		case kind != KindString:
			d.Fault(p, "is %s, which is no string; write %s", value, form)
		case strings.TrimSpace(value) == "":
			d.Fault(p, "is empty; write %s", form)
		default:
			_, after := d.around(d.Pos(p))
			d.places.texts[p.Path] = text{value: value, plain: p.node.Style == 0 && strings.HasPrefix(after, value)}
			return value, true
		}
		return "", false
	}}
}
