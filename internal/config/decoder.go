package config

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// decoder reads one file. It collects mistakes instead of stopping at the first.
type decoder struct {
	source    string
	keys      string   // what the file must hold
	root      string   // what the paths of its values begin with; empty for the config itself
	roots     []string // those of every file whose values it knows, if they are not empty
	lines     []string // of the file, without line ends
	end       Pos      // where the file ends; the zero Pos when there is none
	getenv    func(string) (string, bool)
	sum       hash.Hash // over every file read
	reads     reads     // the included files
	mistakes  Mistakes
	warnings  []Mistake
	issuers   []string              // the names of all that the file has, faulty or not
	keyless   map[string]bool       // paths of issuers of whose keys a mistake tells
	positions map[string]Pos        // path of a value that the file has -> its place
	texts     map[string]scalarText // path of a value that mistakes can be inside of
	homes     map[string][]string   // name of a key -> the paths where it exists; made when first asked for
}

// fileMark stands between the name of an included file and the path of a value
// in it.
const fileMark = ": "

func newDecoder(source string, getenv func(string) (string, bool)) *decoder {
	return &decoder{
		source: source, keys: "issuers and routes", getenv: orNone(getenv), sum: sha256.New(), reads: reads{},
		keyless: map[string]bool{}, positions: map[string]Pos{}, texts: map[string]scalarText{},
	}
}

// orNone lets a nil getenv know no variable.
func orNone(getenv func(string) (string, bool)) func(string) (string, bool) {
	if getenv == nil {
		return func(string) (string, bool) { return "", false }
	}
	return getenv
}

// place is one value in the file.
type place struct {
	path string     // routes[2].match; the root of the file for the whole of it
	key  *yaml.Node // what it stands under; nil for an item of a list
	node *yaml.Node
}

// below is the path of the value that key names inside p. A key that is no
// plain word is quoted, so that no two values share a path.
func (p place) below(key string) string {
	switch {
	case p.path == "" || strings.HasSuffix(p.path, fileMark):
		return p.path + key
	case plainKey(key):
		return p.path + "." + key
	default:
		return fmt.Sprintf("%s[%q]", p.path, key)
	}
}

func plainKey(key string) bool { return key != "" && madeOf(key, "-_") }

// madeOf tells whether text is made of ASCII letters, digits and the bytes of
// others.
func madeOf(text, others string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r >= 0x80 || !letterOrDigit(byte(r)) && !strings.ContainsRune(others, r)
	})
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// at is a place in the file. The YAML reader puts what is missing at the end of
// a file on the line behind the last one, which no editor can go to.
func (d *decoder) at(line, column int) Pos {
	if d.end.Line > 0 && line > d.end.Line {
		return d.end
	}
	return Pos{File: d.source, Line: line, Column: column}
}

// pos is where a reader looks for p: the value itself where it is a written
// scalar, else the key it stands under, since a list or mapping may begin lines
// below its key and an absent value begins nowhere.
func (d *decoder) pos(p place) Pos {
	n := p.node
	written := n.Kind == yaml.ScalarNode && (n.Value != "" || n.Style != 0)
	if p.key != nil && !written {
		n = p.key
	}
	return d.at(n.Line, n.Column)
}

func (d *decoder) report(at Pos, format string, args ...any) {
	d.mistakes = append(d.mistakes, Mistake{Pos: at, Text: fmt.Sprintf(format, args...)})
}

// said is a path as a mistake has it, whose place names the file already.
func (d *decoder) said(path string) string { return inFile(d.roots, path) }

// inFile is a path without what it begins with in an included file.
func inFile(roots []string, path string) string {
	for _, root := range roots {
		if inside, ok := strings.CutPrefix(path, root); ok {
			return inside
		}
	}
	return path
}

// fault reports what is wrong with the value at p; its path begins the text.
func (d *decoder) fault(p place, format string, args ...any) {
	d.report(d.pos(p), "%s", d.said(p.path)+" "+fmt.Sprintf(format, args...))
}

