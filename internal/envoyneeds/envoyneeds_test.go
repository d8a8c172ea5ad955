package envoyneeds_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/envoyneeds"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// row is a configuration, the edit of the shipped envoy.yaml that it needs, and a part
// of each note. The zero edit needs no note.
type row struct {
	name, config string
	edit         envoy.Edit
	notes        []string
}

// needs returns what a configuration with one issuer and this text needs.
func needs(t *testing.T, text string) envoy.Needs {
	t.Helper()
	cfg := testbed.Config(t, "issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\n"+text)
	policy, err := gate.Compile(cfg, gate.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer policy.Close()
	return envoyneeds.Of(policy)
}

// when is a route with a condition.
func when(condition string) string { return "routes: [{match: /w, when: '" + condition + "'}]" }

// headerRows are configurations that name headers.
func headerRows() []row {
	return []row{
		{name: "the defaults"},
		{name: "the shipped file's extra name", config: "identity: {strip: [x-user-roles]}"},
		{name: "override headers, in two spellings", config: "identity: {strip: [x-forwarded-host, script_name, FORWARDED]}"},
		{name: "a default removed", config: "identity: {headers: {x-user-email: null}}"},
		{
			name: "other identity headers", config: `identity: {headers: {x-user-team: "custom:team"}, strip: [x-user-roles, x-tenant]}`,
			edit: envoy.Edit{Identity: append(envoy.IdentityNames(), "x-user-team", "x-tenant")},
			notes: []string{"does not allow jwtgate to change x-user-team, x-tenant, so Envoy would answer 500: " +
				"add x[^a-z0-9]user[^a-z0-9]team|x[^a-z0-9]tenant to the lines marked `edit: identity`; `jwtgate lint-envoy` tells"},
		},
		{
			name:   "identity headers that differ in their last word",
			config: `identity: {headers: {x-org-team: "custom:team"}, strip: [x-org-unit]}`,
			edit:   envoy.Edit{Identity: append(envoy.IdentityNames(), "x-org-team", "x-org-unit")},
			notes:  []string{"add x[^a-z0-9]org[^a-z0-9](team|unit) to the lines marked `edit: identity`; `jwtgate lint-envoy` tells"},
		},
		{
			name:   "tokens in headers that Envoy sends",
			config: "tokens: {from: [bearer, {cookie: session}, {websocket_protocol: jwt}, {header: x-access-token}]}",
		},
		{
			name: "tokens in other headers",
			config: "tokens: {from: [{header: x-jwt}]}\n" +
				"routes: [{match: /a, tokens_from: [bearer, {header: x-id}, {header: x-jwt}]}]",
			edit: envoy.Edit{Tokens: []string{"x-jwt", "x-id"}},
			notes: []string{"does not send x-jwt, x-id to jwtgate, which would not find a token there: " +
				"add - exact: \"x-jwt\" and - exact: \"x-id\" to the list marked `edit: tokens`, " +
				"and |x-jwt|x-id to the expression with the same mark; `jwtgate lint-envoy` tells"},
		},
		{
			name: "a condition on headers that Envoy sends",
			config: when(`request.headers["x-request-id"] != "" && has(request.headers.origin) && ` +
				`"x.user.id" in request.headers`),
		},
		{
			name: "a name that Envoy drops", config: when(`"x_tenant" in request.headers`),
			edit: envoy.Edit{Conditions: []string{"x_tenant"}},
			notes: []string{
				"does not send x_tenant to jwtgate, so a `when` would never find it",
				"drops x_tenant, because it drops every header with an underscore in its name, " +
					"so a `when` would never find it: use a name with dashes; `jwtgate lint-envoy` tells",
			},
		},
		{
			name:   "a condition on other headers",
			config: when(`request.headers["x-tenant"] == "a" || "x.team" in request.headers`),
			edit:   envoy.Edit{Conditions: []string{"x-tenant", "x.team"}},
			notes: []string{"does not send x-tenant, x.team to jwtgate, so a `when` would never find it: " +
				"add - exact: \"x-tenant\" and - exact: \"x.team\" to the list marked `edit: conditions`; `jwtgate lint-envoy` tells"},
		},
		{name: "a condition on a name that no header has", config: when(`"X-Tenant" in request.headers`)},
		{
			name: "a condition on a name that cannot be on the list", config: when(`"x~tenant" in request.headers`),
			edit: envoy.Edit{SendAll: true}, notes: []string{"a `when` computes the header names that it reads"},
		},
		{
			name: "a condition on any header", config: when(`request.headers.exists(n, n.startsWith("x-debug"))`),
			edit: envoy.Edit{SendAll: true},
			notes: []string{"a `when` computes the header names that it reads: add the names that it can read to the list marked " +
				"`edit: conditions`, or - safe_regex: { regex: \".*\" } to send all headers; `jwtgate lint-envoy` tells"},
		},
		{
			name:   "a token's header that a condition also reads",
			config: "tokens: {from: [{header: x-jwt}]}\n" + when(`"x-jwt" in request.headers`),
			edit:   envoy.Edit{Tokens: []string{"x-jwt"}},
			notes:  []string{"does not send x-jwt to jwtgate, which would not find a token"},
		},
	}
}

// limitRows are configurations around Envoy's limit for request headers.
func limitRows() []row {
	return []row{
		{name: "tokens that just fit", config: "tokens: {max_bytes: 36864}"},
		{
			name: "tokens that may not fit", config: "tokens: {max_bytes: 36865}",
			edit: envoy.Edit{HeaderKB: 61},
			notes: []string{"accepts 60 KiB of request headers. A token (tokens.max_bytes) and its identity headers " +
				"(identity.max_total_bytes) can take 53249 bytes of them, and a request that exceeds the limit gets status 500: " +
				"lower tokens.max_bytes or identity.max_total_bytes, " +
				"or write max_request_headers_kb: 61 on the line marked `edit: request_headers`; `jwtgate lint-envoy` tells"},
		},
		{name: "identity headers that just fit", config: "identity: {max_total_bytes: 40960}"},
		{
			name: "identity headers that may not fit", config: "identity: {max_total_bytes: 102400}",
			edit: envoy.Edit{HeaderKB: 120}, notes: []string{"or write max_request_headers_kb: 120 on the line"},
		},
		{
			name: "more than Envoy may send", config: "identity: {max_total_bytes: 102401}", edit: envoy.Edit{HeaderKB: 120},
			notes: []string{"gets status 500: lower tokens.max_bytes or identity.max_total_bytes; `jwtgate lint-envoy` tells"},
		},
	}
}

// relaxedRows are configurations that relax something that the shipped envoy.yaml
// undoes.
func relaxedRows() []row {
	const (
		every    = "this opens Envoy for every host of this listener; on other hosts jwtgate still "
		allPaths = "relax: {all: [encoded_slash, double_slash]}"
		others   = "relax: {all: [encoded_percent, semicolon, ignore_case, slash_sensitive, unverified_email], " +
			"hosts: {a.example: [semicolon]}}"
		someHosts = "relax: {hosts: {files.example: [encoded_slash], '*.old.example': [double_slash, forwarded_host]}}"
	)
	methods := []string{"x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-forwarded-method"}
	hosts := []string{
		"x-forwarded-host", "x-forwarded-server", "forwarded", "x-host", "x-original-host", "x-http-host-override",
	}
	without := func(gone []string) []string {
		return slices.DeleteFunc(envoy.OverrideNames(), func(name string) bool { return slices.Contains(gone, name) })
	}
	return []row{
		{name: "relaxations that Envoy does not undo", config: others},
		{
			name: "preflights for the application", config: "cors: {preflight: pass}",
			notes: []string{"so `cors.preflight: pass` has no effect for them: leave that list empty; `jwtgate lint-envoy` tells"},
		},
		{
			name: "paths on every host", config: allPaths, edit: envoy.Edit{EncodedSlash: true, DoubleSlash: true},
			notes: []string{
				"answers 400 to paths with %2F before it asks jwtgate, so `relax: encoded_slash` has no effect: " +
					"write path_with_escaped_slashes_action: KEEP_UNCHANGED on the line marked `edit: encoded_slash`; `jwtgate lint-envoy` tells",
				"write merge_slashes: false on the line marked `edit: double_slash`; `jwtgate lint-envoy` tells",
			},
		},
		{
			name: "on some hosts", config: someHosts,
			edit: envoy.Edit{EncodedSlash: true, DoubleSlash: true, Overrides: without(hosts)},
			notes: []string{
				"KEEP_UNCHANGED on the line marked `edit: encoded_slash`; " + every + "denies them; `jwtgate lint-envoy` tells",
				"merge_slashes: false on the line marked `edit: double_slash`; " + every + "denies them; `jwtgate lint-envoy` tells",
				"removes x-forwarded-host, x-forwarded-server, forwarded, x-host, x-original-host, x-http-host-override from every request, " +
					"so `relax` has no effect for them: write - remove_on_match: { key_matcher: { safe_regex: " +
					"{ regex: \"x[^a-z0-9]http[^a-z0-9]method[^a-z0-9]override|",
			},
		},
		{
			name:   "a header on every host, except one that is stripped",
			config: "relax: {all: [method_override]}\nidentity: {strip: [x_http_method]}",
			edit: envoy.Edit{
				Overrides:        without(slices.Concat(methods[:1], methods[2:])),
				TrailerOverrides: without(slices.Concat(methods[:1], methods[2:])),
			},
			notes: []string{
				"removes x-http-method-override, x-method-override, x-original-method, x-forwarded-method from every request",
				"removes x-http-method-override, x-method-override, x-original-method, x-forwarded-method from trailers, although",
			},
		},
		{
			name:   "every header, some of them on one host",
			config: "relax: {all: [method_override, forwarded_host], hosts: {a.example: [original_url]}}",
			edit:   envoy.Edit{Overrides: []string{}, TrailerOverrides: without(slices.Concat(methods, hosts))},
			notes: []string{
				"has no effect for them: delete the line marked `edit: overrides` (Envoy still drops names with an underscore: " +
					"clients have to send Script-Name and Path-Info, not SCRIPT_NAME and PATH_INFO); " + every +
					"removes them; `jwtgate lint-envoy` tells",
				"x-host, x-original-host, x-http-host-override from trailers, although jwtgate lets them through on every host: " +
					"write - remove_on_match: { key_matcher: { safe_regex: { regex: \"x[^a-z0-9]original[^a-z0-9](url|uri)|",
			},
		},
	}
}

// TestNeeds: what a configuration needs can be rendered into the shipped envoy.yaml, and
// the notes say what to change there.
func TestNeeds(t *testing.T) {
	for _, row := range slices.Concat(headerRows(), limitRows(), relaxedRows()) {
		t.Run(row.name, func(t *testing.T) {
			needs := needs(t, row.config+"\n")
			edit := needs.Edit()
			for _, list := range []*[]string{&edit.Tokens, &edit.Conditions} {
				if len(*list) == 0 {
					*list = nil
				}
			}
			if !reflect.DeepEqual(edit, row.edit) {
				t.Errorf("edit: got %+v; expected %+v", edit, row.edit)
			}
			if _, err := envoy.Bootstrap(edit); err != nil {
				t.Errorf("the edit cannot be rendered: %v", err)
			}
			notes := needs.Notes()
			if len(notes) != len(row.notes) {
				t.Errorf("got %d notes; expected %d:\n%s", len(notes), len(row.notes), strings.Join(notes, "\n"))
			}
			text := strings.Join(notes, "\n") + "\n"
			for _, want := range row.notes {
				if !strings.Contains(text, want) {
					t.Errorf("no note has %q:\n%s", want, text)
				}
			}
		})
	}
}

// TestOf: the needs are what the gate does by the configuration.
func TestOf(t *testing.T) {
	const requestHeaders = "access-control-request-headers"
	usual := needs(t, "")
	if !slices.Equal(usual.Tokens, []string{"authorization"}) || !slices.Equal(usual.TakenOut, usual.Tokens) ||
		usual.Port != "9001" || usual.QueryTokens || usual.TLS || usual.AnswersCORS || len(usual.Sets) > 0 ||
		usual.ReadsAny || usual.CaseSensitive {
		t.Errorf("by default: %+v", usual)
	}
	for _, name := range envoy.IdentityNames() {
		if slices.Contains(usual.Identity, name) != (name != "x-user-roles") {
			t.Errorf("by default the identity headers are %q", usual.Identity)
		}
	}
	// The shipped file sends all headers that jwtgate reads by default. Of those that it
	// sends by name, jwtgate does not read three: two that can have a credential, and one
	// that only answered preflights need.
	for _, name := range append(slices.Clone(usual.Reads), usual.Removed...) {
		if !envoy.Sent(name) {
			t.Errorf("%s is read and not sent", name)
		}
	}
	if len(usual.Reads)+3 != len(envoy.SentByName()) || slices.Contains(usual.Reads, requestHeaders) || len(usual.Removed) != 20 ||
		!slices.Equal(usual.Overrides, usual.Removed) {
		t.Errorf("by default %q are read and %q removed", usual.Reads, usual.Removed)
	}
	own := needs(t, `server: {listen: "unix:/run/gate.sock", tls: {cert_file: c, key_file: k, client_ca_file: a}}
tokens: {from: [bearer, {cookie: session}], forward: true}
identity: {headers: {x-user-email: null, x-team: "custom:team"}, strip: [x-user-roles, x_http_method, x-original-url]}
cors: {origins: ["https://app.example"]}
relax: {all: [method_override, forwarded_host, case_sensitive], hosts: {old.example: [original_url, encoded_slash, double_slash]}}
routes:
  - {name: a, match: /a, tokens_from: [{query: t}, {header: x-jwt}, {websocket_protocol: jwt}], forward: false, end_streams_at_expiry: true}
  - {name: b, match: /b, when: 'request.headers["x-tenant"] == "a"'}
  - {name: c, match: /c, when: 'request.headers.exists(n, n == "x-b")', end_streams_at_expiry: true}
  - {name: d, match: /d, access: public}
`)
	for _, row := range []struct {
		name      string
		got, want []string
	}{
		{"tokens", own.Tokens, []string{"authorization", "cookie", "x-jwt", "sec-websocket-protocol"}},
		{"cookies with tokens", own.TokenCookies, []string{"session"}},
		{"cookies to remove", needs(t, "identity: {strip_cookies: [a, 'b*']}").StripCookies, []string{"a", "b*"}},
		{"headers with cookies to remove", needs(t, "identity: {strip_cookies: [a]}").TakenOut, []string{"authorization", "cookie"}},
		{"headers that tokens are removed from", own.TakenOut, []string{"x-jwt", "sec-websocket-protocol"}},
		{"headers that are set", own.Sets, []string{"x-envoy-upstream-stream-duration-ms"}},
		{"overrides that are removed somewhere", own.Removed, []string{
			"path-info", "script-name", "x-forwarded-path", "x-forwarded-prefix", "x-forwarded-uri", "x-http-method",
			"x-original-uri", "x-original-url", "x-rewrite-url", "x-script-name",
		}},
		{"overrides that are removed everywhere", own.Overrides, []string{"x-http-method", "x-original-url"}},
		{"routes", own.Routes, []string{"a", "b", "c", "d"}},
	} {
		if !slices.Equal(row.got, row.want) {
			t.Errorf("%s: got %q; expected %q", row.name, row.got, row.want)
		}
	}
	if own.Port != "" || !own.QueryTokens || !own.TLS || !own.ClientTLS || !own.AnswersCORS || !own.ReadsAny ||
		!own.EncodedSlash || !own.DoubleSlash || !own.CaseSensitive {
		t.Errorf("configured: %+v", own)
	}
	for _, name := range []string{"x-jwt", "x-tenant", "cookie", "connection", requestHeaders} {
		if !slices.Contains(own.Reads, name) {
			t.Errorf("%s is missing in %q", name, own.Reads)
		}
	}
	checked := needs(t, "cors: {origins: [\"https://app.example\"], preflight: check}\n")
	if checked.AnswersCORS || slices.Contains(checked.Reads, requestHeaders) {
		t.Errorf("with preflights that need a token: %+v", checked)
	}
	for _, name := range []string{"x-user-email", "x-team", "x-user-roles"} {
		if !slices.Contains(own.Identity, name) {
			t.Errorf("%s is missing in %q", name, own.Identity)
		}
	}
}
