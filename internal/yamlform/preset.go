package yamlform

import (
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Value is the value of a key in a preset, or of a mapping that is not in a file.
type Value struct {
	Key  string
	YAML string // as a user could write it
	// Parameters replace names in angle brackets, such as <domain>, in the texts of the
	// value. They never add a key or an item.
	Parameters map[string]string
	// From is the path of the value that selects the preset. Mistakes have its position.
	From string
	// Origin says where the value comes from, for [Place.Text].
	Origin string
}

// fill adds the values of a preset to the mapping at p and to what was found in it.
func (o Object) fill(d *Decoder, p Place, found []Place, preset []Value) {
	for _, value := range preset {
		i, at := o.index(value.Key), d.places.At(value.From)
		node := value.node(at)
		switch {
		case i < 0 || node == nil: // a test of each preset reads it
		case found[i].node == nil:
			key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value.Key, Line: at.Line, Column: at.Column}
			p.node.Content = append(p.node.Content, key, node)
			found[i] = Place{Path: p.Child(value.Key), key: key, node: node}
			d.places.positions[found[i].Path] = at
		default:
			merge(found[i].node, node)
		}
	}
}

// merge adds the keys of a mapping that the other one does not have, at any depth.
func merge(into, from *yaml.Node) {
	if into.Kind != yaml.MappingNode || from.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(from.Content); i += 2 {
		if own := valueOf(into, from.Content[i].Value); own != nil {
			merge(own, from.Content[i+1])
		} else {
			into.Content = append(into.Content, from.Content[i:i+2]...)
		}
	}
}

// valueOf returns the value of a key of a mapping; nil: it has no such key.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; mapping.Kind == yaml.MappingNode && i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// node parses the value. All of its nodes have the position at.
func (v Value) node(at Pos) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(v.YAML), &doc); err != nil || len(doc.Content) == 0 {
		return nil
	}
	var pairs []string
	for name, text := range v.Parameters {
		pairs = append(pairs, "<"+name+">", text)
	}
	v.place(doc.Content[0], at, strings.NewReplacer(pairs...))
	note(doc.Content[0], v.Origin)
	return doc.Content[0]
}

// place sets the position and the origin of a node and of those below it, and replaces the
// parameters.
func (v Value) place(n *yaml.Node, at Pos, parameters *strings.Replacer) {
	n.Line, n.Column = at.Line, at.Column
	if n.Kind == yaml.ScalarNode {
		n.Value = parameters.Replace(n.Value)
	}
	for _, below := range n.Content {
		v.place(below, at, parameters)
	}
}

// Has reports whether the mapping has a value at a path of keys. It reports no mistake and
// records no position.
func (p Place) Has(keys ...string) bool {
	n := p.node
	for _, key := range keys {
		if n = valueOf(n, key); n == nil {
			return false
		}
	}
	return true
}

// ReadValues decodes a mapping that is not in a file, and returns its mistakes. Key is the
// name of the mapping, and path its path.
func (o Object) ReadValues(path, key string, values []Value) Mistakes {
	d, p := NewDecoder(File{}), Place{Path: path, key: &yaml.Node{Kind: yaml.ScalarNode, Value: key}, node: &yaml.Node{Kind: yaml.MappingNode}}
	for _, value := range values {
		if node := value.node(Pos{}); node != nil {
			p.node.Content = append(p.node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: value.Key}, node)
		}
	}
	o.Read(d, p)
	return d.Mistakes()
}
