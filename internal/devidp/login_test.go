package devidp_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/jwtgate/jwtgate/internal/devidp"
)

const (
	returnTo = "http://localhost:8080/oauth2/callback"
	leaveTo  = "http://localhost:8080/home"
	secret   = "a+secret/that needs=escapes&"
)

// users returns a login with two users.
func users() *devidp.Login {
	return &devidp.Login{
		ClientID: "web", ClientSecret: secret, TTL: 5 * time.Minute,
		RedirectURIs: []string{returnTo}, PostLogoutRedirectURIs: []string{leaveTo},
		Users: []devidp.User{
			{
				Name:   "ann",
				About:  "reads",
				Access: map[string]any{"sub": "1", "groups": []string{"editors"}},
				ID:     map[string]any{"email": "ann@example.com"},
			},
			{Name: "bob <b>", Access: map[string]any{"sub": "2"}},
		},
	}
}

// client is a client of the login, with a browser that follows no redirects.
type client struct {
	oauth2.Config
	browser *http.Client
	issuer  *devidp.Issuer
}

// startLogin starts an issuer with a login on a server with its own clock.
func startLogin(t *testing.T, now func() time.Time) client {
	t.Helper()
	i := add(t, start(t, devidp.Config{Now: now}), "cruddur", devidp.IssuerConfig{Algorithm: "EdDSA", Login: users()})
	_, document := fetch[map[string]any](t, i.URL()+"/.well-known/openid-configuration")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{
		Jar:       jar,
		Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	endpoint := func(name string) string { u, _ := document[name].(string); return u }
	return client{browser: browser, issuer: i, Config: oauth2.Config{
		ClientID: "web", ClientSecret: secret, RedirectURL: returnTo, Scopes: []string{"openid", "profile"},
		Endpoint: oauth2.Endpoint{
			AuthURL: endpoint("authorization_endpoint"), TokenURL: endpoint("token_endpoint"), AuthStyle: oauth2.AuthStyleInParams,
		},
	}}
}

// body reads a response.
func body(t *testing.T, response *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return html.UnescapeString(string(data))
}

// choose sends the form of the sign-in page at a URL, and returns where it leads.
func (c client) choose(t *testing.T, page string, form url.Values) *url.URL {
	t.Helper()
	response, err := c.browser.PostForm(page, form)
	text := body(t, response, err)
	target, err := response.Location()
	if err != nil || response.StatusCode != http.StatusSeeOther {
		t.Fatalf("the form's answer is %s, %v: %s", response.Status, err, text)
	}
	return target
}

// signIn signs a user in and returns the code, and the verifier that it was issued for.
func (c client) signIn(t *testing.T, user string) (code, verifier string) {
	t.Helper()
	verifier = oauth2.GenerateVerifier()
	page := c.AuthCodeURL("a state", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("nonce", "once"))
	back := c.choose(t, page, url.Values{"user": {user}})
	if !strings.HasPrefix(back.String(), returnTo+"?") || back.Query().Get("state") != "a state" {
		t.Fatalf("the browser returns to %s", back)
	}
	return back.Query().Get("code"), verifier
}

// refused checks that the token endpoint refused a request with an error code, and why.
func refused(t *testing.T, err error, code, why string) {
	t.Helper()
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || answer.ErrorCode != code || !strings.Contains(answer.ErrorDescription, why) {
		t.Errorf("got %v; expected %s: %s", err, code, why)
	}
}

func TestLoginWithPKCE(t *testing.T) {
	c := startLogin(t, nil)
	verifier := oauth2.GenerateVerifier()
	page := c.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier))
	response, err := c.browser.Get(page)
	text := body(t, response, err)
	for _, want := range []string{"Demo.", "no password", `value="ann"`, "reads", `value="bob <b>"`, "localhost:8080"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q: %s", want, text)
		}
	}
	if policy := response.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "form-action 'self' http://localhost:8080") {
		t.Errorf("the page's policy is %q", policy)
	}
	code, verifier := c.signIn(t, "ann")
	tokens, err := c.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, c.issuer, tokens.AccessToken); err != nil {
		t.Error(err)
	}
	access := part(t, tokens.AccessToken, 1)
	lifetime := access["exp"].(float64) - access["iat"].(float64)
	if access["sub"] != "1" || access["scope"] != "openid profile" || access["iss"] != c.issuer.ISS() || lifetime != 300 ||
		tokens.ExpiresIn != 300 {
		t.Errorf("the access token has %v, and is said to expire in %d s", access, tokens.ExpiresIn)
	}
	text, _ = tokens.Extra("id_token").(string)
	id := part(t, text, 1)
	if id["sub"] != "1" || id["aud"] != "web" || id["email"] != "ann@example.com" || id["nonce"] != "once" || id["sid"] == nil {
		t.Errorf("the ID token has %v", id)
	}
	_, err = c.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	refused(t, err, "invalid_grant", "unknown or has been used")
}

