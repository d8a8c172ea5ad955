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
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/revocation"
	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// KeySource returns the public keys of one issuer. Its methods are safe for concurrent
// use.
//
// Key returns a key whose type, curve and size fit alg. For an empty kid, which stands for a
// token without one, it is the only key that fits alg; if there is not exactly one, the
// error has a method NeedsKID() bool that returns true. If an error is not caused by the
// token, it has a method RetryAfter() time.Duration, which returns how long to wait before
// the next attempt. Epoch changes when a key that Key returned may no longer be trusted.
// The verifier calls Verified after the key verified a signature. Publishes reports whether
// the issuer is known to publish a key that would fit alg, also if alg is not configured. An
// error may have a method Advice() []denial.Advice, which returns the fixes.
type KeySource interface {
	Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error)
	Epoch() uint64
	Verified(kid, alg string)
	Publishes(kid, alg string) bool
}

// Verifier verifies tokens of a fixed list of issuers. It is safe for concurrent use.
type Verifier struct {
	maxBytes   int
	byISS      map[string]*trusted
	issuers    []*trusted             // in the order of the configuration
	like       map[likeness][]likeISS // the configured iss values that an unknown one may be similar to
	byAudience map[string][]*trusted  // the first two issuers with an audience
	byClient   map[string][]*trusted  // the first two issuers with a client
	described  string                 // the issuers, in hints
	// anyTenant are the issuers that accept any tenant. They are not in byISS.
	anyTenant []*trusted
	// methods are all supported algorithms.
	methods map[string]jwt.SigningMethod
	// algorithms and types are those of all issuers, so that a header can be rejected
	// before the claims are read.
	algorithms map[string]jwt.SigningMethod
	types      map[string]bool // normalized by mediaType
	// prefixes are the prefixes of all issuers. A name of another issuer must not begin
	// with one.
	prefixes []string
	// revocations is the current list of revoked tokens; nil revokes nothing.
	revocations atomic.Pointer[revocation.List]
}

// trusted is the configuration of one issuer in the form that the verifier needs.
type trusted struct {
	name            string
	prefixes        []string       // of its names; more than one if it has tenants
	anyTenant       bool           // forms are templates
	forms           []issForm      // its iss values
	formOf          map[string]int // :: iss -> index of its form
	cognito         *config.Cognito
	discovered      bool // the keys, from a document whose URL iss is
	audiences       []string
	shared          config.SharedAudiences
	clients         []string
	tokenUse        []string
	allowHTTP       bool // plain http to the issuer
	boundAsBearer   bool
	emailAssumed    bool
	tokenTypes      []string        // as configured
	types           map[string]bool // normalized by mediaType
	algorithms      []string
	require         []requiredClaim
	subjectClaims   []claimPath
	standardClients []string    // client_id and azp, if they are configured
	otherClients    []claimPath // the other claims that may name the client
	groupsClaim     []claimPath
	scopesClaim     []claimPath
	leeway          time.Duration
	maxLifetime     time.Duration // 0: no limit
	foreignPrefixes []string      // prefixes of other issuers, if the issuer has none
	naming          []claimPath   // the claims that name a user or group; they must not begin with such a prefix
	namedByClient   bool          // the client also names the user
	keys            KeySource
}

