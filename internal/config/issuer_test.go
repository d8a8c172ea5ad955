package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// TestCognitoPreset: pool ids of each AWS partition are expanded.
func TestCognitoPreset(t *testing.T) {
	for _, row := range []struct{ name, pool, region, original, updated string }{
		{"commercial", "us-west-1_6BpkgoczU", "us-west-1",
			"https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU",
			"https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU"},
		{"an emulator's long id", "us-east-1_0123456789abcdef0123456789abcdef", "us-east-1",
			"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_0123456789abcdef0123456789abcdef",
			"https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_0123456789abcdef0123456789abcdef"},
		{"GovCloud", "us-gov-east-1_aB3", "us-gov-east-1",
			"https://cognito-idp.us-gov-east-1.amazonaws.com/us-gov-east-1_aB3",
			"https://issuer-cognito-idp.us-gov-east-1.amazonaws.com/us-gov-east-1_aB3"},
		{"European sovereign", "eusc-de-east-1_aB3", "eusc-de-east-1",
			"https://cognito-idp.eusc-de-east-1.amazonaws.eu/eusc-de-east-1_aB3",
			"https://issuer-cognito-idp.eusc-de-east-1.amazonaws.eu/eusc-de-east-1_aB3"},
		{"China", "cn-north-1_aB3", "cn-north-1",
			"https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_aB3",
			"https://issuer-cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_aB3"},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := parse(t, "issuers: {pool: {cognito: "+row.pool+", clients: [web]}}\n").Issuers[0]
			if !slices.Equal(i.ISS, []string{row.original, row.updated}) || i.JWKS.URI != row.original+"/.well-known/jwks.json" {
				t.Errorf("got iss %q with the keys of %q", i.ISS, i.JWKS.URI)
			}
			if i.Cognito.Pool != row.pool || i.Cognito.Region != row.region {
				t.Errorf("pool %+v, want %s in %s", i.Cognito, row.pool, row.region)
			}
		})
	}
}

// TestAnyISS: with jwks, iss is compared and never used as a URL, so it may be any text.
func TestAnyISS(t *testing.T) {
	for _, iss := range []string{
		"testing@secure.istio.io", "accounts.google.com", "kubernetes/serviceaccount", "urn:example:sts", "spiffe://prod.example",
		"orders-service", "http://plain.example/", "https://login.example/?realm=a#b", "https://login.example:99999/", "日本",
	} {
		for _, keys := range []string{`uri: "https://keys.example/"`, `file: keys.json`} {
			i := parse(t, `issuers: {a: {issuer: "`+iss+`", audiences: [api], jwks: {`+keys+`}}}`+"\n").Issuers[0]
			if !slices.Equal(i.ISS, []string{iss}) || i.AllowHTTP {
				t.Errorf("%s: got iss %q", iss, i.ISS)
			}
		}
	}
}

func TestCognitoOverrides(t *testing.T) {
	i := parse(t, `
issuers:
  pool:
    cognito: us-west-1_a
    clients: [web]
    replica_regions: [us-east-1, eusc-de-east-1]
    token_use: [id]
    audiences: [web]
    groups_claim: ["custom:groups"]
    jwks: {uri: "https://keys.example/set"}
`).Issuers[0]
	if i.JWKS.URI != "https://keys.example/set" || !slices.Equal(i.GroupsClaim, []string{"custom:groups"}) ||
		!slices.Equal(i.TokenUse, []string{"id"}) {
		t.Errorf("got keys %q, groups %q, kinds %q", i.JWKS.URI, i.GroupsClaim, i.TokenUse)
	}
	want := []string{
		"https://cognito-idp.us-west-1.amazonaws.com/us-west-1_a", "https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_a",
		"https://cognito-idp.us-east-1.amazonaws.com/us-west-1_a", "https://cognito-idp.eusc-de-east-1.amazonaws.eu/us-west-1_a",
	}
	if !slices.Equal(i.ISS, want) {
		t.Errorf("got iss %q, want %q", i.ISS, want)
	}
}

// TestReplicaKeys: the keys of a replicated pool are also fetched from the pool's other URLs,
// unless the file says where they are.
func TestReplicaKeys(t *testing.T) {
	c := parse(t, `issuers:
  alone: {cognito: us-west-1_a, clients: [web], prefix: "a:"}
  replicated: {cognito: us-west-1_b, clients: [web], prefix: "b:", replica_regions: [us-east-1]}
  elsewhere: {cognito: us-west-1_c, clients: [web], prefix: "c:", replica_regions: [us-east-1], jwks: {uri: "https://keys.example/set"}}
  offline: {cognito: us-west-1_d, clients: [web], prefix: "d:", replica_regions: [us-east-1], jwks: {file: k.json}}
`)
	for n, want := range [][]string{nil, {
		"https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_b/.well-known/jwks.json",
		"https://cognito-idp.us-east-1.amazonaws.com/us-west-1_b/.well-known/jwks.json",
	}, nil, nil} {
		if got := c.Issuers[n].JWKS.Fallbacks; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", c.Issuers[n].Name, got, want)
		}
	}
}