func TestWithoutOpenIDThereIsNoIDToken(t *testing.T) {
	c := startLogin(t, nil)
	c.Scopes = []string{"orders"}
	code, verifier := c.signIn(t, "ann")
	tokens, err := c.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	if err != nil || tokens.Extra("id_token") != nil || part(t, tokens.AccessToken, 1)["scope"] != "orders" {
		t.Errorf("got %+v, %v", tokens, err)
	}
}

// refresh exchanges a refresh token.
func (c client) refresh(ctx context.Context, token string) (*oauth2.Token, error) {
	return c.TokenSource(ctx, &oauth2.Token{RefreshToken: token}).Token()
}

// TestRefreshAndLogout: a refresh token may be used by several tabs, until the logout,
// which finds the session by the ID token or by the cookie.
func TestRefreshAndLogout(t *testing.T) {
	for _, by := range []string{"ID token", "cookie"} {
		t.Run(by, func(t *testing.T) {
			c := startLogin(t, nil)
			code, verifier := c.signIn(t, "ann")
			first, err := c.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				again, err := c.refresh(t.Context(), first.RefreshToken)
				if err != nil || again.RefreshToken != first.RefreshToken || again.Extra("id_token") == nil || again.ExpiresIn != 300 {
					t.Fatalf("a refresh: %+v, %v", again, err)
				}
			}
			_, document := fetch[map[string]any](t, c.issuer.URL()+"/.well-known/openid-configuration")
			query := url.Values{"client_id": {"web"}, "post_logout_redirect_uri": {leaveTo}, "state": {"bye"}, "id_token_hint": {""}}
			if by == "ID token" {
				query.Set("id_token_hint", first.Extra("id_token").(string))
				c.browser.Jar = nil
			}
			response, err := c.browser.Get(document["end_session_endpoint"].(string) + "?" + query.Encode())
			body(t, response, err)
			if got := response.Header.Get("Location"); got != leaveTo+"?state=bye" {
				t.Errorf("the logout leads to %q", got)
			}
			_, err = c.refresh(t.Context(), first.RefreshToken)
			refused(t, err, "invalid_grant", "its session has ended")
		})
	}
}

// TestCodeIsBound: a code is good for its own redirect URI and verifier, within its
// lifetime and its session.
func TestCodeIsBound(t *testing.T) {
	for _, row := range []struct {
		name string
		edit func(c *client, code, verifier *string, now *time.Time)
		want string // empty: accepted
	}{
		{"as issued", func(*client, *string, *string, *time.Time) {}, ""},
		{"another code", func(_ *client, code, _ *string, _ *time.Time) { *code += "x" }, "unknown or has been used"},
		{"another verifier", func(_ *client, _, v *string, _ *time.Time) { *v = oauth2.GenerateVerifier() }, "code_verifier does not match"},
		{"no verifier", func(_ *client, _, v *string, _ *time.Time) { *v = "" }, "code_verifier does not match"},
		{"another redirect URI", func(c *client, _, _ *string, _ *time.Time) { c.RedirectURL += "/" }, "redirect_uri is not that"},
		{"in time", func(_ *client, _, _ *string, now *time.Time) { *now = now.Add(59 * time.Second) }, ""},
		{"late", func(_ *client, _, _ *string, now *time.Time) { *now = now.Add(time.Minute) }, "the code has expired"},
		{"after the logout", func(c *client, _, _ *string, _ *time.Time) {
			response, err := c.browser.Get(c.issuer.URL() + "/end_session")
			if text := body(t, response, err); !strings.Contains(text, "You are signed out.") {
				t.Errorf("the logout's page is %s", text)
			}
		}, "the session has ended"},
	} {
		t.Run(row.name, func(t *testing.T) {
			now := at
			c := startLogin(t, func() time.Time { return now })
			code, verifier := c.signIn(t, "ann")
			row.edit(&c, &code, &verifier, &now)
			_, err := c.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
			if row.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, "invalid_grant", row.want)
		})
	}
}

