//go:build browser

package browser

import (
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// demo is the running demo, and a tab of a browser.
type demo struct {
	tab
	origin, atAddress string // of Envoy, by name and by address
	issuer            string
}

// startDemo runs the demo as users do, until its terminal tour is over, and a browser.
func startDemo(t *testing.T) demo {
	t.Helper()
	cmd := exec.Command(jwtgateBinary, "demo", "--envoy", envoyBinary)
	cmd.Env = append(programs.Environment(), "TMPDIR="+t.TempDir())
	p := programs.Start(t, "demo", cmd)
	p.TerminateFirst(t)
	p.Eventually(t, 60*time.Second, "the tour is over", func() error {
		if !strings.Contains(p.Output.String(), "Press Ctrl-C to stop.") {
			return fmt.Errorf("it printed %s", p.Output.String())
		}
		return nil
	})
	up := regexp.MustCompile(`Envoy http://(127\.0\.0\.1:(\d+)), .* issuer http://(\S+)`).FindStringSubmatch(p.Output.String())
	if up == nil {
		t.Fatalf("the demo printed %s", p.Output.String())
	}
	checkTour(t, p.Output.String())
	address, named, issuer := up[1], "localhost:"+up[2], up[3]
	hosts := map[string]string{address: address, named: address, issuer: issuer}
	return demo{startChromium(t, hosts).withoutScripts("user", "demo"), "http://" + named, "http://" + address, "http://" + issuer}
}

// checkTour checks that README shows what the demo prints, except for times and ports.
func checkTour(t *testing.T, output string) {
	t.Helper()
	varies := regexp.MustCompile(`\d+(\.\d+)? (s after|ms)|Up in \d+\.\d+|127\.0\.0\.1:\d+`)
	want := varies.ReplaceAllString(match(t, read(t, "../../README.md"), "(?s)<!-- demo -->\n```\n(.*?)```"), "N")
	if got := varies.ReplaceAllString(output, "N"); !strings.Contains(got, want) {
		t.Errorf("the demo printed\n%s\nREADME has\n%s", got, want)
	}
}

// TestDemo: in a browser without JavaScript, a person signs in to the demo as each user, sees
// what the application received and why a page was denied, and signs out.
func TestDemo(t *testing.T) {
	d := startDemo(t)
	if at := d.open(t, d.atAddress+"/", "This page is for everyone"); at != d.origin+"/" {
		t.Errorf("127.0.0.1 leads to %s", at)
	}
	d.received(t, "/", nil)
	d.look(t, "signed-out")

	if at := d.press(t, "link", "Sign in", "Sign in"); !strings.HasPrefix(at, d.issuer+"/cruddur/authorize?") {
		t.Errorf("the sign-in page is at %s", at)
	}
	d.look(t, "sign-in")
	d.choose(t, "andrewbrown an editor", "Hello, andrewbrown")
	editor := identity("a1b2c3d4", "andrewbrown", "editors")
	d.received(t, "/", editor)
	d.cookies(t)
	d.denied(t)
	d.press(t, "link", "Your account", "Your account")
	d.received(t, "/account", editor)
	d.look(t, "account")
	d.signOut(t)

	// A page that needs a sign-in leads there, and back.
	d.open(t, d.origin+"/admin/report", "Sign in")
	d.choose(t, "bayko an admin", "The admin report")
	d.received(t, "/admin/report", identity("e5f6a7b8", "bayko", "admin"))
	d.signOut(t)

	d.open(t, d.origin+"/account", "Sign in")
	d.choose(t, "londo in no group", "Your account")
	d.received(t, "/account", identity("c9d0e1f2", "londo", ""))
	d.signOut(t)

	d.open(t, d.origin+"/account", "Sign in")
	d.press(t, "button", "Cancel", "The sign-in did not finish")
	d.look(t, "cancelled")
	d.open(t, d.origin+"/", "This page is for everyone")
	d.received(t, "/", nil)
}

// at returns the URL of the page when it has a heading.
func (d demo) at(t *testing.T, heading string) string {
	t.Helper()
	d.do(t, "waitForSelector", fmt.Sprintf("h1:text-is(%q)", heading))
	at, _ := d.do(t, "url").(string)
	return at
}

// open opens a URL, which leads to a page with a heading.
func (d demo) open(t *testing.T, url, heading string) string {
	t.Helper()
	d.do(t, "goto", url)
	return d.at(t, heading)
}

// press presses a link or button, which leads to a page with a heading.
func (d demo) press(t *testing.T, role, name, heading string) string {
	t.Helper()
	d.do(t, "click", fmt.Sprintf("role=%s[name=%q]", role, name))
	return d.at(t, heading)
}

// choose signs a user in, whose page has a heading.
func (d demo) choose(t *testing.T, user, heading string) {
	t.Helper()
	if at := d.press(t, "button", user, heading); !strings.HasPrefix(at, d.origin+"/") || strings.Contains(at, "code=") {
		t.Errorf("the sign-in ends at %s", at)
	}
}

// signOut signs out, so that a page that needs a sign-in leads to the issuer's page.
func (d demo) signOut(t *testing.T) {
	t.Helper()
	d.press(t, "link", "Sign out", "You are signed out")
	d.look(t, "after-sign-out")
	for name := range d.sessionCookies(t) {
		t.Errorf("after signing out the browser has the cookie %s", name)
	}
}

// identity returns the headers of a user of the demo.
func identity(id, name, groups string) map[string]string {
	headers := map[string]string{
		"x-user-id": id, "x-user-name": name, "x-user-groups": groups, "x-user-scopes": "openid,profile,email",
		"x-user-client": "3v5exampleclient", "x-user-kind": "user", "x-user-issuer": "cruddur",
	}
	maps.DeleteFunc(headers, func(_, value string) bool { return value == "" })
	return headers
}

// received checks what the page says that the application received.
func (d demo) received(t *testing.T, path string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	const all = `[...document.querySelectorAll("dt")].map((name) => [name.textContent, name.nextElementSibling.textContent])`
	pairs, _ := d.do(t, "evaluate", all).([]any)
	for _, pair := range pairs {
		got[pair.([]any)[0].(string)] = pair.([]any)[1].(string)
	}
	card := d.text(t, `section[aria-labelledby="received"]`)
	if !maps.Equal(got, want) || !strings.Contains(card, "GET "+path) || !strings.Contains(card, "✓ No token and no session cookie.") {
		t.Errorf("the application received %v, want %v; the page says %s", got, want, card)
	}
	if token := programs.Token(card); token != "" {
		t.Errorf("the page has a token: %s", token)
	}
}

// sessionCookies returns the attributes of the cookies of a session.
func (d demo) sessionCookies(t *testing.T) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	cookies, _ := d.chromium.tab("user", "").do(t, "cookies").([]any)
	for _, each := range cookies {
		cookie := each.(map[string]any)
		name := cookie["name"].(string)
		if slices.Contains([]string{"__Host-BearerToken", "__Host-IdToken", "__Host-RefreshToken", "__Host-OauthHMAC"}, name) {
			found[name] = cookie
		}
	}
	return found
}

