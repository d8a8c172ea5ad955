package issuer

import (
	"crypto"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
)

// publicKey is what every key kind of the standard library can do.
type publicKey interface {
	Equal(crypto.PublicKey) bool
}

// key is one usable key of an issuer. It is never changed once it is in a
// published keySet.
type key struct {
	kid    string
	kty    string
	alg    string   // as published; empty: not said
	curve  string   // empty for RSA
	algs   []string // those of the issuer's algorithms that it may verify
	jwk    jwkset.JWK
	public publicKey
	usage  *usage // shared by all keys with this kid, and carried from set to set
}

// same reports whether both are one key published twice, or again.
func (k *key) same(o *key) bool {
	return k.kid == o.kid && k.alg == o.alg && k.public.Equal(o.public)
}

// usage counts what the keys of one kid verified.
type usage struct {
	tokens atomic.Uint64
	// last is when a token was verified last, in nanoseconds after the
	// refresher's start and at most usageGrain too early; 0: never.
	last atomic.Int64
}

// keySet is an issuer's keys at one moment. A published keySet is never
// changed; readers load the pointer once.
type keySet struct {
	keys    []*key            // in the order they were published
	byKID   map[string][]*key // :: kid -> the usable keys under it, never empty
	unfit   map[string]string // :: kid with no usable key -> why
	skipped []Skipped

	// leaving holds the kids that the issuer's last answer lacks, but that are
	// trusted until a second answer confirms it. :: kid -> when first missed
	leaving map[string]time.Time

	fetched time.Time // when the fetch began that this set, or its confirmation, came from
	epoch   uint64
	expired bool // past max_stale, and noted as such
}

func newKeySet(keys []*key, skipped []Skipped) *keySet {
	s := &keySet{
		keys:    keys,
		byKID:   make(map[string][]*key, len(keys)),
		unfit:   make(map[string]string, len(skipped)),
		skipped: skipped,
		leaving: make(map[string]time.Time),
	}
	for _, k := range keys {
		s.byKID[k.kid] = append(s.byKID[k.kid], k)
	}
	for _, skip := range skipped {
		if _, usable := s.byKID[skip.KID]; !usable && skip.KID != "" {
			s.unfit[skip.KID] = skip.Detail
		}
	}
	return s
}

// mentions reports whether the issuer publishes the kid at all, usable or not.
func (s *keySet) mentions(kid string) bool {
	_, usable := s.byKID[kid]
	_, unfit := s.unfit[kid]
	return usable || unfit
}

// find picks the one key that a token with this kid and alg may be verified
// with. The error is ErrKeyUnfit, or ErrKeyUnknown for a kid that the issuer
// does not publish.
func (s *keySet) find(kid, alg string) (*key, keyError) {
	held, ok := s.byKID[kid]
	if !ok {
		if why, ok := s.unfit[kid]; ok {
			return nil, keyError{kind: ErrKeyUnfit, kid: kid, why: why}
		}
		return nil, keyError{kind: ErrKeyUnknown, kid: kid}
	}
	var fit *key
	for _, k := range held {
		switch {
		case !slices.Contains(k.algs, alg):
		case fit != nil && !fit.public.Equal(k.public):
			// Which of the two the signer means cannot be told, and to try
			// both would let one stand in for the other.
			return nil, keyError{kind: ErrKeyUnfit, kid: kid, why: "it stands for two keys that both fit " + alg}
		default:
			fit = k
		}
	}
	if fit == nil {
		return nil, keyError{kind: ErrKeyUnfit, kid: kid, why: fmt.Sprintf("it is a key for %s, not for %s", held[0].algs, alg)}
	}
	return fit, keyError{}
}

// keeps reports whether every key of old is found in s under the same kid and
// in the same company, so that nothing verified by old would be judged
// otherwise by s.
func (s *keySet) keeps(old *keySet) bool {
	for kid, held := range old.byKID {
		now := s.byKID[kid]
		if len(now) != len(held) {
			return false
		}
		for _, k := range held {
			if !slices.ContainsFunc(now, k.same) {
				return false
			}
		}
	}
	return true
}

// kidsBeyond returns the kids with usable keys in s that other lacks, in
// order. A nil other lacks them all.
func (s *keySet) kidsBeyond(other *keySet) []string {
	var kids []string
	for _, k := range s.keys {
		if other != nil && other.byKID[k.kid] != nil {
			continue
		}
		if !slices.Contains(kids, k.kid) {
			kids = append(kids, k.kid)
		}
	}
	return kids
}

// missedKey is a key that the issuer's last answer lacked.
type missedKey struct {
	*key
	since time.Time // when it was first missed
}

// The methods below build a keySet and are called before it is published.

// hold adds a key that is trusted until it is confirmed to be gone.
func (s *keySet) hold(k missedKey) {
	s.keys = append(s.keys, k.key)
	s.byKID[k.kid] = append(s.byKID[k.kid], k.key)
	s.leaving[k.kid] = k.since
}

// carryUsage makes all keys of one kid count together, and go on where the
// kid's keys in old were.
func (s *keySet) carryUsage(old *keySet) {
	for kid, held := range s.byKID {
		shared := held[0].usage
		if was := old.byKID[kid]; len(was) > 0 {
			shared = was[0].usage
		}
		for _, k := range held {
			// A set that is published anew holds keys that readers have: those
			// count together already, and must not be written to.
			if k.usage != shared {
				k.usage = shared
			}
		}
	}
}

// without is s without some kids.
func (s *keySet) without(kids []string) *keySet {
	keys := slices.DeleteFunc(slices.Clone(s.keys), func(k *key) bool { return slices.Contains(kids, k.kid) })
	next := newKeySet(keys, s.skipped)
	maps.Copy(next.leaving, s.leaving)
	for _, kid := range kids {
		delete(next.leaving, kid)
	}
	next.fetched, next.epoch, next.expired = s.fetched, s.epoch+1, s.expired
	return next
}

// firstMissed is when the first of the leaving kids was first missed.
func (s *keySet) firstMissed() (first time.Time, ok bool) {
	for _, since := range s.leaving {
		if !ok || since.Before(first) {
			first, ok = since, true
		}
	}
	return first, ok
}
