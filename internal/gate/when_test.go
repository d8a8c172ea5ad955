package gate_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// A condition can use the path's variables, the request, its source and the token. The request
// is denied unless the condition is true.
func TestWhen(t *testing.T) {
	w := startWith(t, issuersYAML+`
tokens: {from: [bearer]}
routes:
  - {name: own,     match: "/own/{id}/**",  issuers: [home], when: token.subject == path.id}
  - name: request
    match: "/request/**"
    issuers: [home]
    when: >-
      request.method == 'GET' && request.host == 'api.example' && request.path.startsWith('/request/') &&
      request.query == 'a=b' && request.headers['x-one'] == '1,2'
  - name: source
    match: /source
    issuers: [home]
    when: "source.address == '192.0.2.7' && source.principal == 'spiffe://mesh/web'"
  - {name: level,   match: /level,          issuers: [home], when: "claims.level >= 3"}
  - {name: maybe,   match: /maybe,          issuers: [home], when: "has(claims.level) && claims.level >= 3"}
  - {name: grouped, match: /grouped,        issuers: [home], groups: [admin], when: "false"}
  - {name: pooled,  match: /pooled,         when: "token.issuer == 'pool' && token.kind == 'client'", issuers: [home, pool]}
`)
	raw := func(changed map[string]any) string { return bearer(mint(t, w.home, claims(changed))) }
	type m = map[string]any
	from := func(address, principal string, r *request.Request) *request.Request {
		r.Source, r.Principal = address, principal
		return r
	}
	on := func(host string, r *request.Request) *request.Request {
		r.Authority = host
		return r
	}
	for _, row := range []struct {
		name string
		r    *request.Request
		want gate.Reason
	}{
		{"its own path", get("/own/alice/x", raw(nil)), "allowed"},
		{"its own path, encoded", get("/own/%61lice", raw(nil)), "allowed"},
		{"a subject with a space", get("/own/a%20b", raw(m{"sub": "a b"})), "allowed"},
		{"another's path", get("/own/bob/alice", raw(nil)), "condition_false"},
		{"another's path in other letters", get("/own/Alice", raw(nil)), "condition_false"},
		{"the request", get("/request/x?a=b", raw(nil), "X-One: 1", "x-one: 2"), "allowed"},
		{"the host with a port and in capitals", on("API.example:8443", get("/request/x?a=b", raw(nil), "X-One: 1", "x-one: 2")), "allowed"},
		{"another method", requestOf("POST", "/request/x?a=b", raw(nil), "x-one: 1,2"), "condition_false"},
		{"another query", get("/request/x?a=c", raw(nil), "x-one: 1,2"), "condition_false"},
		{"a header that is not there", get("/request/x?a=b", raw(nil)), "condition_error"},
		{"the source", from("192.0.2.7", "spiffe://mesh/web", get("/source", raw(nil))), "allowed"},
		{"another address", from("192.0.2.8", "spiffe://mesh/web", get("/source", raw(nil))), "condition_false"},
		{"no principal", from("192.0.2.7", "", get("/source", raw(nil))), "condition_false"},
		{"a claim", get("/level", raw(m{"level": 3})), "allowed"},
		{"a claim that is too low", get("/level", raw(m{"level": 2})), "condition_false"},
		{"a claim that is not there", get("/level", raw(nil)), "condition_error"},
		{"a claim of another type", get("/level", raw(m{"level": "3"})), "condition_error"},
		{"a claim that may be absent, and is", get("/maybe", raw(nil)), "condition_false"},
		{"a group comes first", get("/grouped", raw(m{"groups": []string{"guests"}})), "group_missing"},
		{"then the condition", get("/grouped", raw(nil)), "condition_false"},
		{"no token", get("/level"), "credential_missing"},
		{"another issuer", get("/pooled", bearer(mint(t, w.pool, m{"token_use": "access", "client_id": "web", "sub": "web"}))), "allowed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := w.decide(t, row.r)
			if d.Reason != row.want {
				t.Fatalf("%s (%s), want %s", d.Reason, d.InternalDetail, row.want)
			}
			if strings.HasPrefix(string(row.want), "condition_") {
				checkCondition(t, d)
			}
		})
	}
}

// checkCondition checks that the denial names the condition only to operators.
func checkCondition(t *testing.T, d *gate.Decision) {
	t.Helper()
	if want := `Bearer realm="jwtgate", error="insufficient_scope"`; d.Denial.Challenge != want || d.Denial.Status != 403 {
		t.Errorf("%d %s", d.Denial.Status, d.Denial.Challenge)
	}
	sent := d.Denial.Title + d.Denial.Detail + d.Denial.Challenge
	for _, word := range []string{"alice", "level", "claims", "token.", "path."} {
		if strings.Contains(sent, word) {
			t.Errorf("the client gets %q, which contains %q", sent, word)
		}
	}
	if d.Hint == "" || strings.Contains(d.Hint, "alice") {
		t.Errorf("detail %q, hint %q", d.InternalDetail, d.Hint)
	}
}

// An error of a condition names the kind of error, and quotes no value of the token or the
// request.
func TestConditionErrorQuotesNoClaim(t *testing.T) {
	w := startWith(t, issuersYAML+`
routes:
  - {name: index, match: /index, issuers: [home], when: "claims.list[claims.at] == 'x'"}
  - {name: key,   match: /key,   issuers: [home], when: "claims.map[claims.name] == 'x'"}
  - {name: type,  match: /type,  issuers: [home], when: "claims.name > 5"}
  - {name: parse, match: /parse, issuers: [home], when: "int(claims.name) > 5"}
  - {name: time,  match: /time,  issuers: [home], when: "timestamp(claims.name) < now"}
`)
	raw := bearer(mint(t, w.home, claims(map[string]any{
		"list": []string{hostile}, "at": 5, "map": map[string]string{hostile: hostile}, "name": hostile + hostile,
	})))
	for _, path := range []string{"/index", "/key", "/type", "/parse", "/time"} {
		d := w.decide(t, get(path, raw))
		if d.Reason != gate.ReasonConditionError {
			t.Errorf("%s: %s (%s)", path, d.Reason, d.InternalDetail)
		}
		if text := d.InternalDetail + d.Hint + d.Denial.Detail + d.Denial.Challenge; strings.Contains(text, hostile) {
			t.Errorf("%s: %q contains a claim", path, text)
		}
	}
}
