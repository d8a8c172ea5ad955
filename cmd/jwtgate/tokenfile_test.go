package main

import (
	"net"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestTokenFileMistakes: a file with something around the token is an error that says how
// to extract it, and does not contain the token.
func TestTokenFileMistakes(t *testing.T) {
	e := newExplainer(t)
	raw := e.token(t, e.home, nil, nil)
	for _, row := range []struct{ name, text, want string }{
		{"the answer of a token endpoint", `{"id_token": "` + raw + `", "access_token": "` + raw + `", "expires_in": 60}`,
			"token.json is JSON; expected the token alone; hint: extract it: jq -r '.access_token', or jq -r '.id_token'\n"},
		{"the answer of Cognito", `{"AuthenticationResult": {"AccessToken": "` + raw + `"}}`,
			"hint: extract it: jq -r '.AuthenticationResult.AccessToken'\n"},
		{"a list", `[{"token": "` + raw + `"}]`, "jq -r '.[0].token'\n"},
		{"a string", `"` + raw + `"`, "jq -r '.'\n"},
		{"JSON without a token", `{"error": "invalid_grant"}`,
			"is JSON; expected the token alone; hint: write the value of its access_token to a file\n"},
		{"half of it", `{"access_token": "` + raw, "hint: write the value of its access_token to a file\n"},
		{"a header's value", "Bearer " + raw, "token.json begins with Bearer; expected the token alone\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := command(t, "explain", "--config", e.config, "--path", "/team", "--token-file", e.put(t, "token.json", row.text))
			got.holds(t, exitFailure, nil, []string{row.want})
			holdsNoToken(t, raw, got.err)
		})
	}
}

// TestExplainEmptyDecision: an ID that is empty, as from an unset variable, is named.
func TestExplainEmptyDecision(t *testing.T) {
	command(t, "explain", "--decision", "").holds(t, exitFailure, nil, []string{
		"--decision: the value is empty; expected a value; a variable of the shell may be unset; see jwtgate explain"})
	command(t, "explain", "--decision=").holds(t, exitFailure, nil, []string{`invalid decision ID ""; expected REPLICA-<16 hex digits>`})
}

// TestExplainAtTheWrongPort: the error names the admin port, and the explanation contains
// the text that the client received, no other.
func TestExplainAtTheWrongPort(t *testing.T) {
	alone(t)
	s := serve(t, "--config", testutil.File(t, "jwtgate.yaml", publicYAML))
	line := s.deny(t, "/admin")
	id := line["decision"].(string)
	command(t, "explain", "--decision", id, "--server", s.listen).holds(t, exitFailure, nil, []string{
		s.listen + " does not answer in HTTP/1.1, so it may be the port for Envoy (server.listen, 9001); " +
			"hint: --server needs the address of admin.listen, by default port 9002"})
	body := ask(t, s.listen, "/admin").GetDeniedResponse().GetBody()
	_, rest, _ := strings.Cut(body, `"detail":"`)
	detail, _, _ := strings.Cut(rest, `"`)
	got := command(t, "explain", "--decision", id, "--server", s.admin)
	got.holds(t, exitNo, []string{"\ndetail: " + detail + "\n"}, nil)
	if strings.Count(got.out, "\ndetail: ") != 1 || detail == "" {
		t.Errorf("the text %q of %s, in:\n%s", detail, body, got.out)
	}
}

// TestInitNotesAnApplicationThatIsNotThere: init names an address on which nothing
// listens, and the one of the other family on which a process listens.
func TestInitNotesAnApplicationThatIsNotThere(t *testing.T) {
	alone(t)
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	_, port, _ := net.SplitHostPort(app.Addr().String())
	initFor := func(address string) outcome {
		return command(t, "init", "--cognito", "us-west-1_6BpkgoczU", "--client-id", "web", "--app", address, "--out", t.TempDir())
	}
	for _, there := range []string{"127.0.0.1:" + port, "localhost:" + port, "app:3000", "192.0.2.1:80"} {
		if got := initFor(there); got.code != exitYes || strings.Contains(got.out, "note ") {
			t.Errorf("%s: a note:\n%s", there, got.out)
		}
	}
	initFor("[::1]:"+port).holds(t, exitYes, []string{
		"\nnote   nothing listens on [::1]:" + port + ", and a process listens on 127.0.0.1:" + port + "; "}, nil)
	_ = app.Close()
	initFor("127.0.0.1:"+port).holds(t, exitYes, []string{
		"\nnote   nothing listens on 127.0.0.1:" + port + " yet; until your application does, Envoy answers 503, \"upstream connect error\"\n",
	}, nil)
}
