package config_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

func resolved(t *testing.T, yaml string, pairs ...string) string {
	t.Helper()
	text, err := config.Resolved(testutil.File(t, "gate.yaml", yaml), env(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestResolvedMeansTheSame: what Resolved writes for each provider is a configuration with
// the same meaning, in which nothing follows from the provider any more.
func TestResolvedMeansTheSame(t *testing.T) {
	rows := provided()
	for _, name := range config.Providers() {
		t.Run(name, func(t *testing.T) {
			settings := strings.ReplaceAll(rows[name], "file: bundle", "file: /bundle")
			yaml := "cache_dir: /c\nissuers: {a: {provider: " + name + ", " + settings + "}}\n"
			text := resolved(t, yaml)
			want := parse(t, yaml)
			equal(t, parse(t, text), want)
			if name != "cognito" { // whose key cognito stands for more than one iss
				equal(t, parse(t, strings.Replace(text, "    provider: "+name+"\n", "", 1)), want)
			}
		})
	}
	yaml := "issuers: {a: {issuer: https://a.example, audiences: [api]}, b: {cognito: us-west-1_a, clients: [web], prefix: 'b:'}}\n"
	yaml = strings.Replace(yaml, "[api]", "[api], prefix: ''", 1)
	equal(t, parse(t, resolved(t, yaml)), parse(t, yaml))
}

// TestResolved: each value that is added says where it comes from, and the text holds no
// password and no value of a variable.
func TestResolved(t *testing.T) {
	const yaml = `issuers:
  staff: # who works here
    {provider: okta, domain: "${DOMAIN}", audiences: ["${API}"], jwks: {proxy: "http://ann:hidden@proxy.example:1", max_stale: 1h}}
routes:
  - {match: GET /health, access: public}
`
	got := resolved(t, yaml, "DOMAIN=acme.okta.com", "API=unseen")
	for _, want := range []string{
		"  # domain: ${DOMAIN}\n  # iss: https://acme.okta.com/oauth2/default\n  staff:",
		"    issuer: https://acme.okta.com/oauth2/default # okta\n", "    client_claims: [cid] # okta\n", "    token_use: [access] # default\n",
		"    leeway: 30s # default\n", "      max_stale: 1h\n", "      refresh_interval: 15m # default\n",
		"proxy: \"http://ann:xxxxx@proxy.example:1\"", "audiences: [\"${API}\"]", "  - {match: GET /health, access: public}\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
	for _, secret := range []string{"hidden", "unseen"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is in\n%s", secret, got)
		}
	}
}

// TestResolvedMistakes: a file that cannot be read is an error.
func TestResolvedMistakes(t *testing.T) {
	if _, err := config.Resolved(t.TempDir()+"/none.yaml", nil); err == nil || !strings.HasPrefix(err.Error(), "reading the config: ") {
		t.Errorf("got %v", err)
	}
	list := testutil.File(t, "gate.yaml", "- a\n")
	if _, err := config.Resolved(list, nil); err == nil || !strings.Contains(err.Error(), "the file is a list") {
		t.Errorf("got %v", err)
	}
}
