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

// transcript is an output that calls on once, when it holds mark.
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

// without is an environment of nothing.
func without(string) (string, bool) { return "", false }

// gone says whether a process has ended.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// A tour through an Envoy that asks nobody is the tour of a gate that does
// nothing: all that a gate is for must come out wrong, each with what was
// expected and what came.
func TestATourWithoutAGateFailsStepByStep(t *testing.T) {
	aside(t)
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
		"the count of all":        "1 of 13 as they should be",
		"where logs are":          "The configurations and logs are in ",
		"what to do next":         "jwtgate init --cognito POOL --client-id ID --app HOST:PORT\n",
		"a token command":         `curl -i http://127.0.0.1:`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q is missing", name, want)
		}
	}
	if lines := strings.Count(text, "\n"); lines > 60+12 { // each step that fails takes a line more
		t.Errorf("%d lines are too many for a tour", lines)
	}
	if strings.Contains(text, "eyJ") {
		t.Error("the tour prints a token")
	}
	if t.Failed() {
		t.Log(text)
	}
	dir := regexp.MustCompile(`logs are in (.*)\n`).FindStringSubmatch(text)[1]
	if _, err := os.Stat(filepath.Join(dir, "envoy.log")); err != nil {
		t.Errorf("the logs that may tell why: %v", err)
	}
}

func TestATourThatIsInterrupted(t *testing.T) {
	left := aside(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := transcript{mark: "Signed in", on: cancel}
	err := demo.Run(ctx, demo.Options{Executable: program(t), Envoy: program(t), Once: true, Out: &out, Getenv: without})
	if !errors.Is(err, context.Canceled) || errors.Is(err, demo.ErrSteps) || !strings.Contains(err.Error(), "the tour was cut short") {
		t.Errorf("error %v, want one that says that the tour was cut short", err)
	}
	if dirs := left(); len(dirs) > 0 {
		t.Errorf("%q are left behind, with nothing to tell", dirs)
	}
}

// mine is a user's own configuration.
const mine = `
issuers:
  cruddur: {cognito: us-west-1_6BpkgoczU, clients: [web], prefix: ""}
  partner: {issuer: https://login.partner.example/, audiences: [orders-api], algorithms: [ES256], prefix: "partner:"}
identity: {headers: {x-tenant: tenant}}
`

// runMine runs a demo of the user's own until it is up, calls during with its
// issuers' URL and with what its gate was started on, and ends it as the user
// does. It returns what the demo said and the path of the user's file.
func runMine(t *testing.T, during func(issuers, gate string)) (said, file string) {
	t.Helper()
	aside(t)
	file = filepath.Join(t.TempDir(), "mine.yaml")
	copied := filepath.Join(t.TempDir(), "copy.yaml")
	if err := os.WriteFile(file, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := &transcript{mark: "Up until Ctrl-C."}
	out.on = func() {
		gate, err := os.ReadFile(copied)
		if err != nil {
			t.Error(err)
		}
		log := regexp.MustCompile(`jwtgate's log, with each denial, while this runs: (\S+)\n`).FindStringSubmatch(out.text.String())
		if _, err := os.Stat(log[1]); err != nil {
			t.Errorf("the log that the user is told of: %v", err)
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
		t.Fatalf("error %v, want none: the user ended it", err)
	}
	return out.String(), file
}

func TestTheUsersOwn(t *testing.T) {
	var token [2]string
	var tokenErr [2]error
	said, file := runMine(t, func(issuers, gate string) {
		if strings.Count(gate, "/.well-known/jwks.json") != 2 {
			t.Errorf("the gate was started on %q, want two loopback key sets", gate)
		}
		for i, name := range []string{"cruddur", "partner"} {
			token[i], tokenErr[i] = demo.Token(t.Context(), issuers, name, nil, 0)
		}
	})
	for _, want := range []string{
		"Every issuer's keys are this demo's own, in a copy of " + file,
		"Restart the demo after an edit. CORS lets in pages of http://localhost:3000, as the shipped envoy.yaml does.\n",
		"Nothing answers at 127.0.0.1:1 yet: start your application when you like.",
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
			t.Errorf("process %d is not there while the demo is up", pid)
		}
		for name, want := range map[string]os.FileMode{"": os.ModeDir | 0o700, "jwtgate.yaml": 0o600, "envoy.yaml": 0o600, "jwtgate.log": 0o600} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode() != want {
				t.Errorf("%s/%s: %v, %v, want mode %v", dir, name, info.Mode(), err, want)
			}
		}
		if data, err := os.ReadFile(filepath.Join(dir, "envoy.yaml")); err != nil || !strings.Contains(string(data), `- exact: "x-read-of-partner"`) {
			t.Errorf("Envoy's file was not edited for the user's configuration (%v)", err)
		}
	})
	if !gone(pid) {
		t.Errorf("process %d outlives the demo", pid)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left behind (%v)", dir, err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != mine {
		t.Errorf("the user's file has become %q (%v)", data, err)
	}
}