func TestTokenEndpointRefuses(t *testing.T) {
	signedIn := startLogin(t, nil)
	for _, row := range []struct {
		name      string
		edit      func(c *client)
		parameter string // set by the library unless it is named here
		value     string
		code, why string
	}{
		{"another client", func(c *client) { c.ClientID = "other" }, "", "", "invalid_client", "client_id or client_secret"},
		{"another secret", func(c *client) { c.ClientSecret = "another" }, "", "", "invalid_client", "client_id or client_secret"},
		{"no secret", func(c *client) { c.ClientSecret = "" }, "", "", "invalid_client", "client_id or client_secret"},
		{"another grant", nil, "grant_type", "password", "unsupported_grant_type", "expected authorization_code or refresh_token"},
		{"too large", nil, "code", strings.Repeat("a", 20_000), "invalid_request", "too large"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := signedIn
			code, verifier := c.signIn(t, "ann")
			options := []oauth2.AuthCodeOption{oauth2.VerifierOption(verifier)}
			if row.edit != nil {
				row.edit(&c)
			} else {
				options = append(options, oauth2.SetAuthURLParam(row.parameter, row.value))
			}
			_, err := c.Exchange(t.Context(), code, options...)
			refused(t, err, row.code, row.why)
		})
	}
}

// TestAuthorizeRefuses: an error is shown on a page, unless the client and its redirect URI
// are valid; then the client gets it.
func TestAuthorizeRefuses(t *testing.T) {
	c := startLogin(t, nil)
	for _, row := range []struct {
		name string
		edit func(query url.Values)
		page string // text of the page
		code string // the error that the client gets
	}{
		{"another client", func(q url.Values) { q.Set("client_id", "other") }, `unknown client_id "other"`, ""},
		{"another redirect URI", func(q url.Values) { q.Set("redirect_uri", returnTo+"/") }, "is not registered for this client", ""},
		{"no redirect URI", func(q url.Values) { q.Del("redirect_uri") }, `redirect_uri "" is not registered`, ""},
		{"two states", func(q url.Values) { q.Add("state", "2") }, "state is there 2 times; expected once", ""},
		{"another response", func(q url.Values) { q.Set("response_type", "token") }, "", "unsupported_response_type"},
		{"no PKCE", func(q url.Values) { q.Del("code_challenge") }, "", "invalid_request"},
		{"plain PKCE", func(q url.Values) { q.Set("code_challenge_method", "plain") }, "", "invalid_request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			page, _ := url.Parse(c.AuthCodeURL("s", oauth2.S256ChallengeOption(oauth2.GenerateVerifier())))
			query := page.Query()
			row.edit(query)
			page.RawQuery = query.Encode()
			response, err := c.browser.PostForm(page.String(), url.Values{"user": {"ann"}})
			text := body(t, response, err)
			if row.page != "" && (response.StatusCode != http.StatusBadRequest || !strings.Contains(text, row.page)) {
				t.Errorf("got %s, %s; expected a page with %q", response.Status, text, row.page)
			}
			if row.code == "" {
				return
			}
			back, err := response.Location()
			if err != nil || back.Query().Get("error") != row.code || back.Query().Get("state") != "s" || back.Query().Get("code") != "" {
				t.Errorf("got %s to %v; expected the error %s for the client", response.Status, back, row.code)
			}
		})
	}
}

