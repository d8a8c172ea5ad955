//go:build !race

package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// metric is one that running servers expose.
type metric struct {
	kind   string                     // counter, gauge, histogram
	labels map[string]map[string]bool // :: name -> values seen
}

// families returns the metrics that a server exposes now.
func (g *gateProcess) families(t *testing.T) (map[string]*dto.MetricFamily, error) {
	t.Helper()
	status, body, err := g.adminGet(t, "/metrics")
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("status %d: %w", status, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(strings.NewReader(body))
}

// exposed runs servers with all features, and returns the metrics that they expose, with a
// sample of each.
func exposed(t *testing.T) map[string]metric {
	t.Helper()
	issuers, sink := startIssuers(t), startSink(t)
	environment := append(issuers.environment(), "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP())
	live := twoIssuers + "revoked: {file: " + testutil.File(t, "revoked.jsonl", "") + "}\n" +
		"routes: [{name: open, match: /open, groups: [a], issuers: [cruddur]}, {match: /public, access: public}]\n"
	candidate := twoIssuers + "routes: [{name: open, match: /open, access: public}]\n"
	plain := startServe(t, freeAddress(t), freeAddress(t),
		[]string{
			"--config", testutil.File(t, "jwtgate.yaml", live),
			"--candidate-config", testutil.File(t, "candidate.yaml", candidate),
		}, environment)
	plain.waitServing(t)
	plain.waitReady(t)
	if err := plain.answers(t); err != nil {
		t.Fatal(err)
	}
	certificate, key := testutil.LoopbackCertificate(t)
	secure := strings.Replace(twoIssuers, "server: {", "server: {tls: {cert_file: "+certificate+", key_file: "+key+"}, ", 1)
	withTLS := startGateUnready(t, testutil.File(t, "jwtgate.yaml", secure), issuers.environment()...)
	withTLS.waitReady(t)

	all := map[string]metric{}
	for of, last := range map[*gateProcess]string{plain: "jwtgate_candidate_differences_total",
		withTLS: "jwtgate_certificate_expiry_timestamp_seconds"} {
		var found map[string]*dto.MetricFamily
		eventually(t, 5*time.Second, last, func() (err error) {
			if found, err = of.families(t); err == nil && found[last] == nil {
				err = fmt.Errorf("it is not exposed")
			}
			return err
		})
		addFamilies(all, found)
	}
	return all
}

// exposedByEnvoy runs the shipped Envoy file without a gate, and adds the metrics that
// Envoy exposes.
func exposedByEnvoy(t *testing.T, all map[string]metric) {
	t.Helper()
	proxy := startShippedEnvoy(t, freeAddress(t), freeAddress(t))
	response, err := http.Get("http://" + proxy.admin + "/stats/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %v", response.StatusCode, err)
	}
	addFamilies(all, found)
}

// addFamilies adds metrics with their labels.
func addFamilies(all map[string]metric, found map[string]*dto.MetricFamily) {
	for name, family := range found {
		if _, known := all[name]; !known {
			all[name] = metric{strings.ToLower(family.GetType().String()), map[string]map[string]bool{}}
		}
		for _, sample := range family.GetMetric() {
			for _, label := range sample.GetLabel() {
				if all[name].labels[label.GetName()] == nil {
					all[name].labels[label.GetName()] = map[string]bool{}
				}
				all[name].labels[label.GetName()][label.GetValue()] = true
			}
		}
	}
}

// codeSpans returns the code spans of a text.
func codeSpans(text string) []string {
	var all []string
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}

// TestTheMetricsTableIsComplete: docs/operating.md lists exactly the metrics that a running
// server exposes, with their types and labels; metrics that users' dashboards depend on
// stay.
func TestTheMetricsTableIsComplete(t *testing.T) {
	all := exposed(t)
	rows := map[string]bool{}
	for line := range strings.Lines(read(t, "../../docs/operating.md")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || !strings.HasPrefix(strings.TrimSpace(cells[0]), "`jwtgate_") {
			continue
		}
		name := codeSpans(cells[0])[0]
		if rows[name] {
			t.Errorf("%s has two rows", name)
		}
		rows[name] = true
		is, there := all[name]
		if !there {
			t.Errorf("the page has %s, and no server exposes it", name)
			continue
		}
		if kind := strings.TrimSpace(cells[1]); kind != is.kind {
			t.Errorf("the page lists %s as a %s, want %s", name, kind, is.kind)
		}
		labels := codeSpans(cells[2])
		slices.Sort(labels)
		if want := slices.Sorted(maps.Keys(is.labels)); !slices.Equal(labels, want) {
			t.Errorf("the page gives %s the labels %q, and it has %q", name, labels, want)
		}
	}
	for name := range all {
		if strings.HasPrefix(name, "jwtgate_") && !rows[name] {
			t.Errorf("%s is exposed, and the page does not have it", name)
		}
	}
	for name, labels := range map[string]string{
		"jwtgate_checks_total": "reason route verdict", "jwtgate_check_duration_seconds": "", "jwtgate_token_cache_total": "result",
		"jwtgate_keys": "issuer", "jwtgate_keys_age_seconds": "issuer", "jwtgate_key_fetches_total": "issuer result",
		"jwtgate_config_reloads_total": "result", "jwtgate_relaxations": "kind", "jwtgate_audit_dropped_total": "",
		"jwtgate_build_info": "commit goversion version",
	} {
		if got := strings.Join(slices.Sorted(maps.Keys(all[name].labels)), " "); got != labels || !rows[name] {
			t.Errorf("%s has the labels %q, want %q", name, got, labels)
		}
	}
}
