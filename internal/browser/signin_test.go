//go:build browser

package browser

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestSignIn: users sign in at Keycloak, and out, in front of an application without code
// for it. The application receives the user, and no token and no cookie of the session.
func TestSignIn(t *testing.T) {
	s := startSignIn(t)
	page := s.tab("ann", "1")
	s.signsIn(t, page)
	s.goesBack(t, page)
	s.calls(t, page)
	s.secondTab(t, page)
	s.siblings(t, page)
	s.mayNot(t)
	s.isRefused(t, s.signsOut(t, page))
	s.sendsForm(t)
	s.refreshes(t)
	s.disabled(t)
}

// signsIn: a protected page leads to Keycloak. After a wrong and the right password, the
// user is on that page.
func (s signIn) signsIn(t *testing.T, page tab) {
	began := time.Now()
	s.open(t, page, landing)
	s.atKeycloak(t, page)
	page.screenshot(t, "keycloak")
	s.signs(t, page, "ann", "Wrong-789!")
	page.do(t, "waitForSelector", "text=Invalid username or password.")
	s.atKeycloak(t, page)
	s.signs(t, page, "ann", password)
	page.do(t, "waitForURL", shop+landing)
	t.Logf("from the first request to the page, with a wrong password: %v", time.Since(began).Round(10*time.Millisecond))
	s.received(t, "GET "+landing, "ann")
	if body := page.text(t, "body"); body != "application: GET /orders" {
		t.Errorf("the page is %q", body)
	}
	for _, one := range s.cookies(t, "ann") {
		cookie, _ := one.(map[string]any)
		if cookie["httpOnly"] != true || cookie["secure"] != true || cookie["sameSite"] != "Lax" {
			t.Errorf("a cookie of the session is %v %v %v %v", cookie["name"], cookie["httpOnly"], cookie["secure"], cookie["sameSite"])
		}
	}
}

// goesBack: the Back button leads to a sign-in that is over, and a readable page says so.
func (s signIn) goesBack(t *testing.T, page tab) {
	page.do(t, "goBack")
	s.at(t, page, shop+"/oauth2/callback")
	if text := page.text(t, "body"); !strings.Contains(text, "The sign-in did not finish") {
		t.Errorf("the page is %q", text)
	}
	page.look(t, "back")
	s.nothing(t, "at the callback")
	page.do(t, "click", "text=Go to the start page")
	s.at(t, page, shop+"/")
	s.received(t, "GET /", "ann")
}

// calls: scripts of the page call the API, and read why a call was denied.
func (s signIn) calls(t *testing.T, page tab) {
	s.open(t, page, landing)
	s.received(t, "GET "+landing, "ann")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if status, body := s.call(t, page, method, "/api/orders"); status != 200 || body != "application: "+method+" /api/orders" {
			t.Errorf("%s: %d %s", method, status, body)
		}
		s.received(t, method+" /api/orders", "ann")
	}
	if status, _ := s.call(t, page, http.MethodGet, "/admin/report"); status != 200 {
		t.Errorf("the page of administrators: %d", status)
	}
	s.received(t, "GET /admin/report", "ann")
}

// secondTab: a second tab is signed in.
func (s signIn) secondTab(t *testing.T, page tab) {
	second := s.tab("ann", "2")
	s.open(t, second, landing)
	s.at(t, second, shop+landing)
	s.received(t, "GET "+landing, "ann")
}

// siblings: a page of a sibling subdomain, with whose requests the browser sends the
// session, can neither post a form nor open a WebSocket as the user.
func (s signIn) siblings(t *testing.T, page tab) {
	const socket = `new Promise((resolve) => {
		const socket = new WebSocket("ws://app.lab.localhost:8080/socket");
		socket.onopen = () => resolve("open");
		socket.onerror = () => resolve("failed");
	})`
	page.do(t, "evaluate", socket)
	s.received(t, "GET /socket", "ann") // the application's own page may; the application has no WebSockets

	evil := s.tab("ann", "evil")
	evil.do(t, "goto", sibling+"/")
	if got := evil.do(t, "evaluate", socket); got != "failed" {
		t.Errorf("the sibling's WebSocket: %v", got)
	}
	s.nothing(t, "a sibling's WebSocket")
	s.refused(t, "GET", "/socket", "cross_site")
	evil.do(t, "evaluate", postForm(shop+"/orders"))
	evil.do(t, "waitForURL", shop+"/orders")
	if text := evil.text(t, "body"); !strings.Contains(text, "You may not open this page.") || !strings.Contains(text, "cross_site") {
		t.Errorf("the sibling's form leads to %q", text)
	}
	evil.look(t, "cross-site")
	s.nothing(t, "a sibling's form")
	s.refused(t, "POST", "/orders", "cross_site")
	evil.do(t, "close")
}

