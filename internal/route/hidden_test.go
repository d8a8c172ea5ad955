package route_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/route"
)

// What follows a relaxed semicolon is cut, but not before it was read: a server
// that decodes first, or cuts elsewhere, must not find there what is refused
// everywhere else.
func TestParametersHideNothing(t *testing.T) {
	parameters := config.Relaxed{Semicolon: true}
	for _, row := range []struct {
		name    string
		relaxed config.Relaxed
		target  string
		why     string // empty: taken
	}{
		{"a broken encoding", parameters, "/admin;%zz", broken},
		{"a broken encoding behind an encoded semicolon", parameters, "/admin%3b%4", broken},
		{"a control character", parameters, "/admin;%0d%0a", encControl},
		{"invalid UTF-8", parameters, "/admin;x=%ff", notUTF8},
		{"a dot segment behind encoded slashes", everything(), "/public;%2f..%2fadmin", dots},
		{"a dot segment behind encoded slashes, with parameters", everything(), "/public;x%2f..;y%2fadmin", dots},
		{"a dot segment behind encoded semicolon and slash", everything(), "/public%3b%2F..", dots},
		{"two dots in a value", parameters, "/admin;v=1..2", ""},
		{"two dots alone in the parameters", parameters, "/admin;..", ""},
		{"text in UTF-8", parameters, "/admin;n=%C3%A9", ""},
	} {
		_, err := route.ParsePath(row.target, row.relaxed)
		if row.why == "" {
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			continue
		}
		if !errors.Is(err, route.ErrPathRefused) || err.Error() != "path refused: "+row.why {
			t.Errorf("%s: %v, want it refused: %s", row.name, err, row.why)
		}
	}
}

// Hosts are folded by ASCII alone: the Kelvin sign is no k, whatever Unicode
// folds it to.
func TestParseHostFoldsASCII(t *testing.T) {
	for host, want := range map[string]string{
		"Kiosk.EXAMPLE.:443": "kiosk.example",
		"KIOSK.example":      "kiosk.example",
	} {
		if got, err := route.ParseHost(host); err != nil || got != want {
			t.Errorf("%q is %q, %v, want %q", host, got, err, want)
		}
	}
}

// The matcher agrees with the plainest reading there is: the target without its
// query, decoded as a whole and compared as a text.
func FuzzMatch(f *testing.F) {
	cfg := &config.Config{Default: config.AccessRequired}
	for _, match := range []string{"/public/**", "GET /users/{id}", "DELETE /users/{id}", "/exact"} {
		cfg.Routes = append(cfg.Routes, config.Route{Name: match, Match: match, Access: config.AccessPublic})
	}
	routes, err := route.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	for _, target := range []string{"/public", "/public/", "/public/a/b", "/publicity", "/%70ublic?x", "/users/7", "/users/", "/users/7/8", "/exact", "/exact/", "/Exact", "/users/%c3%a9"} {
		f.Add("GET", target)
		f.Add("DELETE", target)
		f.Add("get", target)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		path, err := route.ParsePath(target, config.Relaxed{})
		if err != nil {
			return
		}
		raw, _, _ := strings.Cut(target, "?")
		text, err := url.PathUnescape(raw)
		if err != nil {
			t.Fatalf("%q is taken, and net/url does not decode it", target)
		}
		id, isUser := strings.CutPrefix(text, "/users/")
		isUser = isUser && id != "" && !strings.Contains(id, "/")
		want := route.DefaultName
		switch {
		case text == "/public" || strings.HasPrefix(text, "/public/"):
			want = "/public/**"
		case isUser && method == "GET":
			want = "GET /users/{id}"
		case isUser && method == "DELETE":
			want = "DELETE /users/{id}"
		case text == "/exact":
			want = "/exact"
		}
		if got := routes.Match(method, "", path).Name; got != want {
			t.Fatalf("%s %q falls to %s, want %s", method, target, got, want)
		}
	})
}
