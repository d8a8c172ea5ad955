package route_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

// FuzzMatch: matching agrees with the simplest definition: the target without its query,
// decoded as a whole and compared as a string.
func FuzzMatch(f *testing.F) {
	cfg := &config.Config{Default: config.AccessRequired}
	for _, match := range []string{"/public/**", "GET /users/{id}", "DELETE /users/{id}", "/exact"} {
		cfg.Routes = append(cfg.Routes, config.Route{Name: match, Match: match, Access: config.AccessPublic})
	}
	routes, err := route.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	for _, target := range []string{
		"/public", "/public/", "/public/a/b", "/publicity", "/%70ublic?x", "/users/7", "/users/", "/users/7/8",
		"/exact", "/exact/", "/Exact", "/users/%c3%a9",
	} {
		f.Add("GET", target)
		f.Add("DELETE", target)
		f.Add("get", target)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		path, err := request.ParsePath(target, config.Relaxed{})
		if err != nil {
			return
		}
		raw, _, _ := strings.Cut(target, "?")
		text, err := url.PathUnescape(raw)
		if err != nil {
			t.Fatalf("%q is accepted, but net/url does not decode it", target)
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
		if got := routes.Match(method, "", &path).Name; got != want {
			t.Fatalf("%s %q matches %s, want %s", method, target, got, want)
		}
	})
}

// With ignore_case, literal segments match in any letter case. Variables and methods are
// unaffected.
func TestMatchIgnoringCase(t *testing.T) {
	routes := table(t, "GET /Admin/{id}/users")
	for _, row := range []struct {
		relaxed        bool
		method, target string
		matches        bool
	}{
		{true, "GET", "/Admin/7/users", true},
		{true, "GET", "/ADMIN/7/Users", true},
		{true, "GET", "/%61dmin/7/USERS", true},
		{true, "GET", "/admins/7/users", false},
		{true, "GET", "/admin//users", false},
		{true, "get", "/admin/7/users", false},
		{false, "GET", "/Admin/7/users", true},
		{false, "GET", "/admin/7/users", false},
	} {
		relaxed := config.Relaxed{IgnoreCase: row.relaxed, DoubleSlash: true}
		path, err := request.ParsePath(row.target, relaxed)
		if err != nil {
			t.Fatal(err)
		}
		if got := routes.Match(row.method, "", &path).Name != route.DefaultName; got != row.matches {
			t.Errorf("%s %s, relaxed %t: %t, want %t", row.method, row.target, row.relaxed, got, row.matches)
		}
	}
}
