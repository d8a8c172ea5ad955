//go:build browser

package browser

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

const (
	boardPage = "http://localhost:3000/"

	adminMail = "ann@example.org" // the user whom pool.py creates
	adminPass = "Secret-123!"
	mail      = "bob@example.org" // who signs up
	password  = "Another-456?"
)

// TestFrontEnd: a single-page application on aws-amplify signs users up and in, recovers a
// password, refreshes its tokens and signs out, behind the files of the Compose example.
// The application receives the user, and never a token.
func TestFrontEnd(t *testing.T) {
	b := startBoard(t, "USER_PASSWORD_AUTH")
	page := b.board(t, "user", "1")
	page.signedOut(t)
	page.signUp(t)
	page.signIn(t, mail, password)
	user := b.receives(t, "GET /api/home", "GET /api/messages")
	page.shows(t, "#home .answer", "x-user-id", user)
	page.posts(t, user)
	page.adminPage(t, user)
	page.tabs(t, user)
	page.refreshes(t, user)
	page.recovers(t, user)
	page.signsOutEverywhere(t, user)
}

// boardTab is a tab with the front end.
type boardTab struct {
	tab
	board board
}

// board opens the front end in a tab.
func (b board) board(t *testing.T, context, name string) boardTab {
	t.Helper()
	page := boardTab{b.chromium.tab(context, name), b}
	page.do(t, "goto", boardPage)
	page.do(t, "waitForSelector", "#messages .answer[aria-busy=false]")
	return page
}

// nobody is who a request is from that has no identity.
const nobody = "nobody"

// receives waits until the application received exactly these requests, in any order, all
// from one user, whom it returns. Nothing in them is a token.
func (b board) receives(t *testing.T, want ...string) (user string) {
	t.Helper()
	var seen, users []string
	testutil.Eventually(t, 10*time.Second, "the application receives the requests", func() error {
		for _, each := range b.application.Take() {
			seen = append(seen, each.Method+" "+each.URI)
			from := nobody
			if ids := each.Header.Values("X-User-Id"); len(ids) > 0 {
				from = strings.Join(ids, "|")
			}
			if !slices.Contains(users, from) {
				users = append(users, from)
			}
			if all := fmt.Sprint(each); each.Header.Get("Authorization") != "" || programs.Token(all) != "" {
				t.Errorf("the application received a token: %s", all)
			}
		}
		if len(seen) < len(want) {
			return fmt.Errorf("it received %q, want %q", seen, want)
		}
		return nil
	})
	slices.Sort(seen)
	slices.Sort(want)
	if !slices.Equal(seen, want) || len(users) > 1 {
		t.Errorf("the application received %q from %q, want %q", seen, users, want)
	}
	return strings.Join(users, " and ")
}

// loadsSignedOut waits until the board was loaded for nobody, once or more: Amplify reports a
// refresh that failed and a sign-out, and a board that is slow loads again for the second.
func (b board) loadsSignedOut(t *testing.T) {
	t.Helper()
	loads := 0
	testutil.Eventually(t, 10*time.Second, "the application receives a request", func() error {
		for _, each := range b.application.Take() {
			loads++
			if each.URI != "/api/home" || each.Header.Get("X-User-Id") != "" || programs.Token(fmt.Sprint(each)) != "" {
				t.Errorf("the application received %v", each)
			}
		}
		if loads == 0 {
			return errors.New("none yet")
		}
		return nil
	})
}

// from is receives, and says who the user must be.
func (b board) from(t *testing.T, user string, want ...string) {
	t.Helper()
	if got := b.receives(t, want...); got != user {
		t.Errorf("%q came from %q, want %q", want, got, user)
	}
}

// asked checks the operations that the browser asked of Cognito since the last call.
func (b board) asked(t *testing.T, want string) {
	t.Helper()
	if names, _ := b.cognito.take(); names != want {
		t.Errorf("Cognito was asked %q, want %q", names, want)
	}
}

// shows waits until the element of a selector shows texts.
func (p boardTab) shows(t *testing.T, selector string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		p.do(t, "waitForSelector", fmt.Sprintf("%s:has-text(%q):visible", selector, text))
	}
}

// submit fills a form, by the names of its fields, and submits it.
func (p boardTab) submit(t *testing.T, form string, fields map[string]string) {
	t.Helper()
	for name, value := range fields {
		p.do(t, "fill", fmt.Sprintf("%s [name=%s]", form, name), value)
	}
	p.do(t, "click", form+" button.main")
}

