package config_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// An issuer with tenants has the iss of each tenant in both versions, and the key set of all
// tenants, or of the only one.
func TestTenants(t *testing.T) {
	const one, two = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
	c := parse(t, `issuers:
  many: {issuer: "https://login.microsoftonline.com/{tenant}/v2.0", tenants: [`+one+`, `+two+`], audiences: [api], prefix: "e:{tenant}:"}
  single:
    issuer: "https://login.microsoftonline.com/{tenant}/v2.0"
    tenants: [00000000-2222-4333-8444-555555555555]
    audiences: [api]
    prefix: ""
`)
	many, single := c.Issuers[0], c.Issuers[1]
	same(t, many.ISS, []string{
		"https://login.microsoftonline.com/" + one + "/v2.0", "https://sts.windows.net/" + one + "/",
		"https://login.microsoftonline.com/" + two + "/v2.0", "https://sts.windows.net/" + two + "/",
	})
	for n, iss := range many.ISS {
		tenant := []string{one, one, two, two}[n]
		if many.Tenants[iss] != tenant || many.PrefixOf(iss) != "e:"+tenant+":" {
			t.Errorf("%s: tenant %q, prefix %q", iss, many.Tenants[iss], many.PrefixOf(iss))
		}
	}
	same(t, many.Prefixes(), []string{"e:" + one + ":", "e:" + two + ":"})
	same(t, single.Prefixes(), []string{""})
	if many.JWKS.URI != "https://login.microsoftonline.com/organizations/discovery/v2.0/keys" ||
		single.JWKS.URI != "https://login.microsoftonline.com/00000000-2222-4333-8444-555555555555/discovery/v2.0/keys" {
		t.Errorf("got keys from %s and %s", many.JWKS.URI, single.JWKS.URI)
	}
}

// An issuer that accepts any tenant has a template for each version, and the key set of all
// tenants.
func TestAnyTenant(t *testing.T) {
	const tenant = "99999999-2222-4333-8444-555555555555"
	c := parse(t, `issuers:
  e: {issuer: "https://login.microsoftonline.com/{tenant}/v2.0", tenants: any, audiences: [api], prefix: "e:{tenant}:", require: {tid: [b]}}
`)
	one := c.Issuers[0]
	same(t, one.ISS, []string{"https://login.microsoftonline.com/{tenant}/v2.0", "https://sts.windows.net/{tenant}/"})
	same(t, one.Prefixes(), []string{"e:"})
	if !one.AnyTenant || one.Tenants != nil || one.PrefixOf(one.ISS[1]) != "e:{tenant}:" || len(c.Warnings) > 0 ||
		one.JWKS.URI != "https://login.microsoftonline.com/organizations/discovery/v2.0/keys" {
		t.Errorf("got %+v, warnings %v", one, c.Warnings)
	}
	for _, row := range []struct{ wanted, iss, tenant string }{
		{tenant, "https://login.microsoftonline.com/" + tenant + "/v2.0", tenant},
		{"common", "https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/v2.0", "11111111-2222-4333-8444-555555555555"},
	} {
		if iss, tenant := one.Example(row.wanted); iss != row.iss || tenant != row.tenant {
			t.Errorf("the example of %q: %s, %q", row.wanted, iss, tenant)
		}
	}
}

