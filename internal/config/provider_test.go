package config_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// provided is the settings with which each provider is valid.
func provided() map[string]string {
	const open = "audiences: [api], require: "
	return map[string]string{
		"cognito": "pool: us-west-1_a, clients: [web]", "entra": "tenant: 11111111-2222-4333-8444-555555555555, audiences: [api]",
		"auth0": "domain: a.auth0.com, audiences: [api]", "okta": "domain: a.okta.com, audiences: [api]",
		"keycloak": "domain: 'sso.example:8443', realm: a, audiences: [api]", "google": open + "{hd: [a.example]}",
		"firebase": "project: a-b", "supabase": "project: abc", "clerk": `domain: clerk.a.example, clients: ["https://a.example"]`,
		"kubernetes": "audiences: [api]", "github-actions": open + "{repository_owner: [a]}", "gitlab": open + "{project_id: ['7']}",
		"spiffe":            "domain: prod.example, audiences: [api], jwks: {file: bundle.json}",
		"cloudflare-access": "team: a, audiences: [api]", "google-iap": "audiences: [/projects/1/apps/a]",
	}
}

// TestProviderValues: the data of each provider is at most 30 lines of keys of an issuer,
// which have no mistake, and each parameter is used.
func TestProviderValues(t *testing.T) {
	all := provided()
	for _, name := range config.Providers() {
		t.Run(name, func(t *testing.T) {
			yaml := "issuers: {a: {provider: " + name + ", " + all[name] + "}}\n"
			if header := config.ProviderHeader(name); header != "" {
				yaml += "tokens: {from: [{header: " + header + "}]}\n"
			}
			c := parse(t, yaml)
			if one := c.Issuers[0]; len(c.Warnings) > 0 || len(one.ISS) == 0 ||
				strings.ContainsAny(strings.Join(one.ISS, "")+one.JWKS.URI, "<>{}") {
				t.Errorf("got %v, keys from %q, warnings %v", one.ISS, one.JWKS.URI, c.Warnings)
			}
		})
	}
}

// TestProviderIsTheCognitoKey: cognito: POOL is the short form of the provider.
func TestProviderIsTheCognitoKey(t *testing.T) {
	want := parse(t, "issuers: {a: {cognito: us-west-1_a, clients: [web]}}\n")
	equal(t, parse(t, "issuers: {a: {provider: cognito, pool: us-west-1_a, clients: [web]}}\n"), want)
	equal(t, parse(t, "issuers: {a: {provider: cognito, cognito: us-west-1_a, clients: [web]}}\n"), want)
	equal(t, parse(t, "issuers: {a: {cognito: us-west-1_a, clients: [web], subject_claims: [sub], client_claims: [client_id]}}\n"), want)
}

// TestProviderIsReplaced: each key of the file replaces that of the provider, those of jwks
// one by one, except that the provider's other keys of jwks never apply to another source
// of keys.
func TestProviderIsReplaced(t *testing.T) {
	const begin = "issuers: {a: {provider: kubernetes, audiences: [api], "
	for _, row := range []struct {
		name, settings, iss, uri, ca, bearer string
		groups                               []string
	}{
		{"nothing", "", "https://kubernetes.default.svc.cluster.local", "https://kubernetes.default.svc/openid/v1/jwks",
			"/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", "/var/run/secrets/kubernetes.io/serviceaccount/token",
			[]string{"/kubernetes.io/namespace"}},
		{"the parameter", "cluster: https://c.example", "https://c.example", "https://kubernetes.default.svc/openid/v1/jwks",
			"/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", "/var/run/secrets/kubernetes.io/serviceaccount/token",
			[]string{"/kubernetes.io/namespace"}},
		{"lists", "issuer: https://c.example, groups_claim: [teams]", "https://c.example", "https://kubernetes.default.svc/openid/v1/jwks",
			"/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", "/var/run/secrets/kubernetes.io/serviceaccount/token", []string{"teams"}},
		{"a key of jwks", "jwks: {ca_file: /ca.pem, max_stale: 1h}", "https://kubernetes.default.svc.cluster.local",
			"https://kubernetes.default.svc/openid/v1/jwks", "/ca.pem", "/var/run/secrets/kubernetes.io/serviceaccount/token",
			[]string{"/kubernetes.io/namespace"}},
		{"the source of keys, to which the token of the pod never goes", "jwks: {uri: 'https://keys.example'}",
			"https://kubernetes.default.svc.cluster.local", "https://keys.example", "", "", []string{"/kubernetes.io/namespace"}},
		{"a file", "jwks: {file: /keys.json}", "https://kubernetes.default.svc.cluster.local", "", "", "", []string{"/kubernetes.io/namespace"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := parse(t, begin+row.settings+"}}\n").Issuers[0]
			if got.ISS[0] != row.iss || got.JWKS.URI != row.uri || got.JWKS.CAFile != row.ca || got.JWKS.BearerFile != row.bearer ||
				!slices.Equal(got.GroupsClaim, row.groups) {
				t.Errorf("got %+v", got)
			}
		})
	}
	over := parse(t, "issuers: {a: {provider: okta, issuer: https://a.okta.com/oauth2/aus1, audiences: [api], "+
		"token_use: [access, id]}}\n").Issuers[0]
	if over.ISS[0] != "https://a.okta.com/oauth2/aus1" || len(over.TokenUse) != 2 || over.ClientClaims[0] != "cid" {
		t.Errorf("got %+v", over)
	}
}

