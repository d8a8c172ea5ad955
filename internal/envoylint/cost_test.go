package envoylint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// dumpOf returns a dump in one line, as curl writes it, with a number of routes for which
// ext_authz is off.
func dumpOf(routes int) []byte {
	var b strings.Builder
	const manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
	const authz = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
	b.WriteString(`{"static_resources":{"listeners":[{"filter_chains":[{"filters":[{"name":"hcm","typed_config":{` +
		`"@type":"` + manager + `","http_filters":[{"name":"authz","typed_config":{` +
		`"@type":"` + authz + `","grpc_service":{"envoy_grpc":{"cluster_name":"jwtgate"}}}}],` +
		`"route_config":{"virtual_hosts":[{"routes":[`)
	for i := range routes {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"näme-%d","route":{"cluster":"app"},"typed_per_filter_config":{"authz":{`+
			`"@type":"%sPerRoute","disabled":true}}}`, i, authz)
	}
	b.WriteString(`]}]}}}]}]}]}}`)
	return []byte(b.String())
}

// TestCountingLinesIsLinear: counting continues from the previous token, and not from the
// beginning of the line.
func TestCountingLinesIsLinear(t *testing.T) {
	for _, routes := range []int{1, 1000} {
		data := dumpOf(routes)
		walked, err := envoylint.Walked(data)
		if err != nil {
			t.Fatal(err)
		}
		if walked < len(data)/2 || walked > len(data) {
			t.Errorf("%d routes, a file of %d bytes: counted %d", routes, len(data), walked)
		}
	}
}

// TestFindingsCostIsLinear: four times as many routes cost about four times the work, and
// not sixteen times.
func TestFindingsCostIsLinear(t *testing.T) {
	allocs := func(routes int) float64 {
		data := dumpOf(routes)
		report := lint(t, string(data), plainGate(), envoylint.Plain)
		if len(report.Findings) < routes {
			t.Fatalf("got %d routes and %d findings", routes, len(report.Findings))
		}
		return testing.AllocsPerRun(1, func() {
			if _, err := envoylint.Lint("envoy.json", data, plainGate(), envoylint.Plain); err != nil {
				t.Error(err)
			}
		})
	}
	if few, many := allocs(200), allocs(800); many > 6*few {
		t.Errorf("200 routes take %.0f allocations, and 800 take %.0f", few, many)
	}
}

// TestExpressionLimits: an expression that is too large or too deep is not read, so reading any
// expression is bounded in time and stack. It counts as one that contains everything.
func TestExpressionLimits(t *testing.T) {
	everything := []string{"oauth2-code-logged", "token-logged"}
	for name, row := range map[string]struct {
		expression string // which contains no part of the request
		want       []string
	}{
		"1 MB":                 {"'" + strings.Repeat("a", 1<<20) + "'", everything},
		"parentheses":          {strings.Repeat("(", 100_000) + "a" + strings.Repeat(")", 100_000), everything},
		"fewer parentheses":    {strings.Repeat("(", 40_000) + "a" + strings.Repeat(")", 40_000), everything},
		"a chain":              {"a" + strings.Repeat(".a", 100_000), everything},
		"a shorter chain":      {"a" + strings.Repeat(".a", 40_000), everything},
		"a chain after a call": {"f()" + strings.Repeat(".a", 40_000), everything},
		"a sum":                {"a" + strings.Repeat("+a", 40_000), everything},
		"a chain as allowed":   {"f()" + strings.Repeat(".a", 200), nil},
		"many conditions":      {"a" + strings.Repeat("&&a", 20_000), nil},
	} {
		t.Run(name, func(t *testing.T) {
			const log = loggersBegin + logger + "stream.v3.StdoutAccessLog, log_format: { text_format_source: { inline_string: \"%CEL("
			file := loginWith(t, loggersBegin, log+row.expression+")%\" } } } }\n")
			wantFindings(t, lint(t, file, loginGate(), envoylint.Plain), row.want...)
		})
	}
}

// BenchmarkLint measures the time per route, which does not grow with their number.
func BenchmarkLint(b *testing.B) {
	for _, routes := range []int{1000, 4000, 16000} {
		data := dumpOf(routes)
		b.Run(fmt.Sprint(routes), func(b *testing.B) {
			for b.Loop() {
				if _, err := envoylint.Lint("envoy.json", data, plainGate(), envoylint.Plain); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*routes), "ns/route")
		})
	}
}

// TestNestedClusters: a cluster that several aggregate clusters contain is visited once.
func TestNestedClusters(t *testing.T) {
	var clusters strings.Builder
	const depth = 60
	for i := range depth {
		fmt.Fprintf(&clusters,
			`  - { name: n%d, cluster_type: { name: a, typed_config: { "@type": `+
				`type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [ n%d, n%d ] } } }`+"\n", i, i+1, i+2)
	}
	text := shippedWith(t, listenersKey, listenersKey+"  - "+tcpTo("n0")+"\n", "  clusters:\n", "  clusters:\n"+clusters.String())
	wantFindings(t, lint(t, text, plainGate(), envoylint.Plain), "not-read")
}
