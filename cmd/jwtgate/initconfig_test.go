package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

const initYAML = "issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\n"

// TestInitFitsAConfiguration: lint-envoy finds nothing in the files for an existing
// configuration, which is not changed.
func TestInitFitsAConfiguration(t *testing.T) {
	alone(t)
	for _, row := range []struct {
		name, config string
		args         []string
		envoy        []string // in envoy.yaml
		compose      []string // in compose.yaml
		next         []string
	}{
		{name: "plain", envoy: []string{"allow_origin_string_match: [] # edit", "address: 127.0.0.1, port_value: 9001 }"},
			compose: []string{`JWTGATE_LISTEN: "127.0.0.1:9001"`}},
		{name: "headers and relaxations",
			config: "identity: {headers: {x-team: team}}\nrelax: {all: [double_slash], hosts: {a.example: [encoded_slash, original_url]}}\n" +
				"tokens: {from: [{header: x-jwt}]}\n",
			envoy: []string{
				"|x[^a-z0-9]team\"", "merge_slashes: false # edit: double_slash", "action: KEEP_UNCHANGED # edit: encoded_slash", `- exact: "x-jwt"`,
				`regex: "x[^a-z0-9]http[^a-z0-9]method[^a-z0-9]override|`,
			}},
		{name: "another port", config: "server: {listen: ':9101'}\n", envoy: []string{"address: 127.0.0.1, port_value: 9101 }"},
			compose: []string{`JWTGATE_LISTEN: "127.0.0.1:9101"`}},
		{name: "a socket", config: "server: {listen: 'unix:/run/jwtgate/gate.sock'}\n",
			envoy: []string{`pipe: { path: "/run/jwtgate/gate.sock" }`, "type: STATIC # edit: gate-type"},
			compose: []string{`JWTGATE_LISTEN: "unix:/run/jwtgate/gate.sock"`, `envoy.yaml:ro", "/run/jwtgate:/run/jwtgate"]`,
				`jwtgate.yaml:ro", "/run/jwtgate:/run/jwtgate"]`}},
		{name: "a socket, and containers of their own", config: "server: {listen: 'unix:/run/jwtgate/gate.sock'}\n",
			args:  []string{"--app", "app:3000"},
			envoy: []string{"address: jwtgate, port_value: 9001 }"}, next: []string{"as the service app, without ports", "docker compose -f "}},
		{name: "origins", config: "cors: {origins: ['https://app.example', 'http://localhost:5173']}\n",
			envoy: []string{`[ { exact: "https://app.example" }, { exact: "http://localhost:5173" } ] # edit: origins`}},
		{name: "other origins", config: "cors: {origins: ['https://app.example']}\n", args: []string{"--origin", "https://b.example"},
			envoy: []string{`[ { exact: "https://b.example" } ] # edit: origins`}},
		{name: "preflights of its own", config: "cors: {origins: ['https://app.example'], credentials: true}\n",
			envoy: []string{"[] # edit: origins"}, next: []string{"lists no origin for Envoy's CORS filter, so that the `cors` settings of "}},
		{name: "preflights that need a token", config: "cors: {origins: ['https://app.example'], preflight: check}\n",
			envoy: []string{"[] # edit: origins"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			file, dir := testutil.File(t, "jwtgate.yaml", initYAML+row.config), filepath.Join(t.TempDir(), "out")
			args := row.args
			if row.args == nil || row.args[0] != "--app" {
				args = append(args, "--app", "127.0.0.1:3000")
			}
			got := command(t, append([]string{"init", "--config", file, "--out", dir}, args...)...)
			own := filepath.Join(dir, "envoy.yaml")
			got.holds(t, exitYes, append(row.next,
				"wrote  "+own+"\nwrote  "+filepath.Join(dir, "compose.yaml")+"\n\nnext   jwtgate lint-envoy --config "+file+" "+own+"\n",
				"mounts "+filepath.Join(dir, "jwtgate.yaml")+", and your configuration is "+file+": copy it there", "demo --config "+file), nil)
			for name, texts := range map[string][]string{"envoy.yaml": row.envoy, "compose.yaml": row.compose} {
				data, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				for _, text := range texts {
					if !strings.Contains(string(data), text) {
						t.Errorf("%s does not hold %q", name, text)
					}
				}
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
				t.Errorf("%d files, %v", len(entries), err)
			}
			command(t, "lint-envoy", "--config", file, own).holds(t, exitYes, []string{"nothing found"}, nil)
			if data, _ := os.ReadFile(file); string(data) != initYAML+row.config {
				t.Error("the configuration was changed")
			}
		})
	}
	t.Run("where it is mounted from", func(t *testing.T) {
		file := testutil.File(t, "jwtgate.yaml", initYAML)
		got := command(t, "init", "--config", file, "--out", filepath.Dir(file), "--app", "127.0.0.1:3000")
		got.holds(t, exitYes, []string{"mounts " + file + "; also mount the other files, and set the variables, that jwtgate.yaml uses"}, nil)
		if strings.Contains(got.out, "copy it") {
			t.Errorf("it is to be copied onto itself:\n%s", got.out)
		}
	})
	t.Run("with TLS, which envoy.yaml lacks", func(t *testing.T) {
		file, dir := testutil.File(t, "jwtgate.yaml", initYAML+"server: {tls: {cert_file: c.pem, key_file: k.pem}}\n"), t.TempDir()
		command(t, "init", "--config", file, "--out", dir, "--app", "127.0.0.1:3000").
			holds(t, exitYes, []string{"server.tls is on: add a transport_socket with your certificate authority to the cluster jwtgate of "}, nil)
		command(t, "lint-envoy", "--config", file, filepath.Join(dir, "envoy.yaml")).holds(t, exitNo, []string{"(gate-tls)"}, nil)
	})
}

