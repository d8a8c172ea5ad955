package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

func TestHelp(t *testing.T) {
	alone(t)
	for line, texts := range map[string][]string{
		"": {
			"Usage: jwtgate <command>", "jwtgate demo ", "Exit codes: 0 yes; 1 the answer is no; 2 the command failed.",
			"serve", "init", "check", "healthcheck", "demo", "version",
		},
		"--help": {"Usage: jwtgate <command>", `Run "jwtgate <command> --help"`},
		"-h":     {"Usage: jwtgate <command>"},
		"serve --help": {
			"Usage: jwtgate serve", "jwtgate serve --config jwtgate.yaml",
			"$JWTGATE_CONFIG", "$JWTGATE_LISTEN", "$JWTGATE_ADMIN_LISTEN", "$JWTGATE_LOG_LEVEL",
		},
		"init --help": {
			"Usage: jwtgate init [flags]", "--app=HOST:PORT",
			"jwtgate init --cognito us-west-1_6BpkgoczU --client-id 3v5exampleclient --app", "never overwrites",
		},
		"check --help":       {"Usage: jwtgate check [<file>]", "$JWTGATE_CONFIG", "jwtgate check --config jwtgate.yaml"},
		"healthcheck --help": {"Usage: jwtgate healthcheck", "jwtgate healthcheck --addr 127.0.0.1:9001"},
		"demo --help":        {"Usage: jwtgate demo <command>", "token"},
		"demo token --help":  {"Usage: jwtgate demo token --issuer=NAME", "--claims", "--expires"},
		"version --help":     {"Usage: jwtgate version"},
		"help":               {"Usage: jwtgate <command>", "--version"},
		"help explain":       {"Usage: jwtgate explain", "by default", "127.0.0.1:9002.", "$JWTGATE_CONFIG"},
		"help demo token":    {"Usage: jwtgate demo token --issuer=NAME"},
		"test --help":        {"Usage: jwtgate test --config=FILE", "$JWTGATE_CONFIG"},
		"lint-envoy --help": {
			"Usage: jwtgate lint-envoy --config=FILE", "--platform",
			"curl -s http://127.0.0.1:9901/config_dump | jwtgate lint-envoy", "$JWTGATE_CONFIG",
		},
	} {
		t.Run(line, func(t *testing.T) {
			got := command(t, strings.Fields(line)...)
			got.holds(t, exitYes, texts, nil)
			if n := strings.Count(got.out, "Usage:"); n != 1 {
				t.Errorf("the help is printed %d times", n)
			}
		})
	}
}

