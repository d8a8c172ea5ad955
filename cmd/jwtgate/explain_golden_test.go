package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

var update = flag.Bool("update", false, "write the golden files anew")

// explainedYAML can produce each reason, without a network.
const explainedYAML = `issuers:
  home: {issuer: "https://home.example/", prefix: "", audiences: [orders-api], clients: [web, mobile], require: {org: [acme]},
         algorithms: [ES256, ES384], max_lifetime: 24h, jwks: {file: home.json}}
  pool: {cognito: us-west-1_6BpkgoczU, prefix: "pool:", clients: [web], token_use: [access], algorithms: [ES256], jwks: {file: pool.json}}
  dark: {issuer: "http://127.0.0.1:1", prefix: "dark:", audiences: [orders-api], dangerously_allow_http: true, algorithms: [ES256]}
identity: {max_value_bytes: 64}
tokens: {max_bytes: 4096}
routes:
  - {name: open,    match: /open/**, access: public}
  - {name: feed,    match: /feed, access: optional}
  - {name: lenient, match: /lenient, access: optional, if_invalid: anonymous}
  - {name: closed,  match: /closed, access: deny}
  - {name: team,    match: /team, issuers: [home], groups: [admin], scopes: {all: [orders/read, orders/write]}, clients: [web]}
  - {name: page,    match: /page, tokens_from: [{cookie: session}]}
  - {name: fresh,   match: /fresh, issuers: [home], max_auth_age: 5m, acr: [gold]}
  - {name: own,     match: "/own/{id}", issuers: [home], when: token.subject == path.id}
  - {name: level,   match: /level, issuers: [home], when: claims.level >= 3}
  - {name: shade,   match: /shade, issuers: [home], groups: [admin], shadow: true}
revoked: {file: revoked.jsonl}
`

// explained is the time of all explanations, so that a token has the same times in every
// run.
var explained = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// explainer is a config in its own directory, and its issuers.
type explainer struct {
	dir, config string
	home, pool  *devidp.Issuer
}

func newExplainer(t *testing.T) explainer {
	t.Helper()
	alone(t)
	e := explainer{dir: t.TempDir()}
	idp := testbed.Issuers(t)
	e.home = testbed.Issuer(t, idp, "home", devidp.IssuerConfig{ISS: "https://home.example/", Algorithm: "ES256"})
	if _, err := e.home.AddKey("ES384"); err != nil {
		t.Fatal(err)
	}
	e.pool = testbed.Issuer(t, idp, "pool", devidp.IssuerConfig{
		ISS: "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU", Algorithm: "ES256",
	})
	e.put(t, "home.json", fetch(t, e.home.JWKSURL()))
	e.put(t, "pool.json", fetch(t, e.pool.JWKSURL()))
	e.put(t, "revoked.jsonl", `{"issuer": "home", "sub": "mallory"}`+"\n")
	e.config = e.put(t, "jwtgate.yaml", explainedYAML)
	return e
}

