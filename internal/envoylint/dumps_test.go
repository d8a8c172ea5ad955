package envoylint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// TestDumps: the routes, endpoints and filters that a dump lists separately are used where
// listeners name them.
func TestDumps(t *testing.T) {
	authz := "{ name: authz, typed_config: " + failOpen + " }"
	dump := func(routes, parts string) string {
		return `configs: [ { "@type": ` + admin + "ListenersConfigDump, static_listeners: [ { listener: " +
			listenerWith(authz, routes) + " } ] }, " + parts + " ]"
	}
	routeConfig := func(list, entry, off string) string {
		return list +
			`: [ { route_config: { "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration, name: r, ` +
			`virtual_hosts: { name: a, routes: { route: { cluster: app }, typed_per_filter_config: { ` + off + " } } } }" + entry + " } ]"
	}
	const off = `authz: { "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true }`
	both := func(first, second string) string {
		return `{ "@type": ` + admin + "RoutesConfigDump, " + first + ", " + second + " }"
	}
	static, dynamic := routeConfig("static_route_configs", "", ""), routeConfig("dynamic_route_configs", "", off)
	for name, text := range map[string]string{"static first": both(static, dynamic), "dynamic first": both(dynamic, static)} {
		report := lint(t, dump("rds: { route_config_name: r }", text), plainGate(), envoylint.Plain)
		if !slices.Contains(ids(report), "ext-authz-disabled") {
			t.Errorf("%s: found %q", name, ids(report))
		}
	}
	// Each of several Envoys is checked with its own resources.
	of := func(parts string) string {
		return "{ configs: [ " +
			strings.TrimSuffix(strings.TrimPrefix(dump("rds: { route_config_name: r }", parts), "configs: [ "), " ]") + " ] }"
	}
	two := "pods: [ " + of(both(dynamic, dynamic)) + ", " + of(`{ "@type": `+admin+"ClustersConfigDump }") + " ]"
	report := lint(t, two, plainGate(), envoylint.Plain)
	if got := ids(report); !slices.Contains(got, "ext-authz-disabled") || !slices.Contains(got, "routes-elsewhere") || report.Managers != 2 {
		t.Errorf("two Envoys: found %q of %d", got, report.Managers)
	}
	// Two route configurations with one name, and a fetched filter that calls no gate.
	for name, row := range map[string]struct{ text, want string }{
		"two routes " +
			"of one name": {dump("rds: { route_config_name: r }", both(dynamic, routeConfig("dynamic_route_configs", "", ""))), "not-read"},
		"and the other way round": {dump("rds: { route_config_name: r }",
			`{ "@type": `+admin+"RoutesConfigDump, dynamic_route_configs: [ "+
				strings.Repeat(strings.TrimSuffix(
					strings.TrimPrefix(routeConfig("dynamic_route_configs", "", ""), "dynamic_route_configs: [ "), " ]")+", ", 2)+" ] }"), "not-read"},
		"a fetched filter that " +
			"asks nobody": {strings.Replace(dump(inline,
			`{ "@type": `+admin+
				`EcdsConfigDump, ecds_filters: [ { ecds_filter: { "@type": `+
				`type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig, name: fetched, `+
				`typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer } } } ] }`),
			authz, "{ name: fetched, config_discovery: { default_config: "+failOpen+" } }", 1), "ext-authz-missing"},
	} {
		if got := ids(lint(t, row.text, plainGate(), envoylint.Plain)); !slices.Contains(got, row.want) {
			t.Errorf("%s: found %q, want %s", name, got, row.want)
		}
	}
	clusters := `{ "@type": ` + admin +
		`ClustersConfigDump, dynamic_active_clusters: [ { cluster: { "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, ` +
		`name: app, type: EDS, eds_cluster_config: { service_name: apps } } }, { cluster: { "@type": ` +
		`type.googleapis.com/envoy.config.cluster.v3.Cluster, name: other, type: EDS } } ] }`
	endpoint := func(cluster, port string) string {
		return `{ endpoint_config: { "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, cluster_name: ` +
			cluster + `, endpoints: { lb_endpoints: { endpoint: { address: { socket_address: { address: 10.0.0.1, port_value: ` +
			port + ` } } } } } } }`
	}
	tcp := `{ "@type": ` + admin +
		`ListenersConfigDump, dynamic_listeners: [ { active_state: { listener: { "@type": ` +
		`type.googleapis.com/envoy.config.listener.v3.Listener, name: tcp, filter_chains: { filters: { name: t, ` +
		`typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, cluster: other } } } } } } ] }`
	for port, want := range map[string]bool{"80": true, "81": false} {
		endpoints := `{ "@type": ` + admin + "EndpointsConfigDump, dynamic_endpoint_configs: [ " + endpoint("apps", "80") + ", " +
			endpoint("other", port) + " ] }"
		report := lint(t, dump(inline, clusters+", "+endpoints+", "+tcp), plainGate(), envoylint.Plain)
		if got := slices.Contains(ids(report), "tcp-bypass"); got != want {
			t.Errorf("port %s: found %q", port, ids(report))
		}
	}
}
