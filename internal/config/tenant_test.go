package config_test

import "testing"

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
