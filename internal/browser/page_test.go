//go:build browser

package browser

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// elsewhere is an origin that no file names.
const elsewhere = "http://elsewhere.example:5000"

// frontEnd is testdata/page in a browser, and what it calls.
type frontEnd struct {
	tab
	application *programs.Requests
	address     string // that the page calls
}

// variant is one form of README's command.
type variant struct {
	name, init string
	iss        string
	claims     map[string]any // of a token of the user ann
	groups     string         // the name of the claim
}

// variants returns both forms: the command, and the one that its comment has.
func variants(t *testing.T, start quickStart) []variant {
	t.Helper()
	region, _, _ := strings.Cut(start.pool, "_")
	const options = "--issuer https://login.example/ --audience orders-api"
	if comment := match(t, start.init, `#.*(--issuer \S+ --audience \S+)`); comment != "--issuer URL --audience A" {
		t.Fatalf("README's other options are %q", comment)
	}
	return []variant{
		{
			name: "cognito", init: start.init, iss: "https://cognito-idp." + region + ".amazonaws.com/" + start.pool, groups: "cognito:groups",
			claims: map[string]any{"sub": "4f0c5b8e-ann", "username": "ann", "token_use": "access", "client_id": start.client},
		},
		{
			name: "issuer", init: replace(t, start.init, `--cognito \S+ --client-id \S+`, options), iss: "https://login.example/", groups: "groups",
			claims: map[string]any{"sub": "4f0c5b8e-ann", "preferred_username": "ann", "aud": "orders-api"},
		},
	}
}

