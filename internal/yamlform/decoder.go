package yamlform

import (
	"fmt"
	"path/filepath"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// File is a file that a [Decoder] reads.
type File struct {
	Name     string // in mistakes; relative paths in the file start at its directory
	Noun     string // what kind of file it is, such as "the config"
	Keys     string // what it must hold, such as "issuers and routes"
	MaxBytes int    // a larger file is a mistake
	// Getenv returns the values of variables. Nil: values are taken as written.
	Getenv func(string) (string, bool)
	// Reference lists all keys, to say where a misplaced key belongs; it may be nil.
	Reference func() []Key
	// Sharing is what else to do, beside writing the value out, where an alias or an
	// anchor is; it may be empty.
	Sharing string
}

// Decoder reads one file. It collects mistakes instead of stopping at the first.
type Decoder struct {
	file  File
	root  string   // what the paths of its values begin with; empty unless the file is included
	lines []string // of the file, without line ends
	end   Pos      // where the file ends; the zero Pos when there is none
	homes map[string][]string
	*record
}

// record is what is known of a file and of those that it includes.
type record struct {
	mistakes, warnings Mistakes
	places             *Places
}

// NewDecoder returns a Decoder for one file.
func NewDecoder(file File) *Decoder {
	return &Decoder{file: file, record: &record{places: NewPlaces(file.Name)}}
}

// Include returns a Decoder for a file that is included by d's. Its mistakes,
// warnings and places join those of d; the paths of its values begin with its
// [Decoder.Root], which is made of label.
func (d *Decoder) Include(name, label, keys string) *Decoder {
	in := &Decoder{file: d.file, root: label + fileMark, record: d.record}
	in.file.Name, in.file.Keys = name, keys
	d.places.roots = append(d.places.roots, in.root)
	return in
}

// Root is what the paths of the file's values begin with; empty unless the file
// is included.
func (d *Decoder) Root() string { return d.root }

// Mistakes returns what is wrong so far, in the order of the file.
func (d *Decoder) Mistakes() Mistakes { return d.mistakes.Sorted() }

// Warnings returns what deserves attention but is not a mistake, in the order of
// the file.
func (d *Decoder) Warnings() Mistakes { return d.warnings.Sorted() }

// Places returns where the values of the file are.
func (d *Decoder) Places() *Places { return d.places }

// at is a place in the file. The YAML reader puts what is missing at the end of
// a file on the line after the last one, which no editor can go to.
func (d *Decoder) at(line, column int) Pos {
	if d.end.Line > 0 && line > d.end.Line {
		return d.end
	}
	return Pos{File: d.file.Name, Line: line, Column: column}
}

// Pos is where a reader looks for p: the value itself where it is a written
// scalar, else its key, since a list or mapping may begin lines below its key
// and an absent value begins nowhere.
func (d *Decoder) Pos(p Place) Pos {
	n := p.node
	if p.key != nil && !p.written() {
		n = p.key
	}
	return d.at(n.Line, n.Column)
}

// KeyPos is where the key of p is.
func (d *Decoder) KeyPos(p Place) Pos { return d.at(p.key.Line, p.key.Column) }

// Report adds a mistake.
func (d *Decoder) Report(at Pos, format string, args ...any) {
	d.mistakes = append(d.mistakes, Mistake{Pos: at, Text: fmt.Sprintf(format, args...)})
}

// Said is a path as a mistake has it: its Pos names the file already.
func (d *Decoder) Said(path string) string { return d.places.inFile(path) }

// Fault reports what is wrong with the value at p; its path begins the text.
func (d *Decoder) Fault(p Place, format string, args ...any) {
	d.Report(d.Pos(p), "%s", d.Said(p.Path)+" "+fmt.Sprintf(format, args...))
}

// FaultAt is Fault for a value known by its path alone, for the rules that span
// several keys. A path that the file does not have is reported at its parent.
func (d *Decoder) FaultAt(path, format string, args ...any) {
	d.Report(d.places.At(path), "%s", d.Said(path)+" "+fmt.Sprintf(format, args...))
}

// Warn adds a warning about the value at path.
func (d *Decoder) Warn(path, format string, args ...any) {
	d.warnings = append(d.warnings, Mistake{Pos: d.places.At(path), Text: d.Said(path) + " " + fmt.Sprintf(format, args...)})
}

// Faults counts the mistakes so far.
func (d *Decoder) Faults() int { return len(d.mistakes) }

// Stated reports whether the file has a value at path, valid or not.
func (d *Decoder) Stated(path string) bool {
	_, ok := d.places.positions[path]
	return ok
}

// Entries returns the values of the mapping at p by their keys, in file order,
// and records their places. A repeated key keeps its first value. False means
// that p is not a mapping.
func (d *Decoder) Entries(p Place, form string) ([]Place, bool) {
	if !p.IsMapping() {
		d.Unfit(p, form)
		return nil, false
	}
	found := make([]Place, 0, len(p.node.Content)/2)
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		key, node := p.node.Content[i], p.node.Content[i+1]
		at := d.at(key.Line, key.Column)
		switch first := seen[key.Value]; {
		case key.Kind == yaml.AliasNode: // surveyed
			continue
		case key.Kind != yaml.ScalarNode || key.Value == "":
			d.Report(at, "a key in %s is %s; write a plain word", d.where(p), kindName(key))
			continue
		case key.Tag == "!!merge":
			d.Report(at, "the merge key << in %s is not taken; write the keys out", d.where(p))
			continue
		case d.file.Getenv != nil && strings.Contains(key.Value, "${"):
			d.Report(at, "the key %s in %s is not expanded; write the key itself, variables stand in values only", Quote(key.Value), d.where(p))
			continue
		case first != nil:
			d.Report(at, "the key %s in %s stands at %d:%d already; keep one of them", Quote(key.Value), d.where(p), first.Line, first.Column)
			continue
		}
		seen[key.Value] = key
		value := Place{Path: p.Below(key.Value), key: key, node: node}
		d.places.positions[value.Path] = d.Pos(value)
		found = append(found, value)
	}
	return found, true
}

