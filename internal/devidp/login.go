package devidp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Login makes an issuer sign users in, by the authorization code flow of OpenID Connect
// with PKCE (RFC 7636). The user chooses on a page who to be; there are no passwords.
type Login struct {
	// ClientID and ClientSecret are those of its one client.
	ClientID, ClientSecret string
	// RedirectURIs and PostLogoutRedirectURIs are where the browser may return after a
	// login and after a logout. They are compared exactly.
	RedirectURIs, PostLogoutRedirectURIs []string
	// Users are those that the page shows, in this order.
	Users []User
	// TTL is the lifetime of access tokens and ID tokens, in whole seconds; zero:
	// [DefaultTTL].
	TTL time.Duration
}

// User is a user of a [Login].
type User struct {
	// Name is unique in a login. The page shows it with About.
	Name, About string
	// Access are the claims of access tokens, with a sub, and ID those of ID tokens. The
	// issuer adds to both what [Issuer.Mint] adds; to an access token the granted scope;
	// and to an ID token the sub, aud, sid and nonce.
	Access, ID map[string]any
}

// codeTTL is how long an authorization code may be exchanged.
const codeTTL = time.Minute

// login is the state of a [Login].
type login struct {
	Login

	mu       sync.Mutex         // guards what follows
	codes    map[string]grant   // :: code -> what it was issued for
	sessions map[string]session // :: sid -> session
}

// grant is what an authorization code was issued for.
type grant struct {
	sid       string
	redirect  string // the redirect URI of the authorization request
	challenge string // of PKCE
	expires   time.Time
}

// session is a login of a user. It ends with the logout or with the server.
type session struct {
	id      string
	user    User
	scope   string
	nonce   string
	refresh string // the refresh token; it does not change, so that several tabs can use it at once
}

// newLogin returns the state of a login, or an error if its configuration is incomplete.
func newLogin(c Login) (*login, error) {
	if c.ClientID == "" || c.ClientSecret == "" || len(c.Users) == 0 {
		return nil, errors.New("a login needs a client ID, a client secret and a user")
	}
	names := map[string]bool{}
	for _, u := range c.Users {
		if sub, _ := u.Access["sub"].(string); sub == "" || u.Name == "" || names[u.Name] {
			return nil, fmt.Errorf("user %q of the login needs a unique name and a sub", u.Name)
		}
		names[u.Name] = true
	}
	for _, uri := range slices.Concat(c.RedirectURIs, c.PostLogoutRedirectURIs) {
		if u, err := url.Parse(uri); err != nil || u.Scheme == "" || u.Host == "" || u.Fragment != "" {
			return nil, fmt.Errorf("redirect URI %q is not an absolute URL without a fragment", uri)
		}
	}
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	return &login{Login: c, codes: map[string]grant{}, sessions: map[string]session{}}, nil
}

// start starts a session of a user, and returns its ID and a code for its tokens.
func (l *login) start(u User, a authorization, now time.Time) (sid, code string) {
	s := session{id: rand.Text(), user: u, scope: a.scope, nonce: a.nonce, refresh: rand.Text()}
	code = rand.Text()
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.codes, func(_ string, g grant) bool { return !now.Before(g.expires) })
	l.codes[code] = grant{sid: s.id, redirect: a.redirect.String(), challenge: a.challenge, expires: now.Add(codeTTL)}
	l.sessions[s.id] = s
	return s.id, code
}

// end ends a session: its refresh token and its unused code become invalid.
func (l *login) end(sid string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sessions, sid)
}

// byCode returns the session of a code, which is valid once, for the redirect URI and the
// PKCE verifier of its authorization request (RFC 6749 section 4.1.3, RFC 7636 section 4.6).
func (l *login) byCode(code, redirect, verifier string, now time.Time) (session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, known := l.codes[code]
	delete(l.codes, code)
	hash := sha256.Sum256([]byte(verifier))
	switch {
	case !known:
		return session{}, errors.New("the code is unknown or has been used")
	case !now.Before(g.expires):
		return session{}, errors.New("the code has expired")
	case redirect != g.redirect:
		return session{}, errors.New("redirect_uri is not that of the authorization request")
	case base64.RawURLEncoding.EncodeToString(hash[:]) != g.challenge:
		return session{}, errors.New("code_verifier does not match code_challenge")
	}
	return l.active(g.sid)
}

// byRefreshToken returns the session of a refresh token.
func (l *login) byRefreshToken(token string) (session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		if s.refresh == token {
			return s, nil
		}
	}
	return session{}, errors.New("the refresh token is unknown, or its session has ended")
}

// active returns a session that has not ended. The caller holds mu.
func (l *login) active(sid string) (session, error) {
	if s, ok := l.sessions[sid]; ok {
		return s, nil
	}
	return session{}, errors.New("the session has ended")
}

// tokenAnswer is the body of a response of the token endpoint (RFC 6749 section 5.1).
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
	IDToken      string `json:"id_token,omitempty"`
}

// tokens signs the tokens of a session.
func (i *Issuer) tokens(s session) (tokenAnswer, error) {
	claims := map[string]any{"scope": s.scope}
	maps.Copy(claims, s.user.Access)
	access, err := i.Mint(claims, i.login.TTL)
	if err != nil {
		return tokenAnswer{}, err
	}
	all := tokenAnswer{
		AccessToken: access, TokenType: "Bearer", ExpiresIn: int64(i.login.TTL / time.Second), RefreshToken: s.refresh, Scope: s.scope,
	}
	if !slices.Contains(strings.Fields(s.scope), "openid") {
		return all, nil
	}
	claims = map[string]any{"sub": s.user.Access["sub"], "aud": i.login.ClientID, "sid": s.id}
	if s.nonce != "" {
		claims["nonce"] = s.nonce
	}
	maps.Copy(claims, s.user.ID)
	all.IDToken, err = i.Mint(claims, i.login.TTL)
	return all, err
}
