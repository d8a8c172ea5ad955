package policytest

import (
	"encoding/json"
	"regexp"
	"slices"
	"time"

	yaml "go.yaml.in/yaml/v4"
)

// jsonNumber is RFC 8259 section 6; yamlNumber is what else YAML takes for a
// number (version 1.2, section 10.3.2).
var (
	jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
	yamlNumber = regexp.MustCompile(`^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0x[0-9a-fA-F]+|0o[0-7]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// isPlain reports whether a scalar is written without quotes, so that it may
// mean something else than its text.
func isPlain(n *yaml.Node) bool {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
	return n.Kind == yaml.ScalarNode && n.Style&quoted == 0
}

func isNull(n *yaml.Node) bool {
	return isPlain(n) && slices.Contains([]string{"", "~", "null", "Null", "NULL"}, n.Value)
}

// json reads any value as what JSON makes of it. Numbers keep their digits.
func (r *reader) json(p place) any {
	switch p.node.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		entries, _ := r.entries(p, "")
		for _, e := range entries {
			object[e.key.Value] = r.json(e)
		}
		return object
	case yaml.SequenceNode:
		list := []any{}
		items, _ := r.items(p, "")
		for _, item := range items {
			list = append(list, r.json(item))
		}
		return list
	}
	text := p.node.Value
	switch {
	case p.node.Kind != yaml.ScalarNode, isNull(p.node):
		return nil
	case !isPlain(p.node):
		return text
	case slices.Contains([]string{"true", "True", "TRUE"}, text):
		return true
	case slices.Contains([]string{"false", "False", "FALSE"}, text):
		return false
	case jsonNumber.MatchString(text):
		return json.Number(text)
	case yamlNumber.MatchString(text):
		r.fault(p, "is %s, a number that JSON does not have; write it as JSON does, or in quotes", text)
		return nil
	}
	return text
}

// members reads the mapping at p as a JSON object.
func (r *reader) members(p place, says string) (map[string]any, bool) {
	if p.node.Kind != yaml.MappingNode {
		r.unfit(p, says)
		return nil, false
	}
	object, ok := r.json(p).(map[string]any)
	return object, ok
}

// maxShift is how far from now a case can be, or a token expire.
const maxShift = 10 * 365 * 24 * time.Hour

// duration reads a duration, which may be negative.
func (r *reader) duration(p place, says string) (time.Duration, bool) {
	text, ok := r.text(p, says)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		r.fault(p, "is %s; write %s", shown(text), says)
	case d.Abs() > maxShift:
		r.fault(p, "is %s, more than ten years; write %s", shown(text), says)
	default:
		return d, true
	}
	return 0, false
}
