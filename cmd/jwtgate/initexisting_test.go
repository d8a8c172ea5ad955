package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// initArgs are those of an init into a folder.
func initArgs(dir string, more ...string) []string {
	return append([]string{"init", "--cognito", "us-west-1_6BpkgoczU", "--client-id", "web", "--app", "127.0.0.1:3000", "--out", dir}, more...)
}

// folder returns a new folder with one file.
func folder(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestInitKeepsWhatExists: an existing file stays as it is, the others are written, and
// init prints what the existing one lacks.
func TestInitKeepsWhatExists(t *testing.T) {
	alone(t)
	const foreign = `static_resources:
  listeners:
  - address: {socket_address: {address: 0.0.0.0, port_value: 80}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: app}}]}]}
          http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
  clusters: [{name: app, type: STATIC, load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [
    {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 4000}}}}]}]}}]
`
	for _, row := range []struct {
		name, file, text string
		args             []string
		want             []string
	}{
		{
			name: "a configuration that lacks a client", file: "jwtgate.yaml", text: initYAML + "identity: {headers: {x-team: team}}\n",
			args: []string{"--client-id", "mobile"}, want: []string{
				"jwtgate.yaml, which exists. To do in it:\nissuers.pool.clients lacks \"mobile\"; add it to the list\n",
			},
		},
		{name: "a configuration that lacks nothing", file: "jwtgate.yaml", text: initYAML,
			want: []string{"jwtgate.yaml, which exists and lacks nothing\n"}},
		{
			name: "an Envoy file of one's own", file: "envoy.yaml", text: foreign,
			args: []string{"--origin", "https://a.example", "--port", "8000"}, want: []string{
				"envoy.yaml, which exists. To do in it:\n", "(ext-authz-missing)", "init --fragment prints the pieces",
				"no cluster has the address 127.0.0.1, port 3000", "no listener has the port 8000",
				`write cors: {origins: ["https://a.example"]} in jwtgate.yaml`,
			},
		},
		{name: "an Envoy file on another port", file: "envoy.yaml", text: foreign, want: []string{"(ext-authz-missing)"}},
		{name: "something else than an Envoy file", file: "envoy.yaml", text: "mine",
			want: []string{"envoy.yaml:1:1: expected an Envoy bootstrap"}},
		{name: "a compose file", file: "compose.yaml", text: "services: {db: {image: postgres}}\n",
			want: []string{"compose.yaml: add to `services`:\n\n  envoy:\n    image: envoyproxy/envoy:", "\n  jwtgate:\n"}},
		{name: "a compose file with an older name", file: "docker-compose.yml", text: "services: {db: {image: postgres}}\n",
			args: []string{"--app", "app:3000"}, want: []string{"docker-compose.yml: add to `services`:", "docker-compose.yml up",
				"docker-compose.yml as the service app, without ports"}},
		{name: "something else than a compose file", file: "compose.yaml", text: "mine", want: []string{"expected a compose file"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := folder(t, row.file, row.text)
			want := append(row.want, "kept   "+filepath.Join(dir, row.file))
			is := strings.NewReplacer("docker-compose.yml", "compose.yaml").Replace(row.file)
			for _, name := range slices.DeleteFunc(names(), func(name string) bool { return name == is }) {
				want = append(want, "wrote  "+filepath.Join(dir, name)+"\n")
			}
			got := command(t, initArgs(dir, row.args...)...)
			got.holds(t, exitYes, want, nil)
			if !slices.Contains(row.args, "--port") && strings.Contains(got.out, "no listener has the port") {
				t.Errorf("it asks for the default port:\n%s", got.out)
			}
			if data, _ := os.ReadFile(filepath.Join(dir, row.file)); string(data) != row.text {
				t.Errorf("%s is now %q", row.file, data)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
				t.Errorf("%d files, %v", len(entries), err)
			}
		})
	}
}

// TestInitAgain: a second init writes nothing, and says where to add the new options.
func TestInitAgain(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	command(t, initArgs(dir)...).holds(t, exitYes, []string{"wrote"}, nil)
	again := command(t, initArgs(dir)...)
	for _, name := range names() {
		again.holds(t, exitYes, []string{"kept   " + filepath.Join(dir, name) + ", which exists and lacks nothing\n"}, nil)
	}
	more := command(t, initArgs(dir, "--origin", "http://localhost:5173", "--client-id", "mobile")...)
	more.holds(t, exitYes, []string{
		`issuers.cognito.clients lacks "mobile"`,
		`no CORS policy allows http://localhost:5173, so a browser hides every answer from its pages; add { exact: "http://localhost:5173" } to`,
	}, nil)
	command(t, "init", "--app", "127.0.0.1:3000", "--out", dir, "--no-compose").
		holds(t, exitYes, []string{"jwtgate.yaml, which exists and lacks nothing", "envoy.yaml, which exists and lacks nothing"}, nil)
	for _, output := range []string{again.out, more.out} {
		if strings.Contains(output, "wrote") {
			t.Errorf("something was written:\n%s", output)
		}
	}
}

// TestInitFitsTheConfigurationThatExists: the new envoy.yaml is for the existing
// jwtgate.yaml, and not for one that init would write.
func TestInitFitsTheConfigurationThatExists(t *testing.T) {
	alone(t)
	dir := folder(t, "jwtgate.yaml", initYAML+"identity: {headers: {x-team: team}}\n")
	command(t, initArgs(dir)...).holds(t, exitYes, []string{"wrote"}, nil)
	data, err := os.ReadFile(filepath.Join(dir, "envoy.yaml"))
	if err != nil || !strings.Contains(string(data), "|x[^a-z0-9]team\"") {
		t.Errorf("envoy.yaml does not remove x-team, %v", err)
	}
}

// TestInitLeavesAnotherConfigurationAlone: with --config, a jwtgate.yaml in the folder is
// not the project's.
func TestInitLeavesAnotherConfigurationAlone(t *testing.T) {
	alone(t)
	dir := folder(t, "jwtgate.yaml", "mine")
	got := command(t, "init", "--config", testutil.File(t, "gate.yaml", initYAML), "--app", "127.0.0.1:3000", "--out", dir)
	got.holds(t, exitYes, []string{"wrote  " + filepath.Join(dir, "envoy.yaml")}, nil)
	if strings.Contains(got.out, "kept") {
		t.Errorf("it compares the folder's jwtgate.yaml:\n%s", got.out)
	}
}

// TestInitWritesNothing: if an existing file cannot be used, no file is written.
func TestInitWritesNothing(t *testing.T) {
	alone(t)
	link := func(t *testing.T) string {
		dir := t.TempDir()
		if err := os.Symlink(filepath.Join(t.TempDir(), "target"), filepath.Join(dir, "envoy.yaml")); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, row := range []struct {
		name string
		dir  func(*testing.T) string
		args []string
		code int
		want string // in the output or the error
	}{
		{"a configuration with mistakes", func(t *testing.T) string { return folder(t, "jwtgate.yaml", "mine") }, nil,
			exitNo, "jwtgate.yaml:1:1"},
		{"an option with a mistake", func(t *testing.T) string { return folder(t, "jwtgate.yaml", initYAML) },
			[]string{"--client-id", "a b"}, exitFailure, `--client-id: got "a b"`},
		{"a link to nowhere", link, nil, exitFailure, "envoy.yaml exists and cannot be read; nothing was written"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := row.dir(t)
			got := command(t, initArgs(dir, row.args...)...)
			if got.code != row.code || !strings.Contains(got.out+got.err, row.want) {
				t.Errorf("exit code %d, want %d, with %q:\n%s%s", got.code, row.code, row.want, got.out, got.err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("%d files, %v", len(entries), err)
			}
		})
	}
}

// TestInitKnowsTheService: init does not ask for a service that the compose file has, and
// says that containers do not reach an issuer on loopback.
func TestInitKnowsTheService(t *testing.T) {
	alone(t)
	dir := folder(t, "compose.yaml", "services: {app: {image: app}}\n")
	got := command(t, "init", "--issuer", "http://127.0.0.1:7000/shop", "--audience", "api", "--app", "app:3000", "--out", dir)
	got.holds(t, exitYes, []string{"compose.yaml up",
		"the issuer http://127.0.0.1:7000/shop is on this machine, where the containers do not reach it: use --app 127.0.0.1:PORT"}, nil)
	if strings.Contains(got.out, "add your application") {
		t.Errorf("it asks for a service that is there:\n%s", got.out)
	}
	other := command(t, initArgs(t.TempDir(), "--app", "app:3000")...)
	if strings.Contains(other.out, "is on this machine") {
		t.Errorf("a note about another issuer:\n%s", other.out)
	}
}
