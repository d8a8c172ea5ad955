package token_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtgate/jwtgate/internal/token"
)

// signer is an RSA key that can also do what no honest signer does: raise any
// block at all to its private exponent.
type signer struct {
	public  *rsa.PublicKey
	private *big.Int
}

// newSigner makes a key of so many bits with that exponent.
func newSigner(t testing.TB, bits int, e int64) signer {
	t.Helper()
	one, exponent := big.NewInt(1), big.NewInt(e)
	for range 1000 {
		p, err := rand.Prime(rand.Reader, bits/2)
		if err != nil {
			t.Fatal(err)
		}
		q, err := rand.Prime(rand.Reader, bits-bits/2)
		if err != nil {
			t.Fatal(err)
		}
		n := new(big.Int).Mul(p, q)
		order := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		if d := new(big.Int).ModInverse(exponent, order); d != nil && n.BitLen() == bits {
			return signer{&rsa.PublicKey{N: n, E: int(e)}, d}
		}
	}
	t.Fatal("no key")
	return signer{}
}

// raise makes of an encoded message what verifies as it.
func (s signer) raise(encoded []byte) []byte {
	m := new(big.Int).SetBytes(encoded)
	return m.Exp(m, s.private, s.public.N).FillBytes(make([]byte, s.public.Size()))
}

// encoded is a block of this size: head, 0xff up to tail, and tail.
func encoded(size int, head, tail []byte) []byte {
	block := bytes.Repeat([]byte{0xff}, size)
	copy(block, head)
	copy(block[size-len(tail):], tail)
	return block
}

// sameVerdict holds a method to crypto/rsa, and returns what both say.
func sameVerdict(t testing.TB, method jwt.SigningMethod, hash crypto.Hash, signed string, signature []byte, key *rsa.PublicKey) bool {
	t.Helper()
	sum := hash.New()
	sum.Write([]byte(signed))
	want := rsa.VerifyPKCS1v15(key, hash, sum.Sum(nil), signature) == nil
	if got := method.Verify(signed, signature, key) == nil; got != want {
		t.Fatalf("%s with %d bits: verified is %v, and crypto/rsa says %v of %x", method.Alg(), key.N.BitLen(), got, want, signature)
	}
	return want
}

// methodsByHash are the methods, and the hash of each.
func methodsByHash() map[jwt.SigningMethod]crypto.Hash {
	all := token.PKCS1()
	return map[jwt.SigningMethod]crypto.Hash{all["RS256"]: crypto.SHA256, all["RS384"]: crypto.SHA384, all["RS512"]: crypto.SHA512}
}

// TestRSAAsTheStandardLibrary: sound signatures are verified, and each with one
// bit changed is not, of keys of many sizes.
func TestRSAAsTheStandardLibrary(t *testing.T) {
	for _, row := range []struct {
		bits int
		e    int64
	}{{1024, 65537}, {2047, 65537}, {2048, 65537}, {2048, 3}, {2049, 65537}, {3072, 65537}} {
		t.Run(fmt.Sprintf("%d bits, e %d", row.bits, row.e), func(t *testing.T) {
			key := newSigner(t, row.bits, row.e)
			for method, hash := range methodsByHash() {
				sum := hash.New()
				sum.Write([]byte("header.claims"))
				signature := key.raise(honest(key.public.Size(), hash, sum.Sum(nil)))
				if !sameVerdict(t, method, hash, "header.claims", signature, key.public) {
					t.Fatalf("%s: a sound signature is refused", method.Alg())
				}
				for at := 0; at < len(signature)*8; at += 37 {
					changed := bytes.Clone(signature)
					changed[at/8] ^= 1 << (at % 8)
					if sameVerdict(t, method, hash, "header.claims", changed, key.public) {
						t.Fatalf("bit %d changed, and it is verified", at)
					}
				}
				if sameVerdict(t, method, hash, "header.other", signature, key.public) {
					t.Error("another text is verified")
				}
			}
		})
	}
}

