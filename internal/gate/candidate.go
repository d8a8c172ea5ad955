package gate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/request"
)

// Limits of a candidate, which leave the live gate its memory and CPU. Requests beyond them
// are skipped and counted.
const (
	candidateWaiting = 1024                  // requests
	candidateTime    = 50 * time.Millisecond // for one request, with the wait for a key
)

// Difference has the two decisions of a request that a candidate config decides
// differently from the live one.
type Difference struct {
	Live, Candidate *Decision
}

// Candidate decides requests again by another config, after a live gate has decided them,
// and reports the differences. It never changes or delays an answer. Make one with
// [NewCandidate]. It is safe for concurrent use.
type Candidate struct {
	gate    *Gate
	differ  func(*request.Request, Difference)
	waiting chan offered
	skipped atomic.Uint64
}

type offered struct {
	request *request.Request
	live    *Decision
}

// NewCandidate returns a candidate that decides by g. It calls differ for each difference,
// from the goroutine of [Candidate.Run].
func NewCandidate(g *Gate, differ func(*request.Request, Difference)) *Candidate {
	return &Candidate{gate: g, differ: differ, waiting: make(chan offered, candidateWaiting)}
}

// Offer queues a copy of a request, with its live decision. It never waits: if the queue is
// full, the request is skipped and counted.
func (c *Candidate) Offer(r *request.Request, live *Decision) {
	if !c.decided(live) {
		return
	}
	if len(c.waiting) == cap(c.waiting) {
		c.skipped.Add(1) // without copying the request
		return
	}
	select {
	case c.waiting <- offered{clone(r), live}:
	default:
		c.skipped.Add(1)
	}
}

// decided reports whether a check made the decision, so that another config can lead to a
// different one.
func (c *Candidate) decided(d *Decision) bool { return c.gate.reasons.named[d.Reason].Decided() }

// clone copies a request and its lists, which the caller uses again.
func clone(r *request.Request) *request.Request {
	copied := *r
	copied.Headers, copied.Extensions = slices.Clone(r.Headers), maps.Clone(r.Extensions)
	return &copied
}

// Skipped returns the number of requests that were skipped since the start.
func (c *Candidate) Skipped() uint64 { return c.skipped.Load() }

// Run decides the offered requests until ctx ends.
func (c *Candidate) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-c.waiting:
			c.decide(ctx, one)
		}
	}
}

func (c *Candidate) decide(ctx context.Context, one offered) {
	ctx, cancel := context.WithTimeout(ctx, candidateTime)
	defer cancel()
	defer func() {
		if fault := recover(); fault != nil { // a candidate must not end the program
			c.skipped.Add(1)
			c.gate.options.Logger.ErrorContext(ctx, "the candidate panicked",
				"decision", one.live.ID.String(), "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
		}
	}()
	would := c.gate.evaluate(one.request, one.live.Time)
	would.run(ctx)
	if !c.decided(would.decision) {
		c.skipped.Add(1)
		return
	}
	if differ(one.request, one.live, would.decision) {
		c.differ(one.request, Difference{Live: one.live, Candidate: would.decision})
	}
}

// differ reports whether two decisions on one request differ for the client, for the
// application or in their reason. IDs, routes, the order of headers, and the removal of
// headers that the request does not have do not count.
func differ(r *request.Request, a, b *Decision) bool {
	byName := func(x, y request.Header) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Value, y.Value))
	}
	return a.Verdict != b.Verdict || a.Reason != b.Reason || a.Status() != b.Status() ||
		!alike(a.Set.List(), b.Set.List(), byName) || !alike(a.AddToResponse, b.AddToResponse, byName) ||
		!alike(a.answered(), b.answered(), byName) ||
		!alike(having(r, a.Remove), having(r, b.Remove), strings.Compare) || !alike(a.RemoveParameters, b.RemoveParameters, strings.Compare)
}

// answered returns the header fields of the answer, if the decision has one.
func (d *Decision) answered() []request.Header {
	if d.Answer == nil {
		return nil
	}
	return d.Answer.Headers
}

// having returns the names of those headers that the request has.
func having(r *request.Request, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, has := r.Lookup(name)
		return !has
	})
}

// alike reports whether two lists have the same elements, in any order.
func alike[V comparable](a, b []V, compare func(x, y V) int) bool {
	if len(a) != len(b) {
		return false
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, compare)
	slices.SortFunc(b, compare)
	return slices.Equal(a, b)
}
