package issuer

import (
	"cmp"
	"crypto"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// publicKey is implemented by every public key type of the standard library.
type publicKey interface {
	Equal(crypto.PublicKey) bool
}

// key is one usable key of an issuer. It is immutable once it is part of a
// published keySet.
type key struct {
	kid    string
	kty    string
	alg    string   // as published; empty: absent
	curve  string   // empty for RSA
	could  []string // the algs that the key may verify
	algs   []string // those of them that are the issuer's
	jwk    jwkset.JWK
	public publicKey
	usage  *usage // shared by all keys with this kid, also across key sets

	standard bool // published in standard base64
	spare    bool // from the rest of the document, and not held
}

// same reports whether k and o are the same key, published twice or again.
func (k *key) same(o *key) bool {
	return k.kid == o.kid && slices.Equal(k.algs, o.algs) && k.public.Equal(o.public)
}

// usage counts the tokens that the keys of one kid verified.
type usage struct {
	tokens atomic.Uint64
	// asked is the time of the last token that asked for the kid, as last. It is set only
	// in a set with a rest.
	asked atomic.Int64
	// last is the time of the last verified token, in nanoseconds since the
	// refresher's start and at most usageGrain too early; 0: never.
	last atomic.Int64
}

// keySet is a snapshot of an issuer's keys. A published keySet is immutable;
// readers load the pointer once.
type keySet struct {
	keys    []*key             // in the order of the response
	byKID   map[string][]*key  // :: kid -> its usable keys, never empty
	unfit   map[string]Skipped // :: kid without a usable key -> why
	skipped []Skipped

	// leaving contains the kids that the issuer's last response lacked. They are
	// trusted until a second response confirms that. :: kid -> when first missed
	leaving map[string]time.Time
	// borrowed contains the kids that only a fallback's answer has. :: kid -> true
	borrowed map[string]bool
	fallback bool // the whole set is a fallback's answer

	rest       *rest    // the document, if it has more keys than max_keys
	partial    bool     // restored, and the document may have had more keys
	algorithms []string // the issuer's, when the document was parsed

	fetched time.Time // when the fetch began that returned or last confirmed this set
	epoch   uint64
	expired bool // older than max_stale, and logged
}

func newKeySet(keys []*key, skipped []Skipped) *keySet {
	s := &keySet{
		keys:    keys,
		byKID:   make(map[string][]*key, len(keys)),
		unfit:   make(map[string]Skipped, len(skipped)),
		skipped: skipped,
		leaving: make(map[string]time.Time), borrowed: make(map[string]bool),
	}
	for _, k := range keys {
		s.byKID[k.kid] = append(s.byKID[k.kid], k)
	}
	for _, skip := range skipped {
		if _, usable := s.byKID[skip.KID]; !usable && skip.KID != "" {
			s.unfit[skip.KID] = skip
		}
	}
	return s
}

// mentions reports whether the issuer publishes the kid, with a usable key or not.
func (s *keySet) mentions(kid string) bool {
	_, usable := s.byKID[kid]
	_, unfit := s.unfit[kid]
	return usable || unfit || s.rest.has(kid)
}

// keysOf returns the usable keys of a kid. Those that are not held are parsed.
func (s *keySet) keysOf(kid string) []*key {
	if held := s.byKID[kid]; held != nil {
		return held
	}
	keys, _ := s.rest.parse(kid)
	return keys
}

// find returns the only key that may verify a token with this kid and alg. The
// error is ErrKeyUnfit, or ErrKeyUnknown for a kid that the issuer does not
// publish.
func (s *keySet) find(kid, alg string) (*key, keyError) {
	if kid == "" {
		return s.sole(alg)
	}
	held, ok := s.byKID[kid]
	if !ok && s.rest.has(kid) {
		keys, skipped := s.rest.parse(kid)
		if len(keys) == 0 {
			return nil, skipped[0].unfit()
		}
		held, ok = keys, true
	}
	if !ok {
		if skip, ok := s.unfit[kid]; ok {
			return nil, skip.unfit()
		}
		return nil, keyError{kind: ErrKeyUnknown, kid: kid, fix: denial.FixPublishedKey.With()}
	}
	var fit *key
	for _, k := range held {
		switch {
		case !slices.Contains(k.algs, alg):
		case fit != nil && !fit.public.Equal(k.public):
			// The kid is ambiguous. Trying both keys would let one of them verify
			// a token that was meant for the other.
			return nil, keyError{
				kind: ErrKeyUnfit,
				kid:  kid,
				why:  "two keys have it, and both fit " + alg,
				fix:  denial.FixOneKey.With(alg),
			}
		default:
			fit = k
		}
	}
	if fit == nil {
		return nil, keyError{kind: ErrKeyUnfit, kid: kid, why: fmt.Sprintf("its key is for %s, not for %s", held[0].algs, alg),
			fix: denial.FixKeyAlg.With(quote.OneOf(held[0].algs))}
	}
	return fit, keyError{}
}

// sole returns the only key that may verify a token without a kid. Another key that fits
// the alg makes the token ambiguous: trying both would let one of them verify a token that
// was meant for the other. A leaving key counts only if no other key fits, since the
// issuer's last response lacked it. A borrowed key never counts: a fallback must not make
// tokens ambiguous.
func (s *keySet) sole(alg string) (*key, keyError) {
	if s.rest != nil || s.partial {
		return nil, keyError{
			kind: errKIDNeeded,
			why:  "not all of the issuer's keys are held, so another one may fit " + alg,
			fix:  denial.FixKID.With(),
		}
	}
	var fit, leaving *key
	for _, k := range s.keys {
		one := &fit
		if _, gone := s.leaving[k.kid]; gone {
			one = &leaving
		}
		switch {
		case !slices.Contains(k.algs, alg) || s.borrowed[k.kid]:
		case *one != nil && !(*one).public.Equal(k.public):
			return nil, keyError{kind: errKIDNeeded, why: "two keys of the issuer fit " + alg, fix: denial.FixKID.With()}
		default:
			*one = k
		}
	}
	if fit = cmp.Or(fit, leaving); fit == nil {
		return nil, keyError{kind: ErrKeyUnfit, why: "no key of the issuer fits " + alg, fix: denial.FixKeyFor.With(alg)}
	}
	return fit, keyError{}
}

// includes reports whether each kid of old has the same keys in s, so that s
// verifies every token with a kid that old verified.
func (s *keySet) includes(old *keySet) bool {
	for kid, held := range old.byKID {
		if !sameKeys(s.keysOf(kid), held) {
			return false
		}
	}
	return s.restIncludes(old)
}

// includesSole reports whether s verifies every token without a kid that old verified.
func (s *keySet) includesSole(old *keySet) bool {
	for _, alg := range config.Algorithms() {
		before, missing := old.sole(alg)
		if missing.kind != nil {
			continue
		}
		if now, missing := s.sole(alg); missing.kind != nil || !now.public.Equal(before.public) {
			return false
		}
	}
	return true
}

// sameKeys reports whether two lists of keys of one kid have the same keys.
func sameKeys(one, other []*key) bool {
	return len(one) == len(other) &&
		!slices.ContainsFunc(one, func(k *key) bool { return !slices.ContainsFunc(other, k.same) })
}

// kidsBeyond returns, in order, the kids with usable keys in s that have none in
// other. other may be nil.
func (s *keySet) kidsBeyond(other *keySet) []string {
	var kids []string
	for _, k := range s.keys {
		if other != nil && (other.byKID[k.kid] != nil || other.rest.has(k.kid)) {
			continue
		}
		if !slices.Contains(kids, k.kid) {
			kids = append(kids, k.kid)
		}
	}
	return kids
}

// missedKey is a key that the issuer's last response lacked.
type missedKey struct {
	*key
	since time.Time // when it was first missed
}

// The methods below build a keySet. They are called before it is published.

// retain adds a key that is trusted until its removal is confirmed.
func (s *keySet) retain(k missedKey) {
	s.keys = append(s.keys, k.key)
	s.byKID[k.kid] = append(s.byKID[k.kid], k.key)
	s.leaving[k.kid] = k.since
}

// carryUsage makes all keys of one kid share one usage: that of the kid in old, if
// old has it.
func (s *keySet) carryUsage(old *keySet) {
	for kid, held := range s.byKID {
		shared := held[0].usage
		if was := old.byKID[kid]; len(was) > 0 {
			shared = was[0].usage
		}
		for _, k := range held {
			// A set that is published again contains keys that readers use. They
			// share a usage already and must not be written to.
			if k.usage != shared {
				k.usage = shared
			}
		}
	}
}

// without returns a copy of s without some kids.
func (s *keySet) without(kids []string) *keySet {
	keys := slices.DeleteFunc(slices.Clone(s.keys), func(k *key) bool { return slices.Contains(kids, k.kid) })
	next := newKeySet(keys, s.skipped)
	maps.Copy(next.leaving, s.leaving)
	maps.Copy(next.borrowed, s.borrowed)
	for _, kid := range kids {
		delete(next.leaving, kid)
		delete(next.borrowed, kid)
	}
	next.fallback = s.fallback
	next.rest, next.partial, next.algorithms = s.rest, s.partial, s.algorithms
	next.fetched, next.epoch, next.expired = s.fetched, s.epoch+1, s.expired
	return next
}

// borrowing returns a copy of s with the age of s, without the keys that it borrowed before,
// and with those keys of a fallback's answer whose kid s does not mention.
func (s *keySet) borrowing(lent *keySet) *keySet {
	next := s.without(slices.Collect(maps.Keys(s.borrowed)))
	for _, k := range lent.keys {
		if next.borrowed[k.kid] || !next.mentions(k.kid) { // all keys of the kid, as it may be ambiguous
			next.keys, next.borrowed[k.kid] = append(next.keys, k), true
			next.byKID[k.kid] = append(next.byKID[k.kid], k)
		}
	}
	return next
}

// firstMissed returns the earliest time at which one of the leaving kids was
// first missed.
func (s *keySet) firstMissed() (first time.Time, ok bool) {
	for _, since := range s.leaving {
		if !ok || since.Before(first) {
			first, ok = since, true
		}
	}
	return first, ok
}
