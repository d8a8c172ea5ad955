package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
)

// envoyRow is a config and what envoy.yaml has to know for it beside what it
// knows as it is shipped.
type envoyRow struct {
	name, config string
	want         envoy.Edit
	wantNotes    []string // what each note says; no note has not been asked for
}

func envoyRows() []envoyRow {
	return []envoyRow{
		{name: "the defaults"},
		{name: "the shipped file's extra name", config: "identity: {strip: [x-user-roles]}"},
		{name: "override headers, in two spellings", config: "identity: {strip: [x-forwarded-host, script_name, FORWARDED]}"},
		{name: "a default taken out", config: "identity: {headers: {x-user-email: null}}"},
		{
			name: "headers of one's own", config: `identity: {headers: {x-user-team: "custom:team"}, strip: [x-user-roles, x-tenant]}`,
			want: envoy.Edit{Identity: append(envoy.IdentityNames(), "x-user-team", "x-tenant")},
			wantNotes: []string{"does not let the gate change x-user-team, x-tenant, and would answer 500: " +
				"add x[^a-z0-9]user[^a-z0-9]team|x[^a-z0-9]tenant to the lines marked `edit: identity` there"},
		},
		{name: "tokens where Envoy looks for them", config: "tokens: {from: [bearer, {cookie: session}, {websocket_protocol: jwt}, {header: x-access-token}]}"},
		{
			name:   "tokens where it does not",
			config: "tokens: {from: [{header: x-jwt}]}\nroutes: [{match: /a, tokens_from: [bearer, {header: x-id}, {header: x-jwt}]}]",
			want:   envoy.Edit{Tokens: []string{"x-jwt", "x-id"}},
			wantNotes: []string{"does not send the gate x-jwt, x-id, and a token there would be no token: " +
				"add - exact: \"x-jwt\" and - exact: \"x-id\" to the list that is marked `edit: tokens` there, and |x-jwt|x-id to the expression that is marked so"},
		},
		{name: "headers that just fit", config: "tokens: {max_bytes: 36864}"},
		{
			name: "headers that may not fit", config: "tokens: {max_bytes: 36865}",
			want: envoy.Edit{HeaderKB: 61},
			wantNotes: []string{"accepts 60 KiB of request headers. A token (tokens.max_bytes) and its identity headers " +
				"(identity.max_total_bytes) can take 53249 bytes of them, and a request that exceeds the limit gets status 500: " +
				"lower tokens.max_bytes or identity.max_total_bytes, or write max_request_headers_kb: 61 on the line marked `edit: request_headers` there"},
		},
		{name: "identity headers that just fit", config: "identity: {max_total_bytes: 40960}"},
		{name: "identity headers that may not fit", config: "identity: {max_total_bytes: 102400}",
			want: envoy.Edit{HeaderKB: 120}, wantNotes: []string{"or write max_request_headers_kb: 120 on the line"}},
		{
			name: "more than Envoy may send", config: "identity: {max_total_bytes: 102401}", want: envoy.Edit{HeaderKB: 120},
			wantNotes: []string{"gets status 500: lower tokens.max_bytes or identity.max_total_bytes\n"},
		},
		{name: "a condition on what is sent anyway", config: when(`request.headers["x-request-id"] != "" && has(request.headers.origin) && "x.user.id" in request.headers`)},
		{
			name: "names that Envoy drops", config: when(`"x_tenant" in request.headers`),
			want: envoy.Edit{Conditions: []string{"x_tenant"}},
			wantNotes: []string{
				"does not send the gate x_tenant, which a `when` reads", "drops x_tenant, as it does every header with an underscore in its name, " +
					"and a `when` that reads it would never find it: use a name with dashes\n",
			},
		},
		{
			name: "a condition on more", config: when(`request.headers["x-tenant"] == "a" || "x.team" in request.headers`),
			want: envoy.Edit{Conditions: []string{"x-tenant", "x.team"}},
			wantNotes: []string{"does not send the gate x-tenant, x.team, which a `when` reads and would never find: " +
				"add - exact: \"x-tenant\" and - exact: \"x.team\" to the list that is marked `edit: conditions` there"},
		},
		{name: "a condition on a name that no header has", config: when(`"X-Tenant" in request.headers`)},
		{
			name: "a condition on a strange name", config: when(`"x~tenant" in request.headers`), want: envoy.Edit{SendAll: true},
			wantNotes: []string{"by names that cannot be told beforehand"},
		},
		{
			name: "a condition on any header", config: when(`request.headers.exists(n, n.startsWith("x-debug"))`), want: envoy.Edit{SendAll: true},
			wantNotes: []string{"a `when` reads request.headers by names that cannot be told beforehand: add those that it may look at to the list that is marked " +
				"`edit: conditions` there, or - safe_regex: { regex: \".*\" } for all"},
		},
		{
			name: "a token's header that a condition reads too", config: "tokens: {from: [{header: x-jwt}]}\n" + when(`"x-jwt" in request.headers`),
			want: envoy.Edit{Tokens: []string{"x-jwt"}}, wantNotes: []string{"does not send the gate x-jwt, and a token"},
		},
	}
}