func (e explainer) put(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(e.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

type object = map[string]any

// token signs a token of issuer i that is valid for an hour around explained, with changed
// claims; nil removes a claim.
func (e explainer) token(t *testing.T, i *devidp.Issuer, header, changed object) string {
	t.Helper()
	claims := object{
		"iss": i.ISS(), "sub": "alice", "aud": "orders-api", "org": "acme", "client_id": "web",
		"groups": []string{"admin"}, "scope": "orders/read orders/write",
		"iat": explained.Add(-time.Minute).Unix(), "exp": explained.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, changed)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	raw, err := i.Sign(header, claims)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// question is a request on the command line.
type question struct {
	args  []string
	token string // empty: none
	cors  string // the section of the config; empty: none
}

// questions returns a request for each reason that the command line can produce.
func (e explainer) questions(t *testing.T) map[gate.Reason]question {
	home := func(path string, changed object) question {
		return question{args: []string{"--path", path}, token: e.token(t, e.home, nil, changed)}
	}
	with := func(header object) question {
		return question{args: []string{"--path", "/team"}, token: e.token(t, e.home, header, nil)}
	}
	plain := func(args ...string) question { return question{args: args} }
	send := func(token string, args ...string) question { return question{args: args, token: token} }
	preflight := func(cors, origin string) question {
		return question{cors: cors, args: []string{"--method", "OPTIONS", "--path", "/team", "--header", "Origin: " + origin,
			"--header", "Access-Control-Request-Method: GET"}}
	}
	const answering = `cors: {origins: ["https://app.example"]}`
	at := func(d time.Duration) int64 { return explained.Add(d).Unix() }
	good := e.token(t, e.home, nil, nil)
	dot := strings.LastIndexByte(good, '.') + 1
	forged := good[:dot] + strings.Repeat("A", len(good)-dot)
	return map[gate.Reason]question{
		"allowed":                   send(good, "--path", "/team", "--host", "api.example", "--header", "X-User-Id: root"),
		"public":                    plain("--path", "/open/x?a=b", "--header", "x-user-id: root"),
		"preflight":                 preflight("cors: {preflight: pass}", "https://app.example"),
		"preflight_answered":        preflight(answering, "https://app.example"),
		"preflight_refused":         preflight(answering, "https://evil.example"),
		"method_refused":            plain("--method", "delete", "--path", "/open/x"),
		"connection_header_refused": plain("--path", "/open/x", "--header", "Connection: upgrade, x-user-id"),
		"anonymous":                 plain("--path", "/feed"),
		"anonymous_invalid":         home("/lenient", object{"exp": at(-time.Hour)}),
		"shadowed":                  home("/shade", object{"groups": []string{"guests"}}),
		"path_refused":              plain("--path", "/team/../open/x"),
		"host_refused":              plain("--path", "/open/x", "--host", "a.example,b.example"),
		"route_unknown":             plain("--path", "/open/x", "--route", "opne"),
		"route_mismatch":            plain("--path", "/open/x", "--route", "team"),
		"route_denied":              plain("--path", "/closed"),
		"credential_ambiguous":      send(good, "--path", "/team", "--header", "Authorization: Bearer x"),
		"credential_missing":        plain("--path", "/team", "--header", "Authorization: Basic YTpi"),
		"cross_site":                send(good, "--method", "POST", "--path", "/page", "--header", "Origin: https://evil.example"),
		"token_malformed":           plain("--path", "/team", "--header", "Authorization: Bearer null"),
		"token_too_large":           home("/team", object{"padding": strings.Repeat("x", 4096)}),
		"alg_not_allowed":           with(object{"alg": "none"}),
		"header_not_allowed":        with(object{"crit": []string{"exp"}}),
		"type_not_allowed":          with(object{"typ": "logout+jwt"}),
		"kid_missing":               with(object{"kid": ""}),
		"issuer_unknown":            home("/team", object{"iss": "https://home.example"}),
		"keys_unavailable":          home("/team", object{"iss": "http://127.0.0.1:1"}),
		"key_unknown":               with(object{"kid": "gone"}),
		"key_unfit":                 with(object{"alg": "ES384"}),
		"signature_invalid":         send(forged, "--path", "/team"),
		"claims_malformed":          home("/team", object{"exp": "tomorrow"}),
		"expiry_missing":            home("/team", object{"exp": nil}),
		"expired":                   home("/team", object{"exp": at(-time.Hour)}),
		"not_yet_valid":             home("/team", object{"nbf": at(time.Hour)}),
		"issued_in_future":          home("/team", object{"iat": at(time.Hour)}),
		"lifetime_too_long":         home("/team", object{"exp": at(48 * time.Hour)}),
		"audience_mismatch":         home("/team", object{"aud": "other-api"}),
		"client_mismatch":           home("/team", object{"client_id": "billing"}),
		"claim_mismatch":            home("/team", object{"org": "other"}),
		"token_use_mismatch":        send(e.token(t, e.pool, nil, object{"token_use": "id", "aud": "web"}), "--path", "/feed"),
		"token_bound":               home("/team", object{"cnf": object{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}),
		"subject_missing":           home("/team", object{"sub": nil}),
		"token_revoked":             home("/team", object{"sub": "mallory"}),
		"issuer_not_allowed":        send(e.token(t, e.pool, nil, object{"token_use": "access", "aud": nil}), "--path", "/team"),
		"group_missing":             home("/team", object{"groups": []string{"guests", "staff"}}),
		"scope_missing":             home("/team", object{"scope": "orders/read"}),
		"client_not_allowed":        home("/team", object{"client_id": "mobile"}),
		"login_too_old":             home("/fresh", object{"auth_time": at(-time.Hour), "acr": "gold"}),
		"acr_too_weak":              home("/fresh", object{"auth_time": at(-time.Minute), "acr": "tin"}),
		"condition_false":           home("/own/bob", nil),
		"condition_error":           home("/level", nil),
		"identity_too_large":        home("/team", object{"sub": strings.Repeat("x", 65)}),
	}
}

// unasked are the reasons that one command line cannot have: they require a server that
// has run for a while, or one that fails.
func unasked() []gate.Reason {
	return []gate.Reason{"keys_stale", "key_pending", "deadline", "request_malformed", "internal"}
}

// ask runs explain on a question.
func (e explainer) ask(t *testing.T, q question, more ...string) outcome {
	t.Helper()
	config := e.config
	if q.cors != "" {
		config = e.put(t, "cors.yaml", explainedYAML+q.cors+"\n")
	}
	args := append([]string{"explain", "--config", config, "--at", explained.Format(time.RFC3339)}, q.args...)
	if q.token != "" {
		args = append(args, "--token-file", e.put(t, "token.jwt", q.token+"\n"))
	}
	return command(t, append(args, more...)...)
}

var explainID = regexp.MustCompile(`explain-[0-9a-f]{16}`)

// normal replaces what differs between runs.
func (e explainer) normal(text string) string {
	for i, issuer := range map[string]*devidp.Issuer{"KID": e.home, "POOL-KID": e.pool} {
		text = strings.ReplaceAll(text, issuer.KeyID(), i)
	}
	return explainID.ReplaceAllString(strings.ReplaceAll(text, e.dir+"/", ""), "explain-ID")
}

// TestExplainGolden: the output and the exit code for each reason. -update writes the
// golden files.
func TestExplainGolden(t *testing.T) {
	e := newExplainer(t)
	questions := e.questions(t)
	for _, m := range gate.Reasons() {
		if _, asked := questions[m.Reason]; asked == slices.Contains(unasked(), m.Reason) {
			t.Errorf("%s: asked %v", m.Reason, asked)
		}
	}
	for reason, q := range questions {
		t.Run(string(reason), func(t *testing.T) {
			got := e.ask(t, q)
			m, _ := gate.LookupReason(reason)
			prefix := ""
			if reason == gate.ReasonKeysUnavailable { // no server can show why
				prefix = "jwtgate: fetching the keys of issuer dark failed: "
			}
			if want := exitOf(m); got.code != want || !strings.HasPrefix(got.err, prefix) || prefix == "" && got.err != "" {
				t.Errorf("exit code %d, want %d; %s", got.code, want, got.err)
			}
			holdsNoToken(t, q.token, got.out)
			text := fmt.Sprintf("$ jwtgate explain %s\n%s$ echo $?\n%d\n", commandLine(q), e.normal(got.out), got.code)
			golden(t, filepath.Join("testdata", "explain", string(reason)+".golden"), text)
			e.checkJSON(t, q, m, got)
		})
	}
}

// exitOf returns the exit code for a reason.
func exitOf(m gate.ReasonInfo) int {
	switch {
	case m.Verdict != gate.VerdictDeny:
		return exitYes
	case m.Outage || m.Fault == gate.FaultGate:
		return exitFailure
	}
	return exitNo
}

// commandLine returns a question as a user types it.
func commandLine(q question) string {
	var b strings.Builder
	for i := 0; i < len(q.args); i += 2 {
		value := q.args[i+1]
		if strings.ContainsAny(value, " ?") {
			value = "'" + value + "'"
		}
		fmt.Fprintf(&b, "%s %s ", q.args[i], value)
	}
	if q.token != "" {
		b.WriteString("--token-file token.jwt")
	}
	return strings.TrimSpace(b.String())
}

// golden compares a text with a file.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("got\n%s\nwant\n%s\n(go test ./cmd/jwtgate -run TestExplainGolden -update writes it)", text, want)
	}
}

// holdsNoToken fails the test if a text has more than 8 consecutive bytes of a token.
func holdsNoToken(t *testing.T, raw, text string) {
	t.Helper()
	for i := range max(len(raw)-8, 0) {
		if strings.Contains(text, raw[i:i+9]) {
			t.Fatalf("%q of the token is in:\n%s", raw[i:i+9], text)
		}
	}
}

// checkJSON compares the output of --json with the text of the same question.
func (e explainer) checkJSON(t *testing.T, q question, m gate.ReasonInfo, text outcome) {
	t.Helper()
	got := e.ask(t, q, "--json")
	holdsNoToken(t, q.token, got.out)
	var view explanationJSON
	decoder := json.NewDecoder(bytes.NewReader([]byte(got.out)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&view); err != nil {
		t.Fatalf("%v in:\n%s", err, got.out)
	}
	if got.code != text.code || view.Reason != m.Reason || view.Verdict != m.Verdict || view.Status != m.Status ||
		!view.Time.Equal(explained) {
		t.Errorf("exit code %d, %s %s %d at %v", got.code, view.Verdict, view.Reason, view.Status, view.Time)
	}
	if len(view.Steps) != 10 || view.Config == "" {
		t.Errorf("%d steps by config %q", len(view.Steps), view.Config)
	}
	for _, step := range view.Steps {
		line := regexp.MustCompile(fmt.Sprintf(`(?m)^ ?%d %s +%s +`, step.Number, step.Check, step.Outcome))
		if step.Text != "" && !line.MatchString(text.out) {
			t.Errorf("the text has no step %+v", step)
		}
		if !strings.Contains(text.out, step.Text) {
			t.Errorf("the text has no %q", step.Text)
		}
	}
	for name, value := range view.ResponseHeaders {
		if !strings.Contains(text.out, "  "+name+": "+value+"\n") {
			t.Errorf("the text has no response header %s: %s", name, value)
		}
	}
	for name, value := range view.Headers {
		if !strings.Contains(text.out, "  "+name+": "+value+"\n") {
			t.Errorf("the text has no header %s: %s", name, value)
		}
	}
	for _, one := range []string{view.Detail, view.Hint, view.InternalDetail} {
		if !strings.Contains(text.out, one) {
			t.Errorf("the text has no %q", one)
		}
	}
}
