package gate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// A route in shadow forwards requests that fail checks 3 to 9, without identity and
// credential. The decision has the reason of the failure.
func TestShadowRoute(t *testing.T) {
	w := startWith(t, issuersYAML+`
identity: {max_value_bytes: 64, strip: [x-user-roles]}
routes:
  - name: shadow
    match: /shadow/**
    issuers: [home]
    groups: [admin]
    shadow: true
    tokens_from: [bearer, {cookie: session}, {query: access_token}]
  - {name: kept,    match: /kept, forward: true, shadow: true}
  - {name: closed,  match: /closed, access: deny}
  - {name: lenient, match: /lenient, access: optional, if_invalid: anonymous, shadow: true}
  - {name: half,    match: /half, access: optional, shadow: true}
`)
	good := mint(t, w.home, claims(nil))
	guest := mint(t, w.home, claims(map[string]any{"groups": []string{"guests"}}))
	large := mint(t, w.home, claims(map[string]any{"sub": strings.Repeat("x", 65)}))
	dark := mint(t, w.dark, map[string]any{"aud": "orders-api", "sub": "a"})
	for _, row := range []struct {
		name            string
		r               *request.Request
		want, wouldDeny gate.Reason
	}{
		{"no failure", get("/shadow/x", bearer(good)), "allowed", ""},
		{"no token", get("/shadow/x"), "shadowed", "credential_missing"},
		{"no JWT", get("/shadow/x", bearer("null")), "shadowed", "token_malformed"},
		{"two tokens", get("/shadow/x", bearer(good), bearer(guest)), "shadowed", "credential_ambiguous"},
		{"two places", get("/shadow/x?access_token="+good, bearer(good)), "shadowed", "credential_ambiguous"},
		{"a cookie of another site", requestOf("POST", "/shadow/x", "cookie: a=b; session="+good, "origin: https://evil.example"),
			"shadowed", "cross_site"},
		{"a tampered token", get("/shadow/x", bearer(tampered(good))), "shadowed", "signature_invalid"},
		{"an issuer without keys", get("/shadow/x", bearer(dark)), "shadowed", "keys_unavailable"},
		{"not in the group", get("/shadow/x?access_token=" + guest), "shadowed", "group_missing"},
		{"a forwarded credential", get("/kept", bearer(tampered(good))), "shadowed", "signature_invalid"},
		{"an optional route", get("/half", bearer("null")), "shadowed", "token_malformed"},
		{"an optional route without a token", get("/half"), "anonymous", ""},
		{"if_invalid takes precedence", get("/lenient", bearer("null")), "anonymous_invalid", "token_malformed"},

		{"a value too large", get("/shadow/x", bearer(large)), "identity_too_large", ""},
		{"a path", get("/shadow/..;/x", bearer(good)), "path_refused", ""},
		{"a closed route", get("/closed", bearer(good)), "route_denied", ""},
		{"a named route that does not match", named("shadow", get("/x", bearer(good))), "route_mismatch", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.r.Headers = append(row.r.Headers, get("/", forged()...).Headers...)
			d := w.decide(t, row.r)
			if d.Reason != row.want || d.WouldDeny != row.wouldDeny {
				t.Fatalf("%s, would deny %q (%s), want %s and %q", d.Reason, d.WouldDeny, d.InternalDetail, row.want, row.wouldDeny)
			}
			if d.Verdict != gate.VerdictAllow {
				return
			}
			checkAlwaysRemoved(t, d)
			if row.wouldDeny != "" {
				checkUnenforced(t, d, row.r)
			}
		})
	}
}

// checkUnenforced checks that neither identity nor credential is forwarded, and that the
// decision says why the request would be denied, and what to change.
func checkUnenforced(t *testing.T, d *gate.Decision, r *request.Request) {
	t.Helper()
	received := forwarded(d, r)
	if got := identityOf(received); len(got) > 0 {
		t.Errorf("the application receives %v", got)
	}
	for name, values := range received {
		if strings.Contains(strings.Join(values, ""), "eyJ") {
			t.Errorf("the token is forwarded in %s", name)
		}
	}
	if strings.Contains(r.Target, "access_token=") != slices.Contains(d.RemoveParameters, "access_token") {
		t.Errorf("%.20s...: the parameters %v are removed", r.Target, d.RemoveParameters)
	}
	if d.InternalDetail == "" || d.Hint == "" || d.Denial != nil {
		t.Errorf("detail %q, hint %q, denial %+v", d.InternalDetail, d.Hint, d.Denial)
	}
}

