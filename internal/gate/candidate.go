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

// Limits of a candidate. It must not take from the live gate what that needs:
// what is beyond them is left out, and counted.
const (
	candidateWaiting = 1024                  // requests
	candidateTime    = 50 * time.Millisecond // for one, waiting for a key included
)

// Difference is a request that a candidate config decides otherwise than the
// live one.
type Difference struct {
	Live, Candidate *Decision
}

// Candidate decides by another config what a live gate has decided already, off
// the request's path, and tells where it would differ. It never changes an
// answer. Make one with [NewCandidate]. It is safe for concurrent use.
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

// NewCandidate returns a candidate that decides by g and tells differences to
// differ, from one goroutine.
func NewCandidate(g *Gate, differ func(*request.Request, Difference)) *Candidate {
	return &Candidate{gate: g, differ: differ, waiting: make(chan offered, candidateWaiting)}
}

// Offer hands over a request, of which it keeps a copy, and its live decision. It never
// waits: a request for which there is no room is skipped and counted.
func (c *Candidate) Offer(r *request.Request, live *Decision) {
	if !c.decided(live) {
		return
	}
	if len(c.waiting) == cap(c.waiting) {
		c.skipped.Add(1) // not worth the copy
		return
	}
	select {
	case c.waiting <- offered{clone(r), live}:
	default:
		c.skipped.Add(1)
	}
}

// decided reports whether a check led to the decision, so that another config could have
// led to another one.
func (c *Candidate) decided(d *Decision) bool { return c.gate.reasons.named[d.Reason].Decided() }

// clone copies a request whose lists the caller uses again.
func clone(r *request.Request) *request.Request {
	copied := *r
	copied.Headers, copied.Extensions = slices.Clone(r.Headers), maps.Clone(r.Extensions)
	return &copied
}

// Skipped returns how many requests were left out since the start.
func (c *Candidate) Skipped() uint64 { return c.skipped.Load() }

// Run decides what is offered until ctx ends.
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
		if fault := recover(); fault != nil { // it changes nothing, this least of all
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

// differ reports whether two decisions on one request are different to the
// client, to the application or in their reason. Ids, routes, the order of what
// is changed, and what is removed of which the request has nothing do not count.
func differ(r *request.Request, a, b *Decision) bool {
	byName := func(x, y request.Header) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Value, y.Value))
	}
	return a.Verdict != b.Verdict || a.Reason != b.Reason || a.Status() != b.Status() ||
		!alike(a.Set, b.Set, byName) || !alike(a.AddToResponse, b.AddToResponse, byName) || !alike(a.answered(), b.answered(), byName) ||
		!alike(having(r, a.Remove), having(r, b.Remove), strings.Compare) || !alike(a.RemoveParameters, b.RemoveParameters, strings.Compare)
}

// answered are the header fields of an answer, if the decision has one.
func (d *Decision) answered() []request.Header {
	if d.Answer == nil {
		return nil
	}
	return d.Answer.Headers
}

// having returns those of the header names that the request has.
func having(r *request.Request, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, has := r.Lookup(name)
		return !has
	})
}

// alike reports whether two lists hold the same, in whatever order.
func alike[V comparable](a, b []V, compare func(x, y V) int) bool {
	if len(a) != len(b) {
		return false
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, compare)
	slices.SortFunc(b, compare)
	return slices.Equal(a, b)
}
