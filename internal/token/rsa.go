package token

import (
	"bytes"
	"crypto/fips140"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"sync"
	"sync/atomic"
	"unsafe"

	"filippo.io/bigmod"
	"github.com/golang-jwt/jwt/v5"
)

// pkcs1 verifies RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2). It accepts what
// crypto/rsa accepts and nothing else, in two thirds of the time: crypto/rsa
// prepares a key's modulus anew for each signature, and here it is kept. The
// arithmetic is crypto/rsa's own, as its author publishes it; what is checked is
// the whole encoded message against the one that a signer had to make, so that
// nothing of it is parsed. A program that runs in FIPS 140-3 mode verifies by the
// validated module alone.
type pkcs1 struct {
	*jwt.SigningMethodRSA
	digestInfo []byte // RFC 8017 section 9.2, note 1
	sum        func(signed []byte) []byte
	moduli     *moduli
}

// The sizes of moduli, in bits, and of exponents that are verified here, which are
// those of keys that package issuer takes; anything else is left to crypto/rsa, so
// that a difference costs time only.
const (
	leastModulus, mostModulus = 2048, 8192
	mostExponent              = 1<<31 - 1
)

// pkcs1Methods are RS256, RS384 and RS512, with moduli of their own.
func pkcs1Methods() map[string]jwt.SigningMethod {
	kept := new(moduli)
	// A SEQUENCE of the hash's OBJECT IDENTIFIER with NULL, and an OCTET STRING.
	info := func(total, oid, size byte) []byte {
		return []byte{0x30, total, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, oid, 0x05, 0x00, 0x04, size}
	}
	return map[string]jwt.SigningMethod{
		"RS256": &pkcs1{jwt.SigningMethodRS256, info(0x31, 1, 32), func(b []byte) []byte { h := sha256.Sum256(b); return h[:] }, kept},
		"RS384": &pkcs1{jwt.SigningMethodRS384, info(0x41, 2, 48), func(b []byte) []byte { h := sha512.Sum384(b); return h[:] }, kept},
		"RS512": &pkcs1{jwt.SigningMethodRS512, info(0x51, 3, 64), func(b []byte) []byte { h := sha512.Sum512(b); return h[:] }, kept},
	}
}

// Verify verifies a signature over signed by an *[rsa.PublicKey].
func (m *pkcs1) Verify(signed string, signature []byte, key any) error {
	public, ok := key.(*rsa.PublicKey)
	if !ok || fips140.Enabled() || public.E < 3 || public.E > mostExponent || public.E&1 == 0 {
		return m.SigningMethodRSA.Verify(signed, signature, key)
	}
	modulus := m.moduli.of(public)
	if modulus == nil {
		return m.SigningMethodRSA.Verify(signed, signature, key)
	}
	if len(signature) != modulus.Size() {
		return rsa.ErrVerification
	}
	s, err := bigmod.NewNat().SetBytes(signature, modulus) // refuses what is not below the modulus
	if err != nil {
		return rsa.ErrVerification
	}
	// The exponent and what is raised to it are public, so that it may take its time.
	encoded := bigmod.NewNat().ExpShortVarTime(s, uint(public.E), modulus).Bytes(modulus)
	if !bytes.Equal(encoded, m.encode(signed, modulus.Size())) {
		return rsa.ErrVerification
	}
	return nil
}

// encode is EMSA-PKCS1-v1_5 (RFC 8017 section 9.2): 0x00 0x01, as many 0xff as
// there is room for, 0x00, and what was signed by its hash.
func (m *pkcs1) encode(signed string, size int) []byte {
	hash := m.sum(unsafe.Slice(unsafe.StringData(signed), len(signed)))
	em := make([]byte, size)
	em[1] = 1
	padding := em[2 : size-len(m.digestInfo)-len(hash)-1]
	for i := range padding {
		padding[i] = 0xff
	}
	copy(em[size-len(hash)-len(m.digestInfo):], m.digestInfo)
	copy(em[size-len(hash):], hash)
	return em
}

// moduli are those of keys that signatures came by, prepared. It is safe for
// concurrent use; the zero value is ready.
type moduli struct {
	known sync.Map // :: *rsa.PublicKey -> *bigmod.Modulus
	count atomic.Int64
}

// maxModuli bounds how many are kept, of keys that are gone too: each is 3 KB or
// less, its key included.
const maxModuli = 1024

// of prepares a key's modulus, or finds it by the key's address, which is never
// that of another key while it is kept. A key must not be changed. nil: it is none
// of those that are verified here.
func (m *moduli) of(key *rsa.PublicKey) *bigmod.Modulus {
	if known, there := m.known.Load(key); there {
		return known.(*bigmod.Modulus)
	}
	if key.N == nil || key.N.Sign() <= 0 || key.N.Bit(0) == 0 || key.N.BitLen() < leastModulus || key.N.BitLen() > mostModulus {
		return nil
	}
	modulus, err := bigmod.NewModulus(key.N.Bytes())
	if err != nil {
		return nil
	}
	if m.count.Add(1) > maxModuli {
		m.known.Clear()
		m.count.Store(1)
	}
	m.known.Store(key, modulus)
	return modulus
}