// TestProviderParametersAreVariables: a variable may be the value of a parameter, and it
// never adds a key or an item.
func TestProviderParametersAreVariables(t *testing.T) {
	const yaml = "issuers: {a: {provider: firebase, project: '${PROJECT}'}}\n"
	if got := parse(t, yaml, "PROJECT=acme-shop").Issuers[0]; got.Audiences[0] != "acme-shop" || len(got.Audiences) != 1 {
		t.Errorf("got %+v", got)
	}
	for _, hostile := range []string{"a, b", "a]", "${B}", "<project>", "a\nb", "a/b", "A", ""} {
		if got := mistakes(t, yaml, "PROJECT="+hostile, "B=b"); len(got) != 1 ||
			!strings.HasPrefix(got[0], "1:44: issuers.a.project is ") {
			t.Errorf("%q: got %v", hostile, got)
		}
	}
}

func TestProviderMistakes(t *testing.T) {
	checkIssuer(t, []issuerRow{
		{"an unknown provider", `provider: ▸octa, audiences: [api]`,
			`issuers.a.provider is invalid: got "octa"; expected cognito, entra, auth0, okta, keycloak, google, firebase, supabase, clerk, ` +
				`kubernetes, github-actions, gitlab, spiffe, cloudflare-access or google-iap`},
		{"a parameter that is missing", `provider: keycloak, domain: sso.example, audiences: [api]`,
			`issuers.a.realm is missing; provider keycloak needs it, for example realm: my-realm`},
		{
			"a parameter of another provider",
			`provider: okta, domain: a.okta.com, audiences: [api], tenant: ▸11111111-2222-4333-8444-555555555555`,
			`issuers.a.tenant has no effect with provider: okta; remove it`,
		},
		{"a parameter without a provider", `issuer: https://a.example, audiences: [api], domain: ▸a.example`,
			`issuers.a.domain has no effect without a provider; write provider: auth0, or okta, or keycloak, or clerk, or gitlab, or spiffe`},
		{"a parameter that is replaced", `provider: okta, domain: ▸a.okta.com, issuer: https://a.okta.com/oauth2/x, audiences: [api]`,
			`issuers.a.domain has no effect, because issuer is set too; remove one of them`},
		{"a domain that is a URL", `provider: auth0, domain: ▸"https://a.auth0.com/", audiences: [api]`,
			`issuers.a.domain is a URL: got "https://a.auth0.com/"; write "a.auth0.com"`},
		{"a domain with a path", `provider: auth0, domain: ▸a.auth0.com/x, audiences: [api]`,
			`issuers.a.domain is not a host name: got "a.auth0.com/x"; expected a host name such as login.example in lower case`},
		{"a realm with a slash", `provider: keycloak, domain: a.example, realm: ▸a/b, audiences: [api]`,
			`issuers.a.realm is invalid: got "a/b"; expected the name of a realm, as the URL of the realm has it`},
		{"a cluster without a scheme", `provider: kubernetes, cluster: ▸c.example, audiences: [api]`,
			`issuers.a.cluster is not an absolute URL with https://; expected the iss of the cluster's tokens, such as ` +
				`https://kubernetes.default.svc.cluster.local`},
		{
			"no audience",
			`provider: cloudflare-access, team: a`,
			`issuers.a has neither audiences nor clients, so it would accept tokens that the ` +
				`issuer signs for other applications; write audiences: [AUD-TAG]`,
		},
		{
			"no origin",
			`provider: clerk, domain: a.example`,
			`issuers.a has neither audiences nor clients, so it would accept tokens that the ` +
				`issuer signs for other applications; write clients: ["https://app.example"]`,
		},
		{"a parameter from which the audience follows", `provider: firebase`,
			`issuers.a.project is missing; provider firebase needs it, for example project: my-project`},
		{"tokens of anybody", `provider: github-actions, audiences: [api]`,
			`issuers.a.require does not say whose tokens are valid, and anybody can get a token from github-actions; expected one of the claims ` +
				`repository_owner, repository_owner_id, repository, repository_id, enterprise, enterprise_id, sub, for example ` +
				`require: {repository_owner: [my-org]}`},
		{"a claim that anybody can choose", `provider: github-actions, audiences: [api], ▸require: {job_workflow_ref: [my-org/x]}`,
			`issuers.a.require does not say whose tokens are valid, and anybody can get a token from github-actions; expected one of the claims ` +
				`repository_owner, repository_owner_id, repository, repository_id, enterprise, enterprise_id, sub, for example ` +
				`require: {repository_owner: [my-org]}`},
		{"Google without an organization", `provider: google, audiences: [api]`,
			`issuers.a.require does not say whose tokens are valid, and anybody can get a token from google; expected one of the claims ` +
				`hd, sub, email, for example require: {hd: [my-domain.example]}`},
		{"GitLab without a group", `provider: gitlab, audiences: [api], ▸require: {ref_protected: ["true"]}`,
			`issuers.a.require does not say whose tokens are valid, and anybody can get a token from gitlab; expected one of the claims ` +
				`namespace_path, namespace_id, project_path, project_id, sub, for example require: {namespace_path: [my-group]}`},
		{"a trust domain without keys", `provider: ▸spiffe, domain: prod.example, audiences: [api]`,
			`issuers.a.issuer is not an absolute URL with https://, so its keys cannot be discovered; expected the issuer's URL as its tokens ` +
				`have it, such as https://login.example/, or jwks with the uri or the file of the keys`},
		{"Cognito and another provider", `provider: ▸okta, domain: a.okta.com, cognito: us-west-1_a, clients: [web]`,
			`issuers.a.issuer conflicts with cognito, which sets the issuer too; keep one of them`},
	})
}

