package policytest_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/policytest"
)

// twoIssuers has a Cognito pool and an OIDC issuer.
const twoIssuers = `issuers:
  cruddur: {cognito: us-west-1_6BpkgoczU, prefix: "", clients: [web, mobile]}
  partner: {issuer: "https://login.partner.example/", prefix: "partner:", audiences: [orders-api], clients: [shop],
            algorithms: [ES256, RS256], token_types: [at+jwt], max_lifetime: 10m}
`

// oneIssuer is an issuer whose key is fast to generate.
const oneIssuer = `issuers: {only: {issuer: "https://one.example/", audiences: [api], algorithms: [ES256]}}
`

// someRoutes has one of each access.
const someRoutes = `routes:
  - {name: health, match: GET /api/health, access: public}
  - {name: home, match: /api/home, access: optional}
  - {name: feed, match: /api/feed, access: optional, if_invalid: anonymous}
  - {name: closed, match: /closed/**, access: deny}
  - {name: admin, match: /admin/**, issuers: [cruddur], groups: [admin]}
  - {name: any, match: /any, any_of: [{issuers: [cruddur], groups: [sales]}, {issuers: [partner], scopes: [orders/read]}]}
  - {name: fresh, match: /fresh, issuers: [cruddur], max_auth_age: 1h}
  - {name: stream, match: /stream, tokens_from: [{query: access_token}, bearer]}
  - {name: page, match: /page, tokens_from: [{cookie: session}]}
  - {name: field, match: /field, tokens_from: [{header: x-token}]}
  - {name: socket, match: /socket, tokens_from: [{websocket_protocol: bearer}]}
  - {name: other, match: /other, hosts: [other.example]}
`

// casesOf parses cases that must have no mistakes.
func casesOf(t testing.TB, cfg *config.Config, yaml string) []policytest.Case {
	t.Helper()
	cases, err := policytest.Parse("cases.yaml", []byte(yaml), cfg)
	if err != nil {
		t.Fatalf("the test's cases:\n%v", err)
	}
	return cases
}

// run runs cases with a config.
func run(t testing.TB, cfg *config.Config, yaml string) *policytest.Report {
	t.Helper()
	report, err := policytest.Run(t.Context(), cfg, casesOf(t, cfg, yaml))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// text returns a report as text.
func text(t testing.TB, report *policytest.Report) string {
	t.Helper()
	var b strings.Builder
	if err := report.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// one returns a file with one case from lines without indentation.
func one(lines ...string) string {
	return "cases:\n  - " + strings.Join(lines, "\n    ") + "\n"
}
