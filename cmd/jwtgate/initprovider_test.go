package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// providerFlags are the flags with which init writes each provider.
func providerFlags() map[string]string {
	return map[string]string{
		"cognito": "--pool us-west-1_a --client-id web", "entra": "--tenant 11111111-2222-4333-8444-555555555555 --audience api",
		"auth0": "--domain a.auth0.com --audience https://api.example", "okta": "--domain a.okta.com --audience https://api.example",
		"keycloak": "--domain sso.example:8443 --realm a --audience api", "google": "--audience id --require hd=a.example",
		"firebase": "--project a-b", "supabase": "--project abc", "clerk": "--domain clerk.a.example --client-id https://a.example",
		"kubernetes": "--audience api", "github-actions": "--audience api --require repository_owner=a",
		"gitlab": "--domain gitlab.example --audience api --require project_id=7",
		"spiffe": "--domain prod.example --audience api --jwks-uri https://keys.example/k", "cloudflare-access": "--team a --audience tag",
		"google-iap": "--audience /projects/1/apps/a",
	}
}

// TestInitWritesEachProvider: the flags have the names of the configuration's keys, and the
// configuration that init writes is valid without a warning about the provider. With the
// same flags, it lacks nothing.
func TestInitWritesEachProvider(t *testing.T) {
	alone(t)
	for _, name := range config.Providers() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			arguments := slices.Concat([]string{"init", "--provider", name, "--app", "127.0.0.1:3999", "--out", dir, "--no-compose"},
				strings.Fields(providerFlags()[name]))
			command(t, arguments...).holds(t, exitYes, []string{"wrote  " + filepath.Join(dir, "jwtgate.yaml")}, nil)
			cfg, err := config.Load(filepath.Join(dir, "jwtgate.yaml"), nil)
			if err != nil || len(cfg.Warnings) > 0 || len(cfg.Issuers) != 1 || cfg.Issuers[0].Name != name {
				t.Fatalf("got %+v, %v", cfg, err)
			}
			checked := command(t, "check", "--config", filepath.Join(dir, "jwtgate.yaml"))
			checked.holds(t, exitYes, []string{": valid (1 issuer"}, nil)
			command(t, arguments...).holds(t, exitYes, []string{"jwtgate.yaml, which exists and lacks nothing"}, nil)
		})
	}
}

func TestInitProviderMistakes(t *testing.T) {
	alone(t)
	for _, row := range []struct{ name, flags, want string }{
		{"an unknown one", "--provider octa --audience a", `issuers.octa.provider is invalid: got "octa"; expected cognito, entra, `},
		{"one that is not a word", "--provider a:b --audience a", `--provider: got "a:b"; expected a known provider, such as okta`},
		{"a parameter that is missing", "--provider okta --audience a", "issuers.okta.domain is missing; provider okta needs it, " +
			"for example domain: login.example; hint: pass --domain HOST"},
		{"a parameter of another", "--provider okta --domain a.okta.com --realm x --audience a",
			"realm has no effect with provider: okta; remove it; hint: leave out --realm"},
		{"no tenant", "--provider entra --audience a", "-8444-555555555555; hint: pass --tenant ID"},
		{"no audience", "--provider keycloak --domain a.example --realm r", "write audiences: [orders-api]; hint: pass --audience A"},
		{"no client", "--provider clerk --domain a.example", `write clients: ["https://app.example"]; hint: pass --client-id ID`},
		{"nothing that is required", "--provider gitlab --audience a", "[my-group]}; hint: pass --require CLAIM=VALUE"},
		{"tokens of anybody", "--provider gitlab --audience a", "issuers.gitlab.require does not say whose tokens are valid"},
		{"a claim without a value", "--provider gitlab --audience a --require project_id", `--require: got "project_id"; expected CLAIM=VALUE`},
		{"a parameter alone", "--domain a.example", "complete --provider NAME, which is missing"},
		{"a login", "--login --provider okta --domain a.okta.com", "--login and --provider: got both"},
		{"two ways", "--provider okta --domain a.okta.com --cognito us-west-1_a --client-id w", "can't be used together"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			arguments := slices.Concat([]string{"init", "--app", "127.0.0.1:3999", "--out", dir}, strings.Fields(row.flags))
			got := command(t, arguments...)
			got.holds(t, exitFailure, nil, []string{row.want})
			if strings.Contains(got.err, "jwtgate.yaml:") || strings.Contains(got.err, "tenants is missing") {
				t.Errorf("it names a position in a file that is not there, or what follows from another mistake:\n%s", got.err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("wrote %v, %v", left, err)
			}
		})
	}
}

// TestInitProviderLacking: init says what an existing configuration lacks of a provider.
func TestInitProviderLacking(t *testing.T) {
	alone(t)
	const other, own = "issuers: {main: {issuer: https://a.example, audiences: [b]}}\n",
		"issuers: {staff: {issuer: 'https://a.okta.com/oauth2/default', audiences: [b]}}\n"
	for file, want := range map[string]string{
		other: "issuers lacks the provider okta; add to it: okta: {provider: okta, domain: a.okta.com, audiences: [orders], prefix: \"okta:\"}",
		own:   `issuers.staff.audiences lacks "orders"; add it to the list`,
	} {
		dir := testutil.Files(t, map[string]string{"jwtgate.yaml": file})
		command(t, "init", "--provider", "okta", "--domain", "a.okta.com", "--audience", "orders", "--app", "127.0.0.1:3999", "--out", dir).
			holds(t, exitYes, []string{want}, nil)
	}
}

// TestInitProviderMistakesWithAFile: with a jwtgate.yaml, the options have the same
// mistakes as without, and nothing is written.
func TestInitProviderMistakesWithAFile(t *testing.T) {
	alone(t)
	dir := testutil.Files(t, map[string]string{"jwtgate.yaml": "issuers: {main: {issuer: https://a.example, audiences: [b]}}\n"})
	command(t, "init", "--provider", "clerk", "--domain", "clerk.a.example", "--app", "127.0.0.1:3999", "--out", dir).
		holds(t, exitFailure, nil, []string{"nothing was written", "issuers.clerk"})
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("wrote %v, %v", left, err)
	}
}
