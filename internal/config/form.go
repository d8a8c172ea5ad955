package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// form is one kind of value: what it says to write, and how it is read. A read
// that returns false has reported why.
type form[V any] struct {
	says  string
	read  func(d *decoder, p place) (V, bool)
	below func(path string) []Key // the keys inside it; nil when it holds none
	shape func() schema           // for editors; nil for a string
}

// textOf is a string that passes check, which returns what is wrong with it, in
// words that follow its path, or nothing.
func textOf(says string, check func(string) string) form[string] {
	return checked(says, "", check)
}

// freeText is textOf for strings that a user makes up, among which may be some
// that YAML takes for numbers.
func freeText(says string, check func(string) string) form[string] {
	return checked(says, ", in quotes where it looks like a number, true or false", check)
}

func checked(says, quotes string, check func(string) string) form[string] {
	return form[string]{says: says, read: func(d *decoder, p place) (string, bool) {
		text, ok := d.text(p, says, quotes)
		if !ok {
			return "", false
		}
		if wrong := check(text); wrong != "" {
			d.fault(p, "%s", wrong)
			return "", false
		}
		return text, true
	}}
}

// word is a name from another system: a client id, a group, a scope. It is
// compared byte for byte, so what can only be a slip is refused.
func word(says string) form[string] {
	return freeText(says, func(text string) string {
		if wrong := badWord(text); wrong != "" {
			return wrong + "; write " + says
		}
		return ""
	})
}

func badWord(text string) string {
	const most = 512
	switch {
	case text == "":
		return "is empty"
	case len(text) > most:
		return fmt.Sprintf("is longer than %d bytes", most)
	case strings.TrimSpace(text) != text || strings.ContainsFunc(text, isControl) || !utf8.ValidString(text):
		return fmt.Sprintf("is %s, with white space around it or a control character in it", shown(text))
	}
	return ""
}

