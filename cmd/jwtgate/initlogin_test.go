package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// discovery serves a discovery document on loopback, with these members in addition to its
// issuer and its keys' URL.
func discovery(t *testing.T, members string) (issuer string) {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/openid-configuration" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": "https://login.example/keys"%s}`, server.URL, members)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const endpoints = `, "authorization_endpoint": "https://login.example/auth?a=b", "token_endpoint": "https://login.example:8443/token"`

// secretFiles are the files in the folder secrets.
func secretFiles() map[string]os.FileMode {
	return map[string]os.FileMode{
		"client-secret": 0o600, "cookie-key": 0o600, "client-secret.yaml": 0o644, "cookie-key.yaml": 0o644, ".gitignore": 0o644,
	}
}

func TestInitLogin(t *testing.T) {
	alone(t)
	issuer := discovery(t, endpoints+`, "end_session_endpoint": "https://login.example/out"`)
	secret := testutil.File(t, "secret", "s3cret\n")
	cognito := []string{"--cognito", "us-west-1_6BpkgoczU", "--domain", "shop.auth.us-west-1.amazoncognito.com", "--client-id", "abc"}
	for _, row := range []struct {
		name   string
		args   []string
		config []string // in jwtgate.yaml
		envoy  []string // in envoy.yaml
		out    []string
	}{
		{"any issuer", []string{"--issuer", issuer, "--client-id", "web", "--audience", "orders-api", "--public-url",
			"http://localhost:8080/"},
			[]string{"audiences: [orders-api]", "dangerously_allow_http: true", "{cookie: __Host-BearerToken}", `- "__Host-IdToken*"`},
			[]string{`"https://login.example/auth?a=b"`, `{ uri: "https://login.example:8443/token"`, `"https://login.example/out"`,
				"address: login.example, port_value: 8443", `sni: "login.example"`, `client_id: "web"`,
				`"http://localhost:8080/oauth2/callback"`},
			[]string{"register its redirect URL http://localhost:8080/oauth2/callback", "need the audience orders-api",
				"give the client the secret in", "\n       open http://localhost:8080\n"}},
		{"no audience", []string{"--issuer", issuer, "--client-id", "web", "--public-url", "https://app.example",
			"--client-secret-file", secret},
			[]string{"clients: [web]"}, []string{`"https://app.example/oauth2/signed-out"`},
			[]string{"its URL after sign-out https://app.example/oauth2/signed-out\n", "Envoy has no TLS yet"}},
		{"no sign-out at the issuer", []string{"--issuer", discovery(t, endpoints), "--client-id", "web", "--public-url",
			"http://localhost:8080"}, nil, []string{"# this issuer has no end_session_endpoint"},
			[]string{"/logout ends the session here, and not at the issuer"}},
		{"opaque access tokens", []string{"--issuer", issuer, "--client-id", "web", "--forward", "id-token", "--public-url",
			"http://localhost:8080"},
			[]string{"audiences: [web]", "token_use: [access, id]", "{cookie: __Host-IdToken}"}, nil, nil},
		{"Cognito", append(cognito, "--public-url", "https://app.example", "--client-secret-file", secret),
			[]string{"clients: [abc]", "token_use: [access]"},
			[]string{`"https://shop.auth.us-west-1.amazoncognito.com/oauth2/authorize"`, "disable_id_token_set_cookie: true",
				`/logout?client_id=abc&logout_uri=https%3A%2F%2Fapp.example%2Foauth2%2Fsigned-out#"`}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			got := command(t, append([]string{"init", "--login", "--app", "127.0.0.1:3000", "--out", dir}, row.args...)...)
			got.holds(t, exitYes, append(row.out, "cd "+dir+" && envoy -c envoy.yaml --component-log-level oauth2:off",
				"jwtgate check --config "), nil)
			for name, texts := range map[string][]string{
				"jwtgate.yaml": row.config, "envoy.yaml": append(row.envoy, `path: "./secrets/client-secret.yaml"`,
					"forward_bearer_token: false"),
				"compose.yaml": {`/envoy.yaml, "--component-log-level", "oauth2:off"]`, `"./secrets:/etc/envoy/secrets:ro"`,
					"working_dir: /etc/envoy"}, "secrets/.gitignore": {"*\n"},
				"secrets/client-secret.yaml": {"name: client-secret\n", "filename: ./secrets/client-secret }"},
			} {
				data, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				for _, text := range texts {
					if !strings.Contains(string(data), text) {
						t.Errorf("%s does not contain %q:\n%s", name, text, data)
					}
				}
			}
			if strings.Contains(got.out, "jwtgate demo") {
				t.Errorf("it names the demo, which signs nobody in:\n%s", got.out)
			}
			checkSecrets(t, dir, strings.Contains(strings.Join(row.args, " "), secret))
			command(t, "check", "--config", filepath.Join(dir, "jwtgate.yaml")).holds(t, exitYes, []string{": valid"}, nil)
			want := "nothing found"
			if row.name == "no sign-out at the issuer" {
				want = "envoy.yaml: 1 note (" // oauth2-sign-out-here
			}
			command(t, "lint-envoy", "--config", filepath.Join(dir, "jwtgate.yaml"), filepath.Join(dir, "envoy.yaml")).holds(t, exitYes,
				[]string{want}, nil)
			again := command(t, append([]string{"init", "--login", "--app", "127.0.0.1:3000", "--out", dir}, row.args...)...)
			again.holds(
				t,
				exitYes,
				[]string{"jwtgate.yaml, which exists and lacks nothing", "compose.yaml, which exists and lacks nothing"},
				nil,
			)
			if strings.Contains(again.out, "wrote") {
				t.Errorf("a second init wrote files:\n%s", again.out)
			}
		})
	}
}

