package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// lintGuard is one Envoy whose listeners come from a file, jwtgate behind it, and the application that it protects.
type lintGuard struct {
	t           *testing.T // the test that the programs run for
	issuers     issuers
	gate        *gateProcess
	application *application
	envoy       *envoyProxy
	config      string // jwtgate.yaml
	bootstrap   string
	dir         string            // of the file with the listeners
	rehome      *strings.Replacer // the shipped file's ports to those of this machine
	unhome      *strings.Replacer // and back
	applied     int               // how many files were written
}

// outcome is what Envoy made of a listener file.
type outcome int

const (
	accepted outcome = iota // all listeners serve
	rejected                // Envoy keeps what it had, or a part of it
	warming                 // a listener waits for something that does not come
	crashed                 // Envoy ended by itself
)

func (o outcome) String() string { return [...]string{"accepted", "rejected", "warming", "crashed"}[o] }

// guardClusters are clusters that mutants may name, in addition to those of the shipped file. A mutant's file has those that it
// names.
func guardClusters() map[string]string {
	return map[string]string{
		"app_again": `{ name: app_again, type: STATIC, connect_timeout: 0.5s, load_assignment: { cluster_name: app_again, endpoints: [
  { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 9090 } } } } ] } ] } }`,
		"app_local": `{ name: app_local, type: STRICT_DNS, dns_lookup_family: V4_ONLY, connect_timeout: 0.5s, load_assignment: {
  cluster_name: app_local, endpoints: [
  { lb_endpoints: [ { endpoint: { address: { socket_address: { address: localhost, port_value: 9090 } } } } ] } ] } }`,
		"app_behind": `{ name: app_behind, connect_timeout: 0.5s, lb_policy: CLUSTER_PROVIDED, cluster_type: {
  name: envoy.clusters.aggregate, typed_config: {
  $ext.clusters.aggregate.v3.ClusterConfig, clusters: [ app ] } } }`,
		"gone": `{ name: gone, type: STATIC, connect_timeout: 0.1s, load_assignment: { cluster_name: gone, endpoints: [
  { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 9009 } } } } ] } ] },
  typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {
    $ext.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http2_protocol_options: {} } } } }`,
		"to_inner": `{ name: to_inner, type: STATIC, connect_timeout: 0.5s, load_assignment: { cluster_name: to_inner, endpoints: [
  { lb_endpoints: [ { endpoint: { address: { envoy_internal_address: { server_listener_name: inner } } } } ] } ] } }`,
	}
}

const internalListenerExtension = `{ name: envoy.bootstrap.internal_listener, typed_config: {
  $ext.bootstrap.internal_listener.v3.InternalListener } }`

// guardPorts are the ports of the shipped file and those that mutants add.
func guardPorts() []string { return []string{"8080", "8081", "8082", "9009"} }

func startLintGuard(t *testing.T) *lintGuard {
	t.Helper()
	g := &lintGuard{
		t: t, issuers: startIssuers(t), application: startApplication(t),
		config: testutil.File(t, "jwtgate.yaml", twoIssuers), dir: t.TempDir(),
	}
	g.gate = startServe(t, freeAddress(t), freeAddress(t), []string{"--config", g.config}, g.issuers.environment())
	g.gate.waitServing(t)
	g.gate.waitReady(t)
	admin := freeAddress(t)
	pairs := []string{"9001", port(g.gate.address), "9090", port(g.application.address), "9901", port(admin)}
	for _, shipped := range guardPorts() {
		pairs = append(pairs, shipped, port(freeAddress(t)))
	}
	g.rehome = strings.NewReplacer(pairs...)
	slices.Reverse(pairs)
	g.unhome = strings.NewReplacer(pairs...)
	g.bootstrap = g.rehome.Replace(g.withoutListeners(t))
	g.start(admin)
	return g
}

// start runs Envoy with the listeners of the shipped file.
func (g *lintGuard) start(admin string) {
	g.write(g.t, resourcesFile(g.t, shippedTree(g.t)))
	g.envoy = startEnvoy(g.t, []byte(g.bootstrap), "127.0.0.1:"+g.rehome.Replace("8080"), admin,
		"--drain-time-s", "0", "--drain-strategy", "immediate", "--reject-unknown-dynamic-fields")
}

// revive starts another Envoy if this one ended by itself: some files end it, and a file that ends Envoy lets no request through.
func (g *lintGuard) revive() bool {
	select {
	case <-g.envoy.Exited:
		g.start(g.envoy.admin)
		return true
	default:
		return false
	}
}

// shippedTree is the shipped file.
func shippedTree(t *testing.T) *yaml.Node { return parseTree(t, shippedWithOrigin(t)) }

// withoutListeners is the shipped file without its listeners, which come from a file.
func (g *lintGuard) withoutListeners(t *testing.T) string {
	root := shippedTree(t)
	static := dig(root, "static_resources")
	dropField(static, "listeners")
	all := guardClusters()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		clusters := dig(static, "clusters")
		clusters.Content = append(clusters.Content, node(t, "%s", all[name]))
	}
	setField(root, "bootstrap_extensions", sequence(node(t, internalListenerExtension)))
	setField(dig(root, "layered_runtime", "layers", 0, "static_layer"), "guard.none", text("0"))
	setField(dig(root, "layered_runtime", "layers", 0, "static_layer"), "guard.off", text("false"))
	setField(root, "node", node(t, "{ id: guard, cluster: guard }"))
	setField(root, "dynamic_resources", node(t, "lds_config: { resource_api_version: V3, path_config_source: { path: %q } }", g.ldsFile()))
	return dumpTree(t, root)
}

