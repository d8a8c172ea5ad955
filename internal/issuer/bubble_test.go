package issuer_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// bubble is one running issuer with its key server, inside a synctest bubble, whose
// clock advances only when all goroutines wait.
type bubble struct {
	t      *testing.T
	keys   *server
	set    *issuer.Set
	issuer *issuer.Issuer
	logs   *logs
	ctx    context.Context
}

// inBubble runs a test in a bubble. change may change the issuer's config and prepare
// the server before the first fetch.
func inBubble(t *testing.T, keys []jwk, change func(*config.Issuer, *server), test func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server, dial := newPipeServer(t, keys...)
		cfg := issuerAt("http://keys.example/jwks.json")
		if change != nil {
			change(&cfg, server)
		}
		b := &bubble{t: t, keys: server, logs: &logs{}, ctx: t.Context()}
		b.set = newSet(t, issuer.Options{Dial: dial, Logger: b.logs.logger()}, cfg)
		b.issuer = only(t, b.set)
		b.set.Start()
		synctest.Wait()
		test(b)
	})
}

// pass waits for d, and for everything that happens in that time.
func (b *bubble) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// want checks the result of one call of Key, as [want] does, and waits for what follows
// a fetch, such as its log line.
func (b *bubble) want(kid string, sentinel error) {
	b.t.Helper()
	want(b.t, b.issuer, kid, "EdDSA", sentinel)
	synctest.Wait()
}

// fetches checks that the number of fetches so far is in a range.
func (b *bubble) fetches(least, most int) {
	b.t.Helper()
	if n := b.keys.fetches(); n < least || n > most {
		b.t.Errorf("got %d fetches; expected %d to %d", n, least, most)
	}
}

// gaps returns the times between successive fetches, beginning with fetch from.
func (b *bubble) gaps(from int) []time.Duration {
	times := b.keys.times()
	var gaps []time.Duration
	for n := from + 1; n < len(times); n++ {
		gaps = append(gaps, times[n].Sub(times[n-1]))
	}
	return gaps
}

// slow delays all further responses of the server by d.
func (b *bubble) slow(d time.Duration) {
	b.keys.mu.Lock()
	defer b.keys.mu.Unlock()
	answer := b.keys.answer
	b.keys.answer = func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			answer(w, r)
		case <-r.Context().Done():
		}
	}
}
