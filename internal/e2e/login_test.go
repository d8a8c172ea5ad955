//go:build !race

package e2e

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// loginConfig is jwtgate.yaml for login.yaml.
const loginConfig = `server: {drain_delay: 0s}
issuers:
  shop:
    issuer: ${ISSUER}
    audiences: [shop-api]
    dangerously_allow_http: true
    leeway: 2s
tokens: {from: [bearer, {cookie: __Host-BearerToken}]}
routes:
  - {match: /public, access: public}
  - {match: /maybe, access: optional}
  - {match: /admin/**, groups: [admin]}
`

// loginStack is login.yaml in front of jwtgate and an application, and an issuer with a
// login.
type loginStack struct {
	issuer      *devidp.Issuer
	gate        *gateProcess
	application *application
	envoy       *envoyProxy
	origin      string // http://localhost:PORT
	revoked     string // the list of revoked tokens
	file        string // Envoy's
	config      string // jwtgate's
}

// startLogin starts login.yaml with an issuer whose tokens last that long, and with edits.
func startLogin(t *testing.T, ttl time.Duration, edits ...loginLintRow) loginStack {
	t.Helper()
	var s loginStack
	address, admin := freeAddress(t), freeAddress(t)
	s.origin = "http://localhost:" + port(address)
	s.addIssuer(t, ttl)
	s.revoked = testutil.File(t, "revoked", "")
	config := loginConfig + "revoked: {file: " + s.revoked + "}\n" +
		"identity: {strip_cookies: ['" + strings.Join(envoy.LoginCookies(), "', '") + "']}\n"
	for _, row := range edits {
		config = s.replaced(t, config, row.config)
	}
	s.config = testutil.File(t, "jwtgate.yaml", config)
	s.gate = startGate(t, s.config, "ISSUER="+s.issuer.ISS())
	s.gate.waitReady(t)
	s.application = startApplication(t)
	file, err := envoy.Bootstrap(envoy.Edit{
		Listen: address, Admin: admin, Gate: s.gate.address, App: s.application.address,
		Login: &envoy.Login{
			PublicURL: s.origin, ClientID: "web", Secrets: writeSecrets(t, clientSecret),
			Authorization: s.issuer.URL() + "/authorize", Token: s.issuer.URL() + "/token", EndSession: s.issuer.URL() + "/end_session",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range edits {
		file = []byte(s.replaced(t, string(file), row.edits))
		if row.rewrite != nil {
			file = []byte(row.rewrite(string(file)))
		}
	}
	s.file = testutil.File(t, "envoy.yaml", string(file))
	s.envoy = startEnvoy(t, file, address, admin, envoy.LoginFlags()...)
	return s
}

// replaced makes edits of a text: pairs of a text that occurs once and its replacement, in
// which ORIGIN is the public URL.
func (s loginStack) replaced(t *testing.T, text string, edits []string) string {
	t.Helper()
	for i := 0; i < len(edits); i += 2 {
		old := strings.ReplaceAll(edits[i], "ORIGIN", s.origin)
		if n := strings.Count(text, old); n != 1 {
			t.Fatalf("the file has %d times, not once:\n%s", n, old)
		}
		text = strings.Replace(text, old, edits[i+1], 1)
	}
	return text
}

// findings runs `jwtgate lint-envoy` and returns the ids of its findings, sorted, each once.
func (s loginStack) findings(t *testing.T) []string {
	t.Helper()
	got := jwtgate(t, []string{"ISSUER=" + s.issuer.ISS()}, "lint-envoy", "--config", s.config, s.file)
	if got.stderr != "" {
		t.Fatalf("lint-envoy: %d %s", got.code, got.stderr)
	}
	var ids []string
	for _, found := range regexp.MustCompile(`(?m)^\S+:\d+:\d+: .*\(([a-z0-9-]+)\)$`).FindAllStringSubmatch(got.stdout, -1) {
		ids = append(ids, found[1])
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// clientSecret has characters that some ways to send it change.
const clientSecret = "s3cret/+&="

// addIssuer starts the issuer, whose tokens last that long.
func (s *loginStack) addIssuer(t *testing.T, ttl time.Duration) {
	t.Helper()
	user := func(name string, groups ...string) devidp.User {
		return devidp.User{Name: name, Access: map[string]any{"sub": name, "aud": "shop-api", "groups": groups, "jti": name}}
	}
	other := user("carl")
	other.Access["aud"] = "other-api"
	large := user("dora")
	large.Access["profile"] = strings.Repeat("0123456789", 600)
	s.issuer = testbed.Issuer(t, testbed.Issuers(t), "shop", devidp.IssuerConfig{Login: &devidp.Login{
		ClientID: "web", ClientSecret: clientSecret, TTL: ttl,
		RedirectURIs: []string{s.origin + "/oauth2/callback"}, PostLogoutRedirectURIs: []string{s.origin + "/oauth2/signed-out"},
		Users: []devidp.User{user("ann", "admin"), user("bob"), other, large},
	}})
}

// writeSecrets writes the files of login.yaml's secrets and returns their folder.
func writeSecrets(t *testing.T, secret string) string {
	t.Helper()
	folder := t.TempDir()
	for _, file := range envoy.SecretFiles(folder, secret, strings.Repeat("k", 32)) {
		if err := os.WriteFile(filepath.Join(folder, file.Name), file.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// signIn opens a page as nobody, signs a user in on the issuer's page, and returns the page
// at the end.
func (s loginStack) signIn(t *testing.T, b *loginBrowser, target, user string) page {
	t.Helper()
	form, visited := b.open(t, target)
	if !strings.HasPrefix(form.url, s.issuer.URL()+"/authorize?") || form.Status != http.StatusOK {
		t.Fatalf("no sign-in page: %d %s\n%s after %q", form.Status, form.url, form.Body, visited)
	}
	chosen := b.send(t, http.MethodPost, form.url, append([]string{"content-type: application/x-www-form-urlencoded",
		"origin: " + strings.TrimSuffix(
			s.issuer.URL(),
			"/shop",
		), "sec-fetch-site: same-origin"}, navigation...), url.Values{"user": {user}}.Encode())
	if chosen.location(t) == "" {
		t.Fatalf("the issuer did not sign in: %d %s", chosen.Status, chosen.Body)
	}
	last, _ := b.open(t, chosen.location(t))
	return last
}

// clean fails the test if what the application received has a cookie or credential.
func (s loginStack) clean(t *testing.T, user string) {
	t.Helper()
	requests := s.application.take()
	if len(requests) == 0 {
		t.Error("the application received nothing")
	}
	for _, r := range requests {
		for name := range r.Header {
			if name == "Cookie" || name == "Authorization" || strings.HasPrefix(name, "X-Envoy-Oauth") {
				t.Errorf("%s: the application received %s: %s", r.URI, name, r.Header.Get(name))
			}
		}
		if got := r.Header.Get("X-User-Id"); got != user {
			t.Errorf("%s: x-user-id is %q, want %q", r.URI, got, user)
		}
	}
}

// isPage fails the test unless an answer is a page for people with these texts.
func (p page) isPage(t *testing.T, status int, texts ...string) {
	t.Helper()
	header := p.Header
	if p.Status != status || header.Get("Content-Type") != "text/html; charset=utf-8" || header.Get("Cache-Control") != "no-store" ||
		!strings.HasSuffix(header.Get("Content-Security-Policy"), "; frame-ancestors 'none'; base-uri 'none'") ||
		header.Get("Referrer-Policy") != "no-referrer" || strings.Contains(p.Body, "<p></p>") {
		t.Errorf("%s: status %d, want %d; %v", p.url, p.Status, status, header)
	}
	for _, text := range append(texts, "<!doctype html>", "name=viewport", "</html>") {
		if !strings.Contains(p.Body, text) {
			t.Errorf("%s: the page does not have %q:\n%s", p.url, text, p.Body)
		}
	}
}

// explains fails the test unless a page has a reason, and the ID by which `jwtgate explain`
// says more.
func (s loginStack) explains(t *testing.T, p page, reason string) {
	t.Helper()
	id := regexp.MustCompile(`run this site:<br><code>` + reason + `, decision ([0-9a-f-]+)</code>`).FindStringSubmatch(p.Body)
	if id == nil {
		t.Fatalf("the page does not say why:\n%s", p.Body)
	}
	if got := jwtgate(t, nil, "explain", "--decision", id[1], "--server", s.gate.admin); !strings.Contains(got.stdout, "deny: "+reason) {
		t.Errorf("explain says %s %s", got.stdout, got.stderr)
	}
}

// TestLogin: a person signs in and out; the application gets the identity and no token.
func TestLogin(t *testing.T) {
	s := startLogin(t, time.Hour)
	b := newLoginBrowser()
	if got := s.signIn(t, b, s.origin+"/orders?page=2&a=%2F", "ann"); got.Status != http.StatusOK ||
		got.url != s.origin+"/orders?page=2&a=%2F" {
		t.Fatalf("after the sign-in: %d %s %s", got.Status, got.url, got.Body)
	}
	s.clean(t, "ann")
	for path, user := range map[string]string{"/maybe": "ann", "/public": "", "/admin/users": "ann"} {
		if got := b.send(t, http.MethodGet, s.origin+path, navigation, ""); got.Status != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
		s.clean(t, user)
	}
	post := append([]string{"origin: " + s.origin}, fetching...)
	if got := b.send(t, http.MethodPost, s.origin+"/orders", post, "a body"); got.Status != http.StatusOK {
		t.Errorf("a script's POST: %d %s", got.Status, got.Body)
	}
	s.clean(t, "ann")
	for name, headers := range map[string][]string{
		"a form of a sibling":      append([]string{"origin: http://evil.localhost", "sec-fetch-site: same-site"}, navigation...),
		"a WebSocket of a sibling": {"origin: http://evil.localhost", "connection: upgrade", "upgrade: websocket"},
	} {
		method := map[bool]string{true: http.MethodPost, false: http.MethodGet}[strings.Contains(name, "form")]
		if got := b.send(t, method, s.origin+"/orders", headers, ""); got.Status != http.StatusForbidden ||
			!strings.Contains(got.Body, "cross_site") {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	old := maps.Clone(b.cookies[strings.TrimPrefix(s.origin, "http://")])
	out, visited := b.open(t, s.origin+"/logout")
	out.isPage(t, http.StatusOK, "You are signed out", "/login/")
	if out.url != s.origin+"/oauth2/signed-out" || len(visited) != 3 ||
		!strings.HasPrefix(visited[1], s.issuer.URL()+"/end_session?id_token_hint=ey") {
		t.Errorf("the sign-out went through %q", visited)
	}
	if got, _ := b.open(t, s.origin+"/orders"); !strings.HasPrefix(got.url, s.issuer.URL()+"/authorize?") {
		t.Errorf("after the sign-out, /orders leads to %s", got.url)
	}
	s.application.take()
	// The access token in an old cookie is valid until it expires, or is revoked.
	b.cookies[strings.TrimPrefix(s.origin, "http://")] = old
	if got := b.send(t, http.MethodGet, s.origin+"/orders", fetching, ""); got.Status != http.StatusOK {
		t.Errorf("an old cookie: %d %s", got.Status, got.Body)
	}
	replaceFile(t, s.revoked, `{"issuer": "shop", "jti": "ann"}`+"\n")
	eventually(t, 10*time.Second, "the old cookie is refused", func() error {
		if got := b.send(t, http.MethodGet, s.origin+"/orders", fetching, ""); got.Status != http.StatusUnauthorized ||
			got.problem(t).Reason != "token_revoked" {
			return fmt.Errorf("%d %s", got.Status, got.Body)
		}
		return nil
	})
	for _, line := range s.envoy.accessLog(t, 3) {
		if text := fmt.Sprint(line); strings.Contains(text, "code=") || strings.Contains(text, "state=") {
			t.Errorf("the access log has the callback's query: %s", text)
		}
	}
}

// TestLoginAnswers: what a request without a session gets.
func TestLoginAnswers(t *testing.T) {
	s := startLogin(t, time.Hour)
	token := mint(t, s.issuer, map[string]any{"sub": "robot", "aud": "shop-api"})
	rows := []struct {
		name, method, path string
		headers            []string
		status             int
		want               string // the redirect, the reason of a problem document, or a text of the page
	}{
		{"a person", "GET", "/orders?a=1", navigation, 302, s.origin + "/login/orders?a=1"},
		{"a page whose path begins like /login", "GET", "/logins", navigation, 302, s.origin + "/login/logins"},
		{"a browser without sec-fetch-mode", "GET", "/orders", navigation[:1], 302, s.origin + "/login/orders"},
		{"a person at another name", "GET", "/orders", append([]string{"host: 127.0.0.1"}, navigation...), 302, s.origin + "/login/orders"},
		{"curl", "GET", "/orders", []string{"accept: */*"}, 401, "credential_missing"},
		{"a script", "GET", "/orders", fetching, 401, "credential_missing"},
		{"a script that asks for a page", "GET", "/orders", []string{"accept: text/html", "sec-fetch-mode: cors"}, 401, "credential_missing"},
		{"a script's POST", "POST", "/orders", fetching, 401, "credential_missing"},
		{"a WebSocket", "GET", "/orders", []string{"connection: upgrade", "upgrade: websocket"}, 401, "credential_missing"},
		{"a form", "POST", "/orders", navigation, 401, "<a href='/login/'>Sign in</a>, then go back and send it again"},
		{"a public page", "GET", "/public", navigation, 200, "application"},
		{"an optional page", "GET", "/maybe", navigation, 200, "application"},
		{"a program's token", "GET", "/orders", []string{bearer(token)}, 200, "application"},
		{"a program's bad token", "GET", "/orders", []string{bearer("a.b.c")}, 401, "token_malformed"},
		{"a program that accepts pages, with a bad token", "GET", "/orders",
			[]string{"accept: text/html, image/gif, */*; q=.2", bearer("a.b.c")}, 401, "token_malformed"},
		{"a person whose browser sends a password", "GET", "/orders", append([]string{"authorization: Basic YTpi"}, navigation...), 302,
			s.origin + "/login/orders"},
		{"the page after a sign-out", "GET", "/oauth2/signed-out", navigation, 200, "You are signed out"},
		{"a callback that nobody began", "GET", "/oauth2/callback?code=SECRETCODE&state=x", navigation, 401, "The sign-in did not finish"},
		{"a callback of a cancelled sign-in", "GET", "/oauth2/callback?error=access_denied&state=x", navigation, 401, "sign in again"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := newLoginBrowser().send(t, row.method, s.origin+row.path, row.headers, "")
			switch {
			case row.status == 302:
				if got.Status != 302 || got.location(t) != row.want {
					t.Errorf("%d %s, want a redirect to %s", got.Status, got.Header, row.want)
				}
			case row.want == "application":
				if got.Status != row.status || !strings.HasPrefix(got.Body, "application: ") {
					t.Errorf("%d %s", got.Status, got.Body)
				}
			case strings.Contains(row.want, " "):
				got.isPage(t, row.status, row.want)
			default:
				if got.Status != row.status || got.problem(t).Reason != row.want || got.Header.Get("Www-Authenticate") == "" ||
					got.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%d %s %v", got.Status, got.Body, got.Header)
				}
			}
		})
	}
	b := newLoginBrowser()
	b.cookies[strings.TrimPrefix(s.origin, "http://")] = map[string]string{"__Host-BearerToken": token}
	if got := b.send(t, http.MethodGet, s.origin+"/public", nil, ""); got.Status != http.StatusOK {
		t.Errorf("a cookie that Envoy cannot decrypt: %d %s", got.Status, got.Body)
	}
	lines := s.envoy.accessLog(t, len(rows)+1)
	if strings.Contains(s.envoy.Output.String(), token) {
		t.Error("Envoy logged a token in a cookie that it cannot decrypt")
	}
	for _, line := range lines {
		if strings.Contains(fmt.Sprint(line), "SECRETCODE") {
			t.Errorf("the access log has the callback's query: %v", line)
		}
	}
}

// TestLoginFailures: the page of a sign-in that failed has the ID of the line in the access
// log that has the cause, and nothing else of the callback's query. No client chooses the ID.
func TestLoginFailures(t *testing.T) {
	s := startLogin(t, time.Hour)
	used := newLoginBrowser()
	if got := s.signIn(t, used, s.origin+"/orders", "ann"); got.Status != http.StatusOK {
		t.Fatalf("after the sign-in: %d %s", got.Status, got.Body)
	}
	secret := regexp.MustCompile(`path: "(.+)/client-secret\.yaml"`).FindStringSubmatch(read(t, s.file))[1] + "/client-secret"
	replaceFile(t, secret, clientSecret+"\n") // which Envoy takes for a part of the secret
	var refused page
	eventually(t, 10*time.Second, "Envoy uses the new secret", func() error {
		if refused = s.signIn(t, newLoginBrowser(), s.origin+"/orders", "ann"); refused.Status == http.StatusOK {
			return errors.New("the user is signed in")
		}
		return nil
	})
	const chosen = "12345678-1234-9234-8234-123456789012"
	open := func(query string) page {
		return used.send(t, http.MethodGet, s.origin+"/oauth2/callback?"+query, append([]string{"x-request-id: " + chosen}, navigation...), "")
	}
	causes := map[string]string{}
	for name, got := range map[string]page{
		"Failed to get access token":     refused,
		"OAuth server returned an error": open("error=access_denied&error_description=SECRET&state=SECRET"),
		"CSRF token validation failed": open("code=SECRET&state=" + base64.RawURLEncoding.EncodeToString([]byte(
			`{"url":"`+s.origin+`/","csrf_token":"SECRET","flow_id":"SECRET"}`))),
		"-": open("code=SECRET&state=SECRET"),
	} {
		got.isPage(t, http.StatusUnauthorized, "The sign-in did not finish", "<a href='/login/'>sign in again</a>")
		id := regexp.MustCompile(`run this site:<br><code>request ([0-9a-f-]{36})</code>`).FindStringSubmatch(got.Body)
		if id == nil || id[1] == chosen || strings.Contains(got.Body, "SECRET") {
			t.Fatalf("%s: the page is %s", name, got.Body)
		}
		causes[id[1]] = name
	}
	eventually(t, 10*time.Second, "the access log has the causes", func() error {
		log := s.envoy.Output.String()
		for id, cause := range causes {
			if want := fmt.Sprintf(`(?m)^.*"details":%q.*%q`, cause, id); !regexp.MustCompile(want).MatchString(log) {
				return fmt.Errorf("no line has %s:\n%s", want, log)
			}
		}
		return nil
	})
	if strings.Contains(s.envoy.Output.String(), "SECRET") {
		t.Error("the access log has the callback's query")
	}
}

// TestLoginLeadsBackToThisSite: whatever follows /login, a browser that has signed in stays
// at the public URL.
func TestLoginLeadsBackToThisSite(t *testing.T) {
	s := startLogin(t, time.Hour)
	b := newLoginBrowser()
	if got := s.signIn(t, b, s.origin+"/login", "ann"); got.Status != http.StatusOK || got.url != s.origin+"/" {
		t.Fatalf("after /login: %d %s", got.Status, got.url)
	}
	for path, want := range map[string]string{
		"/login": "/", "/login/": "/", "/login/a/b?c=d": "/a/b?c=d", "/login//evil.example/": "/evil.example/",
		"/login/login/a": "/login/a", "/login/https://evil.example/": "/https:/evil.example/", "/login/@evil.example": "/@evil.example",
	} {
		got := b.send(t, http.MethodGet, s.origin+path, navigation, "")
		if location := got.location(t); location != s.origin+want {
			t.Errorf("%s leads to %s (%d), want %s", path, location, got.Status, s.origin+want)
		}
	}
}

// TestLoginRefused: a person whose session jwtgate refuses is sent to sign in again once, and
// then gets a page. One without a right gets a page at once.
func TestLoginRefused(t *testing.T) {
	s := startLogin(t, time.Hour)
	b := newLoginBrowser()
	form := s.signIn(t, b, s.origin+"/orders", "carl")
	if !strings.HasPrefix(form.url, s.issuer.URL()+"/authorize?") {
		t.Fatalf("a session that is refused leads to %d %s %s", form.Status, form.url, form.Body)
	}
	again := s.signIn(t, b, s.origin+"/orders", "carl")
	again.isPage(t, http.StatusUnauthorized, "Your sign-in was not accepted", "/logout")
	s.explains(t, again, "audience_mismatch")
	if got := b.send(t, http.MethodGet, s.origin+"/orders", fetching, ""); got.problem(t).Reason != "audience_mismatch" {
		t.Errorf("a script gets %d %s", got.Status, got.Body)
	}
	if requests := s.application.take(); len(requests) != 0 {
		t.Errorf("the application received %v", requests)
	}
	// Envoy would refresh the session with a refresh token that is in several cookies.
	cookies := b.cookies[strings.TrimPrefix(s.origin, "http://")]
	delete(cookies, "__Host-SignInAgain")
	cookies["__Host-RefreshToken_chunks"] = "2"
	if got := b.send(t, http.MethodGet, s.origin+"/orders", navigation, ""); got.location(t) != s.origin+"/login/orders" {
		t.Errorf("a session that is refused leads to %d %s", got.Status, got.Header)
	}
	for _, name := range []string{"BearerToken", "OauthHMAC", "OauthExpires", "RefreshToken", "RefreshToken_chunks"} {
		if value := s.cookie(b, "__Host-"+name); value != "" {
			t.Errorf("after a redirect to sign in again, %s is %q", name, value)
		}
	}
	b = newLoginBrowser()
	denied := s.signIn(t, b, s.origin+"/admin/users", "bob")
	denied.isPage(t, http.StatusForbidden, "Not allowed", "/logout")
	s.explains(t, denied, "group_missing")
	if got := b.send(t, http.MethodGet, s.origin+"/admin/users", fetching, ""); got.problem(t).Reason != "group_missing" {
		t.Errorf("a script gets %d %s", got.Status, got.Body)
	}
}

// TestLoginRefreshes: when the token has expired, Envoy gets a new one before it forwards
// the request, as long as the issuer's session lasts.
func TestLoginRefreshes(t *testing.T) {
	s := startLogin(t, 2*time.Second)
	b := newLoginBrowser()
	if got := s.signIn(t, b, s.origin+"/orders", "ann"); got.Status != http.StatusOK {
		t.Fatalf("after the sign-in: %d %s", got.Status, got.Body)
	}
	s.clean(t, "ann")
	host := strings.TrimPrefix(s.origin, "http://")
	first := b.cookies[host]["__Host-BearerToken"]
	post := append([]string{"origin: " + s.origin}, fetching...)
	eventually(t, 10*time.Second, "the token is refreshed", func() error {
		got := b.send(t, http.MethodPost, s.origin+"/orders", post, "the body")
		if got.Status != http.StatusOK || s.application.only(t).Body != "the body" {
			t.Fatalf("%d %s", got.Status, got.Body)
		}
		if b.cookies[host]["__Host-BearerToken"] == first {
			return errors.New("the same token")
		}
		return nil
	})
	hint := b.cookies[host]
	b.send(t, http.MethodGet, s.issuer.URL()+"/end_session", navigation, "") // by the issuer's own cookie
	eventually(t, 10*time.Second, "a script is refused", func() error {
		if got := b.send(t, http.MethodGet, s.origin+"/orders", fetching, ""); got.Status != http.StatusUnauthorized ||
			got.problem(t).Reason != "credential_missing" {
			return fmt.Errorf("%d %s", got.Status, got.Body)
		}
		return nil
	})
	if got, _ := b.open(t, s.origin+"/orders"); !strings.HasPrefix(got.url, s.issuer.URL()+"/authorize?") {
		t.Errorf("after the end of the session, /orders leads to %s with the cookies %v", got.url, hint)
	}
	b.cookies[host] = hint
	if got := b.send(t, http.MethodGet, s.origin+"/maybe", navigation, ""); got.Status != http.StatusOK {
		t.Errorf("an optional page: %d %s", got.Status, got.Body)
	}
}

// TestLoginWithLargeTokens: a token of more than a cookie's 4 KB.
func TestLoginWithLargeTokens(t *testing.T) {
	s := startLogin(t, time.Hour)
	b := newLoginBrowser()
	if got := s.signIn(t, b, s.origin+"/orders", "dora"); got.Status != http.StatusOK {
		t.Fatalf("after the sign-in: %d %s", got.Status, got.Body)
	}
	s.clean(t, "dora")
	cookies := slices.Sorted(maps.Keys(b.cookies[strings.TrimPrefix(s.origin, "http://")]))
	if !slices.Contains(cookies, "__Host-BearerToken_1") || !slices.Contains(cookies, "__Host-BearerToken_chunks") {
		t.Fatalf("the cookies are %q", cookies)
	}
	for path, user := range map[string]string{"/orders": "dora", "/public": ""} {
		if got := b.send(t, http.MethodGet, s.origin+path, navigation, ""); got.Status != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
		s.clean(t, user)
	}
}

// TestInitLogin: with the files of `init --login`, a user of an empty folder's project signs
// in, also at an issuer whose access tokens jwtgate does not read.
func TestInitLogin(t *testing.T) {
	for name, more := range map[string][]string{
		"access tokens": {"--audience", "shop-api"}, "ID tokens": {"--forward", "id-token"},
	} {
		t.Run(name, func(t *testing.T) {
			var s loginStack
			dir, address, admin := t.TempDir(), freeAddress(t), freeAddress(t)
			s.origin = "http://localhost:" + port(address)
			s.addIssuer(t, time.Hour)
			s.application = startApplication(t)
			got := jwtgate(t, nil, append([]string{"init", "--login", "--out", dir, "--issuer", s.issuer.ISS(), "--client-id", "web",
				"--app", s.application.address, "--public-url", s.origin, "--port", port(address),
				"--client-secret-file", testutil.File(t, "secret", clientSecret+"\n")}, more...)...)
			if got.code != 0 {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			s.gate = startGate(t, filepath.Join(dir, "jwtgate.yaml"))
			s.gate.waitReady(t)
			file, err := os.ReadFile(filepath.Join(dir, "envoy.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			// Envoy runs in another folder here, where ./secrets is not.
			secrets := filepath.Join(dir, "secrets")
			if file, err = envoy.Apply(file, envoy.Edit{Admin: admin, Gate: s.gate.address, Login: &envoy.Login{Secrets: secrets}}); err != nil {
				t.Fatal(err)
			}
			for _, name := range envoy.Secrets() {
				name = filepath.Join(dir, name+".yaml")
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(strings.Replace(string(text), "./secrets", secrets, 1)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s.envoy = startEnvoy(t, file, address, admin)
			b := newLoginBrowser()
			if got := s.signIn(t, b, s.origin+"/orders", "ann"); got.Status != http.StatusOK || got.url != s.origin+"/orders" {
				t.Fatalf("after the sign-in: %d %s %s", got.Status, got.url, got.Body)
			}
			s.clean(t, "ann")
			if out, _ := b.open(t, s.origin+"/logout"); out.url != s.origin+"/oauth2/signed-out" {
				t.Errorf("the sign-out leads to %s: %s", out.url, out.Body)
			}
		})
	}
}
