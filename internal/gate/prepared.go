package gate

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/route"
)

// Prepared is what a remembered token comes to under one rule: all of an allowed
// answer but the decision's id. It is kept with the token, and is safe for
// concurrent use.
type Prepared struct {
	rule    *route.Rule
	relaxed config.Relaxed
	set     atomic.Pointer[[]Header] // nil once the answer is kept, unless somebody asks for it
	removal *removal
	next    *Prepared // of the same token, under another rule
	length  int       // of the list from here on

	// The answer as it is sent, once state is kept: what of it is the token's own,
	// which the removal's bytes divide.
	state atomic.Uint32
	own   []byte
	cut   int // where the removal's bytes stand; -1: they stand in own
	id    int // where the id's text begins, in the whole answer
}

// The states of a prepared answer.
const (
	unkept uint32 = iota
	keeping
	kept
)

// Append appends the answer for another decision by that id, if it was kept.
func (p *Prepared) Append(to []byte, id ID) ([]byte, bool) {
	if p.state.Load() != kept {
		return to, false
	}
	begin := len(to)
	if p.cut < 0 {
		to = append(to, p.own...)
	} else {
		to = append(to, p.own[:p.cut]...)
		to = append(to, *p.removal.rendered.Load()...)
		to = append(to, p.own[p.cut:]...)
	}
	id.Append(to[:begin+p.id])
	return to, true
}

// Layout is where in an answer parts stand that it shares with others, in bytes
// from its begin.
type Layout struct {
	RemoveBegin, RemoveEnd int // the names that are removed
	ID                     int // the decision's id, in its text
}

// Keep keeps the answer of a decision for the next one that comes to the same.
// Answers of many tokens share the bytes of what they remove. asked: somebody looks
// at [Decision].Set of allowed decisions.
func (p *Prepared) Keep(answer []byte, at Layout, asked bool) {
	if !p.state.CompareAndSwap(unkept, keeping) {
		return
	}
	p.id, p.cut = at.ID, -1
	if p.removal.keep(answer[at.RemoveBegin:at.RemoveEnd]) {
		p.cut, p.own = at.RemoveBegin, slices.Concat(answer[:at.RemoveBegin], answer[at.RemoveEnd:])
	} else {
		p.own = bytes.Clone(answer)
	}
	p.state.Store(kept)
	if !asked {
		p.set.Store(nil)
	}
}

// removal is a list of names that prepared answers remove, and the names that are
// set beside it. There are few of them, and many tokens that share them.
type removal struct {
	names    []string
	set      []Header // without values
	rendered atomic.Pointer[[]byte]
}

// keep keeps the list as it is sent, and reports whether that is removed.
func (r *removal) keep(removed []byte) bool {
	if r.rendered.Load() == nil {
		copied := bytes.Clone(removed)
		r.rendered.CompareAndSwap(nil, &copied)
	}
	return len(removed) > 0 && bytes.Equal(*r.rendered.Load(), removed)
}

// removals are the removals of one policy.
type removals struct {
	mu    sync.Mutex
	known map[string]*removal // :: the names that are removed and those that are set, joined
}

// maxRemovals bounds how many lists are shared; what identity headers a token
// sets makes the difference between them.
const maxRemovals = 1024

// of returns the removal of these names beside those that are set.
func (r *removals) of(names []string, set []Header) *removal {
	made := &removal{names: names, set: make([]Header, len(set))}
	key := strings.Join(names, ",") + ";"
	for i, h := range set {
		made.set[i].Name = h.Name
		key += h.Name + ","
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if shared, known := r.known[key]; known {
		return shared
	}
	if r.known == nil {
		r.known = make(map[string]*removal)
	}
	if len(r.known) < maxRemovals {
		r.known[key] = made
	}
	return made
}

// maxPrepared bounds what is kept with one token.
const maxPrepared = 4

// allowPrepared allows a request whose answer holds nothing of the request, as
// it has been put together before, or now for the next one. False: the answer has
// to be made for this request alone.
func (c *check) allowPrepared() bool {
	if !c.rule.BearerOnly() || c.rule.EndStreamsAtExpiry {
		return false
	}
	p := c.prepared()
	if p == nil || !c.policy.mapper.Usual(c.request.Headers, p.removal.set, c.relaxed) {
		return false
	}
	d := c.decision
	d.Verdict, d.Reason = VerdictAllow, ReasonAllowed
	d.Remove, d.Prepared = p.removal.names, p
	if set := p.set.Load(); set != nil {
		d.Set = *set
	}
	return true
}

// prepared finds or makes what the token comes to under the rule; nil when it
// cannot be told to the application.
func (c *check) prepared() *Prepared {
	first, _ := c.token.Derived().(*Prepared)
	for p := first; p != nil; p = p.next {
		if p.rule == c.rule && p.relaxed == c.relaxed {
			return p
		}
	}
	set, err := c.policy.mapper.Map(c.token, c.relaxed)
	if err != nil {
		return nil
	}
	c.token.Settle()
	p := &Prepared{rule: c.rule, relaxed: c.relaxed, length: 1}
	p.set.Store(&set)
	p.removal = c.policy.removals.of(slices.Concat(c.policy.mapper.Strip(nil, set, c.relaxed), c.removal(c.rule).Headers), set)
	if first != nil && first.length < maxPrepared {
		p.next, p.length = first, first.length+1
	}
	c.token.Derive(p)
	return p
}
