package envoylint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// listenerWith returns a listener with filters and routes, in flow style.
func listenerWith(filters, routes string) string {
	return `{ "@type": type.googleapis.com/envoy.config.listener.v3.Listener, name: edge, ` +
		`filter_chains: [ { filters: [ { name: hcm, typed_config: {
  "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, ` + routes +
		`, http_filters: [ ` + filters + ` ] } } ] } ] }`
}

const (
	failOpen = `{ "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, failure_mode_allow: true, ` +
		`grpc_service: { envoy_grpc: { cluster_name: jwtgate } } }`
	inline = "route_config: { virtual_hosts: [ { routes: [ { route: { cluster: app } } ] } ] }"
	admin  = "type.googleapis.com/envoy.admin.v3."
)

// TestForms: the same filter is found in every form of a file, and resources that do not
// serve are skipped.
func TestForms(t *testing.T) {
	authz := "{ name: authz, typed_config: " + failOpen + " }"
	listener := listenerWith(authz, inline)
	quiet := listenerWith("{ name: authz }", "route_config: { virtual_hosts: [ { routes: [ { redirect: {} } ] } ] }")
	for _, row := range []struct {
		name, text string
		path       string // of the finding; empty if there is none
		managers   int
	}{
		{"a bootstrap", "static_resources: { listeners: [ " + listener + " ] }",
			"static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.failure_mode_allow", 1},
		{"a file of resources", "resources: [ " + listener + " ]", "resources[0].filter_chains", 1},
		{"a dump's bootstrap alone",
			`configs: [ { "@type": ` + admin + "BootstrapConfigDump, bootstrap: { static_resources: { listeners: [ " + listener +
				" ] } } } ]", "configs[0].bootstrap.static_resources.listeners[0]", 1},
		{"a dump's listeners, not the bootstrap's again",
			`configs: [ { "@type": ` + admin + "BootstrapConfigDump, bootstrap: { static_resources: { listeners: [ " + listener +
				` ] } } }, { "@type": ` + admin + "ListenersConfigDump, static_listeners: [ { listener: " + listener + " } ] } ]",
			"configs[1].static_listeners[0].listener", 1},
		{"one entry of a dump",
			`configs: [ { "@type": ` + admin + "ListenersConfigDump.DynamicListener, name: a, active_state: { listener: " +
				listener + " } } ]", "configs[0].active_state.listener", 1},
		{"a listener that is warming",
			`configs: [ { "@type": ` + admin + "ListenersConfigDump, dynamic_listeners: [ { warming_state: { listener: " +
				listener + " }, active_state: { listener: " + quiet + " } } ] } ]", "", 1},
		{"around a dump",
			`[ { ns: { pod-a: { configs: [ { "@type": ` + admin + "ListenersConfigDump, static_listeners: [ { listener: " +
				listener + " } ] } ] } } } ]", `[0].ns.pod-a.configs[0]`, 1},
		{"a fetched filter",
			`configs: [ { "@type": ` + admin + "ListenersConfigDump, static_listeners: [ { listener: " +
				listenerWith("{ name: authz, config_discovery: {} }", inline) + ` } ] }, { "@type": ` + admin +
				`EcdsConfigDump, ecds_filters: [ { ecds_filter: { "@type": ` +
				`type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig, name: authz, typed_config: ` + failOpen +
				" } } ] } ]", "configs[1].ecds_filters[0].ecds_filter.typed_config.failure_mode_allow", 1},
		{"a sidecar's outbound listener",
			"node: { id: sidecar~10.0.0.1~a.b~c }\nstatic_resources: { listeners: [ " +
				strings.Replace(listener, "name: edge", "name: edge, traffic_direction: OUTBOUND", 1) + ", " + quiet + " ] }", "", 1},
		{"an outbound listener of a gateway",
			"node: { id: router~10.0.0.1~a.b~c }\nstatic_resources: { listeners: [ " +
				strings.Replace(listener, "name: edge", "name: edge, traffic_direction: OUTBOUND", 1) + " ] }", "static_resources.listeners[0]", 1},
		{"an outbound listener of an Envoy without a mesh",
			"static_resources: { listeners: [ " + strings.Replace(listener, "name: edge", "name: edge, trafficDirection: 2", 1) +
				" ] }", "static_resources.listeners[0]", 1},
		{"only redirects", "static_resources: { listeners: [ " + quiet + " ] }", "", 1},
		{"the last filter chain",
			"static_resources: { listeners: [ " +
				strings.TrimSuffix(strings.Replace(listener, "filter_chains: [ {", "default_filter_chain: {", 1), "] }") + "} ] }",
			"static_resources.listeners[0].default_filter_chain", 1},
		{"an API listener",
			`static_resources: { listeners: [ { api_listener: { api_listener: { "@type": ` +
				`a.b/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, ` + inline +
				", http_filters: [ " + authz + " ] } } } ] }", "static_resources.listeners[0].api_listener.api_listener.http_filters[0]", 1},
		{"two listeners", "static_resources: { listeners: [ " + quiet + ", " + listener + " ] }", "static_resources.listeners[1]", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			report := lint(t, row.text, plainGate(), envoylint.Plain)
			var paths []string
			for _, f := range report.Findings {
				if f.Rule.ID == "failure-mode-allow" {
					paths = append(paths, f.Path)
				}
			}
			want := 1
			if row.path == "" {
				want = 0
			}
			if len(paths) != want || want == 1 && !strings.HasPrefix(paths[0], strings.TrimPrefix(row.path, ".")) {
				t.Errorf("found at %q, want %q", paths, row.path)
			}
			if report.Managers+report.Idle != row.managers {
				t.Errorf("%d connection managers, want %d", report.Managers+report.Idle, row.managers)
			}
		})
	}
}