func TestMatchTenant(t *testing.T) {
	const tenant = "99999999-abcd-4333-8444-55555555555f"
	for _, row := range []struct{ name, template, iss, want string }{
		{"version 2.0", "https://a/{tenant}/v2.0", "https://a/" + tenant + "/v2.0", tenant},
		{"version 1.0", "https://b/{tenant}/", "https://b/" + tenant + "/", tenant},
		{"the template itself", "https://a/{tenant}/v2.0", "https://a/{tenant}/v2.0", ""},
		{"an alias", "https://a/{tenant}/v2.0", "https://a/common/v2.0", ""},
		{"in capitals", "https://b/{tenant}/", "https://b/99999999-ABCD-4333-8444-555555555555/", ""},
		{"not a digit", "https://b/{tenant}/", "https://b/99999999-abcg-4333-8444-555555555555/", ""},
		{"a dash less", "https://b/{tenant}/", "https://b/99999999-abcd-4333-8444a555555555555/", ""},
		{"a dash more", "https://b/{tenant}/", "https://b/9999999--abcd-4333-8444-555555555555/", ""},
		{"shorter", "https://b/{tenant}/", "https://b/" + tenant[1:] + "/", ""},
		{"longer", "https://b/{tenant}/", "https://b/" + tenant + "0/", ""},
		{"another host", "https://a/{tenant}/v2.0", "https://c/" + tenant + "/v2.0", ""},
		{"another version", "https://a/{tenant}/v2.0", "https://a/" + tenant + "/v2.1", ""},
		{"a slash more", "https://a/{tenant}/v2.0", "https://a/" + tenant + "/v2.0/", ""},
		{"nothing", "https://a/{tenant}/v2.0", "", ""},
	} {
		got, ok := config.MatchTenant(row.template, row.iss)
		if want := row.want; ok != (want != "") || ok && got != want {
			t.Errorf("%s: got %q, %t", row.name, got, ok)
		}
	}
}

// Anybody can create a tenant, so with any tenant a valid token alone says little, and so
// does a claim whose value each tenant chooses.
func TestAnyTenantWarning(t *testing.T) {
	for require, warns := range map[string]bool{
		"": true, "roles: [Editor]": true, "email: [a@b.example]": true, "groups: [g]": true, "azp: [spa]": true, "/a/tid: [t]": true,
		"tid: [t]": false, "/tid: [t]": false, "oid: [o]": false, "sub: [s]": false, "roles: [Editor], tid: [t]": false,
	} {
		if require != "" {
			require = ", require: {" + require + "}"
		}
		var want []string
		if warns {
			want = []string{
				`1:41: issuers.e.tenants is any, and anybody can create a tenant, so wherever a route requires only a valid token, ` +
					`anybody has access; list the tenants, require one of the claims tid, oid, sub, which no tenant can choose, ` +
					`or let the application decide by $tenant`,
			}
		}
		c := parse(t, `issuers: {e: {provider: entra, tenants: any, audiences: [api], prefix: "e:{tenant}:"`+require+"}}\n")
		same(t, lines(c.Warnings), want)
	}
}

// Anybody has a personal Microsoft account, and all of them are of one tenant.
func TestConsumersWarning(t *testing.T) {
	for require, warns := range map[string]bool{"": true, ", require: {tid: [t]}": true, ", require: {oid: [o]}": false} {
		var want []string
		if warns {
			want = []string{`1:32: issuers.e.tenants has 9188040d-6c67-4c5b-b112-36a304b66dad, the tenant of all personal Microsoft accounts, ` +
				`so anybody has access wherever a route requires only a valid token; remove it, or require one of the claims oid, sub`}
		}
		c := parse(t, `issuers: {e: {provider: entra, tenants: [9188040d-6c67-4c5b-b112-36a304b66dad], audiences: [api]`+require+"}}\n")
		same(t, lines(c.Warnings), want)
	}
}

// Each tenant can write what it likes into a claim without a prefix.
func TestHeadersOfSeveralTenants(t *testing.T) {
	const one, two = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
	for tenants, warns := range map[string]bool{"any": true, "[" + one + ", " + two + "]": true, "[" + one + "]": false} {
		c := parse(t, `issuers:
  e: {provider: entra, tenants: `+tenants+`, audiences: [api], prefix: "e:{tenant}:", require: {tid: [b]}}
identity: {headers: {x-user-team: team, x-user-tenant: $tenant}}
`)
		var want []string
		if warns {
			want = []string{`3:35: identity.headers.x-user-team uses team, which has no issuer prefix, so two tenants can send the same value; ` +
				`make the application check the tenant ($tenant) too`}
		}
		same(t, lines(c.Warnings), want)
	}
}
