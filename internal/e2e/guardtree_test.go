package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// The lint guard mutates an Envoy file as a tree of YAML nodes: unlike a decoded value, a node keeps duplicate keys, anchors, tags
// and quotes, which Envoy and lint-envoy may read differently.

// parseTree reads one YAML document without its comments.
func parseTree(t *testing.T, text string) *yaml.Node {
	t.Helper()
	loader, err := yaml.NewLoader(strings.NewReader(text), yaml.WithUniqueKeys(false))
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := loader.Load(&document); err != nil {
		t.Fatalf("the YAML is invalid: %v\n%s", err, text)
	}
	root := document.Content[0]
	eachNode(root, func(n *yaml.Node) { n.HeadComment, n.LineComment, n.FootComment = "", "", "" })
	return root
}

// eachNode calls f with a node and all nodes below it; an alias is not followed.
func eachNode(n *yaml.Node, f func(*yaml.Node)) {
	f(n)
	for _, child := range n.Content {
		eachNode(child, f)
	}
}

// dumpTree writes a tree as YAML.
func dumpTree(t *testing.T, root *yaml.Node) string {
	t.Helper()
	var out bytes.Buffer
	dumper, err := yaml.NewDumper(&out, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		t.Fatal(err)
	}
	if err := dumper.Dump(root); err != nil {
		t.Fatal(err)
	}
	if err := dumper.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// dumpJSON writes a tree as JSON: aliases are written out, duplicate keys stay.
func dumpJSON(n *yaml.Node) string {
	var out strings.Builder
	writeJSON(&out, n)
	return out.String()
}

func writeJSON(out *strings.Builder, n *yaml.Node) {
	switch n.Kind {
	case yaml.AliasNode:
		writeJSON(out, n.Alias)
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			writeJSON(out, item)
		}
		out.WriteByte(']')
	case yaml.MappingNode:
		out.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				out.WriteByte(',')
			}
			out.WriteString(jsonText(n.Content[i].Value) + ":")
			writeJSON(out, n.Content[i+1])
		}
		out.WriteString("}\n") // lines, so that findings have different places
	default:
		out.WriteString(jsonScalar(n))
	}
}

// jsonScalar writes a scalar with the type that Envoy's YAML reader gives it.
func jsonScalar(n *yaml.Node) string {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		switch n.Value {
		case "true", "false":
			return n.Value
		case "", "null", "~":
			return "null"
		}
		if number, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return strconv.FormatInt(number, 10)
		}
	}
	return jsonText(n.Value)
}

func jsonText(text string) string {
	encoded, _ := json.Marshal(text) // a string never fails
	return string(encoded)
}

// cloneTree copies a tree. Aliases are written out, so that the copy can be placed anywhere.
func cloneTree(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return cloneTree(n.Alias)
	}
	made := *n
	made.Anchor, made.Content = "", make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		made.Content[i] = cloneTree(child)
	}
	return &made
}

// resolved is the node that an alias refers to.
func resolved(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// dig follows keys and indexes; it returns nil if one is missing.
func dig(n *yaml.Node, path ...any) *yaml.Node {
	for _, step := range path {
		n = resolved(n)
		switch step := step.(type) {
		case string:
			n = fieldOf(n, step)
		case int:
			if n == nil || n.Kind != yaml.SequenceNode || step >= len(n.Content) {
				return nil
			}
			n = n.Content[step]
		}
		if n == nil {
			return nil
		}
	}
	return resolved(n)
}

// keyIndex is the index of a mapping's key in its Content, or -1. Both forms of a protobuf field's name are found; of duplicates,
// the last.
func keyIndex(n *yaml.Node, name string) int {
	if n == nil || n.Kind != yaml.MappingNode {
		return -1
	}
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		if key := n.Content[i].Value; key == name || key == camelName(name) {
			return i
		}
	}
	return -1
}

func fieldOf(n *yaml.Node, name string) *yaml.Node {
	if i := keyIndex(n, name); i >= 0 {
		return n.Content[i+1]
	}
	return nil
}

// setField sets a mapping's field. The new value is at the end if the field is new. Nothing happens if another operator has removed
// the mapping.
func setField(n *yaml.Node, name string, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	if i := keyIndex(n, name); i >= 0 {
		n.Content[i+1] = value
		return
	}
	n.Content = append(n.Content, text(name), value)
}

// dropField removes a field, and reports whether the mapping had it.
func dropField(n *yaml.Node, name string) bool {
	i := keyIndex(n, name)
	if i >= 0 {
		n.Content = slices.Delete(n.Content, i, i+2)
	}
	return i >= 0
}

// text is a plain scalar.
func text(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: value} }

func sequence(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Content: items}
}

// camelName is the name of a protobuf field in JSON.
func camelName(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}

// node reads a snippet of YAML; verbs are those of fmt. $http.NAME is the "@type" of an HTTP filter's message, $net.NAME that of a
// network filter's, $ext.NAME of another extension's, and $envoy.NAME of any other message.
func node(t *testing.T, format string, args ...any) *yaml.Node {
	t.Helper()
	snippet := regexp.MustCompile(`\$(http|net|ext|envoy)\.`).ReplaceAllStringFunc(fmt.Sprintf(format, args...), func(short string) string {
		return `"@type": type.googleapis.com/envoy.` + map[string]string{
			"$http.": "extensions.filters.http.", "$net.": "extensions.filters.network.", "$ext.": "extensions.",
		}[short]
	})
	return parseTree(t, snippet)
}
