package issuer

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// rest is a document with more keys than max_keys. A set holds max_keys of them. Any other
// key is parsed when a token asks for its kid, and then held in place of the kid that was
// asked for longest ago. What a set answers does not depend on which keys it holds.
type rest struct {
	parser
	all    map[string][]any // :: kid -> its keys, held or not, as in the document
	beyond int              // how many keys the document has beyond max_keys
}

// has reports whether the document has a key with this kid.
func (r *rest) has(kid string) bool { return r != nil && r.all[kid] != nil }

// parse returns new values of the keys of a kid, which no other set shares.
func (r *rest) parse(kid string) ([]*key, []Skipped) {
	if !r.has(kid) {
		return nil, nil
	}
	keys, skipped := r.parseKeys(r.all[kid])
	shared := new(usage)
	for _, k := range keys {
		k.spare, k.usage = true, shared
	}
	return keys, skipped
}

// restIncludes is includes for the kids that old does not hold. A token may have been
// verified while old held them.
func (s *keySet) restIncludes(old *keySet) bool {
	if old.rest == nil || old.rest == s.rest {
		return true
	}
	for kid, elements := range old.rest.all {
		if old.byKID[kid] != nil || s.rest != nil && reflect.DeepEqual(s.rest.all[kid], elements) {
			continue
		}
		if !sameKeys(s.keysOf(kid), old.keysOf(kid)) {
			return false
		}
	}
	return true
}

// taking returns a copy of s that holds a kid of its rest, in place of the kids that were
// asked for longest ago, or s if it cannot.
func (s *keySet) taking(kid string) *keySet {
	taken, _ := s.rest.parse(kid)
	if len(taken) == 0 || len(taken) > s.rest.max || s.byKID[kid] != nil {
		return s
	}
	for _, k := range taken {
		k.spare = false
	}
	uncounted := func(k *key) bool { _, leaving := s.leaving[k.kid]; return leaving || s.borrowed[k.kid] }
	oldest := slices.DeleteFunc(slices.Clone(s.keys), uncounted) // max_keys counts neither leaving nor borrowed keys
	held := len(oldest)
	slices.Reverse(oldest) // of kids that no token asked for, the last in the document goes first
	slices.SortStableFunc(oldest, byUse)
	gone := map[string]bool{}
	for _, k := range oldest {
		if held+len(taken) > s.rest.max && !gone[k.kid] {
			gone[k.kid] = true
			held -= len(s.byKID[k.kid])
		}
	}
	next := *s
	next.keys = append(slices.DeleteFunc(slices.Clone(s.keys), func(k *key) bool { return gone[k.kid] }), taken...)
	next.byKID = maps.Clone(s.byKID)
	maps.DeleteFunc(next.byKID, func(kid string, _ []*key) bool { return gone[kid] })
	next.byKID[kid] = taken
	return &next
}

// byUse orders keys by the last token that asked for their kids.
func byUse(a, b *key) int { return cmp.Compare(a.usage.recent(), b.usage.recent()) }

// recent returns the time of the last token that asked for the kid.
func (u *usage) recent() int64 { return max(u.asked.Load(), u.last.Load()) }

// carryHeld returns next with the kids that old holds, that tokens have asked for, and
// that are only in the rest of next. The kid that was asked for last is taken last.
func (s *keySet) carryHeld(old *keySet) *keySet {
	if s.rest == nil {
		return s
	}
	asked := slices.DeleteFunc(slices.Clone(old.keys), func(k *key) bool { return k.usage.recent() == 0 })
	slices.SortStableFunc(asked, byUse)
	for _, k := range asked {
		if s.byKID[k.kid] == nil && s.rest.has(k.kid) {
			s = s.taking(k.kid)
			s.carryUsage(old)
		}
	}
	return s
}

// asked records that a token asked for a kid, and holds the kid if it is in the rest.
func (r *refresher) asked(found *key) {
	if found.spare {
		r.hold(found)
		return
	}
	if s := r.current.Load(); s == nil || s.rest == nil {
		return
	}
	r.stamp(&found.usage.asked)
}

// hold makes the current set hold the kid of a key of its rest. It changes no answer, so
// that the epoch stays.
func (r *refresher) hold(found *key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.current.Load()
	if s == nil || s.rest == nil {
		return
	}
	next := s.taking(found.kid)
	for _, k := range next.byKID[found.kid] {
		r.stamp(&k.usage.asked)
	}
	r.current.Store(next)
}

// stamp stores the present in a time of a usage, once per usageGrain, since all cores
// share the word.
func (r *refresher) stamp(at interface {
	Load() int64
	Store(int64)
}) {
	now := int64(r.now().Sub(r.start)) + 1
	if last := at.Load(); last == 0 || now-last > int64(usageGrain) {
		at.Store(max(now, 1))
	}
}