// TestProviderWarnings: a header that is not read.
func TestProviderWarnings(t *testing.T) {
	c := parse(t, `issuers:
  c: {provider: google-iap, audiences: [/projects/1/apps/a], prefix: "c:"}
  d: {provider: cloudflare-access, team: a, audiences: [d], prefix: "d:"}
routes: [{match: /iap, tokens_from: [{header: X-Goog-IAP-JWT-Assertion}]}]
`)
	same(t, lines(c.Warnings), []string{
		`3:17: issuers.d.provider is cloudflare-access, which sends the token in the header cf-access-jwt-assertion, and no source of ` +
			`credentials reads it; write tokens: {from: [{header: cf-access-jwt-assertion}]}`,
	})
}

// TestSharedAudiences: an audience that is not one application's is a warning, with or
// without provider. account is one only at Keycloak, and an issuer may be the audience of its
// tokens.
func TestSharedAudiences(t *testing.T) {
	const (
		keycloak   = "add an audience mapper for this API to a client scope (Keycloak)"
		entra      = "request a token with a scope of this API (Entra: Expose an API)"
		auth0      = "request a token with the identifier of this API as audience"
		okta       = "request a token of an authorization server that has this API as its audience (Okta: Security, API)"
		kubernetes = "mount a projected token with an audience for this API"
		own        = "request tokens with an audience of your own"
		tenant     = "11111111-2222-4333-8444-555555555555"
		graph      = "00000003-0000-0000-c000-000000000000"
	)
	for _, row := range []struct{ issuer, audience, change string }{
		{"provider: keycloak, domain: sso.example, realm: a", "account", keycloak},
		{"issuer: https://sso.example/auth/realms/a", "realm-management", keycloak},
		{"issuer: https://sso.example/a", "account", ""},
		{"provider: entra, tenant: " + tenant, "https://graph.microsoft.com", entra},
		{"issuer: https://sts.windows.net/" + tenant + "/", graph, entra},
		{"provider: auth0, domain: a.auth0.com", "https://a.auth0.com/userinfo", auth0},
		{"issuer: https://a.auth0.com/", "https://a.auth0.com/api/v2/", auth0},
		{"provider: auth0, domain: a.auth0.com", "https://b.auth0.com/userinfo", ""},
		{"provider: okta, domain: a.okta.com", "api://default", okta},
		{"issuer: https://a.okta.com/oauth2/default", "api://default", okta},
		{"provider: okta, domain: a.okta.com", "https://a.okta.com/oauth2/default", own},
		{"issuer: https://a.example/x", "https://a.example/x", ""},
		{"issuer: https://a.example", "https://a.example/resources", "request a token with a scope of an API resource (IdentityServer)"},
		{"issuer: https://a.example", "https://b.example/resources", ""},
		{"issuer: https://adfs.example/adfs", "urn:microsoft:userinfo", "request a token for the resource that is this API (AD FS)"},
		{"provider: kubernetes", "https://kubernetes.default.svc.cluster.local", kubernetes},
		{"provider: kubernetes, cluster: https://c.example/id/1", "https://c.example/id/1", own},
	} {
		t.Run(row.issuer+" "+row.audience, func(t *testing.T) {
			var want []string
			if row.change != "" {
				want = []string{`1: issuers.a.audiences[1] is ` + strconv.Quote(row.audience) + `, which is not the audience of one application: ` +
					`tokens that the issuer signs for other purposes have it too; ` + row.change}
			}
			got := lines(parse(t, `issuers: {a: {`+row.issuer+`, audiences: [api, `+row.audience+"]}}\n").Warnings)
			for n := range got {
				got[n] = regexp.MustCompile(`^1:\d+`).ReplaceAllString(got[n], "1")
			}
			same(t, got, want)
		})
	}
}