// wrong is fault for a value known by its path alone, for the rules that span
// several keys. A path that the file does not have is reported at its parent.
func (d *decoder) wrong(path, format string, args ...any) {
	d.report(nearest(d.positions, d.source, path), "%s", d.said(path)+" "+fmt.Sprintf(format, args...))
}

// warn notes something at path that is worth saying aloud.
func (d *decoder) warn(path, format string, args ...any) {
	d.warnings = append(d.warnings, Mistake{
		Pos:  nearest(d.positions, d.source, path),
		Text: d.said(path) + " " + fmt.Sprintf(format, args...),
	})
}

// stated tells whether the file has a value at path, valid or not.
func (d *decoder) stated(path string) bool {
	_, ok := d.positions[path]
	return ok
}

// entries returns the values of the mapping at p by their keys, in file order,
// and records their places. A repeated key keeps its first value. False means
// that p is no mapping.
func (d *decoder) entries(p place, says string) ([]place, bool) {
	if p.node.Kind != yaml.MappingNode {
		d.unfit(p, says)
		return nil, false
	}
	var found []place
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		key, node := p.node.Content[i], p.node.Content[i+1]
		at := d.at(key.Line, key.Column)
		switch first := seen[key.Value]; {
		case key.Kind == yaml.AliasNode: // surveyed
			continue
		case key.Kind != yaml.ScalarNode || key.Value == "":
			d.report(at, "a key in %s is %s; write a plain word", d.where(p), kindName(key))
			continue
		case key.Tag == "!!merge":
			d.report(at, "the merge key << in %s is not taken; write the keys out", d.where(p))
			continue
		case strings.Contains(key.Value, "${"):
			d.report(at, "the key %s in %s is not expanded; write the key itself, variables stand in values only", shown(key.Value), d.where(p))
			continue
		case first != nil:
			d.report(at, "the key %s in %s stands at %d:%d already; keep one of them", shown(key.Value), d.where(p), first.Line, first.Column)
			continue
		}
		seen[key.Value] = key
		value := place{path: p.below(key.Value), key: key, node: node}
		d.positions[value.path] = d.pos(value)
		found = append(found, value)
	}
	return found, true
}

// items returns the values of the list at p and records their places. False
// means that p is no list.
func (d *decoder) items(p place, says string) ([]place, bool) {
	if p.node.Kind != yaml.SequenceNode {
		d.unfit(p, says)
		return nil, false
	}
	found := make([]place, 0, len(p.node.Content))
	for i, node := range p.node.Content {
		value := place{path: fmt.Sprintf("%s[%d]", p.path, i), node: node}
		d.positions[value.path] = d.pos(value)
		found = append(found, value)
	}
	return found, true
}

// unfit reports a value of the wrong kind. An alias was reported already.
func (d *decoder) unfit(p place, says string) {
	switch {
	case p.node.Kind == yaml.AliasNode:
	case d.isNull(p):
		d.nothing(p, says)
	default:
		d.fault(p, "is %s; write %s", kindName(p.node), says)
	}
}

// nothing reports a null.
func (d *decoder) nothing(p place, says string) {
	instead := "leave the key out"
	if p.key == nil {
		instead = "remove the item"
	}
	d.fault(p, "has no value; write %s, or %s", says, instead)
}

// where names the mapping at p in a mistake about its keys.
func (d *decoder) where(p place) string {
	if p.path == d.root {
		return "the file"
	}
	return d.said(p.path)
}

// kindName says what a node is, for a mistake.
func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.Value == "":
		return "empty"
	default:
		return "the single value " + shown(n.Value)
	}
}

// shown quotes a value for a mistake, cut to a length that a line can hold.
func shown(value string) string {
	const most = 80
	if len(value) > most {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(value[:most], ""))
	}
	return fmt.Sprintf("%q", value)
}
