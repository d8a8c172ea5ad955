package demo_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/demo"
)

// transcript is an output that calls on once, when it contains mark.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
	mark string
	on   func()
}

func (o *transcript) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(data)
	if o.on != nil && strings.Contains(o.text.String(), o.mark) {
		o.on()
		o.on = nil
	}
	return len(data), nil
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// without is an empty environment.
func without(string) (string, bool) { return "", false }

// gone reports whether a process has ended.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// With an Envoy that does not call the gate, every step that needs the gate must fail
// and print the expected and the actual outcome.
func TestATourWithoutAGateFailsStepByStep(t *testing.T) {
	separateTemp(t)
	var out transcript
	err := demo.Run(t.Context(), demo.Options{
		Executable: program(t), Command: "jwtgate", Envoy: program(t), Once: true, Out: &out, Getenv: without,
	})
	if !errors.Is(err, demo.ErrSteps) {
		t.Fatalf("error %v, want %v", err, demo.ErrSteps)
	}
	text := out.String()
	for name, want := range map[string]string{
		"what needs no gate": "✓ no token                                  200  nobody\n",
		"a token passed on": "✗ Authorization: Bearer null                expected 200, the application sees nobody\n" +
			strings.Repeat(" ", 46) + "but got  200, the application sees nobody, and a token\n",
		"no identity": "expected 200, the application sees x-user-client: 3v5exampleclient, x-user-groups: editors, x-user-id: a1b2c3d4, " +
			"x-user-issuer: cruddur, x-user-kind: user, x-user-name: andrewbrown, x-user-scopes: aws.cognito.signin.user.admin\n",
		"a forged header":         "but got  200, the application sees x-user-id: root\n",
		"a forged odd header":     "but got  200, the application sees x_user_id: root\n",
		"another pool let in":     "expected 401 issuer_unknown, the application is not called\n",
		"an ID token let in":      "expected 401 token_use_mismatch, the application is not called\n",
		"an expired token let in": "expected 401 expired, the application is not called\n",
		"no readable denial":      "expected 401 credential_missing, the application is not called, the page may read it\n",
		"a rotation":              "expected 300 calls, 0 refused\n",
		"its count":               "but got  300 calls, 300 refused; the first: 200, the application sees nobody, and a token\n",
		"the count of all":        "1 of 13 steps passed",
		"where logs are":          "The configurations and logs are in ",
		"what to do next":         "jwtgate init --cognito POOL --client-id ID --app HOST:PORT\n",
		"a token command":         `curl -i http://127.0.0.1:`,
		"the page":                "\n  http://localhost:",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q is missing", name, want)
		}
	}
	if lines := strings.Count(text, "\n"); lines > 60+12 { // a failed step has one more line
		t.Errorf("the tour has %d lines; expected at most 72", lines)
	}
	if strings.Contains(text, "eyJ") {
		t.Error("the tour prints a token")
	}
	if t.Failed() {
		t.Log(text)
	}
	dir := regexp.MustCompile(`logs are in (.*)\n`).FindStringSubmatch(text)[1]
	if _, err := os.Stat(filepath.Join(dir, "envoy.log")); err != nil {
		t.Errorf("the logs are missing: %v", err)
	}
	checkSecrets(t, filepath.Join(dir, "secrets"))
}

// checkSecrets checks that only this user can read the files of Envoy's secrets. A newline
// would be a part of the secret.
func checkSecrets(t *testing.T, folder string) {
	t.Helper()
	seen := map[string]bool{}
	for _, name := range []string{"client-secret", "cookie-key"} {
		secret, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || len(secret) < 26 || strings.ContainsAny(string(secret), "\n ") || seen[string(secret)] {
			t.Errorf("the secret %s has %d bytes (%v)", name, len(secret), err)
		}
		seen[string(secret)] = true
		for _, file := range []string{name, name + ".yaml"} {
			if info, err := os.Stat(filepath.Join(folder, file)); err != nil || info.Mode() != 0o600 {
				t.Errorf("%s: %v, %v", file, info, err)
			}
		}
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the secrets: %v, %v", info, err)
	}
}