// checkSecrets checks the files with secrets.
func checkSecrets(t *testing.T, dir string, given bool) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "secrets"))
	if err != nil || len(entries) != len(secretFiles()) {
		t.Fatalf("%v, %v", entries, err)
	}
	for name, mode := range secretFiles() {
		info, err := os.Stat(filepath.Join(dir, "secrets", name))
		if err != nil || info.Mode()&^mode != 0 || info.Mode()&0o600 != 0o600 { // the umask may take the rest away
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	for _, name := range []string{"client-secret", "cookie-key"} {
		data, err := os.ReadFile(filepath.Join(dir, "secrets", name))
		if err != nil || len(data) < 32 && !given || strings.HasSuffix(string(data), "\n") ||
			given && name == "client-secret" && string(data) != "s3cret" {
			t.Errorf("%s is %q, %v", name, data, err)
		}
	}
}

// TestInitLoginMistakes: with a mistake or without the issuer's endpoints, init writes
// nothing.
func TestInitLoginMistakes(t *testing.T) {
	alone(t)
	issuer := discovery(t, endpoints)
	app := slices.Clip([]string{"--app", "127.0.0.1:3000"})
	at := slices.Clip(append([]string{"--login", "--client-id", "web", "--issuer", issuer}, app...))
	public := slices.Clip(append([]string{"--public-url", "http://localhost:8080"}, at...))
	pool := slices.Clip(append([]string{
		"--login", "--cognito", "us-west-1_6BpkgoczU", "--client-id", "web", "--public-url", "https://app.example",
	}, app...))
	for name, row := range map[string]struct {
		args []string
		text string
	}{
		"no public URL":          {at, "--public-url is missing"},
		"a public URL on http":   {append(at, "--public-url", "http://app.example:8080"), "expected https, or http://localhost:PORT"},
		"a public URL elsewhere": {append(at, "--public-url", "http://localhost:9000"), "expected --port 9000"},
		"a path":                 {append(at, "--public-url", "https://app.example/a"), "--public-url: got the origin"},
		"no client": {append(app, "--login", "--issuer", issuer, "--public-url", "http://localhost:8080"),
			"--client-id: got \"\""},
		"two clients": {append(public, "--client-id", "b"), "--client-id: got \"web, b\"; expected exactly one: the client ID"},
		"no issuer": {append(app, "--login", "--client-id", "web", "--public-url", "http://localhost:8080"),
			"expected either --issuer URL"},
		"a domain of an issuer": {append(public, "--domain", "a.example"), "--domain: expected it only with --cognito"},
		"an issuer on http": {append(app, "--login", "--issuer", "http://login.example", "--client-id", "web", "--public-url",
			"https://a.example"), "or http on loopback"},
		"an issuer with a password": {append(app, "--login", "--issuer", "https://ann:hunter2@login.example", "--client-id", "web",
			"--public-url", "https://a.example"), "--issuer: got a URL with a user; expected an https URL"},
		"no login": {append(app, "--public-url", "https://a.example", "--issuer", issuer, "--audience", "a"),
			"--public-url: expected it only with --login"},
		"Cognito, no domain": {pool, "--domain: got \"\""},
		"Cognito, no secret": {append(pool, "--domain", "a.example"), "--client-secret-file is missing"},
		"Cognito, ID tokens": {append(pool, "--domain", "a.example", "--forward", "id-token"),
			"--forward id-token and --cognito: got both"},
		"no secret in the file": {append(public, "--client-secret-file", testutil.File(t, "empty", "\n")), "expected one line in"},
		"no file":               {append(public, "--client-secret-file", "/nowhere"), "--client-secret-file: open /nowhere"},
		"no endpoints": {append(app, "--login", "--issuer", discovery(t, ""), "--client-id", "web", "--public-url",
			"http://localhost:8080"),
			"authorization_endpoint: got \"\"; expected an https URL"},
		"endpoints on http": {append(app, "--login", "--issuer", discovery(t, strings.ReplaceAll(endpoints, "https", "http")),
			"--client-id", "web",
			"--public-url", "http://localhost:8080"), "expected an https URL"},
		"no discovery": {append(app, "--login", "--issuer", issuer+"/other", "--client-id", "web", "--public-url",
			"http://localhost:8080"),
			"nothing was written, because the discovery document of " + issuer + "/other cannot be used: " + issuer +
				"/other/.well-known/openid-configuration answered with status 404; " +
				"hint: check that --issuer is exactly the iss of the tokens, and that the issuer answers"},
		"an endpoint twice": {append(app, "--login", "--issuer", discovery(t, endpoints+endpoints), "--client-id", "web", "--public-url",
			"http://localhost:8080"), "is not a valid JSON object: duplicate name at byte"},
		"an endpoint that is no text": {append(app, "--login", "--issuer", discovery(t, endpoints+`, "end_session_endpoint": []`),
			"--client-id", "web", "--public-url", "http://localhost:8080"),
			"the discovery document's end_session_endpoint is not a string; hint: correct --issuer or the document\n"},
		"an endpoint with a password": {
			append(app, "--login", "--issuer", discovery(t, strings.Replace(endpoints, "https://login.example:8443",
				"https://ann:hunter2@login.example", 1)), "--client-id", "web", "--public-url", "http://localhost:8080"),
			"token_endpoint: got a URL with a user name or a fragment",
		},
		"an endpoint with a fragment": {
			append(app, "--login", "--issuer", discovery(t, endpoints+`, "end_session_endpoint": "https://login.example/out#"`),
				"--client-id", "web", "--public-url", "http://localhost:8080"),
			"end_session_endpoint: got a URL with a user name or a fragment",
		},
		"discovery on another port": {
			append(app, "--login", "--issuer", redirecting(t, issuer), "--client-id", "web", "--public-url", "http://localhost:8080"),
			"redirect refused: it leads to another host",
		},
		"an audience of ID tokens": {append(public, "--forward", "id-token", "--audience", "api"), "--forward id-token and --audience: got both"},
		"an audience of Cognito":   {append(pool, "--domain", "a.example", "--audience", "api"), "--cognito and --audience: got both"},
		"a configuration alone": {append(app, "--login", "--config", testutil.File(t, "jwtgate.yaml", initYAML)),
			"--login and --config: got both; --login also needs --client-id"},
		"another issuer": {append(app, "--login", "--issuer", issuer+"/", "--client-id", "web", "--public-url", "http://localhost:8080"),
			"the discovery document's issuer is \"" + issuer + "\"; expected \"" + issuer + "/\"; hint: correct --issuer"},
		"nobody listens": {append(app, "--login", "--issuer", "http://127.0.0.1:1", "--client-id", "web", "--public-url",
			"http://localhost:8080"),
			"the discovery document of http://127.0.0.1:1 cannot be used: dial tcp 127.0.0.1:1: connect: connection refused; " +
				"hint: check --issuer, and that this machine can reach it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			got := command(t, append([]string{"init", "--out", dir}, row.args...)...)
			got.holds(t, exitFailure, nil, []string{row.text})
			if strings.Contains(got.err, "hunter2") {
				t.Errorf("the password is in the error:\n%s", got.err)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the folder was made")
			}
		})
	}
}

