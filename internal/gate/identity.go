package gate

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/request"
)

// mapped is the identity that is remembered with a verified token for the requests that a rule
// allows: all decisions about the token under the rule share it. It never changes. There
// can be tens of thousands, so the texts are one block without pointers, in which the
// garbage collector has nothing to scan, and equal lists are shared.
type mapped struct {
	set      request.Packed
	rendered string
	remove   *[]string
}

// bytes returns about how much memory the identity takes.
func (i mapped) bytes() int {
	const fields = 48
	return fields + (len(i.set)+len(i.rendered))*17/16 // Go's allocator rounds up by an eighth at most
}

// useShared allows a request with the identity of an earlier request with its token, and
// reports whether there is one.
func (e *evaluation) useShared() bool {
	if !e.shareable() {
		return false
	}
	shared, found := e.remembered.Kept(e.identityKey())
	if !found || !e.policy.mapper.Usual(e.request.Headers, e.parsed.Relaxed) {
		return false
	}
	d := e.decision
	d.Verdict, d.Reason = VerdictAllow, ReasonAllowed
	d.Set, d.Remove, d.Rendered = shared.set, *shared.remove, shared.rendered
	d.AddToResponse = e.policy.cors.allowed(e.request.Header("origin"))
	return true
}

// share lets a renderer keep the identity of an allowed decision, with what it rendered,
// for the next request with its token.
func (e *evaluation) share() {
	if !e.shareable() || !e.remembered.Remembered() || !e.policy.mapper.Usual(e.request.Headers, e.parsed.Relaxed) {
		return
	}
	d, policy, at, key := e.decision, e.policy, e.remembered, e.identityKey()
	// Nearly all tokens have the same headers removed, so they share one list.
	remove := policy.lastRemove.Load()
	if remove == nil || !slices.Equal(*remove, d.Remove) {
		list := d.Remove // not &d.Remove, which would keep the decision
		remove = &list
		policy.lastRemove.Store(remove)
	}
	set := string(d.Set)
	d.KeepRendered = func(rendered string) {
		texts := set + rendered
		shared := mapped{set: request.Packed(texts[:len(set)]), rendered: texts[len(set):], remove: remove}
		policy.tokens.Keep(at, key, shared, shared.bytes())
	}
}

// shareable reports whether an allowed decision under the rule depends only on what
// [evaluation.identityKey] identifies. A stream limit depends on the time. A credential
// outside Authorization, and a cookie, is removed from a header or query that has other
// contents.
func (e *evaluation) shareable() bool {
	return len(e.further) == 0 && e.rule.BearerOnly() && !e.rule.EndStreamsAtExpiry &&
		!credential.Strips(&e.parsed, e.policy.cfg.Identity.StripCookies)
}

// identityKey identifies an identity among those of one token in one policy: by the rule,
// by the listed origin whose pages may read the response, and by the relaxations.
func (e *evaluation) identityKey() uint64 {
	origin := e.policy.cors.readers[e.request.Header("origin")].number
	return uint64(e.rule.Number())<<40 | uint64(origin)<<16 | uint64(e.parsed.Relaxed.Bits())
}