// lowered reads what f reads, and gives it in lower case.
func lowered(f form[string]) form[string] {
	read := f.read
	f.read = func(d *decoder, p place) (string, bool) {
		text, ok := read(d, p)
		return strings.ToLower(text), ok
	}
	return f
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// filePath is the path of a file or directory, relative to the config's own.
func filePath(says string) form[string] {
	return form[string]{says: says, read: func(d *decoder, p place) (string, bool) {
		path, ok := word(says).read(d, p)
		if !ok {
			return "", false
		}
		return d.beside(path), true
	}}
}

// truth is a boolean.
func truth() form[bool] {
	const says = "true or false, without quotes"
	return form[bool]{says: says, shape: variableOr(schema{"type": "boolean"}), read: func(d *decoder, p place) (bool, bool) {
		text, kind, ok := d.scalar(p, says)
		if ok && kind != boolScalar {
			d.fault(p, "is %s; write %s", shown(text), says)
		}
		return strings.EqualFold(text, "true"), ok && kind == boolScalar
	}}
}

// number is a whole number of the given unit in the range from least to most.
func number(unit string, least, most int) form[int] {
	says := fmt.Sprintf("a whole number of %s from %d to %d, without quotes", unit, least, most)
	return form[int]{says: says, shape: variableOr(schema{"type": "integer", "minimum": least, "maximum": most}), read: func(d *decoder, p place) (int, bool) {
		text, kind, ok := d.scalar(p, says)
		if !ok {
			return 0, false
		}
		n, err := strconv.Atoi(text)
		if kind != numberScalar || err != nil || n < least || n > most || strconv.Itoa(n) != text {
			d.fault(p, "is %s; write %s", shown(text), says)
			return 0, false
		}
		return n, true
	}}
}

// size is a number of bytes, or of KiB, MiB or GiB, up to so many bytes.
func size(example string, most int) form[int] {
	units := map[string]int{"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	says := fmt.Sprintf("a size such as %s (a whole number of bytes, or with KiB, MiB or GiB) up to %dGiB", example, most>>30)
	shape := schema{"anyOf": []schema{{"type": "integer", "minimum": 0, "maximum": most}, {"type": "string", "pattern": "^(0|[1-9][0-9]{0,6})(KiB|MiB|GiB)$"}}}
	return form[int]{says: says, shape: variableOr(shape), read: func(d *decoder, p place) (int, bool) {
		text, kind, ok := d.scalar(p, says)
		if !ok {
			return 0, false
		}
		digits := strings.TrimRight(text, "KMGiB")
		unit, known := units[text[len(digits):]]
		n, err := strconv.Atoi(digits)
		if (kind == numberScalar) != (unit == 1) || !known || err != nil || n < 0 || n > most/unit || strconv.Itoa(n) != digits {
			d.fault(p, "is %s; write %s", shown(text), says)
			return 0, false
		}
		return n * unit, true
	}}
}

// duration is a length of time in Go's notation, in the range from least to
// most.
func duration(example string, least, most time.Duration) form[time.Duration] {
	says := fmt.Sprintf("a duration with its unit, such as %s, from %s to %s", example, brief(least), brief(most))
	return form[time.Duration]{says: says, shape: variableOr(schema{"type": "string", "pattern": `^([0-9]+(\.[0-9]*)?(ms|s|m|h))+$`}), read: func(d *decoder, p place) (time.Duration, bool) {
		text, _, ok := d.scalar(p, says)
		if !ok {
			return 0, false
		}
		length, err := time.ParseDuration(text)
		switch {
		case text != "" && strings.Trim(text, "+-.0123456789") == "":
			d.fault(p, "is %s without a unit; write %s", shown(text), says)
		case err != nil:
			d.fault(p, "is %s, which is no duration (the units are ms, s, m and h); write %s", shown(text), says)
		case length < least || length > most:
			d.fault(p, "is %s, out of its range; write %s", shown(text), says)
		default:
			return length, true
		}
		return 0, false
	}}
}

// brief writes a duration without the zero parts that time.Duration prints.
func brief(length time.Duration) string {
	text := length.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// oneOf is one word of a closed list, exactly as it stands there.
func oneOf[E ~string](values ...E) form[E] {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	says := strings.Join(words, ", ")
	if i := strings.LastIndex(says, ", "); i >= 0 {
		says = says[:i] + " or " + says[i+2:]
	}
	return form[E]{says: says, shape: variableOr(schema{"enum": words}), read: func(d *decoder, p place) (E, bool) {
		text, ok := d.text(p, says, "")
		if !ok {
			return "", false
		}
		if !slices.Contains(words, text) {
			d.fault(p, "is %s; write %s", shown(text), says)
			return "", false
		}
		return E(text), true
	}}
}

// rows is a list of any length. Items with mistakes are left out of it.
func rows[V any](says string, item form[V]) form[[]V] {
	return form[[]V]{
		says: says,
		read: func(d *decoder, p place) ([]V, bool) {
			items, ok := d.items(p, says)
			if !ok {
				return nil, false
			}
			var all []V
			for _, one := range items {
				if v, ok := item.read(d, one); ok {
					all = append(all, v)
				}
			}
			return all, true
		},
		below: within(item),
		shape: func() schema { return schema{"type": "array", "items": item.outline()} },
	}
}

// listOf is a list of one or more different values. An empty one is a mistake,
// since it could be taken for "anything" as well as for "nothing".
func listOf[V comparable](says string, item form[V]) form[[]V] {
	f := setOf(says, item)
	read := f.read
	f.read = func(d *decoder, p place) ([]V, bool) {
		if p.node.Kind == yaml.SequenceNode && len(p.node.Content) == 0 {
			d.fault(p, "is an empty list; write %s, or leave the key out", says)
			return nil, false
		}
		return read(d, p)
	}
	f.shape = func() schema {
		return schema{"type": "array", "items": item.outline(), "uniqueItems": true, "minItems": 1}
	}
	return f
}

// setOf is a list of different values that may be empty, but is never nil. An
// item with a mistake makes the whole list unread, so that the items of a list
// that was read have the indices that they have in the file.
func setOf[V comparable](says string, item form[V]) form[[]V] {
	f := form[[]V]{says: says, below: within(item)}
	f.shape = func() schema { return schema{"type": "array", "items": item.outline(), "uniqueItems": true} }
	f.read = func(d *decoder, p place) ([]V, bool) {
		items, ok := d.items(p, says)
		if !ok {
			return nil, false
		}
		all, seen := make([]V, 0, len(items)), make(map[V]bool, len(items))
		for _, one := range items {
			v, ok := item.read(d, one)
			switch {
			case !ok:
			case seen[v]:
				d.fault(one, "repeats an earlier item; remove it")
			default:
				seen[v] = true
				all = append(all, v)
			}
		}
		return all, len(all) == len(items)
	}
	return f
}

// within is the reference of a list's items.
func within[V any](item form[V]) func(path string) []Key {
	if item.below == nil {
		return nil
	}
	return func(path string) []Key { return item.below(path + "[]") }
}

// group is a mapping with known keys.
func group[T any](o object[T]) form[T] {
	return form[T]{
		says: o.says,
		read: func(d *decoder, p place) (T, bool) {
			var t T
			ok := o.read(d, p, &t)
			return t, ok
		},
		below: o.reference,
		shape: o.shape,
	}
}
