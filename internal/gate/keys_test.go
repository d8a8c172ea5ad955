package gate_test

import (
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// A token is verified with the keys of the issuer whose configured iss is byte for byte the
// token's. The two issuers differ in a final slash, so a lookup that trims it confuses them.
func TestKeysAreOfTheExactIssuer(t *testing.T) {
	server := testbed.Issuers(t)
	bare, slash := addIssuer(t, server, "bare", "https://issuer.example"), addIssuer(t, server, "slash", "https://issuer.example/")
	cfg := parse(t, `
issuers:
  bare:  {issuer: "https://issuer.example", prefix: "bare:", audiences: [orders-api], algorithms: [ES256],
          dangerously_allow_http: true, jwks: {uri: "${BARE_KEYS}"}}
  slash: {issuer: "https://issuer.example/", prefix: "slash:", audiences: [orders-api], algorithms: [ES256],
          dangerously_allow_http: true, jwks: {uri: "${SLASH_KEYS}"}}
`, map[string]string{"BARE_KEYS": bare.JWKSURL(), "SLASH_KEYS": slash.JWKSURL()})
	g := open(t, cfg, gate.Options{Logger: quiet()})
	for _, row := range []struct {
		name    string
		signer  *devidp.Issuer
		kid     string
		iss     string
		want    gate.Reason
		subject string
	}{
		{"bare by its own key", bare, bare.KeyID(), bare.ISS(), gate.ReasonAllowed, "bare:alice"},
		{"slash by its own key", slash, slash.KeyID(), slash.ISS(), gate.ReasonAllowed, "slash:alice"},
		{"bare by the key of slash", slash, bare.KeyID(), bare.ISS(), gate.ReasonSignatureInvalid, ""},
		{"slash by the key of bare", bare, slash.KeyID(), slash.ISS(), gate.ReasonSignatureInvalid, ""},
		{"two slashes", slash, slash.KeyID(), "https://issuer.example//", gate.ReasonIssuerUnknown, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			raw := sign(t, row.signer, map[string]any{"kid": row.kid}, claims(map[string]any{"iss": row.iss}))
			d := g.Decide(t.Context(), get("/x", bearer(raw)))
			if d.Reason != row.want || d.Subject != row.subject {
				t.Errorf("got %s (%s), subject %q; expected %s, %q", d.Reason, d.InternalDetail, d.Subject, row.want, row.subject)
			}
		})
	}
}

// A cached token is denied after its issuer has removed the key from its key set.
func TestRememberedTokenFallsWithItsKey(t *testing.T) {
	w := start(t)
	request := get("/readers", bearer(mint(t, w.home, claims(nil))))
	for _, cached := range []bool{false, true} {
		if d := w.decide(t, request); d.Reason != gate.ReasonAllowed || d.Cached != cached {
			t.Fatalf("got %s (%s), cached %v; expected allowed, cached %v", d.Reason, d.InternalDetail, d.Cached, cached)
		}
	}
	// A key that was used within the last minute is removed only when a second fetch confirms it.
	w.clock.ahead.Add(int64(2 * time.Minute))
	if _, err := w.home.Rotate(); err != nil {
		t.Fatal(err)
	}
	rotated := get("/readers", bearer(mint(t, w.home, claims(nil))))
	wait(t, "the new key is fetched", func() bool { return w.decide(t, rotated).Reason == gate.ReasonAllowed })
	wait(t, "the old key is known to be gone", func() bool {
		d := w.decide(t, request)
		if d.Verdict == gate.VerdictAllow {
			t.Fatalf("got %s, cached %v; expected key_unknown", d.Reason, d.Cached)
		}
		return d.Reason == gate.ReasonKeyUnknown
	})
}
