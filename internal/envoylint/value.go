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

// kind is what a value is.
type kind int

const (
	missing kind = iota // not in the file; it stands where its parent does
	scalar
	list
	mapping
)

// String names a kind for a message.
func (k kind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a mapping"}[k]
}

// value is one value of the file, with its path and its place. It is never nil:
// what is not there is a missing value, so that reading is one expression and a
// finding about an absent field has a place all the same.
type value struct {
	kind   kind
	in     *value // what it stands in; nil for the whole file
	step   string // from there: .name or [0]
	at     config.Pos
	text   string // of a scalar
	quoted bool
	items  []*value
	fields []field // in file order
	// message is the type of a mapping, once the value has been typed; nil where
	// the linter does not know it. field is the field that the value is one of.
	message protoreflect.MessageDescriptor
	field   protoreflect.FieldDescriptor
	// expression is what a scalar is as a regular expression, once it was asked for.
	expression *regexp.Regexp
}

// field is one entry of a mapping.
type field struct {
	name string
	*value
}

// misread is called for a field that a rule reads and its message does not have;
// the tests fail for it.
var misread = func(protoreflect.MessageDescriptor, string) {}

// get returns the value that names lead to, in snake case. Of a mapping without
// a type, which may have its names in camel case too, it takes both.
func (v *value) get(names ...string) *value {
	for _, name := range names {
		v = v.one(name)
	}
	return v
}

func (v *value) one(name string) *value {
	camel := name
	if v.message == nil {
		camel = camelCase(name)
	}
	for _, f := range slices.Backward(v.fields) { // Envoy keeps the last of a repeated key
		if f.name == name || f.name == camel {
			return f.value
		}
	}
	return v.absent(name)
}

// has reports whether one of the fields is there, of which the value's message
// need not have all.
func (v *value) has(names ...string) bool {
	return slices.ContainsFunc(v.fields, func(f field) bool { return f.there() && slices.Contains(names, f.name) })
}

// absent is a field that is not there. It has the type that it would have.
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

// wrap makes a lone value, which stands where Envoy expects a list, a list of it.
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

// walk calls f with the value and with what is below it, where f says so.
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

// messages returns the messages of a type that are the value or below it; what is
// inside one of them is not looked at.
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

// path leads to the value: static_resources.listeners[0].name. It is empty for
// the whole file.
func (v *value) path() string {
	var steps []string
	for at := v; at != nil; at = at.in {
		steps = append(steps, at.step)
	}
	slices.Reverse(steps)
	return strings.TrimPrefix(strings.Join(steps, ""), ".")
}

// camelCase is a field's name in protobuf's JSON form.
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

// step is the part of a path that a key is.
func step(key string) string {
	plain := key != "" && !strings.ContainsFunc(key, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
	if plain {
		return "." + key
	}
	return fmt.Sprintf("[%q]", key)
}

// there reports whether the value is in the file. Null is the same to Envoy as
// a field that is absent.
func (v *value) there() bool {
	return v.kind != missing && (v.kind != scalar || v.quoted || !slices.Contains([]string{"", "~", "null", "Null", "NULL"}, v.text))
}

// is reports whether the value is a field that says true.
func (v *value) is() bool { return v.text == "true" }

// either reports whether the value is one of an enumeration's names. What is
// absent is the enumeration's zero.
func (v *value) either(names ...string) bool {
	text := v.text
	if !v.there() && v.field != nil && v.field.Enum() != nil {
		text = string(v.field.Enum().Values().ByNumber(0).Name())
	}
	return slices.Contains(names, text)
}

// number reads a number; what is absent or no number is the fallback.
func (v *value) number(fallback float64) float64 {
	if n, err := strconv.ParseFloat(v.text, 64); err == nil {
		return n
	}
	return fallback
}

// duration reads a time as protobuf's JSON has it (seconds, with an s behind);
// what is absent or no time is the fallback.
func (v *value) duration(fallback time.Duration) time.Duration {
	seconds, ok := strings.CutSuffix(v.text, "s")
	if n, err := strconv.ParseFloat(seconds, 64); ok && err == nil {
		return time.Duration(n * float64(time.Second))
	}
	return fallback
}

// typed returns the full name of the message in a typed_config, and the message.
// A TypedStruct is what it stands for.
func (v *value) typed() (string, *value) {
	name := typeName(v.get("@type").text)
	if strings.HasSuffix(name, ".TypedStruct") {
		return typeName(v.get("type_url").text), v.get("value")
	}
	return name, v
}

// typeName is the name of a message behind the slash of its type URL.
func typeName(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// short is the last part of a message's full name.
func short(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// scalars calls f with every scalar below the value, itself included, and every
// name of a field.
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