// TestInitFitsNothing: a configuration for which no files can be written is an error.
func TestInitFitsNothing(t *testing.T) {
	alone(t)
	plain := testutil.File(t, "jwtgate.yaml", initYAML)
	for _, row := range []struct {
		name  string
		args  []string
		code  int
		texts []string
	}{
		{"a new issuer as well", []string{"--config", plain, "--issuer", "https://a.example/", "--audience", "a"}, exitFailure, []string{
			"--config and --issuer: got both; expected either an existing configuration or the issuer of a new one",
			"--config and --audience: got both",
		}},
		{"a new pool as well", []string{"--config", plain, "--cognito", "us-west-1_6BpkgoczU", "--client-id", "c"}, exitFailure,
			[]string{"--config and --cognito: got both", "--config and --client-id: got both"}},
		{"a configuration with mistakes", []string{"--config", testutil.File(t, "jwtgate.yaml", "default: open\n")},
			exitNo, []string{"default is"}},
		{"no configuration", []string{"--config", filepath.Join(t.TempDir(), "missing.yaml")}, exitFailure, []string{"missing.yaml"}},
		{"any free port", []string{"--config", testutil.File(t, "jwtgate.yaml", initYAML+"server: {listen: '127.0.0.1:0'}\n")}, exitFailure,
			[]string{`server.listen: got "127.0.0.1:0"; expected a port from 1 to 65535`}},
		{"Envoy's own port", []string{"--config", testutil.File(t, "jwtgate.yaml", initYAML+"server: {listen: '127.0.0.1:8080'}\n")}, exitFailure,
			[]string{`server.listen: got "127.0.0.1:8080", the port of Envoy in envoy.yaml; expected another port`}},
		{"the application's port",
			[]string{"--config", testutil.File(t, "jwtgate.yaml", initYAML+"server: {listen: '127.0.0.1:3000'}\n")}, exitFailure,
			[]string{`--app: got "127.0.0.1:3000", where jwtgate listens; expected another port`}},
		{"a socket with a relative path",
			[]string{"--config", testutil.File(t, "jwtgate.yaml", initYAML+"server: {listen: 'unix:gate.sock'}\n")}, exitFailure,
			[]string{"expected the absolute path of a socket"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			got := command(t, append([]string{"init", "--out", dir, "--app", "127.0.0.1:3000"}, row.args...)...)
			if got.code != row.code {
				t.Errorf("exit code %d, want %d", got.code, row.code)
			}
			for _, text := range row.texts {
				if !strings.Contains(got.out+got.err, text) {
					t.Errorf("it does not say %q:\n%s%s", text, got.out, got.err)
				}
			}
			if entries, _ := os.ReadDir(dir); len(entries) > 0 {
				t.Errorf("%v was written", entries)
			}
		})
	}
}
