package devidp

import (
	"encoding/json"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/signer"
)

// DefaultTTL is the default lifetime of a token.
const DefaultTTL = time.Hour

// IssuerConfig configures an issuer of a [Server]. The zero value signs with RS256
// and has the issuer's own URL as its iss.
type IssuerConfig struct {
	// ISS is the iss of its tokens and of its discovery document; empty: the
	// issuer's own URL. It may be any string, so that a loopback issuer can replace
	// one on the internet.
	ISS string
	// Algorithm of its keys: RS256/384/512, PS256/384/512, ES256/384/512 or
	// EdDSA; empty: RS256.
	Algorithm string
	// Type is the header typ of its tokens; empty: JWT.
	Type string
	// KeysOf makes it share another issuer's keys, rotations included, as the
	// pools of some Cognito emulators do. Then the tokens of the two issuers
	// differ only in iss. Algorithm must be empty.
	KeysOf *Issuer
	// Defaults, if set, returns default claims for a token with the requested
	// claims, which take precedence. It must not modify its argument, and must be
	// safe for concurrent use.
	Defaults func(requested map[string]any) map[string]any
	// Login, if set, makes it sign users in.
	Login *Login
}

// Issuer is one issuer of a [Server]: an iss and its signing keys. It is safe for
// concurrent use.
type Issuer struct {
	name     string
	iss      string
	url      string
	typ      string
	now      func() time.Time
	keys     *ring
	defaults func(map[string]any) map[string]any
	login    *login // nil: none
	fetches  atomic.Int64
}

// Name returns the issuer's name, the first segment of its path.
func (i *Issuer) Name() string { return i.name }

// ISS returns the iss claim of its tokens.
func (i *Issuer) ISS() string { return i.iss }

// URL returns the URL at which it is served, without a final slash. It is also the
// ISS, unless [IssuerConfig] sets another.
func (i *Issuer) URL() string { return i.url }

// JWKSURL returns the URL of its key set.
func (i *Issuer) JWKSURL() string { return i.url + "/.well-known/jwks.json" }

// Fetches returns how often its key set was fetched.
func (i *Issuer) Fetches() int { return int(i.fetches.Load()) }

// KeyID returns the kid of the signing key.
func (i *Issuer) KeyID() string { return i.keys.signer().ID }

// KeyIDs returns the kids of the published keys, in the order of their publication.
func (i *Issuer) KeyIDs() []string {
	var kids []string
	for _, k := range i.keys.snapshot() {
		kids = append(kids, k.ID)
	}
	return kids
}

// AddKey publishes a new key for alg (empty: the issuer's own algorithm) and returns
// its kid. It does not sign yet; [Issuer.UseKey] completes the rotation.
func (i *Issuer) AddKey(alg string) (kid string, err error) { return i.keys.add(alg) }

// UseKey makes the key with this kid the signing key. A withdrawn key can be used
// too; it is not published again.
func (i *Issuer) UseKey(kid string) error { return i.keys.use(kid) }

// RemoveKey withdraws a key from the published set. If it is the signing key, it
// remains the signing key, so that tests get tokens of a withdrawn key.
func (i *Issuer) RemoveKey(kid string) error { return i.keys.remove(kid) }

// Rotate replaces all published keys with one new key, which becomes the signing
// key, and returns its kid.
func (i *Issuer) Rotate() (kid string, err error) { return i.keys.rotate() }

// Mint signs a token with these claims, and adds iss, iat and exp if they are
// missing; a claim that is nil is left out of the token, also if it is one of these.
// The token expires after ttl, or after [DefaultTTL] if ttl is zero. If ttl is
// negative, the token expired that long ago and was issued [DefaultTTL] before.
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

// Sign signs exactly these claims. It adds alg, kid and typ to the header if they are
// missing; a header member that is nil is left out. The signature always uses the
// signing key's own algorithm, whatever alg the header has, so that tests get tokens
// with a wrong header.
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

// discovery returns the members of OpenID Connect Discovery 1.0 section 3 that apply
// to this issuer, and with a login the endpoints of the code flow.
func (i *Issuer) discovery() any {
	var algs []string
	for _, k := range i.keys.snapshot() {
		if !slices.Contains(algs, k.Alg) {
			algs = append(algs, k.Alg)
		}
	}
	document := map[string]any{
		"issuer":                                i.iss,
		"jwks_uri":                              i.JWKSURL(),
		"response_types_supported":              []string{"none"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": algs,
	}
	if i.login == nil {
		return document
	}
	maps.Copy(document, map[string]any{
		"authorization_endpoint":                i.url + "/authorize",
		"token_endpoint":                        i.url + "/token",
		"end_session_endpoint":                  i.url + "/end_session",
		"response_types_supported":              []string{"code"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"},
		"scopes_supported":                      []string{"openid", "profile", "email"},
	})
	return document
}