func TestRunSaysWhatWentWrong(t *testing.T) {
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
			[]string{"the configuration has mistakes:\n", mistaken + ":1:1: "}},
		{"an application that is no address", demo.Options{Executable: program(t), Envoy: program(t), App: "my app"},
			[]string{`--app: got the address "my app"; expected HOST:PORT`}},
		{"an application's port alone", demo.Options{Executable: program(t), Envoy: program(t), App: "3000"},
			[]string{`--app: got the address "3000"; expected HOST:PORT`}},
		{"no Envoy to be found", demo.Options{Executable: "/nonexistent/bin/jwtgate"},
			[]string{"no Envoy here", "--envoy FILE", "looked at ", "/nonexistent/.tools/envoy/bin/envoy", "along PATH"}},
		{"no jwtgate", demo.Options{Executable: "/nonexistent/jwtgate", Envoy: program(t)},
			[]string{"start jwtgate: ", "no such file"}},
		{"no Envoy", demo.Options{Executable: program(t), Envoy: "/nonexistent/envoy"},
			[]string{"start envoy: ", "no such file"}},
		{"a jwtgate that ends", demo.Options{Executable: program(t, "PLAY_GATE=ends"), Envoy: program(t)},
			[]string{"jwtgate ended by itself, exit status 3\n  cannot serve today\n  (all of it: "}},
		{"an Envoy that ends", demo.Options{Executable: program(t), Envoy: program(t, "PLAY_ENVOY=ends")},
			[]string{"the tour was cut short: envoy ended by itself, exit status 4\n  out of everything\n  (all of it: "}},
	} {
		t.Run(row.name, func(t *testing.T) {
			left := aside(t)
			row.options.Out, row.options.Getenv, row.options.Once = &transcript{}, without, true
			err := demo.Run(t.Context(), row.options)
			if err == nil || errors.Is(err, demo.ErrSteps) {
				t.Fatalf("error %v, want one that is no failed step", err)
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want %q in it", err, want)
				}
			}
			// A directory stays only if the error tells of the logs in it.
			var told []string
			if log := regexp.MustCompile(`all of it: (.*)/\w+\.log\)`).FindStringSubmatch(err.Error()); log != nil {
				told = []string{log[1]}
			}
			if dirs := left(); !slices.Equal(dirs, told) {
				t.Errorf("%q are left behind, and the error tells of %q", dirs, told)
			}
		})
	}
}

func TestMistakesReachTheCallerAsSuch(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mistaken.yaml")
	if err := os.WriteFile(file, []byte("isuers: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := demo.Run(t.Context(), demo.Options{ConfigFile: file, Out: &transcript{}, Getenv: without})
	if mistakes, ok := errors.AsType[config.Mistakes](err); !ok || len(mistakes) == 0 {
		t.Errorf("error %v holds no config.Mistakes", err)
	}
}
