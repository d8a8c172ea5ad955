package token_test

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// A verified token has the issuer, the key and the claims.
func TestVerifiedTokenSays(t *testing.T) {
	verifier := newVerifier(t, []config.Issuer{apiIssuer()}, &tokentest.Keyring{Keys: published()})
	got, err := verifier.Verify(t.Context(), mintRS256(map[string]any{
		"exp": now.Unix() + 90, "client_id": "cli", "groups": []string{"users"}, "scope": "a b",
	}), now)
	if err != nil {
		t.Fatal(err)
	}
	if got.Issuer != "api" || got.ISS != "https://api.example/" || got.Subject != "alice" || got.Client != "cli" {
		t.Errorf("issuer %q, iss %q, subject %q, client %q", got.Issuer, got.ISS, got.Subject, got.Client)
	}
	if got.Kind != token.KindUser || got.KeyID != "rsa-2048" || got.Algorithm != "RS256" {
		t.Errorf("kind %q, key %q, algorithm %q", got.Kind, got.KeyID, got.Algorithm)
	}
	if want := now.Add(90 * time.Second); !got.Expiry.Equal(want) {
		t.Errorf("expiry %v, want %v", got.Expiry, want)
	}
	if !slices.Equal(got.Groups(), []string{"users"}) || !slices.Equal(got.Scopes(), []string{"a", "b"}) {
		t.Errorf("groups %q, scopes %q", got.Groups(), got.Scopes())
	}
}

// The expiry keeps the fraction of a second of exp.
func TestExpiryKeepsFractions(t *testing.T) {
	verifier := newVerifier(t, []config.Issuer{apiIssuer()}, &tokentest.Keyring{Keys: published()})
	got, err := verifier.Verify(t.Context(), mintRS256(map[string]any{"exp": float64(now.Unix()) + 0.25}), now)
	if err != nil {
		t.Fatal(err)
	}
	if want := now.Add(250 * time.Millisecond); !got.Expiry.Equal(want) {
		t.Errorf("expiry %v, want %v", got.Expiry, want)
	}
}

// A token is valid exactly from nbf minus the leeway until exp plus the leeway.
func TestVerifyByTheClock(t *testing.T) {
	verifier, err := token.NewVerifier([]config.Issuer{apiIssuer()}, maxBytes, nil,
		func(string) token.KeySource { return &tokentest.Keyring{Keys: published()} })
	if err != nil {
		t.Fatal(err)
	}
	begin, end := now.Add(time.Hour), now.Add(2*time.Hour)
	raw := mintRS256(map[string]any{"nbf": begin.Unix(), "iat": begin.Unix(), "exp": end.Unix()})
	const leeway = 30 * time.Second
	for _, row := range []struct {
		name string
		at   time.Time
		want error
	}{
		{"long before", now, token.ErrNotYetValid},
		{"a nanosecond before nbf minus the leeway", begin.Add(-leeway - 1), token.ErrNotYetValid},
		{"at nbf minus the leeway", begin.Add(-leeway), nil},
		{"at exp", end, nil},
		{"a nanosecond before exp plus the leeway", end.Add(leeway - 1), nil},
		{"at exp plus the leeway", end.Add(leeway), token.ErrExpired},
		{"long after", end.Add(24 * time.Hour), token.ErrExpired},
	} {
		_, err := verifier.Verify(t.Context(), raw, row.at)
		if row.want == nil && err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if row.want != nil {
			refusal(t, err, row.want)
		}
	}
}

// The shape of the whole credential is checked before any part is decoded: an error of shape
// at its end is reported instead of an error of content at its beginning.
func TestShapeIsCheckedBeforeDecoding(t *testing.T) {
	verifier, ring := corpusVerifier(t)
	for _, row := range []struct{ name, raw, detail string }{
		{"bad byte after an incomplete header", "A.AA.AA*", "got a byte that is not base64url"},
		{"fourth part after an incomplete header", "A.AA.AA.AA", "got more than three parts; expected three"},
		{"one incomplete part", "A", "got fewer than three parts; expected three; it may be an opaque token, " +
			"which only its issuer can read"},
		{"empty claims after an incomplete header", "A..AA", "the header or the claims are empty"},
		{"incomplete signature after a header that is not JSON", "AA.AA.A", "got a part that is truncated or has unused bits"},
	} {
		_, err := verifier.Verify(t.Context(), row.raw, now)
		if failure := refusal(t, err, token.ErrMalformed); failure.Internal != row.detail {
			t.Errorf("%s: got %q, want %q", row.name, failure.Internal, row.detail)
		}
	}
	if len(ring.Asked) > 0 {
		t.Error("a key was asked for")
	}

	good := mintRS256(map[string]any{"x": strings.Repeat("x", 8000)})
	for name, raw := range map[string]string{
		"a bad byte last":  good + "=",
		"a megabyte":       strings.Repeat("A", 1<<20),
		"a token too long": good + strings.Repeat("A", maxBytes),
	} {
		allocations := testing.AllocsPerRun(10, func() { _, _ = verifier.Verify(context.Background(), raw, now) })
		if allocations > 16 { // the failure and its texts; more under the race detector
			t.Errorf("%s: got %v allocations, want at most 16", name, allocations)
		}
	}
}