// TestWhichFilterIsTheGates: an ext_authz filter that calls another server does not need
// the gate's settings, and does not count as the gate.
func TestWhichFilterIsTheGates(t *testing.T) {
	filter := func(name, cluster string) string {
		return fmt.Sprintf(`{ name: %s, typed_config: { "@type": `+
			`type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, failure_mode_allow: true, `+
			`grpc_service: { envoy_grpc: { cluster_name: %s } } } }`, name, cluster)
	}
	cluster := func(name, port string) string {
		return fmt.Sprintf("{ name: %s, load_assignment: { endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: "+
			"{ address: 192.0.2.1, port_value: %s } } } } ] } ] } }", name, port)
	}
	for _, row := range []struct {
		name, filters, clusters string
		want                    int
	}{
		{"by its cluster", filter("a", "opa") + ", " + filter("b", "auth-JWTgate"), "", 1},
		{"by its name", filter("a", "opa") + ", " + filter("jwtgate", "auth"), "", 1},
		{"by its port", filter("a", "opa") + ", " + filter("b", "auth"), cluster("opa", "9191") + ", " + cluster("auth", "9001"), 1},
		{"none has a sign", filter("a", "opa") + ", " + filter("b", "auth"), cluster("opa", "9191"), 2},
		{"another server only", filter("a", "opa"), "", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			report := lint(t,
				"static_resources: { listeners: [ "+listenerWith(row.filters, inline)+" ], clusters: [ "+row.clusters+" ] }",
				plainGate(), envoylint.Plain)
			found := 0
			for _, f := range report.Findings {
				if f.Rule.ID == "failure-mode-allow" {
					found++
				}
			}
			if found != row.want {
				t.Errorf("got findings for %d filters, want %d", found, row.want)
			}
		})
	}
}

// TestFoundOnce: a setting that applies to several routes has one finding; the same
// setting at another place has another one.
func TestFoundOnce(t *testing.T) {
	host := `{ typed_per_filter_config: { authz: { "@type": a/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, ` +
		`disabled: true } }, routes: [ { route: { cluster: app } }, { route: { cluster: other } } ] }`
	listener := listenerWith("{ name: authz, typed_config: "+failOpen+" }", "route_config: { virtual_hosts: [ "+host+", "+host+" ] }")
	report := lint(t, "static_resources: { listeners: [ "+listener+" ] }", plainGate(), envoylint.Plain)
	var paths []string
	for _, f := range report.Findings {
		if f.Rule.ID == "ext-authz-disabled" {
			paths = append(paths, f.Path[strings.Index(f.Path, "virtual_hosts"):])
		}
	}
	const setting = ".typed_per_filter_config.authz.disabled"
	if want := []string{"virtual_hosts[0]" + setting, "virtual_hosts[1]" + setting}; !slices.Equal(paths, want) {
		t.Errorf("found at %q, want %q", paths, want)
	}
}
