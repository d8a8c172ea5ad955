package envoylint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/config"
)

const (
	// MaxBytes bounds a file: the dump of an Envoy with thousands of routes has
	// room in it, a disk image has not.
	MaxBytes = 64 << 20
	// maxDepth is more than Envoy nests anything.
	maxDepth  = 200
	maxValues = 4 << 20
	// maxAliased bounds what YAML's aliases stand for, which can make much of
	// little.
	maxAliased = 100_000
)

// reader turns a file into values.
type reader struct {
	file   string
	data   []byte
	values int
	// aliased counts the values that aliases stand for; within is how many aliases
	// deep the reader is.
	aliased, within int
	mark            mark // of JSON
}

// parse reads a file as Envoy does: JSON if it begins so, else YAML. Its errors
// name the place and what to do.
func parse(file string, data []byte) (*value, error) {
	r := &reader{file: file, data: data}
	begin := config.Pos{File: file, Line: 1, Column: 1}
	switch {
	case len(data) > MaxBytes:
		return nil, fmt.Errorf("%s: the file is larger than %d MiB; write a dump without its endpoints (/config_dump without ?include_eds), or name one part of it with ?resource=", file, MaxBytes>>20)
	case !utf8.Valid(data):
		return nil, fmt.Errorf("%s: the file is not UTF-8; is it Envoy's bootstrap, or the answer of its /config_dump?", begin)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, fmt.Errorf("%s: the file is empty; write Envoy's bootstrap or the answer of its /config_dump into it", begin)
	case json.Valid(data):
		return r.json()
	}
	return r.yaml()
}

// yaml reads YAML; aliases stand for what they name, as with Envoy.
func (r *reader) yaml() (*value, error) {
	if at := otherBreaks.FindIndex(r.data); at != nil {
		line := 1 + bytes.Count(r.data[:at[0]], []byte("\n"))
		return nil, fmt.Errorf("%s: line %d has the character %U, which ends a line for some readers of YAML and not for Envoy's; remove it",
			r.file, line, []rune(string(r.data[at[0]:at[1]]))[0])
	}
	loader, err := yaml.NewLoader(bytes.NewReader(r.data), yaml.WithUniqueKeys(false))
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := loader.Load(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, r.syntax(err)
	}
	if len(document.Content) == 0 {
		return nil, fmt.Errorf("%s: the file holds no value; write Envoy's bootstrap or the answer of its /config_dump into it", r.pos(1, 1))
	}
	return r.node(nil, "", document.Content[0], 0)
}

// syntax says what is wrong with the YAML, at its place.
func (r *reader) syntax(err error) error {
	var fault *yaml.LoadError
	if !errors.As(err, &fault) || fault.Mark.Line == 0 {
		return fmt.Errorf("%s: neither YAML nor JSON: %w", r.pos(1, 1), err)
	}
	return fmt.Errorf("%s: neither YAML nor JSON: %s; Envoy would not start with it either (envoy --mode validate -c FILE)",
		r.pos(fault.Mark.Line, max(fault.Mark.Column, 1)), fault.Message)
}

func (r *reader) pos(line, column int) config.Pos {
	return config.Pos{File: r.file, Line: line, Column: column}
}

// node is the value of a YAML node.
func (r *reader) node(in *value, from string, n *yaml.Node, depth int) (*value, error) {
	if err := r.room(depth); err != nil {
		return nil, err
	}
	v := &value{in: in, step: from, at: r.pos(n.Line, n.Column)}
	switch n.Kind {
	case yaml.AliasNode:
		r.within++
		defer func() { r.within-- }()
		return r.node(in, from, n.Alias, depth+1)
	case yaml.ScalarNode:
		v.kind, v.text = scalar, n.Value
		v.quoted = n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	case yaml.SequenceNode:
		v.kind = list
		for i, one := range n.Content {
			item, err := r.node(v, index(i), one, depth+1)
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, item)
		}
	case yaml.MappingNode:
		v.kind = mapping
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			for key.Kind == yaml.AliasNode {
				key = key.Alias
			}
			if ignored, err := r.ignored(key); err != nil {
				return nil, err
			} else if ignored {
				continue
			}
			one, err := r.node(v, step(key.Value), n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			one.at = r.pos(key.Line, key.Column) // where an editor is to go
			v.fields = append(v.fields, field{key.Value, one})
		}
	}
	return v, nil
}

// ignored reports whether Envoy leaves a key out, since it has the tag !ignore. Other
// keys that Envoy's YAML reader and this one could read differently are an error.
func (r *reader) ignored(key *yaml.Node) (bool, error) {
	switch tagged := key.Style&yaml.TaggedStyle != 0; {
	case key.Kind != yaml.ScalarNode:
		return false, fmt.Errorf("%s: got a key that is not a single value; Envoy would not start with it", r.pos(key.Line, key.Column))
	case !tagged:
		return false, nil
	case key.Tag == "!ignore" && r.literally("!ignore", key):
		return true, nil
	default:
		return false, fmt.Errorf("%s: the key %q has a tag; remove it, or write !ignore for a key that Envoy is to leave out", r.pos(key.Line, key.Column), key.Value)
	}
}

// literally reports whether a tag stands before a key as it is, and not escaped.
func (r *reader) literally(tag string, key *yaml.Node) bool {
	lines := bytes.SplitN(r.data, []byte("\n"), key.Line+1)
	if key.Line > len(lines) || key.Column-1 > len(lines[key.Line-1]) {
		return false
	}
	before, after := lines[key.Line-1][:key.Column-1], lines[key.Line-1][key.Column-1:]
	return bytes.HasPrefix(after, []byte(tag+" ")) || bytes.HasSuffix(bytes.TrimRight(before, " "), []byte(tag))
}

// otherBreaks are characters that end a line for one reader of YAML and not for
// another: NEL, LINE SEPARATOR and PARAGRAPH SEPARATOR.
var otherBreaks = regexp.MustCompile("[\u0085\u2028\u2029]")

// index is the part of a path that an item is.
func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// room counts a value, and fails when there are too many or too deep.
func (r *reader) room(depth int) error {
	r.values++
	if r.within > 0 {
		r.aliased++
	}
	switch {
	case r.aliased > maxAliased:
		return fmt.Errorf("%s: its aliases stand for more than %d values; write them out", r.file, maxAliased)
	case depth > maxDepth:
		return fmt.Errorf("%s: values nest deeper than %d; is it an Envoy file?", r.file, maxDepth)
	case r.values > maxValues:
		return fmt.Errorf("%s: there are more than %d values; name one part of the dump with ?resource=", r.file, maxValues)
	}
	return nil
}
