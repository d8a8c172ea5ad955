package envoylint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// TestInternalListeners: a route into another listener of the same file needs no check if
// that listener calls the gate, and needs one if it does not or forwards raw bytes.
func TestInternalListeners(t *testing.T) {
	front := strings.Replace(open("[ X ]", "[ X ]", "[ X ]", "[ X ]"), "cluster: app", "cluster: inside", 1)
	cluster := func(listener string) string {
		return "  - { name: inside, load_assignment: { endpoints: { lb_endpoints: { endpoint: { address: { envoy_internal_address: " +
			"{ server_listener_name: " + listener + " } } } } } } }\n"
	}
	open := strings.Replace(open("[ X ]", "[ X ]", "[ X ]", "[ X ]"),
		"name: open, address: { socket_address: { address: 127.0.0.1, port_value: 81 } }", "name: open-inside, internal_listener: {}", 1)
	bytes := func(name, address, to string) string {
		return `{ name: ` + name + `, ` + address +
			`, filter_chains: { filters: { name: t, typed_config: { "@type": ` +
			`type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: ` + to + ` } } } }`
	}
	const internal, outside = "internal_listener: {}", "address: { socket_address: { address: 127.0.0.1, port_value: 82 } }"
	const toInside = "route: { cluster: inside }"
	for _, row := range []struct {
		name      string
		listeners []string
		leadsTo   string   // of the cluster inside
		edits     []string // of the shipped listener
		want      []string
	}{
		{"a listener that calls the gate", []string{front}, "edge", nil, nil},
		{"a listener that is not in the file", []string{front}, "elsewhere", nil, []string{"ext-authz-missing"}},
		{"a listener that calls no gate", []string{front, open}, "open-inside", nil, []string{"ext-authz-missing"}},
		{"a listener that calls no gate, after the gate", []string{open}, "open-inside", []string{toApp, toInside}, nil},
		{"a listener that calls no gate, and gets raw bytes", []string{bytes("raw", outside, "inside"), open}, "open-inside",
			[]string{toApp, toInside}, []string{"ext-authz-missing"}},
		{"a listener that calls no gate, after the gate, and sets identity headers",
			[]string{
				strings.Replace(open, "routes: [", "request_headers_to_add: { header: { key: x-user-id, value: a } }, routes: [",
					1)}, "open-inside", []string{toApp, toInside}, []string{"identity-rewritten"}},
		{"a listener that calls the gate on no route, before one that calls no gate", []string{front}, "edge",
			[]string{"              typed_per_filter_config:\n",
				"              typed_per_filter_config:\n                envoy.filters.http.ext_authz: { " + perRoute +
					", disabled: true }\n", "  - name: edge\n", "  - name: edge\n    internal_listener: {}\n"}, []string{"ext-authz-disabled"}},
		{"a listener to which nothing leads", []string{open}, "edge", nil, []string{"ext-authz-missing"}},
		{"a listener that forwards raw bytes", []string{front, bytes("bytes", internal, "other")}, "bytes", nil, []string{"ext-authz-missing"}},
		{"a listener that forwards raw bytes, after the gate", []string{bytes("bytes", internal, "other")}, "bytes",
			[]string{toApp, toInside}, nil},
		{"raw bytes to an application that is also reached after the gate",
			[]string{bytes("raw", outside, "other"), bytes("bytes", internal, "other")}, "bytes", []string{toApp, toInside}, []string{"tcp-bypass"}},
		{"raw bytes through two listeners", []string{bytes("raw", outside, "inside"), bytes("bytes", internal, "app")},
			"bytes", nil, []string{"tcp-bypass"}},
		{"raw bytes to a listener that calls the gate", []string{bytes("raw", outside, "inside")}, "edge", nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			edits := append([]string{listenersKey, listenersKey + "  - " + strings.Join(row.listeners, "\n  - ") + "\n",
				"  clusters:\n", "  clusters:\n" + cluster(row.leadsTo)}, row.edits...)
			report := lint(t, shippedWith(t, edits...), plainGate(), envoylint.Plain)
			got := slices.DeleteFunc(ids(report), func(id string) bool { return id == "cluster-missing" })
			if !slices.Equal(got, row.want) {
				t.Errorf("found %q, want %q: %v", got, row.want, report.Findings)
			}
		})
	}
}
