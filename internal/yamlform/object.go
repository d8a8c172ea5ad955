package yamlform

import (
	"cmp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Key is one key as the reference lists it.
type Key struct {
	Path     string // issuers.*.jwks.uri: * is a name of the user's, [] any item of a list
	Doc      string // what it is for
	Expected string // what to write, such as "a duration such as 30s"
	Default  string // as YAML; empty when there is none or it depends on other keys
	Required bool   // the mapping must have the key
}

// Object describes a mapping with known keys that is decoded into a T.
type Object[T any] struct {
	Expected string // what to write instead of a value that is not a mapping
	Fields   []FieldOf[T]
	// Synonyms maps words that other programs use to the key of this object.
	Synonyms map[string]string
	// Names is the key of a mapping whose keys are the user's own names: a name that
	// is not indented looks like a key of this object. Empty when there is none.
	NestedNames string
	// Check holds the rules that span keys; nil when there is none. It runs on a
	// mapping only, after all its keys are read.
	Check func(d *Decoder, at Place, t *T)
}

// FieldOf is one key of an object that is decoded into a T.
type FieldOf[T any] struct {
	Key
	Read   func(d *Decoder, at Place, t *T)
	Keys   func(path string) []Key // the reference of what the value holds; nil when it holds no keys
	Schema func() Schema
	hint   string // of a misplaced key, which has no Read
}

// Field declares a key whose value f reads and that is stored where into points.
func Field[T, V any](name, doc string, f Codec[V], into func(*T) *V) FieldOf[T] {
	return FieldOf[T]{
		Key: Key{Path: name, Doc: doc, Expected: f.Expected},
		Read: func(d *Decoder, at Place, t *T) {
			if v, ok := f.Read(d, at); ok {
				*into(t) = v
			}
		},
		Keys:   f.Keys,
		Schema: f.JSONSchema,
	}
}

// Misplaced declares a key that users may look for here and that does not exist:
// hint says why, and what to write instead. The reference leaves it out.
func Misplaced[T any](name, hint string) FieldOf[T] {
	return FieldOf[T]{Key: Key{Path: name}, hint: hint}
}

// Or gives the key a default, as YAML in the very form that a user would write.
func (k FieldOf[T]) WithDefault(fallback string) FieldOf[T] {
	k.Default = fallback
	return k
}

// Must makes leaving the key out a mistake.
func (k FieldOf[T]) MustBeSet() FieldOf[T] {
	k.Required = true
	return k
}

// Defaults fills t as an empty mapping would.
func (o Object[T]) Defaults(t *T) {
	for _, k := range o.Fields {
		if k.Default == "" {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(k.Default), &doc); err != nil {
			continue // a test of the table reads every default back
		}
		k.Read(NewDecoder(File{}), Place{Path: k.Path, node: doc.Content[0]}, t)
	}
}

// Read decodes the mapping at p over t's defaults, in the order of o.Fields.
// False means that p is not a mapping; a key with a mistake keeps its default
// and reads as true, so that the rest can be checked.
func (o Object[T]) Read(d *Decoder, p Place, t *T) bool {
	o.Defaults(t)
	entries, ok := d.Entries(p, o.Expected)
	if !ok {
		return false
	}
	found := make([]Place, len(o.Fields))
	for _, entry := range o.reportUnindented(d, p, entries) {
		switch i := o.index(entry.Name()); {
		case i < 0:
			o.reportUnknown(d, p, entry)
		case o.Fields[i].hint != "":
			d.ReportPos(d.KeyPos(entry), "%s %s", d.pathInFile(entry.Path), o.Fields[i].hint)
		default:
			entry.required = o.Fields[i].Required
			found[i] = entry
		}
	}
	for i, k := range o.Fields {
		switch {
		case found[i].node != nil:
			k.Read(d, found[i], t)
		case k.Required && !d.IsSet(p.Child(k.Path)):
			d.ReportPath(p.Child(k.Path), "is missing; write %s", k.Expected)
		}
	}
	if o.Check != nil {
		o.Check(d, p, t)
	}
	return true
}

// Has reports whether the object has a key of this name.
func (o Object[T]) Has(name string) bool { return o.index(name) >= 0 }

// index is where the table has the key of this name; -1 when it does not.
func (o Object[T]) index(name string) int {
	return slices.IndexFunc(o.Fields, func(k FieldOf[T]) bool { return k.Path == name })
}

// known lists the keys that may be written.
func (o Object[T]) knownKeys() []string {
	var known []string
	for _, k := range o.Fields {
		if k.hint == "" {
			known = append(known, k.Path)
		}
	}
	return known
}

// indented returns the entries without those that were meant to stand below
// o.Names, and reports them: that key has no value, and they follow it with a
// mapping each under a name that is no key here.
func (o Object[T]) reportUnindented(d *Decoder, p Place, entries []Place) []Place {
	i := slices.IndexFunc(entries, func(e Place) bool { return e.Name() == o.NestedNames })
	if i < 0 || p.node.Style&yaml.FlowStyle != 0 || !d.IsNull(entries[i]) {
		return entries
	}
	end := i + 1
	for ; end < len(entries); end++ {
		one := entries[end]
		name := one.Name()
		if one.node.Kind != yaml.MappingNode || o.index(name) >= 0 || Closest(name, o.knownKeys()) != "" {
			break
		}
		d.ReportPos(d.KeyPos(one), "indent %s by two spaces to put it under %s", Quote(name), o.NestedNames)
	}
	if end == i+1 {
		return entries
	}
	return slices.Concat(entries[:i], entries[end:])
}

// unknown reports a key that the object does not have, with the one that was
// most likely meant, or else with where a key of that name belongs.
func (o Object[T]) reportUnknown(d *Decoder, p, entry Place) {
	name, known := entry.Name(), o.knownKeys()
	at := d.KeyPos(entry)
	hint := "the keys here are " + strings.Join(known, ", ")
	before, _, colon := strings.Cut(name, ":")
	near := cmp.Or(o.Synonyms[name], Closest(name, known))
	switch homes := d.pathsOfKey(name); {
	case colon && slices.Contains(known, before):
		hint = "write a space after the colon"
		if path := p.Child(before); !d.IsSet(path) {
			d.places.positions[path] = at // the key is there, so it is not reported as missing too
		}
	case near != "":
		hint = "did you mean " + near + "?"
	case len(homes) > 0:
		hint = "it belongs at " + strings.Join(homes, " or ")
	case len(known) == 0:
		hint = "write " + o.Expected
	}
	d.ReportPos(at, "the key %s is unknown in %s; %s", Quote(name), d.describeMapping(p), hint)
}

// Reference lists the object's keys, and those below them, under path.
func (o Object[T]) Reference(path string) []Key {
	var all []Key
	for _, k := range o.Fields {
		if k.hint != "" {
			continue
		}
		one := k.Key
		one.Path = strings.TrimPrefix(path+"."+k.Path, ".")
		all = append(all, one)
		if k.Keys != nil {
			all = append(all, k.Keys(one.Path)...)
		}
	}
	return all
}
