package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// TestWarnings: settings that weaken checks, or deny more than intended.
func TestWarnings(t *testing.T) {
	c := parse(t, `issuers:
  a: {issuer: "http://a.example/", audiences: [api], clients: [], dangerously_allow_http: true, prefix: "a:"}
  b: {issuer: "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_x", clients: [web], prefix: ""}
  c: {cognito: us-west-1_c, clients: [web], audiences: [api], prefix: "", jwks: {file: k.json, proxy: none}}
  d: {cognito: us-west-1_d, clients: [web], audiences: [api], token_use: [access], prefix: "", jwks: {max_stale: 10m}}
  e: {cognito: us-west-1_e, clients: [web], audiences: [web], prefix: "", jwks: {file: k.json, refresh_interval: 24h}}
`)
	same(t, lines(c.Warnings), []string{
		`2:54: issuers.a.clients is an empty list, so the audience of a token is checked, but not its client`,
		`2:91: issuers.a.dangerously_allow_http is true: an attacker between the gate and this issuer can replace the keys`,
		`3:15: issuers.b.issuer is a Cognito user pool; write cognito: POOL instead, which also accepts its other issuer form and checks ` +
			`token_use`,
		`3:74: issuers.b.clients is set without audiences, so a token that was issued to one of these clients for another API is accepted too, ` +
			`and that API could replay it here; write audiences: [AUDIENCE]`,
		`4:45: issuers.c.audiences rejects every ID token, because the aud of an ID token is its client; write token_use: [access] to make ` +
			`this explicit`,
		`4:103: issuers.c.jwks.proxy has no effect, because the keys are read from a file`,
		`5:114: issuers.d.jwks.max_stale is 10m, shorter than refresh_interval (15m), so valid keys are rejected between two fetches`,
	})
	if c.Issuers[0].Clients != nil || !c.Issuers[0].AllowHTTP {
		t.Errorf("got %+v", c.Issuers[0])
	}
}

// TestForwardWarning: a cookie that identity.strip_cookies removes is not forwarded.
func TestForwardWarning(t *testing.T) {
	const rest = ` does not forward the cookie "s", because identity.strip_cookies removes it from every request; ` +
		`remove its name there, or write forward: false`
	for _, row := range []struct{ tokens, strip, route, want string }{
		{"{from: [bearer, {cookie: s}]}", "[s]", "{match: /a, forward: true}", "routes[0].forward"},
		{"{from: [{cookie: s}], forward: true}", "['s*']", "{match: /a}", "tokens.forward"},
		{"{forward: true}", "[s]", "{match: /a, tokens_from: [{cookie: s}]}", "routes[0].tokens_from"},
		{"{from: [{cookie: s}], forward: true}", "[s]", "{match: /a, tokens_from: [bearer]}", "tokens.forward"}, // by the default route
		{"{from: [{cookie: s}]}", "[s]", "{match: /a}", ""},
		{"{from: [{cookie: s}]}", "[other]", "{match: /a, forward: true}", ""},
		{"{from: [{header: s}]}", "[s]", "{match: /a, forward: true}", ""},
		{"{from: [{cookie: s}], forward: true}", "[other]", "{match: /a, forward: false, tokens_from: [{cookie: other}]}", ""},
	} {
		got := lines(parse(t, pool+"tokens: "+row.tokens+"\nidentity: {strip_cookies: "+row.strip+"}\nroutes: ["+row.route+"]\n").Warnings)
		if row.want == "" && len(got) > 0 || row.want != "" && (len(got) != 1 || !strings.HasSuffix(got[0], ": "+row.want+rest)) {
			t.Errorf("%+v: got %q", row, got)
		}
	}
}

// TestIdentityLimitsWarning: max_value_bytes has no effect if it is above
// max_total_bytes.
func TestIdentityLimitsWarning(t *testing.T) {
	for limits, warns := range map[string]bool{
		"max_value_bytes: 16384": false, "max_value_bytes: 16385": true, "max_value_bytes: 65536": true,
		"max_total_bytes: 1024":                          false, // the default of max_value_bytes is not the file's own
		"max_value_bytes: 65536, max_total_bytes: 65536": false,
	} {
		t.Run(limits, func(t *testing.T) {
			got := lines(parse(t, pool+"identity: {"+limits+"}\n").Warnings)
			if (len(got) > 0) != warns || warns && !strings.Contains(got[0], "identity.max_value_bytes is ") {
				t.Errorf("got %q; expected a warning: %v", got, warns)
			}
		})
	}
}