// Items returns the values of the list at p and records their places. False
// means that p is not a list.
func (d *Decoder) Items(p Place, form string) ([]Place, bool) {
	if !p.IsList() {
		d.Unfit(p, form)
		return nil, false
	}
	found := make([]Place, 0, len(p.node.Content))
	for i, node := range p.node.Content {
		value := Place{Path: fmt.Sprintf("%s[%d]", p.Path, i), node: node}
		d.places.positions[value.Path] = d.Pos(value)
		found = append(found, value)
	}
	return found, true
}

// Unfit reports a value of the wrong kind; form is what to write. An alias was
// reported already.
func (d *Decoder) Unfit(p Place, form string) {
	switch {
	case p.node.Kind == yaml.AliasNode:
	case d.IsNull(p):
		d.null(p, form)
	default:
		d.Fault(p, "is %s; write %s", kindName(p.node), form)
	}
}

// null reports a value that is null.
func (d *Decoder) null(p Place, form string) {
	instead := ", or leave the key out"
	switch {
	case p.required:
		instead = ""
	case p.key == nil:
		instead = ", or remove the item"
	}
	d.Fault(p, "has no value; write %s%s", form, instead)
}

// where names the mapping at p in a mistake about its keys.
func (d *Decoder) where(p Place) string {
	if p.Path == d.root {
		return "the file"
	}
	return d.Said(p.Path)
}

// elsewhere lists the paths at which a key of this name exists.
func (d *Decoder) elsewhere(name string) []string {
	if d.homes == nil && d.file.Reference != nil {
		d.homes = map[string][]string{}
		for _, k := range d.file.Reference() {
			last := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
			d.homes[last] = append(d.homes[last], k.Path)
		}
	}
	return d.homes[name]
}

// Beside takes a path in the file as relative to the file's own directory, so
// that a file means the same wherever the program was started.
func (d *Decoder) Beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.Dir(), path)
}

// Dir is the directory of the file.
func (d *Decoder) Dir() string { return filepath.Dir(d.file.Name) }
