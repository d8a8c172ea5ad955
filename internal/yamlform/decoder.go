package yamlform

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// File describes the file that a [Decoder] reads.
type File struct {
	Name     string // used in mistakes; relative paths in the file start at its directory
	Kind     string // what kind of file it is, such as "the config"
	TopKeys  string // the main keys, such as "issuers and routes"
	MaxBytes int    // a larger file is a mistake
	// Getenv returns the value of a variable. If it is nil, no variable is expanded.
	Getenv func(string) (string, bool)
	// Reference lists all keys. It is used to suggest the right path of a misplaced
	// key; it may be nil.
	Reference func() []Key
	// Sharing is a further suggestion for a file that uses an alias or an anchor; it
	// may be empty.
	Sharing string
}

// Decoder reads one file. It collects mistakes instead of stopping at the first.
type Decoder struct {
	file     File
	root     string   // prefix of the paths of the file's values; empty unless the file is included
	lines    []string // of the file, without line endings
	end      Pos      // the end of the file; the zero Pos if unknown
	keyPaths map[string][]string
	*results
}

// results is what a Decoder and the Decoders of included files have in common.
type results struct {
	mistakes, warnings Mistakes
	places             *Places
}

// NewDecoder returns a Decoder for one file.
func NewDecoder(file File) *Decoder {
	return &Decoder{file: file, results: &results{places: NewPlaces(file.Name)}}
}

// Include returns a Decoder for a file that d's file includes. Its mistakes,
// warnings and places are added to those of d. The paths of its values begin with
// [Decoder.Root], which is made from label.
func (d *Decoder) Include(name, label, keys string) *Decoder {
	in := &Decoder{file: d.file, root: label + fileMark, results: d.results}
	in.file.Name, in.file.TopKeys = name, keys
	d.places.roots = append(d.places.roots, in.root)
	return in
}

// Root returns the prefix of the paths of the file's values. It is empty unless the
// file is included.
func (d *Decoder) Root() string { return d.root }

// Mistakes returns the mistakes found so far, in file order.
func (d *Decoder) Mistakes() Mistakes { return d.mistakes.Sorted() }

// Warnings returns the warnings found so far, in file order.
func (d *Decoder) Warnings() Mistakes { return d.warnings.Sorted() }

// Places returns the positions of the file's values.
func (d *Decoder) Places() *Places { return d.places }

// position returns a position in the file. The YAML reader reports something missing
// at the end of a file on the line after the last one, which editors do not have.
func (d *Decoder) position(line, column int) Pos {
	if d.end.Line > 0 && line > d.end.Line {
		return d.end
	}
	return Pos{File: d.file.Name, Line: line, Column: column}
}

// Pos returns the position at which a user looks for p: that of a scalar, or else
// that of its key, because a list or a mapping may begin some lines below its key
// and an absent value has no position.
func (d *Decoder) Pos(p Place) Pos {
	n := p.node
	if p.key != nil && !p.isWritten() {
		n = p.key
	}
	return d.position(n.Line, n.Column)
}

// KeyPos returns the position of the key of p.
func (d *Decoder) KeyPos(p Place) Pos { return d.position(p.key.Line, p.key.Column) }

// ReportPos reports a mistake at a position.
func (d *Decoder) ReportPos(at Pos, format string, args ...any) {
	d.mistakes = append(d.mistakes, Mistake{Pos: at, Text: fmt.Sprintf(format, args...)})
}

// Report reports a mistake in the value at p. The text begins with the path of p.
func (d *Decoder) Report(p Place, format string, args ...any) {
	d.ReportPos(d.Pos(p), "%s", d.places.pathInFile(p.Path)+" "+fmt.Sprintf(format, args...))
}

// ReportPath is like [Decoder.Report], for a value of which only the path is known.
// If the file has no such value, the mistake is reported at its nearest parent.
func (d *Decoder) ReportPath(path, format string, args ...any) {
	d.ReportPos(d.places.At(path), "%s", d.places.pathInFile(path)+" "+fmt.Sprintf(format, args...))
}

// Warn adds a warning about the value at path.
func (d *Decoder) Warn(path, format string, args ...any) {
	one := Mistake{Pos: d.places.At(path), Text: d.places.pathInFile(path) + " " + fmt.Sprintf(format, args...)}
	if !slices.Contains(d.warnings, one) { // a value may be read twice
		d.warnings = append(d.warnings, one)
	}
}

// MistakeCount returns the number of mistakes found so far.
func (d *Decoder) MistakeCount() int { return len(d.mistakes) }

// IsSet reports whether the file has a value at path, valid or not.
func (d *Decoder) IsSet(path string) bool {
	_, ok := d.places.positions[path]
	return ok
}

// Entries returns the values of the mapping at p in file order and records their
// positions. Of a repeated key, only the first value is returned. It returns false
// if p is not a mapping.
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
		case key.Kind == yaml.AliasNode: // checkFeatures has reported it
			continue
		case key.Kind != yaml.ScalarNode || key.Value == "":
			d.ReportPos(at, "a key in %s is %s; expected a plain word", d.describeMapping(p), kindName(key))
			continue
		case key.Tag == "!!merge":
			d.ReportPos(at, "YAML merge keys (<<) are not supported: got one in %s; write the keys explicitly", d.describeMapping(p))
			continue
		case d.file.Getenv != nil && strings.Contains(key.Value, "${"):
			d.ReportPos(at, "variables are not supported in keys: got %s in %s; write the key itself", Quote(key.Value), d.describeMapping(p))
			continue
		case first != nil:
			d.ReportPos(at, "the key %s is repeated in %s; it first appears at %d:%d; keep one of them", Quote(key.Value), d.describeMapping(p),
				first.Line, first.Column)
			continue
		}
		seen[key.Value] = key
		value := Place{Path: p.Child(key.Value), key: key, node: node}
		d.places.positions[value.Path] = d.Pos(value)
		found = append(found, value)
	}
	return found, true
}

// Items returns the values of the list at p and records their positions. It returns
// false if p is not a list.
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

// ReportKind reports a value of the wrong kind. It ignores an alias, which was
// reported before.
func (d *Decoder) ReportKind(p Place, expected string) {
	switch {
	case p.node.Kind == yaml.AliasNode:
	case d.IsNull(p):
		d.reportNull(p, expected)
	default:
		d.Report(p, "is %s; expected %s", kindName(p.node), expected)
	}
}

// reportNull reports a value that is null.
func (d *Decoder) reportNull(p Place, expected string) {
	switch {
	case p.required:
		d.Report(p, "has no value; expected %s", expected)
	case p.key == nil:
		d.Report(p, "has no value; set it to %s, or remove the item", expected)
	default:
		d.Report(p, "has no value; set it to %s, or remove the key", expected)
	}
}

// describeMapping names the mapping at p for a mistake about its keys.
func (d *Decoder) describeMapping(p Place) string {
	if p.Path == d.root {
		return "the file"
	}
	return d.places.pathInFile(p.Path)
}

// pathsOfKey returns the paths at which a key with this name is valid.
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

// Resolve resolves a path relative to the directory of the file, so that a file has
// the same meaning in every working directory.
func (d *Decoder) Resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.Dir(), path)
}

// Dir returns the directory of the file.
func (d *Decoder) Dir() string { return filepath.Dir(d.file.Name) }
