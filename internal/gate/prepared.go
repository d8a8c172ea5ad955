package gate

import (
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
	set     []Header
	remove  []string
	next    *Prepared // of the same token, under another rule
	length  int       // of the list from here on

	rendered atomic.Pointer[Rendering]
}

// Rendering is an answer in the form in which it is sent, for another decision
// but for its id.
type Rendering struct {
	Answer []byte
	ID     int // where the id's text begins
}

// removals are the lists of names that prepared answers remove. There are few of
// them, and many tokens that each would keep one of its own.
type removals struct {
	mu    sync.Mutex
	known map[string][]string // :: the names, joined
}

// maxRemovals bounds how many lists are shared; what identity headers a token
// sets makes the difference between them.
const maxRemovals = 1024

// of returns the one list of these names.
func (r *removals) of(names []string) []string {
	key := strings.Join(names, ",")
	r.mu.Lock()
	defer r.mu.Unlock()
	if shared, known := r.known[key]; known {
		return shared
	}
	if r.known == nil {
		r.known = make(map[string][]string)
	}
	if len(r.known) < maxRemovals {
		r.known[key] = names
	}
	return names
}

// maxPrepared bounds what is kept with one token.
const maxPrepared = 4

// Rendered returns what [Prepared.Render] has kept, or nil.
func (p *Prepared) Rendered() *Rendering { return p.rendered.Load() }

// Render keeps the answer in the form in which it is sent. It must not be changed
// after.
func (p *Prepared) Render(r *Rendering) { p.rendered.Store(r) }

// allowPrepared allows a request whose answer holds nothing of the request, as
// it has been put together before, or now for the next one. False: the answer has
// to be made for this request alone.
func (c *check) allowPrepared() bool {
	if !c.rule.BearerOnly() || c.rule.EndStreamsAtExpiry {
		return false
	}
	p := c.prepared()
	if p == nil || !c.policy.mapper.Usual(c.request.Headers, p.set, c.relaxed) {
		return false
	}
	d := c.decision
	d.Verdict, d.Reason = VerdictAllow, ReasonAllowed
	d.Set, d.Remove, d.Prepared = p.set, p.remove, p
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
	p := &Prepared{rule: c.rule, relaxed: c.relaxed, set: set, length: 1}
	p.remove = c.policy.removals.of(slices.Concat(c.policy.mapper.Strip(nil, set, c.relaxed), c.removal(c.rule).Headers))
	if first != nil && first.length < maxPrepared {
		p.next, p.length = first, first.length+1
	}
	c.token.Derive(p)
	return p
}
