package webpage_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/webpage"
)

// write renders a page with a body.
func write(t *testing.T, body string, data any, formTargets ...string) *httptest.ResponseRecorder {
	t.Helper()
	page, err := webpage.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	page.Write(w, http.StatusTeapot, "A <title>", data, formTargets...)
	return w
}

func TestPolicyAllowsTheStyleOnly(t *testing.T) {
	w := write(t, "<p>text</p>", nil, "http://localhost:8080")
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(w.Body.String())
	if style == nil || !strings.Contains(style[1], "prefers-color-scheme: dark") {
		t.Fatalf("the page has no style: %s", w.Body)
	}
	hash := sha256.Sum256([]byte(style[1]))
	want := "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' http://localhost:8080"
	if got := w.Header().Get("Content-Security-Policy"); got != want {
		t.Errorf("the policy is %q, want %q", got, want)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "same-origin",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if w.Code != http.StatusTeapot || strings.Contains(w.Body.String(), "<script") {
		t.Errorf("status %d, page %s", w.Code, w.Body)
	}
}

func TestDataIsEscaped(t *testing.T) {
	w := write(t, `<p title="{{.}}">{{.}}</p>`, `"><script>alert(1)</script>`)
	for _, want := range []string{
		"<title>A &lt;title&gt;</title>",
		`<p title="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</p>`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q is missing in %s", want, w.Body)
		}
	}
}

func TestPagesThatCannotBeShown(t *testing.T) {
	if _, err := webpage.Parse("{{"); err == nil || !strings.Contains(err.Error(), "parse a page: ") {
		t.Errorf("got %v for a body that is not a template", err)
	}
	if w := write(t, "{{.Missing}}", 1); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "cannot render") {
		t.Errorf("got status %d, %s for a body that the data does not fit", w.Code, w.Body)
	}
}
