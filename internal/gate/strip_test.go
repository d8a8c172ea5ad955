package gate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// identityNames returns the names that only the gate may set, including a disabled header and
// one of identity.strip.
func identityNames() []string {
	return []string{
		"x-user-id", "x-user-name", "x-user-email", "x-user-groups", "x-user-scopes", "x-user-client", "x-user-kind", "x-user-issuer",
		"x-user-roles",
	}
}

// guarded returns the names that no client may send: identity headers and overrides.
func guarded() []string {
	return append(identityNames(),
		"x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-forwarded-method",
		"x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri", "x-forwarded-path", "x-forwarded-prefix",
		"x-script-name", "script-name", "path-info",
		"x-forwarded-host", "x-forwarded-server", "forwarded", "x-host", "x-original-host", "x-http-host-override",
	)
}

// forged returns every guarded name in many spellings.
func forged() []string {
	var fields []string
	for _, name := range guarded() {
		for _, spelling := range []string{
			name, strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."),
			strings.Replace(name, "-", "_", 1), strings.ReplaceAll(name, "-", "!"), strings.ReplaceAll(strings.ToUpper(name), "-", "_"),
		} {
			fields = append(fields, spelling+": root")
		}
	}
	return fields
}

func TestDecideStripsOnEveryRoute(t *testing.T) {
	w := startWith(t, issuersYAML+passYAML+routesYAML)
	raw := mint(t, w.home, claims(nil))
	for reason, r := range map[gate.Reason]*request.Request{
		"public":            get("/open/x"),
		"anonymous":         get("/optional/x"),
		"anonymous_invalid": get("/lenient/x", bearer("null")),
		"allowed":           get("/strict", bearer(raw)),
	} {
		t.Run(string(reason), func(t *testing.T) { checkStripped(t, w, r, reason) })
	}
	t.Run("a token with a shared identity", func(t *testing.T) {
		if _, shared := w.allow(t, get("/strict", bearer(raw))); shared == "" {
			t.Fatal("the identity is not shared")
		}
		checkStripped(t, w, get("/strict", bearer(raw)), gate.ReasonAllowed)
	})
	t.Run("preflight", func(t *testing.T) {
		// A request with an override header is not a preflight, so these are left out.
		r := requestOf("OPTIONS", "/strict", "origin: https://app.example", "access-control-request-method: GET")
		users := slices.DeleteFunc(forged(), func(field string) bool { return !strings.Contains(strings.ToLower(field), "user") })
		r.Headers = append(r.Headers, get("/", users...).Headers...)
		d := w.decide(t, r)
		if got := identityOf(forwarded(d, r)); d.Reason != gate.ReasonPreflight || len(got) > 0 {
			t.Errorf("%s: the application receives %v", d.Reason, got)
		}
		checkAlwaysRemoved(t, d)
	})
}

// checkStripped sends every spelling of every guarded name, and checks what the application
// receives.
func checkStripped(t *testing.T, w *fixture, r *request.Request, reason gate.Reason) {
	t.Helper()
	r.Headers = append(r.Headers, get("/", append(forged(), "x-user: kept", "x-users-id: kept")...).Headers...)
	d := w.decide(t, r)
	if d.Reason != reason {
		t.Fatalf("%s (%s), want %s", d.Reason, d.InternalDetail, reason)
	}
	checkAlwaysRemoved(t, d)
	got := forwarded(d, r)
	for name, values := range got {
		if slices.Contains(values, "root") {
			t.Errorf("the application receives %s: %v", name, values)
		}
	}
	for _, name := range []string{"x-user", "x-users-id"} {
		if !slices.Equal(got[name], []string{"kept"}) {
			t.Errorf("%s is not a guarded name and was removed", name)
		}
	}
	users := identityOf(got)
	if reason == gate.ReasonAllowed && users["x-user-id"] != "alice" || reason != gate.ReasonAllowed && len(users) > 0 {
		t.Errorf("the application receives %v", users)
	}
}

// checkAlwaysRemoved checks that each identity header is set or removed with dashes and with
// underscores, even if the request does not have it: Envoy may not show all headers to the
// gate.
func checkAlwaysRemoved(t *testing.T, d *gate.Decision) {
	t.Helper()
	set := map[string]bool{}
	for h := range d.Set.All() {
		set[h.Name] = true
	}
	for _, name := range identityNames() {
		for _, spelling := range []string{name, strings.ReplaceAll(name, "-", "_")} {
			if removed := slices.Contains(d.Remove, spelling); removed == set[spelling] {
				t.Errorf("%s: %s is removed: %v, set: %v; want one of them", d.Reason, spelling, removed, set[spelling])
			}
		}
	}
}

