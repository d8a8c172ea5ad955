package envoy_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/envoy"
)

var cognito = envoy.InitOptions{Cognito: "us-west-1_6BpkgoczU", ClientIDs: []string{"3v5exampleclient"}, App: "127.0.0.1:4567"}

// rendered runs Init and returns the files by name, and each parsed.
func rendered(t *testing.T, o envoy.InitOptions) (files map[string]string, trees map[string]map[string]any) {
	t.Helper()
	made, err := envoy.Init(o)
	if err != nil {
		t.Fatal(err)
	}
	files, trees = map[string]string{}, map[string]map[string]any{}
	for _, file := range made.Files {
		var tree map[string]any
		if err := yaml.Unmarshal(file.Data, &tree); err != nil {
			t.Fatalf("%s is not YAML: %v\n%s", file.Name, err, file.Data)
		}
		files[file.Name], trees[file.Name] = string(file.Data), tree
	}
	return files, trees
}

func TestInitWritesThreeFilesWithNextSteps(t *testing.T) {
	for _, app := range []string{"127.0.0.1:4567", "backend:4567", "host.docker.internal:4567"} {
		o := cognito
		o.App = app
		files, _ := rendered(t, o)
		if names := slices.Sorted(maps.Keys(files)); !slices.Equal(names, []string{"compose.yaml", "envoy.yaml", "jwtgate.yaml"}) {
			t.Fatalf("files %q", names)
		}
		for name, text := range files {
			if !strings.HasPrefix(text, "# ") || !strings.Contains(text, "# Next: ") {
				t.Errorf("app %s: %s does not begin with a description and the next step:\n%.200s", app, name, text)
			}
			if strings.Contains(text, "<no value>") || strings.Contains(text, "{{") {
				t.Errorf("app %s: %s has an empty placeholder", app, name)
			}
		}
	}
}

