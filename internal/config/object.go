package config

import (
	"cmp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Key is one key of the configuration as the reference lists it.
type Key struct {
	Path     string // issuers.*.jwks.uri: * is a name of the user's, [] any item of a list
	Doc      string // what it is for
	Form     string // what to write, such as "a duration such as 30s"
	Default  string // as YAML; empty when there is none or it depends on other keys
	Required bool   // whatever holds it has to have it
}

// Keys lists every key that a configuration may have, in the order in which
// they are documented.
func Keys() []Key { return fileObject().reference("") }

// object describes a mapping with known keys that is decoded into a T.
type object[T any] struct {
	says string // what to write, when something else stands there
	keys []key[T]
	// slips holds the words that other programs have for a key of this object.
	slips map[string]string
	// names is the key that holds names of the user's own, which stand beside
	// it when they are not indented; empty when there is none.
	names string
	// check holds the rules that span keys; nil when there is none. It runs
	// on a mapping only, after all its keys.
	check func(d *decoder, at place, t *T)
}

// key is one key of an object.
type key[T any] struct {
	Key
	mend  string // of a misplaced key, which has no read
	read  func(d *decoder, at place, t *T)
	below func(path string) []Key // the reference of what it holds
	shape func() schema
}

// field declares a key whose value has the form f and is stored where into
// points.
func field[T, V any](name, doc string, f form[V], into func(*T) *V) key[T] {
	return key[T]{
		Key: Key{Path: name, Doc: doc, Form: f.says},
		read: func(d *decoder, at place, t *T) {
			if v, ok := f.read(d, at); ok {
				*into(t) = v
			}
		},
		below: f.below,
		shape: f.outline,
	}
}

// misplaced declares a key that a user may well look for here and that has no
// place here: mend says why, and what to write instead. The reference leaves it
// out.
func misplaced[T any](name, mend string) key[T] {
	return key[T]{Key: Key{Path: name}, mend: mend}
}

// or gives the key a default, as YAML in the very form that a user would write.
func (k key[T]) or(fallback string) key[T] {
	k.Default = fallback
	return k
}

// must makes leaving the key out a mistake.
func (k key[T]) must() key[T] {
	k.Required = true
	return k
}

// defaults fills t as an empty mapping would.
func (o object[T]) defaults(t *T) {
	for _, k := range o.keys {
		if k.Default == "" {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(k.Default), &doc); err != nil {
			continue // TestDefaults reads every default back
		}
		k.read(newDecoder("", nil), place{path: k.Path, node: doc.Content[0]}, t)
	}
}

// read decodes the mapping at p over t's defaults. False means that p is no
// mapping; a key with a mistake keeps its default and reads as true, so that
// the rest can be looked at.
func (o object[T]) read(d *decoder, p place, t *T) bool {
	o.defaults(t)
	entries, ok := d.entries(p, o.says)
	if !ok {
		return false
	}
	for _, entry := range o.indented(d, p, entries) {
		i := o.index(entry.key.Value)
		switch {
		case i < 0:
			o.unknown(d, p, entry)
		case o.keys[i].mend != "":
			d.report(d.at(entry.key.Line, entry.key.Column), "%s %s", d.said(entry.path), o.keys[i].mend)
		default:
			o.keys[i].read(d, entry, t)
		}
	}
	for _, k := range o.keys {
		if k.Required && !d.stated(p.below(k.Path)) {
			d.wrong(p.below(k.Path), "is missing; write %s", k.Form)
		}
	}
	if o.check != nil {
		o.check(d, p, t)
	}
	return true
}

// index is where the table has the key of this name; -1 when it does not.
func (o object[T]) index(name string) int {
	return slices.IndexFunc(o.keys, func(k key[T]) bool { return k.Path == name })
}

// known lists the keys that may be written.
func (o object[T]) known() []string {
	var known []string
	for _, k := range o.keys {
		if k.mend == "" {
			known = append(known, k.Path)
		}
	}
	return known
}

// indented returns the entries without those that were meant to stand below
// o.names, and reports them: that key has no value, and they follow it with a
// mapping each under a name that is no key here.
func (o object[T]) indented(d *decoder, p place, entries []place) []place {
	i := slices.IndexFunc(entries, func(e place) bool { return e.key.Value == o.names })
	if i < 0 || p.node.Style&yaml.FlowStyle != 0 || !d.isNull(entries[i]) {
		return entries
	}
	end := i + 1
	for ; end < len(entries); end++ {
		one := entries[end]
		name := one.key.Value
		if one.node.Kind != yaml.MappingNode || o.index(name) >= 0 || Closest(name, o.known()) != "" {
			break
		}
		d.report(d.at(one.key.Line, one.key.Column), "indent %s by two spaces to put it under %s", shown(name), o.names)
	}
	if end == i+1 {
		return entries
	}
	return slices.Concat(entries[:i], entries[end:])
}

// unknown reports a key that the object does not have, with the one that was
// most likely meant, or else with where a key of that name belongs.
func (o object[T]) unknown(d *decoder, p, entry place) {
	name, known := entry.key.Value, o.known()
	at := d.at(entry.key.Line, entry.key.Column)
	mend := "the keys here are " + strings.Join(known, ", ")
	before, _, colon := strings.Cut(name, ":")
	near := cmp.Or(o.slips[name], Closest(name, known))
	switch homes := d.elsewhere(name); {
	case colon && slices.Contains(known, before):
		mend = "write a space after the colon"
		if path := p.below(before); !d.stated(path) {
			d.positions[path] = at // the key is there, so it is not reported as missing too
		}
	case near != "":
		mend = "did you mean " + near + "?"
	case len(homes) > 0:
		mend = "it belongs at " + strings.Join(homes, " or ")
	case len(known) == 0:
		mend = "write " + o.says
	}
	d.report(at, "the key %s is unknown in %s; %s", shown(name), d.where(p), mend)
}

// elsewhere lists the paths at which a key of this name exists.
func (d *decoder) elsewhere(name string) []string {
	if d.homes == nil {
		d.homes = map[string][]string{}
		for _, k := range Keys() {
			last := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
			d.homes[last] = append(d.homes[last], k.Path)
		}
	}
	return d.homes[name]
}

// reference lists the object's keys, and those below them, under path.
func (o object[T]) reference(path string) []Key {
	var all []Key
	for _, k := range o.keys {
		if k.mend != "" {
			continue
		}
		one := k.Key
		one.Path = strings.TrimPrefix(path+"."+k.Path, ".")
		all = append(all, one)
		if k.below != nil {
			all = append(all, k.below(one.Path)...)
		}
	}
	return all
}

// Closest returns the known word that a typing mistake most likely meant, or
// nothing.
func Closest(word string, known []string) string {
	best, least := "", len(word)/3+1
	for _, candidate := range known {
		if n := edits(strings.ToLower(word), strings.ToLower(candidate)); n <= least && n < len(candidate) {
			best, least = candidate, n-1
		}
	}
	return best
}

// edits is the Levenshtein distance of two short words.
func edits(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
