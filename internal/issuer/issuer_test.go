package issuer_test

import (
	"crypto"
	"crypto/elliptic"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

func TestKeyFitsAlg(t *testing.T) {
	rsaKey, p256, p384, p521, ed := newRSA(t), newEC(t, elliptic.P256()), newEC(t, elliptic.P384()), newEC(t, elliptic.P521()), newEd(t)
	set := newSet(t, issuer.Options{}, issuerOf(t, document(t,
		rsaJWK("rsa", rsaKey), rsaJWK("rsa-ps384", rsaKey).with("alg", "PS384"),
		ecJWK(t, "p256", p256), ecJWK(t, "p384", p384), ecJWK(t, "p521", p521), edJWK("ed", ed),
	)))
	fits := map[string][]string{
		"rsa":       {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
		"rsa-ps384": {"PS384"},
		"p256":      {"ES256"},
		"p384":      {"ES384"},
		"p521":      {"ES512"},
		"ed":        {"EdDSA", "Ed25519"},
	}
	public := map[string]interface{ Equal(crypto.PublicKey) bool }{
		"rsa": rsaKey, "rsa-ps384": rsaKey, "p256": p256, "p384": p384, "p521": p521, "ed": ed,
	}
	for kid, able := range fits {
		for _, alg := range config.Algorithms() {
			t.Run(kid+" "+alg, func(t *testing.T) {
				fit := strings.Contains(" "+strings.Join(able, " ")+" ", " "+alg+" ")
				if !fit {
					want(t, only(t, set), kid, alg, issuer.ErrKeyUnfit)
					return
				}
				if key := want(t, only(t, set), kid, alg, nil); !public[kid].Equal(key) {
					t.Errorf("got another key: %T", key)
				}
			})
		}
	}
}

func TestKeyRefusesAlgBeyondTheIssuersList(t *testing.T) {
	cfg := issuerOf(t, document(t, rsaJWK("a", newRSA(t))))
	cfg.Algorithms = []string{"RS256"}
	set := newSet(t, issuer.Options{}, cfg)
	want(t, only(t, set), "a", "RS256", nil)
	for _, alg := range []string{"PS256", "RS512", "none", "None", "HS256", "", "rs256", "RS256 "} {
		want(t, only(t, set), "a", alg, issuer.ErrKeyUnfit)
		want(t, only(t, set), "b", alg, issuer.ErrKeyUnfit) // no fetch could help
	}
}

func TestDuplicateKID(t *testing.T) {
	one, two, ec := newRSA(t), newRSA(t), newEC(t, elliptic.P256())
	first, second, third := rsaJWK("k", one), rsaJWK("k", two), ecJWK(t, "k", ec)
	for _, row := range []struct {
		name string
		keys []jwk
		alg  string
		err  error
		key  interface{ Equal(crypto.PublicKey) bool }
	}{
		{"two types, the RSA key fits", []jwk{first, third}, "RS256", nil, one},
		{"two types, the EC key fits", []jwk{first, third}, "ES256", nil, ec},
		{"two RSA keys, neither with alg", []jwk{first, second}, "RS256", issuer.ErrKeyUnfit, nil},
		{"two RSA keys with one alg", []jwk{first.with("alg", "RS256"), second.with("alg", "RS256")}, "RS256", issuer.ErrKeyUnfit, nil},
		{"two RSA keys, one of them with alg", []jwk{first.with("alg", "RS256"), second}, "RS256", issuer.ErrKeyUnfit, nil},
		{"two RSA keys that differ in alg", []jwk{first.with("alg", "RS256"), second.with("alg", "PS256")}, "PS256", nil, two},
		{"neither fits", []jwk{first, third}, "EdDSA", issuer.ErrKeyUnfit, nil},
		{"the other is for encryption", []jwk{first.with("use", "enc"), second}, "RS256", nil, two},
		{"one key published twice", []jwk{first, first}, "RS256", nil, one},
		{"one key published with and without alg", []jwk{first, first.with("alg", "RS256")}, "RS256", nil, one},
	} {
		t.Run(row.name, func(t *testing.T) {
			set := newSet(t, issuer.Options{}, issuerOf(t, document(t, row.keys...)))
			key := want(t, only(t, set), "k", row.alg, row.err)
			if row.key != nil && !row.key.Equal(key) {
				t.Error("got the other key")
			}
		})
	}
}

// A kid with an unusable key gives ErrKeyUnfit, not ErrKeyUnknown, since no fetch can
// change that.
func TestSkippedKeyIsUnfitAndCausesNoFetch(t *testing.T) {
	keys := newServer(t, edJWK("good", newEd(t)), rsaJWK("enc", newRSA(t)).with("use", "enc"))
	set := start(t, issuer.Options{}, issuerAt(keys.URL))
	for range 10 {
		want(t, only(t, set), "enc", "RS256", issuer.ErrKeyUnfit)
	}
	if n := keys.fetches(); n != 1 {
		t.Errorf("%d fetches, want the first only", n)
	}
}

// Errors are not lost on their way through keyfunc.
func TestErrorsComeBackThroughKeyfunc(t *testing.T) {
	i := only(t, newSet(t, issuer.Options{}, issuerOf(t, document(t, rsaJWK("a", newRSA(t))))))
	_, err := jwt.Parse("eyJhbGciOiJSUzI1NiIsImtpZCI6ImIifQ.e30.AAAA", func(token *jwt.Token) (any, error) {
		return i.Key(t.Context(), token.Header["kid"].(string), token.Method.Alg())
	})
	if !errors.Is(err, issuer.ErrKeyPending) || !errors.Is(err, jwt.ErrTokenUnverifiable) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsQuoteAndCutTheKID(t *testing.T) {
	i := only(t, newSet(t, issuer.Options{}, issuerOf(t, document(t, rsaJWK("a", newRSA(t))))))
	for _, kid := range []string{"x\ny", strings.Repeat("k", 5000), "\x1b[31m", "ключ" + strings.Repeat("ю", 200)} {
		_, err := i.Key(t.Context(), kid, "RS256")
		if err == nil || strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 400 {
			t.Errorf("kid %.20q: error is %.500q", kid, err)
		}
	}
}

// The epoch changes if and only if Key no longer returns the key that it returned for
// a kid before.
func TestEpochChangesWithTheAnswers(t *testing.T) {
	one, two, three := newRSA(t), newRSA(t), newRSA(t)
	for _, row := range []struct {
		name    string
		after   []jwk // instead of one and two
		invalid bool  // one no longer verifies tokens
	}{
		{"nothing", []jwk{rsaJWK("one", one), rsaJWK("two", two)}, false},
		{"another order", []jwk{rsaJWK("two", two), rsaJWK("one", one)}, false},
		{"a key is added", []jwk{rsaJWK("one", one), rsaJWK("two", two), rsaJWK("three", three)}, false},
		{"an unusable key is added", []jwk{rsaJWK("one", one), rsaJWK("two", two), rsaJWK("three", three).with("use", "enc")}, false},
		{"the key is removed", []jwk{rsaJWK("two", two)}, true},
		{"its kid has another key", []jwk{rsaJWK("one", three), rsaJWK("two", two)}, true},
		{"two keys have its kid", []jwk{rsaJWK("one", one), rsaJWK("one", three), rsaJWK("two", two)}, true},
		{"it is for another alg", []jwk{rsaJWK("one", one).with("alg", "PS256"), rsaJWK("two", two)}, true},
		{"it is for encryption", []jwk{rsaJWK("one", one).with("use", "enc"), rsaJWK("two", two)}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, []jwk{rsaJWK("one", one), rsaJWK("two", two)}, nil, func(b *bubble) {
				epoch := b.issuer.Epoch()
				if !one.Equal(want(t, b.issuer, "one", "RS256", nil)) {
					t.Fatal("got another key before the change")
				}
				b.keys.publish(t, row.after...)
				b.pass(15 * time.Minute)
				b.fetches(2, 2)
				key, err := b.issuer.Key(b.ctx, "one", "RS256")
				if invalid := err != nil || !one.Equal(key); invalid != row.invalid || (b.issuer.Epoch() != epoch) != invalid {
					t.Errorf("got key %v, error %v, epoch %d after %d; expected another result: %v",
						key, err, b.issuer.Epoch(), epoch, row.invalid)
				}
			})
		})
	}
}

func TestKnownKIDAllocatesLittle(t *testing.T) {
	i := only(t, newSet(t, issuer.Options{}, issuerOf(t, document(t, rsaJWK("a", newRSA(t))))))
	ctx := t.Context()
	if n := testing.AllocsPerRun(200, func() { _, _ = i.Key(ctx, "a", "RS256") }); n > 5 {
		t.Errorf("Key allocates %v times", n)
	}
	if n := testing.AllocsPerRun(200, func() { i.Verified("a", "EdDSA"); i.Epoch() }); n != 0 {
		t.Errorf("Verified and Epoch allocate %v times", n)
	}
}
