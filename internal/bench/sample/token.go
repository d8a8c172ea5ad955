package sample

import (
	"context"
	"encoding/base64"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jwtgate/jwtgate/internal/signer"
)

// Fault is what is wrong with the tokens of a set.
type Fault int

// The faults.
const (
	Valid      Fault = iota
	Expired          // expired an hour ago; the signature is valid
	Forged           // signed by another key, with the id of the set's key
	UnknownKID       // each with another key id, which no key has
)

// Kind describes a set of tokens.
type Kind struct {
	Issuer string // empty: the constant Issuer
	Bytes  int    // of each token, as far as base64 allows; 0: DefaultBytes
	Fault  Fault
}

// DefaultBytes is the length of a Cognito access token with one group and a few
// scopes.
const DefaultBytes = 1085

// Tokens is a set of tokens of the same length. Its zero value is an empty set.
// It is one block of memory, so that the garbage collector of the benchmark has
// no work with 100,000 tokens.
type Tokens struct {
	all      []byte
	size     int
	subjects func(i int) string
}

// Len returns the number of tokens.
func (t Tokens) Len() int {
	if t.size == 0 {
		return 0
	}
	return len(t.all) / t.size
}

// Size returns the length of each token in bytes.
func (t Tokens) Size() int { return t.size }

// At returns the token of the n-th call: after the last token the first one
// follows again. The set must not be empty.
func (t Tokens) At(n uint64) []byte {
	i := int(n % uint64(t.Len()))
	return t.all[i*t.size : (i+1)*t.size : (i+1)*t.size]
}

// Subject returns the sub claim of the token that [Tokens.At] returns for n.
func (t Tokens) Subject(n uint64) string { return t.subjects(int(n % uint64(t.Len()))) }

// First returns the set of the first n tokens.
func (t Tokens) First(n int) Tokens {
	t.all = t.all[:n*t.size]
	return t
}

// Mint signs count tokens on all cores. If ctx ends before, it returns the tokens
// that it has, without an error.
func Mint(ctx context.Context, key *signer.Key, kind Kind, count int) (Tokens, error) {
	by := key
	if kind.Fault == Forged {
		other, err := signer.New(key.Alg)
		if err != nil {
			return Tokens{}, err
		}
		by = other
	}
	m := minter{key: key, by: by, kind: kind, now: time.Now()}
	if m.kind.Issuer == "" {
		m.kind.Issuer = Issuer
	}
	if err := m.setPadding(); err != nil {
		return Tokens{}, err
	}
	first, err := m.token(0)
	if err != nil {
		return Tokens{}, err
	}
	set := Tokens{all: make([]byte, count*len(first)), size: len(first), subjects: subject}
	const chunk = 256
	var next, done atomic.Int64 // chunks are taken in order, so the finished ones are a prefix
	var group errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for ctx.Err() == nil {
				from := int(next.Add(chunk)) - chunk
				if from >= count {
					return nil
				}
				to := min(from+chunk, count)
				for i := from; i < to; i++ {
					token, err := m.token(i)
					if err != nil {
						return err
					}
					copy(set.all[i*set.size:], token)
				}
				done.Add(int64(to - from))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Tokens{}, err
	}
	return set.First(int(done.Load())), nil
}

// subject returns the UUID of the i-th user.
func subject(i int) string { return fmt.Sprintf("6c2f0a4e-91d7-4b1e-8f35-%012x", i) }

type minter struct {
	key  *signer.Key // named in the header
	by   *signer.Key // signs
	kind Kind
	now  time.Time
	pad  int // length of the padding claim
}

// setPadding chooses the length of the padding claim so that a token has the
// wanted length, or one byte more: base64 has no text of 4n+1 characters.
func (m *minter) setPadding() error {
	want := m.kind.Bytes
	if want == 0 {
		want = DefaultBytes
	}
	bare, err := m.token(0)
	if err != nil {
		return err
	}
	if len(bare) > want {
		return fmt.Errorf("a token cannot have %d bytes; the shortest has %d", want, len(bare))
	}
	for m.pad = (want-len(bare))*3/4 - 3; ; m.pad++ {
		m.pad = max(m.pad, 0)
		token, err := m.token(0)
		if err != nil {
			return err
		}
		if len(token) >= want {
			return nil
		}
	}
}

// token returns the i-th token.
func (m *minter) token(i int) ([]byte, error) {
	kid := m.key.ID
	if m.kind.Fault == UnknownKID {
		kid = fmt.Sprintf("%044x", i)
	}
	expires := m.now.Add(12 * time.Hour)
	if m.kind.Fault == Expired {
		expires = m.now.Add(-time.Hour)
	}
	issued := min(m.now.Add(-time.Minute).Unix(), expires.Unix()-60)
	id := subject(i)
	var claims strings.Builder
	fmt.Fprintf(&claims, `{"sub":%q,"cognito:groups":[%q],"iss":%q,"client_id":%q,"event_id":"e%s","token_use":"access",`+
		`"scope":"openid email profile","auth_time":%d,"exp":%d,"iat":%d,"jti":"%s","username":%[1]q,"padding":%[10]q}`,
		id, Group, m.kind.Issuer, ClientID, id[1:], issued, expires.Unix(), issued, "j"+id[1:], strings.Repeat("p", m.pad))
	header := fmt.Sprintf(`{"kid":%q,"alg":%q}`, kid, m.key.Alg)
	encode := base64.RawURLEncoding
	token := encode.AppendEncode(nil, []byte(header))
	token = append(token, '.')
	token = encode.AppendEncode(token, []byte(claims.String()))
	signature, err := m.by.Sign(string(token))
	if err != nil {
		return nil, fmt.Errorf("sign a token: %w", err)
	}
	token = slices.Grow(token, encode.EncodedLen(len(signature))+1)
	return encode.AppendEncode(append(token, '.'), signature), nil
}
