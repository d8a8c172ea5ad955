//go:build !race

package e2e

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

const (
	runtimeLayer = "re2.max_program_size.error_level: 1000"
	guardPrefix  = runtimeLayer + ", envoy.reloadable_features."
	gcmGuards    = guardPrefix + "oauth2_use_gcm_encryption: true, envoy.reloadable_features.oauth2_legacy_cbc_decrypt_compat: false"
	oauth2Filter = `          - name: envoy.filters.http.oauth2
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2
              config:
                token_endpoint: { uri: "http://127.0.0.1/token", cluster: idp, timeout: 1s }
                authorization_endpoint: "http://127.0.0.1/authorize"
                redirect_uri: "http://localhost:8080/callback"
                redirect_path_matcher: { path: { exact: /callback } }
                signout_path: { path: { exact: /logout } }
                credentials: { client_id: web, token_secret: { name: secret }, hmac_secret: { name: secret } }
`
	oauth2Secrets = `  secrets: [ { name: secret, generic_secret: { secret: { inline_string: 0123456789abcdef } } } ]
`
	idpCluster = "  - { name: idp, type: STATIC, connect_timeout: 1s }\n"
)

// encryptsByCBC reports whether the cookie of a sign-in that begins is encrypted by AES-CBC.
func encryptsByCBC(t *testing.T, _ *lintFixture, p *envoyProxy) bool {
	t.Helper()
	got := http1(t, p.address, call{line: "GET /"})
	for _, cookie := range got.Header["Set-Cookie"] {
		if name, value, _ := strings.Cut(cookie, "="); strings.HasPrefix(name, "CodeVerifier") {
			return !strings.HasPrefix(value, "gcm.")
		}
	}
	t.Fatalf("a request without a session got status %d, and no cookie CodeVerifier: %q", got.Status, got.Header["Set-Cookie"])
	return false
}

// withOAuth2 are the edits for a sign-in by Envoy.
func withOAuth2(runtime string) []string {
	return []string{authzFilter, oauth2Filter + authzFilter, "static_resources:\n", "static_resources:\n" + oauth2Secrets,
		clustersEnd, idpCluster + clustersEnd, runtimeLayer, runtime}
}

// limited is a rate limit of one request by user, which an action reads from a request.
func limited(action string) string {
	return `          - name: limit
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit
              token_bucket: { max_tokens: 1000, tokens_per_fill: 1000, fill_interval: 3600s }
              filter_enabled: { default_value: { numerator: 100 } }
              filter_enforced: { default_value: { numerator: 100 } }
              descriptors:
              - entries: [ { key: user, value: 4f0c5b8e-ann } ]
                token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: 3600s }
              rate_limits: [ { actions: [ ` + action + ` ] } ]
`
}

const (
	byClaim = `{ extension: { name: claim, typed_config: { "@type": type.googleapis.com/` +
		`envoy.extensions.rate_limit_descriptors.jwt_claim.v3.Descriptor, descriptor_key: user, header_name: authorization, ` +
		`value_prefix: "Bearer ", claim_name: sub } } }`
	bySubject = `{ metadata: { descriptor_key: user, metadata_key: { key: envoy.filters.http.ext_authz, ` +
		`path: [ { key: jwtgate }, { key: subject } ] } } }`
)

// usesUpTheLimit reports whether a token with a forged signature takes a user's only request.
func usesUpTheLimit(t *testing.T, w *lintFixture, p *envoyProxy) bool {
	t.Helper()
	part := base64.RawURLEncoding.EncodeToString
	forged := "authorization: Bearer " + part([]byte(`{"alg":"RS256"}`)) + "." + part([]byte(`{"sub":"4f0c5b8e-ann"}`)) + "." +
		part([]byte("a"))
	if got := http1(t, p.address, call{line: "GET /", headers: []string{forged}}); got.Status != http.StatusUnauthorized {
		t.Fatalf("the forged token got status %d, want 401", got.Status)
	}
	usedUp := !w.reaches(t, p, call{line: "GET /", headers: []string{w.allowed}})
	if got := http1(t, p.address, call{line: "GET /", headers: []string{w.allowed}}); got.Status != http.StatusTooManyRequests {
		t.Errorf("the user's second request got status %d, want 429", got.Status)
	}
	return usedUp
}

// lintReleaseRows are about what a release of Envoy has and does not use, or cannot verify.
func lintReleaseRows() []lintRow {
	unasked := []string{firstRoute, firstRoute + openRoute(perRouteType+", disabled: true")}
	return []lintRow{
		{id: "fix-switched-off", also: unasked, further: []string{"ext-authz-disabled"}, always: []string{"ext-authz-disabled"},
			edits: []string{runtimeLayer, guardPrefix + "strip_dotdot_segments_with_parameters: false"}, open: unchecked("/open/..;/admin")},
		{id: "oauth2-cookies", edits: withOAuth2(runtimeLayer), fix: withOAuth2(gcmGuards), open: encryptsByCBC,
			further: signInFindings(), always: signInFindings()},
		{id: "jwt-claim-unverified", edits: []string{authzFilter, limited(byClaim) + authzFilter},
			fix: []string{routerFilter, limited(bySubject) + routerFilter}, open: usesUpTheLimit},
	}
}
