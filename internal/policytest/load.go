package policytest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
)

const (
	// maxBytes bounds a case file, so that a wrong path (a log, a disk image)
	// ends in a mistake and not in exhausted memory.
	maxBytes = 8 << 20
	// maxDepth is far more than any case nests.
	maxDepth = 32
	// MaxCases is how many cases one run takes.
	MaxCases = 10_000
)

// Load reads case files for a config that has no mistakes; it needs the names
// of its issuers, routes and headers. Everything that is wrong with the files
// comes back at once, as [config.Mistakes] in the order of their places. A file
// that cannot be read is another error. The cases are in the order of the files
// and, inside each, in its own.
func Load(files []string, cfg *config.Config) ([]Case, error) {
	var all []Case
	var mistakes config.Mistakes
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			return nil, err
		}
		cases, err := Parse(file, data, cfg)
		var found config.Mistakes
		if errors.As(err, &found) {
			mistakes = append(mistakes, found...)
		}
		if len(all) <= MaxCases && len(all)+len(cases) > MaxCases {
			mistakes = append(mistakes, config.Mistake{
				Pos: cases[MaxCases-len(all)].Pos, Text: fmt.Sprintf("there are more than %d cases; split them over several runs", MaxCases),
			})
		}
		all = append(all, cases...)
	}
	if len(mistakes) > 0 {
		return nil, mistakes.Sorted()
	}
	return all, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the cases: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the cases: %w", err)
	}
	return data, nil
}

// Parse does what [Load] does, with the bytes of one file, however many cases it
// holds. File is the name that mistakes and cases are reported under. Beside
// [config.Mistakes] the cases without one come back, for their number and place
// only.
func Parse(file string, data []byte, cfg *config.Config) ([]Case, error) {
	r := &reader{file: file, cfg: cfg, meanings: gate.Meanings(), named: map[string]*token{}}
	var cases []Case
	r.end = endOf(file, data)
	if root, ok := r.tree(data); ok {
		cases = r.root(root)
	}
	if len(r.mistakes) > 0 {
		return cases, r.mistakes.Sorted()
	}
	return cases, nil
}

// tree reads data as one YAML document. False means that there is nothing to
// read cases from, and that the mistakes say why.
func (r *reader) tree(data []byte) (place, bool) {
	begin := config.Pos{File: r.file, Line: 1, Column: 1}
	switch {
	case len(data) > maxBytes:
		r.report(begin, "the file is larger than %d bytes; is it a file of cases?", maxBytes)
		return place{}, false
	case !utf8.Valid(data):
		r.report(begin, "the file is not UTF-8; save it as UTF-8")
		return place{}, false
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data),
		yaml.WithUniqueKeys(false), // ours names both places
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		r.report(begin, "%v", err)
		return place{}, false
	}
	var doc yaml.Node
	if err := loader.Load(&doc); errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		r.report(begin, "the file is empty; write cases: and a list of them")
		return place{}, false
	} else if err != nil {
		r.syntax(err)
		return place{}, false
	}
	var more yaml.Node
	if err := loader.Load(&more); err == nil {
		r.report(r.at(&more), "a second YAML document begins here; write one document in a file")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
	r.survey(doc.Content[0])
	return place{node: doc.Content[0]}, true
}

// endOf is behind the last character of a file.
func endOf(file string, data []byte) config.Pos {
	text := bytes.TrimRight(data, "\n")
	last := text[bytes.LastIndexByte(text, '\n')+1:]
	return config.Pos{File: file, Line: bytes.Count(text, []byte("\n")) + 1, Column: utf8.RuneCount(last) + 1}
}

// syntax reports an error of the YAML reader at its place.
func (r *reader) syntax(err error) {
	at := config.Pos{File: r.file, Line: 1, Column: 1}
	var le *yaml.LoadError
	if !errors.As(err, &le) || le.Mark.Line == 0 {
		r.report(at, "not valid YAML: %v", err)
		return
	}
	at.Line, at.Column = le.Mark.Line, max(le.Mark.Column, 1)
	if at.Line > r.end.Line {
		at = r.end
	}
	text := "not valid YAML: " + le.Message
	switch {
	case strings.Contains(le.Message, "max depth"):
		text = fmt.Sprintf("not valid here: lists and mappings nest deeper than %d", maxDepth)
	case strings.HasPrefix(le.Message, "mapping values are not allowed"):
		text += "; put a value that holds \": \" or ends with \":\" in quotes, and check the indentation"
	case strings.HasPrefix(le.Message, "found character that cannot start any token"):
		text += "; indent with spaces, and put a value that begins with @, ` or % in quotes"
	case strings.HasPrefix(le.Message, "did not find expected"):
		text += "; check the indentation, and put a value that holds { } [ ] or , in quotes"
	}
	r.report(at, "%s", text)
}

// survey reports, anywhere below n, the features of YAML that make a value mean
// something else than it seems to.
func (r *reader) survey(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		r.report(r.at(n), "the alias %s is not taken; write the value out, or share a token under tokens", shown("*"+n.Value))
		return
	case n.Anchor != "":
		r.report(r.at(n), "the anchor %s is not taken; write the value out where it is used, or share a token under tokens", shown("&"+n.Anchor))
	case n.Style&yaml.TaggedStyle != 0:
		r.report(r.at(n), "the tag %s is not taken; put a string in quotes instead", shown(n.Tag))
	}
	for _, below := range n.Content {
		r.survey(below)
	}
}
