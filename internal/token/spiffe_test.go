package token_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// A token without iss is of the trust domain of its sub, and a trust domain never names a
// workload of another one. An iss that is there in any form decides alone.
func TestTrustDomain(t *testing.T) {
	issuer := apiIssuer()
	issuer.ISS = []string{"spiffe://prod.example"}
	inDomain := apiIssuer()
	inDomain.ISS = []string{"spiffe://prod.example/issuer"}
	verifier := newVerifier(t, []config.Issuer{issuer, inDomain}, &tokentest.Keyring{Keys: published()})
	const ours, others = "spiffe://prod.example/shop/cart", "spiffe://evil.example/shop/cart"
	for _, row := range []struct {
		name     string
		iss, sub any // nil: missing
		want     error
	}{
		{"no iss", nil, ours, nil},
		{"the trust domain as iss", "spiffe://prod.example", ours, nil},
		{"an iss in the trust domain", "spiffe://prod.example/issuer", ours, nil},
		{"another trust domain than that of the iss", "spiffe://prod.example/issuer", others, token.ErrClaimMismatch},
		{"another trust domain", nil, others, token.ErrIssuerUnknown},
		{"another trust domain under our iss", "spiffe://prod.example", others, token.ErrClaimMismatch},
		{"a trust domain without a workload under our iss", "spiffe://prod.example", "spiffe://prod.example", token.ErrClaimMismatch},
		{"other letters under our iss", "spiffe://prod.example", "SPIFFE://evil.example/x", token.ErrClaimMismatch},
		{"a name under our iss", "spiffe://prod.example", "cart", nil},
		{"a trust domain that begins like ours", nil, "spiffe://prod.example.evil/x", token.ErrIssuerUnknown},
		{"a trust domain without a workload", nil, "spiffe://prod.example", token.ErrIssuerUnknown},
		{"other letters", nil, "SPIFFE://prod.example/x", token.ErrIssuerUnknown},
		{"neither iss nor sub", nil, nil, token.ErrIssuerUnknown},
		{"an empty iss", "", ours, token.ErrIssuerUnknown},
		{"an iss that is a number", 7, ours, token.ErrIssuerUnknown},
		{"another iss", "https://evil.example", ours, token.ErrIssuerUnknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := verifier.Verify(t.Context(), mintRS256(map[string]any{"iss": row.iss, "sub": row.sub}), now)
			if row.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refusal(t, err, row.want)
		})
	}
}