// TestIssuerBytes: an iss is not normalized, because it is compared byte for byte.
func TestIssuerBytes(t *testing.T) {
	for _, iss := range []string{
		"https://login.example", "https://login.example/", "https://LOGIN.example:443/a%2Fb/", "https://login.example/%7Erealm//",
		"https://[::1]:8443/x", "HTTPS://login.example",
		"https://login.example/.well-known", "https://login.example/openid-configuration",
	} {
		if got := parse(t, "issuers: {a: {issuer: \""+iss+"\", audiences: [api]}}\n").Issuers[0].ISS; !slices.Equal(got, []string{iss}) {
			t.Errorf("%s became %q", iss, got)
		}
	}
}

// issuerRow is one issuer with a mistake. The mark ▸ is at the position of the mistake;
// without a mark, that is the position of the issuer's key.
type issuerRow struct{ name, issuer, want string }

func checkIssuer(t *testing.T, rows []issuerRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			yaml, at := marked("issuers: {a: {" + row.issuer + "}}\n")
			if at == "" {
				at = "1:11: "
			}
			same(t, mistakes(t, yaml), []string{at + row.want})
		})
	}
}

func TestCognitoMistakes(t *testing.T) {
	const web = `cognito: us-west-1_a, clients: [web]`
	checkIssuer(t, []issuerRow{
		{"a pool without region", `cognito: ▸6BpkgoczU, clients: [web]`,
			`issuers.a.cognito is not a user pool id: got "6BpkgoczU"; expected a user pool id such as us-west-1_6BpkgoczU`},
		{"a pool without id", `cognito: ▸us-west-1_, clients: [web]`,
			`issuers.a.cognito is not a user pool id: got "us-west-1_"; expected a user pool id such as us-west-1_6BpkgoczU`},
		{"a pool with a path", `cognito: ▸us-west-1_a/b, clients: [web]`,
			`issuers.a.cognito is not a user pool id: got "us-west-1_a/b"; expected a user pool id such as us-west-1_6BpkgoczU`},
		{"a region that is a host", `cognito: ▸evil.example-1_a, clients: [web]`,
			`issuers.a.cognito is not a user pool id: got "evil.example-1_a"; expected a user pool id such as us-west-1_6BpkgoczU`},
		{"a pool too long", `cognito: ▸us-west-1_` + strings.Repeat("a", 46) + `, clients: [web]`,
			`issuers.a.cognito is not a user pool id: got "us-west-1_` + strings.Repeat("a", 46) +
				`"; expected a user pool id such as us-west-1_6BpkgoczU`},
		{"Cognito without clients", `cognito: us-west-1_a`,
			`issuers.a has no clients, so it would accept tokens of every app client of this pool; write clients: [CLIENT]`},
		{"Cognito's own replica", web + `, replica_regions: [us-east-1, ▸us-west-1]`,
			`issuers.a.replica_regions[1] is the pool's own region; list only the other regions`},
		{"a replica that is no region", web + `, replica_regions: [▸east]`,
			`issuers.a.replica_regions[0] is not a region: got "east"; expected an AWS region such as us-east-1`},
		{"an unknown kind", web + `, token_use: [▸refresh]`, `issuers.a.token_use[0] is invalid: got "refresh"; expected access or id`},
	})
}

