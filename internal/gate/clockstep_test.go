package gate_test

import (
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// steppedClock behaves like the machine's clock after it was set: its wall time jumps, and
// its monotonic time does not (package time, "Monotonic Clocks").
type steppedClock struct{ step atomic.Int64 } // seconds

func (c *steppedClock) now() time.Time {
	t := time.Now()
	// A time.Time with a monotonic reading has the seconds since 1885 in 33 bits of its first
	// word, above 30 bits of nanoseconds.
	words := (*struct {
		wall uint64
		mono int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	words.wall = uint64(int64(words.wall) + c.step.Load()<<30)
	return t
}

func TestSteppedClockIsOne(t *testing.T) {
	c := &steppedClock{}
	before := c.now()
	c.step.Store(-3600)
	after := c.now()
	if shown := after.Round(0).Sub(before.Round(0)); shown > -59*time.Minute || shown < -time.Hour {
		t.Errorf("wall time has advanced by %v", shown)
	}
	if passed := after.Sub(before); passed < 0 || passed > time.Minute {
		t.Errorf("monotonic time has advanced by %v", passed)
	}
}

// TestClockStepsBack: the clock is set back by an hour, and later corrected. Tokens, cached
// or not, are checked against the clock as it is, and no decision made with the wrong clock
// has an effect later. Keys stay trusted, age with monotonic time, and rotate: no timer
// waits for the hour.
func TestClockStepsBack(t *testing.T) {
	const hour = 3600
	c := &steppedClock{}
	server := testbed.Issuers(t)
	home := addIssuer(t, server, "home", "")
	cfg := parse(t, `
issuers:
  home: {issuer: "${HOME_ISS}", audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true,
         jwks: {max_stale: 30m, unknown_kid_cooldown: 1s}}
`, map[string]string{"HOME_ISS": home.ISS()})
	w := &fixture{gate: open(t, cfg, gate.Options{Replica: "replica", Now: c.now, Logger: quiet()}), cfg: cfg, home: home}
	token := func(from, to time.Duration) string {
		now := time.Now()
		return sign(t, home, nil, claims(map[string]any{"iat": now.Add(from).Unix(), "exp": now.Add(to).Unix()}))
	}
	current, known := token(0, time.Hour), token(0, time.Hour)
	old := token(-2*time.Hour, -time.Minute) // expired, unless the clock is wrong
	expect := func(when string, want map[string]gate.Reason) {
		t.Helper()
		for name, raw := range map[string]string{"current": current, "known": known, "old": old} {
			for range 2 { // not cached, then cached
				if d := w.decide(t, get("/x", bearer(raw))); d.Reason != want[name] {
					t.Errorf("%s, the %s token: %s (%s), want %s", when, name, d.Reason, d.InternalDetail, want[name])
				}
			}
		}
		if s := w.gate.Issuers().Stats()[0]; s.Stale || s.Age < 0 || s.Age > 20*time.Minute || s.NextFetch > 20*time.Minute {
			t.Errorf("%s: the keys have age %v, stale %v, next fetch in %v", when, s.Age, s.Stale, s.NextFetch)
		}
	}
	if d := w.decide(t, get("/x", bearer(known))); d.Reason != gate.ReasonAllowed {
		t.Fatalf("before: %s", d.Reason)
	}
	right := map[string]gate.Reason{"current": gate.ReasonAllowed, "known": gate.ReasonAllowed, "old": gate.ReasonExpired}
	c.step.Store(-hour)
	expect("an hour back", map[string]gate.Reason{
		"current": gate.ReasonIssuedInFuture, "known": gate.ReasonIssuedInFuture, "old": gate.ReasonAllowed,
	})
	rotates(t, w, func() string { return token(-2*time.Hour, -time.Minute) })
	c.step.Store(0)
	expect("right again", right)
	rotates(t, w, func() string { return token(0, time.Hour) })
	c.step.Store(2 * hour)
	expect("two hours ahead", map[string]gate.Reason{"current": gate.ReasonExpired, "known": gate.ReasonExpired, "old": gate.ReasonExpired})
	c.step.Store(0)
	expect("right once more", right)
}

// rotates makes the issuer sign with a new key, whose tokens must soon be allowed.
func rotates(t *testing.T, w *fixture, token func() string) {
	t.Helper()
	kid, err := w.home.AddKey("ES256")
	if err == nil {
		err = w.home.UseKey(kid)
	}
	if err != nil {
		t.Fatal(err)
	}
	raw, limit := token(), time.After(10*time.Second)
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		d := w.decide(t, get("/x", bearer(raw)))
		if d.Reason == gate.ReasonAllowed {
			return
		}
		if d.Reason != gate.ReasonKeyPending {
			t.Fatalf("a token of a new key: %s (%s)", d.Reason, d.InternalDetail)
		}
		select {
		case <-limit:
			t.Fatalf("a token of a new key is still %s", d.Reason)
		case <-every.C:
		}
	}
}
