package e2e

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// messageForms change the file by what its messages can hold.
func messageForms() []operator {
	return []operator{
		{"bool-set", false, (*mutation).setBool},
		{"enum-set", false, (*mutation).setEnum},
		{"field-set", false, (*mutation).setScalar},
		{"message-set", false, (*mutation).setMessage},
		{"field-removed", false, func(m *mutation) bool {
			p := m.present(func(f protoreflect.FieldDescriptor, _ *yaml.Node) bool {
				return f.Name() != "address" && f.Name() != "port_value"
			})
			if p != nil {
				p.site.node.Content = slices.Delete(p.site.node.Content, p.at, p.at+2)
			}
			return p != nil
		}},
		{"lone-item", false, func(m *mutation) bool { return m.lone(1) }},
		{"lone-items", false, func(m *mutation) bool { return m.lone(6) }},
		{"camel-case", false, func(m *mutation) bool { return m.camel(1) }},
		{"camel-case-all", false, func(m *mutation) bool { return m.camel(1000) }},
		{"enum-number", false, (*mutation).enumNumber},
		{"typed-struct", false, (*mutation).typedStruct},
		{"duplicate-key", false, (*mutation).duplicateKey},
		{"copied-message", false, func(m *mutation) bool { return m.copied(false) }},
		{"aliased-message", false, func(m *mutation) bool { return m.copied(true) }},
		{"list-order", false, (*mutation).reorder},
		{"null", false, func(m *mutation) bool {
			p := m.present(func(f protoreflect.FieldDescriptor, _ *yaml.Node) bool { return f.Name() != "address" })
			if p != nil {
				p.set(text(m.pick("null", "~", "")))
			}
			return p != nil
		}},
		{"any-prefix", false, func(m *mutation) bool {
			s := m.site(func(s site) bool { return s.any })
			if s == nil {
				return false
			}
			url := dig(s.node, "@type")
			prefix := m.pick("type.googleapis.com/", "type.googleapis.com/", "example.com/", "/")
			setField(s.node, "@type", text(prefix+url.Value[strings.LastIndexByte(url.Value, '/')+1:]))
			if m.flip() { // the last key in place of the first
				value := fieldOf(s.node, "@type")
				dropField(s.node, "@type")
				setField(s.node, "@type", value)
			}
			return true
		}},
	}
}

// setBool sets a boolean field that the type has, to the opposite if the file has it.
func (m *mutation) setBool() bool {
	field, s := m.field(isBool)
	if s == nil {
		return false
	}
	value := "true"
	if scalarOf(s.node, string(field.Name())) == "true" || scalarOf(s.node, string(field.Name())) == "" && m.rng.IntN(4) == 0 {
		value = "false"
	}
	setField(s.node, string(field.Name()), text(value))
	return true
}

// field chooses a field that the type of some site has.
func (m *mutation) field(fits func(protoreflect.FieldDescriptor) bool) (protoreflect.FieldDescriptor, *site) {
	fields := func(s site) []protoreflect.FieldDescriptor {
		var all []protoreflect.FieldDescriptor
		for i := range s.message.Fields().Len() {
			if f := s.message.Fields().Get(i); fits(f) && f.Name() != "address" {
				all = append(all, f)
			}
		}
		return all
	}
	s := m.site(func(s site) bool { return len(fields(s)) > 0 })
	if s == nil {
		return nil, nil
	}
	all := fields(*s)
	return all[m.rng.IntN(len(all))], s
}

func (m *mutation) setEnum() bool {
	field, s := m.field(func(f protoreflect.FieldDescriptor) bool { return f.Enum() != nil && !f.IsList() && !f.IsMap() })
	if s == nil {
		return false
	}
	values := field.Enum().Values()
	setField(s.node, string(field.Name()), text(string(values.Get(m.rng.IntN(values.Len())).Name())))
	return true
}