func TestIssuerMistakes(t *testing.T) {
	const url = "; expected the issuer's URL as its tokens have it, such as https://login.example/"
	const undiscovered = ", so its keys cannot be discovered" + url + ", or jwks with the uri or the file of the keys"
	const api = `issuer: "https://login.example/", audiences: [api]`
	const document = `; remove /.well-known/...; expected the issuer's URL as its tokens have it, such as https://login.example/`
	checkIssuer(t, []issuerRow{
		{"neither form", `clients: [web]`, `issuers.a has no provider, cognito or issuer; write provider: NAME, cognito: POOL, or issuer: URL`},
		{"both forms", `cognito: us-west-1_a, issuer: ▸"https://login.example/", clients: [web]`,
			`issuers.a.issuer conflicts with cognito, which sets the issuer too; keep one of them`},
		{"OIDC without audience and client", `issuer: "https://login.example/"`,
			`issuers.a has neither audiences nor clients, so it would accept tokens that the issuer signs for other applications; write ` +
				`audiences: [AUDIENCE]`},
		{"OIDC with an unknown kind", api + `, token_use: [▸logout]`, `issuers.a.token_use[0] is invalid: got "logout"; expected access or id`},
		{"an unknown way with bound tokens", api + `, bound_tokens: ▸accept`,
			`issuers.a.bound_tokens is invalid: got "accept"; expected refuse or accept_as_bearer`},
		{"an unknown rule for e-mail addresses", api + `, email_verified: ▸ignored`,
			`issuers.a.email_verified is invalid: got "ignored"; expected required or assumed`},
		{"OIDC with replicas", api + `, ▸replica_regions: [us-east-1]`, `issuers.a.replica_regions is only for Cognito; remove it`},
		{"no URL", `issuer: ▸login.example, audiences: [api]`,
			`issuers.a.issuer is not an absolute URL with https://` + undiscovered},
		{"another scheme", `issuer: ▸"ftp://login.example", audiences: [api]`,
			`issuers.a.issuer is not an absolute URL with https://` + undiscovered},
		{"an e-mail address", `issuer: ▸testing@secure.istio.io, audiences: [api]`,
			`issuers.a.issuer is not an absolute URL with https://` + undiscovered},
		{"no URL, with an empty jwks", `issuer: ▸login.example, audiences: [api], jwks: {}`,
			`issuers.a.issuer is not an absolute URL with https://` + undiscovered},
		{"no host", `issuer: ▸"https:///realm", audiences: [api]`, `issuers.a.issuer has no valid host` + url},
		{"an empty port", `issuer: ▸"https://login.example:/", audiences: [api]`, `issuers.a.issuer has no valid host` + url},
		{"a port too large", `issuer: ▸"https://login.example:70000/", audiences: [api]`, `issuers.a.issuer has no valid host` + url},
		{"a query", `issuer: ▸"https://login.example/?", audiences: [api]`,
			`issuers.a.issuer has a query (?): got "https://login.example/?"` + url},
		{"a fragment", `issuer: ▸"https://login.example/#", audiences: [api]`,
			`issuers.a.issuer has a fragment (#): got "https://login.example/#"` + url},
		{"a space", `issuer: ▸"https://login.example/ ", audiences: [api]`,
			`issuers.a.issuer has white space or a control character in it` + url},
		{"a space, with keys", `issuer: ▸"login example", audiences: [api], jwks: {file: k.json}`,
			`issuers.a.issuer has white space or a control character in it` + url},
		{"a password, with keys", `issuer: ▸"https://user:hunter2@login.example/", audiences: [api], jwks: {file: k.json}`,
			`issuers.a.issuer contains a user name or password, which is not allowed` + url},
		{"too long", `issuer: ▸"` + strings.Repeat("i", 1025) + `", audiences: [api], jwks: {file: k.json}`,
			`issuers.a.issuer is longer than 1024 bytes` + url},
		{"the discovery document, with keys",
			`issuer: ▸"https://x.example/.well-known/openid-configuration", audiences: [api], jwks: {file: k.json}`,
			`issuers.a.issuer is the URL of a discovery document: got "https://x.example/.well-known/openid-configuration"` + document},
		{"not ASCII", `issuer: ▸"https://lögin.example/", audiences: [api]`, `issuers.a.issuer is not a URL in printable ASCII` + url},
		{"the discovery document", `issuer: ▸"https://x.example/realms/y/.well-known/openid-configuration", audiences: [api]`,
			`issuers.a.issuer is the URL of a discovery document: got "https://x.example/realms/y/.well-known/openid-configuration"` + document},
		{"the metadata document", `issuer: ▸"https://x.example/.well-known/oauth-authorization-server", audiences: [api]`,
			`issuers.a.issuer is the URL of a discovery document: got "https://x.example/.well-known/oauth-authorization-server"` + document},
		{"the metadata document of a path", `issuer: ▸"https://x.example/.well-known/oauth-authorization-server/y", audiences: [api]`,
			`issuers.a.issuer is the URL of a discovery document: got "https://x.example/.well-known/oauth-authorization-server/y"` + document},
		{"the well-known keys", `issuer: ▸"https://x.example/y/.well-known/jwks.json", audiences: [api]`,
			`issuers.a.issuer is the URL of a discovery document: got "https://x.example/y/.well-known/jwks.json"` + document},
		{"the keys", `issuer: ▸"https://x.example/y/jwks.json", audiences: [api]`,
			`issuers.a.issuer is the URL of a key set: got "https://x.example/y/jwks.json"; move it to jwks.uri` + url},
		{"plain http", `issuer: ▸"http://login.example/", audiences: [api]`,
			`issuers.a.issuer is not encrypted: got "http://login.example/"; expected https://; to allow http, write dangerously_allow_http: ` +
				`true for this issuer`},
	})
}

