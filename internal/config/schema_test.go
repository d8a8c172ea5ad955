package config_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
)

// compiled returns the compiled schema, or the part at a fragment.
func compiled(t *testing.T, fragment string) *jsonschema.Schema {
	t.Helper()
	text, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("config.json" + fragment)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate validates a YAML text against a schema, as an editor does.
func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(plain)))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// TestSchemaTakes: all shipped and documented files are valid.
func TestSchemaTakes(t *testing.T) {
	s := compiled(t, "")
	texts := map[string]string{"full": full, "stated": stated, "shortest": shortest,
		"variables": "tokens: {forward: '${F}', max_bytes: '${N:-4096}'}\nserver: {drain_delay: '${N}s'}\ndefault: '${D}'\naudit: {denied: " +
			"'1/${N}'}\n",
		"no issuer": "default: deny\n", "by name": "routes: [{name: a}]\n", "no header": "identity: {headers: {x-user-email: null}}\n"}
	for _, pattern := range []string{"../../deploy/examples/*.yaml", "../e2e/testdata/*.yaml", "../token/testdata/issuers.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %q, %v", pattern, names, err)
		}
		for _, name := range names {
			if text := read(t, name); strings.Contains("\n"+text, "\nissuers:") {
				texts[name] = text
			}
		}
	}
	for _, file := range []string{readme, reference} {
		for _, example := range yamlBlock.FindAllStringSubmatch(read(t, file), -1) {
			texts[file+": "+example[1]] = example[1]
		}
	}
	for name, o := range map[string]envoy.InitOptions{
		"init for Cognito":   {Cognito: "us-west-1_6BpkgoczU", ClientIDs: []string{"web"}, App: "127.0.0.1:9090"},
		"init for an issuer": {Issuer: "https://login.example/", Audience: "api", App: "127.0.0.1:9090"},
	} {
		rendered, err := envoy.Init(o)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(rendered.Files[0].Data)
	}
	for name, text := range texts {
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	included := compiled(t, "#/$defs/included")
	for _, text := range []string{shop, admin} {
		if err := validate(t, included, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestSchemaRefuses: the decoder rejects everything that the schema rejects.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t, "")
	for name, text := range map[string]string{
		"an unknown key":              pool + "rotues: []\n",
		"an unknown key of a route":   pool + "routes: [{match: /a, roles: [x]}]\n",
		"TLS without files":           pool + "server: {tls: {}}\n",
		"a word of no list":           pool + "routes: [{match: /a, access: publik}]\n",
		"a number too large":          pool + "tokens: {max_bytes: 1000000}\n",
		"a number in quotes":          pool + "tokens: {max_bytes: '4096'}\n",
		"truth in quotes":             pool + "shadow: 'true'\n",
		"a time without a unit":       pool + "server: {drain_delay: '3'}\n",
		"a word for a list":           pool + "routes: [{match: /a, groups: admin}]\n",
		"an empty list":               pool + "routes: [{match: /a, groups: []}]\n",
		"an empty list of places":     pool + "tokens: {from: []}\n",
		"an item twice":               pool + "routes: [{match: /a, groups: [a, a]}]\n",
		"neither match nor name":      pool + "routes: [{access: public}]\n",
		"all of nothing":              pool + "routes: [{match: /a, groups: {}}]\n",
		"an algorithm that is none":   "issuers: {a: {issuer: 'https://a.example', audiences: [x], algorithms: [none]}}\n",
		"an issuer's name":            "issuers: {'a b': {issuer: 'https://a.example', audiences: [x]}}\n",
		"a place without a name":      pool + "tokens: {from: [cookie]}\n",
		"a query on every route":      pool + "tokens: {from: [{query: a}]}\n",
		"a list of nothing":           pool + "audit: {denied: some}\n",
		"no file of revoked tokens":   pool + "revoked: {}\n",
		"a relaxation that is none":   pool + "relax: {hosts: {a.example: [encoded_dot]}}\n",
		"a claim that is a number":    pool + "identity: {headers: {x-team: 7}}\n",
		"a condition that is a list":  pool + "routes: [{match: /a, when: [x]}]\n",
		"a pattern that is no list":   pool + "include: routes.d/*.yaml\n",
		"a list where a mapping goes": "issuers: []\n",
	} {
		if validate(t, s, text) == nil {
			t.Errorf("%s: the schema accepts it", name)
		}
		if mistakes(t, text) == nil {
			t.Errorf("%s: the decoder accepts it", name)
		}
	}
	included := compiled(t, "#/$defs/included")
	for _, text := range []string{"routes: []\n", shop + "issuers: {}\n", "hosts: [a]\nroutes: [{match: /a, access: publik}]\n"} {
		if validate(t, included, text) == nil {
			t.Errorf("%s: the schema of included files accepts it", text)
		}
	}
}

// TestSchemaDescribes: the schema contains the description of each key.
func TestSchemaDescribes(t *testing.T) {
	text, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Keys() {
		description, err := json.Marshal(k.Doc + "; " + k.Expected)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), string(description)) {
			t.Errorf("%s is not described", k.Path)
		}
	}
	var parsed struct {
		Schema     string `json:"$schema"`
		Properties map[string]struct {
			Default    any
			Properties map[string]struct{ Default any }
		}
	}
	if err := json.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	tokens := parsed.Properties["tokens"].Properties
	if parsed.Schema != "https://json-schema.org/draft/2020-12/schema" || parsed.Properties["default"].Default != "required" ||
		tokens["max_bytes"].Default != 12288.0 || tokens["forward"].Default != false ||
		!slices.Equal(tokens["from"].Default.([]any), []any{"bearer"}) {
		t.Errorf("schema %q, tokens %v", parsed.Schema, tokens)
	}
}