// TestPageOnAnotherOrigin: with the files that README's command writes, a page on another
// origin signs in by a token, calls, posts, and reads why it was denied. A page on an
// origin that the command does not name cannot.
func TestPageOnAnotherOrigin(t *testing.T) {
	start := readQuickStart(t)
	for _, v := range variants(t, start) {
		t.Run(v.name, func(t *testing.T) {
			issuer := testbed.Issuer(t, testbed.Issuers(t), "issuer", devidp.IssuerConfig{ISS: v.iss})
			token := func(groups ...string) string {
				claims := maps.Clone(v.claims)
				claims[v.groups] = groups
				token, err := issuer.Mint(claims, time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				return token
			}
			f := startFrontEnd(t, start, v.init, issuer.JWKSURL())
			f.checkNamedOrigin(t, start.origin, token("editors"), token("editors", "admin"))
			f.checkOtherOrigin(t, token("editors"))
		})
	}
}

// startFrontEnd runs the written files, with the keys at a URL on loopback and with the
// commented-out route of the administrators, and a browser.
func startFrontEnd(t *testing.T, start quickStart, init, keys string) frontEnd {
	t.Helper()
	configuration, bootstrap := runInit(t, init)
	configuration = withKeys(t, configuration, keys)
	configuration = replace(t, configuration, `(?m)^  # (- \{match: /admin/\*\*, groups: \[admin\]\})`, "  $1")
	requests, application := startApplication(t)
	clients := serveWritten(t, configuration, bootstrap, application)
	pages := startPages(t, "testdata/page")
	hosts := map[string]string{start.address: clients}
	for _, origin := range []string{start.origin, elsewhere} {
		parsed, err := url.Parse(origin)
		if err != nil {
			t.Fatal(err)
		}
		hosts[parsed.Host] = pages
	}
	return frontEnd{startChromium(t, hosts).tab("user", "page"), requests, start.address}
}

// press presses a button that sends a request, and returns what the page shows.
func (f frontEnd) press(t *testing.T, button string) map[string]string {
	t.Helper()
	f.do(t, "click", fmt.Sprintf("role=button[name=%q]", button))
	f.do(t, "waitForSelector", "#answer[data-state=done]")
	shown := map[string]string{}
	for _, id := range []string{"status", "reason", "detail", "challenge", "body"} {
		shown[id] = f.text(t, "#"+id)
	}
	return shown
}

// signIn gives the page a token.
func (f frontEnd) signIn(t *testing.T, token string) {
	t.Helper()
	f.do(t, "fill", "#token", token)
	f.do(t, "click", `role=button[name="Sign in"]`)
}

// checkNamedOrigin checks a page on the origin of README's command.
func (f frontEnd) checkNamedOrigin(t *testing.T, origin, editor, admin string) {
	f.do(t, "goto", origin+"/")
	f.denied(t, "Call", "401", "credential_missing", "Bearer realm=")
	f.signIn(t, editor)
	for _, row := range []struct{ button, request, body string }{
		{"Call", "GET /api/messages", ""},
		{"Post", "POST /api/messages", `{"text":"hello"}`},
	} {
		f.allowed(t, row.button, row.request, row.body, origin, "editors")
	}
	f.denied(t, "Admin", "403", "group_missing", `error="insufficient_scope"`)
	f.screenshot(t, "denied")
	f.signIn(t, admin)
	f.allowed(t, "Admin", "GET /admin/report", "", origin, "editors,admin")
}

// checkOtherOrigin checks a page on an origin that the command does not name: its scripts
// can send no token and read no denial.
func (f frontEnd) checkOtherOrigin(t *testing.T, token string) {
	f.do(t, "goto", elsewhere+"/")
	for _, signedIn := range []bool{false, true} {
		if signedIn {
			f.signIn(t, token)
		}
		for _, button := range []string{"Call", "Post"} {
			if shown := f.press(t, button); shown["status"] != "unreadable: TypeError" || shown["body"] != "" {
				t.Errorf("signed in %t, %s: the page reads %v", signedIn, button, shown)
			}
			if seen := f.application.Take(); len(seen) > 0 {
				t.Errorf("signed in %t, %s: the application received %+v", signedIn, button, seen)
			}
		}
	}
}

// denied checks a request that is denied: the page reads why, and the application receives
// nothing.
func (f frontEnd) denied(t *testing.T, button, status, reason, challenge string) {
	t.Helper()
	shown := f.press(t, button)
	if shown["status"] != status || shown["reason"] != reason || shown["detail"] == "" || !strings.Contains(shown["challenge"], challenge) {
		t.Errorf("%s: the page reads %v, want %s %s %s", button, shown, status, reason, challenge)
	}
	if seen := f.application.Take(); len(seen) > 0 {
		t.Errorf("%s: the application received %+v", button, seen)
	}
}

// added are the headers that the page adds to a POST, as browser libraries do.
func added() []string {
	return []string{"X-Requested-With", "X-Csrf-Token", "Traceparent", "Tracestate", "Baggage", "X-Amz-User-Agent"}
}

// allowed checks a request that is allowed: the application receives it alone, without its
// preflight, with the user and without a token, and the page reads the answer.
func (f frontEnd) allowed(t *testing.T, button, request, body, origin, groups string) {
	t.Helper()
	if shown := f.press(t, button); shown["status"] != "200" || shown["body"] != "application: "+request {
		t.Errorf("%s: the page reads %v", button, shown)
	}
	got := f.application.Only(t)
	if got.Host != f.address {
		t.Errorf("%s: the application received the host %q, want the page's, %q", button, got.Host, f.address)
	}
	if got.Method == http.MethodPost {
		for _, name := range added() {
			if len(got.Header.Values(name)) != 1 {
				t.Errorf("%s: the application received %s %q", button, name, got.Header.Values(name))
			}
		}
	}
	if got.Method+" "+got.URI != request || got.Body != body {
		t.Errorf("%s: the application received %s %s %q", button, got.Method, got.URI, got.Body)
	}
	for name, want := range map[string]string{
		"X-User-Id": "4f0c5b8e-ann", "X-User-Name": "ann", "X-User-Kind": "user", "X-User-Groups": groups, "Origin": origin,
	} {
		if values := got.Header.Values(name); len(values) != 1 || values[0] != want {
			t.Errorf("%s: the application received %s %q, want %q", button, name, values, want)
		}
	}
	if all := fmt.Sprint(got); got.Header.Get("Authorization") != "" || programs.Token(all) != "" {
		t.Errorf("%s: the application received a token: %s", button, all)
	}
}