// TestInitLoginSecretsFolder: init uses no folder for secrets that others can write.
func TestInitLoginSecretsFolder(t *testing.T) {
	alone(t)
	issuer := discovery(t, endpoints)
	for mode, code := range map[os.FileMode]int{0o700: exitYes, 0o755: exitYes, 0o770: exitFailure, 0o707: exitFailure} {
		dir := t.TempDir()
		folder := filepath.Join(dir, "secrets")
		if err := errors.Join(os.Mkdir(folder, mode), os.Chmod(folder, mode)); err != nil {
			t.Fatal(err)
		}
		got := command(t, "init", "--login", "--issuer", issuer, "--client-id", "web", "--app", "127.0.0.1:3000",
			"--public-url", "http://localhost:8080", "--out", dir)
		entries, err := os.ReadDir(dir)
		if got.code != code || err != nil || code == exitFailure && (len(entries) != 1 ||
			!strings.Contains(got.err, fmt.Sprintf("%s: got the mode %04o", folder, mode))) {
			t.Errorf("%o: exit code %d, %v %v\n%s", mode, got.code, entries, err, got.err)
		}
	}
}

// redirecting is an issuer on loopback that redirects every request to the same path of
// another address, which names the first as the issuer.
func redirecting(t *testing.T, to string) (issuer string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, to+r.URL.Path, http.StatusFound)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestInitLoginDiscovery: with an https issuer, the endpoints come from its own host over
// https, and are https URLs, on whatever host.
func TestInitLoginDiscovery(t *testing.T) {
	const authorization = `, "authorization_endpoint": "https://login.example/auth"`
	var secure *httptest.Server
	serve := func(members string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": "https://login.example/keys"%s}`, secure.URL, members)
		}
	}
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
		err    string // empty: none
	}{
		{"its own answer", serve(endpoints), ""},
		{"a redirect to plain http", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+r.Host+"/", http.StatusFound)
		}, "redirect refused: it leads from https to"},
		{"a token endpoint on loopback", serve(authorization + `, "token_endpoint": "http://127.0.0.1:9901/quitquitquit"`),
			`token_endpoint: got "http://127.0.0.1:9901/quitquitquit"; expected an https URL`},
		{"a token endpoint of no port", serve(authorization + `, "token_endpoint": "https://login.example:99999/token"`), "got an invalid URL"},
		{"a token endpoint of no scheme", serve(authorization + `, "token_endpoint": "//login.example/token"`), "expected an https URL"},
	} {
		t.Run(row.name, func(t *testing.T) {
			secure = httptest.NewTLSServer(row.answer)
			defer secure.Close()
			cfg := discoveredIssuer(secure.URL, false)
			var login envoy.LoginOptions
			if err := discover(t.Context(), cfg, &login); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("a certificate that nobody signed: %v", err)
			}
			cfg.JWKS.CAFile = testutil.File(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{
				Type: "CERTIFICATE", Bytes: secure.Certificate().Raw,
			})))
			err := discover(t.Context(), cfg, &login)
			if row.err == "" {
				if err != nil || login.Token != "https://login.example:8443/token" {
					t.Errorf("%v, %+v", err, login)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.err) || !strings.HasPrefix(err.Error(), "nothing was written") ||
				login != (envoy.LoginOptions{}) {
				t.Errorf("got %v and %+v, want %q", err, login, row.err)
			}
		})
	}
	if proxy := discoveredIssuer("", false).JWKS.Proxy; proxy != "" {
		t.Errorf("it uses the proxy %q", proxy)
	}
}

