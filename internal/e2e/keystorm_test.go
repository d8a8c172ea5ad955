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
)

// storm is an attack: tokens that nobody signed, one after the other.
type storm struct {
	sent  atomic.Int64
	group sync.WaitGroup

	mu       sync.Mutex
	verdicts map[string]int // :: "STATUS REASON" -> how many
}

// startStorm sends this many tokens whose signatures are junk, with the kid that
// kid gives to each, from many clients, at a rate that leaves the machine room:
// so what it does to others is the gate's doing.
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

// TestStormOfUnknownKIDs: ten thousand of them, while proper requests run and
// the issuer really rotates, in the storm and right behind it. No proper request
// is refused; a new key is accepted within the cooldown and a second, and until
// then its tokens are an outage and no bad login; the issuer is asked no more
// than the budget allows, and no memory is kept.
func TestStormOfUnknownKIDs(t *testing.T) {
	const kids, cooldown = 10_000 / slowdown, time.Second
	k := newKeyServer(t, startDevIDP(t), "stormed")
	gate := startGate(t, keysConfig(t, "", "unknown_kid_cooldown: "+cooldown.String(), k))
	gate.waitReady(t)
	c := newCaller(t, startShippedEnvoy(t, gate.address, startApplication(t).address))
	proper := startTraffic(t, c, 5*time.Millisecond, always(k.token(t)))
	// The same load with the kid of a key that is held: what is compared with, and
	// what no fetch may come of.
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
		t.Errorf("a rotated key was accepted after %v in the storm and %v behind it, want at most %v", rotated, after, most)
	}
	// Three at once, one each cooldown, and one whose cooldown is running.
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

// acceptedAfter rotates the issuer's key, unannounced, and returns how long it
// took until a token of the new one was accepted. Until then it may be told of
// an outage, never of a bad login.
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
