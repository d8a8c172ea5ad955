package token

import "encoding/base64"

// compact is a JWS in compact serialization (RFC 7515 section 7.1), with its
// three parts decoded.
type compact struct {
	header, claims string // what was encoded, be it text or not
	signature      []byte
	signed         string // header "." claims as sent: what the signature is over
}

// split takes a credential apart: exactly three runs of base64url bytes (RFC
// 4648 section 5), no padding and no white space, which Go's decoder would pass
// over. All of it has been looked at before any of it is decoded. The signature
// may be empty, as an unsecured JWS has it: it is then the algorithm that is
// refused.
func split(raw string, maxBytes int) (compact, error) {
	if len(raw) > maxBytes {
		return compact{}, fail(ErrTooLarge, "")
	}
	var dots [2]int
	found := 0
	for i := range len(raw) {
		c := raw[i]
		if c == '.' {
			if found == len(dots) {
				return compact{}, fail(ErrMalformed, "more than three parts")
			}
			dots[found] = i
			found++
			continue
		}
		if !base64url(c) {
			return compact{}, fail(ErrMalformed, "a byte that is not base64url")
		}
	}
	if found != len(dots) {
		return compact{}, fail(ErrMalformed, "fewer than three parts")
	}
	parts := [...]string{raw[:dots[0]], raw[dots[0]+1 : dots[1]], raw[dots[1]+1:]}
	if parts[0] == "" || parts[1] == "" {
		return compact{}, fail(ErrMalformed, "an empty part")
	}
	// What is base64url to the last byte decodes to just so many.
	header, claims := strictBase64.DecodedLen(len(parts[0])), strictBase64.DecodedLen(len(parts[1]))
	var space [2 << 10]byte
	text := space[:]
	if header+claims > len(text) {
		text = make([]byte, header+claims)
	}
	signature := make([]byte, strictBase64.DecodedLen(len(parts[2])))
	for i, to := range [...][]byte{text[:header], text[header : header+claims], signature} {
		if _, err := strictBase64.Decode(to, []byte(parts[i])); err != nil {
			return compact{}, fail(ErrMalformed, "a part that is cut short or has spare bits")
		}
	}
	both := string(text[:header+claims])
	return compact{header: both[:header], claims: both[header:], signature: signature, signed: raw[:dots[1]]}, nil
}

func base64url(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// strictBase64 refuses spare bits in the last character, so that one signature
// has one spelling (RFC 4648 section 3.5).
var strictBase64 = base64.RawURLEncoding.Strict()
