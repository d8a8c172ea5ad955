package devidp

import (
	"fmt"
	"slices"
	"sync"

	"github.com/jwtgate/jwtgate/internal/signer"
)

// ring is the keys of one issuer, or of several that share them on purpose.
type ring struct {
	alg string // of keys that are asked for without an algorithm

	mu        sync.Mutex // guards what follows
	signing   *signer.Key
	published []*signer.Key // in the order in which they joined
	all       []*signer.Key // published once, withdrawn or not
}

func newRing(alg string) (*ring, error) {
	r := &ring{alg: alg}
	kid, err := r.add("")
	if err != nil {
		return nil, err
	}
	return r, r.use(kid)
}

// add publishes a new key that does not sign yet.
func (r *ring) add(alg string) (string, error) {
	if alg == "" {
		alg = r.alg
	}
	k, err := signer.New(alg) // outside the lock: an RSA key takes a while
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.published = append(r.published, k)
	r.all = append(r.all, k)
	return k.ID, nil
}

// use makes the key the one that signs, whether it is published or not.
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

// remove withdraws the key from the set; if it signs, it goes on signing.
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

// rotate publishes and signs with a new key, and withdraws all others at once.
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
