package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// storm is an attack with a sequence of forged tokens.
type storm struct {
	sent  atomic.Int64
	group sync.WaitGroup

	mu       sync.Mutex
	verdicts map[string]int // :: "STATUS REASON" -> how many
}

// startStorm sends tokens with invalid signatures and the kids that kid returns, from many
// clients. The rate does not use up the CPU, so that the gate causes any effect on other
// clients.
func startStorm(t *testing.T, c *caller, k *keyServer, tokens int, kid func(n int64) string) *storm {
	t.Helper()
	const clients, perSecond = 50, 1500 / slowdown
	s := &storm{verdicts: map[string]int{}}
	parts := strings.Split(k.token(t), ".")
	pace := time.NewTicker(time.Second / perSecond)
	t.Cleanup(pace.Stop)
	for range clients {
		s.group.Go(func() {
			for n := s.sent.Add(1); n <= int64(tokens); n = s.sent.Add(1) {
				header := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":"ES256","typ":"JWT","kid":%q}`, kid(n)))
				got := c.get(t, "/", header+"."+parts[1]+"."+flip(parts[2]))
				s.mu.Lock()
				s.verdicts[got.String()]++
				s.mu.Unlock()
				<-pace.C
			}
		})
	}
	return s
}

// TestStormOfUnknownKIDs: the gate gets ten thousand unknown kids along with valid
// requests, while the issuer rotates its key, during the storm and just after it. The gate
// denies no valid request; it accepts a new key within the cooldown and a second, and
// reports an outage for its tokens until then; it fetches keys no more often than the
// budget allows, and keeps no memory.
func TestStormOfUnknownKIDs(t *testing.T) {
	const kids, cooldown = 10_000 / slowdown, time.Second
	k := newKeyServer(t, testbed.Issuers(t), "stormed")
	gate := startGate(t, keysConfig(t, "", "unknown_kid_cooldown: "+cooldown.String(), k))
	gate.waitReady(t)
	c := newCaller(t, startShippedEnvoy(t, gate.address, startApplication(t).address))
	proper := startTraffic(t, c, 5*time.Millisecond, always(k.token(t)))
	// The baseline: the same load with a known kid, which must cause no fetch.
	asked, known := k.fetches(), k.KeyID()
	forged := startStorm(t, c, k, kids/4, func(int64) string { return known })
	forged.group.Wait()
	if n := forged.verdicts["401 signature_invalid"]; n != kids/4 || k.fetches() != asked {
		t.Errorf("forged signatures are answered %v and made %d fetches, want 401 signature_invalid and none", forged.verdicts, k.fetches()-asked)
	}
	before, memory, began := proper.lap(), gate.residentKiB(t), time.Now()

	s := startStorm(t, c, k, kids, func(n int64) string { return fmt.Sprintf("junk-%d", n) })
	eventually(t, 30*time.Second, "half of the storm", func() error {
		if n := s.sent.Load(); n < kids/2 {
			return fmt.Errorf("%d kids so far", n)
		}
		return nil
	})
	rotated := acceptedAfter(t, c, k)
	s.group.Wait()
	during := proper.lap()
	after := acceptedAfter(t, c, k)
	lasted := time.Since(began)
	proper.stop()

	for verdict, n := range s.verdicts {
		if verdict != "401 key_unknown" && verdict != "503 key_pending" {
			t.Errorf("%d unknown kids are answered %s", n, verdict)
		}
	}
	if most := cooldown + time.Second; rotated > most || after > most {
		t.Errorf("a rotated key was accepted after %v during the storm and %v after it, want at most %v", rotated, after, most)
	}
	// Three immediately, one each cooldown, and one in the current cooldown.
	if n, most := k.fetches()-asked, 3+1+int(lasted/cooldown); n > most {
		t.Errorf("the issuer was asked %d times in %v, want at most %d", n, lasted, most)
	}
	grown := gate.residentKiB(t) - memory
	wantMemory(t, grown, 24<<10)
	t.Logf("storm of %v: %v, %d fetches, rotations accepted after %v and %v, memory %d %+d KiB; proper p99 %v before (%d), "+
		"%v during (%d), ratio %.2f",
		lasted.Round(time.Millisecond), s.verdicts, k.fetches()-asked, rotated.Round(time.Millisecond),
		after.Round(time.Millisecond), memory, grown,
		before.percentile(99), len(before), during.percentile(99), len(during), float64(during.percentile(99))/float64(before.percentile(99)))
}

// acceptedAfter rotates the issuer's key, unannounced, and returns how long it took until
// the gate accepted a token of the new one. Until then the answer may be an outage, never
// an invalid token.
func acceptedAfter(t *testing.T, c *caller, k *keyServer) time.Duration {
	t.Helper()
	k.publish(t)
	token, began := k.token(t), time.Now()
	eventually(t, 10*time.Second, "the new key is accepted", func() error {
		got := c.get(t, "/", token)
		if got.status != http.StatusOK && want(got, 503, "key_pending") != nil {
			t.Errorf("a token of the new key is answered %v", got)
		}
		return want(got, 200, "")
	})
	return time.Since(began)
}
