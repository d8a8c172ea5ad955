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
	// MaxBytes is the largest size of a file. The dump of an Envoy with thousands of
	// routes fits, a disk image does not.
	MaxBytes = 64 << 20
	// maxDepth is deeper than any configuration of Envoy.
	maxDepth  = 200
	maxValues = 4 << 20
	// maxAliased limits how many values the aliases of a small YAML file can expand to.
	maxAliased = 100_000
)

// reader turns a file into values.
type reader struct {
	file   string
	data   []byte
	values int
	// aliased counts the values inside aliases; within is the number of aliases around
	// the current value.
	aliased, within int
	mark            mark // for JSON
}

// parse reads a file as JSON if it is valid JSON, and else as YAML. Its errors say where
// the problem is and what to do.
func parse(file string, data []byte) (*value, error) {
	r := &reader{file: file, data: data}
	begin := config.Pos{File: file, Line: 1, Column: 1}
	switch {
	case len(data) > MaxBytes:
		return nil, fmt.Errorf("%s: the file is larger than %d MiB; dump without the endpoints (/config_dump without ?include_eds), "+
			"or one part with ?resource=", file, MaxBytes>>20)
	case !utf8.Valid(data):
		return nil, fmt.Errorf("%s: the file is not valid UTF-8; expected Envoy's bootstrap or the answer of its /config_dump", begin)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, fmt.Errorf("%s: the file is empty; expected Envoy's bootstrap or the answer of its /config_dump", begin)
	case json.Valid(data):
		return r.json()
	}
	return r.yaml()
}

// yaml reads YAML, with aliases expanded as Envoy does.
func (r *reader) yaml() (*value, error) {
	if at := otherBreaks.FindIndex(r.data); at != nil {
		line := 1 + bytes.Count(r.data[:at[0]], []byte("\n"))
		return nil, fmt.Errorf("%s: line %d has the character %U, which is a line break for some YAML parsers and not for Envoy's; remove it",
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
		return nil, fmt.Errorf("%s: the file has no value; expected Envoy's bootstrap or the answer of its /config_dump", r.pos(1, 1))
	}
	return r.node(nil, "", document.Content[0], 0)
}

// syntax makes an error with its place from the YAML library's.
func (r *reader) syntax(err error) error {
	var fault *yaml.LoadError
	if !errors.As(err, &fault) || fault.Mark.Line == 0 {
		return fmt.Errorf("%s: neither YAML nor JSON: %w", r.pos(1, 1), err)
	}
	return fmt.Errorf("%s: neither YAML nor JSON: %s; Envoy cannot load it either (envoy --mode validate -c FILE)",
		r.pos(fault.Mark.Line, max(fault.Mark.Column, 1)), fault.Message)
}

func (r *reader) pos(line, column int) config.Pos {
	return config.Pos{File: r.file, Line: line, Column: column}
}

// node converts a YAML node to a value.
func (r *reader) node(in *value, from string, n *yaml.Node, depth int) (*value, error) {
	if err := r.count(depth); err != nil {
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
			one.at = r.pos(key.Line, key.Column) // the place to edit
			v.fields = append(v.fields, field{key.Value, one})
		}
	}
	return v, nil
}

// ignored reports whether a key has the tag !ignore, with which Envoy skips it. Other
// keys that Envoy's YAML parser and this one could read differently are an error.
func (r *reader) ignored(key *yaml.Node) (bool, error) {
	switch tagged := key.Style&yaml.TaggedStyle != 0; {
	case key.Kind != yaml.ScalarNode:
		return false, fmt.Errorf("%s: got a key that is not a single value, with which Envoy cannot load the file", r.pos(key.Line, key.Column))
	case !tagged:
		return false, nil
	case key.Tag == "!ignore" && r.literally("!ignore", key):
		return true, nil
	default:
		return false, fmt.Errorf("%s: the key %q has a tag; remove it, or write !ignore for a key that Envoy should skip",
			r.pos(key.Line, key.Column), key.Value)
	}
}

// literally reports whether the file has the tag before the key, and not an escaped
// form of it.
func (r *reader) literally(tag string, key *yaml.Node) bool {
	lines := bytes.SplitN(r.data, []byte("\n"), key.Line+1)
	if key.Line > len(lines) || key.Column-1 > len(lines[key.Line-1]) {
		return false
	}
	before, after := lines[key.Line-1][:key.Column-1], lines[key.Line-1][key.Column-1:]
	return bytes.HasPrefix(after, []byte(tag+" ")) || bytes.HasSuffix(bytes.TrimRight(before, " "), []byte(tag))
}

// otherBreaks are characters that are line breaks for some YAML parsers only: NEL, LINE
// SEPARATOR and PARAGRAPH SEPARATOR.
var otherBreaks = regexp.MustCompile("[\u0085\u2028\u2029]")

// index is the step of a path to an item of a list.
func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// count counts a value, and fails when there are too many or they nest too deeply.
func (r *reader) count(depth int) error {
	r.values++
	if r.within > 0 {
		r.aliased++
	}
	switch {
	case r.aliased > maxAliased:
		return fmt.Errorf("%s: its aliases expand to more than %d values; write the values instead", r.file, maxAliased)
	case depth > maxDepth:
		return fmt.Errorf("%s: values nest deeper than %d; expected Envoy's bootstrap or the answer of its /config_dump", r.file, maxDepth)
	case r.values > maxValues:
		return fmt.Errorf("%s: there are more than %d values; dump one part with ?resource=", r.file, maxValues)
	}
	return nil
}
