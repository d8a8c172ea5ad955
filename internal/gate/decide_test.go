package gate_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// draft is a request before it is built.
type draft struct {
	target, host   string
	more           []string // header fields in addition to the token's
	header, claims map[string]any
	tamper         bool
	suffix         string // written after the token
}

// violation makes a draft fail one check.
type violation struct {
	reason gate.Reason
	breaks func(*draft)
}

// violations has a violation for each check, in the order of the checks.
func violations() []violation {
	ago, soon := time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix()
	claim := func(name string, value any) func(*draft) {
		return func(d *draft) { d.claims[name] = value }
	}
	header := func(name string, value any) func(*draft) {
		return func(d *draft) { d.header[name] = value }
	}
	return []violation{
		{"path_refused", func(d *draft) { d.target += "/%2e%2e/x" }},
		{"host_refused", func(d *draft) { d.host = "a.example,b.example" }},
		{"route_denied", func(d *draft) { d.target = "/closed/x" }},
		{"credential_ambiguous", func(d *draft) { d.more = append(d.more, "Authorization: Bearer other") }},
		{"token_malformed", func(d *draft) { d.suffix = ".more" }},
		{"alg_not_allowed", header("alg", "none")},
		{"header_not_allowed", header("crit", []string{"exp"})},
		{"type_not_allowed", header("typ", "logout+jwt")},
		{"issuer_unknown", claim("iss", "https://evil.example/")},
		{"kid_missing", header("kid", "")},
		{"key_unknown", header("kid", "no-such-key")},
		{"signature_invalid", func(d *draft) { d.tamper = true }},
		{"expired", claim("exp", ago)},
		{"not_yet_valid", claim("nbf", soon)},
		{"issued_in_future", claim("iat", soon)},
		{"lifetime_too_long", claim("iat", nil)},
		{"audience_mismatch", claim("aud", "another-api")},
		{"client_mismatch", claim("client_id", "evil")},
		{"claim_mismatch", claim("org", "evil")},
		{"token_bound", claim("cnf", map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})},
		{"subject_missing", claim("sub", nil)},
		{"issuer_not_allowed", func(d *draft) { d.target = "/elsewhere" }},
		{"group_missing", claim("groups", []string{"guests"})},
		{"scope_missing", claim("scope", "orders/read")},
		{"client_not_allowed", claim("client_id", "mobile")},
		{"identity_too_large", claim("preferred_username", strings.Repeat("x", 65))},
	}
}

// A request that fails a check and every later check is denied for the first one. So a
// denial reveals nothing about checks that were not reached.
func TestFirstFailureIsTheReason(t *testing.T) {
	w := start(t)
	for first, one := range violations() {
		t.Run(string(one.reason), func(t *testing.T) {
			d := draft{target: "/strict", host: "api.example", header: map[string]any{}, claims: claims(nil)}
			// The last violation comes first, so that the first one takes effect.
			for _, rule := range slices.Backward(violations()[first:]) {
				rule.breaks(&d)
			}
			raw := sign(t, w.home, d.header, d.claims)
			if d.tamper {
				raw = tampered(raw)
			}
			r := get(d.target, append(d.more, bearer(raw+d.suffix))...)
			r.Authority = d.host
			if got := w.decide(t, r); got.Reason != one.reason || got.Verdict != gate.VerdictDeny {
				t.Errorf("%s for %s (%s), want a denial for %s", got.Verdict, got.Reason, got.InternalDetail, one.reason)
			}
		})
	}
	t.Run("none broken", func(t *testing.T) {
		if got := w.decide(t, get("/strict", bearer(mint(t, w.home, claims(nil))))); got.Reason != gate.ReasonAllowed {
			t.Errorf("%s (%s), want allowed", got.Reason, got.InternalDetail)
		}
	})
}

