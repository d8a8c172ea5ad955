package yamlform

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Get returns the value of a key of the mapping p.
func (p Place) Get(key string) (Place, bool) {
	node := valueOf(p.node, key)
	return Place{Path: p.Child(key), node: node}, node != nil
}

// Values returns the values of the mapping p.
func (p Place) Values() []Place {
	var all []Place
	for i := 0; p.IsMapping() && i+1 < len(p.node.Content); i += 2 {
		all = append(all, Place{Path: p.Child(p.node.Content[i].Value), key: p.node.Content[i], node: p.node.Content[i+1]})
	}
	return all
}

// Resolve adds the defaults of keys that the mapping at p does not have, also to the
// mappings in it. Presets have been added if the mapping was decoded.
func (o Object) Resolve(p Place) {
	for _, k := range o.Reference("") {
		mapping, steps := p.node, strings.Split(k.Path, ".")
		for _, step := range steps[:len(steps)-1] {
			mapping = below(mapping, step)
		}
		name := steps[len(steps)-1]
		if k.Default == "" || mapping.Kind != yaml.MappingNode || valueOf(mapping, name) != nil {
			continue
		}
		if node := (Value{YAML: k.Default, Origin: "default"}).node(Pos{}); node != nil {
			mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, node)
		}
	}
}

// below returns the mapping that is the value of a key; it is added if there is none.
func below(mapping *yaml.Node, key string) *yaml.Node {
	found := valueOf(mapping, key)
	if found == nil {
		found = &yaml.Node{Kind: yaml.MappingNode}
		mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, found)
	}
	return found
}

// note sets a comment that says where a value comes from; of a mapping, for each of its
// values.
func note(n *yaml.Node, origin string) {
	switch {
	case origin == "":
	case n.Kind == yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			note(n.Content[i], origin)
		}
	default:
		n.LineComment = "# " + origin
	}
}

// Remove removes a key from the mapping p, and returns its value as text; "" if it is not
// there.
func (p Place) Remove(key string) string {
	for i := 0; p.IsMapping() && i+1 < len(p.node.Content); i += 2 {
		if p.node.Content[i].Value == key {
			text := p.node.Content[i+1].Value
			p.node.Content = slices.Delete(p.node.Content, i, i+2)
			return text
		}
	}
	return ""
}

// Remark sets a comment before the value of a mapping.
func (p Place) Remark(text string) {
	if p.key != nil {
		p.key.HeadComment = strings.TrimSpace(p.key.HeadComment + "\n# " + text)
	}
}

// Text returns the value as YAML. Variables are not expanded, and the password of a URL is
// replaced.
func (p Place) Text() ([]byte, error) {
	hidePasswords(p.node)
	unfold(p.node)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(p.node); err != nil {
		return nil, err
	}
	if err := encoder.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unfold writes the lists and mappings around comments in block style, because a comment
// ends a line. It reports whether there is a comment at n or below.
func unfold(n *yaml.Node) bool {
	inside := false
	for _, one := range n.Content {
		inside = unfold(one) || inside
	}
	if inside {
		n.Style &^= yaml.FlowStyle
	}
	return inside || n.HeadComment+n.LineComment+n.FootComment != ""
}

func hidePasswords(n *yaml.Node) {
	if u, err := url.Parse(n.Value); n.Kind == yaml.ScalarNode && err == nil && u.User != nil {
		n.Value = u.Redacted()
	}
	for _, one := range n.Content {
		hidePasswords(one)
	}
}