// TestInitLoginForAConfiguration: init says what an existing configuration lacks.
func TestInitLoginForAConfiguration(t *testing.T) {
	alone(t)
	issuer := discovery(t, endpoints)
	file, dir := testutil.File(t, "jwtgate.yaml", initYAML), filepath.Join(t.TempDir(), "new")
	got := command(t, "init", "--login", "--config", file, "--issuer", issuer, "--client-id", "web", "--app", "127.0.0.1:3000",
		"--public-url", "http://localhost:8080", "--out", dir)
	got.holds(
		t,
		exitYes,
		[]string{"to do in " + file + ":\ntokens.from: add {cookie: __Host-BearerToken}", "identity.strip_cookies: add '__Host-B",
			"the issuer has no end_session_endpoint"},
		nil,
	)
	if data, err := os.ReadFile(filepath.Join(dir, "envoy.yaml")); err != nil ||
		!strings.Contains(string(data), "# this issuer has no end_session_endpoint") {
		t.Errorf("%v\n%s", err, data)
	}
}

// TestInitLoginWithOtherOptions: init says which values of kept files are those of other
// options.
func TestInitLoginWithOtherOptions(t *testing.T) {
	alone(t)
	dir := filepath.Join(t.TempDir(), "new")
	args := []string{"init", "--login", "--issuer", discovery(t, endpoints), "--app", "127.0.0.1:3000", "--out", dir}
	command(t, append(args, "--client-id", "web", "--public-url", "http://localhost:8080")...).holds(t, exitYes, []string{"wrote"}, nil)
	got := command(t, append(args, "--client-id", "shop", "--public-url", "https://app.example")...)
	got.holds(t, exitYes, []string{
		`issuers.main.clients lacks "shop"; add it to the list`, `: credentials.client_id is "web"; expected "shop": change the lines`,
		`: redirect_uri is "http://localhost:8080/oauth2/callback"; expected "https://app.example/oauth2/callback": change the lines`,
	}, nil)
	if strings.Contains(got.out, "_endpoint is") {
		t.Errorf("the endpoints are the same:\n%s", got.out)
	}
}

// TestInitLoginFindsCoveredCookies: a name with * covers the session's cookies.
func TestInitLoginFindsCoveredCookies(t *testing.T) {
	alone(t)
	file := testutil.File(t, "jwtgate.yaml", initYAML+"identity: {strip_cookies: ['__Host-*']}\n")
	got := command(t, "init", "--login", "--config", file, "--issuer", discovery(t, endpoints), "--client-id", "web", "--app",
		"127.0.0.1:3000", "--public-url", "http://localhost:8080", "--out", filepath.Join(t.TempDir(), "new"))
	got.holds(t, exitYes, []string{"tokens.from: add {cookie: __Host-BearerToken}"}, nil)
	if strings.Contains(got.out, "strip_cookies: add") {
		t.Errorf("the cookies are removed already:\n%s", got.out)
	}
}
