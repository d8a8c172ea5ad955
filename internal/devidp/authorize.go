package devidp

import (
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/jwtgate/jwtgate/internal/webpage"
)

//go:embed signin.html
var signinPage string

//go:embed notice.html
var noticePage string

// pages are the pages of the login.
type pages struct {
	signin webpage.Template // of a signinData
	notice webpage.Template // of a noticeData
}

func parsePages() (pages, error) {
	signin, err := webpage.Parse(signinPage)
	if err != nil {
		return pages{}, err
	}
	notice, err := webpage.Parse(noticePage)
	return pages{signin, notice}, err
}

// signinData is what the sign-in page shows.
type signinData struct {
	Issuer string
	Target string // the host of the redirect URI
	Users  []User
}

// noticeData is what a page without a choice shows.
type noticeData struct {
	Title, Text string
}

// authorization is a valid authorization request.
type authorization struct {
	redirect                       *url.URL
	scope, state, nonce, challenge string
}

// back returns the redirect URI with parameters and the state.
func (a authorization) back(parameters map[string]string) string {
	u := *a.redirect
	query := u.Query()
	for name, value := range parameters {
		query.Set(name, value)
	}
	if a.state != "" {
		query.Set("state", a.state)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// protocolError is an error with its code (RFC 6749 sections 4.1.2.1 and 5.2).
type protocolError struct {
	Code string `json:"error"`
	Text string `json:"error_description"`
}

// Error returns the description.
func (e protocolError) Error() string { return e.Text }

// readAuthorization reads an authorization request. If the error is a protocolError, the
// client and its redirect URI are valid, and the browser may be sent there.
func (l *login) readAuthorization(query url.Values) (authorization, error) {
	for name, values := range query {
		// RFC 6749 section 3.1; RFC 8707 section 2 allows several resources.
		if len(values) > 1 && name != "resource" {
			return authorization{}, fmt.Errorf("%s is there %d times; expected once", name, len(values))
		}
	}
	if got := query.Get("client_id"); got != l.ClientID {
		return authorization{}, fmt.Errorf("unknown client_id %q", got)
	}
	if got := query.Get("redirect_uri"); !slices.Contains(l.RedirectURIs, got) {
		return authorization{}, fmt.Errorf("redirect_uri %q is not registered for this client", got)
	}
	redirect, err := url.Parse(query.Get("redirect_uri"))
	if err != nil {
		return authorization{}, err
	}
	a := authorization{redirect, query.Get("scope"), query.Get("state"), query.Get("nonce"), query.Get("code_challenge")}
	switch {
	case query.Get("response_type") != "code":
		return a, protocolError{"unsupported_response_type", "response_type must be code"}
	case query.Get("code_challenge_method") != "S256":
		return a, protocolError{"invalid_request", "code_challenge_method must be S256"}
	case len(a.challenge) != 43: // of a SHA-256 hash in Base64
		return a, protocolError{"invalid_request", "code_challenge must have 43 characters"}
	}
	return a, nil
}

// cookieName is the cookie by which a logout without an ID token finds the session.
const cookieName = "jwtgate-demo-issuer"

// authorize serves the authorization endpoint: GET shows the sign-in page, and its form
// sends POST.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	i, ok := s.withLogin(w, r)
	if !ok {
		return
	}
	a, err := i.login.readAuthorization(r.URL.Query())
	refused, redirect := errors.AsType[protocolError](err)
	switch {
	case redirect:
		http.Redirect(w, r, a.back(map[string]string{"error": refused.Code, "error_description": refused.Text}), http.StatusSeeOther)
	case err != nil:
		s.notice(w, http.StatusBadRequest, "The sign-in request is not valid", err.Error())
	case r.Method == http.MethodPost:
		s.choose(w, r, i, a)
	default:
		data := signinData{Issuer: i.name, Target: a.redirect.Host, Users: i.login.Users}
		s.pages.signin.Write(w, http.StatusOK, "Demo sign-in", data, a.redirect.Scheme+"://"+a.redirect.Host)
	}
}

// choose signs the chosen user in. Only the sign-in page may send its form; a page of
// another origin could otherwise sign its visitors in.
func (s *Server) choose(w http.ResponseWriter, r *http.Request, i *Issuer, a authorization) {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		s.notice(w, http.StatusForbidden, "Forbidden", "Only the sign-in page may send this form.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if r.PostFormValue("cancel") != "" {
		http.Redirect(w, r, a.back(map[string]string{"error": "access_denied"}), http.StatusSeeOther)
		return
	}
	name := r.PostFormValue("user")
	at := slices.IndexFunc(i.login.Users, func(u User) bool { return u.Name == name })
	if at < 0 {
		s.notice(w, http.StatusBadRequest, "Unknown user", fmt.Sprintf("There is no user %q.", name))
		return
	}
	sid, code := i.login.start(i.login.Users[at], a, s.now())
	http.SetCookie(w, i.cookie(sid))
	http.Redirect(w, r, a.back(map[string]string{"code": code}), http.StatusSeeOther)
}

// cookie returns the cookie of a session; without one, it removes the cookie.
func (i *Issuer) cookie(sid string) *http.Cookie {
	c := &http.Cookie{
		Name: cookieName, Value: sid, Path: "/" + url.PathEscape(i.name) + "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if sid == "" {
		c.MaxAge = -1
	}
	return c
}

// notice responds with a page that has only a text.
func (s *Server) notice(w http.ResponseWriter, status int, title, text string) {
	s.pages.notice.Write(w, status, title, noticeData{title, text})
}

// withLogin returns the issuer of the path, if it has a login; otherwise it responds. It
// also denies a page whose host name was rebound to loopback, which could read the pages
// and send their forms.
func (s *Server) withLogin(w http.ResponseWriter, r *http.Request) (*Issuer, bool) {
	if err := loopbackHost(r); err != nil {
		s.notice(w, http.StatusForbidden, "Forbidden", err.Error())
		return nil, false
	}
	i, err := s.issuer(r.PathValue("name"))
	if err == nil && i.login == nil {
		err = fmt.Errorf("issuer %q has no login", i.name)
	}
	if err != nil {
		s.notice(w, http.StatusNotFound, "Not found", err.Error())
		return nil, false
	}
	return i, true
}