func TestStripWithoutBeingSent(t *testing.T) {
	w := start(t)
	for reason, r := range map[gate.Reason]*request.Request{
		"public":    get("/open/x"),
		"anonymous": get("/optional/x"),
		"allowed":   get("/strict", bearer(mint(t, w.home, claims(nil)))),
	} {
		t.Run(string(reason), func(t *testing.T) {
			d := w.decide(t, r)
			if d.Reason != reason {
				t.Fatalf("%s (%s)", d.Reason, d.InternalDetail)
			}
			checkAlwaysRemoved(t, d)
		})
	}
}

// The credential is removed from where it was read.
func TestCredentialIsRemoved(t *testing.T) {
	const routes = "routes: [{match: /open, access: public}, {match: /lenient, access: optional, if_invalid: anonymous}]\n"
	removing := startWith(t, issuersYAML+routes)
	keeping := startWith(t, issuersYAML+routes+"tokens: {forward: true}\n")
	for _, row := range []struct {
		name    string
		w       *fixture
		target  string
		fields  []string
		reason  gate.Reason
		removed bool
	}{
		{"a token that was read", removing, "/x", []string{bearer("TOKEN")}, "allowed", true},
		{"the same, under another case", removing, "/x", []string{"AUTHORIZATION: bEaReR TOKEN"}, "allowed", true},
		{"the same, with forward", keeping, "/x", []string{bearer("TOKEN")}, "allowed", false},
		{"a token that failed", removing, "/lenient", []string{bearer("null")}, "anonymous_invalid", true},
		{"the same, with forward", keeping, "/lenient", []string{bearer("null")}, "anonymous_invalid", true},
		{"two tokens", removing, "/lenient", []string{bearer("a"), bearer("b")}, "anonymous_invalid", true},
		{"another scheme", removing, "/lenient", []string{"authorization: Basic dTpw"}, "anonymous", false},
		{"a token that nobody reads", removing, "/open", []string{bearer("TOKEN")}, "public", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := get(row.target, row.fields...)
			for i := range r.Headers {
				r.Headers[i].Value = strings.Replace(r.Headers[i].Value, "TOKEN", mint(t, row.w.home, claims(nil)), 1)
			}
			d := row.w.decide(t, r)
			if d.Reason != row.reason {
				t.Fatalf("%s (%s), want %s", d.Reason, d.InternalDetail, row.reason)
			}
			if _, kept := forwarded(d, r)["authorization"]; kept == row.removed {
				t.Errorf("the credential is forwarded: %v", kept)
			}
		})
	}
}

// TestStripCookies: the application receives no cookie of identity.strip_cookies, whatever
// the route and the reason, also when the identity of an earlier request is used again.
func TestStripCookies(t *testing.T) {
	const section = "identity: {strip_cookies: [session, 'flow*']}\n"
	const routes = "routes: [{match: /open, access: public}, {match: /maybe, access: optional, if_invalid: anonymous}]\n"
	for name, tokens := range map[string]string{"removing": "", "keeping": "tokens: {forward: true}\n"} {
		w := startWith(t, issuersYAML+routes+section+tokens)
		token := bearer(mint(t, w.home, claims(nil)))
		for _, row := range []struct {
			target, reason string
			fields         []string
		}{
			{"/open", "public", nil}, {"/maybe", "anonymous", nil}, {"/maybe", "anonymous_invalid", []string{bearer("null")}},
			{"/x", "allowed", []string{token}}, {"/x", "allowed", []string{token}},
		} {
			t.Run(name+" "+row.reason, func(t *testing.T) {
				r := get(row.target, append([]string{"cookie: a=1; session=x; flow.1=y; flow=z"}, row.fields...)...)
				d := w.decide(t, r)
				if got := forwarded(d, r)["cookie"]; string(d.Reason) != row.reason || !slices.Equal(got, []string{"a=1"}) {
					t.Errorf("%s (%s), and the cookies %q", d.Reason, d.InternalDetail, got)
				}
				// Without these cookies, and from the same token.
				r = get(row.target, append([]string{"cookie: a=1"}, row.fields...)...)
				d = w.decide(t, r)
				if got := forwarded(d, r)["cookie"]; !slices.Equal(got, []string{"a=1"}) {
					t.Errorf("other cookies become %q", got)
				}
				if d.KeepRendered != nil {
					d.KeepRendered("rendered")
				}
			})
		}
	}
}