func TestATourThatIsInterrupted(t *testing.T) {
	left := separateTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := transcript{mark: "Signed in", on: cancel}
	err := demo.Run(ctx, demo.Options{Executable: program(t), Envoy: program(t), Once: true, Out: &out, Getenv: without})
	if !errors.Is(err, context.Canceled) || errors.Is(err, demo.ErrSteps) || !strings.Contains(err.Error(), "the tour was interrupted") {
		t.Errorf("got error %v; expected that the tour was interrupted", err)
	}
	if dirs := left(); len(dirs) > 0 {
		t.Errorf("the demo left %q", dirs)
	}
}

// mine is a user's own configuration.
const mine = `
issuers:
  cruddur: {cognito: us-west-1_6BpkgoczU, clients: [web], prefix: ""}
  partner: {issuer: https://login.partner.example/, audiences: [orders-api], algorithms: [ES256], prefix: "partner:"}
identity: {headers: {x-tenant: tenant}}
`

// runMine runs a demo with the user's own configuration. When the demo is running, it
// calls during with the issuers' URL and the gate's configuration, and then ends the
// demo as a user does. It returns the demo's output and the path of the user's file.
func runMine(t *testing.T, during func(issuers, gate string)) (said, file string) {
	t.Helper()
	separateTemp(t)
	file = filepath.Join(t.TempDir(), "mine.yaml")
	copied := filepath.Join(t.TempDir(), "copy.yaml")
	if err := os.WriteFile(file, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := &transcript{mark: "Press Ctrl-C to stop."}
	out.on = func() {
		gate, err := os.ReadFile(copied)
		if err != nil {
			t.Error(err)
		}
		log := regexp.MustCompile(`jwtgate's log, with each denial, while the demo runs: (\S+)\n`).FindStringSubmatch(out.text.String())
		if _, err := os.Stat(log[1]); err != nil {
			t.Errorf("the log is missing: %v", err)
		}
		during(regexp.MustCompile(`issuer (http://\S+)\n`).FindStringSubmatch(out.text.String())[1], string(gate))
		cancel()
	}
	err := demo.Run(ctx, demo.Options{
		Executable: program(t, "PLAY_COPY="+copied), Command: "bin/jwtgate", Envoy: program(t),
		ConfigFile: file, App: "127.0.0.1:1", Out: out, Getenv: without,
		Compile: func(c *config.Config) (envoy.Edit, error) {
			return envoy.Edit{Conditions: []string{"x-read-of-" + c.Issuers[1].Name}}, nil
		},
	})
	if err != nil {
		t.Fatalf("got error %v; expected none, since the user ended the demo", err)
	}
	return out.String(), file
}

func TestTheUsersOwn(t *testing.T) {
	var token [2]string
	var tokenErr [2]error
	said, file := runMine(t, func(issuers, gate string) {
		if strings.Count(gate, "/.well-known/jwks.json") != 2 {
			t.Errorf("the gate's configuration is %q, want two loopback key sets", gate)
		}
		for i, name := range []string{"cruddur", "partner"} {
			token[i], tokenErr[i] = demo.Token(t.Context(), issuers, name, nil, 0)
		}
	})
	for _, want := range []string{
		"A copy of " + file + " uses this demo's keys for every issuer",
		"Restart the demo after an edit. CORS allows pages of http://localhost:3000. The shipped envoy.yaml allows no page of another origin.\n",
		"No application listens at 127.0.0.1:1 yet; until one does, Envoy answers 503 (upstream connect error). You can start it at any time.",
		"Issuer cruddur  https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU\n",
		"Issuer partner  https://login.partner.example/\n",
		`-H "Authorization: Bearer $(bin/jwtgate demo token --issuer partner --claims '{"sub": "you"}'`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in\n%s", want, said)
		}
	}
	for i, want := range []string{"RS256", "ES256"} {
		if tokenErr[i] != nil || part(t, token[i], 0)["alg"] != want {
			t.Errorf("token %d: %v, want one signed by %s", i, tokenErr[i], want)
		}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	var dir string
	var pid int
	_, file := runMine(t, func(_, gate string) {
		note := regexp.MustCompile(`^# pid (\d+), from (.*)/jwtgate.yaml\n`).FindStringSubmatch(gate)
		pid, _ = strconv.Atoi(note[1])
		dir = note[2]
		if gone(pid) {
			t.Errorf("process %d is not running", pid)
		}
		for name, want := range map[string]os.FileMode{"": os.ModeDir | 0o700, "jwtgate.yaml": 0o600, "envoy.yaml": 0o600, "jwtgate.log": 0o600} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode() != want {
				t.Errorf("%s/%s: %v, %v, want mode %v", dir, name, info.Mode(), err, want)
			}
		}
		data, err := os.ReadFile(filepath.Join(dir, "envoy.yaml"))
		if err != nil || !strings.Contains(string(data), `- exact: "x-read-of-partner"`) {
			t.Errorf("Envoy's file was not edited for the user's configuration (%v)", err)
		}
	})
	if !gone(pid) {
		t.Errorf("process %d outlives the demo", pid)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the demo left %s (%v)", dir, err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != mine {
		t.Errorf("the user's file was changed to %q (%v)", data, err)
	}
}

