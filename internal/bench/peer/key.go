package peer

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
)

// rsaKey reads the two numbers of an RSA key (RFC 7518 section 6.3.1).
func rsaKey(modulus, exponent string) (*rsa.PublicKey, error) {
	n, errN := base64.RawURLEncoding.DecodeString(modulus)
	e, errE := base64.RawURLEncoding.DecodeString(exponent)
	if err := errors.Join(errN, errE); err != nil {
		return nil, fmt.Errorf("read an RSA key: %w", err)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
}