func (g *lintGuard) ldsFile() string { return filepath.Join(g.dir, "lds.yaml") }

// write replaces the listener file in one step, which is what Envoy watches for.
func (g *lintGuard) write(t *testing.T, file string) {
	t.Helper()
	next := filepath.Join(g.dir, "next")
	if err := os.WriteFile(next, []byte(g.rehome.Replace(file)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, g.ldsFile()); err != nil {
		t.Fatal(err)
	}
}

// listenersIn are the listeners of a bootstrap, which has a list of them or one alone.
func listenersIn(root *yaml.Node) []*yaml.Node {
	listeners := dig(root, "static_resources", "listeners")
	if listeners.Kind == yaml.MappingNode {
		return []*yaml.Node{listeners}
	}
	return slices.DeleteFunc(slices.Clone(listeners.Content), func(n *yaml.Node) bool { return n.Kind != yaml.MappingNode })
}

// resourcesFile is the listeners of a bootstrap as Envoy takes them from a file.
func resourcesFile(t *testing.T, root *yaml.Node) string {
	t.Helper()
	const kind = `$envoy.config.listener.v3.Listener`
	root = cloneTree(root)
	for _, listener := range listenersIn(root) {
		listener.Content = append(node(t, kind).Content, listener.Content...)
	}
	listeners := dig(root, "static_resources", "listeners")
	return dumpTree(t, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text("resources"), listeners}})
}

// apply lets Envoy run the listeners of a file, and waits until it serves exactly them.
func (g *lintGuard) apply(t *testing.T, root *yaml.Node) outcome {
	t.Helper()
	g.applied++
	root = cloneTree(root)
	// Each file has statistics of its own, so that Envoy replaces even a listener that did not change.
	for _, listener := range listenersIn(root) {
		setField(listener, "stat_prefix", text(fmt.Sprintf("file_%d", g.applied)))
	}
	before := g.listenerStats(t)
	g.write(t, resourcesFile(t, root))
	var now map[string]int
	read := g.polled(10*time.Second, func() bool {
		now = g.listenerStats(t)
		return now["lds.update_success"]+now["lds.update_rejected"]+now["lds.update_failure"] >
			before["lds.update_success"]+before["lds.update_rejected"]+before["lds.update_failure"]
	})
	switch {
	case g.revive():
		return crashed
	case !read:
		t.Fatal("Envoy did not read the file of listeners within 10 seconds")
	case now["lds.update_success"] == before["lds.update_success"]:
		return rejected
	}
	settled := g.polled(time.Second, func() bool {
		now = g.listenerStats(t)
		return now["total_listeners_warming"]+now["total_listeners_draining"]+now["total_filter_chains_draining"] == 0
	})
	switch {
	case g.revive():
		return crashed
	case settled && now["listener_create_failure"] == before["listener_create_failure"]:
		return accepted
	case now["total_listeners_warming"] > 0:
		return warming
	}
	return rejected
}

// polled asks every few milliseconds, and reports whether it was done in time; it is not if Envoy ends.
func (g *lintGuard) polled(within time.Duration, done func() bool) bool {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	every := time.NewTicker(2 * time.Millisecond)
	defer every.Stop()
	for !done() {
		select {
		case <-deadline.C:
			return false
		case <-g.envoy.Exited:
			return false
		case <-every.C:
		}
	}
	return true
}

// listenerStats are Envoy's statistics about its listeners.
func (g *lintGuard) listenerStats(t *testing.T) map[string]int {
	t.Helper()
	all := map[string]int{}
	for line := range strings.Lines(g.adminText(t, "/stats?filter=^listener_manager.")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if number, err := strconv.Atoi(value); err == nil {
			all[strings.TrimPrefix(name, "listener_manager.")] = number
		}
	}
	return all
}

func (g *lintGuard) adminText(t *testing.T, path string) string {
	t.Helper()
	response, err := http.Get("http://" + g.envoy.admin + path)
	var body []byte
	if err == nil {
		defer response.Body.Close()
		body, err = io.ReadAll(response.Body)
	}
	if err != nil {
		select {
		case <-g.envoy.Exited: // the caller sees that
		case <-time.After(clientTimeout):
			t.Fatalf("Envoy's admin interface: %v", err)
		}
	}
	return string(body)
}

// addresses are those that Envoy listens on at the moment, each as network and address.
func (g *lintGuard) addresses(t *testing.T) [][2]string {
	t.Helper()
	type address struct {
		Socket struct {
			Address string
			Port    int `json:"port_value"`
		} `json:"socket_address"`
		Pipe struct{ Path string }
	}
	var answer struct {
		Statuses []struct {
			Local      address   `json:"local_address"`
			Additional []address `json:"additional_local_addresses"`
		} `json:"listener_statuses"`
	}
	text := g.adminText(t, "/listeners?format=json")
	if err := json.Unmarshal([]byte(text), &answer); err != nil && text != "" {
		t.Fatal(err)
	}
	var all [][2]string
	for _, status := range answer.Statuses {
		for _, one := range append([]address{status.Local}, status.Additional...) {
			switch {
			case one.Pipe.Path != "":
				all = append(all, [2]string{"unix", one.Pipe.Path})
			case one.Socket.Port != 0:
				all = append(all, [2]string{"tcp", fmt.Sprintf("127.0.0.1:%d", one.Socket.Port)})
			}
		}
	}
	return all
}