// postForm is a script that posts an empty form to a URL.
func postForm(action string) string {
	return fmt.Sprintf(`(() => {
		const form = document.createElement("form");
		form.method = "post";
		form.action = %q;
		document.body.append(form);
		form.submit();
	})()`, action)
}

// refused waits until jwtgate's log says why it denied a request.
func (s signIn) refused(t *testing.T, method, path, reason string) {
	t.Helper()
	testutil.Eventually(t, 5*time.Second, "the log says why", func() error {
		for line := range strings.Lines(s.gate.Output.String()) {
			if strings.Contains(line, fmt.Sprintf(`"reason":%q`, reason)) && strings.Contains(line, fmt.Sprintf(`"method":%q`, method)) &&
				strings.Contains(line, fmt.Sprintf(`"path":%q`, path)) {
				return nil
			}
		}
		return fmt.Errorf("no line about %s %s with %s", method, path, reason)
	})
}

// mayNot: a user without the right gets a readable page, and the problem document by fetch.
func (s signIn) mayNot(t *testing.T) {
	page := s.tab("bob", "1")
	s.open(t, page, "/admin/report")
	s.atKeycloak(t, page)
	s.signs(t, page, "bob", password)
	page.do(t, "waitForURL", shop+"/admin/report")
	if text := page.text(t, "body"); !strings.Contains(text, "You may not open this page.") || !strings.Contains(text, "group_missing") {
		t.Errorf("the page is %q", text)
	}
	page.look(t, "not-allowed")
	s.nothing(t, "without the right")
	s.open(t, page, "/home")
	s.received(t, "GET /home", "bob")
	if status, body := s.call(t, page, http.MethodGet, "/admin/report"); status != 403 || !strings.Contains(body, `"reason":"group_missing"`) {
		t.Errorf("by fetch: %d %s", status, body)
	}
	s.nothing(t, "without the right, by fetch")
}

// cookies returns the cookies of the session that a browser has.
func (s signIn) cookies(t *testing.T, context string) []any {
	t.Helper()
	cookies, _ := s.tab(context, "").do(t, "cookies", shop).([]any)
	return cookies
}

// copied opens a tab of another browser that has the cookies of a session.
func (s signIn) copied(t *testing.T, context string, cookies []any) tab {
	t.Helper()
	s.tab(context, "").do(t, "addCookies", cookies)
	page := s.tab(context, "1")
	s.open(t, page, "/home")
	return page
}