func TestIssuerValueMistakes(t *testing.T) {
	const entra = `issuer: "https://login.microsoftonline.com/{tenant}/v2.0", audiences: [api]`
	const tenants, tenants2 = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
	const web, other = `cognito: us-west-1_a, clients: [web]`, `issuer: "https://login.example/", audiences: [api]`
	checkIssuer(t, []issuerRow{
		{"a client too long", `cognito: us-west-1_a, clients: [▸` + strings.Repeat("c", 513) + `]`,
			`issuers.a.clients[0] is longer than 512 bytes; expected a client id`},
		{"a client with a space around", `cognito: us-west-1_a, clients: [▸"web "]`,
			`issuers.a.clients[0] has white space around it or a control character in it: got "web "; expected a client id`},
		{"none", web + `, algorithms: [▸none]`,
			`issuers.a.algorithms[0] is invalid: got "none"; expected RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA or ` +
				`Ed25519`},
		{"HMAC", web + `, algorithms: [▸HS256]`,
			`issuers.a.algorithms[0] is invalid: got "HS256"; expected RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA or ` +
				`Ed25519`},
		{"another case", web + `, algorithms: [▸rs256]`,
			`issuers.a.algorithms[0] is invalid: got "rs256"; expected RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA or ` +
				`Ed25519`},
		{"a type with parameters", web + `, token_types: [▸"jwt;a=b"]`,
			`issuers.a.token_types[0] is invalid: got "jwt;a=b"; expected a token type such as JWT or at+jwt`},
		{"a type's long form", web + `, token_types: [▸Application/at+JWT]`,
			`issuers.a.token_types[0] is invalid: got "Application/at+JWT"; expected "at+jwt", without application/`},
		{"too much leeway", web + `, leeway: ▸61s`,
			`issuers.a.leeway is out of range: got "61s"; expected a duration with its unit, such as 30s, from 0s to 1m`},
		{"a lifetime of nothing", web + `, max_lifetime: ▸0s`,
			`issuers.a.max_lifetime is out of range: got "0s"; expected a duration with its unit, such as 24h, from 1s to 87600h`},
		{"a lifetime below zero", web + `, max_lifetime: ▸-1h`,
			`issuers.a.max_lifetime is out of range: got "-1h"; expected a duration with its unit, such as 24h, from 1s to 87600h`},
		{"a lifetime in days", web + `, max_lifetime: ▸1d`,
			`issuers.a.max_lifetime is not a duration (the units are ms, s, m and h): got "1d"; expected a duration with its unit, such as 24h, ` +
				`from 1s to 87600h`},
		{"a lifetime without a unit", web + `, max_lifetime: ▸86400`,
			`issuers.a.max_lifetime has no unit: got "86400"; expected a duration with its unit, such as 24h, from 1s to 87600h`},
		{"a lifetime that says no limit", web + `, max_lifetime: ▸null`,
			`issuers.a.max_lifetime has no value; set it to a duration with its unit, such as 24h, from 1s to 87600h, or remove the key`},
		{"a prefix with a space", web + `, prefix: ▸"a b"`,
			`issuers.a.prefix is invalid: got "a b"; expected at most 64 visible ASCII characters without a comma, in quotes, such as ` +
				`"partner:", or ""`},
		{"a prefix with a comma", web + `, prefix: ▸"p,q:"`,
			`issuers.a.prefix is invalid: got "p,q:"; expected at most 64 visible ASCII characters without a comma, in quotes, such as ` +
				`"partner:", or ""`},
		{"a prefix that is not ASCII", web + `, prefix: ▸"é"`,
			`issuers.a.prefix is invalid: got "é"; expected at most 64 visible ASCII characters without a comma, in quotes, such as "partner:", ` +
				`or ""`},
		{"groups from a gate value", web + `, groups_claim: [▸$groups]`,
			`issuers.a.groups_claim[0] is an unknown derived value: got "$groups"; expected a claim such as groups`},
		{"a template without tenants", `issuer: ▸"https://login.microsoftonline.com/{tenant}/v2.0", audiences: [api]`,
			`issuers.a.issuer has {tenant}, but tenants is missing; list the IDs of the tenants whose tokens are accepted`},
		{"another template", `issuer: ▸"https://sso.example/{tenant}", audiences: [api], tenants: [` + tenants + `]`,
			`issuers.a.issuer has {tenant}: got "https://sso.example/{tenant}"; expected https://login.microsoftonline.com/{tenant}/v2.0, ` +
				`or one issuer for each tenant`},
		{"tenants without a template", other + `, ▸tenants: [` + tenants + `]`,
			`issuers.a.tenants has no effect, because issuer does not have {tenant}; write issuer: https://login.microsoftonline.com/{tenant}/v2.0`},
		{"tenants of Cognito", web + `, ▸tenants: [` + tenants + `]`,
			`issuers.a.tenants is not for Cognito, whose tokens have sub and client_id; remove it`},
		{"no tenants", entra + `, ▸tenants: []`,
			`issuers.a.tenants is an empty list; set it to a list such as [11111111-2222-4333-8444-555555555555], or remove the key`},
		{"a tenant that is a name", entra + `, tenants: [▸contoso.onmicrosoft.com]`,
			`issuers.a.tenants[0] is not the ID of a tenant: got "contoso.onmicrosoft.com"; expected the ID of a tenant in lower case, such as ` +
				`11111111-2222-4333-8444-555555555555`},
		{"a tenant in capitals", entra + `, tenants: [▸AAAAAAAA-2222-4333-8444-555555555555]`,
			`issuers.a.tenants[0] is not the ID of a tenant: got "AAAAAAAA-2222-4333-8444-555555555555"; expected the ID of a tenant in lower ` +
				`case, such as 11111111-2222-4333-8444-555555555555`},
		{"any as an item", entra + `, tenants: [▸any]`, `issuers.a.tenants[0] is not the ID of a tenant: got "any"; expected the ID of a ` +
			`tenant in lower case, such as 11111111-2222-4333-8444-555555555555`},
		{"another word", entra + `, prefix: "a:{tenant}:", tenants: ▸all`, `issuers.a.tenants is invalid: got "all"; expected a list such as ` +
			`[11111111-2222-4333-8444-555555555555], or any`},
		{"any tenant of another issuer", other + `, tenants: ▸any`,
			`issuers.a.tenants has no effect, because issuer does not have {tenant}; write issuer: https://login.microsoftonline.com/{tenant}/v2.0`},
		{"any tenant without a prefix", strings.Replace(entra, `"https`, `▸"https`, 1) + `, tenants: any`,
			`issuers.a.issuer has several tenants, and each of them names its own users and groups; write prefix: "a:{tenant}:"`},
		{"any tenant with one prefix", entra + `, tenants: any, prefix: ▸"a:"`,
			`issuers.a.prefix has several tenants, and each of them names its own users and groups; write prefix: "a:{tenant}:"`},
		{"any tenant's address", entra + `, tenants: any, prefix: "a:{tenant}:", email_verified: ▸assumed`,
			`issuers.a.email_verified is assumed, but tenants is any: the administrator of any tenant can give its users any address; ` +
				`remove email_verified, or list the tenants that you trust`},
		{"two tenants without a prefix", strings.Replace(entra, `"https`, `▸"https`, 1) + `, tenants: [` + tenants + `, ` + tenants2 + `]`,
			`issuers.a.issuer has several tenants, and each of them names its own users and groups; write prefix: "a:{tenant}:"`},
		{"two tenants with one prefix", entra + `, tenants: [` + tenants + `, ` + tenants2 + `], prefix: ▸"a:"`,
			`issuers.a.prefix has several tenants, and each of them names its own users and groups; write prefix: "a:{tenant}:"`},
		{"a prefix with the tenant twice", entra + `, tenants: [` + tenants + `], prefix: ▸"{tenant}{tenant}:"`,
			`issuers.a.prefix has {tenant} more than once; keep one`},
		{"a prefix with a tenant that is not there", other + `, prefix: ▸"{tenant}:"`,
			`issuers.a.prefix has {tenant}, but issuer does not; remove it`},
		{"no required claim", other + `, ▸require: {}`,
			`issuers.a.require is empty, so it requires nothing; expected a mapping from claims to lists, such as {repository_owner: [my-org]}`},
		{"a required claim without values", other + `, require: {▸hd: []}`,
			`issuers.a.require.hd is an empty list; set it to a list such as [my-org], or remove the key`},
		{"a required value that is a boolean", other + `, require: {email_verified: [▸true]}`,
			`issuers.a.require.email_verified[0] is not a string: got true; expected a value of the claim, in quotes if it looks like a ` +
				`number, true or false`},
		{"a required derived value", other + `, require: {▸$client: [a]}`,
			`issuers.a.require["$client"] is an unknown derived value: got "$client"; expected a claim such as repository_owner`},
		{"a required list that is a text", other + `, require: {hd: ▸a.example}`,
			`issuers.a.require.hd is the single value "a.example"; expected a list such as [my-org]`},
		{"a subject from a gate value", other + `, subject_claims: [sub, ▸$client]`,
			`issuers.a.subject_claims[1] is an unknown derived value: got "$client"; expected a claim such as sub`},
		{"a subject claim repeated", other + `, subject_claims: [sub, ▸sub]`,
			`issuers.a.subject_claims[1] repeats an earlier item; remove it`},
		{"a client claim after another", other + `, client_claims: [client_id, cid, ▸azp]`,
			`issuers.a.client_claims[2] is azp after "cid", but client_id and azp always count before other claims; put it first`},
		{"a client pointer", other + `, client_claims: [▸/a~]`,
			`issuers.a.client_claims[0] is not a JSON Pointer: got "/a~"; inside a name, write ~0 for ~ and ~1 for /`},
		{"a subject claim of Cognito", `cognito: us-west-1_a, clients: [web], ▸subject_claims: [username]`,
			`issuers.a.subject_claims is not for Cognito, whose tokens have sub and client_id; remove it`},
		{"a client claim of Cognito", `cognito: us-west-1_a, clients: [web], ▸client_claims: [azp]`,
			`issuers.a.client_claims is not for Cognito, whose tokens have sub and client_id; remove it`},
	})
}

