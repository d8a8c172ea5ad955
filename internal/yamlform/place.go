package yamlform

import (
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// fileMark separates the name of an included file from the path of a value in it.
const fileMark = ": "

// Place is one value in a file.
type Place struct {
	Path     string     // such as routes[2].match; for the whole file, its root
	key      *yaml.Node // nil for an item of a list
	node     *yaml.Node
	required bool // the key is required
}

// Name returns the key of the value, or "" for an item of a list.
func (p Place) Name() string {
	if p.key == nil {
		return ""
	}
	return p.key.Value
}

// Key returns the key of the value as a value.
func (p Place) Key() Place { return Place{Path: p.Path, node: p.key} }

// IsList reports whether the value is a list.
func (p Place) IsList() bool { return p.node.Kind == yaml.SequenceNode }

// IsMapping reports whether the value is a mapping.
func (p Place) IsMapping() bool { return p.node.Kind == yaml.MappingNode }

// IsScalar reports whether the value is a scalar.
func (p Place) IsScalar() bool { return p.node.Kind == yaml.ScalarNode }

// HasText reports whether the value is a scalar with this text.
func (p Place) HasText(text string) bool { return p.IsScalar() && p.node.Value == text }

// Len returns the number of items of a list or keys of a mapping.
func (p Place) Len() int {
	if p.IsMapping() {
		return len(p.node.Content) / 2
	}
	return len(p.node.Content)
}

// OnlyValue returns the value of the key name if p is a mapping with no other key.
func (p Place) OnlyValue(name string) (Place, bool) {
	if !p.IsMapping() || len(p.node.Content) != 2 || p.node.Content[0].Value != name {
		return Place{}, false
	}
	return Place{Path: p.Child(name), node: p.node.Content[1]}, true
}

// Child returns the path of the value of key in the mapping p.
func (p Place) Child(key string) string { return JoinPath(p.Path, key) }

// JoinPath returns the path of the value of key in the mapping at path. A key that is
// not a plain word is quoted, so that no two values have the same path.
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

// isWritten reports whether the value is a scalar that is not absent.
func (p Place) isWritten() bool { return p.IsScalar() && (p.node.Value != "" || p.node.Style != 0) }

// kindName describes the kind of a node for a mistake.
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
