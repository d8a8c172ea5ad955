package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	// The messages that the shipped file and the operators use.
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/common/matching/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/matcher/action/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/composite/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
)

// site is one message in the file: a mapping whose protobuf type is known.
type site struct {
	node    *yaml.Node
	message protoreflect.MessageDescriptor
	any     bool // the value of a google.protobuf.Any, with its @type
	replace func(*yaml.Node)
}

// listenerMessage is the type of the file's listeners.
func listenerMessage(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	found, err := protoregistry.GlobalTypes.FindMessageByName("envoy.config.listener.v3.Listener")
	if err != nil {
		t.Fatal(err)
	}
	return found.Descriptor()
}

// sites are all messages of the file's listeners.
func sites(t *testing.T, root *yaml.Node) []site {
	t.Helper()
	w := &walk{seen: map[*yaml.Node]bool{}}
	static := dig(root, "static_resources")
	w.values(static, keyIndex(static, "listeners")+1, listenerMessage(t))
	return w.found
}

// walk collects sites.
type walk struct {
	found []site
	seen  map[*yaml.Node]bool
}

// values visits the value at an index of its parent, which is one message or a list of them.
func (w *walk) values(parent *yaml.Node, at int, message protoreflect.MessageDescriptor) {
	if parent == nil || at <= 0 && parent.Kind == yaml.MappingNode {
		return
	}
	value := resolved(parent.Content[at])
	if value.Kind == yaml.SequenceNode {
		for i := range value.Content {
			w.message(value, i, message)
		}
		return
	}
	w.message(parent, at, message)
}

func (w *walk) message(parent *yaml.Node, at int, message protoreflect.MessageDescriptor) {
	n := resolved(parent.Content[at])
	if n.Kind != yaml.MappingNode || w.seen[n] {
		return
	}
	w.seen[n] = true
	isAny := message.FullName() == "google.protobuf.Any"
	if isAny {
		found, err := protoregistry.GlobalTypes.FindMessageByURL(scalarOf(n, "@type"))
		if err != nil {
			return // a type that no operator knows, or a TypedStruct
		}
		message = found.Descriptor()
	}
	if strings.HasPrefix(string(message.FullName()), "google.protobuf.") {
		return
	}
	w.found = append(w.found, site{n, message, isAny, func(by *yaml.Node) { parent.Content[at] = by }})
	for i := 0; i+1 < len(n.Content); i += 2 {
		field := fieldNamed(message, n.Content[i].Value)
		switch {
		case field == nil || field.Message() == nil:
		case field.IsMap() && field.MapValue().Message() != nil:
			entries := resolved(n.Content[i+1])
			for j := 1; j < len(entries.Content) && entries.Kind == yaml.MappingNode; j += 2 {
				w.message(entries, j, field.MapValue().Message())
			}
		case !field.IsMap():
			w.values(n, i+1, field.Message())
		}
	}
}

// fieldNamed is a message's field by either form of its name.
func fieldNamed(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByName(protoreflect.Name(name)); field != nil {
		return field
	}
	return message.Fields().ByJSONName(name)
}

// site chooses a message: first a type among those that some site has, so that common types are not all that is chosen.
func (m *mutation) site(fits func(site) bool) *site {
	byType := map[string][]site{}
	for _, s := range sites(m.t, m.root) {
		if fits == nil || fits(s) {
			name := string(s.message.FullName())
			byType[name] = append(byType[name], s)
		}
	}
	if len(byType) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(byType))
	all := byType[names[m.rng.IntN(len(names))]]
	return &all[m.rng.IntN(len(all))]
}

// present is a field that a site has in the file.
type present struct {
	site  *site
	at    int // of the key
	field protoreflect.FieldDescriptor
}

// present chooses a field that the file has.
func (m *mutation) present(fits func(field protoreflect.FieldDescriptor, value *yaml.Node) bool) *present {
	fields := func(s *site) []present {
		var all []present
		for i := 0; i+1 < len(s.node.Content); i += 2 {
			if field := fieldNamed(s.message, s.node.Content[i].Value); field != nil && fits(field, resolved(s.node.Content[i+1])) {
				all = append(all, present{s, i, field})
			}
		}
		return all
	}
	s := m.site(func(s site) bool { return len(fields(&s)) > 0 })
	if s == nil {
		return nil
	}
	all := fields(s)
	return &all[m.rng.IntN(len(all))]
}

func (p *present) key() *yaml.Node       { return p.site.node.Content[p.at] }
func (p *present) value() *yaml.Node     { return p.site.node.Content[p.at+1] }
func (p *present) set(value *yaml.Node)  { p.site.node.Content[p.at+1] = value }
func (p *present) add(key, v *yaml.Node) { p.site.node.Content = append(p.site.node.Content, key, v) }
func (p *present) addFirst(k, v *yaml.Node) {
	p.site.node.Content = slices.Insert(p.site.node.Content, 0, k, v)
}

// wraps reports whether a field's type is a wrapper of a scalar, such as google.protobuf.BoolValue.
func wraps(field protoreflect.FieldDescriptor, name string) bool {
	return field.Message() != nil && field.Message().FullName() == protoreflect.FullName("google.protobuf."+name)
}

func isBool(field protoreflect.FieldDescriptor) bool {
	return !field.IsList() && !field.IsMap() && (field.Kind() == protoreflect.BoolKind || wraps(field, "BoolValue"))
}

func isNumber(field protoreflect.FieldDescriptor) bool {
	if field.IsMap() || field.IsList() {
		return false
	}
	switch field.Kind() {
	case protoreflect.Uint32Kind, protoreflect.Int32Kind, protoreflect.Uint64Kind, protoreflect.Int64Kind:
		return true
	}
	return wraps(field, "UInt32Value") || wraps(field, "UInt64Value")
}
