package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// provider is what is known about an identity provider and its tokens.
// docs/providers.md says for each fact whether it was seen in a document.
type provider struct {
	name string
	// values are keys of an issuer, one on each line, as a user could write them. A name in
	// angle brackets stands for that parameter.
	values   string
	defaults map[string]string // :: parameter -> its value if the file has none
	// audience is an example of what separates the tokens for one application.
	audience string
	// shared are the audiences of tokens that are not meant for one application, of each
	// issuer whose iss contains sharedBy. They and <iss>, the iss, have no final slash. change
	// is what to change at the provider, so that the tokens for one API have an audience of
	// their own.
	shared   []string
	sharedBy string
	change   string
	// origins means that the tokens have no aud, and the web origin in the client's place.
	origins bool
	// header carries the token, in lower case; empty: Authorization does.
	header string
	// ownerClaims are the claims that say whose token it is, and that nobody else can write into a
	// token. If anybody can get a token with a valid audience, example is an example, and
	// require must have one of these claims.
	ownerClaims []string
	example     string
}

// providers are the known identity providers, in the order of the documentation.
func providers() []provider { return slices.Concat(userProviders(), workloadProviders()) }

// userProviders sign in users.
func userProviders() []provider {
	return []provider{
		{name: cognitoName, audience: "clients: [CLIENT]", values: `
cognito: <pool>
token_use: [access, id]
groups_claim: [cognito:groups]
subject_claims: [sub]
client_claims: [client_id]`},
		{name: entraName, audience: "audiences: [ID-OF-THE-APP-REGISTRATION]", shared: []string{
			"https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000", "https://graph.microsoft.us",
			"https://graph.windows.net", "00000002-0000-0000-c000-000000000000",
			"https://management.azure.com", "https://management.core.windows.net", "https://vault.azure.net", "https://storage.azure.com",
			"https://outlook.office.com", "https://outlook.office365.com",
		}, change: "request a token with a scope of this API (Entra: Expose an API)", ownerClaims: []string{"tid", "oid", "sub"}, values: `
issuer: https://login.microsoftonline.com/{tenant}/v2.0
tenants: ["<tenant>"]
client_claims: [azp, appid]
groups_claim: [roles]
scopes_claim: [scp]`},
		{name: "auth0", audience: "audiences: [IDENTIFIER-OF-THE-API]", shared: []string{"<iss>/userinfo", "<iss>/api/v2"},
			change: "request a token with the identifier of this API as audience", values: `
issuer: https://<domain>/
client_claims: [client_id, azp]
scopes_claim: [scope]`},
		{name: "okta", audience: "audiences: [AUDIENCE-OF-THE-AUTHORIZATION-SERVER]", shared: []string{"api://default"},
			change: "request a token of an authorization server that has this API as its audience (Okta: Security, API)", values: `
issuer: https://<domain>/oauth2/default
client_claims: [cid]
scopes_claim: [scp]`},
		{name: "keycloak", audience: "audiences: [orders-api]", shared: []string{"account", "broker", "realm-management", "master-realm"},
			sharedBy: "/realms/", change: "add an audience mapper for this API to a client scope (Keycloak)", values: `
issuer: https://<domain>/realms/<realm>
client_claims: [client_id, azp]
groups_claim: [/realm_access/roles]
scopes_claim: [scope]`},
		{name: "google", audience: "audiences: [CLIENT.apps.googleusercontent.com]",
			ownerClaims: []string{"hd", "sub", "email"}, example: "hd: [my-domain.example]", values: `
issuer: https://accounts.google.com
token_use: [access, id]
client_claims: [azp]`},
		{name: "firebase", values: `
issuer: https://securetoken.google.com/<project>
audiences: ["<project>"]
token_use: [access, id]
jwks: {uri: "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"}`},
		{name: "supabase", values: `
issuer: https://<project>.supabase.co/auth/v1
audiences: [authenticated]
algorithms: [ES256, RS256]
groups_claim: [/app_metadata/roles]
jwks: {uri: "https://<project>.supabase.co/auth/v1/.well-known/jwks.json"}`},
		{name: "clerk", audience: `clients: ["https://app.example"]`, origins: true, values: `
issuer: https://<domain>
client_claims: [azp]
jwks: {uri: "https://<domain>/.well-known/jwks.json"}`},
	}
}