func TestTheUserCanCancel(t *testing.T) {
	c := startLogin(t, nil)
	page := c.AuthCodeURL("s", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
	if back := c.choose(t, page, url.Values{"cancel": {"yes"}}); back.Query().Get("error") != "access_denied" ||
		back.Query().Has("code") {
		t.Errorf("the browser returns to %s", back)
	}
	response, err := c.browser.PostForm(page, url.Values{"user": {"eve"}})
	if text := body(t, response, err); response.StatusCode != http.StatusBadRequest ||
		!strings.Contains(text, `There is no user "eve".`) {
		t.Errorf("another user: %s, %s", response.Status, text)
	}
}

// TestLoginRefusesOtherPages: only the sign-in page can send its form, and no page can
// reach the login under a name that was rebound to loopback.
func TestLoginRefusesOtherPages(t *testing.T) {
	c := startLogin(t, nil)
	page := c.AuthCodeURL("s", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
	rebound := func(r *http.Request) { r.Host = "evil.example:80" }
	foreign := func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }
	for _, row := range []struct {
		name, method, url string
		edit              func(*http.Request)
		status            int
	}{
		{"its own form", "POST", page, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, 303},
		{"another site's form", "POST", page, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"another port's form", "POST", page, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		{"another origin's form in an older browser", "POST", page, foreign, 403},
		{"a rebound name", "GET", page, rebound, 403},
		{"its form", "POST", page, rebound, 403},
		{"its tokens", "POST", c.Endpoint.TokenURL, rebound, 403},
		{"its logout", "GET", c.issuer.URL() + "/end_session", rebound, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), row.method, row.url, strings.NewReader("user=ann"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			row.edit(request)
			response, err := c.browser.Do(request)
			if text := body(t, response, err); response.StatusCode != row.status {
				t.Errorf("got %s, %s; expected %d", response.Status, text, row.status)
			}
		})
	}
}

func TestLogoutRefuses(t *testing.T) {
	c := startLogin(t, nil)
	for name, query := range map[string]string{
		"unknown client_id":                 "client_id=other",
		"is not registered for this client": "post_logout_redirect_uri=" + url.QueryEscape(leaveTo+"/other"),
	} {
		response, err := c.browser.Get(c.issuer.URL() + "/end_session?" + query)
		if text := body(t, response, err); response.StatusCode != http.StatusBadRequest || !strings.Contains(text, name) {
			t.Errorf("%s: %s, %s", query, response.Status, text)
		}
	}
	for _, hint := range []string{"x", "a.b.c", "a.!.c", "a.bm8.c"} {
		response, err := c.browser.Get(c.issuer.URL() + "/end_session?id_token_hint=" + hint)
		if body(t, response, err); response.StatusCode != http.StatusOK {
			t.Errorf("the hint %q: %s", hint, response.Status)
		}
	}
}

func TestAnIssuerWithoutALogin(t *testing.T) {
	s := start(t, devidp.Config{})
	add(t, s, "plain", devidp.IssuerConfig{Algorithm: "EdDSA"})
	for path, want := range map[string]string{
		"/plain/authorize": `issuer "plain" has no login`, "/none/authorize": `unknown issuer "none"`,
	} {
		response, err := http.Get(s.URL() + path)
		if text := body(t, response, err); response.StatusCode != http.StatusNotFound || !strings.Contains(text, want) {
			t.Errorf("%s: %s, %s", path, response.Status, text)
		}
	}
}

func TestAddRefusesALogin(t *testing.T) {
	for want, edit := range map[string]func(*devidp.Login){
		"needs a client ID, a client secret and a user":             func(l *devidp.Login) { l.ClientSecret = "" },
		`user "ann" of the login needs a unique name and a sub`:     func(l *devidp.Login) { l.Users[1].Name = "ann" },
		`user "bob <b>" of the login needs a unique name and a sub`: func(l *devidp.Login) { l.Users[1].Access = nil },
		`redirect URI "/callback" is not an absolute URL`:           func(l *devidp.Login) { l.RedirectURIs[0] = "/callback" },
		`"http://localhost/#x" is not an absolute URL`:              func(l *devidp.Login) { l.RedirectURIs[0] = "http://localhost/#x" },
	} {
		login := users()
		edit(login)
		_, err := start(t, devidp.Config{}).Add("cruddur", devidp.IssuerConfig{Algorithm: "EdDSA", Login: login})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; expected %s", err, want)
		}
	}
}

func TestDiscoveryOfTheLogin(t *testing.T) {
	c := startLogin(t, nil)
	_, document := fetch[map[string]any](t, c.issuer.URL()+"/.well-known/openid-configuration")
	for name, want := range map[string]string{
		"authorization_endpoint": c.issuer.URL() + "/authorize", "token_endpoint": c.issuer.URL() + "/token",
		"end_session_endpoint": c.issuer.URL() + "/end_session",
	} {
		if document[name] != want {
			t.Errorf("%s is %v, want %s", name, document[name], want)
		}
	}
	if types := fmt.Sprint(document["response_types_supported"]); types != "[code]" {
		t.Errorf("response_types_supported is %s", types)
	}
}