// A token of max_bytes is accepted. A longer one is too large, also if it has other errors.
func TestVerifySize(t *testing.T) {
	raw := mintRS256(nil)
	source := func(string) token.KeySource { return &tokentest.Keyring{Keys: published()} }
	for _, row := range []struct {
		name  string
		raw   string
		limit int
		want  error
	}{
		{"at the limit", raw, len(raw), nil},
		{"one byte over the limit", raw, len(raw) - 1, token.ErrTooLarge},
		{"over the limit and malformed", strings.Repeat("=", 101), 100, token.ErrTooLarge},
		{"at the limit and malformed", strings.Repeat("=", 100), 100, token.ErrMalformed},
	} {
		verifier, err := token.NewVerifier([]config.Issuer{apiIssuer()}, row.limit, nil, source)
		if err != nil {
			t.Fatal(err)
		}
		_, err = verifier.Verify(t.Context(), row.raw, now)
		if row.want != nil {
			refusal(t, err, row.want)
		} else if err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// application/ may be left out only before a typ without another slash (RFC 7515 section
// 4.1.9).
func TestVerifyTypeWithSlash(t *testing.T) {
	issuer := apiIssuer()
	issuer.TokenTypes = []string{"application/Token", "model/x"}
	verifier := newVerifier(t, []config.Issuer{issuer}, &tokentest.Keyring{Keys: published()})
	claims := `{"iss":"https://api.example/","aud":"orders-api","sub":"alice","exp":4102444800}`
	for typ, accepted := range map[string]bool{
		"token": true, "application/token": true, "MODEL/x": true, "application/model/x": false, "x": false, "model/token": false,
	} {
		raw := forge.Mint("RS256", forge.Keys()["rsa-2048"], `{"alg":"RS256","kid":"rsa-2048","typ":"`+typ+`"}`, claims)
		if _, err := verifier.Verify(t.Context(), raw, now); accepted && err != nil {
			t.Errorf("typ %s: %v", typ, err)
		} else if !accepted {
			refusal(t, err, token.ErrTypeNotAllowed)
		}
	}
}

// Two issuers may publish different keys with one kid, or the same key: only iss selects the
// keys and the settings.
func TestVerifyKeepsIssuersApart(t *testing.T) {
	keys := forge.Keys()
	rings := map[string]*tokentest.Keyring{
		"east": {Keys: map[string]crypto.PublicKey{
			"1": keys["rsa-2048"].Public(), "east-only": keys["rsa-2048"].Public(), "shared": keys["ed25519"].Public(),
		}},
		"west": {Keys: map[string]crypto.PublicKey{"1": keys["rsa-3072"].Public(), "shared": keys["ed25519"].Public()}},
	}
	issuer := func(name string) config.Issuer {
		i := apiIssuer()
		i.Name, i.ISS, i.Prefix = name, []string{"https://" + name + ".example"}, name+":"
		i.Audiences, i.Algorithms = []string{name + "-api"}, []string{"RS256", "EdDSA"}
		return i
	}
	tokenOf := func(alg, kid, key, iss, aud string) string {
		header := must(json.Marshal(map[string]any{"alg": alg, "kid": kid}))
		claims := must(json.Marshal(map[string]any{
			"iss": "https://" + iss + ".example", "aud": aud + "-api", "sub": "admin", "exp": now.Unix() + 60,
		}))
		return forge.Mint(alg, keys[key], string(header), string(claims))
	}
	for _, row := range []struct {
		name, raw string
		asked     string // whose keys
		subject   string
		want      error
	}{
		{"east by its own key", tokenOf("RS256", "1", "rsa-2048", "east", "east"), "east", "east:admin", nil},
		{"west by its own key", tokenOf("RS256", "1", "rsa-3072", "west", "west"), "west", "west:admin", nil},
		{"west by east's key under the same kid", tokenOf("RS256", "1", "rsa-2048", "west", "west"), "west", "", token.ErrSignatureInvalid},
		{"east by west's key under the same kid", tokenOf("RS256", "1", "rsa-3072", "east", "east"), "east", "", token.ErrSignatureInvalid},
		{"west by a key that only east publishes", tokenOf("RS256", "east-only", "rsa-2048", "west", "west"), "west", "",
			tokentest.ErrKeyUnknown},
		{"east by the shared key", tokenOf("EdDSA", "shared", "ed25519", "east", "east"), "east", "east:admin", nil},
		{"west by the shared key", tokenOf("EdDSA", "shared", "ed25519", "west", "west"), "west", "west:admin", nil},
		{"west by the shared key for east's audience", tokenOf("EdDSA", "shared", "ed25519", "west", "east"), "west", "",
			token.ErrAudienceMismatch},
		{"a third by the shared key", tokenOf("EdDSA", "shared", "ed25519", "north", "east"), "", "", token.ErrIssuerUnknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, ring := range rings {
				ring.Asked, ring.Accepted = nil, nil
			}
			verifier, err := token.NewVerifier([]config.Issuer{issuer("east"), issuer("west")}, maxBytes, nil,
				func(name string) token.KeySource { return rings[name] })
			if err != nil {
				t.Fatal(err)
			}
			got, err := verifier.Verify(t.Context(), row.raw, now)
			if row.want != nil {
				refusal(t, err, row.want)
			} else if err != nil || got.Subject != row.subject || got.Issuer != row.asked {
				t.Errorf("%+v, %v", got, err)
			}
			for name, ring := range rings {
				if (len(ring.Asked) > 0) != (name == row.asked) {
					t.Errorf("%s was asked for %q", name, ring.Asked)
				}
			}
		})
	}
}

// A key source that hands out a key of the wrong kind or curve, against what it
// promises, still lets no token through.
func TestVerifyHoldsACarelessKeySource(t *testing.T) {
	issuer := apiIssuer()
	issuer.Algorithms = []string{"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
	for _, row := range []struct{ alg, key string }{
		{"RS256", "p-256"},
		{"PS256", "ed25519"},
		{"EdDSA", "p-256"},
		{"EdDSA", "rsa-2048"},
		{"Ed25519", "p-256"},
		{"Ed25519", "rsa-2048"},
		{"ES256", "rsa-2048"},
		{"ES256", "ed25519"},
		{"ES256", "p-384"},
		{"ES384", "p-256"},
		{"ES384", "p-521"},
		{"ES512", "p-256"},
		{"ES512", "p-384"},
	} {
		t.Run(row.alg+" by "+row.key, func(t *testing.T) {
			verifier := newVerifier(t, []config.Issuer{issuer}, &tokentest.Keyring{Keys: published(), Careless: true})
			claims := `{"iss":"https://api.example/","aud":"orders-api","sub":"alice","exp":4102444800}`
			raw := forge.Mint(row.alg, forge.Keys()[row.key], `{"alg":"`+row.alg+`","kid":"`+row.key+`"}`, claims)
			_, err := verifier.Verify(t.Context(), raw, now)
			refusal(t, err, token.ErrSignatureInvalid)
		})
	}
}

// The error of the key source becomes the kind of the failure, with its RetryAfter.
func TestVerifyPassesKeyErrorsOn(t *testing.T) {
	ring := &tokentest.Keyring{Keys: published(), Down: true}
	verifier := newVerifier(t, []config.Issuer{apiIssuer()}, ring)
	_, err := verifier.Verify(t.Context(), mintRS256(nil), now)
	failure := refusal(t, err, tokentest.ErrKeysUnavailable)
	if failure.RetryAfter != tokentest.RetryAfter || failure.KeyID != "rsa-2048" {
		t.Errorf("retry after %v, key id %q", failure.RetryAfter, failure.KeyID)
	}
	_, err = newVerifier(t, []config.Issuer{apiIssuer()}, &tokentest.Keyring{}).Verify(t.Context(), mintRS256(nil), now)
	if failure := refusal(t, err, tokentest.ErrKeyUnknown); failure.RetryAfter != 0 {
		t.Errorf("key unknown: got retry after %v; expected none", failure.RetryAfter)
	}
	if len(ring.Accepted) > 0 {
		t.Error("a signature was said to have held")
	}
}

// waiting is a key source that has no key until its caller gives up.
type waiting struct{ *tokentest.Keyring }

func (w waiting) Key(ctx context.Context, _, _ string) (crypto.PublicKey, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// The wait for a key ends when the context of the caller ends.
func TestVerifyWaitsNoLongerThanItsCaller(t *testing.T) {
	verifier := newVerifier(t, []config.Issuer{apiIssuer()}, waiting{&tokentest.Keyring{}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := verifier.Verify(ctx, mintRS256(nil), now)
	refusal(t, err, context.Canceled)
}

// A verifier is safe for concurrent use. Run it with the race detector.
func TestVerifyConcurrently(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	good, bad := mintRS256(map[string]any{"groups": []string{"a"}}), mintRS256(map[string]any{"exp": 1})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := verifier.Verify(context.Background(), good, now); err != nil || got.Subject != "alice" {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := verifier.Verify(context.Background(), bad, now); !errors.Is(err, token.ErrExpired) {
				t.Errorf("%v", err)
			}
		})
	}
	group.Wait()
}

// A change to the slices of a verified token does not affect the next token.
func TestVerifiedTokensShareNothing(t *testing.T) {
	verifier := newVerifier(t, []config.Issuer{apiIssuer()}, &tokentest.Keyring{Keys: published()})
	raw := mintRS256(map[string]any{"groups": []string{"users"}, "scope": "a"})
	first := must(verifier.Verify(t.Context(), raw, now))
	first.Groups()[0], first.Scopes()[0] = "admin", "b"
	second := must(verifier.Verify(t.Context(), raw, now))
	if second.Groups()[0] != "users" || second.Scopes()[0] != "a" {
		t.Errorf("groups %q, scopes %q", second.Groups(), second.Scopes())
	}
}
