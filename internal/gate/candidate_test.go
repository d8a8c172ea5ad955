package gate_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

const liveYAML = issuersYAML + `
routes:
  - {name: same,    match: /same,    issuers: [home], groups: [admin]}
  - {name: wider,   match: /wider,   issuers: [home], groups: [admin]}
  - {name: tighter, match: /tighter, issuers: [home]}
  - {name: renamed, match: /renamed, access: public}
  - {name: other,   match: /other,   issuers: [home], groups: [admin]}
  - {name: keeps,   match: /keeps,   issuers: [home]}
`

const candidateYAML = issuersYAML + `
routes:
  - {name: same,    match: /same,    issuers: [home], groups: [admin]}
  - {name: wider,   match: /wider,   issuers: [home]}
  - {name: tighter, match: /tighter, issuers: [home], groups: [admin]}
  - {name: changed, match: /renamed, access: public}
  - {name: other,   match: /other,   issuers: [home], scopes: [orders/admin]}
  - {name: new,     match: /new,     access: public}
  - {name: keeps,   match: /keeps,   issuers: [home], forward: true}
identity: {headers: {x-user-email: null, x-team: team}}
`

// differences collects the reported differences.
type differences struct {
	mu       sync.Mutex
	all      []gate.Difference
	requests []*request.Request
}

func (o *differences) differ(r *request.Request, d gate.Difference) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all, o.requests = append(o.all, d), append(o.requests, r)
}

func (o *differences) len() int {
	all, _ := o.get()
	return len(all)
}

func (o *differences) get() ([]gate.Difference, []*request.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all, o.requests
}

// begin runs a candidate until end is called or the test ends.
func begin(t *testing.T, c *gate.Candidate) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	end = func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("Run has not returned after its context ended")
		}
	}
	t.Cleanup(end)
	return end
}

// wait waits until a condition is true.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// A candidate reports the requests that it decides differently, and no others. It does not
// change the live decision.
func TestCandidateTellsDifferences(t *testing.T) {
	w := startWith(t, liveYAML)
	fetches := w.home.Fetches()
	cfg := parse(t, candidateYAML, map[string]string{
		"HOME_ISS": w.home.ISS(), "POOL_KEYS": w.pool.JWKSURL(), "DARK_ISS": w.dark.ISS(), "DIM_ISS": w.dim.ISS(),
	})
	would := openCandidate(t, w.gate, cfg, gate.Options{Replica: "candidate", Now: w.clock.now, Logger: quiet()})
	var found differences
	c := gate.NewCandidate(would, found.differ)
	begin(t, c)
	admin := bearer(mint(t, w.home, claims(nil)))
	guest := bearer(mint(t, w.home, claims(map[string]any{"groups": []string{"guests"}})))
	teamed := bearer(mint(t, w.home, claims(map[string]any{"team": "red"})))
	for _, row := range []struct {
		name            string
		r               *request.Request
		live, candidate gate.Reason // candidate: "" if no difference is reported
	}{
		{"allowed by both", get("/same", admin), "allowed", ""},
		{"denied by both", get("/same", guest), "group_missing", ""},
		{"denied by both without a token", get("/same"), "credential_missing", ""},
		{"another route's name", get("/renamed"), "public", ""},
		{"refused by both", get("/a//b"), "path_refused", ""},
		{"would be allowed", get("/wider", guest), "group_missing", "allowed"},
		{"would be denied", get("/tighter", guest), "allowed", "group_missing"},
		{"would be denied for another reason", get("/other", guest), "group_missing", "scope_missing"},
		{"would be public", get("/new"), "credential_missing", "public"},
		{"would tell the application more", get("/same", teamed), "allowed", "allowed"},
		{"would let the token through", get("/keeps", guest), "allowed", "allowed"},
		{"would take out a header that is there", get("/renamed", "x-team: red"), "public", "public"},
		{"the issuer's outage is shared", get("/same", bearer(mint(t, w.dark, map[string]any{"aud": "orders-api", "sub": "a"}))),
			"keys_unavailable", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := found.len()
			live := w.decide(t, row.r)
			copied := *live
			if live.Reason != row.live {
				t.Fatalf("live: %s (%s), want %s", live.Reason, live.InternalDetail, row.live)
			}
			c.Offer(row.r, live)
			// When this difference is reported, the request before it has been decided.
			last := w.decide(t, get("/new"))
			c.Offer(get("/new"), last)
			wait(t, "the candidate has decided", func() bool {
				all, _ := found.get()
				return len(all) > before && all[len(all)-1].Live.ID == last.ID
			})
			all, requests := found.get()
			if fmt.Sprint(*live) != fmt.Sprint(copied) {
				t.Errorf("the live decision was changed:\n%+v\nbefore\n%+v", *live, copied)
			}
			if got := len(all) - before - 1; (got > 0) != (row.candidate != "") || got > 1 {
				t.Fatalf("%d differences, want %q", got, row.candidate)
			}
			if row.candidate == "" {
				return
			}
			d, r := all[before], requests[before]
			if r.Target != row.r.Target || len(r.Headers) != len(row.r.Headers) || d.Live.ID != live.ID ||
				d.Candidate.Reason != row.candidate || d.Candidate.ConfigHash != cfg.Hash {
				t.Errorf("candidate: %s by %s, want %s by %s", d.Candidate.Reason, d.Candidate.ConfigHash, row.candidate, cfg.Hash)
			}
			consistent(t, d.Candidate)
		})
	}
	if got := w.home.Fetches(); got != fetches {
		t.Errorf("%d more fetches from the shared issuer", got-fetches)
	}
	if c.Skipped() != 0 {
		t.Errorf("%d were skipped", c.Skipped())
	}
}

