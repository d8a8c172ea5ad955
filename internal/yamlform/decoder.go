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
	Kind     string // what kind of file it is, such as "the config"
	TopKeys  string // what it must hold, such as "issuers and routes"
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
	file     File
	root     string   // what the paths of its values begin with; empty unless the file is included
	lines    []string // of the file, without line ends
	end      Pos      // where the file ends; the zero Pos when there is none
	keyPaths map[string][]string
	*results
}

// record is what is known of a file and of those that it includes.
type results struct {
	mistakes, warnings Mistakes
	places             *Places
}

// NewDecoder returns a Decoder for one file.
func NewDecoder(file File) *Decoder {
	return &Decoder{file: file, results: &results{places: NewPlaces(file.Name)}}
}

// Include returns a Decoder for a file that is included by d's. Its mistakes,
// warnings and places join those of d; the paths of its values begin with its
// [Decoder.Root], which is made of label.
func (d *Decoder) Include(name, label, keys string) *Decoder {
	in := &Decoder{file: d.file, root: label + fileMark, results: d.results}
	in.file.Name, in.file.TopKeys = name, keys
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
func (d *Decoder) position(line, column int) Pos {
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
	if p.key != nil && !p.isWritten() {
		n = p.key
	}
	return d.position(n.Line, n.Column)
}

// KeyPos is where the key of p is.
func (d *Decoder) KeyPos(p Place) Pos { return d.position(p.key.Line, p.key.Column) }

// Report adds a mistake.
func (d *Decoder) ReportPos(at Pos, format string, args ...any) {
	d.mistakes = append(d.mistakes, Mistake{Pos: at, Text: fmt.Sprintf(format, args...)})
}

// Said is a path as a mistake has it: its Pos names the file already.
func (d *Decoder) pathInFile(path string) string { return d.places.pathInFile(path) }

// Fault reports what is wrong with the value at p; its path begins the text.
func (d *Decoder) Report(p Place, format string, args ...any) {
	d.ReportPos(d.Pos(p), "%s", d.pathInFile(p.Path)+" "+fmt.Sprintf(format, args...))
}

// FaultAt is Fault for a value known by its path alone, for the rules that span
// several keys. A path that the file does not have is reported at its parent.
func (d *Decoder) ReportPath(path, format string, args ...any) {
	d.ReportPos(d.places.At(path), "%s", d.pathInFile(path)+" "+fmt.Sprintf(format, args...))
}

// Warn adds a warning about the value at path.
func (d *Decoder) Warn(path, format string, args ...any) {
	d.warnings = append(d.warnings, Mistake{Pos: d.places.At(path), Text: d.pathInFile(path) + " " + fmt.Sprintf(format, args...)})
}

// Faults counts the mistakes so far.
func (d *Decoder) MistakeCount() int { return len(d.mistakes) }

// Stated reports whether the file has a value at path, valid or not.
func (d *Decoder) IsSet(path string) bool {
	_, ok := d.places.positions[path]
	return ok
}

// Entries returns the values of the mapping at p by their keys, in file order,
// and records their places. A repeated key keeps its first value. False means
// that p is not a mapping.
func (d *Decoder) Entries(p Place, expected string) ([]Place, bool) {
	if !p.IsMapping() {
		d.ReportKind(p, expected)
		return nil, false
	}
	found := make([]Place, 0, len(p.node.Content)/2)
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		key, node := p.node.Content[i], p.node.Content[i+1]
		at := d.position(key.Line, key.Column)
		switch first := seen[key.Value]; {
		case key.Kind == yaml.AliasNode: // surveyed
			continue
		case key.Kind != yaml.ScalarNode || key.Value == "":
			d.ReportPos(at, "a key in %s is %s; write a plain word", d.describeMapping(p), kindName(key))
			continue
		case key.Tag == "!!merge":
			d.ReportPos(at, "the merge key << in %s is not taken; write the keys out", d.describeMapping(p))
			continue
		case d.file.Getenv != nil && strings.Contains(key.Value, "${"):
			d.ReportPos(at, "the key %s in %s is not expanded; write the key itself, variables stand in values only", Quote(key.Value), d.describeMapping(p))
			continue
		case first != nil:
			d.ReportPos(at, "the key %s in %s stands at %d:%d already; keep one of them", Quote(key.Value), d.describeMapping(p), first.Line, first.Column)
			continue
		}
		seen[key.Value] = key
		value := Place{Path: p.Child(key.Value), key: key, node: node}
		d.places.positions[value.Path] = d.Pos(value)
		found = append(found, value)
	}
	return found, true
}

// Items returns the values of the list at p and records their places. False
// means that p is not a list.
func (d *Decoder) Items(p Place, expected string) ([]Place, bool) {
	if !p.IsList() {
		d.ReportKind(p, expected)
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
func (d *Decoder) ReportKind(p Place, expected string) {
	switch {
	case p.node.Kind == yaml.AliasNode:
	case d.IsNull(p):
		d.reportNull(p, expected)
	default:
		d.Report(p, "is %s; write %s", kindName(p.node), expected)
	}
}

// null reports a value that is null.
func (d *Decoder) reportNull(p Place, expected string) {
	instead := ", or leave the key out"
	switch {
	case p.required:
		instead = ""
	case p.key == nil:
		instead = ", or remove the item"
	}
	d.Report(p, "has no value; write %s%s", expected, instead)
}

// where names the mapping at p in a mistake about its keys.
func (d *Decoder) describeMapping(p Place) string {
	if p.Path == d.root {
		return "the file"
	}
	return d.pathInFile(p.Path)
}

// elsewhere lists the paths at which a key of this name exists.
func (d *Decoder) pathsOfKey(name string) []string {
	if d.keyPaths == nil && d.file.Reference != nil {
		d.keyPaths = map[string][]string{}
		for _, k := range d.file.Reference() {
			last := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
			d.keyPaths[last] = append(d.keyPaths[last], k.Path)
		}
	}
	return d.keyPaths[name]
}

// Beside takes a path in the file as relative to the file's own directory, so
// that a file means the same wherever the program was started.
func (d *Decoder) Resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.Dir(), path)
}

// Dir is the directory of the file.
func (d *Decoder) Dir() string { return filepath.Dir(d.file.Name) }
