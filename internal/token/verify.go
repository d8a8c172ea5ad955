package token

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/revocation"
	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// KeySource gives the public keys of one issuer. Key returns a key that fits
// alg in type, curve and size, or an error that says why there is none. Where
// the token is not at fault, the error has a method RetryAfter() time.Duration:
// how long to wait before asking again. Epoch changes whenever a key that Key
// has returned may not be trusted any more. Verified tells the source that a
// token signed by that key was accepted. All must be safe for concurrent use.
type KeySource interface {
	Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error)
	Epoch() uint64
	Verified(kid string)
}

// Verifier verifies tokens of a fixed list of issuers. It is safe for
// concurrent use.
type Verifier struct {
	maxBytes int
	byISS    map[string]*trusted
	issuers  []*trusted // as configured
	// methods are all that could be configured.
	methods map[string]jwt.SigningMethod
	// algorithms and types hold what at least one issuer takes, so that a
	// header can be refused before the claims are read.
	algorithms map[string]jwt.SigningMethod
	types      map[string]bool // normalized by mediaType
	// prefixes are the prefixes that name an issuer: no other issuer's value
	// may begin with one.
	prefixes []string
	// revocations is the current list of revoked tokens; nil revokes nothing.
	revocations atomic.Pointer[revocation.List]
}

// trusted is one issuer as the verifier needs it.
type trusted struct {
	name, prefix    string
	forms           []issForm // its iss values
	cognito         *config.Cognito
	audiences       []string
	clients         []string
	tokenUse        []string
	boundAsBearer   bool
	emailAssumed    bool
	tokenTypes      []string        // as configured
	types           map[string]bool // normalized by mediaType
	algorithms      []string
	groupsClaim     []claimPath
	scopesClaim     []claimPath
	leeway          time.Duration
	maxLifetime     time.Duration // 0: no limit
	foreignPrefixes []string      // prefixes of other issuers, for an issuer without one
	naming          []claimPath   // the claims that name somebody: no such prefix may begin them
	namedByClient   bool          // and so does the client
	keys            KeySource
}

// NewVerifier returns a verifier for those issuers and tokens of at most
// maxBytes. naming are the claims, or values of the gate, that the application is
// told as somebody's name ([config.Identity.NamingClaims]). keys is asked once for
// each issuer. An issuer that would accept
// anything for want of a setting (no algorithm, neither audience nor client, no
// iss, an empty one of these) is an error.
func NewVerifier(issuers []config.Issuer, maxBytes int, naming []string, keys func(issuer string) KeySource) (*Verifier, error) {
	v := &Verifier{
		maxBytes:   maxBytes,
		byISS:      make(map[string]*trusted),
		algorithms: make(map[string]jwt.SigningMethod),
		types:      make(map[string]bool),
		methods:    methods(),
	}
	for _, issuer := range issuers {
		if len(issuer.ISS) == 0 || len(issuer.Algorithms) == 0 || len(issuer.TokenUse) == 0 || len(issuer.Audiences)+len(issuer.Clients) == 0 {
			return nil, fmt.Errorf("issuer %q lacks an iss, an algorithm, a token use, or both audiences and clients", issuer.Name)
		}
		if slices.Contains(slices.Concat(issuer.ISS, issuer.Audiences, issuer.Clients), "") {
			return nil, fmt.Errorf("issuer %q has an empty iss, audience or client, which a token without one would match", issuer.Name)
		}
		t := newTrusted(issuer, naming)
		if t.keys = keys(issuer.Name); t.keys == nil {
			return nil, fmt.Errorf("issuer %q has no keys to ask for", issuer.Name)
		}
		for _, alg := range issuer.Algorithms {
			if v.methods[alg] == nil {
				return nil, fmt.Errorf("issuer %q: algorithm %q is not supported", issuer.Name, alg)
			}
			v.algorithms[alg] = v.methods[alg]
		}
		for typ := range t.types {
			v.types[typ] = true
		}
		v.issuers = append(v.issuers, t)
		for _, iss := range issuer.ISS {
			if v.byISS[iss] != nil {
				return nil, fmt.Errorf("issuers %q and %q share the iss %q", v.byISS[iss].name, issuer.Name, iss)
			}
			v.byISS[iss] = t
		}
		if t.prefix != "" {
			v.prefixes = append(v.prefixes, t.prefix)
		}
	}
	for _, t := range v.issuers {
		if t.prefix == "" {
			t.foreignPrefixes = v.prefixes
		}
	}
	return v, nil
}

