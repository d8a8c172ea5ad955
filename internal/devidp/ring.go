package devidp

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/jwtgate/jwtgate/internal/signer"
)

// ring is the keys of one issuer, or of several that share them.
type ring struct {
	alg string // of new keys, by default

	mu        sync.Mutex // guards what follows
	signing   *signer.Key
	published []*signer.Key // in the order of publication
	all       []*signer.Key // also the withdrawn ones
}

func newRing(alg string) (*ring, error) {
	r := &ring{alg: alg}
	_, err := r.rotate()
	return r, err
}

// add publishes a new key.
func (r *ring) add(alg string) (string, error) {
	k, err := signer.New(cmp.Or(alg, r.alg)) // without the lock, since it is slow for RSA
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.published = append(r.published, k)
	r.all = append(r.all, k)
	return k.ID, nil
}

// use makes a key the signing key, whether it is published or not.
func (r *ring) use(kid string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.all, func(k *signer.Key) bool { return k.ID == kid })
	if at < 0 {
		return fmt.Errorf("no key with id %q", kid)
	}
	r.signing = r.all[at]
	return nil
}

// remove withdraws a key from the published set.
func (r *ring) remove(kid string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.published, func(k *signer.Key) bool { return k.ID == kid })
	if at < 0 {
		return fmt.Errorf("no published key with id %q", kid)
	}
	r.published = slices.Delete(r.published, at, at+1)
	return nil
}

// rotate replaces the published set and the signing key with a new key.
func (r *ring) rotate() (string, error) {
	k, err := signer.New(r.alg)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signing, r.published = k, []*signer.Key{k}
	r.all = append(r.all, k)
	return k.ID, nil
}

func (r *ring) signer() *signer.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.signing
}

func (r *ring) snapshot() []*signer.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.published)
}
