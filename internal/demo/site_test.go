package demo_test

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/demo"
)

// show requests a page of the application, with headers in pairs of name and value.
func show(t *testing.T, pages http.Handler, url string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	return w
}

// pages returns the application's pages, with one denied request.
func pages(t *testing.T) http.Handler {
	t.Helper()
	denials := []demo.Denial{{Decision: "fda57bb4-4cc03fe45748f156", Method: "GET", Path: "/<b>", Reason: "group_missing",
		Detail: "not in a group", Status: 403}}
	all, err := demo.Pages(denials, func(decision string) (string, error) {
		if decision != denials[0].Decision {
			return "", errors.New("no such decision")
		}
		return "9 requirement failed: needs <admin>", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestThePagesShowWhatWasReceived(t *testing.T) {
	const home = "http://localhost:8080/"
	all := pages(t)
	for _, row := range []struct {
		name, url string
		headers   []string
		want      []string
	}{
		{"signed out", home, nil, []string{
			"Signed out", `href="/login/"`, "No identity header: nobody is signed in.", "✓ No token and no session cookie.",
			"GET /<b>", "403 group_missing", "not in a group", `href="/denials/fda57bb4-4cc03fe45748f156"`,
		}},
		{"signed in", "http://localhost:8080/account", []string{"X-User-Id", "1", "X-User-Name", "ann"}, []string{
			"Your account", "Signed in as <strong>ann</strong>", `href="/logout"`,
			"<dt>x-user-id</dt><dd>1</dd>\n<dt>x-user-name</dt><dd>ann</dd>", "✓ No token and no session cookie.",
		}},
		{"without a name", "http://localhost:8080/admin/report", []string{"X-User-Id", "1"}, []string{"Signed in as <strong>1</strong>"}},
		{"a bearer token", home, []string{"Authorization", "Bearer x"}, []string{"✗ The application received a token, in auth"}},
		{"a token", home, []string{"X-Other", "eyJhbGciOi"}, []string{"✗ The application received a token, in x-other."}},
		{"a session cookie", home, []string{"Cookie", "a=b; __Host-IdToken=x"}, []string{"a token, in cookie."}},
		{"a part of one", home, []string{"Cookie", "__Host-BearerToken_0=x"}, []string{"a token, in cookie."}},
		{"another program's cookie", home, []string{"Cookie", "__Host-jwt=eyJhbGciOi"}, []string{"✓ No token and no session cookie."}},
		{"an explanation", "http://localhost:8080/denials/fda57bb4-4cc03fe45748f156", nil, []string{
			"$ jwtgate explain --decision fda57bb4-4cc03fe45748f156", "9 requirement failed: needs <admin>",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := show(t, all, row.url, row.headers...)
			text := html.UnescapeString(w.Body.String())
			for _, want := range row.want {
				if w.Code != http.StatusOK || !strings.Contains(text, want) {
					t.Errorf("status %d, %q is missing in %s", w.Code, want, text)
				}
			}
			if strings.Contains(w.Body.String(), "<b>") || strings.Contains(w.Body.String(), "<admin>") {
				t.Errorf("the page has text that is not escaped: %s", w.Body)
			}
		})
	}
	if w := show(t, all, "http://localhost:8080/denials/other"); w.Code != http.StatusNotFound ||
		!strings.Contains(w.Body.String(), "no such decision") || strings.Contains(w.Body.String(), "explain --decision") {
		t.Errorf("another decision: %d, %s", w.Code, w.Body)
	}
	if w := show(t, all, "http://localhost:8080/api/messages"); w.Code != http.StatusTeapot {
		t.Errorf("a request for no page was answered with %d", w.Code)
	}
}

// TestThePagesAreAtLocalhost: at 127.0.0.1 a browser would have another session, or none.
func TestThePagesAreAtLocalhost(t *testing.T) {
	w := show(t, pages(t), "http://127.0.0.1:8080/account?a=b")
	if got := w.Header().Get("Location"); w.Code != http.StatusTemporaryRedirect || got != "http://localhost:8080/account?a=b" {
		t.Errorf("%d to %q", w.Code, got)
	}
}

func TestDenialsOfTheLog(t *testing.T) {
	line := func(decision, verdict string) string {
		return `{"msg":"decision","decision":"` + decision + `","verdict":"` + verdict + `","reason":"expired","detail":"late",` +
			`"status":401,"method":"GET","path":"/x"}` + "\n"
	}
	log := strings.Repeat(strings.Repeat("x", 1000)+"\n", 1000) + line("0", "deny") + line("1", "allow") + "not JSON\n{\n"
	for i := 2; i <= 6; i++ {
		log += line(fmt.Sprint(i), "deny")
	}
	path := filepath.Join(t.TempDir(), "jwtgate.log")
	if got := demo.ReadDenials(path); len(got) != 0 {
		t.Errorf("without a log: %v", got)
	}
	if err := os.WriteFile(path, []byte(log+`{"msg":"decision","verdict":"deny"`), 0o600); err != nil {
		t.Fatal(err)
	}
	got := demo.ReadDenials(path)
	if len(got) != 5 ||
		got[0] != (demo.Denial{Decision: "6", Method: "GET", Path: "/x", Reason: "expired", Detail: "late", Status: 401}) ||
		got[4].Decision != "2" {
		t.Errorf("the last five denials are %v", got)
	}
}

func TestExplainRunsTheProgram(t *testing.T) {
	script := func(text string) string {
		path := filepath.Join(t.TempDir(), "jwtgate")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const id, printed = "fda57bb4-4cc03fe45748f156", "explain --decision fda57bb4-4cc03fe45748f156 --server 127.0.0.1:9002\n"
	if text, err := demo.Explain(t.Context(), script("echo $*; exit 1"), "127.0.0.1:9002", id); err != nil || text != printed {
		t.Errorf("a denial: %q, %v", text, err)
	}
	for name, row := range map[string][3]string{
		"it cannot explain": {script("echo no server; exit 2"), id, "exit status 2: no server"},
		"no program":        {"/nonexistent", id, "no such file"},
		"not an ID":         {script("exit 0"), "--help", "this is not the ID of a decision"},
		"two lines":         {script("exit 0"), id + "\n", "this is not the ID of a decision"},
	} {
		if text, err := demo.Explain(t.Context(), row[0], "127.0.0.1:9002", row[1]); text != "" || err == nil ||
			!strings.Contains(err.Error(), row[2]) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}
