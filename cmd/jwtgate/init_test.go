package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// names are the files that init writes.
func names() []string { return []string{"jwtgate.yaml", "envoy.yaml", "compose.yaml"} }

func TestInit(t *testing.T) {
	alone(t)
	for name, args := range map[string][]string{
		"Cognito": {"--cognito", "us-west-1_6BpkgoczU", "--client-id", "3v5exampleclient", "--app", "127.0.0.1:3000"},
		"Cognito, browser": {
			"--cognito", "eu-central-1_AbCdEf123", "--client-id", "c", "--app", "app:3000",
			"--origin", "https://app.example", "--origin", "http://localhost:5173", "--client-id", "mobile", "--port", "8000",
		},
		"any issuer": {"--issuer", "https://login.example/", "--audience", "orders-api", "--app", "app.internal:80"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "folder")
			got := command(t, append([]string{"init", "--out", dir}, args...)...)
			var want []string
			for _, name := range names() {
				want = append(want, "wrote  "+filepath.Join(dir, name)+"\n")
			}
			config := filepath.Join(dir, "jwtgate.yaml")
			want = append(want, "jwtgate check --config "+config, "jwtgate demo --config "+config+"    to try it offline")
			if strings.Contains(name, "browser") { // its application is a service of the compose file
				want = append(want, "as the service app, without ports", "docker compose -f "+filepath.Join(dir, "compose.yaml")+" up")
			} else {
				want = append(want, "jwtgate serve --config "+config, "envoy -c "+filepath.Join(dir, "envoy.yaml"))
			}
			got.holds(t, exitYes, want, nil)
			for _, name := range names() {
				if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(data) == 0 {
					t.Errorf("%s: %d bytes, %v", name, len(data), err)
				}
			}
			checked := command(t, "check", "--config", config)
			checked.holds(t, exitYes, []string{config + ": valid"}, nil)
			if strings.Contains(checked.out, "warning") {
				t.Errorf("what init writes has warnings:\n%s", checked.out)
			}
		})
	}
}

func TestInitMistakes(t *testing.T) {
	alone(t)
	for name, row := range map[string]struct {
		args  []string
		texts []string
	}{
		"nobody signs": {
			[]string{"--app", "a:1"},
			[]string{"--provider NAME, --cognito POOL --client-id ID, or --issuer URL --audience A, or --config FILE for"},
		},
		"half of a pool": {
			[]string{"--app", "a:1", "--cognito", "us-west-1_6BpkgoczU"},
			[]string{"--cognito and --client-id: got one; expected both"},
		},
		"both": {
			[]string{"--app", "a:1", "--cognito", "us-west-1_6BpkgoczU", "--issuer", "https://a/"},
			[]string{"--cognito", "--issuer"},
		},
		"two mistakes": {
			[]string{"--app", "nowhere", "--cognito", "pool", "--client-id", "c"},
			[]string{"--app", `got "pool"; expected a user pool id`},
		},
		"no origin": {
			[]string{"--app", "a:1", "--cognito", "us-west-1_6BpkgoczU", "--client-id", "c", "--origin", "*"},
			[]string{"--origin"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			command(t, append([]string{"init", "--out", dir}, row.args...)...).holds(t, exitFailure, nil, row.texts)
			if entries, _ := os.ReadDir(dir); len(entries) > 0 {
				t.Errorf("%v was written", entries)
			}
		})
	}
	t.Run("a directory that cannot be", func(t *testing.T) {
		file := testutil.File(t, "file", "")
		command(t, "init", "--out", file, "--cognito", "us-west-1_6BpkgoczU", "--client-id", "c", "--app", "a:1").
			holds(t, exitFailure, nil, []string{file})
	})
}