// honest is the block of so many bytes that a signer makes of a hash (RFC 8017
// section 9.2).
func honest(size int, hash crypto.Hash, digest []byte) []byte {
	return encoded(size, []byte{0, 1}, slices.Concat([]byte{0}, digestInfo(hash), digest))
}

// digestInfo is what stands before a hash, as RFC 8017 section 9.2, note 1 has it.
func digestInfo(hash crypto.Hash) []byte {
	return map[crypto.Hash][]byte{
		crypto.SHA256: []byte("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"),
		crypto.SHA384: []byte("\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"),
		crypto.SHA512: []byte("\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"),
	}[hash]
}

// TestRSARefusesOtherBlocks: what a careless parser of the block has taken for a
// signature, here raised to a real private exponent.
func TestRSARefusesOtherBlocks(t *testing.T) {
	key, method := newSigner(t, 2048, 3), token.PKCS1()["RS256"]
	size, sum := key.public.Size(), sha256.Sum256([]byte("header.claims"))
	hash, info := sum[:], digestInfo(crypto.SHA256)
	noNull := []byte("\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20")
	longForm := []byte("\x30\x81\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20")
	garbage := bytes.Repeat([]byte{0x5a}, 64)
	for name, block := range map[string][]byte{
		"garbage behind the hash":         append(encoded(size-len(garbage), []byte{0, 1}, slices.Concat([]byte{0}, info, hash)), garbage...),
		"short padding, then garbage":     slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 8), []byte{0}, info, hash, make([]byte, size-11-len(info)-len(hash))),
		"no NULL in the algorithm":        encoded(size, []byte{0, 1}, slices.Concat([]byte{0}, noNull, hash)),
		"a length in the long form":       encoded(size, []byte{0, 1}, slices.Concat([]byte{0}, longForm, hash)),
		"another hash's algorithm":        encoded(size, []byte{0, 1}, slices.Concat([]byte{0}, digestInfo(crypto.SHA384), hash)),
		"no algorithm":                    encoded(size, []byte{0, 1}, slices.Concat([]byte{0}, hash)),
		"block type 2":                    encoded(size, []byte{0, 2}, slices.Concat([]byte{0}, info, hash)),
		"block type 0":                    encoded(size, []byte{0, 0}, slices.Concat([]byte{0}, info, hash)),
		"a zero in the padding":           encoded(size, []byte{0, 1, 0xff, 0}, slices.Concat([]byte{0}, info, hash)),
		"no zero behind the padding":      encoded(size, []byte{0, 1}, slices.Concat(info, hash)),
		"the hash a byte to the left":     append(encoded(size-1, []byte{0, 1}, slices.Concat([]byte{0}, info, hash)), 0),
		"zero":                            make([]byte, size),
		"one":                             append(make([]byte, size-1), 1),
		"the hash of another text":        encoded(size, []byte{0, 1}, slices.Concat([]byte{0}, info, make([]byte, 32))),
		"the hash with its last byte off": encoded(size, []byte{0, 1}, slices.Concat([]byte{0}, info, hash[:31], []byte{hash[31] ^ 1})),
	} {
		if sameVerdict(t, method, crypto.SHA256, "header.claims", key.raise(block), key.public) {
			t.Errorf("%s: verified", name)
		}
	}
}

// TestRSARefusesOtherForms: a sound signature in another form. The modulus fills no
// whole number of machine words, so that there is room before it.
func TestRSARefusesOtherForms(t *testing.T) {
	key, method := newSigner(t, 2049, 65537), token.PKCS1()["RS256"]
	sum := sha256.Sum256([]byte("header.claims"))
	sound := key.raise(honest(key.public.Size(), crypto.SHA256, sum[:]))
	if !sameVerdict(t, method, crypto.SHA256, "header.claims", sound, key.public) {
		t.Fatal("a sound signature is refused")
	}
	more := new(big.Int).Add(new(big.Int).SetBytes(sound), key.public.N)
	for name, signature := range map[string][]byte{
		"the modulus added": more.Bytes(),
		"a zero before it":  append([]byte{0}, sound...),
		"a zero behind it":  append(bytes.Clone(sound), 0),
		"a byte short":      sound[1:],
		"empty":             nil,
		"the modulus":       key.public.N.Bytes(),
		"twice":             append(bytes.Clone(sound), sound...),
	} {
		if sameVerdict(t, method, crypto.SHA256, "header.claims", signature, key.public) {
			t.Errorf("%s: verified", name)
		}
	}
}

