package e2e

import (
	"slices"

	"go.yaml.in/yaml/v4"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// style is an operator that changes half of the nodes that fit.
func style(name string, fits func(m *mutation, n *yaml.Node) bool, change func(m *mutation, n *yaml.Node)) operator {
	return operator{name, false, func(m *mutation) bool {
		found := false
		if m.listeners() == nil {
			return false
		}
		eachNode(m.listeners(), func(n *yaml.Node) {
			if fits(m, n) && m.flip() {
				change(m, n)
				found = true
			}
		})
		return found
	}}
}

// plain takes plain scalars with one of some values.
func plain(values ...string) func(*mutation, *yaml.Node) bool {
	return func(_ *mutation, n *yaml.Node) bool {
		return n.Kind == yaml.ScalarNode && n.Style == 0 && slices.Contains(values, n.Value)
	}
}

// textForms write the same values in other forms of YAML or JSON.
func textForms() []operator {
	return []operator{
		{"json", false, func(m *mutation) bool { m.file.json = true; return true }},
		style("quoted", plain("true", "false", "0", "100", "1000", "8080", "8081"), func(m *mutation, n *yaml.Node) {
			n.Style = yaml.DoubleQuotedStyle
			if m.flip() {
				n.Style = yaml.SingleQuotedStyle
			}
		}),
		style("bool-words", plain("true", "false"), func(m *mutation, n *yaml.Node) {
			if n.Value == "true" {
				n.Value = m.pick("True", "TRUE", "yes", "on", "y", "Yes")
			} else {
				n.Value = m.pick("False", "FALSE", "no", "off", "n", "No")
			}
		}),
		style("numbers", plain("0", "100", "1000", "32768"), func(m *mutation, n *yaml.Node) {
			n.Value = m.pick(n.Value+".0", "0"+n.Value, "+"+n.Value, n.Value+"e0")
		}),
		style("flow", func(_ *mutation, n *yaml.Node) bool { return n.Kind != yaml.ScalarNode && n.Kind != yaml.AliasNode },
			func(_ *mutation, n *yaml.Node) { n.Style ^= yaml.FlowStyle }),
		{"quoted-keys", false, func(m *mutation) bool {
			eachNode(m.root, func(n *yaml.Node) {
				for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
					n.Content[i].Style = yaml.DoubleQuotedStyle
				}
			})
			return true
		}},
		{"tag", false, (*mutation).tag},
		{"ignored-key", false, func(m *mutation) bool { // Envoy reads no key with this tag
			p := m.present(func(f protoreflect.FieldDescriptor, _ *yaml.Node) bool {
				return f.Name() != "address" && f.Name() != "port_value"
			})
			if p == nil {
				return false
			}
			p.key().Tag = "!ignore"
			return true
		}},
		{"second-document", false, func(m *mutation) bool {
			m.file.after = m.pick("---\n{}\n", "...\n", "---\nstatic_resources: {listeners: []}\n")
			return true
		}},
		{"before-document", false, func(m *mutation) bool {
			m.file.before = m.pick("%YAML 1.1\n---\n", "\ufeff", "---\n", "# listeners\n\n")
			return true
		}},
	}
}

// tag gives a scalar or a mapping a tag of YAML's.
func (m *mutation) tag() bool {
	p := m.present(func(_ protoreflect.FieldDescriptor, _ *yaml.Node) bool { return true })
	if p == nil {
		return false
	}
	value := resolved(p.value())
	switch value.Kind {
	case yaml.ScalarNode:
		value.Tag = m.pick("!!str", "!!bool", "!!int", "!!null", "!own", "!")
	case yaml.MappingNode:
		value.Tag = m.pick("!!map", "!!omap", "!own", "!ignore")
	default:
		value.Tag = m.pick("!!seq", "!!set", "!own", "!ignore")
	}
	return true
}