// Each kind of access is tested with each kind of credential.
func TestAccess(t *testing.T) {
	w := start(t)
	fine := mint(t, w.home, claims(nil))
	old, err := w.home.Mint(claims(nil), -time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	credentials := map[string][]string{
		"none":        nil,
		"empty":       {"authorization: "},
		"another":     {"authorization: Basic dTpw"},
		"proper":      {bearer(fine)},
		"lower case":  {"Authorization: bearer   " + fine},
		"expired":     {bearer(old)},
		"null":        {"authorization: Bearer null"},
		"bare scheme": {"authorization: Bearer"},
		"two fields":  {bearer(fine), bearer(fine)},
		"one comma":   {bearer(fine + "," + fine)},
		"outage":      {bearer(mint(t, w.dark, map[string]any{"aud": "orders-api", "sub": "a"}))},
		"unknown key": {bearer(sign(t, w.home, map[string]any{"kid": "new"}, claims(nil)))},
	}
	for access, row := range map[string]struct {
		target string
		want   map[string]gate.Reason
	}{
		"public": {"/open/x", map[string]gate.Reason{
			"none": "public", "empty": "public", "another": "public", "proper": "public", "lower case": "public",
			"expired": "public", "null": "public", "bare scheme": "public", "two fields": "public",
			"one comma": "public", "outage": "public", "unknown key": "public",
		}},
		"optional": {"/optional/x", map[string]gate.Reason{
			"none": "anonymous", "empty": "anonymous", "another": "anonymous", "proper": "allowed", "lower case": "allowed",
			"expired": "expired", "null": "token_malformed", "bare scheme": "token_malformed", "two fields": "credential_ambiguous",
			"one comma": "credential_ambiguous", "outage": "keys_unavailable", "unknown key": "key_unknown",
		}},
		"optional, if_invalid: anonymous": {"/lenient/x", map[string]gate.Reason{
			"none": "anonymous", "empty": "anonymous", "another": "anonymous", "proper": "allowed", "lower case": "allowed",
			"expired": "anonymous_invalid", "null": "anonymous_invalid", "bare scheme": "anonymous_invalid", "two fields": "anonymous_invalid",
			"one comma": "anonymous_invalid", "outage": "anonymous_invalid", "unknown key": "anonymous_invalid",
		}},
		"required": {"/strict", map[string]gate.Reason{
			"none": "credential_missing", "empty": "credential_missing", "another": "credential_missing",
			"proper": "allowed", "lower case": "allowed",
			"expired": "expired", "null": "token_malformed", "bare scheme": "token_malformed", "two fields": "credential_ambiguous",
			"one comma": "credential_ambiguous", "outage": "keys_unavailable", "unknown key": "key_unknown",
		}},
		"no route matches": {"/anything", map[string]gate.Reason{
			"none": "credential_missing", "empty": "credential_missing", "another": "credential_missing",
			"proper": "allowed", "lower case": "allowed",
			"expired": "expired", "null": "token_malformed", "bare scheme": "token_malformed", "two fields": "credential_ambiguous",
			"one comma": "credential_ambiguous", "outage": "keys_unavailable", "unknown key": "key_unknown",
		}},
		"deny": {"/closed/x", map[string]gate.Reason{
			"none": "route_denied", "empty": "route_denied", "another": "route_denied", "proper": "route_denied", "lower case": "route_denied",
			"expired": "route_denied", "null": "route_denied", "bare scheme": "route_denied", "two fields": "route_denied",
			"one comma": "route_denied", "outage": "route_denied", "unknown key": "route_denied",
		}},
	} {
		if len(row.want) != len(credentials) {
			t.Fatalf("%s: %d rows for %d credentials", access, len(row.want), len(credentials))
		}
		for name, want := range row.want {
			t.Run(access+"/"+name, func(t *testing.T) {
				r := get(row.target, append(slices.Clone(credentials[name]), "x-user-id: root", "x-trace: 1")...)
				d := w.decide(t, r)
				if d.Reason != want {
					t.Fatalf("%s (%s), want %s", d.Reason, d.InternalDetail, want)
				}
				if d.Verdict == gate.VerdictAllow {
					checkForwarded(t, d, r)
				}
			})
		}
	}
}

// checkForwarded checks that the application receives the identity and the credential only
// if the reason of the decision says so.
func checkForwarded(t *testing.T, d *gate.Decision, r *request.Request) {
	t.Helper()
	got := forwarded(d, r)
	users, known := identityOf(got), d.Reason == gate.ReasonAllowed
	if known && (users["x-user-id"] != "alice" || users["x-user-issuer"] != "home") {
		t.Errorf("the application receives %v", users)
	}
	if !known && len(users) > 0 {
		t.Errorf("the application receives the identity %v, which was not verified", users)
	}
	_, sent := forwarded(&gate.Decision{}, r)["authorization"]
	_, kept := got["authorization"]
	removed := known || d.Reason == gate.ReasonAnonymousInvalid
	if kept != (sent && !removed) {
		t.Errorf("authorization: sent %v, forwarded %v, with reason %s", sent, kept, d.Reason)
	}
	if !slices.Equal(got["x-trace"], []string{"1"}) {
		t.Errorf("another header was changed: %v", got)
	}
}

// A requirement is met by one item of a list, or by all of them if the route says so.
func TestRequirement(t *testing.T) {
	w := start(t)
	for name, row := range map[string]struct {
		target  string
		changed map[string]any
		want    gate.Reason
	}{
		"one group of two":           {"/team", map[string]any{"groups": []string{"staff"}}, "allowed"},
		"no group":                   {"/team", map[string]any{"groups": nil}, "group_missing"},
		"groups that are not a list": {"/team", map[string]any{"groups": map[string]any{"admin": true}}, "group_missing"},
		"a group that is a string":   {"/team", map[string]any{"groups": "admin"}, "allowed"},
		"two groups in a string":     {"/team", map[string]any{"groups": "admin users"}, "group_missing"},
		"a group in another case":    {"/team", map[string]any{"groups": []string{"Admin"}}, "group_missing"},
		"one scope of two":           {"/readers", map[string]any{"scope": "orders/admin"}, "allowed"},
		"scopes as a list":           {"/readers", map[string]any{"scope": nil, "scp": []string{"orders/read"}}, "allowed"},
		"a prefix of a scope":        {"/readers", map[string]any{"scope": "orders"}, "scope_missing"},
		"all scopes":                 {"/strict", map[string]any{"scope": "orders/write other orders/read"}, "allowed"},
		"one scope where all count":  {"/strict", map[string]any{"scope": "orders/write"}, "scope_missing"},
	} {
		t.Run(name, func(t *testing.T) {
			d := w.decide(t, get(row.target, bearer(sign(t, w.home, nil, claims(row.changed)))))
			if d.Reason != row.want {
				t.Errorf("%s (%s), want %s", d.Reason, d.InternalDetail, row.want)
			}
		})
	}
}

// The identity of a program has neither a user name nor groups, and has another kind than
// that of a person.
func TestIdentityOfProgramsAndPeople(t *testing.T) {
	w := start(t)
	for name, row := range map[string]struct {
		raw  string
		want map[string]string
	}{
		"a person at a pool": {
			mint(t, w.pool, map[string]any{
				"sub": "1", "username": "bob", "token_use": "access", "client_id": "web", "scope": "a b", "cognito:groups": []string{"x", "y,z"},
			}),
			map[string]string{
				"x-user-id": "pool:1", "x-user-name": "pool:bob", "x-user-groups": "pool:x,pool:y%2Cz", "x-user-scopes": "a,b",
				"x-user-client": "web", "x-user-kind": "user", "x-user-issuer": "pool",
			},
		},
		"a program at a pool": {
			mint(t, w.pool, map[string]any{"sub": "web", "token_use": "access", "client_id": "web", "scope": "orders/read"}),
			map[string]string{
				"x-user-id": "pool:web", "x-user-scopes": "orders/read", "x-user-client": "web", "x-user-kind": "client", "x-user-issuer": "pool",
			},
		},
		"a person at home": {
			mint(t, w.home, claims(map[string]any{"preferred_username": "Alïce", "email": "a@example.com"})),
			map[string]string{
				"x-user-id": "alice", "x-user-name": "Al%C3%AFce", "x-user-groups": "admin,staff", "x-user-scopes": "orders/read,orders/write",
				"x-user-client": "web", "x-user-kind": "user", "x-user-issuer": "home", // x-user-email is removed
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := get("/optional/me", bearer(row.raw), "x-user-id: root", "x-user-email: root@example.com", "x-user-name: root")
			d := w.decide(t, r)
			if got := identityOf(forwarded(d, r)); d.Reason != gate.ReasonAllowed || !maps.Equal(got, row.want) {
				t.Errorf("%s: the application receives\n\t%v\nwant\n\t%v", d.Reason, got, row.want)
			}
			for h := range d.Set.All() {
				if slices.Contains(d.Remove, h.Name) {
					t.Errorf("%s is set and removed; Envoy would remove it", h.Name)
				}
			}
		})
	}
}
