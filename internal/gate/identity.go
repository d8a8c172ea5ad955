package gate

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jwtgate/jwtgate/internal/request"
)

// Identity is what a verified token comes to under one rule: the headers that the
// application gets, and those that are removed. It is complete and never changes. All
// decisions about the token under the rule share it. It is safe for concurrent use.
type Identity struct {
	Set    []request.Header
	Remove []string

	rendered atomic.Value
}

// Rendered returns what [Identity.KeepRendered] kept, or nil. It must not be changed.
func (i *Identity) Rendered() any { return i.rendered.Load() }

// KeepRendered keeps what a renderer made of the decisions that share this identity, so
// that it need not be made again. It must hold nothing of one decision alone. The first
// value stays.
func (i *Identity) KeepRendered(made any) { i.rendered.CompareAndSwap(nil, made) }

// newIdentity returns an identity in memory of its own, which is small since it lives as
// long as its token is remembered.
func newIdentity(set []request.Header, remove []string) *Identity {
	var all strings.Builder
	for _, h := range set {
		all.WriteString(h.Value)
	}
	values := all.String()
	i := &Identity{Set: make([]request.Header, len(set)), Remove: remove}
	for n, h := range set {
		i.Set[n], values = request.Header{Name: h.Name, Value: values[:len(h.Value)]}, values[len(h.Value):]
	}
	return i
}

// bytes is about how much memory the identity takes, with an answer.
func (i *Identity) bytes() int {
	const structs, perHeader, answer = 128, 48, 256
	size := structs + answer
	for _, h := range i.Set {
		size += perHeader + len(h.Name) + 2*len(h.Value)
	}
	for _, name := range i.Remove {
		size += len(name) + 2
	}
	return size
}

// useShared allows a request by the identity that its token came to before, and reports
// whether there was one.
func (c *check) useShared() bool {
	if !c.shareable() {
		return false
	}
	shared, found := c.remembered.Kept(c.identityKey())
	if !found || !c.policy.mapper.Usual(c.request.Headers, shared.Set, c.parsed.Relaxed) {
		return false
	}
	d := c.decision
	d.Verdict, d.Reason, d.Identity = VerdictAllow, ReasonAllowed, shared
	d.Set, d.Remove, d.AddToResponse = shared.Set, shared.Remove, c.policy.cors.allowed(c.request.Header("origin"))
	return true
}

// share keeps the identity of an allowed decision for the next request with its token.
func (c *check) share() {
	if !c.shareable() || !c.remembered.Remembered() {
		return
	}
	d := c.decision
	if !c.policy.mapper.Usual(c.request.Headers, d.Set, c.parsed.Relaxed) {
		return
	}
	// Nearly all tokens have the same headers removed, and share the list.
	if last := c.policy.lastRemove.Load(); last != nil && slices.Equal(*last, d.Remove) {
		d.Remove = *last
	} else {
		c.policy.lastRemove.Store(&d.Remove)
	}
	d.Identity = newIdentity(d.Set, d.Remove)
	d.Set = d.Identity.Set
	c.policy.tokens.Keep(c.remembered, c.identityKey(), d.Identity, d.Identity.bytes())
}

// shareable reports whether allowed decisions under the rule hold nothing of their
// request and its time: a credential in another place is cut out of what came with it.
func (c *check) shareable() bool {
	return len(c.further) == 0 && c.rule.BearerOnly() && !c.rule.EndStreamsAtExpiry
}

// identityKey tells apart what one token comes to in one policy: by its rule, by the
// origin whose pages may read the response, and by what is relaxed.
func (c *check) identityKey() uint64 {
	origin := c.policy.cors.readers[c.request.Header("origin")].number
	return uint64(c.rule.Number())<<40 | uint64(origin)<<16 | uint64(c.parsed.Relaxed.Bits())
}
