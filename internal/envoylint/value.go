package envoylint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

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
	// expression is what a scalar is as a regular expression, once it was asked for.
	expression *regexp.Regexp
}

// field is one entry of a mapping.
type field struct {
	name string
	*value
}

// get returns the value that names lead to. Envoy takes the names of protobuf
// fields in snake case and in camel case; names here are in snake case.
func (v *value) get(names ...string) *value {
	for _, name := range names {
		v = v.field(name)
	}
	return v
}

func (v *value) field(name string) *value {
	camel := camelCase(name)
	for _, f := range slices.Backward(v.fields) { // Envoy keeps the last of a repeated key
		if f.name == name || f.name == camel {
			return f.value
		}
	}
	return v.absent(name)
}

// absent is a field that is not there.
func (v *value) absent(name string) *value { return &value{in: v, step: step(name), at: v.at} }

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
	return v.kind != missing && (v.kind != scalar || v.quoted || v.text != "" && v.text != "null" && v.text != "~")
}

// is reports whether the value is a field that says true, in a word that
// Envoy's YAML reader takes for it.
func (v *value) is() bool {
	switch strings.ToLower(v.text) {
	case "true":
		return true
	case "yes", "on", "y":
		return !v.quoted
	}
	return false
}

// either reports whether the value is one of an enumeration's names or, as Envoy
// takes it too, its number. What is absent is the enumeration's zero.
func (v *value) either(names ...string) bool {
	text := v.text
	if !v.there() {
		text = "0"
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
