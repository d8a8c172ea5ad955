package issuer_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/signer"
)

func BenchmarkKey(b *testing.B) {
	i := only(b, newSet(b, issuer.Options{}, issuerOf(b, document(b, rsaJWK("a", modulus(b, 2048))))))
	ctx := b.Context()
	for b.Loop() {
		if _, err := i.Key(ctx, "a", "RS256"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnknownKID measures one token of a flood.
func BenchmarkUnknownKID(b *testing.B) {
	i := only(b, start(b, issuer.Options{}, issuerOf(b, document(b, rsaJWK("a", modulus(b, 2048))))))
	ctx := b.Context()
	n := 0
	for b.Loop() {
		n++
		if _, err := i.Key(ctx, fmt.Sprint(n), "RS256"); err == nil {
			b.Fatal("a key for an unknown kid")
		}
	}
}

// BenchmarkValidTokensInAStorm verifies a valid RS256 signature repeatedly, before
// and while ten thousand unknown kids arrive within a second. It reports the ratio of
// the 99th percentiles.
func BenchmarkValidTokensInAStorm(b *testing.B) {
	private, err := signer.New("RS256")
	if err != nil {
		b.Fatal(err)
	}
	hash := sha256.Sum256([]byte("a token"))
	signature, err := private.Sign("a token")
	if err != nil {
		b.Fatal(err)
	}
	keys := newServer(b, rsaJWK("a", private.Public().(*rsa.PublicKey)))
	i := only(b, start(b, issuer.Options{}, issuerAt(keys.URL)))
	p99 := func() time.Duration {
		var took []time.Duration
		for end := time.Now().Add(time.Second); time.Now().Before(end); {
			began := time.Now()
			key, err := i.Key(context.Background(), "a", "RS256")
			if err != nil {
				b.Fatal(err)
			}
			if err := rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, hash[:], signature); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)*99/100]
	}
	kid := 0
	for b.Loop() {
		before := p99()
		var storm sync.WaitGroup
		storm.Go(func() {
			for range 100 { // a hundred kids each 10 ms
				next := time.After(10 * time.Millisecond)
				for range 100 {
					kid++
					junk := fmt.Sprint("junk-", kid)
					storm.Go(func() { _, _ = i.Key(context.Background(), junk, "RS256") })
				}
				<-next
			}
		})
		during := p99()
		storm.Wait()
		b.ReportMetric(float64(before)/1e3, "before-p99-us")
		b.ReportMetric(float64(during)/1e3, "storm-p99-us")
		b.ReportMetric(float64(during)/float64(before), "p99-ratio")
	}
}
