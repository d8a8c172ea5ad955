package issuer_test

import (
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// Each change is logged once, however often the keys are fetched or looked up.
func TestLogSaysEachChangeOnce(t *testing.T) {
	a, bad := edJWK("a", newEd(t)), rsaJWK("enc", newRSA(t)).with("use", "enc")
	inBubble(t, []jwk{a, bad}, refreshing, func(b *bubble) {
		says := func(want ...string) {
			t.Helper()
			var got []string
			for line := range strings.Lines(b.logs.String()) {
				for _, part := range want {
					if strings.Contains(line, part) {
						got = append(got, part)
						line = ""
					}
				}
				if line != "" {
					t.Errorf("unexpected line %s", line)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("the log says %q, want %q", got, want)
			}
			b.logs.text.Reset()
		}
		says("keys loaded", `"kid":"enc","reason":"use"`)
		b.pass(10 * time.Minute)
		says()
		b.keys.publish(t, a, bad, edJWK("b", newEd(t)))
		b.pass(10 * time.Minute)
		says(`"msg":"keys replaced","issuer":"main","added":["b"],"removed":[]`)
		b.keys.status(http.StatusBadGateway)
		for range 600 {
			_, _ = b.issuer.Key(b.ctx, "x", "EdDSA")
			b.pass(time.Second)
		}
		says(`"result":"status","error":"http://keys.example/jwks.json answered with status 502","held":"2 keys`)
		b.keys.answers(statusWith(200, "{}"))
		b.pass(10 * time.Minute)
		says(`"result":"invalid"`)
		b.keys.publish(t, a, bad)
		b.pass(10 * time.Minute)
		says("key fetching recovered", `"msg":"keys replaced","issuer":"main","added":[],"removed":["b"]`)
		b.keys.publish(t, a)
		b.pass(10 * time.Minute)
		b.keys.publish(t, a, bad)
		b.pass(10 * time.Minute)
		says(`"kid":"enc","reason":"use"`)
	})
}

// blockedLog is a log whose writes block until the channel is closed.
type blockedLog chan struct{}

func (b blockedLog) Write(p []byte) (int, error) {
	<-b
	return len(p), nil
}

func TestBlockedLogBlocksNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dial := newPipeServer(t, edJWK("a", newEd(t)))
		log := make(blockedLog)
		set := newSet(t, issuer.Options{Dial: dial, Logger: slog.New(slog.NewJSONHandler(log, nil))}, issuerAt("http://keys.example/"))
		set.Start()
		synctest.Wait()
		if !set.Healthy() || !set.Ready() {
			t.Error("the set waits for its log")
		}
		want(t, only(t, set), "a", "EdDSA", nil)
		began := time.Now()
		want(t, only(t, set), "b", "EdDSA", issuer.ErrKeyPending)
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		set.Stats()
		close(log)
	})
}

func TestLogCutsKIDs(t *testing.T) {
	long := strings.Repeat("é", 500)
	lines := &logs{}
	set := newSet(t, issuer.Options{Logger: lines.logger()}, issuerOf(t, document(t,
		edJWK(long, newEd(t)), edJWK("line\nfeed", newEd(t)), edJWK(long+"2", newEd(t)).with("use", strings.Repeat("u", 500)))))
	text := lines.String()
	if strings.Contains(text, strings.Repeat("é", 41)) || strings.Contains(text, strings.Repeat("u", 81)) || strings.Count(text, "\n") != 2 {
		t.Errorf("the log says\n%s", text)
	}
	stats := only(t, set).Stats()
	for _, kid := range []string{stats.Keys[0].KID, stats.Skipped[0].KID} {
		if len(kid) > 80 || !strings.HasPrefix(kid, "ééé") {
			t.Errorf("kid %q", kid)
		}
	}
	want(t, only(t, set), long, "EdDSA", nil) // only the output is truncated
}

func TestStats(t *testing.T) {
	a, x := edJWK("a", newEd(t)).with("alg", "EdDSA"), edJWK("x", newEd(t)).with("crv", "X25519")
	inBubble(t, []jwk{a, x}, func(cfg *config.Issuer, keys *server) {
		cfg.JWKS.URI += "?code=hush"
	}, func(b *bubble) {
		b.pass(time.Minute)
		b.want("b", issuer.ErrKeyUnknown)
		all := b.set.Stats()
		if len(all) != 1 {
			t.Fatalf("%d issuers", len(all))
		}
		got := all[0]
		if got.Issuer != "main" || got.ISS[0] != "https://issuer.example/" || got.Source != "http://keys.example/jwks.json" {
			t.Errorf("who: %+v", got)
		}
		if !got.HasKeys || got.Stale || got.Age != 0 || got.NextFetch < 13*time.Minute || got.NextFetch > 15*time.Minute || got.Fetching {
			t.Errorf("when: %+v", got)
		}
		want := []issuer.KeyStats{{KID: "a", KTY: "OKP", ALG: "EdDSA", Algs: []string{"EdDSA", "Ed25519"}}}
		if !reflect.DeepEqual(got.Keys, want) {
			t.Errorf("got keys %+v; expected %+v", got.Keys, want)
		}
		if len(got.Skipped) != 1 || got.Skipped[0].KID != "x" || got.Skipped[0].Reason != issuer.SkipCurve {
			t.Errorf("skipped: %+v", got.Skipped)
		}
		if len(got.Fetches) != 6 || got.Fetches[issuer.FetchOK] != 2 || got.Failures != 0 || got.LastError != "" || got.UnknownKIDs != 1 {
			t.Errorf("fetches: %+v", got)
		}
		b.slow(time.Second)
		b.want("c", issuer.ErrKeyPending)
		if got := b.set.Stats()[0]; !got.Fetching || got.NextFetch != 0 {
			t.Errorf("during a fetch: %+v", got)
		}
	})
}