// Offer never waits: it skips and counts the requests for which the queue has no room. Run
// decides the others.
func TestCandidateNeverBlocks(t *testing.T) {
	live := open(t, parse(t, publicYAML, nil), gate.Options{Logger: quiet()})
	would := openCandidate(t, live, parse(t, "default: deny\n", nil), gate.Options{Logger: quiet()})
	var found differences
	c := gate.NewCandidate(would, found.differ)
	const offered, room = 3000, 1024
	r := get("/x")
	d := live.Decide(t.Context(), r)
	for range offered {
		c.Offer(r, d) // Run has not started
	}
	if got := c.Skipped(); got != offered-room {
		t.Errorf("%d were skipped, want %d", got, offered-room)
	}
	end := begin(t, c)
	wait(t, "all that there was room for is decided", func() bool { return found.len() == room })
	end()
	for range offered {
		c.Offer(r, d) // Run has returned
	}
	if got := c.Skipped(); got != 2*(offered-room) {
		t.Errorf("%d were skipped, want %d", got, 2*(offered-room))
	}
	if found.len() != room {
		t.Errorf("%d differences after the end, want %d", found.len(), room)
	}
}

// Several calls of Offer can see the last free place at the same time. One of them gets it,
// and the others do not wait. The requests take long to copy, so that all calls have seen
// the free place before the first one takes it.
func TestCandidateNeverBlocksAtTheLastPlace(t *testing.T) {
	live := open(t, parse(t, publicYAML, nil), gate.Options{Logger: quiet()})
	c := gate.NewCandidate(live, func(*request.Request, gate.Difference) {})
	d := live.Decide(t.Context(), get("/x"))
	const room, at = 1024, 4
	for range room - 1 {
		c.Offer(get("/x"), d)
	}
	large := get("/x")
	large.Headers = slices.Repeat([]request.Header{{Name: "x-name", Value: "value"}}, 300_000)
	var returned atomic.Int32
	for range at {
		go func() {
			c.Offer(large, d)
			returned.Add(1)
		}()
	}
	wait(t, "each offer returns", func() bool { return returned.Load() == at })
	if got := c.Skipped(); got != at-1 {
		t.Errorf("got %d skipped; expected %d", got, at-1)
	}
}

// Offer can be called from many goroutines.
func TestCandidateConcurrently(t *testing.T) {
	live := open(t, parse(t, publicYAML, nil), gate.Options{Logger: quiet()})
	would := open(t, parse(t, "default: deny\n", nil), gate.Options{Logger: quiet()})
	var found differences
	c := gate.NewCandidate(would, found.differ)
	begin(t, c)
	var offering sync.WaitGroup
	const each, by = 500, 4
	for range by {
		offering.Go(func() {
			for range each {
				r := get("/x")
				c.Offer(r, live.Decide(t.Context(), r))
			}
		})
	}
	offering.Wait()
	wait(t, "each was decided or left out", func() bool { return found.len()+int(c.Skipped()) == each*by })
}

// A candidate that shares keys with the live gate can use them after the live gate has
// another config, or has been closed.
func TestCandidateOutlivesTheLiveConfig(t *testing.T) {
	w := startWith(t, liveYAML)
	would := openCandidate(t, w.gate, w.cfg, gate.Options{Logger: quiet(), Now: w.clock.now})
	if err := reload(t.Context(), w.gate, parse(t, publicYAML, nil)); err != nil {
		t.Fatal(err)
	}
	w.gate.Close()
	if _, err := w.home.Rotate(); err != nil {
		t.Fatal(err)
	}
	d := would.Decide(t.Context(), get("/same", bearer(mint(t, w.home, claims(nil)))))
	if d.Reason != gate.ReasonAllowed {
		t.Errorf("%s (%s), want allowed by the rotated key", d.Reason, d.InternalDetail)
	}
}

