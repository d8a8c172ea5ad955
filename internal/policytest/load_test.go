package policytest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/policytest"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// okay is a valid expectation, so that the mistake of a row is the only one.
const okay = "expect: {verdict: allow}"

// All mistakes are reported at once, each with its position and the expected value.
func TestMistakes(t *testing.T) {
	cfg := testbed.Config(t, twoIssuers+someRoutes)
	for name, row := range map[string]struct{ file, want string }{
		"no mapping": {"- a", `cases.yaml:1:1: the file is a list; expected a mapping with keys such as cases`},
		"no cases":   {"tokens: {}", `cases.yaml:1:1: cases is missing; expected cases: and a list of them`},
		"an empty list": {"cases: []",
			`cases.yaml:1:1: cases is an empty list; expected a list of cases, each such as {request: GET /api/health, expect: {verdict: allow}}`},
		"no list": {"cases: {a: b}",
			`cases.yaml:1:1: cases is a mapping; expected a list of cases, each such as {request: GET /api/health, expect: {verdict: allow}}`},
		"no value": {"cases:",
			`cases.yaml:1:1: cases has no value; expected a list of cases, each such as {request: GET /api/health, expect: {verdict: allow}}`},
		"no case": {"cases: [x]",
			`cases.yaml:1:9: cases[0] is the single value "x"; expected a case such as {request: GET /api/health, expect: {verdict: allow}}`},
		"nothing in it": {"cases: [{}]", `cases.yaml:1:9: cases[0].request is missing; expected request: GET /path
cases.yaml:1:9: cases[0].expect is missing; expected expect: with at least a verdict or a reason`},
		"an unknown key": {one("request: GET /", "expct: {verdict: allow}", okay),
			`cases.yaml:3:5: unknown key "expct" in cases[0]; did you mean expect?`},
		"a far key": {one("request: GET /", okay, "frobnicate: 1"),
			`cases.yaml:4:5: unknown key "frobnicate" in cases[0]; expected one of name, request, token, in, at, expect`},
		"a key of the file": {"case: 1\n" + one("request: GET /", okay),
			`cases.yaml:1:1: unknown key "case" in the file; did you mean cases?`},
		"a repeated key": {one("request: GET /", "request: GET /x", okay),
			`cases.yaml:3:5: the key "request" is repeated in cases[0]; it first appears at 2:5; keep one of them`},
		"a key that is none": {one("request: GET /", okay, "[a]: 1"), `cases.yaml:4:5: a key in cases[0] is a list; expected a plain word`},
		"an empty name": {one("name: ''", "request: GET /", okay),
			`cases.yaml:2:11: cases[0].name is empty; expected a name such as an admin may list`},
		"a name with a line break": {one(`name: "a\nb"`, "request: GET /", okay),
			`cases.yaml:2:11: cases[0].name has a control character: got "a\nb"; expected a name such as an admin may list`},
		"a long name": {one("name: "+strings.Repeat("x", 201), "request: GET /", okay),
			`cases.yaml:2:11: cases[0].name is longer than 200 bytes; expected a shorter name`},
		"a name twice": {"cases:\n- {name: a, request: GET /, expect: {verdict: allow}}\n- {name: a, request: GET /, expect: {verdict: allow}}\n",
			`cases.yaml:3:10: cases[1].name is the name of the case at 2:10 too: got "a"; expected a different name`},

		"a request without a method": {one("request: /x", okay),
			`cases.yaml:2:14: cases[0].request is invalid: got "/x"; expected a request such as GET /api/health, or {method: GET, path: ` +
				`/api/health, host: api.example}`},
		"a request in a list": {one("request: [GET, /x]", okay),
			`cases.yaml:2:5: cases[0].request is a list; expected a request such as GET /api/health, or {method: GET, path: /api/health, host: ` +
				`api.example}`},
		"no request": {one("request:", okay),
			`cases.yaml:2:5: cases[0].request has no value; expected a request such as GET /api/health, or {method: GET, path: /api/health, ` +
				`host: api.example}`},
		"a method that is none": {one("request: {method: 'G T', path: /}", okay),
			`cases.yaml:2:23: cases[0].request.method is invalid: got "G T"; expected a method such as GET`},
		"no path": {one("request: {method: GET}", okay),
			`cases.yaml:2:5: cases[0].request.path is missing; expected path: /api/health`},
		"a header that is none": {one("request: {path: /, headers: {'a b': c}}", okay),
			`cases.yaml:2:41: cases[0].request.headers["a b"] is not a header name; expected a name such as x-request-id`},
		"the host as a header": {one("request: {path: /, headers: {Host: c}}", okay),
			`cases.yaml:2:40: cases[0].request.headers.Host is not allowed here; set host of the request instead`},
		"a header with a line break": {one(`request: {path: /, headers: {a: "b\r\nc"}}`, okay),
			`cases.yaml:2:37: cases[0].request.headers.a has a control character, which is not allowed in a header: got "b\r\nc"`},
		"a header without a value": {one("request: {path: /, headers: {a: }}", okay),
			`cases.yaml:2:34: cases[0].request.headers.a has no value; set it to a value, in quotes if it is empty, or remove the key`},
		"a route with a line break": {one(`request: {path: /, route: "a\nb"}`, okay),
			`cases.yaml:2:31: cases[0].request.route has a control character: got "a\nb"; expected the route that Envoy names in jwtgate.route, ` +
				`such as admin`},

		"a token that is not there": {"tokens: {alice: {issuer: cruddur}}\n" + one("request: GET /", "token: alcie", okay),
			`cases.yaml:4:12: cases[0].token is an unknown token: got "alcie"; did you mean alice?`},
		"a place for a token that is not there": {one("request: GET /", "token: alcie", "in: bearer", okay),
			`cases.yaml:3:12: cases[0].token is an unknown token: got "alcie"; add it under tokens, or write none`},
		"a long value": {one("request: GET /", "in: bearer", "token: "+strings.Repeat("x", 81), okay),
			`cases.yaml:4:12: cases[0].token is an unknown token: got "` + strings.Repeat("x", 80) + `"...; add it under tokens, or write none`},
		"a token far from any": {one("request: GET /", "token: somebodyelse", okay),
			`cases.yaml:3:12: cases[0].token is an unknown token: got "somebodyelse"; add it under tokens, or write none`},
		"no token": {one("request: GET /", "token:", okay),
			`cases.yaml:3:5: cases[0].token has no value; set it to the name of a token under tokens, none, or a token such as {issuer: NAME, ` +
				`claims: {sub: alice}}, or {raw: TEXT}, or remove the key`},
		"a token named none": {"tokens: {none: {issuer: cruddur}}\n" + one("request: GET /", okay),
			`cases.yaml:1:10: tokens.none means no token in a case; use another name`},
		"a shared token in words": {"tokens: {alice: x}\n" + one("request: GET /", okay),
			`cases.yaml:1:17: tokens.alice is the single value "x"; expected a token such as {issuer: NAME, claims: {sub: alice}}, or {raw: TEXT}`},
		"no issuer": {one("request: GET /", "token: {}", okay),
			`cases.yaml:3:5: cases[0].token names no issuer, but there is more than one; write issuer: cruddur or issuer: partner`},
		"an issuer that is none": {one("request: GET /", "token: {issuer: crudder}", okay),
			`cases.yaml:3:21: cases[0].token.issuer is not an issuer of the config: got "crudder"; did you mean cruddur?`},
		"raw and more": {one("request: GET /", "token: {raw: x, issuer: cruddur}", okay),
			`cases.yaml:3:5: cases[0].token has raw and other keys, but raw is sent unchanged; remove the other keys`},
		"an empty raw": {one("request: GET /", "token: {raw: ''}", okay),
			`cases.yaml:3:5: cases[0].token has an empty raw; expected the text to send, or token: none`},
		"claims in a list": {one("request: GET /", "token: {issuer: cruddur, claims: [a]}", okay),
			`cases.yaml:3:30: cases[0].token.claims is a list; expected claims such as {sub: alice}`},
		"a claim twice": {one("request: GET /", "token: {issuer: cruddur, claims: {a: {b: 1, b: 2}}}", okay),
			`cases.yaml:3:49: the key "b" is repeated in cases[0].token.claims.a; it first appears at 3:43; keep one of them`},
		"a number that is none": {one("request: GET /", "token: {issuer: cruddur, claims: {a: [.inf], 'b.c': 0x1F}}", okay),
			`cases.yaml:3:43: cases[0].token.claims.a[0] is not a JSON number: got .inf; expected the JSON form, or quotes around it
cases.yaml:3:57: cases[0].token.claims["b.c"] is not a JSON number: got 0x1F; expected the JSON form, or quotes around it`},
		"a header in words": {one("request: GET /", "token: {issuer: cruddur, header: x}", okay),
			`cases.yaml:3:38: cases[0].token.header is the single value "x"; expected members of the token's header, such as {typ: at+jwt}`},
		"no duration": {one("request: GET /", "token: {issuer: cruddur, expires: 1d}", okay),
			`cases.yaml:3:39: cases[0].token.expires is invalid: got "1d"; expected the lifetime of the token, such as 1h, or -1h for a token ` +
				`that expired one hour ago`},
		"too long a duration": {one("request: GET /", "at: 87601h", okay),
			`cases.yaml:3:9: cases[0].at is more than ten years: got "87601h"; expected a duration after now, such as +2h, or before now, such ` +
				`as -5m`},
		"expires and exp": {one("request: GET /", "token: {issuer: cruddur, expires: 1h, claims: {exp: 1}}", okay),
			`cases.yaml:3:5: cases[0].token has both expires and the claim exp; keep one of them`},

		"a place and no token": {one("request: GET /", "in: {cookie: a}", okay),
			`cases.yaml:3:5: cases[0].in has no effect without a token; set token, or remove it`},
		"a place that is none": {one("request: GET /", "token: {issuer: cruddur}", "in: berer", okay),
			`cases.yaml:4:9: cases[0].in is not a place of tokens.from: got "berer"; did you mean bearer?`},
		"a place in a list": {one("request: GET /", "token: {issuer: cruddur}", "in: [bearer]", okay),
			`cases.yaml:4:5: cases[0].in is a list; expected bearer, {cookie: NAME}, {header: NAME}, {query: NAME} or {websocket_protocol: NAME}`},
		"two places": {one("request: GET /", "token: {issuer: cruddur}", "in: {cookie: a, header: b}", okay),
			`cases.yaml:4:5: cases[0].in must name exactly one source; expected bearer, {cookie: NAME}, {header: NAME}, {query: NAME} or ` +
				`{websocket_protocol: NAME}`},
		"a place without a name": {one("request: GET /", "token: {issuer: cruddur}", "in: {query: 'a b'}", okay),
			`cases.yaml:4:17: cases[0].in.query is not a plain name: got "a b"; expected a name such as access_token`},

		"nothing expected": {one("request: GET /", "expect: {route: admin}"),
			`cases.yaml:3:5: cases[0].expect has neither verdict nor reason; write verdict: allow or verdict: deny`},
		"a verdict that is none": {one("request: GET /", "expect: {verdict: allowed}"),
			`cases.yaml:3:23: cases[0].expect.verdict is not a verdict: got "allowed"; did you mean allow?`},
		"a reason that is none": {one("request: GET /", "expect: {reason: group_mising}"),
			`cases.yaml:3:22: cases[0].expect.reason is not a reason: got "group_mising"; did you mean group_missing?`},
		"a reason out of reach": {one("request: GET /", "expect: {reason: keys_unavailable}"),
			`cases.yaml:3:22: cases[0].expect.reason is an outage or an internal error, which no case can cause: got "keys_unavailable"; ` +
				`expected another reason`},
		"our own fault": {one("request: GET /", "expect: {reason: internal}"),
			`cases.yaml:3:22: cases[0].expect.reason is an outage or an internal error, which no case can cause: got "internal"; expected ` +
				`another reason`},
		"a route that is none": {one("request: GET /", "expect: {verdict: allow, route: admn}"),
			`cases.yaml:3:37: cases[0].expect.route is not a route: got "admn"; did you mean admin?`},
		"a status in words": {one("request: GET /", "expect: {verdict: allow, status: ok}"),
			`cases.yaml:3:38: cases[0].expect.status is invalid: got "ok"; expected an HTTP status such as 403`},
		"a status that is none": {one("request: GET /", "expect: {verdict: deny, status: 0403}"),
			`cases.yaml:3:37: cases[0].expect.status is invalid: got "0403"; expected an HTTP status such as 403`},
		"a header that is never set": {one("request: GET /", "expect: {verdict: allow, headers: {X-User-Idd: null}}"),
			`cases.yaml:3:40: cases[0].expect.headers: the gate never sets "X-User-Idd"; did you mean x-user-id?`},
		"a header expected empty": {one("request: GET /", "expect: {verdict: allow, headers: {x-user-id: ''}}"),
			`cases.yaml:3:51: cases[0].expect.headers.x-user-id is empty; expected the value, or null where the gate sets none`},
		"removed that is none": {one("request: GET /", "expect: {verdict: allow, removed: ['a b', {}]}"),
			`cases.yaml:3:40: cases[0].expect.removed[0] is not a header name: got "a b"; expected a name such as x-user-id
cases.yaml:3:47: cases[0].expect.removed[1] is a mapping; expected a header such as x-user-id`},
		"a verdict that the reason has not": {one("request: GET /", "expect: {verdict: allow, reason: expired}"),
			`cases.yaml:3:5: cases[0].expect expects verdict allow and reason expired, whose verdict is always deny; remove one of them`},
		"a status that the reason has not": {one("request: GET /", "expect: {reason: expired, status: 403}"),
			`cases.yaml:3:5: cases[0].expect expects status 403 and reason expired, whose status is always 401; remove one of them`},
		"a status of the application": {one("request: GET /", "expect: {verdict: allow, status: 404}"),
			`cases.yaml:3:5: cases[0].expect expects verdict allow and status 404, but the status of a request that is not denied is always 200; ` +
				`remove status`},

		"several at once": {"tokens: {a: {issuer: x}}\ncases:\n- {request: GET /, tokn: a, expect: {verdict: allow}}\n- {expect: {reason: " +
			"expird}}\n",
			`cases.yaml:1:22: tokens.a.issuer is not an issuer of the config: got "x"; expected one of cruddur, partner
cases.yaml:3:20: unknown key "tokn" in cases[0]; did you mean token?
cases.yaml:4:3: cases[1].request is missing; expected request: GET /path
cases.yaml:4:21: cases[1].expect.reason is not a reason: got "expird"; did you mean expired?`},
	} {
		t.Run(name, func(t *testing.T) { mistaken(t, cfg, row.file, row.want) })
	}
}