// With the gate in shadow, all routes are in shadow unless they say otherwise, with the
// default route.
func TestShadowGate(t *testing.T) {
	w := startWith(t, issuersYAML+`
shadow: true
routes:
  - {name: routed,   match: /routed}
  - {name: enforced, match: /enforced, shadow: false}
  - {name: closed,   match: /closed, access: deny}
`)
	for path, row := range map[string]struct{ want, wouldDeny gate.Reason }{
		"/routed":   {"shadowed", "credential_missing"},
		"/nowhere":  {"shadowed", "credential_missing"},
		"/enforced": {"credential_missing", ""},
		"/closed":   {"route_denied", ""},
		"/a//b":     {"path_refused", ""},
	} {
		if d := w.decide(t, get(path)); d.Reason != row.want || d.WouldDeny != row.wouldDeny {
			t.Errorf("%s: %s, would deny %q, want %+v", path, d.Reason, d.WouldDeny, row)
		}
	}
	deny := startWith(t, issuersYAML+"shadow: true\ndefault: deny\n")
	if d := deny.decide(t, get("/nowhere")); d.Reason != gate.ReasonRouteDenied {
		t.Errorf("default: deny: %s", d.Reason)
	}
}

// sampled returns a gate whose routes have different sampling.
const sampledYAML = `
audit: {denied: all, allowed: none, to: stdout}
routes:
  - {name: plain, match: /plain, access: public}
  - {name: none,  match: /none, issuers: [home], audit: none}
  - {name: all,   match: /all, access: public, audit: all}
  - {name: some,  match: /some, access: public, audit: 1/4}
  - {name: lax,   match: /lax, access: optional, if_invalid: anonymous}
  - {name: quiet, match: /quiet, access: optional, if_invalid: anonymous, audit: none}
  - {name: shade, match: /shade, shadow: true}
`

// The sampling of a route replaces that of the gate. A failure that is not enforced counts as
// a denial, and so does a request that could not be read.
func TestAuditSampling(t *testing.T) {
	w := startWith(t, issuersYAML+sampledYAML)
	good := bearer(mint(t, w.home, claims(nil)))
	for _, row := range []struct {
		name string
		r    *request.Request
		want gate.Reason
		kept bool
	}{
		{"allowed", get("/plain"), "public", false},
		{"allowed by a route that records all", get("/all"), "public", true},
		{"denied", get("/nowhere"), "credential_missing", true},
		{"denied before there is a route", get("/a//b"), "path_refused", true},
		{"denied by a route that records none", get("/none"), "credential_missing", false},
		{"allowed by a route that records none", get("/none", good), "allowed", false},
		{"not enforced", get("/lax", bearer("null")), "anonymous_invalid", true},
		{"not enforced, on a route that records nothing", get("/quiet", bearer("null")), "anonymous_invalid", false},
		{"anonymous", get("/lax"), "anonymous", false},
		{"in shadow", get("/shade"), "shadowed", true},
		{"in shadow, and allowed", get("/shade", good), "allowed", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			for range 20 {
				d := w.decide(t, row.r)
				if d.Reason != row.want || d.Record != row.kept || d.To != config.AuditStdout {
					t.Fatalf("%s, recorded %v at %s, want %s and %v", d.Reason, d.Record, d.To, row.want, row.kept)
				}
			}
		})
	}
	if d := w.gate.Refuse(gate.ReasonInternal, "x"); !d.Record || d.To != config.AuditStdout {
		t.Errorf("malformed: recorded %v at %s", d.Record, d.To)
	}
}

func TestAuditSamplesOneInSoMany(t *testing.T) {
	w := startWith(t, issuersYAML+strings.Replace(sampledYAML, "denied: all, allowed: none", "denied: 1/10, allowed: 1/2", 1))
	const n = 4000
	for _, row := range []struct {
		name  string
		ask   func() *gate.Decision
		oneIn int
	}{
		{"a route's own", func() *gate.Decision { return w.gate.Decide(t.Context(), get("/some")) }, 4},
		{"allowed", func() *gate.Decision { return w.gate.Decide(t.Context(), get("/plain")) }, 2},
		{"denied", func() *gate.Decision { return w.gate.Decide(t.Context(), get("/nowhere")) }, 10},
		{"refused", func() *gate.Decision { return w.gate.Refuse(gate.ReasonInternal, "") }, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			kept := 0
			for range n {
				if row.ask().Record {
					kept++
				}
			}
			// More than eight standard deviations in both directions.
			if due := n / row.oneIn; kept < due*6/10 || kept > due*14/10 {
				t.Errorf("%d of %d were recorded, want about %d", kept, n, due)
			}
		})
	}
}
