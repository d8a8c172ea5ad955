package e2e

import (
	"strings"
	"testing"
)

// derivedEnvoy runs the shipped Envoy file with further edits of users: pairs of a text
// that occurs once and its replacement.
func derivedEnvoy(t *testing.T, gate, application string, edits ...string) *envoyProxy {
	t.Helper()
	text := shippedWithOrigin(t)
	for i := 0; i < len(edits); i += 2 {
		if n := strings.Count(text, edits[i]); n != 1 {
			t.Fatalf("the shipped file has %d times, not once:\n%s", n, edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return startEditedEnvoy(t, []byte(text), gate, application)
}

// firstRoute is the line before the shipped file's routes.
const firstRoute = `              routes:
`

// namedRoute returns an Envoy route with context_extensions for the gate.
func namedRoute(prefix, extensions string) string {
	return `              - match: { prefix: "` + prefix + `" }
                route: { cluster: app, timeout: 0s }
                typed_per_filter_config:
                  envoy.filters.http.ext_authz:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                    check_settings: { context_extensions: ` + extensions + ` }
`
}
