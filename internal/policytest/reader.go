package policytest

import (
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// reader reads one case file. It collects mistakes instead of stopping at the
// first.
type reader struct {
	file     string
	end      config.Pos // of the file
	cfg      *config.Config
	meanings []gate.Meaning // the table of reasons
	mistakes config.Mistakes
	named    map[string]*token // the file's shared tokens
}

// place is one value in the file.
type place struct {
	path string     // cases[2].expect.reason; empty for the whole file
	key  *yaml.Node // what it stands under; nil for an item of a list
	node *yaml.Node
}

// field is one key that a mapping may have.
type field struct {
	name string
	read func(at place)
}

// at is where a node begins. The YAML reader puts what is missing at the end of
// a file on a line of its own, which no editor can go to.
func (r *reader) at(n *yaml.Node) config.Pos {
	if n.Line > r.end.Line {
		return r.end
	}
	return config.Pos{File: r.file, Line: n.Line, Column: n.Column}
}

// pos is where a reader looks for p: the value itself where it is a written
// scalar, else the key that it stands under.
func (r *reader) pos(p place) config.Pos {
	written := p.node.Kind == yaml.ScalarNode && (p.node.Value != "" || p.node.Style != 0)
	if p.key != nil && !written {
		return r.at(p.key)
	}
	return r.at(p.node)
}

func (r *reader) report(at config.Pos, format string, args ...any) {
	r.mistakes = append(r.mistakes, config.Mistake{Pos: at, Text: fmt.Sprintf(format, args...)})
}

// fault reports what is wrong with the value at p; its path begins the text.
func (r *reader) fault(p place, format string, args ...any) {
	r.report(r.pos(p), "%s", strings.TrimSpace(p.path+" "+fmt.Sprintf(format, args...)))
}

// object reads the mapping at p, whose keys are those of fields. They are read
// in the order of fields, and the names of those that are there come back.
// False means that p is no mapping; says is what to write instead.
func (r *reader) object(p place, says string, fields ...field) (stated []string, ok bool) {
	entries, ok := r.entries(p, says)
	if !ok {
		return nil, false
	}
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.name
	}
	for _, e := range entries {
		name := e.key.Value
		if slices.Contains(known, name) {
			stated = append(stated, name)
			continue
		}
		mend := "the keys here are " + strings.Join(known, ", ")
		if near := yamlform.Closest(name, known); near != "" {
			mend = "did you mean " + near + "?"
		}
		r.report(r.at(e.key), "the key %s is unknown in %s; %s", shown(name), p.where(), mend)
	}
	for _, f := range fields {
		if i := slices.IndexFunc(entries, func(e place) bool { return e.key.Value == f.name }); i >= 0 {
			f.read(entries[i])
		}
	}
	return stated, true
}

// entries returns the values of the mapping at p, in file order. A repeated key
// keeps its first value. False means that p is no mapping.
func (r *reader) entries(p place, says string) ([]place, bool) {
	if p.node.Kind != yaml.MappingNode {
		r.unfit(p, says)
		return nil, false
	}
	found := make([]place, 0, len(p.node.Content)/2)
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		key, node := p.node.Content[i], p.node.Content[i+1]
		first := seen[key.Value]
		switch {
		case key.Kind == yaml.AliasNode: // surveyed
		case key.Kind != yaml.ScalarNode || key.Value == "":
			r.report(r.at(key), "a key in %s is %s; write a plain word", p.where(), kindName(key))
		case key.Tag == "!!merge":
			r.report(r.at(key), "the merge key << in %s is not taken; write the keys out", p.where())
		case first != nil:
			r.report(r.at(key), "the key %s in %s stands at %d:%d already; keep one of them", shown(key.Value), p.where(), first.Line, first.Column)
		default:
			seen[key.Value] = key
			found = append(found, place{path: p.below(key.Value), key: key, node: node})
		}
	}
	return found, true
}

// items returns the values of the list at p. False means that p is no list.
func (r *reader) items(p place, says string) ([]place, bool) {
	if p.node.Kind != yaml.SequenceNode {
		r.unfit(p, says)
		return nil, false
	}
	found := make([]place, len(p.node.Content))
	for i, node := range p.node.Content {
		found[i] = place{path: fmt.Sprintf("%s[%d]", p.path, i), node: node}
	}
	return found, true
}

// text reads a single value as the text that it is written as.
func (r *reader) text(p place, says string) (string, bool) {
	if p.node.Kind != yaml.ScalarNode || isNull(p.node) {
		r.unfit(p, says)
		return "", false
	}
	if p.node.Value == "" {
		r.fault(p, "is empty; write %s", says)
		return "", false
	}
	return p.node.Value, true
}

// printable reads a text that can stand in a report and in a request line.
func (r *reader) printable(p place, says string) (string, bool) {
	text, ok := r.text(p, says)
	if ok && strings.ContainsFunc(text, isControl) {
		r.fault(p, "is %s, with a control character; write %s", shown(text), says)
		return "", false
	}
	return text, ok
}

// oneOf reads a word of a closed list.
func (r *reader) oneOf(p place, what string, known []string) (string, bool) {
	says := what + " such as " + known[0]
	text, ok := r.text(p, says)
	if !ok || slices.Contains(known, text) {
		return text, ok
	}
	mend := "write one of " + strings.Join(known, ", ")
	if near := yamlform.Closest(text, known); near != "" {
		mend = "did you mean " + near + "?"
	}
	r.fault(p, "is %s, which is not %s; %s", shown(text), what, mend)
	return "", false
}

// unfit reports a value of the wrong kind. An alias was reported already.
func (r *reader) unfit(p place, says string) {
	switch {
	case p.node.Kind == yaml.AliasNode:
	case isNull(p.node) && p.path != "":
		r.fault(p, "has no value; write %s", says)
	case p.path == "":
		r.fault(p, "the file is %s; write %s", kindName(p.node), says)
	default:
		r.fault(p, "is %s; write %s", kindName(p.node), says)
	}
}

// below is the path of the value that key names inside p.
func (p place) below(key string) string {
	plain := !strings.ContainsFunc(key, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
	switch {
	case p.path == "":
		return key
	case plain:
		return p.path + "." + key
	default:
		return fmt.Sprintf("%s[%s]", p.path, shown(key))
	}
}

// where names the mapping at p in a mistake about its keys.
func (p place) where() string {
	if p.path == "" {
		return "the file"
	}
	return p.path
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
