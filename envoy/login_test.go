package envoy_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
)

var update = flag.Bool("update", false, "write login.yaml")

// TestLoginFile: login.yaml is what its template makes of envoy.yaml, of which it lacks only
// two lines that say the same in it otherwise.
func TestLoginFile(t *testing.T) {
	want, err := envoy.Bootstrap(envoy.Edit{Login: &envoy.Login{}})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("login.yaml", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("login.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("login.yaml is not up to date; run: go test ./envoy -run TestLoginFile -update")
	}
	var missing []string
	rest := string(got)
	for line := range strings.Lines(string(shipped(t))) {
		_, after, found := strings.Cut(rest, line)
		if !found {
			missing = append(missing, strings.TrimSpace(line))
			continue
		}
		rest = after
	}
	if len(missing) != 2 || !strings.Contains(missing[0], "re2.max_program_size") ||
		!strings.Contains(missing[1], "RESPONSE_CODE_DETAILS") {
		t.Errorf("login.yaml lacks these lines of envoy.yaml: %q", missing)
	}
}

// TestLoginEdit: an edit changes each value of the sign-in, and values that could change more
// are errors.
func TestLoginEdit(t *testing.T) {
	login := envoy.Login{
		PublicURL: "https://app.example:8443", ClientID: "a-1", Scopes: []string{"openid", "email"}, Secrets: "/run/secrets",
		Authorization: "https://login.example/auth?prompt=login", Token: "https://login.example/token", EndSession: "https://login.example/out",
	}
	file, err := envoy.Bootstrap(envoy.Edit{Login: &login})
	if err != nil {
		t.Fatal(err)
	}
	for text, times := range map[string]int{
		"https://app.example:8443/login%REQ(:PATH)%": 2, `redirect_uri: "https://app.example:8443/oauth2/callback"`: 1,
		`original_request_uri: "https://app.example:8443"`: 1, `uri: "https://app.example:8443/oauth2/signed-out"`: 1,
		"scheme_redirect: https, host_redirect: app.example, port_redirect: 8443": 1, `allowed_redirect_domains: [ "app.example" ]`: 1,
		`client_id: "a-1"`: 1, `auth_scopes: [ "openid", "email" ]`: 1, `path: "/run/secrets/c`: 2,
		`authorization_endpoint: "https://login.example/auth?prompt=login"`: 1, `token_endpoint: { uri: "https://login.example/token"`: 1,
		`end_session_endpoint: "https://login.example/out"`: 1,
		"address: login.example, port_value: 443":           1, `sni: "login.example"`: 1, "localhost:8080": 0, "9003": 0,
	} {
		if got := strings.Count(string(file), text); got != times {
			t.Errorf("%q is there %d times, want %d", text, got, times)
		}
	}
	again, err := envoy.Apply(
		file,
		envoy.Edit{Login: &envoy.Login{PublicURL: "http://localhost:8080", Token: "http://127.0.0.1:9003/shop/token"}},
	)
	if err != nil || strings.Contains(string(again), "app.example:8443") ||
		strings.Contains(string(again), "transport_socket: { name: envoy.transport_sockets.tls") {
		t.Errorf("an edited file cannot be edited again: %v", err)
	}
	for name, bad := range map[string]envoy.Login{
		"a public URL with a path":        {PublicURL: "https://app.example/a"},
		"a client ID with a quote":        {ClientID: `a" , b: "c`},
		"a client ID with a percent sign": {ClientID: "%REQ(a)%"},
		"a token endpoint of no scheme":   {Token: "login.example/token"},
		"an endpoint with a quote":        {EndSession: `https://login.example/"`},
		"an endpoint with a line break":   {Authorization: "https://login.example/\n"},
		"scopes without openid":           {Scopes: []string{"email"}},
		"a scope with a bracket":          {Scopes: []string{"openid", `a" ]`}},
		"a folder with a quote":           {Secrets: `a"b`},
	} {
		if file, err := envoy.Bootstrap(envoy.Edit{Login: &bad}); err == nil || file != nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestLoginSecretsOfRoot: Envoy's image runs as no root, so that the secrets that root wrote
// are given to its user; other owners' are read as their owner.
func TestLoginSecretsOfRoot(t *testing.T) {
	const chown = "chown -R 101:101 new/secrets"
	for owner, user := range map[string]string{"0:0": `user: "101:101"`, "1000:1000": `user: "1000:1000"`, "": ""} {
		got, err := envoy.Init(envoy.InitOptions{
			Issuer: "https://login.example", ClientIDs: []string{"web"}, App: "127.0.0.1:3000", Dir: "new",
			Login: &envoy.LoginOptions{PublicURL: "https://app.example", ClientID: "web", Owner: owner,
				Authorization: "https://login.example/a", Token: "https://login.example/t"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range got.Files {
			text := string(file.Data)
			if file.Name == "compose.yaml" && (!strings.Contains(text, user) || strings.Contains(text, "user:") != (user != "")) {
				t.Errorf("%q: want %s in\n%s", owner, user, file.Data)
			}
		}
		if next := strings.Join(got.Next, "\n"); strings.Contains(next, chown) != (owner == "0:0") {
			t.Errorf("%q: next is\n%s", owner, next)
		}
	}
}
