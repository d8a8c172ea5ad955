package policytest_test

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/policytest"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// Each kind of failure shows the expected and the actual values, the reason and a hint,
// on aligned lines.
func TestFailureTexts(t *testing.T) {
	cfg := testbed.Config(t, twoIssuers+someRoutes+"cors: {preflight: pass}\n")
	for name, row := range map[string]struct{ file, want string }{
		"denied, and was to be allowed": {"tokens: {bob: {issuer: cruddur}}\n" + one("name: bob may list", "request: GET /admin/1", "token: bob",
			"expect: {verdict: allow, status: 200, headers: {x-user-id: bob}, removed: [cookie]}"), `
FAIL  cases.yaml:3:5  bob may list
      sent              GET /admin/1, host app.example, token bob
      verdict           expected allow, got deny
      status            expected 200, got 403
      header x-user-id  expected "bob", got nothing
      removed           expected cookie removed, got not removed
      where             admin (jwtgate.yaml:10:5)
      detail            group_missing: has no groups (cognito:groups is missing), needs one of "admin"
      hint              add this user to group "admin"
`},
		"without a token": {one("request: GET /admin/1", "expect: {reason: allowed}"), `
FAIL  cases.yaml:2:5  GET /admin/1
      sent    GET /admin/1, host app.example, no token
      reason  expected allowed, got credential_missing
      where   admin (jwtgate.yaml:10:5)
      detail  no credential in Authorization: Bearer
      hint    the case sends no token; give it one with token:
`},
		"another header": {one("request: GET /any", "token: {issuer: partner, claims: {scope: orders/read}}",
			"expect: {verdict: allow, headers: {x-user-id: somebody, x-user-client: null}}"), `
FAIL  cases.yaml:2:5  GET /any
      sent                  GET /any, host app.example, a token of partner
      header x-user-id      expected "somebody", got "partner:somebody"
      header x-user-client  expected nothing, got "shop"
      where                 any (jwtgate.yaml:11:5)
      hint                  identity.headers defines what the application receives
`},
		"a header that the gate sets": {one("request: {path: /any, headers: {x-user-id: root}}",
			"token: {issuer: partner, claims: {scope: orders/read}}",
			"expect: {verdict: allow, removed: [cookie, x-user-id]}"), `
      removed  expected cookie removed, got not removed
      removed  expected x-user-id removed, got not removed
      where    any (jwtgate.yaml:11:5)
      hint     the gate replaces x-user-id with its own value; expect that value under headers, not removed
`},
		"a public route": {one("request: GET /api/health", "expect: {verdict: deny}"), `
FAIL  cases.yaml:2:5  GET /api/health
      sent     GET /api/health, host app.example, no token
      verdict  expected deny, got allow
      where    health (jwtgate.yaml:6:5)
      hint     the route is public, so it reads no token
`},
		"an optional route": {one("request: GET /api/feed", "token: {raw: junk}", "expect: {reason: token_malformed}"), `
FAIL  cases.yaml:2:5  GET /api/feed
      sent    GET /api/feed, host app.example, a raw text as token
      reason  expected token_malformed, got anonymous_invalid
      where   feed (jwtgate.yaml:8:5)
      detail  not a JWT: got fewer than three parts; expected three; it may be an opaque token, which only its issuer can read
      hint    the route is optional, so it allows this request without identity
`},
		"another way through": {one("request: GET /api/home", "expect: {reason: allowed}"), `
FAIL  cases.yaml:2:5  GET /api/home
      sent    GET /api/home, host app.example, no token
      reason  expected allowed, got anonymous
      where   home (jwtgate.yaml:7:5)
      hint    the request was allowed with reason anonymous; check the access of the route
`},
		"a proper token": {one("request: GET /any", "token: {issuer: cruddur, claims: {'cognito:groups': [sales]}}", "expect: {verdict: deny}"), `
FAIL  cases.yaml:2:5  GET /any
      sent     GET /any, host app.example, a token of cruddur
      verdict  expected deny, got allow
      where    any (jwtgate.yaml:11:5)
      hint     the token satisfies all requirements of the route
`},
		"a preflight": {one("request: {method: OPTIONS, path: /any, headers: {origin: a, access-control-request-method: PUT}}",
			"expect: {verdict: deny}"), `
FAIL  cases.yaml:2:5  OPTIONS /any
      sent     OPTIONS /any, host app.example, no token
      verdict  expected deny, got allow
      where    any (jwtgate.yaml:11:5)
      hint     a CORS preflight is forwarded without a token; see cors.preflight (jwtgate.yaml:18:19)
`},
		"an earlier check": {one("request: GET /admin/1", "token: {issuer: cruddur, claims: {iss: x}}", "expect: {reason: group_missing}"), `
      hint    check 5 (issuer) runs before check 9 (requirement), and it failed: `},
		"a later check": {one("request: GET /admin/1", "token: {issuer: cruddur}", "expect: {reason: expired}"), `
      hint    check 8 (claims), which can deny with reason expired, passed
`},
		"the same check": {one("request: GET /admin/1", "token: {issuer: cruddur}", "expect: {reason: scope_missing}"), `
      hint    add this user to group "admin"
`},
		"another route": {one("request: GET /admin/1", "expect: {verdict: deny, route: any}"), `
FAIL  cases.yaml:2:5  GET /admin/1
      sent    GET /admin/1, host app.example, no token
      route   expected any, got admin
      where   admin (jwtgate.yaml:10:5)
      detail  credential_missing: no credential in Authorization: Bearer
      hint    the first matching route is used: either admin comes before any, or any does not match the request
`},
		"no route": {one("request: POST /api/health", "at: -90m", "expect: {verdict: deny, route: health}"), `
FAIL  cases.yaml:2:5  POST /api/health
      sent    POST /api/health, host app.example, no token, decided at -1h30m
      route   expected health, got default
      where   default
      detail  credential_missing: no credential in Authorization: Bearer
      hint    no route matches the request, not even route health; compare methods, path and hosts
`},
		"a path that is refused": {one("request: {path: \"/a\\nb\"}", "at: 2h", "expect: {verdict: allow, route: health}"), `
FAIL  cases.yaml:2:5  "GET /a\nb"
      sent     "GET /a\nb, host app.example, no token, decided at +2h"
      verdict  expected allow, got deny
      route    expected health, got none
      where    none: the request was denied before a route was matched
`},
		"a route that Envoy names": {one("request: {path: /page, route: nobody}", "expect: {verdict: allow, route: page}"), `
FAIL  cases.yaml:2:5  GET /page
      sent     GET /page, host app.example, route nobody selected by Envoy, no token
      verdict  expected allow, got deny
      route    expected page, got none
`},
	} {
		t.Run(name, func(t *testing.T) {
			report := run(t, cfg, row.file)
			if got := text(t, report); report.Failed() != 1 || !strings.Contains("\n"+got, row.want) {
				t.Errorf("got:\n%s\nwant in it:\n%s", got, row.want)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	cfg := testbed.Config(t,
		oneIssuer+"routes: [{name: open, match: /open, access: public}, {name: shut, match: /shut, access: deny}]\ndefault: deny\n")
	for name, row := range map[string]struct{ file, want string }{
		"one of each": {`
cases:
  - {request: GET /open, expect: {verdict: allow}}
  - {request: GET /shut, expect: {verdict: deny}}
  - {request: GET /other, expect: {verdict: deny}}
`, "3 cases, 0 failed; 3 of 3 routes matched"},
		"a single case": {one("request: GET /open", okay), "1 case, 0 failed; 1 of 3 routes matched; not matched: shut, default"},
		"one that was refused first": {one("request: {path: x}", okay),
			"1 case, 1 failed; 0 of 3 routes matched; not matched: open, shut, default"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := run(t, cfg, row.file).Summary(); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// suites is JUnit XML as a CI system reads it.
type suites struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Suites   []struct {
		Name     string  `xml:"name,attr"`
		Tests    int     `xml:"tests,attr"`
		Failures int     `xml:"failures,attr"`
		Time     float64 `xml:"time,attr"`
		Cases    []struct {
			Name      string  `xml:"name,attr"`
			ClassName string  `xml:"classname,attr"`
			Line      int     `xml:"line,attr"`
			Time      float64 `xml:"time,attr"`
			Failure   *struct {
				Message string `xml:"message,attr"`
				Type    string `xml:"type,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func TestWriteJUnit(t *testing.T) {
	dir := t.TempDir()
	cfg := testbed.Config(t, twoIssuers+someRoutes)
	a := write(t, dir, "a.yaml", one("name: '<a> & \"b\" ]]>'", "request: GET /admin/1", "expect: {verdict: allow}"))
	b := write(t, dir, "b.yaml", one("request: GET /api/health", okay)+"  - {request: GET /any, expect: {reason: credential_missing}}\n")
	cases, err := policytest.Load([]string{a, b}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	report, err := policytest.Run(t.Context(), cfg, cases)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := report.WriteJUnit(&out); err != nil {
		t.Fatal(err)
	}
	var got suites
	if err := xml.Unmarshal([]byte(out.String()), &got); err != nil || !strings.HasPrefix(out.String(), `<?xml version="1.0"`) {
		t.Fatalf("%v:\n%s", err, out.String())
	}
	if got.Tests != 3 || got.Failures != 1 || len(got.Suites) != 2 || len(got.Suites[0].Cases) != 1 || len(got.Suites[1].Cases) != 2 {
		t.Fatalf("got:\n%s", out.String())
	}
	first, second := got.Suites[0], got.Suites[1]
	if first.Name != a || first.Tests != 1 || first.Failures != 1 || second.Name != b || second.Tests != 2 || second.Failures != 0 ||
		second.Time <= 0 {
		t.Errorf("got:\n%s", out.String())
	}
	failed := first.Cases[0]
	if failed.Name != `<a> & "b" ]]>` || failed.ClassName != a || failed.Line != 2 || failed.Time <= 0 || failed.Failure == nil {
		t.Fatalf("got:\n%s", out.String())
	}
	want := a + ":2:5\n" + `sent     GET /admin/1, host app.example, no token
verdict  expected allow, got deny
where    admin (jwtgate.yaml:10:5)
detail   credential_missing: no credential in Authorization: Bearer
hint     the case sends no token; give it one with token:`
	if f := failed.Failure; f.Type != "verdict" || f.Message != "verdict: expected allow, got deny" || f.Text != want {
		t.Errorf("got:\n%+v\nwant:\n%s", f, want)
	}
	if passed := second.Cases[1]; passed.Name != "GET /any" || passed.Failure != nil || passed.Line != 4 {
		t.Errorf("got:\n%s", out.String())
	}
}

// Reports describe a token only by its kind, wherever it was in the request and
// whatever the reason for the denial.
func TestReportsHoldNoToken(t *testing.T) {
	const secret = "c2VjcmV0.c2VjcmV0.c2VjcmV0"
	cfg := testbed.Config(t, twoIssuers+someRoutes)
	report := run(t, cfg, `
cases:
  - {request: GET /stream, token: {raw: `+secret+`}, expect: {verdict: allow}}
  - {request: GET /page, token: {raw: `+secret+`}, expect: {verdict: allow}}
  - {request: GET /admin/1, token: {issuer: cruddur, header: {kid: x}}, expect: {verdict: allow}}
  - {request: GET /stream, token: {issuer: cruddur, claims: {exp: 1}}, expect: {verdict: allow}}
  - {request: {path: /page, headers: {cookie: session=`+secret+`}}, token: {issuer: cruddur}, expect: {verdict: allow}}
`)
	var junit strings.Builder
	if err := report.WriteJUnit(&junit); err != nil {
		t.Fatal(err)
	}
	if report.Failed() != 5 {
		t.Fatal(text(t, report))
	}
	for _, out := range []string{text(t, report), junit.String()} {
		// A minted token's header begins with {" in base64.
		if strings.Contains(out, "c2VjcmV0") || strings.Contains(out, "eyJ") {
			t.Errorf("the report contains a token:\n%s", out)
		}
	}
}

// full is a writer without space.
type full struct{}

var errFull = errors.New("no space")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestReportsSayThatTheyWereNotWritten(t *testing.T) {
	report := run(t, testbed.Config(t, twoIssuers), one("request: GET /", okay))
	if err := report.WriteText(full{}); !errors.Is(err, errFull) {
		t.Errorf("text: got %v", err)
	}
	if err := report.WriteJUnit(full{}); !errors.Is(err, errFull) {
		t.Errorf("junit: got %v", err)
	}
}