// setScalar sets a text, a number or a duration to something that means something elsewhere.
func (m *mutation) setScalar() bool {
	field, s := m.field(func(f protoreflect.FieldDescriptor) bool {
		return !f.IsMap() && (f.Kind() == protoreflect.StringKind || isNumber(f) || wraps(f, "Duration"))
	})
	if s == nil {
		return false
	}
	value := m.pick("app", "app_grpc", "jwtgate", "gone", "envoy.filters.http.ext_authz", "x-open", "/open", "/", "websocket", "edge", "*")
	switch {
	case value == "gone":
		m.cluster("gone")
	case isNumber(field):
		value = m.pick("0", "1", "2", "7", "100", "65536")
	case wraps(field, "Duration"):
		value = m.pick("0s", "0.001s", "1s", "3600s")
	}
	item := text(value)
	if value == "*" {
		item.Style = yaml.DoubleQuotedStyle
	}
	if field.IsList() {
		item = sequence(item)
	}
	setField(s.node, string(field.Name()), item)
	return true
}

// setMessage gives a site an empty message that it does not have.
func (m *mutation) setMessage() bool {
	field, s := m.field(func(f protoreflect.FieldDescriptor) bool {
		return f.Message() != nil && !f.IsMap() && f.Message().FullName() != "google.protobuf.Any" && f.Message().Fields().Len() > 0
	})
	if s == nil || dig(s.node, string(field.Name())) != nil {
		return false
	}
	setField(s.node, string(field.Name()), m.node("{}"))
	return true
}

// lone writes lists of one item as that item, which protobuf's JSON takes for a list.
func (m *mutation) lone(most int) bool {
	done := false
	for range most {
		p := m.present(func(f protoreflect.FieldDescriptor, value *yaml.Node) bool {
			return f.IsList() && value.Kind == yaml.SequenceNode && len(value.Content) == 1
		})
		if p == nil {
			break
		}
		p.set(resolved(p.value()).Content[0])
		done = true
	}
	if all := m.listeners(); most > 1 && m.flip() && all != nil && all.Kind == yaml.SequenceNode && len(all.Content) == 1 {
		setField(dig(m.root, "static_resources"), "listeners", all.Content[0])
	}
	return done
}

// camel writes names of fields as protobuf's JSON does.
func (m *mutation) camel(most int) bool {
	done := false
	for range most {
		p := m.present(func(f protoreflect.FieldDescriptor, _ *yaml.Node) bool {
			return strings.Contains(string(f.Name()), "_")
		})
		if p == nil || !strings.Contains(p.key().Value, "_") && most == 1 {
			break
		}
		if most > 1 {
			m.camelAll()
			return true
		}
		p.key().Value = camelName(p.key().Value)
		done = true
	}
	return done
}

func (m *mutation) camelAll() {
	for _, s := range sites(m.t, m.root) {
		for i := 0; i < len(s.node.Content); i += 2 {
			if field := fieldNamed(s.message, s.node.Content[i].Value); field != nil {
				s.node.Content[i].Value = field.JSONName()
			}
		}
	}
	for _, n := range []*yaml.Node{m.root, dig(m.root, "static_resources")} {
		for i := 0; i < len(n.Content); i += 2 {
			n.Content[i].Value = camelName(n.Content[i].Value)
		}
	}
}

// enumNumber writes an enumeration's value as its number, also where the file leaves it to its default.
func (m *mutation) enumNumber() bool {
	p := m.present(func(f protoreflect.FieldDescriptor, value *yaml.Node) bool {
		return f.Enum() != nil && value.Kind == yaml.ScalarNode
	})
	if p == nil {
		return false
	}
	value := p.field.Enum().Values().ByName(protoreflect.Name(resolved(p.value()).Value))
	if value == nil {
		return false
	}
	number := text(strconv.Itoa(int(value.Number())))
	if m.flip() {
		number.Style = yaml.DoubleQuotedStyle
	}
	p.set(number)
	return true
}