func newTrusted(issuer config.Issuer, naming []string) *trusted {
	t := &trusted{
		name: issuer.Name, prefix: issuer.Prefix, cognito: issuer.Cognito,
		audiences: issuer.Audiences, clients: issuer.Clients,
		tokenUse: issuer.TokenUse, boundAsBearer: issuer.BoundAsBearer, emailAssumed: issuer.EmailAssumed,
		tokenTypes: issuer.TokenTypes, types: make(map[string]bool), algorithms: issuer.Algorithms,
		groupsClaim: parseClaimPaths(issuer.GroupsClaim), scopesClaim: parseClaimPaths(issuer.ScopesClaim),
		leeway: issuer.Leeway, maxLifetime: issuer.MaxLifetime,
	}
	t.naming = slices.Concat(parseClaimPaths(config.SubjectClaims()), t.groupsClaim)
	for _, name := range naming {
		if t.namedByClient = t.namedByClient || name == "$client"; !strings.HasPrefix(name, "$") {
			t.naming = append(t.naming, parseClaimPath(name))
		}
	}
	for _, iss := range issuer.ISS {
		t.forms = append(t.forms, splitISS(iss))
	}
	for _, typ := range issuer.TokenTypes {
		t.types[mediaType(typ)] = true
	}
	return t
}

// MaxBytes is the length of the longest token that is accepted.
func (v *Verifier) MaxBytes() int { return v.maxBytes }

// Verify verifies one credential as it is at now, and returns what it says. ctx
// bounds the wait for a key; nothing else waits. An error is always a *[denial.Error].
//
// A returned token proves that a configured issuer signed it, for an audience
// or client that is configured, and that it is in force now. It proves nothing
// of who sent it: a bearer token has no holder (RFC 6750 section 5.1).
func (v *Verifier) Verify(ctx context.Context, raw string, now time.Time) (*Token, error) {
	c, err := v.Begin(ctx, raw)
	if err != nil {
		return nil, err
	}
	return v.Finish(c, now)
}

// Candidate is a token whose key was found. What is left to check takes only CPU time.
type Candidate struct {
	compact
	header
	iss    string
	issuer *trusted
	key    crypto.PublicKey
	epoch  uint64 // of the issuer's keys
}

// Begin does checks 3 to 6: everything up to the token's key, for which it may wait
// until ctx ends. [Verifier.Finish] does the rest. The error is a *[denial.Error].
func (v *Verifier) Begin(ctx context.Context, raw string) (*Candidate, error) {
	j, err := split(raw, v.maxBytes)
	if err != nil {
		return nil, err
	}
	h, err := v.header(j.header)
	if err != nil {
		return nil, err
	}
	// All of the claims is read as strictly as it ever will be, but nothing is
	// built of it before its signature held.
	c := &Candidate{compact: j, header: h}
	if failure := v.findKey(ctx, c); failure != nil {
		failure.KeyID = cut(h.kid)
		return nil, failure
	}
	return c, nil
}

// findKey does checks 5 and 6.
func (v *Verifier) findKey(ctx context.Context, c *Candidate) *denial.Error {
	members := [...]strictjson.Member{{Name: "iss"}}
	err := strictjson.Pick(c.claims, members[:])
	if err != nil {
		return fail(ErrClaimsMalformed, err.Error())
	}
	iss := members[0].Text
	issuer := v.byISS[iss]
	switch h := c.header; {
	case issuer == nil:
		return v.unknownIssuer(iss)
	case !slices.Contains(issuer.algorithms, h.alg):
		return fail(ErrAlgNotAllowed, "not for issuer "+quoted(issuer.name)+": alg "+quoted(h.alg)+"; expected "+oneOf(issuer.algorithms)).
			WithHint("add " + h.alg + " to algorithms of issuer " + quoted(issuer.name) + " if it signs so")
	case h.hasType && !issuer.types[h.typ]:
		return fail(ErrTypeNotAllowed, "not for issuer "+quoted(issuer.name)+": typ "+quoted(h.typ)+"; expected "+oneOf(issuer.tokenTypes)).
			WithHint("add " + quoted(h.typ) + " to token_types of issuer " + quoted(issuer.name) + " if its access tokens are such")
	}
	// Read before the key, so that a key which goes meanwhile is never taken for
	// one of the epoch behind it.
	c.iss, c.issuer, c.epoch = iss, issuer, issuer.keys.Epoch()
	if c.key, err = issuer.keys.Key(ctx, c.kid, c.alg); err != nil {
		failure := fail(err, "issuer "+quoted(issuer.name))
		if later, ok := errors.AsType[interface {
			error
			RetryAfter() time.Duration
		}](err); ok {
			failure.RetryAfter = later.RetryAfter()
		}
		return failure
	}
	return nil
}

