package devidp

import (
	"encoding/json"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/signer"
)

// DefaultTTL is how long a token lives when nobody says.
const DefaultTTL = time.Hour

// IssuerConfig says what an issuer of a [Server] is like. The zero value signs
// with RS256 as the URL that it is served under.
type IssuerConfig struct {
	// ISS is the iss that it signs as and that its discovery document names;
	// empty: the issuer's own URL. It may be any string, so that a loopback key
	// set can stand for an issuer on the internet.
	ISS string
	// Algorithm of its keys: RS256/384/512, PS256/384/512, ES256/384/512 or
	// EdDSA; empty: RS256.
	Algorithm string
	// Type is the header typ of its tokens; empty: JWT.
	Type string
	// KeysOf makes it share another issuer's keys, rotations included, as the
	// pools of some Cognito emulators do. Only iss tells their tokens apart
	// then. Algorithm must be empty beside it.
	KeysOf *Issuer
	// Defaults, when set, is shown the claims that a token is asked for with,
	// and returns further ones: each is used where the asker named no such
	// claim. It must not change what it is shown, and may run on several
	// goroutines at once.
	Defaults func(asked map[string]any) map[string]any
}

// Issuer is one issuer of a [Server]: an iss and the keys that it signs with.
// Its methods may be called from any goroutine.
type Issuer struct {
	name     string
	iss      string
	url      string
	typ      string
	now      func() time.Time
	keys     *ring
	defaults func(map[string]any) map[string]any
	fetches  atomic.Int64
}

// Name is what the issuer is called under its server's URL.
func (i *Issuer) Name() string { return i.name }

// ISS is the iss claim of its tokens.
func (i *Issuer) ISS() string { return i.iss }

// URL is where it is served, without a final slash. It is also its ISS, unless
// [IssuerConfig] said otherwise.
func (i *Issuer) URL() string { return i.url }

// JWKSURL is where its key set is served.
func (i *Issuer) JWKSURL() string { return i.url + "/.well-known/jwks.json" }

// Fetches counts how often its key set was served.
func (i *Issuer) Fetches() int { return int(i.fetches.Load()) }

// KeyID is the kid of the key that signs now.
func (i *Issuer) KeyID() string { return i.keys.signer().ID }

// KeyIDs lists the kids of the published key set in the order in which they
// joined it.
func (i *Issuer) KeyIDs() []string {
	var kids []string
	for _, k := range i.keys.snapshot() {
		kids = append(kids, k.ID)
	}
	return kids
}

// AddKey publishes a new key for alg (empty: the issuer's own algorithm) that
// does not sign yet, and returns its kid: the first half of a rotation that
// announces itself.
func (i *Issuer) AddKey(alg string) (kid string, err error) { return i.keys.add(alg) }

// UseKey makes the key with this kid the one that signs. A key that was
// withdrawn may be used again, without being published again.
func (i *Issuer) UseKey(kid string) error { return i.keys.use(kid) }

// RemoveKey withdraws a key from the published set. If it is the one that
// signs, it goes on signing: that is how a token of a withdrawn key is had.
func (i *Issuer) RemoveKey(kid string) error { return i.keys.remove(kid) }

// Rotate replaces the whole published set with one new key that signs from now
// on, and returns its kid. Nothing announces it.
func (i *Issuer) Rotate() (kid string, err error) { return i.keys.rotate() }

// Mint signs a token with these claims, and with iss, iat and exp where claims
// names none; a claim that is nil is left out of the token, those three
// included. The token expires after ttl; zero is [DefaultTTL], and a negative
// ttl makes a token that expired that long ago and was issued [DefaultTTL]
// before that.
func (i *Issuer) Mint(claims map[string]any, ttl time.Duration) (string, error) {
	if ttl == 0 {
		ttl = DefaultTTL
	}
	issued := i.now()
	expires := issued.Add(ttl)
	if ttl < 0 {
		issued = expires.Add(-DefaultTTL)
	}
	all := map[string]any{"iss": i.iss, "iat": issued.Unix(), "exp": expires.Unix()}
	if i.defaults != nil {
		maps.Copy(all, i.defaults(claims))
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return i.Sign(nil, all)
}

// Sign signs exactly these claims under this header, to which alg, kid and typ
// are added where header names none; a header member that is nil is left out.
// What the header claims as alg does not change how the signature is made: it
// is always the signing key's own algorithm, so a header that lies is easily
// had.
func (i *Issuer) Sign(header, claims map[string]any) (string, error) {
	full := map[string]any{"typ": i.typ}
	maps.Copy(full, header)
	if claims == nil {
		claims = map[string]any{}
	}
	return i.keys.signer().Token(full, claims)
}

// keySet returns the published keys as a JWK set (RFC 7517 section 5).
func (i *Issuer) keySet() (any, error) {
	set, err := signer.KeySet(i.keys.snapshot()...)
	return json.RawMessage(set), err
}

// discovery renders the members of OpenID Connect Discovery 1.0 section 3 that
// this issuer has something true to say about. There is no authorization
// endpoint, since nobody can log in here.
func (i *Issuer) discovery() any {
	var algs []string
	for _, k := range i.keys.snapshot() {
		if !slices.Contains(algs, k.Alg) {
			algs = append(algs, k.Alg)
		}
	}
	return map[string]any{
		"issuer":                                i.iss,
		"jwks_uri":                              i.JWKSURL(),
		"response_types_supported":              []string{"none"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": algs,
	}
}