// signIn signs in by the form.
func (p boardTab) signIn(t *testing.T, email, password string) {
	t.Helper()
	p.submit(t, "#sign-in-form", map[string]string{"email": email, "password": password})
	p.shows(t, "#signed-in", email)
}

// signedOut: the optional page answers a guest. The others are refused, and the page can
// read why, though it is on another origin.
func (p boardTab) signedOut(t *testing.T) {
	p.shows(t, "#home .answer", "you are a guest")
	p.shows(t, "#messages .answer", "Please sign in.", "credential_missing")
	p.submit(t, "#messages form", map[string]string{"text": "nobody's message"})
	p.do(t, "click", "#admin button")
	p.shows(t, "#admin .answer", "Please sign in.", "credential_missing", "401")
	p.board.from(t, nobody, "GET /api/home")
	p.board.asked(t, "")
	p.look(t, "signed-out")
}

// signUp: an account is created and confirmed. Before, the user cannot sign in.
func (p boardTab) signUp(t *testing.T) {
	p.do(t, "click", "text=Create an account")
	p.submit(t, "#create-form", map[string]string{"email": mail, "password": "weak"})
	p.shows(t, "#problem", "The password is too weak.")
	p.submit(t, "#create-form", map[string]string{"password": password})
	p.shows(t, "#status", "We have sent you a code.")
	p.do(t, "click", "#confirm-form >> text=Sign in instead")
	p.submit(t, "#sign-in-form", map[string]string{"email": mail, "password": password})
	p.shows(t, "#status", "Please confirm your e-mail address first.")
	p.submit(t, "#confirm-form", map[string]string{"code": "123456"})
	p.shows(t, "#status", "Your account is confirmed.")
	p.board.asked(t, "SignUp SignUp InitiateAuth ConfirmSignUp")

	p.submit(t, "#sign-in-form", map[string]string{"password": "Wrong-789!"})
	p.shows(t, "#problem", "The e-mail address or the password is wrong.")
	p.board.asked(t, "InitiateAuth")
}

// posts: a message is posted to the API on the other origin.
func (p boardTab) posts(t *testing.T, user string) {
	p.do(t, "fill", "#messages [name=text]", "Hello <b>there</b>")
	p.do(t, "click", "#messages form button")
	p.shows(t, "#messages li", "Hello <b>there</b>", "from "+user)
	p.board.from(t, user, "POST /api/messages", "GET /api/messages")
	if named := p.do(t, "inputValue", "#messages [name=text]"); named != "" {
		t.Errorf("the form still has %q", named)
	}
}

// adminPage: the page of administrators is refused, and the user reads why.
func (p boardTab) adminPage(t *testing.T, user string) {
	p.do(t, "click", "#admin button")
	p.shows(t, "#admin .answer", "You may not do this.", "403", "group_missing", "not in a group that may do this")
	p.look(t, "signed-in")
	p.picture(t, "frontend.png")
	admin := p.board.board(t, "admin", "1")
	admin.shows(t, "#home .answer", "you are a guest")
	p.board.from(t, nobody, "GET /api/home")
	admin.signIn(t, adminMail, adminPass)
	other := p.board.receives(t, "GET /api/home", "GET /api/messages")
	if other == user {
		t.Errorf("both users are %q", user)
	}
	admin.do(t, "click", "#admin button")
	admin.shows(t, "#admin .answer", "There are 1 messages.", "x-user-groups", "admin")
	p.board.from(t, other, "GET /api/admin/report")
	p.board.cognito.take()
}

// tabs: a second tab is signed in from the start, and signed out with the first.
func (p boardTab) tabs(t *testing.T, user string) {
	second := p.board.board(t, "user", "2")
	second.shows(t, "#signed-in", mail)
	p.board.from(t, user, "GET /api/home", "GET /api/messages")
	second.do(t, "click", "#sign-out")
	for _, each := range []boardTab{p, second} {
		each.shows(t, "#sign-in-form", "Sign in")
		each.shows(t, "#home .answer", "you are a guest")
	}
	p.board.from(t, nobody, "GET /api/home", "GET /api/home")
	p.board.asked(t, "RevokeToken")

	p.signIn(t, mail, password)
	second.shows(t, "#signed-in", mail)
	p.board.from(t, user, "GET /api/home", "GET /api/messages", "GET /api/home", "GET /api/messages")
	p.board.asked(t, "InitiateAuth")
	second.do(t, "close")
}

// later makes Amplify believe that its tokens have expired: it compares them with a clock
// that is two hours ahead.
const later = `localStorage.setItem(Object.keys(localStorage).find((key) => key.endsWith(".clockDrift")), String(2 * 3600 * 1000))`

