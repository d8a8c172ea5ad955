package issuer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// Skipped is a key that an issuer publishes and that is not used.
type Skipped struct {
	KID    string `json:"kid"`    // empty: none
	Reason string `json:"reason"` // one of the Skip constants
	Detail string `json:"detail"` // for an operator
	fits   string // the algs, with spaces between them, of a key that fits none of the issuer's
}

// The reasons why a key is skipped: a closed list.
const (
	SkipKID       = "kid"       // kid empty or not a string: no token could name the key
	SkipType      = "kty"       // neither RSA, EC nor OKP
	SkipSymmetric = "symmetric" // oct: anyone who can read the key can sign with it
	SkipPrivate   = "private"   // its private part is published: anyone can sign with it
	SkipUse       = "use"       // use is neither sig nor jwt-svid
	SkipKeyOps    = "key_ops"   // key_ops does not include verify
	SkipAlg       = "alg"       // neither its own alg nor any of the issuer's algorithms fits it
	SkipCurve     = "curve"     // not P-256, P-384, P-521 or Ed25519
	SkipX5COnly   = "x5c_only"  // only a certificate: n and e are missing
	SkipSize      = "size"      // RSA below 2048 or above 8192 bits
	SkipExponent  = "exponent"  // RSA exponent even or out of range
	SkipROCA      = "roca"      // RSA modulus with the ROCA fingerprint, CVE-2017-15361
	SkipIssuer    = "issuer"    // it is for another tenant
	SkipMalformed = "malformed" // it cannot be parsed
)

// parser parses the key sets of an issuer.
type parser struct {
	algorithms []string // the issuer's
	max        int      // how many keys are held
	keyIssuers []string // as in identity
}

// parse parses a document with keys: an RFC 7517 key set, or an object from kid to PEM.
// It parses key by key, so that an invalid key does not affect the others. A key that is
// published more than once is in the result once. A set without a usable key is an error.
//
// The result holds at most p.max keys, in the order of the document. All keys of one kid
// are held, or none, since whether a kid is ambiguous depends on all of them.
func (p parser) parse(body []byte) (*keySet, error) {
	elements, err := elementsOf(body)
	if err != nil {
		return nil, err
	}
	kids, all := byKID(elements)
	var keys []*key
	var skipped []Skipped
	beyond := 0
	for _, kid := range kids {
		if len(keys) >= p.max {
			beyond += len(all[kid])
			continue
		}
		held, skips := p.parseKeys(all[kid])
		skipped = append(skipped, skips...)
		if len(keys)+len(held) > p.max {
			beyond += len(held)
			continue
		}
		keys = append(keys, held...)
	}
	if len(keys) == 0 {
		return nil, noUsableKey(skipped)
	}
	s := newKeySet(keys, skipped)
	s.algorithms = p.algorithms
	if beyond > 0 {
		s.rest = &rest{parser: p, all: all, beyond: beyond}
	}
	return s, nil
}

// elementsOf returns the keys of a document, not parsed.
func elementsOf(body []byte) ([]any, error) {
	document, err := strictjson.Document(string(body))
	if err != nil {
		return nil, fmt.Errorf("the response is not a valid JSON object: %w", err)
	}
	member, ok := document["keys"]
	if !ok {
		if elements, ok := pemElements(document); ok {
			return elements, nil
		}
		return nil, errors.New("the response is not a key set: it has no member \"keys\"")
	}
	elements, ok := member.([]any)
	if !ok && member != nil {
		return nil, errors.New("the response is not a key set: its member \"keys\" is not an array")
	}
	return elements, nil
}

// byKID returns the elements of each kid, and the kids in the order of their first
// elements. The kid of an element without one is "".
func byKID(elements []any) (kids []string, all map[string][]any) {
	all = make(map[string][]any, len(elements))
	for _, element := range elements {
		kid := ""
		switch element := element.(type) {
		case map[string]any:
			kid = members(element).text("kid")
		case *Skipped:
			kid = element.KID
		}
		if all[kid] == nil {
			kids = append(kids, kid)
		}
		all[kid] = append(all[kid], element)
	}
	return kids, all
}

// parseKeys parses elements of a key set.
func (p parser) parseKeys(elements []any) (keys []*key, skipped []Skipped) {
	for _, element := range elements {
		parsed, skip := parseKey(element, p.algorithms)
		if skip == nil && !ofIssuer(element, p.keyIssuers) {
			skip = &Skipped{KID: parsed.kid, Reason: SkipIssuer, Detail: "its issuer is another tenant"}
		}
		switch {
		case skip != nil:
			skipped = append(skipped, *skip)
		case !slices.ContainsFunc(keys, parsed.same):
			keys = append(keys, parsed)
		}
	}
	return keys, skipped
}

// ofIssuer reports whether a key that names its issuer is for all tenants or for one of the
// issuers.
func ofIssuer(element any, keyIssuers []string) bool {
	object, _ := element.(map[string]any)
	named, present := object["issuer"]
	if keyIssuers == nil || !present {
		return true
	}
	text, _ := named.(string)
	return strings.Contains(text, "{tenantid}") || slices.Contains(keyIssuers, text)
}

// unusableError is the error of a key set of which every key is skipped.
type unusableError struct{ skipped []Skipped }

func noUsableKey(skipped []Skipped) error {
	if len(skipped) == 0 {
		return errors.New("the key set is empty")
	}
	return &unusableError{skipped}
}

// Error names each kind of fault once, with the first key that has it.
func (e *unusableError) Error() string {
	var seen, faults []string
	for _, one := range e.skipped {
		if slices.Contains(seen, one.Reason) {
			continue
		}
		seen = append(seen, one.Reason)
		faults = append(faults, "kid "+quote.Text(one.KID)+": "+one.Detail)
	}
	return fmt.Sprintf("none of the key set's %d keys is usable; %s", len(e.skipped), strings.Join(faults, "; "))
}

// plainJSONError returns err without the input that encoding/json quotes.
func plainJSONError(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("invalid at byte %d", syntax.Offset)
	}
	return errors.New("a JSON value has an unexpected type")
}
