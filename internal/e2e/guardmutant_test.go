package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// mutant is the shipped Envoy file after some operators. The seed and the operators alone determine it.
type mutant struct {
	seed      uint64
	operators []string // each at its step: an empty one was dropped
	root      *yaml.Node
	file      wrapping
}

// wrapping is how the tree becomes a file.
type wrapping struct {
	json          bool
	before, after string
}

// operator changes a mutant, and reports whether it could.
type operator struct {
	name string
	// hole marks an operator that by itself may let requests through. The others write the same file in another form, or change
	// something at random.
	hole  bool
	apply func(m *mutation) bool
}

// mutation is what an operator works on.
type mutation struct {
	t    *testing.T
	rng  *rand.Rand
	root *yaml.Node
	file *wrapping
}

// operators are all of them.
func operators() []operator {
	return slices.Concat(listenerHoles(), chainHoles(), managerHoles(), filterHoles(), wrapperHoles(), authzHoles(), routeHoles(),
		perRouteHoles(), messageForms(), textForms())
}

// grow makes a mutant by operators. A step whose operator is empty is left out; the other steps stay as they are.
func grow(t *testing.T, seed uint64, names []string) (m *mutant, applied []bool) {
	t.Helper()
	m = &mutant{seed: seed, operators: names, root: shippedTree(t)}
	applied = make([]bool, len(names))
	for i, name := range names {
		if name == "" {
			continue
		}
		all := operators()
		at := slices.IndexFunc(all, func(o operator) bool { return o.name == name })
		if at < 0 {
			t.Fatalf("the operator is unknown: got %q", name)
		}
		step := &mutation{t: t, rng: rand.New(rand.NewPCG(seed, uint64(i))), root: m.root, file: &m.file}
		applied[i] = all[at].apply(step)
	}
	return m, applied
}

// text is the mutant as the file that lint-envoy reads.
func (m *mutant) text(t *testing.T) string {
	t.Helper()
	if m.file.json {
		return dumpJSON(m.root)
	}
	return m.file.before + dumpTree(t, m.root) + m.file.after
}

// String is what replays the mutant.
func (m *mutant) String() string {
	return fmt.Sprintf("seed=%d operators=%s", m.seed, m.kind())
}

// kind is the operators that the mutant has.
func (m *mutant) kind() string {
	return strings.Join(slices.DeleteFunc(slices.Clone(m.operators), func(s string) bool { return s == "" }), "+")
}

// pick chooses one of some texts.
func (m *mutation) pick(from ...string) string { return from[m.rng.IntN(len(from))] }

// flip is true half of the time.
func (m *mutation) flip() bool { return m.rng.IntN(2) == 0 }

// node reads a snippet.
func (m *mutation) node(format string, args ...any) *yaml.Node {
	m.t.Helper()
	return node(m.t, format, args...)
}

// The parts of the file that operators start from; nil where another operator removed them.

func (m *mutation) listeners() *yaml.Node { return dig(m.root, "static_resources", "listeners") }
func (m *mutation) edge() *yaml.Node      { return dig(m.listeners(), 0) }
func (m *mutation) chain() *yaml.Node     { return dig(m.edge(), "filter_chains", 0) }
func (m *mutation) manager() *yaml.Node   { return dig(m.chain(), "filters", 0, "typed_config") }
func (m *mutation) filters() *yaml.Node   { return dig(m.manager(), "http_filters") }
func (m *mutation) routing() *yaml.Node   { return dig(m.manager(), "route_config") }
func (m *mutation) host() *yaml.Node      { return dig(m.routing(), "virtual_hosts", 0) }
func (m *mutation) routes() *yaml.Node    { return dig(m.host(), "routes") }

// authzAt is the index of the ext_authz filter, or -1.
func authzAt(filters *yaml.Node) int {
	if filters == nil || filters.Kind != yaml.SequenceNode {
		return -1
	}
	return slices.IndexFunc(filters.Content, func(n *yaml.Node) bool {
		return strings.HasSuffix(scalarOf(n, "typed_config", "@type"), ".ExtAuthz")
	})
}

func scalarOf(n *yaml.Node, path ...any) string {
	if found := dig(n, path...); found != nil && found.Kind == yaml.ScalarNode {
		return found.Value
	}
	return ""
}

// authz is the entry of the ext_authz filter, and authzConfig its settings.
func (m *mutation) authz() *yaml.Node {
	at := authzAt(m.filters())
	if at < 0 {
		return nil
	}
	return m.filters().Content[at]
}

func (m *mutation) authzConfig() *yaml.Node { return dig(m.authz(), "typed_config") }

// openManager is a copy of the connection manager without ext_authz; nil if there is none.
func (m *mutation) openManager() *yaml.Node {
	manager := m.manager()
	if manager == nil || authzAt(m.filters()) < 0 {
		return nil
	}
	made := cloneTree(manager)
	filters := dig(made, "http_filters")
	at := authzAt(filters)
	if m.flip() {
		setField(filters.Content[at], "disabled", text("true"))
		return made
	}
	filters.Content = slices.Delete(filters.Content, at, at+1)
	return made
}

// openChain is a filter chain with an open connection manager.
func (m *mutation) openChain() *yaml.Node {
	manager := m.openManager()
	if manager == nil {
		return nil
	}
	chain := m.node("filters: [ { name: envoy.filters.network.http_connection_manager } ]")
	setField(dig(chain, "filters", 0), "typed_config", manager)
	return chain
}

// proxyChain is a filter chain that forwards bytes to the application.
func (m *mutation) proxyChain() *yaml.Node {
	to := "cluster: " + m.pick("app", "app", "app_grpc")
	if m.flip() {
		name := m.pick("app_again", "app_local", "app_behind")
		m.cluster(name)
		to = "cluster: " + name
		if m.flip() {
			to = "weighted_clusters: { clusters: [ { name: " + name + ", weight: 1 }, { name: app, weight: " + m.pick("1", "2") + " } ] }"
		}
	}
	return m.node(`filters: [ { name: envoy.filters.network.tcp_proxy, typed_config: {
  $net.tcp_proxy.v3.TcpProxy, stat_prefix: bytes, %s } } ]`, to)
}

// listener adds a listener on a further port with this chain, and reports whether there was one.
func (m *mutation) listener(name, port string, chain *yaml.Node) *yaml.Node {
	if chain == nil || m.listeners() == nil || m.listeners().Kind != yaml.SequenceNode {
		return nil
	}
	made := m.node("{ name: %s, address: { socket_address: { address: 127.0.0.1, port_value: %s } } }", name, port)
	setField(made, "filter_chains", sequence(chain))
	m.listeners().Content = append(m.listeners().Content, made)
	return made
}

// cluster adds one of [guardClusters] to the file.
func (m *mutation) cluster(name string) {
	clusters := dig(m.root, "static_resources", "clusters")
	for _, one := range clusters.Content {
		if scalarOf(one, "name") == name {
			return
		}
	}
	clusters.Content = append(clusters.Content, m.node("%s", guardClusters()[name]))
}

// insert puts an item into a list.
func insert(list *yaml.Node, at int, item *yaml.Node) bool {
	if list == nil || list.Kind != yaml.SequenceNode || at > len(list.Content) || at < 0 || item == nil {
		return false
	}
	list.Content = slices.Insert(list.Content, at, item)
	return true
}
