package token_test

import (
	"encoding/json"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// Tenants of no configuration.
const (
	oneTenant   = "aaaaaaaa-2222-4333-8444-555555555555"
	otherTenant = "bbbbbbbb-2222-4333-8444-555555555555"
)

// tenantVerifier accepts any tenant, and an issuer without a prefix.
func tenantVerifier(t *testing.T) *token.Verifier {
	t.Helper()
	cfg, err := config.Parse("tenants.yaml", []byte(`issuers:
  entra:
    issuer: https://login.microsoftonline.com/{tenant}/v2.0
    tenants: any
    audiences: [orders-api]
    groups_claim: [roles]
    prefix: "entra:{tenant}:"
  api: {issuer: "https://api.example/", audiences: [orders-api], prefix: ""}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return newVerifier(t, cfg.Issuers, &tokentest.Keyring{Keys: published()})
}

// tenantToken returns a valid token of Microsoft Entra with another iss, and other claims.
func tenantToken(t *testing.T, iss string, claims map[string]any) string {
	t.Helper()
	v := forge.Vector{Base: "entra", Claims: map[string]json.RawMessage{"iss": must(json.Marshal(iss))}}
	for name, value := range claims {
		v.Claims[name] = must(json.Marshal(value))
	}
	return v.Forge(t, now)
}

// A token of any tenant has that tenant's prefix, in both versions, also when it is recalled.
func TestAnyTenantOfAToken(t *testing.T) {
	verifier := tenantVerifier(t)
	for _, tenant := range []string{oneTenant, otherTenant} {
		for _, iss := range []string{"https://login.microsoftonline.com/" + tenant + "/v2.0", "https://sts.windows.net/" + tenant + "/"} {
			raw := tenantToken(t, iss, map[string]any{"tid": tenant})
			verified, err := verifier.Verify(t.Context(), raw, now)
			if err != nil {
				t.Fatal(err)
			}
			var recalled token.Token
			if !verifier.Recall(verifier.Record(verified), raw, now, &recalled) {
				t.Fatal("the token is not recalled")
			}
			for name, got := range map[string]*token.Token{"verified": verified, "recalled": &recalled} {
				prefix := "entra:" + tenant + ":"
				if got.Tenant != tenant || got.Subject != prefix+"alice" || got.Name("x") != prefix+"x" ||
					len(got.Groups()) != 1 || got.Groups()[0] != prefix+"admin" || got.ISS != iss || got.Issuer != "entra" {
					t.Errorf("%s, %s: tenant %q, subject %q, groups %q, iss %q", iss, name, got.Tenant, got.Subject, got.Groups(), got.ISS)
				}
			}
		}
	}
}

func TestAnyTenantRefused(t *testing.T) {
	const two, one = "https://login.microsoftonline.com/" + oneTenant + "/v2.0", "https://sts.windows.net/" + oneTenant + "/"
	for _, row := range []struct {
		name, iss string
		claims    map[string]any
		want      error
	}{
		{"tid of another tenant", two, map[string]any{"tid": otherTenant}, token.ErrClaimMismatch},
		{"tid of another tenant, version 1.0", one, map[string]any{"tid": otherTenant}, token.ErrClaimMismatch},
		{"tid null", two, map[string]any{"tid": nil}, token.ErrClaimMismatch},
		{"tid in a list", two, map[string]any{"tid": []string{oneTenant}}, token.ErrClaimMismatch},
		{"the template", "https://login.microsoftonline.com/{tenant}/v2.0", map[string]any{"tid": "{tenant}"}, token.ErrIssuerUnknown},
		{"an alias of all tenants", "https://login.microsoftonline.com/common/v2.0", map[string]any{"tid": "common"}, token.ErrIssuerUnknown},
		{"the name of a tenant", "https://sts.windows.net/contoso.example/", map[string]any{"tid": "contoso.example"}, token.ErrIssuerUnknown},
		{"no tenant", "https://login.microsoftonline.com//v2.0", map[string]any{"tid": ""}, token.ErrIssuerUnknown},
		{"another host", "https://login.evil.example/" + oneTenant + "/v2.0", map[string]any{"tid": oneTenant}, token.ErrIssuerUnknown},
		{"the path of the other version", "https://sts.windows.net/" + oneTenant + "/v2.0", map[string]any{"tid": oneTenant},
			token.ErrIssuerUnknown},
		{"another audience", two, map[string]any{"tid": oneTenant, "aud": "x"}, token.ErrAudienceMismatch},
		{"a bare name with a tenant's prefix", "https://api.example/",
			map[string]any{"sub": "entra:" + oneTenant + ":alice"}, token.ErrClaimsMalformed},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := tenantVerifier(t).Verify(t.Context(), tenantToken(t, row.iss, row.claims), now)
			refusal(t, err, row.want)
		})
	}
}
