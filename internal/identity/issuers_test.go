package identity_test

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// issuers is the issuers of every config in these tests.
const issuers = `
issuers:
  shop:    {issuer: https://shop.example/, audiences: [shop], algorithms: [EdDSA], prefix: ""}
  partner: {issuer: https://partner.example/, audiences: [shop], algorithms: [EdDSA], prefix: "partner:"}
  staff:   {issuer: https://staff.example/, audiences: [shop], algorithms: [EdDSA], prefix: "staff:", email_verified: assumed}
  pool:    {cognito: us-east-1_ExamplePool, clients: [3v5site], algorithms: [EdDSA], prefix: "pool:"}
`

// gate is the compiled parts of a config.
type gate struct {
	verifier *token.Verifier
	mapper   *identity.Mapper
	cfg      *config.Config
}

var now = time.Date(2026, time.May, 17, 10, 0, 0, 0, time.UTC)

// newGate compiles the issuers and an identity section.
func newGate(t testing.TB, section string) *gate {
	t.Helper()
	cfg, err := config.Parse("gate.yaml", []byte(issuers+section), nil)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(cfg.Issuers, 1<<20, cfg.Identity.NamingClaims(), tokentest.Keys)
	if err != nil {
		t.Fatal(err)
	}
	return &gate{verifier: verifier, mapper: identity.New(cfg.Identity), cfg: cfg}
}

// claims is the claims of a token other than those that every token has.
type claims map[string]any

// null is the value of a claim that is null.
var null = json.RawMessage("null")

// verified returns a verified token of an issuer with these claims.
func (g *gate) verified(t testing.TB, issuer string, more claims) *token.Token {
	t.Helper()
	all := map[string]map[string]any{
		"shop":    {"iss": "https://shop.example/", "aud": "shop", "sub": "alice"},
		"partner": {"iss": "https://partner.example/", "aud": "shop", "sub": "alice"},
		"staff":   {"iss": "https://staff.example/", "aud": "shop", "sub": "alice"},
		"pool":    {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_ExamplePool", "sub": "7f0c"},
	}[issuer]
	all["exp"] = now.Unix() + 60
	maps.Copy(all, more)
	raw, err := tokentest.Key().Token(nil, all)
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.verifier.Verify(t.Context(), raw, now)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// headers returns the headers for a token with these claims, by name.
func (g *gate) headers(t testing.TB, issuer string, more claims) map[string]string {
	t.Helper()
	set, err := g.mapper.Map(g.verified(t, issuer, more), config.Relaxed{})
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]string)
	for _, h := range set {
		if _, twice := byName[h.Name]; twice || h.Value == "" {
			t.Errorf("header %q is set twice, or empty", h.Name)
		}
		byName[h.Name] = h.Value
	}
	return byName
}
