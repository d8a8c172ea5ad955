package issuer

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/strictjson"
)

const (
	// maxKeys is how many keys one answer may hold.
	maxKeys = 100
	// maxClip is how much of a value that came from outside is shown.
	maxClip = 64
)

// Skipped is a key that an issuer publishes and that is not used.
type Skipped struct {
	KID    string // empty when there is none
	Reason string // one of the Skip constants
	Detail string // for an operator
}

// Why a key is skipped, a closed list.
const (
	SkipNoKID     = "no_kid"    // kid absent or no string: no token could name it
	SkipType      = "kty"       // neither RSA, EC nor OKP
	SkipSymmetric = "symmetric" // oct: who can read it can sign with it
	SkipPrivate   = "private"   // its private part is published: anyone can sign with it
	SkipUse       = "use"       // use is not sig
	SkipKeyOps    = "key_ops"   // key_ops lacks verify
	SkipAlg       = "alg"       // its own alg, or all of the issuer's algorithms, do not fit it
	SkipCurve     = "curve"     // none of P-256, P-384, P-521, Ed25519
	SkipSize      = "size"      // RSA under 2048 or over 8192 bits
	SkipExponent  = "exponent"  // RSA exponent even or out of range
	SkipROCA      = "roca"      // RSA modulus with the ROCA fingerprint, CVE-2017-15361
	SkipMalformed = "malformed" // no key can be made of it
)

// parseKeySet reads an RFC 7517 key set key by key, so that a bad key costs
// only itself. A set with a key that is published more than once holds it
// once. It is an error if no key is left: such an answer says nothing.
func parseKeySet(body []byte, algorithms []string) (*keySet, error) {
	document, err := strictjson.Document(string(body))
	if err != nil {
		return nil, fmt.Errorf("the response is not a valid JSON object: %w", err)
	}
	member, ok := document["keys"]
	if !ok {
		return nil, errors.New("the answer is no key set: it has no member \"keys\"")
	}
	elements, ok := member.([]any)
	if !ok && member != nil {
		return nil, errors.New("the answer is no key set: its member \"keys\" is no array")
	}
	if len(elements) > maxKeys {
		return nil, fmt.Errorf("the key set has %d keys, at most %d are taken", len(elements), maxKeys)
	}
	var keys []*key
	var skipped []Skipped
	for _, element := range elements {
		parsed, skip := parseKey(element, algorithms)
		switch {
		case skip != nil:
			skipped = append(skipped, *skip)
		case !contains(keys, parsed):
			keys = append(keys, parsed)
		}
	}
	if len(keys) == 0 {
		return nil, noUsableKey(skipped)
	}
	return newKeySet(keys, skipped), nil
}

func contains(keys []*key, k *key) bool {
	for _, held := range keys {
		if held.same(k) {
			return true
		}
	}
	return false
}

func noUsableKey(skipped []Skipped) error {
	if len(skipped) == 0 {
		return errors.New("the key set is empty")
	}
	first := skipped[0]
	return fmt.Errorf("none of the key set's %d keys is usable, the first (kid %q): %s", len(skipped), clip(first.KID), first.Detail)
}

// plainJSONError is err without what encoding/json quotes of the input.
func plainJSONError(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("invalid at byte %d", syntax.Offset)
	}
	return errors.New("it is another JSON value")
}

// clip cuts a value from outside to a length fit for a log line.
func clip(s string) string {
	if len(s) <= maxClip {
		return s
	}
	cut := maxClip
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