func TestJWKSMistakes(t *testing.T) {
	const proxy = "; expected none, environment, or a URL such as http://proxy.example:3128"
	const web = `cognito: us-west-1_a, clients: [web]`
	checkIssuer(t, []issuerRow{
		{"keys over plain http", web + `, jwks: {uri: ▸"http://127.0.0.1:1/"}`,
			`issuers.a.jwks.uri is not encrypted: got "http://127.0.0.1:1/"; expected https://; to allow http, write dangerously_allow_http: ` +
				`true for this issuer`},
		{"uri and file", web + `, jwks: {uri: ▸"https://k.example/", file: k.json}`,
			`issuers.a.jwks.uri conflicts with file, because keys have one source; keep one of them`},
		{"no proxy of ours", web + `, jwks: {proxy: ▸"proxy:3128"}`, `issuers.a.jwks.proxy is not a proxy` + proxy},
		{"a proxy's scheme", web + `, jwks: {proxy: ▸"ftp://proxy:3128"}`,
			`issuers.a.jwks.proxy has a scheme other than http, https and socks5` + proxy},
		{"a token in plain text", web + `, dangerously_allow_http: true, jwks: {uri: "http://k.example/", bearer_file: ▸t}`,
			`issuers.a.jwks.bearer_file would be sent in plain text to "http://k.example/"; expected https://, or a loopback address`},
		{"a token to a proxy", web + `, dangerously_allow_http: true, jwks: {uri: "http://127.0.0.1/", proxy: environment, bearer_file: ▸t}`,
			`issuers.a.jwks.bearer_file would be sent in plain text to the proxy; expected https://, or proxy: none`},
		{"a token for discovery in plain text",
			`issuer: "http://k.example/", audiences: [api], dangerously_allow_http: true, jwks: {bearer_file: ▸t}`,
			`issuers.a.jwks.bearer_file would be sent in plain text to "http://k.example/"; expected https://, or a loopback address`},
		{"no keys", web + `, jwks: {max_keys: ▸0}`,
			`issuers.a.jwks.max_keys is invalid: got "0"; expected a whole number of keys from 1 to 10000, without quotes`},
		{"no cooldown", web + `, jwks: {unknown_kid_cooldown: ▸0s}`,
			`issuers.a.jwks.unknown_kid_cooldown is out of range: got "0s"; expected a duration with its unit, such as 5s, from 100ms to 1h`},
	})
}