// NewVerifier returns a verifier of tokens of at most maxBytes. naming are the claims, or
// values of the gate, from which the application gets a name
// ([config.Identity.NamingClaims]). NewVerifier calls keys once for each issuer.
//
// An issuer without a setting that restricts its tokens is an error: no algorithm, no iss,
// neither audience nor client, or an empty one of these.
func NewVerifier(issuers []config.Issuer, maxBytes int, naming []string, keys func(issuer string) KeySource) (*Verifier, error) {
	v := &Verifier{
		maxBytes:   maxBytes,
		byISS:      make(map[string]*trusted),
		like:       make(map[likeness][]likeISS),
		byAudience: make(map[string][]*trusted),
		byClient:   make(map[string][]*trusted),
		algorithms: make(map[string]jwt.SigningMethod),
		types:      make(map[string]bool),
		methods:    methods(),
	}
	for _, issuer := range issuers {
		if len(issuer.ISS) == 0 || len(issuer.Algorithms) == 0 || len(issuer.TokenUse) == 0 ||
			len(issuer.Audiences)+len(issuer.Clients) == 0 {
			return nil, fmt.Errorf("issuer %q lacks an iss, an algorithm, a token use, or both audiences and clients", issuer.Name)
		}
		if slices.Contains(slices.Concat(issuer.ISS, issuer.Audiences, issuer.Clients), "") {
			return nil, fmt.Errorf("issuer %q has an empty iss, audience or client, which a token without one would match", issuer.Name)
		}
		t := newTrusted(issuer, naming)
		if t.keys = keys(issuer.Name); t.keys == nil {
			return nil, fmt.Errorf("issuer %q has no key source", issuer.Name)
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
		v.prefixes = append(v.prefixes, t.prefixes...)
		if t.anyTenant {
			v.anyTenant = append(v.anyTenant, t)
			continue
		}
		for _, iss := range issuer.ISS {
			if v.byISS[iss] != nil {
				return nil, fmt.Errorf("issuers %q and %q share the iss %q", v.byISS[iss].name, issuer.Name, iss)
			}
			v.byISS[iss] = t
		}
	}
	for _, t := range v.issuers {
		if len(t.prefixes) == 0 {
			t.foreignPrefixes = v.prefixes
		}
		v.addLike(t)
		addOwner(v.byAudience, t, t.audiences)
		addOwner(v.byClient, t, t.clients)
	}
	v.described = v.describeIssuers()
	return v, nil
}

func newTrusted(issuer config.Issuer, naming []string) *trusted {
	t := &trusted{
		name: issuer.Name, cognito: issuer.Cognito,
		discovered: issuer.JWKS.URI == "" && issuer.JWKS.File == "", allowHTTP: issuer.AllowHTTP,
		audiences: issuer.Audiences, shared: issuer.SharedAudiences(), clients: issuer.Clients,
		tokenUse: issuer.TokenUse, boundAsBearer: issuer.BoundAsBearer, emailAssumed: issuer.EmailAssumed,
		tokenTypes: issuer.TokenTypes, types: make(map[string]bool), algorithms: issuer.Algorithms,
		groupsClaim: parseClaimPaths(issuer.GroupsClaim), scopesClaim: parseClaimPaths(issuer.ScopesClaim),
		subjectClaims: parseClaimPaths(issuer.SubjectClaims),
		leeway:        issuer.Leeway, maxLifetime: issuer.MaxLifetime,
		anyTenant: issuer.AnyTenant, formOf: make(map[string]int),
	}
	t.setClientClaims(issuer.ClientClaims)
	for _, one := range issuer.Require {
		t.require = append(t.require, requiredClaim{parseClaimPath(one.Claim), one.Values})
	}
	t.naming = slices.Concat(parseClaimPaths(config.SubjectClaims()), t.subjectClaims, t.groupsClaim)
	for _, name := range naming {
		if t.namedByClient = t.namedByClient || name == "$client"; !strings.HasPrefix(name, "$") {
			t.naming = append(t.naming, parseClaimPath(name))
		}
	}
	for _, iss := range issuer.ISS {
		form := splitISS(iss)
		form.tenant, form.prefix = issuer.Tenants[iss], issuer.PrefixOf(iss)
		t.formOf[iss], t.forms = len(t.forms), append(t.forms, form)
	}
	t.prefixes = slices.DeleteFunc(issuer.Prefixes(), func(one string) bool { return one == "" })
	for _, typ := range issuer.TokenTypes {
		t.types[mediaType(typ)] = true
	}
	return t
}

// MaxBytes returns the maximum length of a token.
func (v *Verifier) MaxBytes() int { return v.maxBytes }

// Verify verifies a credential at a time. It waits only for a key, until ctx ends. The
// error is a *[denial.Error].
//
// A returned token was signed by a configured issuer for a configured audience or client,
// and is valid now. Verify does not prove who sent it: anyone who has a bearer token can
// use it (RFC 6750 section 5.1).
func (v *Verifier) Verify(ctx context.Context, raw string, now time.Time) (*Token, error) {
	c, err := v.Begin(ctx, raw)
	if err != nil {
		return nil, err
	}
	return v.Finish(c, now)
}

// Candidate is a token whose key was found. The remaining checks take only CPU time.
type Candidate struct {
	compact
	header
	iss    string
	issuer *trusted
	key    crypto.PublicKey
	epoch  uint64 // of the issuer's keys
}

// Begin does checks 3 to 6: it parses the token and gets its key, for which it may wait
// until ctx ends. [Verifier.Finish] does the other checks. The error is a *[denial.Error].
func (v *Verifier) Begin(ctx context.Context, raw string) (*Candidate, error) {
	j, failure := split(raw, v.maxBytes)
	if failure != nil {
		return nil, v.diagnoseCredential(failure, raw)
	}
	h, failure := v.header(j.header)
	if failure != nil {
		return nil, v.diagnoseHeader(failure, h, j.claims)
	}
	c := &Candidate{compact: j, header: h}
	if failure := v.findKey(ctx, c); failure != nil {
		failure.KeyID = quote.Cut(h.kid, quote.Max)
		return nil, failure
	}
	return c, nil
}

// findKey does checks 5 and 6. It parses all of the claims strictly, but it keeps only iss
// before the signature is verified: building them all would cost a forged token up to seven
// times as much, and a valid one reads them twice for 4 % of its time.
func (v *Verifier) findKey(ctx context.Context, c *Candidate) *denial.Error {
	members := [...]strictjson.Member{{Name: "iss"}, {Name: "sub"}}
	err := strictjson.Pick(c.claims, members[:])
	if err != nil {
		return fail(ErrClaimsMalformed, err.Error()).Advise(denial.FixClaimsJSON.With())
	}
	iss := members[0].Text
	if !members[0].Present {
		iss = trustDomain(members[1].Text)
	}
	issuer := v.issuerOf(iss)
	switch h := c.header; {
	case issuer == nil:
		return v.unknownIssuer(members[0], h)
	case !slices.Contains(issuer.algorithms, h.alg):
		return v.adviseAlgorithm(fail(ErrAlgNotAllowed, "got alg "+quote.Text(h.alg)), issuer, h)
	case h.hasKID && h.kid == "":
		return fail(ErrKIDMissing, "kid is empty or not a string").Advise(denial.FixKID.With())
	case h.hasType && !issuer.types[h.typ]:
		return v.adviseType(fail(ErrTypeNotAllowed, "got typ "+quote.Text(h.typ)), issuer, h)
	}
	// The epoch is read before the key. In the other order, a key that is withdrawn in
	// between would get the epoch after its withdrawal.
	c.iss, c.issuer, c.epoch = iss, issuer, issuer.keys.Epoch()
	if c.key, err = issuer.keys.Key(ctx, c.kid, c.alg); err != nil {
		return issuer.noKey(err)
	}
	return nil
}

// noKey returns the failure for an error of the issuer's key source.
func (i *trusted) noKey(err error) *denial.Error {
	failure := fail(err, "issuer "+quote.Text(i.name))
	if unnamed, ok := errors.AsType[interface {
		error
		NeedsKID() bool
	}](err); ok && unnamed.NeedsKID() {
		failure = fail(ErrKIDMissing, "issuer "+quote.Text(i.name)+": "+err.Error())
	} else if later, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err); ok {
		failure.RetryAfter = later.RetryAfter()
	}
	if known, ok := errors.AsType[interface {
		error
		Advice() []denial.Advice
	}](err); ok {
		failure.Advise(known.Advice()...)
	}
	return failure
}

