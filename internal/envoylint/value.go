package envoylint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtgate/jwtgate/internal/config"
)

// kind is the kind of a value.
type kind int

const (
	missing kind = iota // not in the file; its place is that of its parent
	scalar
	list
	mapping
)

// String names a kind for an error message.
func (k kind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a mapping"}[k]
}

// value is one value of the file, with its path and its place. An absent field is a
// missing value and not nil, so that one expression reads a nested field, and a finding
// about an absent field has a place.
type value struct {
	kind   kind
	in     *value // the parent; nil for the whole file
	step   string // from the parent: .name or [0]
	at     config.Pos
	text   string // of a scalar
	quoted bool
	items  []*value
	fields []field // in file order
	// message is the type of a mapping, once the typer has run; nil if it is unknown.
	// field is the field to which the value belongs.
	message protoreflect.MessageDescriptor
	field   protoreflect.FieldDescriptor
	// expression is the scalar compiled as a regular expression, once it was needed.
	expression *regexp.Regexp
}

// field is one entry of a mapping.
type field struct {
	name string
	*value
}

// misread is called for a field that a rule reads and its message does not have; the
// tests set it to panic.
var misread = func(protoreflect.MessageDescriptor, string) {}

// get returns the value at a path of names in snake case. In a mapping without a type it
// also finds names in camel case.
func (v *value) get(names ...string) *value {
	for _, name := range names {
		v = v.one(name)
	}
	return v
}

func (v *value) one(name string) *value {
	if v.message == nil {
		return v.last(name, camelCase(name))
	}
	return v.last(name, name)
}

// entry is get for the keys of a map, which have one form only.
func (v *value) entry(name string) *value { return v.last(name, name) }

// last returns the last field with a name or its other form, which is the one that Envoy
// keeps of a repeated key.
func (v *value) last(name, form string) *value {
	for _, f := range slices.Backward(v.fields) {
		if f.name == name || f.name == form {
			return f.value
		}
	}
	return v.absent(name)
}

// has reports whether the value has one of the fields, which its message may not
// define.
func (v *value) has(names ...string) bool {
	return slices.ContainsFunc(v.fields, func(f field) bool { return f.there() && slices.Contains(names, f.name) })
}

// absent returns the missing value of a field, with the field's type.
func (v *value) absent(name string) *value {
	absent := &value{in: v, step: step(name), at: v.at}
	if v.message == nil {
		return absent
	}
	absent.field = v.message.Fields().ByName(protoreflect.Name(name))
	switch f := absent.field; {
	case f == nil && name != "@type":
		misread(v.message, name)
	case f != nil && f.Kind() == protoreflect.MessageKind && !f.IsList() && !f.IsMap() && f.Message().FullName() != anyType:
		absent.message = f.Message()
	}
	return absent
}

// wrap changes a single value, where Envoy expects a list, to a list with that value.
func (v *value) wrap() {
	item := *v
	item.in, item.step = v, ""
	for _, f := range item.fields {
		f.in = &item
	}
	v.kind, v.text, v.fields, v.items = list, "", nil, []*value{&item}
}

// isMessage reports whether the value is a message of that type.
func (v *value) isMessage(name protoreflect.FullName) bool {
	return v.message != nil && v.message.FullName() == name
}

// walk calls f with the value, and with the values below it if f returns true.
func (v *value) walk(f func(*value) (below bool)) {
	if !f(v) {
		return
	}
	for _, item := range v.items {
		item.walk(f)
	}
	for _, one := range v.fields {
		one.walk(f)
	}
}

// messages returns the outermost messages of a type, which are the value itself or below
// it.
func (v *value) messages(name protoreflect.FullName) []*value {
	var all []*value
	v.walk(func(one *value) bool {
		if one.isMessage(name) {
			all = append(all, one)
			return false
		}
		return true
	})
	return all
}

// path is the path of the value, such as static_resources.listeners[0].name. It is empty
// for the whole file.
func (v *value) path() string {
	var steps []string
	for at := v; at != nil; at = at.in {
		steps = append(steps, at.step)
	}
	slices.Reverse(steps)
	return strings.TrimPrefix(strings.Join(steps, ""), ".")
}

// camelCase returns the JSON name of a field.
func camelCase(name string) string {
	if !strings.Contains(name, "_") {
		return name
	}
	words := strings.Split(name, "_")
	for i, word := range words {
		if i > 0 && word != "" {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}

// step is the step of a path to a key of a mapping.
func step(key string) string {
	plain := key != "" && !strings.ContainsFunc(key, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
	if plain {
		return "." + key
	}
	return fmt.Sprintf("[%q]", key)
}

// there reports whether the value is in the file. For Envoy, null is the same as an
// absent field.
func (v *value) there() bool {
	return v.kind != missing && (v.kind != scalar || v.quoted || !slices.Contains([]string{"", "~", "null", "Null", "NULL"}, v.text))
}

// is reports whether the value is true.
func (v *value) is() bool { return v.text == "true" }

// either reports whether the value is one of an enumeration's names. A missing value is
// the enumeration's zero.
func (v *value) either(names ...string) bool {
	text := v.text
	if !v.there() && v.field != nil && v.field.Enum() != nil {
		text = string(v.field.Enum().Values().ByNumber(0).Name())
	}
	return slices.Contains(names, text)
}

// number reads a number; it returns the fallback for any other value.
func (v *value) number(fallback float64) float64 {
	if n, err := strconv.ParseFloat(v.text, 64); err == nil {
		return n
	}
	return fallback
}

// duration reads a duration in its JSON form, seconds followed by s; it returns the
// fallback for any other value.
func (v *value) duration(fallback time.Duration) time.Duration {
	seconds, ok := strings.CutSuffix(v.text, "s")
	if n, err := strconv.ParseFloat(seconds, 64); ok && err == nil {
		return time.Duration(n * float64(time.Second))
	}
	return fallback
}

// typed returns the full name of the message in a typed_config, and the message; for a
// TypedStruct, those of the message that it contains.
func (v *value) typed() (string, *value) {
	name := typeName(v.get("@type").text)
	if strings.HasSuffix(name, ".TypedStruct") {
		return typeName(v.get("type_url").text), v.get("value")
	}
	return name, v
}

// typeName is the name of a message after the slash of its type URL.
func typeName(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// short is the last part of a message's full name.
func short(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// scalars calls f with every scalar and every field name in the value.
func (v *value) scalars(f func(text string, at *value)) {
	if v.kind == scalar {
		f(v.text, v)
	}
	for _, item := range v.items {
		item.scalars(f)
	}
	for _, one := range v.fields {
		f(one.name, one.value)
		one.scalars(f)
	}
}