// mistaken checks the mistakes in a file.
func mistaken(t *testing.T, cfg *config.Config, file, want string) {
	t.Helper()
	_, err := policytest.Parse("cases.yaml", []byte(file), cfg)
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) {
		t.Fatalf("got %v, want mistakes", err)
	}
	if err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestMistakesWithoutIssuers(t *testing.T) {
	cfg := testbed.Config(t, "routes: [{match: /, access: public}]\ndefault: deny\n")
	mistaken(t, cfg, one("request: GET /", "token: {}", okay),
		`cases.yaml:3:5: cases[0].token needs an issuer to sign it, but the config has none; write {raw: TEXT}, or token: none`)
	mistaken(t, cfg, one("request: GET /", "token: {issuer: a}", okay),
		`cases.yaml:3:21: cases[0].token.issuer names an issuer, but the config has none; write {raw: TEXT}, or token: none`)
}

// Invalid YAML, and YAML whose meaning is not the obvious one.
func TestRefusedYAML(t *testing.T) {
	cfg := testbed.Config(t, twoIssuers+someRoutes)
	for name, row := range map[string]struct{ file, want string }{
		"empty":     {"", `cases.yaml:1:1: the file is empty; expected a mapping with keys such as cases`},
		"a mark":    {"---", `cases.yaml:1:4: the file is empty; expected a mapping with keys such as cases`},
		"a comment": {"# nothing\n", `cases.yaml:1:1: the file is empty; expected a mapping with keys such as cases`},
		"not UTF-8": {"cases: \xff", `cases.yaml:1:8: the file is not valid UTF-8; save it as UTF-8`},
		"too large": {strings.Repeat("#", 8<<20+1), `cases.yaml:1:1: the file is larger than 8388608 bytes; expected a file of cases`},
		"too deep":  {"cases: " + strings.Repeat("[", 40), `cases.yaml:1:40: lists and mappings are nested more than 32 deep`},
		"an alias": {"tokens: {a: &x {issuer: cruddur}, b: *x}\n" + one("request: GET /", okay),
			"cases.yaml:1:13: YAML anchors are not supported: got \"&x\"; write the value wherever it is used, or share a token under " +
				"tokens\ncases.yaml:1:38: YAML aliases are not supported: got \"*x\"; write the value itself, or share a token under tokens"},
		"a merge": {one("<<: {}", "request: GET /", okay),
			`cases.yaml:2:5: YAML merge keys (<<) are not supported: got one in cases[0]; write the keys explicitly`},
		"a tag": {one("request: !x GET /", okay),
			`cases.yaml:2:14: YAML tags are not supported: got "!x"; put a string in quotes instead`},
		"two documents": {one("request: GET /", okay) + "---\na: b\n",
			`cases.yaml:4:1: a second YAML document begins here; expected one document per file`},
		"an open list": {"cases: [", `cases.yaml:1:9: invalid YAML: did not find expected node content`},
		"a colon": {"cases: a: b",
			`cases.yaml:1:9: invalid YAML: mapping values are not allowed in this context; check the indentation, and put a value that contains ` +
				`": " or ends with ":" in quotes`},
		"an at sign": {"cases: @x", `cases.yaml:1:8: invalid YAML: found character that cannot start any token`},
	} {
		t.Run(name, func(t *testing.T) { mistaken(t, cfg, row.file, row.want) })
	}
}