// Finish does checks 7 and 8, the signature and the claims. It does not wait.
func (v *Verifier) Finish(c *Candidate, now time.Time) (*Token, error) {
	token, failure := v.check(c, now)
	if failure != nil {
		failure.KeyID = quote.Cut(c.kid, quote.Max)
		return nil, failure
	}
	return token, nil
}

func (v *Verifier) check(c *Candidate, now time.Time) (*Token, *denial.Error) {
	issuer := c.issuer
	if err := v.algorithms[c.alg].Verify(c.signed, c.signature, c.key); err != nil {
		return nil, c.wrongSignature()
	}
	issuer.keys.Verified(c.kid, c.alg)
	claims, err := strictjson.Object(c.claims)
	if err != nil {
		return nil, fail(ErrClaimsMalformed, err.Error()).Advise(denial.FixClaimsJSON.With())
	}
	token := &Token{Issuer: issuer.name, ISS: c.iss, KeyID: c.kid, Algorithm: c.alg, by: issuer, claims: claims, epoch: c.epoch}
	token.Tenant, token.prefix = issuer.tenantAndPrefix(c.iss)
	failure := issuer.checkClaims(token, c.typ, now)
	if failure != nil {
		v.diagnose(failure, issuer, token.Claims(), c.typ)
	} else {
		failure = v.checkRevocation(token)
	}
	if failure != nil {
		failure.Issuer, failure.Subject = token.Issuer, token.Subject
		if token.Subject != "" { // any claim that a message shows may have the same value
			failure.Revealed = append(failure.Revealed, quote.Text(strings.TrimPrefix(token.Subject, token.prefix)))
		}
		return nil, failure
	}
	return token, nil
}