// Finish does checks 7 and 8, the signature and the claims. It does not wait.
func (v *Verifier) Finish(c *Candidate, now time.Time) (*Token, error) {
	token, failure := v.check(c, now)
	if failure != nil {
		failure.KeyID = cut(c.kid)
		return nil, failure
	}
	return token, nil
}

func (v *Verifier) check(c *Candidate, now time.Time) (*Token, *denial.Error) {
	issuer := c.issuer
	if err := v.algorithms[c.alg].Verify(c.signed, c.signature, c.key); err != nil {
		return nil, fail(ErrSignatureInvalid, "kid "+quoted(c.kid)+", alg "+c.alg)
	}
	issuer.keys.Verified(c.kid)
	claims, err := strictjson.Object(c.claims)
	if err != nil {
		return nil, fail(ErrClaimsMalformed, err.Error())
	}
	token := &Token{
		Issuer: issuer.name, ISS: c.iss, KeyID: c.kid, Algorithm: c.alg,
		by: issuer, claims: claims, epoch: c.epoch,
	}
	failure := issuer.check(token, c.typ, now)
	if failure != nil {
		v.diagnose(failure, issuer, token.Claims(), c.typ)
	} else {
		failure = v.checkRevocation(token)
	}
	if failure != nil {
		failure.Issuer, failure.Subject = token.Issuer, token.Subject
		return nil, failure
	}
	return token, nil
}

// headerParameters are those that are read. crit and b64 change what the signature
// covers (RFC 7515 section 4.1.11, RFC 7797); zip and cty change what the claims
// are. None of these four is supported, and a recipient that does not support crit
// must refuse the token.
func headerParameters() [7]strictjson.Member {
	return [...]strictjson.Member{
		{Name: "alg"}, {Name: "typ"}, {Name: "kid"}, {Name: "crit"}, {Name: "b64"}, {Name: "zip"}, {Name: "cty"},
	}
}

// header is what is read of a JOSE header.
type header struct {
	alg, kid string
	typ      string // normalized by mediaType
	hasType  bool
}

// header reads the JOSE header (RFC 7515 section 4) and refuses what no issuer
// takes. Key material in it (jwk, jku, x5c, x5u) is never looked at.
func (v *Verifier) header(text string) (header, error) {
	parameters := headerParameters()
	if err := strictjson.Pick(text, parameters[:]); err != nil {
		return header{}, fail(ErrMalformed, "the header: "+err.Error())
	}
	alg, typ, kid, unsupported := parameters[0], parameters[1], parameters[2], parameters[3:]
	if v.algorithms[alg.Text] == nil {
		failure := fail(ErrAlgNotAllowed, "alg "+quoted(alg.Text))
		if v.methods[alg.Text] != nil {
			failure.Hint = "add " + alg.Text + " to algorithms of the issuer that signs so"
		}
		return header{}, failure
	}
	for _, m := range unsupported {
		if m.Present {
			return header{}, fail(ErrHeaderNotAllowed, m.Name)
		}
	}
	h := header{alg: alg.Text, kid: kid.Text, hasType: typ.Present}
	if h.hasType {
		if h.typ = mediaType(typ.Text); !v.types[h.typ] {
			return header{}, fail(ErrTypeNotAllowed, "typ "+quoted(typ.Text))
		}
	}
	if h.kid == "" {
		return header{}, fail(ErrKIDMissing, "")
	}
	return h, nil
}

// mediaType folds the spellings of one typ (RFC 7515 section 4.1.9): any case,
// and "application/" may stand before it.
func mediaType(typ string) string {
	typ = strings.ToLower(typ)
	if rest, ok := strings.CutPrefix(typ, "application/"); ok && !strings.Contains(rest, "/") {
		return rest
	}
	return typ
}