func TestLoadReadsFilesInTheirOrder(t *testing.T) {
	dir := t.TempDir()
	cfg := testbed.Config(t, twoIssuers+someRoutes)
	b, a := write(t, dir, "b.yaml", one("request: GET /b", okay)), write(t, dir, "a.yaml", one("name: first", "request: GET /a", okay))
	cases, err := policytest.Load([]string{b, a}, cfg)
	if err != nil || len(cases) != 2 || cases[0].Name != "GET /b" || cases[1].Name != "first" {
		t.Fatalf("got %v, %v", cases, err)
	}
	if got, want := cases[1].Pos, (config.Pos{File: a, Line: 2, Column: 5}); got != want {
		t.Errorf("the case is at %v, want %v", got, want)
	}
	bad, worse := write(t, dir, "bad.yaml", "cases: 1"), write(t, dir, "worse.yaml", "")
	_, err = policytest.Load([]string{worse, a, bad}, cfg)
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 2 || mistakes[0].Pos.File != bad || mistakes[1].Pos.File != worse {
		t.Errorf("got %v, want a mistake in each of two files", err)
	}
	_, err = policytest.Load([]string{a, filepath.Join(dir, "none.yaml")}, cfg)
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &mistakes) || !strings.HasPrefix(err.Error(), "reading the cases: ") {
		t.Errorf("got %v, want an error for a missing file", err)
	}
	if _, err = policytest.Load([]string{dir}, cfg); err == nil || errors.As(err, &mistakes) {
		t.Errorf("got %v, want an error for a directory", err)
	}
}

func TestLoadBoundsTheNumberOfCases(t *testing.T) {
	dir := t.TempDir()
	cfg := testbed.Config(t, "routes: [{name: open, match: /open, access: public}]\ndefault: deny\n")
	row := "- {request: GET /open, expect: {verdict: allow}}\n"
	full := write(t, dir, "full.yaml", "cases:\n"+strings.Repeat(row, policytest.MaxCases))
	if cases, err := policytest.Load([]string{full}, cfg); err != nil || len(cases) != policytest.MaxCases {
		t.Fatalf("got %d cases, %v", len(cases), err)
	}
	more := write(t, dir, "more.yaml", "cases:\n"+row+row)
	_, err := policytest.Load([]string{full, more}, cfg)
	if want := more + ":2:3: there are more than 10000 cases; split them into several runs"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = policytest.Run(t.Context(), cfg, make([]policytest.Case, policytest.MaxCases+1))
	if want := "there are 10001 cases; expected at most 10000; split them into several runs"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
