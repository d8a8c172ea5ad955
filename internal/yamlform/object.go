package yamlform

import (
	"cmp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Key is one key as the reference lists it.
type Key struct {
	Path     string // such as issuers.*.jwks.uri: * is a name that the user chooses, [] any item of a list
	Doc      string // what it is for
	Expected string // what a valid value is, such as "a duration such as 30s"
	Default  string // as YAML; empty if there is none or it depends on other keys
	Required bool   // the mapping must have the key
}

// Object describes a mapping with known keys and where their values are stored.
type Object struct {
	Expected string // what a valid value is, for a value that is not a mapping
	Rows     []Row
	// Synonyms maps words that other programs use to keys of this object.
	Synonyms map[string]string
	// NestedNames is the key of a mapping whose keys are names that the user chooses.
	// A name that is not indented looks like a key of this object. It may be empty.
	NestedNames string
	// Preset returns values for keys that the mapping does not have. It is called after
	// the first Selectors rows are read, which select the preset. A value of the file
	// replaces that of the preset; of two mappings, key by key. It may be nil.
	Preset    func(d *Decoder, at Place) []Value
	Selectors int
	// Check checks rules that involve several keys. It is called after all keys of the
	// mapping are read. It may be nil.
	Check func(d *Decoder, at Place)
}

// Row is one key of an object.
type Row struct {
	Key
	Read   func(d *Decoder, at Place)
	Keys   func(path string) []Key // the keys inside the value; nil if it has none
	Schema func() Schema
	hint   string // set for a misplaced key, which has no Read
}

// Field declares a key. Its value is read by f and stored in into.
func Field[V any](name, doc string, f Codec[V], into *V) Row {
	return Row{
		Key: Key{Path: name, Doc: doc, Expected: f.Expected},
		Read: func(d *Decoder, at Place) {
			if v, ok := f.Read(d, at); ok {
				*into = v
			}
		},
		Keys:   f.Keys,
		Schema: f.JSONSchema,
	}
}

// Misplaced declares a key that users may expect here but that does not exist. Hint
// is reported after its path. The reference omits it.
func Misplaced(name, hint string) Row { return Row{Key: Key{Path: name}, hint: hint} }

// WithDefault sets the default, as YAML that a user could write.
func (r Row) WithDefault(fallback string) Row {
	r.Default = fallback
	return r
}

// MustBeSet makes the key required.
func (r Row) MustBeSet() Row {
	r.Required = true
	return r
}

// Defaults stores the defaults.
func (o Object) Defaults() {
	for _, k := range o.Rows {
		if k.Default == "" {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(k.Default), &doc); err != nil {
			continue // a test of each table decodes every default
		}
		k.Read(NewDecoder(File{}), Place{Path: k.Path, node: doc.Content[0]})
	}
}

// Read stores the defaults and decodes the mapping at p, in the order of o.Rows. It
// returns false if p is not a mapping. A key with a mistake keeps its default, and the
// remaining keys are decoded.
func (o Object) Read(d *Decoder, p Place) bool {
	o.Defaults()
	entries, ok := d.Entries(p, o.Expected)
	if !ok {
		return false
	}
	found := make([]Place, len(o.Rows))
	for _, entry := range o.reportUnindented(d, p, entries) {
		switch i := o.index(entry.Name()); {
		case i < 0:
			o.reportUnknown(d, p, entry)
		case o.Rows[i].hint != "":
			d.ReportPos(d.KeyPos(entry), "%s %s", d.places.pathInFile(entry.Path), o.Rows[i].hint)
		default:
			entry.required = o.Rows[i].Required
			found[i] = entry
		}
	}
	for i, k := range o.Rows {
		if i == o.Selectors && o.Preset != nil {
			o.fill(d, p, found, o.Preset(d, p))
		}
		switch {
		case found[i].node != nil:
			k.Read(d, found[i])
		case k.Required && !d.IsSet(p.Child(k.Path)):
			d.ReportPath(p.Child(k.Path), "is missing; expected %s", k.Expected)
		}
	}
	if o.Check != nil {
		o.Check(d, p)
	}
	return true
}

// index returns the index of the key with this name, or -1.
func (o Object) index(name string) int {
	return slices.IndexFunc(o.Rows, func(k Row) bool { return k.Path == name })
}

// knownKeys returns the names of the keys that exist.
func (o Object) knownKeys() []string {
	var known []string
	for _, k := range o.Rows {
		if k.hint == "" {
			known = append(known, k.Path)
		}
	}
	return known
}

// reportUnindented reports entries that the user meant to indent below
// o.NestedNames, and returns the other entries. That key has no value, and the
// reported entries directly follow it: mappings whose names are not keys of o.
func (o Object) reportUnindented(d *Decoder, p Place, entries []Place) []Place {
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
		d.ReportPos(d.KeyPos(one), "%s is not indented; indent it by two spaces to put it under %s", Quote(name), o.NestedNames)
	}
	if end == i+1 {
		return entries
	}
	return slices.Concat(entries[:i], entries[end:])
}

// reportUnknown reports a key that the object does not have. It suggests a similar
// key, or the path at which the key is valid.
func (o Object) reportUnknown(d *Decoder, p, entry Place) {
	name, known := entry.Name(), o.knownKeys()
	at := d.KeyPos(entry)
	hint := "expected one of " + strings.Join(known, ", ")
	before, _, colon := strings.Cut(name, ":")
	near := cmp.Or(o.Synonyms[name], Closest(name, known))
	switch homes := d.pathsOfKey(name); {
	case colon && slices.Contains(known, before):
		hint = "write a space after the colon"
		if path := p.Child(before); !d.IsSet(path) {
			d.places.positions[path] = at // the key is present, so it is not reported as missing too
		}
	case near != "":
		hint = "did you mean " + near + "?"
	case len(homes) > 0:
		hint = "it belongs at " + strings.Join(homes, " or ")
	case len(known) == 0:
		hint = "expected " + o.Expected
	}
	d.ReportPos(at, "unknown key %s in %s; %s", Quote(name), d.describeMapping(p), hint)
}

// Reference lists the keys of the object and the keys inside their values. Their
// paths begin with path.
func (o Object) Reference(path string) []Key {
	var all []Key
	for _, k := range o.Rows {
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
