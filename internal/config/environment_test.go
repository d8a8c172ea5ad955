package config_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

func TestFromEnvironment(t *testing.T) {
	const original = "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU"
	want := config.Issuer{
		Name: "cognito", Path: "issuers.cognito",
		ISS:      []string{original, "https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU"},
		Cognito:  &config.Cognito{Pool: "us-west-1_6BpkgoczU", Region: "us-west-1"},
		TokenUse: []string{"access", "id"},
		Clients:  []string{"web"}, TokenTypes: []string{"JWT", "at+jwt"}, Algorithms: []string{"RS256"},
		SubjectClaims: []string{"sub"}, ClientClaims: []string{"client_id"},
		GroupsClaim: []string{"cognito:groups"}, ScopesClaim: []string{"scope", "scp"}, Leeway: 30 * time.Second,
		JWKS: config.JWKS{
			URI: original + "/.well-known/jwks.json", MaxKeys: 100, RefreshInterval: 15 * time.Minute, UnknownKIDCooldown: 5 * time.Second,
			MaxStale: 24 * time.Hour, RequestTimeout: 5 * time.Second, Proxy: "none",
		},
	}
	for _, row := range []struct {
		name string
		env  []string
	}{
		{"the names", []string{"COGNITO_USER_POOLS_ID=us-west-1_6BpkgoczU", "COGNITO_WEB_CLIENT_ID=web"}},
		{"the other names", []string{"COGNITO_USER_POOL_ID=us-west-1_6BpkgoczU", "COGNITO_CLIENT_ID=web"}},
		{"both names alike", []string{"COGNITO_USER_POOLS_ID=us-west-1_6BpkgoczU", "COGNITO_USER_POOL_ID=us-west-1_6BpkgoczU",
			"COGNITO_WEB_CLIENT_ID=web", "COGNITO_CLIENT_ID=web"}},
		{"an empty name beside the other", []string{"COGNITO_USER_POOLS_ID=", "COGNITO_USER_POOL_ID=us-west-1_6BpkgoczU",
			"COGNITO_WEB_CLIENT_ID=web", "COGNITO_CLIENT_ID="}},
		{"the pool's region", []string{"COGNITO_USER_POOLS_ID=us-west-1_6BpkgoczU", "COGNITO_WEB_CLIENT_ID=web", "AWS_DEFAULT_REGION=us-west-1"}},
		{"empty others", []string{"COGNITO_USER_POOLS_ID=us-west-1_6BpkgoczU", "COGNITO_WEB_CLIENT_ID=web", "AWS_DEFAULT_REGION=",
			"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=", "JWTGATE_DANGEROUSLY_ALLOW_HTTP="}},
		{"http allowed but not used", []string{"COGNITO_USER_POOLS_ID=us-west-1_6BpkgoczU", "COGNITO_WEB_CLIENT_ID=web",
			"JWTGATE_DANGEROUSLY_ALLOW_HTTP=true"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := config.FromEnvironment(env(row.env...))
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Issuers) != 1 || !reflect.DeepEqual(c.Issuers[0], want) {
				t.Errorf("issuers are\n%+v\nwant\n%+v", c.Issuers, want)
			}
			if len(c.Routes) != 0 || c.Default != config.AccessRequired || len(c.Warnings) != 0 || c.Source != "environment" {
				t.Errorf("routes %v, default %q, warnings %v, source %q", c.Routes, c.Default, c.Warnings, c.Source)
			}
			if c.Server.Listen != "127.0.0.1:9001" || c.Tokens.MaxBytes != 12288 || !reflect.DeepEqual(c.Identity.Headers, defaultHeaders()) {
				t.Errorf("the rest is not the default: %+v", c)
			}
			if got := c.At("issuers.cognito.jwks.uri").String(); got != "environment" {
				t.Errorf("a value is at %q", got)
			}
		})
	}
}