// cookies checks that no script and no other site can read the session, or use it.
func (d demo) cookies(t *testing.T) {
	t.Helper()
	found := d.sessionCookies(t)
	if len(found) != 4 {
		t.Errorf("the session has the cookies %v", slices.Sorted(maps.Keys(found)))
	}
	for name, cookie := range found {
		if cookie["httpOnly"] != true || cookie["secure"] != true || cookie["sameSite"] != "Lax" ||
			programs.Token(cookie["value"].(string)) != "" {
			t.Errorf("the cookie %s has %v", name, cookie)
		}
	}
}

// denied opens the admin page as an editor, and finds out why it was denied.
func (d demo) denied(t *testing.T) {
	t.Helper()
	d.press(t, "link", "The admin report", "Not allowed")
	if text := d.text(t, "body"); !strings.Contains(text, "group_missing") {
		t.Errorf("the denial is %s", text)
	}
	d.look(t, "denied")
	d.press(t, "link", "Go to the start page", "Hello, andrewbrown")
	const newest = ".denials li:first-child"
	testutil.Eventually(t, 10*time.Second, "the page shows the denied request", func() error {
		d.open(t, d.origin+"/", "Hello, andrewbrown") // again, since jwtgate logs it in the background
		if text := d.text(t, newest); !strings.Contains(text, "GET /admin/report") || !strings.Contains(text, "403 group_missing") {
			return fmt.Errorf("the newest denied request is %s", text)
		}
		return nil
	})
	d.look(t, "signed-in")
	d.picture(t, "demo.png")
	d.do(t, "click", newest+" a")
	d.at(t, "Why the request was denied")
	text := d.text(t, "main")
	for _, want := range []string{
		"jwtgate explain --decision ", "requirement    failed   group missing: has groups \"editors\", needs one of \"admin\"",
		`hint: add this user to group "admin"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the explanation lacks %q: %s", want, text)
		}
	}
	d.look(t, "explained")
	d.press(t, "link", "Back to the start page", "Hello, andrewbrown")
}