// signsOut: one tab signs out. The other is signed out when it next asks. A copy of the old
// cookies works until the access token expires, unless it is revoked. The tab with the copy is
// then at Keycloak.
func (s signIn) signsOut(t *testing.T, page tab) (thief tab) {
	second, old := s.tab("ann", "2"), s.cookies(t, "ann")
	s.open(t, page, "/logout")
	s.at(t, page, shop+"/oauth2/signed-out")
	page.look(t, "signed-out-page")
	s.hasNoSession(t, second, "the second tab by fetch")
	second.do(t, "reload")
	s.atKeycloak(t, second)
	s.open(t, page, "/home")
	s.received(t, "GET /home", "")

	thief = s.copied(t, "thief", old)
	s.received(t, "GET /home", "ann")
	testutil.Replace(t, s.revoked, `{"issuer": "main", "sub": "`+s.userID(t, "ann")+`", "issued_before": "`+
		time.Now().Add(time.Second).UTC().Format(time.RFC3339)+`"}`+"\n")
	testutil.Eventually(t, 10*time.Second, "the old token is refused", func() error {
		if status, body := s.call(t, thief, http.MethodGet, "/api/orders"); status != 401 || !strings.Contains(body, "token_revoked") {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
	s.take(t)
	s.open(t, thief, landing)
	s.atKeycloak(t, thief)
	return thief
}

// isRefused: a user whose new session jwtgate refuses too gets a page that says so, and what to
// send to the operator.
func (s signIn) isRefused(t *testing.T, page tab) {
	testutil.Replace(t, s.revoked, `{"issuer": "main", "sub": "`+s.userID(t, "ann")+`"}`+"\n")
	s.signs(t, page, "ann", password)
	testutil.Eventually(t, 10*time.Second, "the new session is refused", func() error {
		if text := page.text(t, "body"); !strings.Contains(text, "Your sign-in was not accepted") {
			page.do(t, "reload")
			return fmt.Errorf("the page is %q", text)
		}
		return nil
	})
	s.at(t, page, shop+landing)
	if text := page.text(t, "small code"); !regexp.MustCompile(`^token_revoked, decision [0-9a-f-]+$`).MatchString(text) {
		t.Errorf("the page says %q", text)
	}
	page.look(t, "refused")
	s.take(t)
	page.do(t, "click", "text=Sign out and use another account")
	s.at(t, page, shop+"/oauth2/signed-out")
	s.open(t, page, landing)
	s.atKeycloak(t, page)
}

// sendsForm: a form that is sent without a session is not lost without a word.
func (s signIn) sendsForm(t *testing.T) {
	page := s.tab("dora", "1")
	s.open(t, page, "/home")
	s.received(t, "GET /home", "")
	page.do(t, "evaluate", postForm("/orders"))
	page.do(t, "waitForURL", shop+"/orders")
	if text := page.text(t, "body"); !strings.Contains(text, "You are not signed in, so this form was not accepted.") {
		t.Errorf("the page is %q", text)
	}
	page.look(t, "form")
	s.nothing(t, "a form without a session")
}

// userID returns the ID of a user at Keycloak, which is the sub of the tokens.
func (s signIn) userID(t *testing.T, name string) string {
	t.Helper()
	_, text := s.keycloak.AdminAnswer(t, http.MethodGet, "/admin/realms/shop/users?exact=true&username="+name, nil)
	return match(t, string(text), `"id":"([^"]+)","username"`)
}

// expires waits until the session's access token has expired, and the browser has dropped
// its cookie.
func (s signIn) expires(t *testing.T, context string) {
	t.Helper()
	testutil.Eventually(t, 20*time.Second, "the access token expires", func() error {
		for _, one := range s.cookies(t, context) {
			if cookie, _ := one.(map[string]any); cookie["name"] == "__Host-BearerToken" {
				return errors.New("the cookie is there")
			}
		}
		return nil
	})
}

// hasNoSession checks that a script's call has no session.
func (s signIn) hasNoSession(t *testing.T, page tab, who string) {
	t.Helper()
	status, body := s.call(t, page, http.MethodGet, "/api/orders")
	if status != 401 || !strings.Contains(body, `"reason":"credential_missing"`) {
		t.Errorf("%s: %d %s", who, status, body)
	}
	s.nothing(t, who)
}

// refreshes: an expired access token is refreshed before the request goes on. After a
// sign-out, a copy of the cookies is not.
func (s signIn) refreshes(t *testing.T) {
	s.lifespan(t, 4)
	page := s.tab("carl", "1")
	s.open(t, page, landing)
	s.signs(t, page, "carl", password)
	page.do(t, "waitForURL", shop+landing)
	s.received(t, "GET "+landing, "carl")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		s.expires(t, "carl")
		if status, body := s.call(t, page, method, "/api/orders"); status != 200 {
			t.Errorf("%s after the expiry: %d %s", method, status, body)
		}
		s.received(t, method+" /api/orders", "carl")
	}
	old := s.cookies(t, "carl")
	s.open(t, page, "/logout")
	s.at(t, page, shop+"/oauth2/signed-out")
	thief := s.copied(t, "second thief", old)
	s.expires(t, "second thief")
	s.take(t)
	s.hasNoSession(t, thief, "a copy of the cookies after the expiry")
	s.open(t, thief, landing)
	s.atKeycloak(t, thief)
}

// disabled: a user who was disabled is signed out when the access token expires, and cannot
// sign in.
func (s signIn) disabled(t *testing.T) {
	page := s.tab("carl", "1")
	s.open(t, page, landing)
	s.signs(t, page, "carl", password)
	page.do(t, "waitForURL", shop+landing)
	s.received(t, "GET "+landing, "carl")
	user := "/admin/realms/shop/users/" + s.userID(t, "carl")
	s.keycloak.Admin(t, http.MethodPut, user, map[string]any{"enabled": false}, http.StatusNoContent)
	s.expires(t, "carl")
	s.hasNoSession(t, page, "a disabled user by fetch")
	s.open(t, page, landing)
	s.atKeycloak(t, page)
	s.signs(t, page, "carl", password)
	page.do(t, "waitForSelector", "text=Account is disabled")
	s.atKeycloak(t, page)
}
