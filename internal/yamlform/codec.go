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

// Then is a value that f reads and next makes into another one. Like Read, next
// returns false after it has reported a mistake.
func Then[V, W any](f Codec[V], next func(d *Decoder, p Place, v V) (W, bool)) Codec[W] {
	return Codec[W]{Expected: f.Expected, Keys: f.Keys, Schema: f.Schema, Read: func(d *Decoder, p Place) (w W, ok bool) {
		v, ok := f.Read(d, p)
		if !ok {
			return w, false
		}
		return next(d, p, v)
	}}
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
	unchecked := Codec[string]{Expected: expected, Read: func(d *Decoder, p Place) (string, bool) { return d.Text(p, expected, quotes) }}
	return Then(unchecked, func(d *Decoder, p Place, text string) (string, bool) {
		problem := check(text)
		if problem != "" {
			d.Report(p, "%s", problem)
		}
		return text, problem == ""
	})
}

// Expecting is check with the expected value added to its text.
func Expecting(expected string, check func(string) string) func(string) string {
	return func(text string) string {
		if problem := check(text); problem != "" {
			return problem + "; expected " + expected
		}
		return ""
	}
}

// Identifier is a name that another system defines, such as a client ID, a group
// or a scope. Identifiers are compared byte for byte, so one that can only be a
// typing mistake is rejected, and one in quotes gets a warning.
func Identifier(expected string) Codec[string] {
	return NotInQuotes(Text(expected, Expecting(expected, BadIdentifier)))
}

// NotInQuotes is f with a warning if the value begins and ends with quotes. A variable whose
// value does has a warning already.
func NotInQuotes(f Codec[string]) Codec[string] {
	return Then(f, func(d *Decoder, p Place, text string) (string, bool) {
		if InQuotes(text) && !strings.Contains(p.node.Value, "${") {
			d.Warn(p.Path, "begins and ends with quotes, which are part of the value: got %s; remove the quotes, for example from the env file",
				Quote(text))
		}
		return text, true
	})
}

// InQuotes reports whether text begins and ends with quotes, as after an env file of which
// the quotes were kept, or when a text was pasted with typographic quotes.
func InQuotes(text string) bool {
	const marks = "\"'`“”„‘’‚«»"
	runes := []rune(text)
	return len(runes) > 1 && strings.ContainsRune(marks, runes[0]) && strings.ContainsRune(marks, runes[len(runes)-1])
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
	return Then(f, func(_ *Decoder, _ Place, text string) (string, bool) { return strings.ToLower(text), true })
}

// FilePath is the path of a file or directory. A relative path starts at the
// directory of the decoded file.
func FilePath(expected string) Codec[string] {
	return Then(Identifier(expected), func(d *Decoder, _ Place, path string) (string, bool) { return d.Resolve(path), true })
}

// parsed is a scalar from which parse makes a value. If the scalar is invalid, parse
// returns what is wrong with it, such as "is invalid"; otherwise it returns "".
func parsed[V any](expected string, shape Schema, parse func(text string, kind Kind) (V, string)) Codec[V] {
	return Codec[V]{Expected: expected, Schema: SchemaOrVariable(shape), Read: func(d *Decoder, p Place) (v V, ok bool) {
		text, kind, ok := d.Scalar(p, expected)
		if !ok {
			return v, false
		}
		v, problem := parse(text, kind)
		if problem != "" {
			d.Report(p, "%s: got %s; expected %s", problem, Quote(text), expected)
		}
		return v, problem == ""
	}}
}

// invalid is the usual problem of a scalar that is not valid.
const invalid = "is invalid"

// Boolean is a boolean.
func Boolean() Codec[bool] {
	return parsed("true or false, without quotes", Schema{"type": "boolean"}, func(text string, kind Kind) (bool, string) {
		if kind != KindBool {
			return false, invalid
		}
		return strings.EqualFold(text, "true"), ""
	})
}

// Integer is a whole number of units between minimum and maximum.
func Integer(unit string, minimum, maximum int) Codec[int] {
	expected := fmt.Sprintf("a whole number of %s from %d to %d, without quotes", unit, minimum, maximum)
	shape := Schema{"type": "integer", "minimum": minimum, "maximum": maximum}
	return parsed(expected, shape, func(text string, kind Kind) (int, string) {
		n, err := strconv.Atoi(text)
		if kind != KindNumber || err != nil || n < minimum || n > maximum || strconv.Itoa(n) != text {
			return 0, invalid
		}
		return n, ""
	})
}

// Size is a number of bytes up to maximum. It may be written with KiB, MiB or GiB.
func Size(example string, maximum int) Codec[int] {
	units := map[string]int{"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	expected := fmt.Sprintf("a size such as %s (a whole number of bytes, or with KiB, MiB or GiB) up to %dGiB", example, maximum>>30)
	shape := Schema{"anyOf": []Schema{{"type": "integer", "minimum": 0, "maximum": maximum},
		{"type": "string", "pattern": "^(0|[1-9][0-9]{0,6})(KiB|MiB|GiB)$"}}}
	return parsed(expected, shape, func(text string, kind Kind) (int, string) {
		digits := strings.TrimRight(text, "KMGiB")
		unit, known := units[text[len(digits):]]
		n, err := strconv.Atoi(digits)
		if (kind == KindNumber) != (unit == 1) || !known || err != nil || n < 0 || n > maximum/unit || strconv.Itoa(n) != digits {
			return 0, invalid
		}
		return n * unit, ""
	})
}

// Duration is a duration in Go's notation between minimum and maximum.
func Duration(example string, minimum, maximum time.Duration) Codec[time.Duration] {
	expected := fmt.Sprintf("a duration with its unit, such as %s, from %s to %s", example, quote.Duration(minimum), quote.Duration(maximum))
	shape := Schema{"type": "string", "pattern": `^([0-9]+(\.[0-9]*)?(ms|s|m|h))+$`}
	return parsed(expected, shape, func(text string, _ Kind) (time.Duration, string) {
		length, err := time.ParseDuration(text)
		switch {
		case text != "" && strings.Trim(text, "+-.0123456789") == "":
			return 0, "has no unit"
		case err != nil:
			return 0, "is not a duration (the units are ms, s, m and h)"
		case length < minimum || length > maximum:
			return 0, "is out of range"
		}
		return length, ""
	})
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
	word := String(expected, func(text string) string {
		if slices.Contains(words, text) {
			return ""
		}
		return fmt.Sprintf("is invalid: got %s; expected %s", Quote(text), expected)
	})
	word.Schema = SchemaOrVariable(Schema{"enum": words})
	return Then(word, func(_ *Decoder, _ Place, text string) (E, bool) { return E(text), true })
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