// A request that no check has decided is not compared, whatever the candidate would decide.
func TestCandidateComparesDecisionsOnly(t *testing.T) {
	live := open(t, parse(t, publicYAML, nil), gate.Options{Logger: quiet()})
	would := openCandidate(t, live, parse(t, "default: deny\n", nil), gate.Options{Logger: quiet()})
	var found differences
	c := gate.NewCandidate(would, found.differ)
	for _, reason := range []gate.Reason{gate.ReasonInternal, gate.ReasonDeadline, gate.ReasonRequestMalformed} {
		c.Offer(get("/x"), live.Refuse(reason, ""))
	}
	c.Offer(get("/x"), live.Decide(t.Context(), get("/x")))
	begin(t, c)
	wait(t, "the decision of a check is compared", func() bool { return found.len() > 0 })
	if all, _ := found.get(); len(all) != 1 || all[0].Live.Reason != gate.ReasonPublic || c.Skipped() != 0 {
		t.Errorf("got %d differences, the first about %s, and %d skipped; expected one about public", len(all), all[0].Live.Reason, c.Skipped())
	}
	for reason, want := range map[gate.Reason]bool{
		gate.ReasonKeyPending: false, gate.ReasonKeysUnavailable: true, gate.ReasonShadowed: true, gate.ReasonRouteUnknown: true,
	} {
		if info, _ := gate.LookupReason(reason); info.Decided() != want {
			t.Errorf("%s: decided %v, want %v", reason, info.Decided(), want)
		}
	}
}

// The caller can use the request again at once: a candidate decides the request as it was
// offered, with the route that Envoy named.
func TestCandidateKeepsCopies(t *testing.T) {
	live := open(t, parse(t, publicYAML, nil), gate.Options{Logger: quiet()})
	would := open(t, parse(t, "default: deny\nroutes: [{name: all, match: /other, access: public}]\n", nil), gate.Options{Logger: quiet()})
	var found differences
	c := gate.NewCandidate(would, found.differ)
	r := named("all", get("/x", "x-one: 1"))
	d := live.Decide(t.Context(), r)
	id := d.ID
	c.Offer(r, d)
	r.Target, r.Headers[0].Value = "/other", "2"
	r.SetRoute("default")
	begin(t, c)
	wait(t, "the candidate has decided", func() bool { return found.len() == 1 })
	all, requests := found.get()
	if got := all[0]; got.Live.ID != id || got.Live.Reason != gate.ReasonPublic || got.Candidate.Reason != gate.ReasonRouteMismatch {
		t.Errorf("live %+v, candidate %s", got.Live, got.Candidate.Reason)
	}
	if requests[0].Target != "/x" || requests[0].Header("x-one") != "1" {
		t.Errorf("it decided %+v", requests[0])
	}
}

// A candidate that shares keys with the live gate decides like it, but does not affect the
// keys: it counts no token and requests no fetch, whatever kid a token names.
func TestCandidateLeavesNoTrace(t *testing.T) {
	w := startWith(t, liveYAML)
	would := openCandidate(t, w.gate, w.cfg, gate.Options{Logger: quiet(), Now: w.clock.now})
	raw := mint(t, w.home, claims(nil))
	before := trace(w.gate)
	if d := would.Decide(t.Context(), get("/same", bearer(raw))); d.Reason != gate.ReasonAllowed {
		t.Errorf("got %s (%s), want allowed", d.Reason, d.InternalDetail)
	}
	unknown := sign(t, w.home, map[string]any{"kid": "unknown"}, claims(nil))
	if d := would.Decide(t.Context(), get("/same", bearer(unknown))); d.Reason != gate.ReasonKeyUnknown {
		t.Errorf("got %s (%s), want key_unknown", d.Reason, d.InternalDetail)
	}
	if after := trace(w.gate); after != before {
		t.Errorf("the keys show\n%s\nwant\n%s", after, before)
	}
	// A gate that shares no keys counts and fetches.
	w.gate.Close()
	would.Decide(t.Context(), get("/other", bearer(mint(t, w.home, claims(map[string]any{"sub": "bob"})))))
	if after := trace(would); after == before {
		t.Error("a gate that shares no keys has counted nothing")
	}
}

// trace returns what decisions change in the state of a gate's issuers.
func trace(g *gate.Gate) (text string) {
	for _, s := range g.Issuers().Stats() {
		text += fmt.Sprintln(s.Issuer, s.Fetches, s.UnknownKIDs)
		for _, key := range s.Keys {
			text += fmt.Sprintln(key.KID, key.Tokens, key.LastUsed)
		}
	}
	return text
}
