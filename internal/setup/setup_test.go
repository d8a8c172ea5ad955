package setup_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/setup"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// rendered returns a file that init writes.
func rendered(t *testing.T, o envoy.InitOptions, name string) []byte {
	t.Helper()
	result, err := envoy.Init(o)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(result.Files, func(f envoy.File) bool { return f.Name == name })
	if at < 0 {
		t.Fatalf("no %s", name)
	}
	return result.Files[at].Data
}

// TestWhatInitWroteLacksNothing: a second init with the same options has nothing to say.
func TestWhatInitWroteLacksNothing(t *testing.T) {
	for _, o := range []envoy.InitOptions{
		{Cognito: "us-west-1_6BpkgoczU", ClientIDs: []string{"web", "mobile"}, App: "127.0.0.1:3000", Origins: []string{"https://a.example"}},
		{Issuer: "https://login.example/", Audience: "api", App: "app:3000"},
		{Provider: &envoy.Provider{Name: "okta", Parameters: []envoy.Setting{{Key: "domain", Value: "a.okta.com"}}},
			Audience: "api", App: "app:3000"},
	} {
		if lines := setup.Configuration(testbed.Config(t, string(rendered(t, o, "jwtgate.yaml"))), o); len(lines) > 0 {
			t.Errorf("jwtgate.yaml: %q", lines)
		}
		compose := rendered(t, o, "compose.yaml")
		if missing, err := setup.Compose(compose, compose, "app"); err != nil || missing.Services != "" || len(missing.Lines) > 0 {
			t.Errorf("compose.yaml: %+v, %v", missing, err)
		}
	}
}

