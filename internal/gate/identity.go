package gate

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jwtgate/jwtgate/internal/request"
)

// Identity is what a verified token gives under one rule: the headers that the
// application gets, those that are removed, and those that the response gets. All
// decisions about the token under the rule share it. It never changes, and is safe for
// concurrent use.
type Identity struct {
	Set           []request.Header
	Remove        []string
	AddToResponse []request.Header

	rendered atomic.Value
}

// Rendered returns the value of [Identity.KeepRendered], or nil. It must not be changed.
func (i *Identity) Rendered() any { return i.rendered.Load() }

// KeepRendered stores what a renderer made from a decision with this identity, for the
// decisions that share it. The value must not contain anything that differs between
// these decisions. The first value stays.
func (i *Identity) KeepRendered(made any) { i.rendered.CompareAndSwap(nil, made) }

// newIdentity returns the identity of an allowed decision. Its values are copied into one
// string, so that it keeps nothing else of the request in memory.
func newIdentity(d *Decision) *Identity {
	var all strings.Builder
	for _, h := range d.Set {
		all.WriteString(h.Value)
	}
	values := all.String()
	i := &Identity{Set: make([]request.Header, len(d.Set)), Remove: d.Remove, AddToResponse: d.AddToResponse}
	for n, h := range d.Set {
		i.Set[n], values = request.Header{Name: h.Name, Value: values[:len(h.Value)]}, values[len(h.Value):]
	}
	return i
}

// bytes returns about how much memory the identity takes, with what a renderer stores in
// it. AddToResponse belongs to the policy.
func (i *Identity) bytes() int {
	const structs, perHeader, rendered = 128, 48, 232
	size := structs + rendered
	for _, h := range i.Set {
		size += perHeader + len(h.Name) + 2*len(h.Value)
	}
	return size
}

// useShared allows a request with the identity of an earlier request with its token, and
// reports whether there is one.
func (e *evaluation) useShared() bool {
	if !e.shareable() {
		return false
	}
	shared, found := e.remembered.Kept(e.identityKey())
	if !found || !e.policy.mapper.Usual(e.request.Headers, shared.Set, e.parsed.Relaxed) {
		return false
	}
	d := e.decision
	d.Verdict, d.Reason, d.Identity = VerdictAllow, ReasonAllowed, shared
	d.Set, d.Remove, d.AddToResponse = shared.Set, shared.Remove, shared.AddToResponse
	return true
}

// share keeps the identity of an allowed decision for the next request with its token.
func (e *evaluation) share() {
	if !e.shareable() || !e.remembered.Remembered() {
		return
	}
	d := e.decision
	if !e.policy.mapper.Usual(e.request.Headers, d.Set, e.parsed.Relaxed) {
		return
	}
	// Nearly all tokens have the same headers removed, so they share one list.
	if last := e.policy.lastRemove.Load(); last != nil && slices.Equal(*last, d.Remove) {
		d.Remove = *last
	} else {
		list := d.Remove // not &d.Remove, which would keep the decision
		e.policy.lastRemove.Store(&list)
	}
	d.Identity = newIdentity(d)
	d.Set = d.Identity.Set
	e.policy.tokens.Keep(e.remembered, e.identityKey(), d.Identity, d.Identity.bytes())
}

// shareable reports whether an allowed decision under the rule depends only on what
// [evaluation.identityKey] identifies. A stream limit depends on the time. A credential
// outside Authorization is removed from a header or query that has other contents.
func (e *evaluation) shareable() bool {
	return len(e.further) == 0 && e.rule.BearerOnly() && !e.rule.EndStreamsAtExpiry
}

// identityKey identifies an identity among those of one token in one policy: by the rule,
// by the listed origin whose pages may read the response, and by the relaxations.
func (e *evaluation) identityKey() uint64 {
	origin := e.policy.cors.readers[e.request.Header("origin")].number
	return uint64(e.rule.Number())<<40 | uint64(origin)<<16 | uint64(e.parsed.Relaxed.Bits())
}