func TestInitWritesTheIssuer(t *testing.T) {
	tests := []struct {
		name string
		o    envoy.InitOptions
		want string // the issuers, as parsed
	}{
		{"Cognito", cognito, `{"cognito":{"clients":["3v5exampleclient"],"cognito":"us-west-1_6BpkgoczU"}}`},
		{
			"a client id that YAML would take for a number",
			envoy.InitOptions{Cognito: "us-west-1_6BpkgoczU", ClientIDs: []string{"123456"}, App: "app:1"},
			`{"cognito":{"clients":["123456"],"cognito":"us-west-1_6BpkgoczU"}}`,
		},
		{
			"several clients",
			envoy.InitOptions{Cognito: "us-west-1_6BpkgoczU", ClientIDs: []string{"web", "mobile", "123"}, App: "app:1"},
			`{"cognito":{"clients":["web","mobile","123"],"cognito":"us-west-1_6BpkgoczU"}}`,
		},
		{
			"any issuer",
			envoy.InitOptions{Issuer: "https://login.example/", Audience: "orders-api", App: "app:1"},
			`{"main":{"audiences":["orders-api"],"issuer":"https://login.example/"}}`,
		},
		{
			"an audience that means something to YAML, and one that would be expanded",
			envoy.InitOptions{Issuer: "https://login.example", Audience: `a",${HOME}:[#`, App: "app:1"},
			`{"main":{"audiences":["a\",$${HOME}:[#"],"issuer":"https://login.example"}}`,
		},
		{
			"an audience that YAML reads as a boolean",
			envoy.InitOptions{Issuer: "https://login.example", Audience: "Yes", App: "app:1"},
			`{"main":{"audiences":["Yes"],"issuer":"https://login.example"}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files, trees := rendered(t, test.o)
			if got := asJSON(t, trees["jwtgate.yaml"]["issuers"]); got != test.want {
				t.Errorf("issuers %s, want %s, in\n%s", got, test.want, files["jwtgate.yaml"])
			}
			if got := trees["jwtgate.yaml"]["default"]; got != "required" {
				t.Errorf("default %v, want required", got)
			}
		})
	}
}

func TestInitFitsWhereTheApplicationIs(t *testing.T) {
	tests := []struct {
		app        string
		wantOnHost bool // containers on the machine's network, so that envoy.yaml serves without them too
	}{
		{"127.0.0.1:4567", true},
		{"localhost:4567", true},
		{"[::1]:4567", true},
		{"10.0.0.7:80", true},
		{"app.internal.example:80", true},
		{"backend-flask:4567", false},
		{"backend_flask:4567", false},
		{"host.docker.internal:4567", false},
	}
	for _, test := range tests {
		t.Run(test.app, func(t *testing.T) {
			o := cognito
			o.App = test.app
			files, trees := rendered(t, o)
			services := trees["compose.yaml"]["services"].(map[string]any)
			for name, service := range services {
				if onHost := service.(map[string]any)["network_mode"] == "host"; onHost != test.wantOnHost {
					t.Errorf("%s on the machine's network: %v, want %v", name, onHost, test.wantOnHost)
				}
			}
			wantGate, wantListen := "address: 127.0.0.1, port_value: 9001", "address: 127.0.0.1, port_value: 8080"
			if !test.wantOnHost {
				wantGate, wantListen = "address: jwtgate, port_value: 9001", "address: 0.0.0.0, port_value: 8080"
			}
			for _, want := range []string{wantGate, wantListen} {
				if !strings.Contains(files["envoy.yaml"], want) {
					t.Errorf("envoy.yaml does not contain %q", want)
				}
			}
			_, mapped := services["envoy"].(map[string]any)["extra_hosts"]
			if want := strings.HasPrefix(test.app, "host.docker"); mapped != want {
				t.Errorf("host.docker.internal is mapped: %v, want %v", mapped, want)
			}
			if _, published := services["jwtgate"].(map[string]any)["ports"]; published {
				t.Error("jwtgate's port is published")
			}
		})
	}
}

// TestInitPort: with another port for Envoy, the application may use 8080, and every file
// has the port.
func TestInitPort(t *testing.T) {
	for app, listen := range map[string]string{"127.0.0.1:8080": "127.0.0.1", "backend:8080": "0.0.0.0"} {
		t.Run(app, func(t *testing.T) {
			o := cognito
			o.App, o.Port = app, 8000
			files, trees := rendered(t, o)
			for _, want := range []string{
				"#   client -> Envoy :8000 -> your application " + app + "\n",
				"address: " + listen + ", port_value: 8000 } } # edit: listen",
			} {
				if !strings.Contains(files["envoy.yaml"], want) {
					t.Errorf("envoy.yaml does not contain %q", want)
				}
			}
			service := trees["compose.yaml"]["services"].(map[string]any)["envoy"].(map[string]any)
			if ports := service["ports"]; app == "backend:8080" && asJSON(t, ports) != `["127.0.0.1:8000:8000"]` {
				t.Errorf("compose.yaml publishes %v", ports)
			}
		})
	}
}

// TestInitWithoutCompose: no file and no step mentions the compose file.
func TestInitWithoutCompose(t *testing.T) {
	for _, existing := range []*envoy.Existing{nil, {File: "gate.yaml", Listen: "127.0.0.1:9001"}} {
		for _, app := range []string{"127.0.0.1:4567", "backend:4567"} {
			o := cognito
			if existing != nil {
				o = envoy.InitOptions{Existing: existing}
			}
			o.App, o.NoCompose = app, true
			result, err := envoy.Init(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range result.Files {
				if file.Name == "compose.yaml" || bytes.Contains(file.Data, []byte("docker compose up")) {
					t.Errorf("app %s: %s is written or mentions the compose file", app, file.Name)
				}
			}
			if steps := strings.Join(result.Next, "\n"); strings.Contains(steps, "compose") {
				t.Errorf("app %s: next %s", app, steps)
			}
		}
	}
}

func TestInitTakesOnlyTheOriginsItIsGiven(t *testing.T) {
	o := cognito
	files, _ := rendered(t, o)
	if !strings.Contains(files["envoy.yaml"], "allow_origin_string_match: [] #") {
		t.Error("without --origin some origin is allowed")
	}
	o.Origins = []string{"https://app.example", "http://localhost:5173"}
	files, _ = rendered(t, o)
	if want := `allow_origin_string_match: [ { exact: "https://app.example" }, { exact: ` +
		`"http://localhost:5173" } ] #`; !strings.Contains(files["envoy.yaml"], want) {
		t.Errorf("envoy.yaml does not contain %s", want)
	}
}

func TestInitEnvoyFileCanBeEditedOn(t *testing.T) {
	files, _ := rendered(t, cognito)
	got, err := envoy.Apply([]byte(files["envoy.yaml"]), envoy.Edit{Listen: "127.0.0.1:18080", App: "127.0.0.1:19090"})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(got, []byte("port_value: 18080")) || bytes.Count(got, []byte("port_value: 19090")) != 2 {
		t.Error("init's envoy.yaml lacks the edit")
	}
}

func TestInitNamesTheOptionThatIsWrong(t *testing.T) {
	const app = "127.0.0.1:4567"
	tests := []struct {
		name string
		o    envoy.InitOptions
		want []string
	}{
		{"nothing", envoy.InitOptions{},
			[]string{
				"the issuer of the tokens is missing; expected --provider NAME, --cognito POOL --client-id ID, or --issuer URL --audience A",
				"--app HOST:PORT is missing",
			}},
		{"both kinds", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"b"}, Issuer: "https://c", Audience: "d", App: app},
			[]string{"got options of both kinds of issuer; expected either --cognito"}},
		{"a pool without a client", envoy.InitOptions{Cognito: "us-west-1_a", App: app},
			[]string{"--cognito and --client-id: got one; expected both"}},
		{"a client without a pool", envoy.InitOptions{ClientIDs: []string{"a"}, App: app},
			[]string{"--cognito and --client-id: got one; expected both"}},
		{"an issuer without an audience", envoy.InitOptions{Issuer: "https://a", App: app},
			[]string{"--issuer and --audience: got one; expected both"}},
		{"a pool name for its id", envoy.InitOptions{Cognito: "CruddurUserPool", ClientIDs: []string{"a"}, App: app},
			[]string{`--cognito: got "CruddurUserPool"`, "us-west-1_6BpkgoczU"}},
		{"a client with a space", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a b"}, App: app},
			[]string{`--client-id: got "a b"`}},
		{"an issuer over http", envoy.InitOptions{Issuer: "http://a", Audience: "b", App: app}, []string{`--issuer: got "http://a"`, "https"}},
		{"an issuer with a query", envoy.InitOptions{Issuer: "https://a/?b", Audience: "b", App: app}, []string{"--issuer:"}},
		{"an audience with a line break", envoy.InitOptions{Issuer: "https://a", Audience: "a\nb", App: app}, []string{"--audience:"}},
		{"an application without a port", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a"}, App: "backend"},
			[]string{`--app: got the address "backend"; expected HOST:PORT`}},
		{"Envoy's own port", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a"}, App: "localhost:8080"},
			[]string{`--app: got "localhost:8080", where Envoy listens`, "another port"}},
		{"the port of Envoy's admin", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a"}, App: "127.0.0.1:9901"},
			[]string{`"127.0.0.1:9901", where Envoy's admin interface listens`}},
		{"jwtgate's own port", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a"}, App: "[::1]:9001"},
			[]string{`"[::1]:9001", where jwtgate listens`}},
		{"the port of jwtgate's admin", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a"}, App: "0.0.0.0:9002"},
			[]string{`"0.0.0.0:9002", where jwtgate's admin server listens`}},
		{"an origin with a final slash",
			envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a"}, App: app, Origins: []string{"http://a/"}},
			[]string{`--origin: got the origin "http://a/"; expected it without the final slash, as browsers send it: http://a`}},
		{"a second client with a comma", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a", "b,c"}, App: app},
			[]string{`--client-id: got "b,c"`, "repeat --client-id"}},
		{"no port for Envoy", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a"}, App: app, Port: 65536},
			[]string{"--port: got 65536; expected a port from 1 to 65535"}},
		{"the port of jwtgate for Envoy", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a"}, App: app, Port: 9001},
			[]string{"--port: got 9001, where jwtgate listens; expected another port for Envoy"}},
		{"the application's port for Envoy", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a"}, App: app, Port: 4567},
			[]string{`--app: got "127.0.0.1:4567", where Envoy listens`}},
		{"an image with a line break", envoy.InitOptions{Cognito: "us-west-1_a", ClientIDs: []string{"a"}, App: app, Image: "a\nb"},
			[]string{"expected the name of a container image"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, err := envoy.Init(test.o)
			if result.Files != nil || result.Next != nil {
				t.Error("got a result in addition to the error")
			}
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one with %q", err, want)
				}
			}
		})
	}
}