// typedStruct writes the value of an Any as a TypedStruct.
func (m *mutation) typedStruct() bool {
	s := m.site(func(s site) bool { return s.any })
	if s == nil {
		return false
	}
	value := cloneTree(s.node)
	url := dig(value, "@type")
	dropField(value, "@type")
	wrapped := m.node(`{ "@type": type.googleapis.com/%s,
  type_url: %s }`, m.pick("xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"), url.Value)
	if m.flip() {
		wrapped = m.node(`{ "@type": type.googleapis.com/xds.type.v3.TypedStruct, typeUrl: %s }`, url.Value)
	}
	setField(wrapped, "value", value)
	s.replace(wrapped)
	return true
}

// duplicateKey writes a key twice: in one form or in both, before or behind, with a value that says something else.
func (m *mutation) duplicateKey() bool {
	p := m.present(func(f protoreflect.FieldDescriptor, _ *yaml.Node) bool {
		return f.Name() != "address" && f.Name() != "port_value"
	})
	if p == nil {
		return false
	}
	key, value := cloneTree(p.key()), cloneTree(p.value())
	if m.flip() {
		key.Value = p.field.JSONName()
	}
	switch other := resolved(p.value()); {
	case m.rng.IntN(4) == 0:
		value = text("null")
	case other.Kind == yaml.SequenceNode:
		value.Content = value.Content[:m.rng.IntN(len(value.Content)+1)]
	case other.Kind == yaml.MappingNode && len(value.Content) >= 2:
		at := m.rng.IntN(len(value.Content)/2) * 2
		value.Content = slices.Delete(value.Content, at, at+2)
	case value.Value == "true":
		value.Value = "false"
	case value.Value == "false":
		value.Value = "true"
	}
	if m.flip() {
		p.addFirst(key, value)
	} else {
		p.add(key, value)
	}
	return true
}

// copied puts a copy of a message, or an alias of it, into a field or a list of the same type.
func (m *mutation) copied(alias bool) bool {
	all := sites(m.t, m.root)
	from := m.site(nil)
	type place struct {
		to    site
		field protoreflect.FieldDescriptor
	}
	var places []place
	for _, to := range all {
		for i := range to.message.Fields().Len() {
			field := to.message.Fields().Get(i)
			if field.Message() != nil && !field.IsMap() && field.Message() == from.message && to.node != from.node && !contains(from.node, to.node) {
				places = append(places, place{to, field})
			}
		}
	}
	if len(places) == 0 {
		return false
	}
	to := places[m.rng.IntN(len(places))]
	value := cloneTree(from.node)
	name := string(to.field.Name())
	if alias && !contains(to.to.node, from.node) {
		from.node.Anchor = "message"
		value = &yaml.Node{Kind: yaml.AliasNode, Value: "message", Alias: from.node}
	}
	list := dig(to.to.node, name)
	switch {
	case !to.field.IsList():
		setField(to.to.node, name, value)
	case list == nil || list.Kind != yaml.SequenceNode:
		setField(to.to.node, name, sequence(value))
	default:
		list.Content = slices.Insert(list.Content, m.rng.IntN(len(list.Content)+1), value)
	}
	return true
}

// contains reports whether a node is at or below another.
func contains(n, one *yaml.Node) bool {
	found := false
	eachNode(n, func(at *yaml.Node) { found = found || at == one })
	return found
}

// reorder moves, doubles or removes an item of a list of messages.
func (m *mutation) reorder() bool {
	p := m.present(func(f protoreflect.FieldDescriptor, value *yaml.Node) bool {
		return f.IsList() && value.Kind == yaml.SequenceNode && len(value.Content) > 1
	})
	if p == nil {
		return false
	}
	list := resolved(p.value())
	from := m.rng.IntN(len(list.Content))
	item := list.Content[from]
	switch m.rng.IntN(3) {
	case 0:
		item = cloneTree(item)
	case 1:
		list.Content = slices.Delete(list.Content, from, from+1)
		return true
	default:
		list.Content = slices.Delete(list.Content, from, from+1)
	}
	list.Content = slices.Insert(list.Content, m.rng.IntN(len(list.Content)+1), item)
	return true
}