// workloadProviders identify programs, or are proxies that sign for both.
func workloadProviders() []provider {
	return []provider{
		{name: "kubernetes", audience: "audiences: [orders-api]", shared: []string{
			"https://kubernetes.default.svc.cluster.local", "https://kubernetes.default.svc",
		}, change: "mount a projected token with an audience for this API",
			defaults: map[string]string{"cluster": "https://kubernetes.default.svc.cluster.local"}, values: `
issuer: <cluster>
groups_claim: [/kubernetes.io/namespace]
jwks: {uri: "https://kubernetes.default.svc/openid/v1/jwks", ca_file: ` + PodSecrets + `ca.crt, bearer_file: ` + PodSecrets + `token}`},
		{name: "github-actions", audience: "audiences: [https://orders.example]",
			ownerClaims: []string{
				"repository_owner", "repository_owner_id", "repository", "repository_id", "enterprise", "enterprise_id", "sub",
			}, example: "repository_owner: [my-org]", values: `
issuer: https://token.actions.githubusercontent.com`},
		{name: "gitlab", audience: "audiences: [https://orders.example]", defaults: map[string]string{"domain": "gitlab.com"},
			ownerClaims: []string{
				"namespace_path",
				"namespace_id",
				"project_path",
				"project_id",
				"sub",
			}, example: "namespace_path: [my-group]", values: `
issuer: https://<domain>`},
		{name: "spiffe", audience: "audiences: [spiffe://prod.example/orders]", values: `
issuer: spiffe://<domain>
token_types: [JWT, JOSE]
algorithms: [ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512]`},
		{name: "cloudflare-access", audience: "audiences: [AUD-TAG]", header: "cf-access-jwt-assertion", values: `
issuer: https://<team>.cloudflareaccess.com
token_use: [access, id]
subject_claims: [sub, common_name]
jwks: {uri: "https://<team>.cloudflareaccess.com/cdn-cgi/access/certs"}`},
		{
			name:     "google-iap",
			audience: "audiences: [/projects/NUMBER/global/backendServices/ID]",
			header:   "x-goog-iap-jwt-assertion",
			values: `
issuer: https://cloud.google.com/iap
algorithms: [ES256]
jwks: {uri: "https://www.gstatic.com/iap/verify/public_key-jwk"}`,
		},
	}
}

// knownIssuers are the providers, and other issuers of which something is known that check
// and the hints must say. Those have no name, so provider: NAME does not select them.
func knownIssuers() []provider {
	return append(providers(), []provider{
		{ownerClaims: []string{"organization_slug", "organization_id", "pipeline_id", "sub"},
			example: "organization_slug: [my-org]", values: "issuer: https://agent.buildkite.com"},
		{ownerClaims: []string{"terraform_organization_id", "terraform_organization_name", "terraform_workspace_id", "sub"},
			example: "terraform_organization_name: [my-org]", values: "issuer: https://app.terraform.io"},
		{ownerClaims: []string{"oid", "sub"}, example: "oid: [00000000-0000-0000-1234-567890abcdef]",
			values: "issuer: " + consumersIssuer},
		// AD FS, and IdentityServer with its static audience.
		{shared: []string{"urn:microsoft:userinfo"}, change: "request a token for the resource that is this API (AD FS)"},
		{shared: []string{"<iss>/resources"}, change: "request a token with a scope of an API resource (IdentityServer)"},
	}...)
}

const (
	cognitoName = "cognito"
	entraName   = "entra"
	// PodSecrets is where Kubernetes mounts the token of a pod and the CA of the API server.
	PodSecrets = "/var/run/secrets/kubernetes.io/serviceaccount/"
)

// SPIFFE begins the iss of a trust domain and the IDs in it. The subject of its tokens is
// such an ID.
const SPIFFE = "spiffe://"

// ExampleSubject returns a subject that tokens of the issuer can have, with a name in it.
func (i Issuer) ExampleSubject(name string) string {
	if len(i.ISS) > 0 && strings.HasPrefix(i.ISS[0], SPIFFE) {
		return i.ISS[0] + "/" + name
	}
	return name
}

// generic is the values of every issuer whose provider does not set them.
const generic = `
token_use: [access]
subject_claims: [sub]
client_claims: [client_id, azp, cid, appid]
groups_claim: [groups]`

// Providers returns the names of the known identity providers.
func Providers() []string {
	var names []string
	for _, one := range providers() {
		names = append(names, one.name)
	}
	return names
}

// ProviderHeader returns the header in which a provider sends the token, in lower case;
// "" for Authorization.
func ProviderHeader(name string) string { return providerOf(name).header }

