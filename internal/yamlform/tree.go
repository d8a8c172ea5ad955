package yamlform

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// maxDepth is the maximum nesting of lists and mappings, far more than any file needs.
const maxDepth = 32

// Parse reads data as one YAML document that is a mapping. It returns false after it
// has reported why there is nothing to decode.
func (d *Decoder) Parse(data []byte) (Place, bool) {
	none := Place{}
	if len(data) > d.file.MaxBytes {
		d.ReportPos(d.position(1, 1), "the file is larger than %d bytes; expected %s", d.file.MaxBytes, d.file.Kind)
		return none, false
	}
	end, problem := invalidText(data)
	if problem != "" {
		d.ReportPos(d.position(end.Line, end.Column), "%s", problem)
		return none, false
	}
	d.end = d.position(end.Line, end.Column)
	d.lines = linesOf(data)
	loader, err := yaml.NewLoader(bytes.NewReader(data),
		yaml.WithUniqueKeys(false), // Entries reports both positions
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		d.ReportPos(d.position(1, 1), "%v", err)
		return none, false
	}
	var doc yaml.Node
	if err := loader.Load(&doc); errors.Is(err, io.EOF) {
		d.ReportPos(d.position(1, 1), "the file is empty; expected a mapping with keys such as %s", d.file.TopKeys)
		return none, false
	} else if err != nil {
		d.reportSyntax(err)
		return none, false
	}
	var more yaml.Node
	if err := loader.Load(&more); err == nil {
		d.ReportPos(d.position(more.Line, more.Column), "a second YAML document begins here; expected one document per file")
	} else if !errors.Is(err, io.EOF) {
		d.reportSyntax(err)
	}
	root := Place{Path: d.root, node: doc.Content[0]}
	if !root.IsMapping() {
		d.ReportPos(d.Pos(root), "the file is %s; expected a mapping with keys such as %s", kindName(root.node), d.file.TopKeys)
		return none, false
	}
	d.checkFeatures(root.node)
	d.places.positions[d.root] = d.Pos(root)
	return root, true
}

// invalidText finds the first part of data that is not plain text in UTF-8, and
// returns its position and a message. If there is none, it returns the end of the
// text and "". YAML allows more line breaks than editors count; rejecting those makes
// the line numbers in mistakes equal to those in editors.
func invalidText(data []byte) (Pos, string) {
	at := Pos{Line: 1, Column: 1}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return at, "the file is not valid UTF-8; save it as UTF-8"
		case r == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			return at, "unexpected carriage return without a line feed; save the file with Unix line endings"
		case r == '\uFEFF' && i > 0:
			return at, "unexpected byte order mark inside the file; remove it"
		case r != '\n' && r != '\r' && r != '\t' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\uFFFE' && r <= '\uFFFF'):
			return at, fmt.Sprintf("unexpected control character %U; remove it, or write it as an escape in double quotes", r)
		}
		i += size
		switch {
		case r == '\n':
			at.Line, at.Column = at.Line+1, 1
		case r != '\uFEFF':
			at.Column++
		}
	}
	return at, ""
}

// reportSyntax reports an error of the YAML reader. It adds a hint to the most common
// errors that the reader's own words do not explain.
func (d *Decoder) reportSyntax(err error) {
	var le *yaml.LoadError
	if !errors.As(err, &le) || le.Mark.Line == 0 {
		d.ReportPos(d.position(1, 1), "invalid YAML: %v", err)
		return
	}
	at := d.position(le.Mark.Line, max(le.Mark.Column, 1))
	text := "invalid YAML: " + le.Message
	if begin := d.position(le.ContextMark.Line, le.ContextMark.Column); le.ContextMark.Line > 0 && begin != at {
		text += fmt.Sprintf(" (%s that begins at %d:%d)", le.ContextMsg, begin.Line, begin.Column)
	}
	before, after := d.splitLine(at)
	switch {
	case strings.HasPrefix(after, "\t") && strings.TrimSpace(before) == "":
		text = "invalid YAML: found a tab in the indentation; indent with spaces"
	case strings.HasSuffix(before, "$") && strings.HasPrefix(after, "{"):
		at.Column--
		text = "invalid YAML: found a variable without quotes inside [ ] or { }; write \"${VAR}\""
	case strings.HasPrefix(after, "{") && strings.Contains(le.Message, "did not find expected"):
		text += "; inside [ ] and { }, put a value that contains { or } in quotes"
	case strings.Contains(le.Message, "did not find expected key"), strings.Contains(le.Message, "did not find expected '-' indicator"):
		text += "; check the indentation, and put a value that begins with a quote, [ or { in quotes as a whole"
	case strings.HasPrefix(le.Message, "unknown anchor"):
		text = "invalid YAML: found * without quotes; put a value that begins with * in quotes"
	case strings.HasPrefix(le.Message, "mapping values are not allowed"):
		text += "; check the indentation, and put a value that contains \": \" or ends with \":\" in quotes"
	case strings.Contains(le.Message, "max depth"):
		text = fmt.Sprintf("lists and mappings are nested more than %d deep", maxDepth)
	}
	d.ReportPos(at, "%s", text)
}

// linesOf splits a text that [invalidText] accepts into its lines.
func linesOf(data []byte) []string {
	lines := strings.Split(strings.TrimPrefix(string(data), "\uFEFF"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return lines
}

// splitLine returns the text of the line before and after a position.
func (d *Decoder) splitLine(at Pos) (before, after string) {
	line := []rune(d.lines[at.Line-1]) // at is in the file
	cut := min(at.Column-1, len(line))
	return string(line[:cut]), string(line[cut:])
}

// checkFeatures reports the features of YAML that can give a value a meaning other
// than the obvious one, anywhere in n.
func (d *Decoder) checkFeatures(n *yaml.Node) {
	at := d.position(n.Line, n.Column)
	switch {
	case n.Kind == yaml.AliasNode:
		d.ReportPos(at, "YAML aliases are not supported: got %s; write the value itself%s", Quote("*"+n.Value), d.sharingHint())
		return
	case n.Anchor != "":
		d.ReportPos(at, "YAML anchors are not supported: got %s; write the value wherever it is used%s", Quote("&"+n.Anchor), d.sharingHint())
	case n.Style&yaml.TaggedStyle != 0:
		d.ReportPos(at, "YAML tags are not supported: got %s; put a string in quotes instead", Quote(n.Tag))
	}
	for _, below := range n.Content {
		d.checkFeatures(below)
	}
}

// sharingHint returns a further hint for an alias or an anchor.
func (d *Decoder) sharingHint() string {
	if d.file.Sharing == "" {
		return ""
	}
	return ", or " + d.file.Sharing
}
