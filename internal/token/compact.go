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
	var space [2 << 10]byte
	text := space[:]
	if most := strictBase64.DecodedLen(dots[1]); most > len(text) {
		text = make([]byte, most)
	}
	signature := make([]byte, strictBase64.DecodedLen(len(parts[2])))
	var sizes [len(parts)]int
	for i, to := range [...][]byte{text, text[strictBase64.DecodedLen(dots[0]):], signature} {
		var err error
		if sizes[i], err = strictBase64.Decode(to, []byte(parts[i])); err != nil {
			return compact{}, fail(ErrMalformed, "a part that is cut short or has spare bits")
		}
	}
	both := string(text[:strictBase64.DecodedLen(dots[0])+sizes[1]])
	return compact{
		header: both[:sizes[0]], claims: both[len(both)-sizes[1]:], signature: signature[:sizes[2]], signed: raw[:dots[1]],
	}, nil
}

func base64url(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// strictBase64 refuses spare bits in the last character, so that one signature
// has one spelling (RFC 4648 section 3.5).
var strictBase64 = base64.RawURLEncoding.Strict()
