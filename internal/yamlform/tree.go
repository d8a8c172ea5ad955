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

// maxDepth is far more than any configuration nests.
const maxDepth = 32

// Tree reads data as one YAML document that is a mapping. False means that
// there is nothing to decode, and that the mistakes say why.
func (d *Decoder) Parse(data []byte) (Place, bool) {
	none := Place{}
	if len(data) > d.file.MaxBytes {
		d.ReportPos(d.position(1, 1), "the file is larger than %d bytes; is it %s?", d.file.MaxBytes, d.file.Kind)
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
		yaml.WithUniqueKeys(false), // ours names both places
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		d.ReportPos(d.position(1, 1), "%v", err)
		return none, false
	}
	var doc yaml.Node
	if err := loader.Load(&doc); errors.Is(err, io.EOF) {
		d.ReportPos(d.position(1, 1), "the file is empty; write %s", d.file.TopKeys)
		return none, false
	} else if err != nil {
		d.reportSyntax(err)
		return none, false
	}
	var more yaml.Node
	if err := loader.Load(&more); err == nil {
		d.ReportPos(d.position(more.Line, more.Column), "a second YAML document begins here; write one document in a file")
	} else if !errors.Is(err, io.EOF) {
		d.reportSyntax(err)
	}
	root := Place{Path: d.root, node: doc.Content[0]}
	if !root.IsMapping() {
		d.ReportPos(d.Pos(root), "the file is %s; write a mapping with keys such as %s", kindName(root.node), d.file.TopKeys)
		return none, false
	}
	d.checkFeatures(root.node)
	d.places.positions[d.root] = d.Pos(root)
	return root, true
}

// foreign finds the first thing in data that is no plain text in UTF-8; when
// there is none, its place is the end of the text. YAML allows more line breaks
// than editors count; refusing those keeps the lines of our mistakes the lines
// that the reader sees.
func invalidText(data []byte) (Pos, string) {
	at := Pos{Line: 1, Column: 1}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return at, "the file is not UTF-8; save it as UTF-8"
		case r == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			return at, "a carriage return without a line feed; save the file with Unix line ends"
		case r == '\uFEFF' && i > 0:
			return at, "a byte order mark inside the file; remove it"
		case r != '\n' && r != '\r' && r != '\t' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\uFFFE' && r <= '\uFFFF'):
			return at, fmt.Sprintf("the control character %U; remove it, or write it as an escape in double quotes", r)
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

// syntax reports an error of the YAML reader at its place.
func (d *Decoder) reportSyntax(err error) {
	var le *yaml.LoadError
	if !errors.As(err, &le) || le.Mark.Line == 0 {
		d.ReportPos(d.position(1, 1), "not valid YAML: %v", err)
		return
	}
	at := d.position(le.Mark.Line, max(le.Mark.Column, 1))
	text := "not valid YAML: " + le.Message
	if begin := d.position(le.ContextMark.Line, le.ContextMark.Column); le.ContextMark.Line > 0 && begin != at {
		text += fmt.Sprintf(" (%s that begins at %d:%d)", le.ContextMsg, begin.Line, begin.Column)
	}
	before, after := d.splitLine(at)
	switch {
	case strings.HasPrefix(after, "\t") && strings.TrimSpace(before) == "":
		text = "not valid YAML: a tab in the indentation; indent with spaces"
	case strings.HasSuffix(before, "$") && strings.HasPrefix(after, "{"):
		at.Column--
		text = "not valid YAML: a variable inside [ ] or { } must be in quotes; write \"${VAR}\""
	case strings.HasPrefix(after, "{") && strings.Contains(le.Message, "did not find expected"):
		text += "; inside [ ] and { } put a value that holds { or } in quotes"
	case endsQuoted(before) && strings.Contains(le.Message, "did not find expected"):
		text += "; put all of a value that begins with a quote in quotes of the other kind, or in a block behind |"
	case strings.Contains(le.Message, "did not find expected key"), strings.Contains(le.Message, "did not find expected '-' indicator"):
		text += "; indent the line as those are that it belongs to, " +
			"and put a value that begins with a quote, [ or { and goes on behind its end in quotes as a whole"
	case strings.HasPrefix(le.Message, "unknown anchor"):
		text = "not valid YAML: a value that begins with * must be in quotes"
	case strings.HasPrefix(le.Message, "mapping values are not allowed"):
		text += "; put a value that holds \": \" or ends with \":\" in quotes, and check the indentation"
	case strings.HasPrefix(le.Message, "found character that cannot start any token"):
		text += "; indent with spaces, and put a value that begins with @, ` or % in quotes"
	case strings.Contains(le.Message, "max depth"):
		text = fmt.Sprintf("not valid here: lists and mappings nest deeper than %d", maxDepth)
	case strings.Contains(le.Message, "incompatible YAML document"):
		text += "; remove the %YAML line"
	case strings.Contains(le.Message, "tab character"):
		text += "; indent with spaces"
	case strings.Contains(le.Message, "<document start>"):
		text = "not valid YAML: there is text behind the end of the document; remove it"
	}
	d.ReportPos(at, "%s", text)
}

// quoteEnds tells whether a text that something unexpected follows ends with a
// quote.
func endsQuoted(before string) bool {
	before = strings.TrimRight(before, " ")
	return strings.HasSuffix(before, `"`) || strings.HasSuffix(before, "'")
}

// linesOf splits a text that is not [foreign] into its lines.
func linesOf(data []byte) []string {
	lines := strings.Split(strings.TrimPrefix(string(data), "\uFEFF"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return lines
}

// around returns the text of the line before and from a place on.
func (d *Decoder) splitLine(at Pos) (before, after string) {
	line := []rune(d.lines[at.Line-1]) // at is in the file
	cut := min(at.Column-1, len(line))
	return string(line[:cut]), string(line[cut:])
}

// survey reports, anywhere below n, the features of YAML that make a value mean
// something else than it seems to.
func (d *Decoder) checkFeatures(n *yaml.Node) {
	at := d.position(n.Line, n.Column)
	switch {
	case n.Kind == yaml.AliasNode:
		d.ReportPos(at, "the alias %s is not taken; write the value out%s", Quote("*"+n.Value), d.sharingHint())
		return
	case n.Anchor != "":
		d.ReportPos(at, "the anchor %s is not taken; write the value out where it is used%s", Quote("&"+n.Anchor), d.sharingHint())
	case n.Style&yaml.TaggedStyle != 0:
		d.ReportPos(at, "the tag %s is not taken; put a string in quotes instead", Quote(n.Tag))
	}
	for _, below := range n.Content {
		d.checkFeatures(below)
	}
}

// sharing is a further hint for an alias or an anchor.
func (d *Decoder) sharingHint() string {
	if d.file.Sharing == "" {
		return ""
	}
	return ", or " + d.file.Sharing
}
