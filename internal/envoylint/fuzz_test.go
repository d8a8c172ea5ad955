package envoylint_test

import (
	"os"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// FuzzLint: any bytes end in a report or in an error that names the file, and every
// finding has a rule and a place in the file.
func FuzzLint(f *testing.F) {
	for _, name := range []string{"../../envoy/envoy.yaml", "../e2e/testdata/bare.yaml", "testdata/envoy-gateway.yaml",
		"testdata/istio.yaml", "testdata/istio-sidecar.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"static_resources": {"listeners": [{"api_listener": {"api_listener": {"@type": ` +
		`"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", ` +
		`"http_filters": [{"disabled": true}]}}}]}}`))
	f.Add([]byte("static_resources: {listeners: [&a {filter_chains: [*a]}]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, platform := range []envoylint.Platform{envoylint.Plain, envoylint.Gateway, envoylint.Istio} {
			report, err := envoylint.Lint("envoy.yaml", data, plainGate(), platform)
			if err != nil {
				if report != nil || !strings.Contains(err.Error(), "envoy.yaml") {
					t.Errorf("%v, %v", report, err)
				}
				continue
			}
			for _, found := range report.Findings {
				if found.Rule.Why == "" || found.Text == "" || found.Fix == "" ||
					found.Pos.File != "envoy.yaml" || found.Pos.Line < 1 || found.Pos.Column < 1 {
					t.Errorf("%+v", found)
				}
			}
		}
	})
}