// TestEmptyIsNeverUnchecked: an empty value never means "do not check".
func TestEmptyIsNeverUnchecked(t *testing.T) {
	const generic, cognito = `issuers: {a: {issuer: "https://login.example/", `, `issuers: {a: {cognito: us-west-1_a, `
	check(t, []file{
		{"audiences", generic + "audiences: []}}\n",
			[]string{`1:49: issuers.a.audiences is an empty list; set it to a list such as [orders-api], or remove the key`}},
		{"audiences beside clients", generic + "clients: [c], audiences: []}}\n",
			[]string{`1:63: issuers.a.audiences is an empty list; set it to a list such as [orders-api], or remove the key`}},
		{"an audience", generic + "audiences: ['']}}\n", []string{`1:61: issuers.a.audiences[0] is empty; expected an audience`}},
		{"a null audience", generic + "audiences: [~]}}\n",
			[]string{`1:61: issuers.a.audiences[0] has no value; set it to an audience, or remove the item`}},
		{"clients", generic + "clients: []}}\n",
			[]string{`1:49: issuers.a.clients is an empty list, and audiences is not set; list the clients whose tokens are accepted, or write ` +
				`audiences: [AUDIENCE]`}},
		{"a client", generic + "clients: ['']}}\n", []string{`1:59: issuers.a.clients[0] is empty; expected a client id`}},
		{"Cognito's clients", cognito + "clients: []}}\n",
			[]string{`1:37: issuers.a.clients is an empty list; expected the ids of your app clients, such as [3v5exampleclient]`}},
		{"a variable that is empty", cognito + "clients: ['${EMPTY:-}']}}\n",
			[]string{`1:47: issuers.a.clients[0] is empty; expected a client id`}},
		{"token_use", cognito + "clients: [c], token_use: []}}\n",
			[]string{`1:51: issuers.a.token_use is an empty list; set it to a list such as [access, id], or remove the key`}},
		{"token_types", cognito + "clients: [c], token_types: []}}\n",
			[]string{`1:51: issuers.a.token_types is an empty list; set it to a list such as [JWT, at+jwt], or remove the key`}},
		{"a token type", cognito + "clients: [c], token_types: ['']}}\n",
			[]string{`1:65: issuers.a.token_types[0] is invalid: got ""; expected a token type such as JWT or at+jwt`}},
		{"algorithms", cognito + "clients: [c], algorithms: []}}\n",
			[]string{`1:51: issuers.a.algorithms is an empty list; set it to a list such as [RS256], or remove the key`}},
		{"groups_claim", cognito + "clients: [c], groups_claim: []}}\n",
			[]string{`1:51: issuers.a.groups_claim is an empty list; set it to a list such as [groups], or remove the key`}},
		{"issuer", "issuers: {a: {issuer: '', audiences: [a]}}\n",
			[]string{`1:23: issuers.a.issuer is empty; expected the issuer's URL as its tokens have it, such as ` +
				`https://login.example/`}},
		{"prefix", cognito + "clients: [c], prefix: }}\n", []string{
			`1:51: issuers.a.prefix has no value; set it to visible ASCII characters without a comma, in quotes, such as "partner:", or "", or ` +
				`remove the key`}},
		{"a route's issuers", pool + "routes: [{match: /a, issuers: []}]\n",
			[]string{`2:22: routes[0].issuers is an empty list; set it to a list such as [cruddur], or remove the key`}},
		{"a route's groups", pool + "routes: [{match: /a, groups: {all: []}}]\n",
			[]string{`2:31: routes[0].groups.all is an empty list; set it to a list such as [admin], or remove the key`}},
		{"a route's scope", pool + "routes: [{match: /a, scopes: ['']}]\n", []string{`2:31: routes[0].scopes[0] is empty; expected a scope`}},
		{"a route's hosts", pool + "routes: [{match: /a, hosts: []}]\n",
			[]string{`2:22: routes[0].hosts is an empty list; set it to a list such as [api.example], or remove the key`}},
	})
}