// ProviderValues returns the keys of an issuer that a provider sets, as a user could write
// them, with the names of parameters in angle brackets.
func ProviderValues(name string) string { return providerOf(name).values }

// providerOf returns the provider with a name, or one that sets nothing.
func providerOf(name string) provider {
	all := providers()
	if i := slices.IndexFunc(all, func(one provider) bool { return one.name == name }); i >= 0 {
		return all[i]
	}
	return provider{}
}

// usersOf returns the providers that a parameter completes.
func usersOf(parameter string) []string {
	var users []string
	for _, p := range providers() {
		if slices.Contains(parameterNames(p.values), parameter) {
			users = append(users, p.name)
		}
	}
	return users
}

// parameterNames returns the names in angle brackets in a text, each once.
func parameterNames(text string) []string {
	var names []string
	for _, found := range regexp.MustCompile(`<([a-z]+)>`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, found[1]) {
			names = append(names, found[1])
		}
	}
	return names
}

// settings returns the lines of values as keys of a mapping.
func settings(lines string) []yamlform.Value {
	var all []yamlform.Value
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		all = append(all, yamlform.Value{Key: key, YAML: value})
	}
	return all
}

// parameter is a key that completes what a provider sets.
type parameter struct{ name, doc, example string }

// parameters are all parameters. issuerInput holds their values in this order.
func parameters() [parameterCount]parameter {
	return [...]parameter{
		{"pool", "the ID of the user pool", "us-west-1_6BpkgoczU"},
		{"tenant", "the ID of the tenant", "11111111-2222-4333-8444-555555555555"},
		{"domain", "the host name of the issuer; with spiffe, the trust domain", "login.example"},
		{"project", "the ID of the project", "my-project"},
		{"team", "the name of the team, before .cloudflareaccess.com", "my-team"},
		{"realm", "the name of the realm", "my-realm"},
		{"cluster", "the iss of the cluster's tokens", "https://oidc.eks.us-west-1.amazonaws.com/id/0123"},
	}
}

const parameterCount = 7

// parameterRows are the keys of the parameters.
func parameterRows(f *issuerInput) []yamlform.Row {
	codecs := [parameterCount]yamlform.Codec[string]{
		poolCodec(), tenantCodec(), domainCodec(), labelCodec("the ID of the project"), labelCodec("the name of the team"), realmCodec(),
		clusterCodec(),
	}
	var rows []yamlform.Row
	for i, one := range parameters() {
		doc := one.doc
		for _, p := range providers() {
			fallback := p.defaults[one.name]
			switch {
			case fallback == "":
			case len(usersOf(one.name)) == 1:
				doc += "; by default " + fallback
			default:
				doc += "; for " + p.name + " by default " + fallback
			}
		}
		rows = append(
			rows,
			yamlform.Field(one.name, "provider "+strings.Join(usersOf(one.name), ", ")+": "+doc, codecs[i], &f.parameters[i]),
		)
	}
	return rows
}

// labelCodec is one label of a host name.
func labelCodec(expected string) yamlform.Codec[string] {
	label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	return yamlform.Text(expected, func(text string) string {
		return unless(label.MatchString(text), "is invalid", text, expected+", lower-case letters, digits and dashes")
	})
}

func domainCodec() yamlform.Codec[string] {
	const expected = "a host name such as login.example"
	return yamlform.String(expected, func(text string) string {
		if rest, isURL := strings.CutPrefix(text, "https://"); isURL {
			return fmt.Sprintf("is a URL: got %s; write %s", yamlform.Quote(text), yamlform.Quote(strings.TrimRight(rest, "/")))
		}
		host, port, withPort := strings.Cut(text, ":")
		valid := hostName(host) && host == strings.ToLower(host) && (!withPort || port != "" && validPort(port))
		return unless(valid, "is not a host name", text, expected+" in lower case")
	})
}

func realmCodec() yamlform.Codec[string] {
	const expected = "the name of a realm, as the URL of the realm has it"
	return yamlform.Text(expected, func(text string) string {
		return unless(text != "" && len(text) <= 255 && yamlform.ASCIIWord(text, "-._~%"), "is invalid", text, expected)
	})
}

func clusterCodec() yamlform.Codec[string] {
	const expected = "the iss of the cluster's tokens, such as https://kubernetes.default.svc.cluster.local"
	return yamlform.String(expected, yamlform.Expecting(expected, func(text string) string {
		if strings.Contains(text, "$") {
			return "has a $"
		}
		return badURL(text, false)
	}))
}