// refreshes: an expired access token is refreshed before the next request.
func (p boardTab) refreshes(t *testing.T, user string) {
	const token = `localStorage.getItem(Object.keys(localStorage).find((key) => key.endsWith(".accessToken")))`
	before := p.do(t, "evaluate", token)
	p.do(t, "evaluate", later)
	p.posts(t, user)
	if after := p.do(t, "evaluate", token); after == before {
		t.Error("the access token is the same")
	}
	p.board.asked(t, "GetTokensFromRefreshToken")
}

// recovers: a user who forgot the password gets a code, and chooses a new one.
func (p boardTab) recovers(t *testing.T, user string) {
	p.do(t, "click", "#sign-out")
	p.shows(t, "#home .answer", "you are a guest")
	p.board.from(t, nobody, "GET /api/home")
	p.do(t, "click", "text=Forgot your password?")
	p.submit(t, "#forgot-form", map[string]string{"email": mail})
	p.shows(t, "#status", "We have sent you a code.")
	const changed = "Changed-789!"
	p.submit(t, "#reset-form", map[string]string{"code": "moto-confirmation-code:1", "password": changed})
	p.shows(t, "#problem", "The code is wrong or has expired.")
	p.submit(t, "#reset-form", map[string]string{"code": p.board.cognito.mail()})
	p.shows(t, "#status", "Your password is changed.")
	p.submit(t, "#sign-in-form", map[string]string{"password": password})
	p.shows(t, "#problem", "The e-mail address or the password is wrong.")
	p.signIn(t, mail, changed)
	p.board.from(t, user, "GET /api/home", "GET /api/messages")
	p.board.asked(t, "RevokeToken ForgotPassword ConfirmForgotPassword ConfirmForgotPassword InitiateAuth InitiateAuth")

	elsewhere := p.board.board(t, "elsewhere", "1") // another browser of the same user
	p.board.from(t, nobody, "GET /api/home")
	elsewhere.signIn(t, mail, changed)
	p.board.from(t, user, "GET /api/home", "GET /api/messages")
	p.board.cognito.take()
}

// signsOutEverywhere: after a global sign-out, the access token in another browser works
// until it expires. Then it is not refreshed.
func (p boardTab) signsOutEverywhere(t *testing.T, user string) {
	elsewhere := boardTab{p.board.chromium.tab("elsewhere", "1"), p.board}
	p.do(t, "click", "#sign-out-everywhere")
	p.shows(t, "#home .answer", "you are a guest")
	p.board.from(t, nobody, "GET /api/home")
	p.board.asked(t, "GlobalSignOut")

	elsewhere.do(t, "reload")
	elsewhere.shows(t, "#home .answer", user)
	p.board.from(t, user, "GET /api/home", "GET /api/messages")
	elsewhere.do(t, "evaluate", later)
	elsewhere.do(t, "reload")
	elsewhere.shows(t, "#home .answer", "you are a guest")
	elsewhere.shows(t, "#sign-in-form", "Sign in")
	p.board.from(t, nobody, "GET /api/home")
}

// TestFrontEndBySRP: the front end signs in by SRP, its default, and sends no password. The
// rest shows what the example's README says of the emulator.
func TestFrontEndBySRP(t *testing.T) {
	b := startBoard(t, "USER_SRP_AUTH")
	page := b.board(t, "user", "1")
	b.from(t, nobody, "GET /api/home")
	page.signIn(t, adminMail, adminPass)
	user := b.receives(t, "GET /api/home", "GET /api/messages")
	page.do(t, "click", "#admin button")
	page.shows(t, "#admin .answer", "There are 0 messages.", "x-user-groups")
	b.from(t, user, "GET /api/admin/report")
	names, bodies := b.cognito.take()
	if names != "InitiateAuth RespondToAuthChallenge" || !strings.Contains(bodies, `"SRP_A"`) || strings.Contains(bodies, adminPass) {
		t.Errorf("Cognito was asked %q with %s", names, bodies)
	}

	// The emulator does not compare the password in this flow.
	other := b.board(t, "other", "1")
	b.from(t, nobody, "GET /api/home")
	other.signIn(t, adminMail, "Wrong-789!")
	b.from(t, user, "GET /api/home", "GET /api/messages")
	b.cognito.take()

	// Without the operation that the proxy translates elsewhere, no token is refreshed.
	b.cognito.translates(false)
	other.do(t, "evaluate", later)
	other.do(t, "reload")
	other.shows(t, "#problem", "Your session could not be refreshed.")
	other.do(t, "click", "#sign-out")
	other.shows(t, "#sign-in-form", "Sign in")
	b.loadsSignedOut(t)
}
