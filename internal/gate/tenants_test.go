package gate_test

import (
	"fmt"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

const anyTenantYAML = `
issuers:
  entra: {issuer: "https://login.microsoftonline.com/{tenant}/v2.0", tenants: any, prefix: "e:{tenant}:", audiences: [orders-api],
          algorithms: [ES256], dangerously_allow_http: true, jwks: {uri: "${KEYS}", unknown_kid_cooldown: 1h}}
identity: {headers: {x-user-tenant: $tenant}}
routes:
  - {match: /admin, issuers: [entra], groups: ["e:aaaaaaaa-2222-4333-8444-555555555555:admin"]}
`

// tenant returns claims of a tenant's token of version 2.0, with changes.
func tenant(id string, changed map[string]any) map[string]any {
	all := claims(map[string]any{"iss": "https://login.microsoftonline.com/" + id + "/v2.0", "tid": id})
	for name, value := range changed {
		all[name] = value
	}
	return all
}

// An issuer that accepts any tenant tells the tenants apart, and the application which it is.
func TestAnyTenant(t *testing.T) {
	const one, two = "aaaaaaaa-2222-4333-8444-555555555555", "bbbbbbbb-2222-4333-8444-555555555555"
	entra := addIssuer(t, testbed.Issuers(t), "entra", "https://login.microsoftonline.com/common/v2.0")
	g := open(t, parse(t, anyTenantYAML, map[string]string{"KEYS": entra.JWKSURL()}), gate.Options{Logger: quiet()})
	for _, row := range []struct {
		name, path string
		claims     map[string]any
		want       gate.Reason
		tenant     string
	}{
		{"a tenant", "/", tenant(one, nil), gate.ReasonAllowed, one},
		{"a tenant, again", "/", tenant(one, nil), gate.ReasonAllowed, one},
		{"its version 1.0", "/", tenant(one, map[string]any{"iss": "https://sts.windows.net/" + one + "/"}), gate.ReasonAllowed, one},
		{"another tenant", "/", tenant(two, nil), gate.ReasonAllowed, two},
		{"a tenant's group", "/admin", tenant(one, nil), gate.ReasonAllowed, one},
		{"the same group of another tenant", "/admin", tenant(two, nil), gate.ReasonGroupMissing, ""},
		{"a tenant that names another's group", "/admin",
			tenant(two, map[string]any{"groups": []string{"e:" + one + ":admin"}}), gate.ReasonGroupMissing, ""},
		{"a tenant that names another in tid", "/", tenant(two, map[string]any{"tid": one}), gate.ReasonClaimMismatch, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			raw := sign(t, entra, map[string]any{"kid": entra.KeyID()}, row.claims)
			for _, cached := range []bool{false, true} {
				d := g.Decide(t.Context(), get(row.path, bearer(raw)))
				set := map[string]string{}
				for h := range d.Set.All() {
					set[h.Name] = h.Value
				}
				if d.Reason != row.want || set["x-user-tenant"] != row.tenant ||
					row.tenant != "" && (d.Subject != "e:"+row.tenant+":alice" || set["x-user-id"] != d.Subject) {
					t.Errorf("cached %t: got %s (%s), subject %q, headers %v", cached, d.Reason, d.InternalDetail, d.Subject, set)
				}
			}
		})
	}
}

// Tokens with made-up tenants cause no more fetches than tokens with made-up keys do, and no
// tenant has state of its own.
func TestAnyTenantIsBounded(t *testing.T) {
	entra := addIssuer(t, testbed.Issuers(t), "entra", "https://login.microsoftonline.com/common/v2.0")
	g := open(t, parse(t, anyTenantYAML, map[string]string{"KEYS": entra.JWKSURL()}), gate.Options{Logger: quiet()})
	for n := range 1000 {
		id := fmt.Sprintf("aaaaaaaa-2222-4333-8444-%012x", n)
		header := map[string]any{"kid": fmt.Sprintf("made-up-%d", n)}
		if d := g.Decide(t.Context(), get("/", bearer(sign(t, entra, header, tenant(id, nil))))); d.Reason != gate.ReasonKeyUnknown &&
			d.Reason != gate.ReasonKeyPending {
			t.Fatalf("tenant %s: got %s (%s)", id, d.Reason, d.InternalDetail)
		}
	}
	all := g.Issuers().Stats()
	if len(all) != 1 || len(all[0].ISS) != 2 || len(all[0].Keys) != 1 || all[0].UnknownKIDs > 4096 {
		t.Errorf("got %+v", all)
	}
	fetches := uint64(0)
	for _, count := range all[0].Fetches {
		fetches += count
	}
	if fetches > 4 { // the first one, and the budget of unknown kids
		t.Errorf("%d fetches; expected at most 4", fetches)
	}
}