// TestUsageMistakes: the error for an invalid command line names the mistake, a suggestion,
// and the help to read.
func TestUsageMistakes(t *testing.T) {
	alone(t)
	for line, texts := range map[string][]string{
		"srve":                   {`unexpected argument srve, did you mean "serve"?`, "see jwtgate --help"},
		"--bogus":                {"unknown flag --bogus; see jwtgate --help"},
		"serve --confg x":        {`unknown flag --confg, did you mean "--config"?`, "see jwtgate serve --help"},
		"serve --config":         {"--config", "see jwtgate serve --help"},
		"serve extra":            {"unexpected argument extra; see jwtgate serve --help"},
		"serve --log-level loud": {`--log-level: invalid log level "loud"; expected DEBUG, INFO, WARN or ERROR`},
		"serve --listen 9001":    {"no configuration; name a file"},
		"check": {
			"missing configuration; write jwtgate check --config FILE, or set JWTGATE_CONFIG; see jwtgate check --help",
		},
		"check a.yaml --config b.yaml": {"got two configurations, --config b.yaml and a.yaml; expected one; see jwtgate check --help"},
		"help srve":                    {`unexpected argument srve, did you mean "serve"?`},
		"init":                         {"missing flags: --app=HOST:PORT; see jwtgate init --help"},
		"init --app a:1 --orign x":     {`unknown flag --orign, did you mean "--origin"?`},
		"healthcheck 127.0.0.1:9001":   {"unexpected argument 127.0.0.1:9001; see jwtgate healthcheck --help"},
		"demo token":                   {"missing flags: --issuer=NAME; see jwtgate demo token --help"},
		"demo token --issuer x --exp1": {"unknown flag --exp1; see jwtgate demo token --help"},
		"lint-envoy --config x":        {`expected "<file>"; see jwtgate lint-envoy --help`},
		"lint-envoy x --platform eg":   {`--platform must be one of "envoy","envoy-gateway","istio"`},
		"version --json":               {"unknown flag --json; see jwtgate version --help"},
	} {
		t.Run(line, func(t *testing.T) {
			got := command(t, strings.Fields(line)...)
			got.holds(t, exitFailure, nil, append(texts, "jwtgate: "))
			if strings.Count(got.err, "\n") != 1 {
				t.Errorf("more than one line:\n%s", got.err)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	fault := errors.New("fault")
	for name, row := range map[string]struct {
		err  error
		want int
	}{
		"a failure":               {fault, exitFailure},
		"a failure in context":    {fmt.Errorf("reading: %w", fault), exitFailure},
		"a reported failure":      {reported(fault), exitFailure},
		"a negative answer":       {exitError{exitNo, fault}, exitNo},
		"a reported answer":       {reported(exitError{exitNo, fault}), exitNo},
		"an answer that reported": {exitError{exitNo, reported(fault)}, exitNo},
	} {
		t.Run(name, func(t *testing.T) {
			if got := exitCode(row.err); got != row.want {
				t.Errorf("exit code: got %d; expected %d", got, row.want)
			}
			if !errors.Is(row.err, fault) {
				t.Error("the error does not wrap its cause")
			}
		})
	}
}

func TestVersion(t *testing.T) {
	got := command(t, "version")
	got.holds(t, exitYes, []string{
		"jwtgate    dev\n", "commit     unknown\n", "go         " + runtime.Version() + "\n",
		"envoy api  " + extauthz.APIVersion + "\n",
	}, nil)
	if strings.Count(got.out, "\n") != 4 {
		t.Errorf("not four lines:\n%s", got.out)
	}
	if flag := command(t, "--version"); flag != got {
		t.Errorf("--version comes to %+v", flag)
	}
}

func TestDemoToken(t *testing.T) {
	alone(t)
	idp := testbed.Issuers(t)
	testbed.Issuer(t, idp, "cruddur", devidp.IssuerConfig{Algorithm: "ES256"})
	t.Run("a token", func(t *testing.T) {
		got := command(t, "demo", "token", "--server", idp.URL(), "--issuer", "cruddur",
			"--claims", `{"sub": "me", "auth_time": "-1m"}`, "--expires=-1h")
		if got.code != exitYes || got.err != "" {
			t.Fatalf("%d: %s", got.code, got.err)
		}
		parts := strings.Split(strings.TrimSuffix(got.out, "\n"), ".")
		if len(parts) != 3 {
			t.Fatalf("no token: %s", got.out)
		}
		data, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := json.Unmarshal(data, &claims); err != nil {
			t.Fatal(err)
		}
		if claims["sub"] != "me" || claims["exp"].(float64) > float64(time.Now().Add(-59*time.Minute).Unix()) {
			t.Errorf("claims %v", claims)
		}
		if at, ok := claims["auth_time"].(float64); !ok || time.Since(time.Unix(int64(at), 0)).Round(time.Minute) != time.Minute {
			t.Errorf("auth_time %v, want a minute ago", claims["auth_time"])
		}
	})
	for name, row := range map[string]struct {
		args []string
		text string
	}{
		"no JSON": {
			[]string{"--issuer", "cruddur", "--claims", "sub=me", "--server", idp.URL()},
			"the claims are invalid; expected a JSON object",
		},
		"an unknown issuer": {[]string{"--issuer", "crudder", "--server", idp.URL()}, `unknown issuer "crudder"; expected one of cruddur`},
		"no demo":           {[]string{"--issuer", "cruddur", "--server", "http://127.0.0.1:1"}, "ask for a token"},
		"no duration":       {[]string{"--issuer", "cruddur", "--expires", "soon", "--server", idp.URL()}, "--expires"},
	} {
		t.Run(name, func(t *testing.T) {
			command(t, append([]string{"demo", "token"}, row.args...)...).holds(t, exitFailure, nil, []string{row.text})
		})
	}
}