// TestIssuersTogether tests the rules that involve several issuers.
func TestIssuersTogether(t *testing.T) {
	const a, b, c = `  a: {issuer: "https://a.example/", audiences: [api]`, `  b: {issuer: "https://b.example/", audiences: [api]`,
		`  c: {issuer: "https://c.example/", audiences: [api]`
	const e = `  e: {issuer: "https://login.microsoftonline.com/{tenant}/v2.0", tenants: any, audiences: [api]`
	check(t, []file{
		{"one needs no prefix", "issuers:\n" + a + "}\n", nil},
		{"a slash makes another issuer", "issuers:\n" + a +
			", prefix: ''}\n  b: {issuer: \"https://a.example\", audiences: [api], prefix: 'b:'}\n", nil},
		{"no prefix", "issuers:\n" + a + "}\n" + b + ", prefix: 'b:'}\n", []string{
			`2:3: issuers.a.prefix is missing; with more than one issuer, every issuer needs a prefix, for example "a:", or "" for none`}},
		{"bare on purpose", "issuers:\n" + a + ", prefix: ''}\n" + b + ", prefix: ''}\n" + c + ", prefix: 'c'}\n", nil},
		{"the same prefix", "issuers:\n" + a + ", prefix: 'p:'}\n" + b + ", prefix: 'p:'}\n", []string{
			`3:63: issuers.b.prefix is "p:", but that of issuers.a is "p:"; expected prefixes that do not equal or begin with each other`}},
		{"begins with another", "issuers:\n" + a + ", prefix: 'p'}\n" + b + ", prefix: 'x'}\n" + c + ", prefix: 'p:'}\n", []string{
			`4:63: issuers.c.prefix is "p:", but that of issuers.a is "p"; expected prefixes that do not equal or begin with each other`}},
		{"is begun with by another", "issuers:\n" + a + ", prefix: 'p:'}\n" + b + ", prefix: 'p'}\n", []string{
			`3:63: issuers.b.prefix is "p", but that of issuers.a is "p:"; expected prefixes that do not equal or begin with each other`}},
		{"the same iss", "issuers:\n" + a + ", prefix: 'a:'}\n  b: {issuer: \"https://a.example/\", clients: [c], prefix: 'b:'}\n", []string{
			`3:15: issuers.b.issuer has the iss "https://a.example/", which issuers.a has too; expected a different iss for each issuer`}},
		{"a pool's other form", `issuers:
  a: {issuer: "https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_x", audiences: [api], prefix: "a:"}
  b: {cognito: us-west-1_x, clients: [web], prefix: ""}
`, []string{`3:16: issuers.b.cognito has the iss "https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_x", ` +
			`which issuers.a has too; expected a different iss for each issuer`}},
		{"any tenant behind a prefix of its own", "issuers:\n" + a + ", prefix: ''}\n" + e + ", prefix: 'e:{tenant}:'}\n", nil},
		{"any tenant behind the tenant alone", "issuers:\n" + a + ", prefix: 'a:'}\n" + e + ", prefix: '{tenant}:'}\n", []string{
			`3:106: issuers.e.prefix begins with {tenant}; with tenants: any and more than one issuer, it must begin with a text of its own; ` +
				`write prefix: "e:{tenant}:"`}},
		{"any tenant behind another's prefix", "issuers:\n" + a + ", prefix: 'a:'}\n" + e + ", prefix: 'a:{tenant}:'}\n", []string{
			`3:106: issuers.e.prefix is "a:{tenant}:", but that of issuers.a is "a:"; expected prefixes that do not equal or begin ` +
				`with each other`}},
		{"any tenant, and one of them", "issuers:\n" + e + ", prefix: 'e:{tenant}:'}\n" +
			"  m: {issuer: 'https://sts.windows.net/99999999-2222-4333-8444-555555555555/', audiences: [api], prefix: ''}\n", []string{
			`3:15: issuers.m.issuer has the iss "https://sts.windows.net/99999999-2222-4333-8444-555555555555/", which issuers.e has too, ` +
				`because it accepts any tenant; keep one of them`}},
		{"any tenant twice", "issuers:\n" + e + ", prefix: 'e:{tenant}:'}\n" + strings.Replace(e, "e:", "f:", 1) + ", prefix: 'f:{tenant}:'}\n",
			[]string{`3:15: issuers.f.issuer has the iss "https://login.microsoftonline.com/{tenant}/v2.0", which issuers.e has too; ` +
				`expected a different iss for each issuer`}},
		{"names", "issuers:\n  a b: {cognito: us-west-1_x, clients: [web]}\n", []string{
			`2:3: issuers["a b"] is not an issuer name; expected 1 to 64 letters, digits, dots, dashes and underscores`}},
		{"a hidden name", "issuers:\n  .a: {cognito: us-west-1_x, clients: [web]}\n", []string{
			`2:3: issuers[".a"] is not an issuer name; expected 1 to 64 letters, digits, dots, dashes and underscores`}},
		{"a list", "issuers: [{cognito: us-west-1_x, clients: [web]}]\n", []string{
			`1:1: issuers is a list; expected a mapping from names that you choose to issuers, such as {cruddur: {cognito: POOL, clients: ` +
				`[CLIENT]}}`}},
		{"a word for an issuer", "issuers: {a: us-west-1_x}\n", []string{
			`1:14: issuers.a is the single value "us-west-1_x"; expected an issuer such as {cognito: POOL, clients: [CLIENT]} or {issuer: URL, ` +
				`audiences: [AUDIENCE]}`}},
	})
}