// TestRSAKeysOfNoUse: keys that no signature comes by.
func TestRSAKeysOfNoUse(t *testing.T) {
	key, method := newSigner(t, 2048, 65537), token.PKCS1()["RS256"]
	sum := sha256.Sum256([]byte("header.claims"))
	sound := key.raise(honest(key.public.Size(), crypto.SHA256, sum[:]))
	even := new(big.Int).Sub(key.public.N, big.NewInt(1))
	for name, one := range map[string]*rsa.PublicKey{
		"an even modulus": {N: even, E: 65537}, "exponent 1": {N: key.public.N, E: 1}, "exponent 0": {N: key.public.N},
		"a negative exponent": {N: key.public.N, E: -65537}, "an even exponent": {N: key.public.N, E: 65536},
		"an exponent of 2^31": {N: key.public.N, E: 1<<31 + 1}, "no modulus": {E: 65537}, "a modulus of 0": {N: new(big.Int), E: 65537},
		"a small modulus": {N: big.NewInt(3233), E: 17}, "another modulus": {N: newSigner(t, 2048, 65537).public.N, E: 65537},
	} {
		if method.Verify("header.claims", sound, one) == nil {
			t.Errorf("%s: verified", name)
		}
	}
	for _, other := range []any{nil, "key", *key.public} {
		if method.Verify("header.claims", sound, other) == nil {
			t.Errorf("verified by %T", other)
		}
	}
}

// TestRSAKeepsFewModuli: keys that come and go leave no more than so many behind.
func TestRSAKeepsFewModuli(t *testing.T) {
	key, method := newSigner(t, 2048, 65537), token.PKCS1()["RS256"]
	sum := sha256.Sum256([]byte("header.claims"))
	sound := key.raise(honest(key.public.Size(), crypto.SHA256, sum[:]))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range token.MaxModuli / 2 {
				copied := *key.public
				if err := method.Verify("header.claims", sound, &copied); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if kept := token.Moduli(method); kept == 0 || kept > token.MaxModuli+4 {
		t.Errorf("%d moduli are kept, want %d at most", kept, token.MaxModuli)
	}
}

// FuzzRSA: what is verified is what crypto/rsa verifies, for any text, any
// signature, and any block that is raised to a real private exponent.
func FuzzRSA(f *testing.F) {
	key := newSigner(f, 2048, 65537)
	sum := sha256.Sum256([]byte("header.claims"))
	block := honest(key.public.Size(), crypto.SHA256, sum[:])
	f.Add("header.claims", key.raise(block), false)
	f.Add("header.claims", block, true)
	f.Add("header.claims", block[1:], true)
	f.Add("", []byte{}, false)
	method := token.PKCS1()["RS256"]
	f.Fuzz(func(t *testing.T, signed string, signature []byte, raise bool) {
		if raise {
			signature = key.raise(signature)
		}
		sameVerdict(t, method, crypto.SHA256, signed, signature, key.public)
	})
}

// BenchmarkRSA is a signature of 2,048 bits, beside crypto/rsa.
func BenchmarkRSA(b *testing.B) {
	key := newSigner(b, 2048, 65537)
	sum := sha256.Sum256([]byte("header.claims"))
	sound := key.raise(honest(key.public.Size(), crypto.SHA256, sum[:]))
	for name, method := range map[string]jwt.SigningMethod{"own": token.PKCS1()["RS256"], "crypto": jwt.SigningMethodRS256} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := method.Verify("header.claims", sound, key.public); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