// relaxedRows are configurations that relax what the shipped envoy.yaml undoes.
func relaxedRows() []envoyRow {
	const (
		every     = "this opens Envoy for every host of this listener; jwtgate still "
		allPaths  = "relax: {all: [encoded_slash, double_slash]}"
		others    = "relax: {all: [encoded_percent, semicolon, ignore_case, slash_sensitive, unverified_email], hosts: {a.example: [semicolon]}}"
		someHosts = "relax: {hosts: {files.example: [encoded_slash], '*.old.example': [double_slash, forwarded_host]}}"
	)
	methods := []string{"x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-forwarded-method"}
	hosts := []string{"x-forwarded-host", "x-forwarded-server", "forwarded", "x-host", "x-original-host", "x-http-host-override"}
	left := func(gone []string) []string {
		return slices.DeleteFunc(envoy.OverrideNames(), func(name string) bool { return slices.Contains(gone, name) })
	}
	return []envoyRow{
		{name: "relaxations that Envoy leaves alone", config: others},
		{
			name: "preflights for the application", config: "cors: {preflight: pass}",
			wantNotes: []string{"`cors.preflight: pass` has no effect for them: write [] in place of the list on the line marked `edit: origins` there\n"},
		},
		{
			name: "paths on every host", config: allPaths, want: envoy.Edit{EncodedSlash: true, DoubleSlash: true},
			wantNotes: []string{
				"answers 400 to %2F in a path before it asks the gate, so that `relax: encoded_slash` has no effect: " +
					"write path_with_escaped_slashes_action: KEEP_UNCHANGED on the line marked `edit: encoded_slash` there\n",
				"write merge_slashes: false on the line marked `edit: double_slash` there\n",
			},
		},
		{
			name: "on some hosts", config: someHosts, want: envoy.Edit{EncodedSlash: true, DoubleSlash: true, Overrides: left(hosts)},
			wantNotes: []string{
				"KEEP_UNCHANGED on the line marked `edit: encoded_slash` there; " + every + "refuses it on the others\n",
				"merge_slashes: false on the line marked `edit: double_slash` there; " + every + "refuses it on the others\n",
				"removes x-forwarded-host, x-forwarded-server, forwarded, x-host, x-original-host, x-http-host-override from every request, " +
					"so that `relax` for them has no effect: write - remove_on_match: { key_matcher: { safe_regex: { regex: \"x[^a-z0-9]http[^a-z0-9]method[^a-z0-9]override|",
			},
		},
		{
			name: "a header on every host, but for one that is stripped", config: "relax: {all: [method_override]}\nidentity: {strip: [x_http_method]}",
			want: envoy.Edit{Overrides: left(slices.Concat(methods[:1], methods[2:])), TrailerOverrides: left(slices.Concat(methods[:1], methods[2:]))},
			wantNotes: []string{
				"removes x-http-method-override, x-method-override, x-original-method, x-forwarded-method from every request",
				"removes x-http-method-override, x-method-override, x-original-method, x-forwarded-method from trailers too",
			},
		},
		{
			name: "every header, some of them on one host", config: "relax: {all: [method_override, forwarded_host], hosts: {a.example: [original_url]}}",
			want: envoy.Edit{Overrides: []string{}, TrailerOverrides: left(slices.Concat(methods, hosts))},
			wantNotes: []string{
				"has no effect: delete the line marked `edit: overrides` there (Envoy still drops names with an underscore: " +
					"clients have to send Script-Name and Path-Info, not SCRIPT_NAME and PATH_INFO); " + every + "removes them on the others\n",
				"x-host, x-original-host, x-http-host-override from trailers too, where the gate lets them through on every host: " +
					"write - remove_on_match: { key_matcher: { safe_regex: { regex: \"x[^a-z0-9]original[^a-z0-9](url|uri)|",
			},
		},
	}
}

// when is a route with a condition.
func when(condition string) string { return "routes: [{match: /w, when: '" + condition + "'}]" }

// file is the whole configuration.
func (r envoyRow) file() string {
	return "issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\n" + r.config + "\n"
}

// TestEnvoyEdit: what is said to be needed can be rendered, and is then known.
func TestEnvoyEdit(t *testing.T) {
	for _, row := range append(envoyRows(), relaxedRows()...) {
		t.Run(row.name, func(t *testing.T) {
			cfg, err := config.Parse("jwtgate.yaml", []byte(row.file()), nil)
			if err != nil {
				t.Fatal(err)
			}
			edit := needsOf(compiled(t, cfg)).Edit()
			for _, list := range []*[]string{&edit.Tokens, &edit.Conditions} {
				if len(*list) == 0 {
					*list = nil
				}
			}
			if !reflect.DeepEqual(edit, row.want) {
				t.Errorf("the edit is %+v, want %+v", edit, row.want)
			}
			if _, err := envoy.Bootstrap(edit); err != nil {
				t.Errorf("it cannot be rendered: %v", err)
			}
		})
	}
}

// TestCheckTellsOfEnvoy: what the shipped envoy.yaml keeps from the gate, or does
// not let it change, would deny everybody or leave a condition blind.
func TestCheckTellsOfEnvoy(t *testing.T) {
	alone(t)
	for _, row := range append(envoyRows(), relaxedRows()...) {
		t.Run(row.name, func(t *testing.T) {
			file := write(t, "jwtgate.yaml", row.file())
			got := command(t, "check", "--config", file)
			got.holds(t, exitYes, append([]string{"fine"}, row.wantNotes...), nil)
			if notes := strings.Count(got.out, "envoy.yaml as it is shipped"); notes != len(row.wantNotes) {
				t.Errorf("%d notes, want %d:\n%s", notes, len(row.wantNotes), got.out)
			}
		})
	}
}