func TestConfiguration(t *testing.T) {
	const (
		pool = "issuers: {cognito: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\n"
		main = "issuers: {main: {issuer: https://login.example/, audiences: [api]}}\n"

		session = "tokens: {from: [{cookie: __Host-BearerToken}]}\nidentity: {strip_cookies: ['__Host-*']}\n" // of a sign-in
	)
	for _, row := range []struct {
		name, config string
		o            envoy.InitOptions
		want         []string
	}{
		{"no options", pool, envoy.InitOptions{}, nil},
		{"other clients", pool, envoy.InitOptions{Cognito: "us-west-1_6BpkgoczU", ClientIDs: []string{"web", "mobile", "tv"}},
			[]string{`issuers.cognito.clients lacks "mobile", "tv"; add it to the list`}},
		{"another pool", pool, envoy.InitOptions{Cognito: "eu-west-1_other", ClientIDs: []string{"a", "b"}}, []string{
			`issuers lacks the user pool eu-west-1_other; add to it: ` +
				`cognito2: {cognito: eu-west-1_other, clients: ["a", "b"], prefix: "cognito2:"}`,
			`issuers.cognito needs prefix: "" unless it has a prefix: with two issuers, both need one, and with this one its users keep their IDs`}},
		{"another issuer", main, envoy.InitOptions{Issuer: "https://other.example/", Audience: "api"}, []string{
			`issuers lacks the issuer "https://other.example/"; add to it: ` +
				`main2: {issuer: "https://other.example/", audiences: ["api"], prefix: "main2:"}`,
			`issuers.main needs prefix: "" unless it has a prefix: with two issuers, both need one, and with this one its users keep their IDs`}},
		{"another audience", main, envoy.InitOptions{Issuer: "https://login.example/", Audience: "web"},
			[]string{`issuers.main.audiences lacks "web"; add it to the list`}},
		{"no audience at all", "issuers: {main: {issuer: https://login.example/, clients: [web]}}\n",
			envoy.InitOptions{Issuer: "https://login.example/", Audience: "api"}, nil},
		{"another origin", pool + "cors: {origins: ['https://a.example']}\n", envoy.InitOptions{Origins: []string{"https://b.example"}},
			[]string{`cors.origins lacks "https://b.example"; add it to the list`}},
		{"another client of a sign-in", "issuers: {main: {issuer: https://login.example/, clients: [web]}}\n" + session,
			envoy.InitOptions{Issuer: "https://login.example/", ClientIDs: []string{"shop"}, Login: &envoy.LoginOptions{}},
			[]string{`issuers.main.clients lacks "shop"; add it to the list`}},
		{"another client of a sign-in with ID tokens", main + strings.Replace(session, "__Host-BearerToken}", "__Host-IdToken}", 1),
			envoy.InitOptions{Issuer: "https://login.example/", ClientIDs: []string{"shop"}, Login: &envoy.LoginOptions{IDToken: true}},
			[]string{`issuers.main.audiences lacks "shop"; add it to the list`}},
		{"another client of a sign-in, where only the audience counts", main + session,
			envoy.InitOptions{Issuer: "https://login.example/", ClientIDs: []string{"shop"}, Login: &envoy.LoginOptions{}}, nil},
		{"an origin that Envoy may have", pool, envoy.InitOptions{Origins: []string{"https://b.example"}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := setup.Configuration(testbed.Config(t, row.config), row.o); !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// TestConfigurationThatIsAdded: with the issuer that the lines name, the configuration is
// valid and lacks nothing.
func TestConfigurationThatIsAdded(t *testing.T) {
	const api = "audiences: [api], "
	one, two := "main: {issuer: https://login.example/, "+api, ", other: {issuer: https://a.example/, prefix: 'a:', "+api+"}"
	login := &envoy.LoginOptions{ClientID: "web"}
	for _, row := range []struct {
		name  string
		empty bool // the prefix of the issuer that exists is to be written
		rest  string
		o     envoy.InitOptions
	}{
		{"the second", true, "}", envoy.InitOptions{Issuer: "https://b.example", Audience: "web"}},
		{"the third", false, "prefix: ''}" + two, envoy.InitOptions{Issuer: "https://b.example", Audience: "web"}},
		{"a second with a prefix", false, "prefix: 'm:'}", envoy.InitOptions{Issuer: "https://b.example", Audience: "web"}},
		{"plain http", true, "}", envoy.InitOptions{Issuer: "http://127.0.0.1:7000/shop", Audience: "web"}},
		{"sign-in", true, "}", envoy.InitOptions{Issuer: "https://b.example", ClientIDs: []string{"web"}, Login: login}},
		{"sign-in with ID tokens", true, "}", envoy.InitOptions{Issuer: "https://b.example", ClientIDs: []string{"web"},
			Login: &envoy.LoginOptions{ClientID: "web", IDToken: true}}},
		{"sign-in with a pool", true, "}", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"web"}, Login: login}},
		{"a provider with a header", true, "}", envoy.InitOptions{Audience: "tag", Provider: &envoy.Provider{
			Name: "cloudflare-access", Header: "cf-access-jwt-assertion", Parameters: []envoy.Setting{{Key: "team", Value: "a"}}}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			lines := setup.Configuration(testbed.Config(t, "issuers: {"+one+row.rest+"}\n"), row.o)
			_, added, found := strings.Cut(lines[0], "add to it: ")
			if needs := slices.ContainsFunc(lines, func(l string) bool {
				return strings.HasPrefix(l, `issuers.main needs prefix: ""`)
			}); !found || needs != row.empty {
				t.Fatalf("got %q", lines)
			}
			rest := row.rest
			if row.empty {
				rest = "prefix: ''}"
			}
			text := "issuers: {" + one + rest + ", " + added + "}\n"
			if p := row.o.Provider; p != nil {
				if !slices.Contains(lines, "tokens.from: add {header: "+p.Header+"}, in which the provider sends the token") {
					t.Errorf("got %q", lines)
				}
				text += "tokens: {from: [bearer, {header: " + p.Header + "}]}\n"
			}
			if l := row.o.Login; l != nil {
				if !slices.Contains(lines, "tokens.from: add {cookie: "+l.SessionSource()+"}, in which Envoy keeps the token") {
					t.Errorf("got %q", lines)
				}
				text += "tokens: {from: [bearer, {cookie: " + l.SessionSource() + "}]}\nidentity: {strip_cookies: ['" +
					strings.Join(l.StripCookies(), "', '") + "']}\n"
			}
			if again := setup.Configuration(testbed.Config(t, text), row.o); len(again) > 0 {
				t.Errorf("it still lacks %q:\n%s", again, text)
			}
		})
	}
}

// TestComposeSignIn: an Envoy in the form of someone's own lacks what it needs to read the
// secrets, and to log no tokens.
func TestComposeSignIn(t *testing.T) {
	ours := []byte("services: {envoy: {command: [envoy, -c, a.yaml, --component-log-level, 'oauth2:off'], volumes: ['./secrets:/s:ro'], " +
		"working_dir: /etc, user: '1:1'}}\n")
	const (
		volume, directory, user = `services.envoy.volumes lacks "./secrets:/s:ro"`, "services.envoy needs working_dir: /etc,",
			`services.envoy needs user: "1:1"`
		command = "services.envoy needs command: envoy -c a.yaml --component-log-level oauth2:off; " +
			"without --component-log-level oauth2:off, Envoy"
		flags = "services.envoy.command lacks --component-log-level oauth2:off, without which Envoy logs tokens"
		quiet = ", command: 'envoy --component-log-level oauth2:off -c a.yaml'"
	)
	for own, want := range map[string][]string{
		"{}": {volume, command, directory, user},
		"{volumes: [{type: bind, source: ., target: /s}], working_dir: /etc, user: root" + quiet + "}":        nil,
		"{<<: {volumes: ['a:/s'], working_dir: /etc}, user: 7" + quiet + "}":                                  nil,
		"{volumes: [data, './secrets:/other'], working_dir: /, user: root, command: [envoy, -c, a.yaml]}":     {volume, flags, directory},
		"{volumes: ['a:/s'], working_dir: /etc, user: 7, command: [--component-log-level, oauth2:debug]}":     {flags},
		"{volumes: ['a:/s'], working_dir: /etc, user: 7, entrypoint: [sh], command: -c 'envoy -c a.yaml'}":    {flags},
		"{volumes: ['a:/s'], working_dir: /etc, user: 7, entrypoint: [e, --component-log-level, oauth2:off]}": nil,
		"text": {volume, command, directory, user},
	} {
		got, err := setup.Compose([]byte("services: {envoy: "+own+"}\n"), ours, "app")
		if err != nil || !slices.EqualFunc(got.Lines, want, strings.HasPrefix) {
			t.Errorf("%s: got %q, %v; want %q", own, got.Lines, err, want)
		}
	}
}

func TestCompose(t *testing.T) {
	ours := rendered(t, envoy.InitOptions{Cognito: "us-west-1_6BpkgoczU", ClientIDs: []string{"web"}, App: "app:3000"}, "compose.yaml")
	_, all, _ := strings.Cut(string(ours), "\nservices:\n")
	gate := all[strings.Index(all, "  jwtgate:\n"):]
	for _, row := range []struct {
		name, own, services string
		lines               []string
	}{
		{"none of them", "services:\n  app: {image: app}\n", strings.Replace(all, "\n\n", "\n", 1), nil},
		{"Envoy's, with an anchor", "x-all: &all {image: envoy}\nservices:\n  envoy: {<<: *all}\n", gate, nil},
		{"an application that others can call", "services:\n  app: {image: app, ports: ['3000:3000']}\n  envoy: {}\n  jwtgate: {}\n", "",
			[]string{"services.app has ports: remove them"}},
		{"another service that others can call", "services:\n  db: {ports: ['5432']}\n  envoy: {}\n  jwtgate: {}\n", "", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := setup.Compose([]byte(row.own), ours, "app")
			if err != nil || got.Services != row.services || !slices.EqualFunc(got.Lines, row.lines, strings.HasPrefix) {
				t.Errorf("%v, lines %q, services:\n%s\nwant:\n%s", err, got.Lines, got.Services, row.services)
			}
		})
	}
	for name, own := range map[string]string{
		"nothing": "", "text": "mine", "a list": "services: [app]", "no services": "version: '3'\n", "no YAML": "services: [",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := setup.Compose([]byte(own), ours, "app"); err == nil {
				t.Errorf("got %+v, want an error", got)
			}
		})
	}
}