func TestNoIssuer(t *testing.T) {
	const missing = `: issuers is missing, so no token can be valid; add an issuer, or make every route public and write default: deny`
	check(t, []file{
		{"public routes and deny", "routes: [{match: /a, access: public}]\ndefault: deny\n", nil},
		{"nothing but deny", "default: deny\n", nil},
		{"default required", "routes: [{match: /a, access: public}]\n", []string{"1:1" + missing}},
		{"a required route", "default: deny\nroutes: [{match: /a}]\n", []string{"1:1" + missing}},
		{"an optional route", "default: deny\nroutes: [{match: /a, access: optional}]\n", []string{"1:1" + missing}},
		{"an empty mapping", "default: required\nissuers: {}\n", []string{"2:1" + missing}},
		{"a faulty one is there", "issuers: {a: b}\n", []string{
			`1:14: issuers.a is the single value "b"; expected an issuer such as {cognito: POOL, clients: [CLIENT]} or {issuer: URL, audiences: ` +
				`[AUDIENCE]}`}},
	})
}

// TestNoPasswordInMistakes: mistakes are logged, so they never contain the password of
// a URL.
func TestNoPasswordInMistakes(t *testing.T) {
	const secret = "hunter2"
	for _, value := range []string{
		"https://user:hunter2@login.example/", "https://user:hunter2@login.example/?q#f", "https://user:hunter2@/",
		"ftp://user:hunter2@login.example/",
		"user:hunter2@login.example", "https://user:hunter2%zz@login.example/", "http://user:hunter2@login.example:99999/",
		"http://user:hunter2@proxy.example/path?query",
		"socks4://user:hunter2@proxy.example:1080", "//user:hunter2@proxy.example",
	} {
		for _, yaml := range []string{
			"issuers: {a: {issuer: \"" + value + "\", audiences: [api]}}\n",
			"issuers: {a: {issuer: \"${URL}\", audiences: [api]}}\n",
			"issuers: {a: {cognito: us-west-1_x, clients: [web], jwks: {uri: \"" + value + "\"}}}\n",
		} {
			got := mistakes(t, yaml, "URL="+value)
			if len(got) == 0 || strings.Contains(strings.Join(got, "\n"), secret) {
				t.Errorf("%s: got %q, want mistakes without the password", value, got)
			}
		}
		yaml := "issuers: {a: {cognito: us-west-1_x, clients: [web], jwks: {proxy: \"" + value + "\"}}}\n"
		if got := mistakes(t, yaml); strings.Contains(strings.Join(got, "\n"), secret) {
			t.Errorf("got the password of a proxy: %q", got)
		}
		c, err := config.FromEnvironment(env("COGNITO_USER_POOLS_ID=us-west-1_x", "COGNITO_WEB_CLIENT_ID=web",
			"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER="+value))
		if c != nil || err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("endpoint %s: got %v", value, err)
		}
	}
}

// TestIssuersWithMistakes: Issuers omits an issuer with a mistake about its keys, so
// that other packages do not report it again. IssuerNames includes it, and also an
// entry that is not a mapping.
func TestIssuersWithMistakes(t *testing.T) {
	const more = "audiences: [a], prefix: '"
	c, err := config.Parse("gate.yaml", []byte("issuers:\n"+
		"  plain: {issuer: 'http://a.example/', "+more+"a:'}\n"+
		"  nothing: 1\n"+
		"  keys: {issuer: 'https://b.example/', "+more+"b:', jwks: {uri: 'http://b.example/'}}\n"+
		"  both: {issuer: 'https://c.example/', "+more+"c:', jwks: {uri: 'https://c.example/', file: nowhere}}\n"+
		"  open: {issuer: 'http://d.example/', "+more+"d:', dangerously_allow_http: true}\n"+
		"  file: {issuer: 'https://e.example/', "+more+"e:', jwks: {file: nowhere}}\n"+
		"  slow: {issuer: 'https://f.example/', "+more+"f:', leeway: 1h}\n"), nil)
	if c == nil || err == nil || strings.Count(err.Error(), "\n") != 4 {
		t.Fatalf("got %v", err)
	}
	var left []string
	for _, one := range c.Issuers {
		left = append(left, one.Name)
	}
	same(t, left, []string{"open", "file", "slow"})
	same(t, c.IssuerNames(), []string{"plain", "nothing", "keys", "both", "open", "file", "slow"})
	same(t, (&config.Config{Issuers: []config.Issuer{{Name: "made"}}}).IssuerNames(), []string{"made"})
	same(t, parse(t, pool).IssuerNames(), []string{"pool"})
}