// TestAdminWarning: an admin server that other machines can reach is a warning.
func TestAdminWarning(t *testing.T) {
	for listen, open := range map[string]bool{
		"127.0.0.1:9002": false, "127.8.9.1:0": false, "[::1]:9002": false, "[::ffff:127.0.0.1]:9002": false, "localhost:9002": false,
		":9002": true, "0.0.0.0:9002": true, "[::]:9002": true, "10.0.0.1:9002": true, "gate.example:9002": true, "localhost.example:9002": true,
	} {
		t.Run(listen, func(t *testing.T) {
			var want []string
			if open {
				want = []string{"2:17: admin.listen is " + quoted(listen) +
					", which is not a loopback address: any client that reaches it can read key ids and metrics; keep it private"}
			}
			same(t, lines(parse(t, pool+"admin: {listen: '"+listen+"'}\n").Warnings), want)
		})
	}
}

// Quotes around a name are part of it, which is hardly what was meant. An issuer that gives
// tokens to anybody needs more than an audience.
func TestWarnsAboutQuotesAndOpenIssuers(t *testing.T) {
	const rest = "begins and ends with quotes, which are part of the value: got %s; remove the quotes, for example from the env file"
	c := parse(t, `issuers:
  a: {cognito: us-west-1_a, clients: ["'web'", "it's"], prefix: ""}
  b: {issuer: "https://gitlab.com/", audiences: [“api”], prefix: "b:"}
  c: {issuer: '"robot"', audiences: [api], prefix: "c:", jwks: {uri: "https://keys.example/set"}}
  d: {issuer: "https://gitlab.com.example/", audiences: [api], prefix: "d:"}
  e: {issuer: "https://token.actions.githubusercontent.com", audiences: [api], prefix: "e:", require: {repository_owner: [a]}}
  f: {issuer: accounts.google.com, audiences: [api], prefix: "f:", jwks: {uri: "https://keys.example/set"}, require: {a: [b]}}
  g: {issuer: "https://agent.buildkite.com", audiences: [api], prefix: "g:"}
  h: {issuer: "https://app.terraform.io", audiences: [api], prefix: "h:", require: {terraform_run_phase: [apply]}}
  i: {issuer: "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", audiences: [api], prefix: "i:"}
routes:
  - {match: /x, issuers: [a], groups: ["«admin»", "\"", '"a'], clients: {all: ['"web"']}}
`)
	open := func(example, whose string) string {
		return "gives a token to anybody who has an account there, so every such token for your audience is valid; write require: {" + example +
			"}, or require another of the claims " + whose
	}
	same(t, lines(c.Warnings), []string{
		"2:39: issuers.a.clients[0] " + fmt.Sprintf(rest, `"'web'"`),
		"3:15: issuers.b.issuer " + open("namespace_path: [my-group]", "namespace_path, namespace_id, project_path, project_id, sub"),
		"3:50: issuers.b.audiences[0] " + fmt.Sprintf(rest, `"“api”"`),
		"4:15: issuers.c.issuer " + fmt.Sprintf(rest, `"\"robot\""`),
		"7:15: issuers.f.issuer " + open("hd: [my-domain.example]", "hd, sub, email"),
		"8:15: issuers.g.issuer " + open("organization_slug: [my-org]", "organization_slug, organization_id, pipeline_id, sub"),
		"9:15: issuers.h.issuer " + open("terraform_organization_name: [my-org]",
			"terraform_organization_id, terraform_organization_name, terraform_workspace_id, sub"),
		"10:15: issuers.i.issuer " + open("oid: [00000000-0000-0000-1234-567890abcdef]", "oid, sub"),
		"12:40: routes[0].groups[0] " + fmt.Sprintf(rest, `"«admin»"`),
		"12:80: routes[0].clients.all[0] " + fmt.Sprintf(rest, `"\"web\""`),
	})
}

// A variable whose value begins and ends with quotes, as after an env file of which the
// quotes were kept, is a warning in every value, also if the value is invalid with them.
func TestWarnsAboutQuotesOfTheEnvironment(t *testing.T) {
	env := map[string]string{"CID": `"web"`, "TEAM": "'a'", "FILE": "“keys.json”", "PLAIN": "web", "EMPTY": ""}
	c, err := config.Parse("gate.yaml", []byte(`issuers:
  a: {cognito: us-west-1_a, clients: ["${CID}", "${PLAIN}", "x-${TEAM}", "${EMPTY:-'b'}"], jwks: {file: "${FILE}"}}
`), func(name string) (string, bool) { value, set := env[name]; return value, set })
	if err != nil {
		t.Fatal(err)
	}
	of := func(name string) string {
		return "uses the variable " + name + ", whose value begins and ends with quotes, which are part of the value; " +
			"remove the quotes, for example from the env file"
	}
	same(t, lines(c.Warnings), []string{
		"2:39: issuers.a.clients[0] " + of("CID"),
		"2:61: issuers.a.clients[2] " + of("TEAM"),
		"2:105: issuers.a.jwks.file " + of("FILE"),
	})
}
