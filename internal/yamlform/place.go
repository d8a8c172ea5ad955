package yamlform

import (
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// fileMark separates the name of an included file from the path of a value in
// it.
const fileMark = ": "

// Place is one value in a file.
type Place struct {
	Path     string     // routes[2].match; for the whole file, its root
	key      *yaml.Node // the key of the value; nil for an item of a list
	node     *yaml.Node
	required bool // the key may not be left out
}

// Name is the key of the value; empty for an item of a list.
func (p Place) Name() string {
	if p.key == nil {
		return ""
	}
	return p.key.Value
}

// Key is the key of the value as a value of its own.
func (p Place) Key() Place { return Place{Path: p.Path, node: p.key} }

// IsList reports whether the value is a list.
func (p Place) IsList() bool { return p.node.Kind == yaml.SequenceNode }

// IsMapping reports whether the value is a mapping.
func (p Place) IsMapping() bool { return p.node.Kind == yaml.MappingNode }

// IsScalar reports whether the value is a single one.
func (p Place) IsScalar() bool { return p.node.Kind == yaml.ScalarNode }

// Is reports whether the file has this text as the value.
func (p Place) HasText(text string) bool { return p.IsScalar() && p.node.Value == text }

// Len is how many items a list has, or keys a mapping.
func (p Place) Len() int {
	if p.IsMapping() {
		return len(p.node.Content) / 2
	}
	return len(p.node.Content)
}

// Only returns the value of the key name in a mapping that has no other key.
func (p Place) OnlyValue(name string) (Place, bool) {
	if !p.IsMapping() || len(p.node.Content) != 2 || p.node.Content[0].Value != name {
		return Place{}, false
	}
	return Place{Path: p.Child(name), node: p.node.Content[1]}, true
}

// Words returns the items of a list of single values as the file has them; nil
// for any other value.
func (p Place) Strings() []string {
	if !p.IsList() {
		return nil
	}
	words := make([]string, len(p.node.Content))
	for i, one := range p.node.Content {
		if one.Kind != yaml.ScalarNode {
			return nil
		}
		words[i] = one.Value
	}
	return words
}

// Below is the path of the value that key names inside p.
func (p Place) Child(key string) string { return JoinPath(p.Path, key) }

// Join is the path of the value that key names inside the mapping at path. A key
// that is not a plain word is quoted, so that no two values share a path.
func JoinPath(path, key string) string {
	switch {
	case path == "" || strings.HasSuffix(path, fileMark):
		return path + key
	case key != "" && ASCIIWord(key, "-_"):
		return path + "." + key
	default:
		return fmt.Sprintf("%s[%q]", path, key)
	}
}

// written reports whether the file has the value as a single one that is not
// left out.
func (p Place) isWritten() bool { return p.IsScalar() && (p.node.Value != "" || p.node.Style != 0) }

// kindName describes a node for a mistake.
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
		return "the single value " + Quote(n.Value)
	}
}