func TestRunErrors(t *testing.T) {
	mistaken := filepath.Join(t.TempDir(), "mistaken.yaml")
	if err := os.WriteFile(mistaken, []byte("isuers: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		options demo.Options
		want    []string
	}{
		{"no configuration", demo.Options{ConfigFile: "/nonexistent/jwtgate.yaml"},
			[]string{"read the configuration", "no such file"}},
		{"a configuration with mistakes", demo.Options{ConfigFile: mistaken},
			[]string{"the configuration is invalid:\n", mistaken + ":1:1: "}},
		{"an application that is not an address", demo.Options{Executable: program(t), Envoy: program(t), App: "my app"},
			[]string{`--app: got the address "my app"; expected HOST:PORT`}},
		{"an application's port alone", demo.Options{Executable: program(t), Envoy: program(t), App: "3000"},
			[]string{`--app: got the address "3000"; expected HOST:PORT`}},
		{"no Envoy to be found", demo.Options{Executable: "/nonexistent/bin/jwtgate"},
			[]string{"no Envoy found", "--envoy FILE", "searched ", "/nonexistent/.tools/envoy/bin/envoy", "and PATH"}},
		{"no jwtgate", demo.Options{Executable: "/nonexistent/jwtgate", Envoy: program(t)},
			[]string{"start jwtgate: ", "no such file"}},
		{"no Envoy", demo.Options{Executable: program(t), Envoy: "/nonexistent/envoy"},
			[]string{"start envoy: ", "no such file"}},
		{"a jwtgate that ends", demo.Options{Executable: program(t, "PLAY_GATE=ends"), Envoy: program(t)},
			[]string{"jwtgate ended unexpectedly, exit status 3\n  cannot serve today\n  (full log: "}},
		{"an Envoy that ends", demo.Options{Executable: program(t), Envoy: program(t, "PLAY_ENVOY=ends")},
			[]string{"the tour was interrupted: envoy ended unexpectedly, exit status 4\n  out of everything\n  (full log: "}},
	} {
		t.Run(row.name, func(t *testing.T) {
			left := separateTemp(t)
			row.options.Out, row.options.Getenv, row.options.Once = &transcript{}, without, true
			err := demo.Run(t.Context(), row.options)
			if err == nil || errors.Is(err, demo.ErrSteps) {
				t.Fatalf("got error %v; expected one other than ErrSteps", err)
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want %q in it", err, want)
				}
			}
			// The demo leaves its directory only if the error refers to a log in it.
			var logs []string
			if log := regexp.MustCompile(`full log: (.*)/\w+\.log\)`).FindStringSubmatch(err.Error()); log != nil {
				logs = []string{log[1]}
			}
			if dirs := left(); !slices.Equal(dirs, logs) {
				t.Errorf("the demo left %q, and the error refers to %q", dirs, logs)
			}
		})
	}
}

func TestRunReturnsMistakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mistaken.yaml")
	if err := os.WriteFile(file, []byte("isuers: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := demo.Run(t.Context(), demo.Options{ConfigFile: file, Out: &transcript{}, Getenv: without})
	if mistakes, ok := errors.AsType[config.Mistakes](err); !ok || len(mistakes) == 0 {
		t.Errorf("error %v does not wrap config.Mistakes", err)
	}
}
