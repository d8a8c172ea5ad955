package devidp

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxFormBytes is the maximum size of a form.
const maxFormBytes = 16 << 10

// token serves the token endpoint (RFC 6749 sections 4.1.3 and 6). The client sends its
// secret in the form.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	i, ok := s.withLogin(w, r)
	if !ok {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		answer(w, http.StatusBadRequest, protocolError{"invalid_request", err.Error()})
		return
	}
	form := r.PostForm
	secret := subtle.ConstantTimeCompare([]byte(form.Get("client_secret")), []byte(i.login.ClientSecret)) == 1
	if form.Get("client_id") != i.login.ClientID || !secret {
		answer(w, http.StatusUnauthorized, protocolError{"invalid_client", "client_id or client_secret in the form is wrong"})
		return
	}
	session, err := s.granted(i.login, form)
	if err != nil {
		answer(w, http.StatusBadRequest, err)
		return
	}
	tokens, err2 := i.tokens(session)
	if err2 != nil {
		answer(w, http.StatusInternalServerError, protocolError{"server_error", err2.Error()})
		return
	}
	answer(w, http.StatusOK, tokens)
}

// granted returns the session that a grant stands for. Its error is a protocolError.
func (s *Server) granted(l *login, form url.Values) (session, error) {
	var found session
	var err error
	switch kind := form.Get("grant_type"); kind {
	case "authorization_code":
		found, err = l.byCode(form.Get("code"), form.Get("redirect_uri"), form.Get("code_verifier"), s.now())
	case "refresh_token":
		found, err = l.byRefreshToken(form.Get("refresh_token"))
	default:
		return session{}, protocolError{"unsupported_grant_type",
			fmt.Sprintf("unsupported grant_type %q; expected authorization_code or refresh_token", kind)}
	}
	if err != nil {
		return session{}, protocolError{"invalid_grant", err.Error()}
	}
	return found, nil
}

// endSession serves the logout endpoint (OpenID Connect RP-Initiated Logout 1.0). It finds
// the session by the ID token, or by the issuer's own cookie. It does not ask the user.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request) {
	i, ok := s.withLogin(w, r)
	if !ok {
		return
	}
	query := r.URL.Query()
	target := query.Get("post_logout_redirect_uri")
	if client := query.Get("client_id"); client != "" && client != i.login.ClientID {
		s.notice(w, http.StatusBadRequest, "The sign-out request is not valid", fmt.Sprintf("unknown client_id %q", client))
		return
	}
	if target != "" && !slices.Contains(i.login.PostLogoutRedirectURIs, target) {
		s.notice(w, http.StatusBadRequest, "The sign-out request is not valid",
			fmt.Sprintf("post_logout_redirect_uri %q is not registered for this client", target))
		return
	}
	sid := sidOf(query.Get("id_token_hint"))
	if cookie, err := r.Cookie(cookieName); err == nil && sid == "" {
		sid = cookie.Value
	}
	i.login.end(sid)
	http.SetCookie(w, i.cookie(""))
	if target == "" {
		s.notice(w, http.StatusOK, "Signed out", "You are signed out.")
		return
	}
	back, err := url.Parse(target)
	if err != nil {
		s.notice(w, http.StatusBadRequest, "The sign-out request is not valid", err.Error())
		return
	}
	http.Redirect(w, r, authorization{redirect: back, state: query.Get("state")}.back(nil), http.StatusSeeOther)
}

// sidOf returns the sid of an ID token, or nothing. It does not verify the token, which may
// have expired and be signed by an earlier key: a sid cannot be guessed, so whoever knows
// one has seen a token of the session.
func sidOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		SID string `json:"sid"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.SID
}