// headerParameters are the parameters that are read. crit and b64 change what the
// signature covers (RFC 7515 section 4.1.11, RFC 7797), zip and cty change the format of
// the claims. These four are not supported, and a recipient that does not support crit
// must reject the token. nonce is only read for a hint.
func headerParameters() [8]strictjson.Member {
	return [...]strictjson.Member{
		{Name: "alg"}, {Name: "typ"}, {Name: "kid"}, {Name: "nonce"}, {Name: "crit"}, {Name: "b64"}, {Name: "zip"}, {Name: "cty"},
	}
}

// header has the values that are read from a JOSE header.
type header struct {
	alg, kid string
	typ      string // normalized by mediaType
	hasType  bool
	hasKID   bool
	hasNonce bool
}

// header parses the JOSE header (RFC 7515 section 4) and rejects an algorithm or a type
// that no issuer has. It never reads key material (jwk, jku, x5c, x5u).
func (v *Verifier) header(text string) (header, *denial.Error) {
	parameters := headerParameters()
	if err := strictjson.Pick(text, parameters[:]); err != nil {
		return header{}, fail(ErrMalformed, "header: "+err.Error())
	}
	alg, typ, kid, nonce, unsupported := parameters[0], parameters[1], parameters[2], parameters[3], parameters[4:]
	h := header{alg: alg.Text, kid: kid.Text, hasType: typ.Present, hasKID: kid.Present, hasNonce: nonce.Present}
	if v.algorithms[h.alg] == nil {
		return h, fail(ErrAlgNotAllowed, "got alg "+quote.Text(h.alg))
	}
	for _, m := range unsupported {
		if m.Present {
			return h, fail(ErrHeaderNotAllowed, m.Name).Advise(denial.FixNoParameter.With(m.Name))
		}
	}
	if h.hasType {
		if h.typ = mediaType(typ.Text); !v.types[h.typ] {
			return h, fail(ErrTypeNotAllowed, "got typ "+quote.Text(typ.Text))
		}
	}
	return h, nil
}

// mediaType returns the normal form of a typ (RFC 7515 section 4.1.9): in lower case and
// without "application/".
func mediaType(typ string) string {
	typ = strings.ToLower(typ)
	if rest, ok := strings.CutPrefix(typ, "application/"); ok && !strings.Contains(rest, "/") {
		return rest
	}
	return typ
}