// TestEnvironmentEndpoint: keys come from an emulator, over plain http only for a
// loopback host or if a variable allows it.
func TestEnvironmentEndpoint(t *testing.T) {
	for _, row := range []struct {
		name, endpoint, allow string
		keys                  string
		plain, warned         bool
		wrong                 string
	}{
		{"loopback", "http://127.0.0.1:5055", "", "http://127.0.0.1:5055", true, false, ""},
		{"loopback IPv6", "http://[::1]:5055", "", "http://[::1]:5055", true, false, ""},
		{"loopback by name", "http://localhost:5055/", "false", "http://localhost:5055", true, false, ""},
		{"below a path", "https://emulator.example/aws/", "", "https://emulator.example/aws", false, false, ""},
		{"http elsewhere, opened", "http://moto:5055", "true", "http://moto:5055", true, true, ""},
		{"http elsewhere", "http://moto:5055", "", "", false, false,
			`environment: AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER is not encrypted: got "http://moto:5055"; expected an https URL; to allow ` +
				`http, set JWTGATE_DANGEROUSLY_ALLOW_HTTP=true`},
		{"a name that only begins like loopback", "http://localhost.example", "", "", false, false,
			`environment: AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER is not encrypted: got "http://localhost.example"; expected an https URL; to ` +
				`allow http, set JWTGATE_DANGEROUSLY_ALLOW_HTTP=true`},
		{"every interface is no loopback", "http://0.0.0.0:5055", "", "", false, false,
			`environment: AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER is not encrypted: got "http://0.0.0.0:5055"; expected an https URL; to ` +
				`allow http, set JWTGATE_DANGEROUSLY_ALLOW_HTTP=true`},
		{"no boolean", "https://emulator.example", "1", "", false, false,
			`environment: JWTGATE_DANGEROUSLY_ALLOW_HTTP is invalid: got "1"; expected true or false`},
		{"no URL", "emulator", "true", "", false, false,
			`environment: AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER is not an absolute URL with https://; expected a URL such as ` +
				`http://127.0.0.1:5055`},
		{"a query", "https://emulator.example/?a", "", "", false, false,
			`environment: AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER has a query (?): got "https://emulator.example/?a"; expected a URL such as ` +
				`http://127.0.0.1:5055`},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := config.FromEnvironment(env("COGNITO_USER_POOLS_ID=us-east-1_x", "COGNITO_WEB_CLIENT_ID=web",
				"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER="+row.endpoint, "JWTGATE_DANGEROUSLY_ALLOW_HTTP="+row.allow))
			if row.wrong != "" {
				if c != nil || err == nil || err.Error() != row.wrong {
					t.Errorf("got %v, want %s", err, row.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			i := c.Issuers[0]
			if want := row.keys + "/us-east-1_x/.well-known/jwks.json"; i.JWKS.URI != want || i.AllowHTTP != row.plain {
				t.Errorf("keys from %q, plain http %v; want %q, %v", i.JWKS.URI, i.AllowHTTP, want, row.plain)
			}
			if i.ISS[0] != "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_x" {
				t.Errorf("the issuer is %q", i.ISS[0])
			}
			if warned := len(c.Warnings) > 0; warned != row.warned {
				t.Errorf("warnings are %v", c.Warnings)
			}
		})
	}
}

func TestEnvironmentMistakes(t *testing.T) {
	for _, row := range []struct {
		name string
		env  []string
		want []string
	}{
		{"no client", []string{"COGNITO_USER_POOLS_ID=us-west-1_x"}, []string{
			`environment: COGNITO_WEB_CLIENT_ID (or COGNITO_CLIENT_ID) is missing; expected the id of your app client`}},
		{"no pool", []string{"COGNITO_CLIENT_ID=web"}, []string{
			`environment: COGNITO_USER_POOLS_ID (or COGNITO_USER_POOL_ID) is missing; expected a user pool id such as us-west-1_6BpkgoczU`}},
		{"no pool id", []string{"COGNITO_USER_POOL_ID=CruddurUserPool", "COGNITO_CLIENT_ID=web"}, []string{
			`environment: COGNITO_USER_POOL_ID is not a user pool id: got "CruddurUserPool"; expected one such as us-west-1_6BpkgoczU`}},
		{"another region", []string{"COGNITO_USER_POOLS_ID=us-west-1_x", "COGNITO_WEB_CLIENT_ID=web", "AWS_DEFAULT_REGION=us-east-1"}, []string{
			`environment: AWS_DEFAULT_REGION is "us-east-1", but the user pool us-west-1_x is in us-west-1; set it to us-west-1, or unset it`}},
		{"the names differ", []string{"COGNITO_USER_POOLS_ID=us-west-1_x", "COGNITO_USER_POOL_ID=us-west-1_y", "COGNITO_WEB_CLIENT_ID=web",
			"COGNITO_CLIENT_ID=app"}, []string{
			`environment: COGNITO_USER_POOLS_ID is "us-west-1_x", but COGNITO_USER_POOL_ID is "us-west-1_y"; both have the same meaning, so set ` +
				`only one of them`,
			`environment: COGNITO_WEB_CLIENT_ID is "web", but COGNITO_CLIENT_ID is "app"; both have the same meaning, so set only one of them`,
		}},
		{"two clients in one", []string{"COGNITO_USER_POOLS_ID=us-west-1_x", "COGNITO_WEB_CLIENT_ID=web,app"}, []string{
			`environment: COGNITO_WEB_CLIENT_ID is invalid: got "web,app"; expected the id of one app client (a config file can name several)`}},
		{"a space around", []string{"COGNITO_USER_POOLS_ID=us-west-1_x", "COGNITO_CLIENT_ID=web "}, []string{
			`environment: COGNITO_CLIENT_ID has white space around it or a control character in it: got "web "; expected the id of your app ` +
				`client`}},
		{"quotes", []string{"COGNITO_USER_POOLS_ID=us-west-1_x", `COGNITO_CLIENT_ID="web"`}, []string{
			`environment: COGNITO_CLIENT_ID begins and ends with quotes: got "\"web\""; remove the quotes, for example from the env file`}},
		{"everything at once", []string{"COGNITO_USER_POOLS_ID=x", "JWTGATE_DANGEROUSLY_ALLOW_HTTP=yes",
			"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=http://a"}, []string{
			`environment: COGNITO_USER_POOLS_ID is not a user pool id: got "x"; expected one such as us-west-1_6BpkgoczU`,
			`environment: COGNITO_WEB_CLIENT_ID (or COGNITO_CLIENT_ID) is missing; expected the id of your app client`,
			`environment: JWTGATE_DANGEROUSLY_ALLOW_HTTP is invalid: got "yes"; expected true or false`,
			`environment: AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER is not encrypted: got "http://a"; expected an https URL; to allow http, set ` +
				`JWTGATE_DANGEROUSLY_ALLOW_HTTP=true`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := config.FromEnvironment(env(row.env...))
			var all config.Mistakes
			if c != nil || !errors.As(err, &all) {
				t.Fatalf("config %v and error %v, want mistakes alone", c, err)
			}
			same(t, lines(all), row.want)
		})
	}
}

func TestEnvironmentEmpty(t *testing.T) {
	for _, getenv := range []func(string) (string, bool){
		nil, env(), env("COGNITO_USER_POOLS_ID=", "COGNITO_CLIENT_ID="), env("AWS_DEFAULT_REGION=us-east-1"),
	} {
		c, err := config.FromEnvironment(getenv)
		if c != nil || !errors.Is(err, config.ErrNoConfig) {
			t.Errorf("config %v and error %v, want ErrNoConfig", c, err)
		}
	}
	for _, way := range []string{"--config FILE", "JWTGATE_CONFIG", "COGNITO_USER_POOLS_ID", "COGNITO_WEB_CLIENT_ID"} {
		if !strings.Contains(config.ErrNoConfig.Error(), way) {
			t.Errorf("%q does not name %s", config.ErrNoConfig, way)
		}
	}
}

// TestEnvironmentHash: the hash depends on the variables that are read, and on their
// values.
func TestEnvironmentHash(t *testing.T) {
	hash := func(pairs ...string) string {
		t.Helper()
		c, err := config.FromEnvironment(env(pairs...))
		if err != nil {
			t.Fatal(err)
		}
		return c.Hash
	}
	base := hash("COGNITO_USER_POOLS_ID=us-west-1_x", "COGNITO_WEB_CLIENT_ID=web")
	if len(base) != 64 || base != hash("COGNITO_WEB_CLIENT_ID=web", "COGNITO_USER_POOLS_ID=us-west-1_x", "OTHER=x") {
		t.Error("the hash depends on the order of variables, or on others")
	}
	if base == hash("COGNITO_USER_POOLS_ID=us-west-1_x", "COGNITO_WEB_CLIENT_ID=app") {
		t.Error("the hash does not depend on a value")
	}
}

func TestEnvironmentVariables(t *testing.T) {
	var asked []string
	_, err := config.FromEnvironment(func(name string) (string, bool) {
		asked = append(asked, name)
		value, set := env("COGNITO_USER_POOLS_ID=us-west-1_x", "COGNITO_WEB_CLIENT_ID=web")(name)
		return value, set
	})
	if err != nil {
		t.Fatal(err)
	}
	listed := config.EnvironmentVariables()
	slices.Sort(asked)
	slices.Sort(listed)
	same(t, listed, asked)
}
