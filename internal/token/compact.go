package token

import (
	"encoding/base64"

	"github.com/jwtgate/jwtgate/internal/denial"
)

// compact is a decoded JWS in compact serialization (RFC 7515 section 7.1).
type compact struct {
	header, claims string // any bytes, not only valid JSON
	signature      []byte
	signed         string // header "." claims as sent, which the signature covers
}

// split decodes a credential: exactly three parts of base64url bytes (RFC 4648 section
// 5), without padding and without line ends, which Go's decoder would ignore. It checks
// every byte before it decodes any. The signature may be empty, as in an unsecured JWS:
// such a token is rejected for its algorithm.
func split(raw string, maxBytes int) (compact, *denial.Error) {
	if len(raw) > maxBytes {
		return compact{}, fail(ErrTooLarge, "")
	}
	var dots [2]int
	found := 0
	for i := range len(raw) {
		c := raw[i]
		if c == '.' {
			if found == len(dots) {
				return compact{}, fail(ErrMalformed, "got more than three parts; expected three")
			}
			dots[found] = i
			found++
			continue
		}
		if !base64url(c) {
			return compact{}, fail(ErrMalformed, "got a byte that is not base64url")
		}
	}
	if found != len(dots) {
		return compact{}, fail(ErrMalformed, "got fewer than three parts; expected three")
	}
	parts := [...]string{raw[:dots[0]], raw[dots[0]+1 : dots[1]], raw[dots[1]+1:]}
	if parts[0] == "" || parts[1] == "" {
		return compact{}, fail(ErrMalformed, "the header or the claims are empty")
	}
	// All bytes are base64url, so the decoded lengths are exact.
	header, claims := strictBase64.DecodedLen(len(parts[0])), strictBase64.DecodedLen(len(parts[1]))
	var space [2 << 10]byte
	text := space[:]
	if header+claims > len(text) {
		text = make([]byte, header+claims)
	}
	signature := make([]byte, strictBase64.DecodedLen(len(parts[2])))
	for i, to := range [...][]byte{text[:header], text[header : header+claims], signature} {
		if _, err := strictBase64.Decode(to, []byte(parts[i])); err != nil {
			return compact{}, fail(ErrMalformed, "got a part that is truncated or has unused bits")
		}
	}
	both := string(text[:header+claims])
	return compact{header: both[:header], claims: both[header:], signature: signature, signed: raw[:dots[1]]}, nil
}

func base64url(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// strictBase64 rejects unused bits in the last character, so that a signature has only
// one encoding (RFC 4648 section 3.5).
var strictBase64 = base64.RawURLEncoding.Strict()