func TestInitTakesEnvoysPortElsewhere(t *testing.T) {
	for _, app := range []string{"backend:8080", "10.0.0.7:9901", "app.internal.example:9001"} {
		o := cognito
		o.App = app
		if _, err := envoy.Init(o); err != nil {
			t.Errorf("%s: %v, want none for another machine's port", app, err)
		}
	}
}

func TestInitReturnsTheNextSteps(t *testing.T) {
	const (
		check = "jwtgate check --config new/jwtgate.yaml"
		build = "docker build -t jwtgate https://github.com/jwtgate/jwtgate.git"
		up    = "docker compose -f new/compose.yaml up"
	)
	tests := []struct {
		app  string
		want []string
	}{
		{"127.0.0.1:4567", []string{check, "jwtgate serve --config new/jwtgate.yaml    and    envoy -c new/envoy.yaml"}},
		{"backend:4567", []string{check, "add your application to new/compose.yaml as the service backend, without ports", build, up}},
		{"host.docker.internal:4567", []string{check, build, up}},
	}
	for _, test := range tests {
		t.Run(test.app, func(t *testing.T) {
			o := cognito
			o.App, o.Dir = test.app, "new"
			result, err := envoy.Init(o)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(result.Next, test.want) {
				t.Errorf("next %q, want %q", result.Next, test.want)
			}
			files, _ := rendered(t, o)
			serve := strings.Contains(files["jwtgate.yaml"], "then jwtgate serve")
			if want := test.app == "127.0.0.1:4567"; serve != want {
				t.Errorf("jwtgate.yaml names serve as the next step: %v, want %v", serve, want)
			}
			service := strings.Contains(files["compose.yaml"], "as a service\n# of that name")
			if want := test.app == "backend:4567"; service != want {
				t.Errorf("compose.yaml asks for a service: %v, want %v", service, want)
			}
		})
	}
}

func TestInitEnvoyFileNamesTheUsersApplication(t *testing.T) {
	files, _ := rendered(t, cognito)
	if want := "#   client -> Envoy :8080 -> your application 127.0.0.1:4567\n"; !strings.Contains(files["envoy.yaml"], want) {
		t.Errorf("envoy.yaml does not contain %q", want)
	}
	for _, other := range []string{"9090", "the demo", "end-to-end"} {
		if strings.Contains(files["envoy.yaml"], other) {
			t.Errorf("envoy.yaml contains %q from the shipped file", other)
		}
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}