const providersPage = "../../docs/providers.md"

// TestProvidersPage compares the values on the page of the providers with the data. With
// -update it writes them.
func TestProvidersPage(t *testing.T) {
	text, shown := read(t, providersPage), []string{}
	mark := regexp.MustCompile(`(?s)(<!-- provider: (\S+) -->\n).*?(<!-- /provider -->)`)
	want := mark.ReplaceAllStringFunc(text, func(block string) string {
		found := mark.FindStringSubmatch(block)
		shown = append(shown, found[2])
		return found[1] + "```\n" + strings.TrimSpace(config.ProviderValues(found[2])) + "\n```\n" + found[3]
	})
	same(t, shown, config.Providers())
	shared := regexp.MustCompile(`(?s)(<!-- shared audiences -->\n).*?(<!-- /shared audiences -->)`)
	if strings.Count(want, "<!-- shared audiences -->") != 1 {
		t.Error("the page has no marks for the shared audiences")
	}
	want = shared.ReplaceAllString(want, "${1}"+sharedTable()+"$2")
	if *update {
		if err := os.WriteFile(providersPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Error("the page is out of date; run: go test ./internal/config -run TestProvidersPage -update")
	}
	for _, name := range config.Providers() {
		if lines := strings.Count(config.ProviderValues(name), "\n"); lines > 30 {
			t.Errorf("%s has %d lines", name, lines)
		}
	}
}

// sharedTable returns the table of the audiences that are not of one application, by what to
// change at the provider. The ones that depend on the issuer begin with ISSUER.
func sharedTable() string {
	const realm = "/realms/REALM"
	rows := map[string][]string{} // :: what to change -> audiences
	all := config.Issuer{ISS: []string{"ISSUER"}}.SharedAudiences()
	for audience, change := range all {
		rows[change] = append(rows[change], audience)
	}
	for audience, change := range (config.Issuer{ISS: []string{realm}}).SharedAudiences() {
		if _, known := all[audience]; !known && !strings.HasPrefix(audience, realm) {
			rows[change] = append(rows[change], audience)
		}
	}
	delete(rows, "") // of the issuer itself
	table := "| audience | what to change at the provider |\n|---|---|\n"
	for _, change := range slices.Sorted(maps.Keys(rows)) {
		slices.Sort(rows[change])
		table += "| `" + strings.Join(rows[change], "`, `") + "` | " + change + " |\n"
	}
	return table
}
