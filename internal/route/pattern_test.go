package route_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

// table compiles routes with these matches, each named by its match.
func table(t *testing.T, matches ...string) *route.Table {
	t.Helper()
	cfg := &config.Config{Default: config.AccessRequired}
	for _, match := range matches {
		cfg.Routes = append(cfg.Routes, config.Route{Name: match, Match: match, Access: config.AccessPublic})
	}
	compiled, err := route.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// matched returns the name of the rule of a request.
func matched(t *testing.T, routes *route.Table, method, host, target string) string {
	t.Helper()
	path, err := request.ParsePath(target, config.Relaxed{})
	if err != nil {
		t.Fatal(err)
	}
	name, err := request.ParseHost(host)
	if err != nil {
		t.Fatal(err)
	}
	return routes.Match(method, name, &path).Name
}

// TestPatternPaths: patterns match whole segments of the decoded path, case-sensitively.
func TestPatternPaths(t *testing.T) {
	for _, row := range []struct {
		match  string
		covers []string
		not    []string
	}{
		{"/", []string{"/", "/?x"}, []string{"/a", "/a/"}},
		{"/admin", []string{"/admin", "/%61dmin", "/admin?x=/y"},
			[]string{"/", "/admin/", "/Admin", "/ADMIN", "/administrator", "/admi", "/admin/x", "/x/admin", "/admin.", "/admin%20"}},
		{"/admin/", []string{"/admin/"}, []string{"/admin", "/admin/x", "/"}},
		{"/admin/**", []string{"/admin", "/admin/", "/admin/x", "/admin/x/", "/admin/x/y/z", "/%61dmin/x"},
			[]string{"/", "/administrator", "/Admin/x", "/x/admin", "/admin2/x"}},
		{"/**", []string{"/", "/a", "/a/", "/a/b/c"}, nil},
		{"/a/b", []string{"/a/b", "/a/%62"}, []string{"/a", "/a/", "/a/b/", "/a/b/c", "/b/a"}},
		{"/users/{id}", []string{"/users/7", "/users/a%20b", "/users/%7Bid%7D", "/users/x%3Fy", "/users/..."},
			[]string{"/users", "/users/", "/users/7/", "/users/7/x"}},
		{"/users/{id}/", []string{"/users/7/"}, []string{"/users/7", "/users/", "/users/7/x"}},
		{"/users/{id}/**", []string{"/users/7", "/users/7/", "/users/7/x/y"}, []string{"/users", "/users/"}},
		{"/{a}/{b}", []string{"/x/y"}, []string{"/x", "/x/", "/x/y/z", "/"}},
		{"/{_a1}", []string{"/x"}, []string{"/"}},
		{"/users/{id}/name", []string{"/users/7/name"}, []string{"/users/name", "/users/7/Name", "/users/7/8/name"}},
		{"/café", []string{"/caf%C3%A9", "/caf%c3%a9"}, []string{"/cafe", "/caf%65%CC%81"}},
		{"/a+b", []string{"/a+b", "/a%2bb"}, []string{"/a%20b"}},
		{"/~me/@you/x:y=z", []string{"/~me/@you/x:y=z", "/%7Eme/%40you/x%3Ay%3Dz"}, nil},
		{"/.well-known/jwks.json", []string{"/.well-known/jwks.json"}, []string{"/.well-known/jwks_json"}},
	} {
		routes := table(t, row.match)
		for _, target := range row.covers {
			if got := matched(t, routes, "GET", "", target); got != row.match {
				t.Errorf("%s does not match %q", row.match, target)
			}
		}
		for _, target := range row.not {
			if got := matched(t, routes, "GET", "", target); got != route.DefaultName {
				t.Errorf("%s matches %q", row.match, target)
			}
		}
	}
}

// TestPatternMethods: methods are compared byte for byte; a pattern without methods matches all.
func TestPatternMethods(t *testing.T) {
	for _, row := range []struct {
		match  string
		covers []string
		not    []string
	}{
		{"/a", []string{"GET", "get", "POST", "OPTIONS", "FOO", ""}, nil},
		{"GET /a", []string{"GET"}, []string{"get", "Get", "HEAD", "POST", "GETX", "GE", "", "GET,HEAD"}},
		{"GET,HEAD /a", []string{"GET", "HEAD"}, []string{"POST", "OPTIONS"}},
		{"GET   /a", []string{"GET"}, []string{"POST"}},
		{"M-SEARCH,PROPFIND /a", []string{"M-SEARCH", "PROPFIND"}, []string{"SEARCH"}},
	} {
		routes := table(t, row.match)
		for _, method := range row.covers {
			if got := matched(t, routes, method, "", "/a"); got != row.match {
				t.Errorf("%s does not match the method %q", row.match, method)
			}
		}
		for _, method := range row.not {
			if got := matched(t, routes, method, "", "/a"); got != route.DefaultName {
				t.Errorf("%s matches the method %q", row.match, method)
			}
		}
	}
}

// TestPatternMistakes: the error of an invalid match says what to write instead.
func TestPatternMistakes(t *testing.T) {
	for _, row := range []struct{ match, text string }{
		{" ", `invalid match " "; expected a path, or methods and a path: GET,HEAD /orders/{id}`},
		{"GET HEAD /a", `invalid match "GET HEAD /a"; expected a path, or methods and a path: GET,HEAD /orders/{id}`},
		{"GET, HEAD /a", `invalid match "GET, HEAD /a": a space ends the list of methods; write GET,HEAD /a`},
		{"GET , HEAD ,POST /a", `invalid match "GET , HEAD ,POST /a": a space ends the list of methods; write GET,HEAD,POST /a`},
		{"GET, HEAD a", `invalid match "GET, HEAD a"; expected a path, or methods and a path: GET,HEAD /orders/{id}`},
		{"admin", `"admin" does not begin with /; write "/admin"`},
		{"GET", `"GET" does not begin with /; write "/GET"`},
		{"*", `"*" does not begin with /; write "/**"`},
		{"GET *", `"*" does not begin with /; write "/**"`},
		{"api/*", `"api/*" does not begin with /; write "/api/**"`},
		{"**", `"**" does not begin with /; write "/**"`},
		{"https://a.example/x", `"https://a.example/x" is a URL; write the path "/x" here, and hosts: [a.example]`},

		{"get /a", `methods are case-sensitive, and clients do not send "get"; write "GET"`},
		{"GET,Head /a", `methods are case-sensitive, and clients do not send "Head"; write "HEAD"`},
		{"GET, /a", `invalid list of methods "GET,"; write them with commas and without spaces: GET,HEAD`},
		{",GET /a", `invalid list of methods ",GET"; write them with commas and without spaces: GET,HEAD`},
		{"GET;HEAD /a", `invalid list of methods "GET;HEAD"; write them with commas and without spaces: GET,HEAD`},
		{"GÉT /a", `invalid list of methods "GÉT"; write them with commas and without spaces: GET,HEAD`},
		{"/a b", `invalid list of methods "/a"; write them with commas and without spaces: GET,HEAD`},
		{"GET,HEAD,GET /a", `duplicate method GET; write it once`},

		{"/**/a", `** matches the rest of the path; write it as the last segment`},
		{"/a/**/", `** matches the rest of the path; write it as the last segment`},
		{"/a/*", `invalid segment "*": wildcards inside a segment are not supported; write {name} for one segment, or end with ** for the rest`},
		{"/a*", `invalid segment "a*": wildcards inside a segment are not supported; write {name} for one segment, or end with ** for the rest`},
		{"/a**",
			`invalid segment "a**": wildcards inside a segment are not supported; write {name} for one segment, or end with ** for the rest`},
		{"/***",
			`invalid segment "***": wildcards inside a segment are not supported; write {name} for one segment, or end with ** for the rest`},

		{"/{}", `invalid variable "{}"; expected a letter and then letters, digits or _, such as {id}`},
		{"/{1}", `invalid variable "{1}"; expected a letter and then letters, digits or _, such as {id}`},
		{"/{a-b}", `invalid variable "{a-b}"; expected a letter and then letters, digits or _, such as {id}`},
		{"/{a}{b}", `invalid variable "{a}{b}"; expected a letter and then letters, digits or _, such as {id}`},
		{"/{é}", `invalid variable "{é}"; expected a letter and then letters, digits or _, such as {id}`},
		{"/{id:[0-9]+}", `invalid variable "{id:[0-9]+}"; expected a letter and then letters, digits or _, such as {id}`},
		{"/{**}", `invalid variable "{**}"; expected a letter and then letters, digits or _, such as {id}`},
		{"/x{id}", `invalid segment "x{id}": a variable is a whole segment; write only {name} between two slashes`},
		{"/{id}.json", `invalid segment "{id}.json": a variable is a whole segment; write only {name} between two slashes`},
		{"/{id", `invalid segment "{id": a variable is a whole segment; write only {name} between two slashes`},
		{"/id}", `invalid segment "id}": a variable is a whole segment; write only {name} between two slashes`},
		{"/{id}/x/{id}", `duplicate variable {id}; give each variable a different name`},

		{"//a", `an empty segment (//) matches no request, because such paths are refused; remove one slash`},
		{"/a//", `an empty segment (//) matches no request, because such paths are refused; remove one slash`},
		{"/a//**", `an empty segment (//) matches no request, because such paths are refused; remove one slash`},
		{"/a/../b", `a dot segment matches no request, because such paths are refused; write the path without ".."`},
		{"/.", `a dot segment matches no request, because such paths are refused; write the path without "."`},
		{"/a%20b", `invalid segment "a%20b": paths are matched after decoding; write the character without percent-encoding`},
		{"/100%", `invalid segment "100%": paths are matched after decoding; write the character without percent-encoding`},
		{"^/api/.*$", `"^/api/.*$" looks like a regular expression, which is not supported; write a path such as /api/**`},
		{"/users/:id", `":id" matches only that text; to match any one segment, write {id}`},
		{"/users/<id>/x", `"<id>" matches only that text; to match any one segment, write {id}`},
		{"GET|POST /x", `invalid list of methods "GET|POST"; write "GET,POST"`},
		{"ANY /x", `invalid method "ANY"; to match every method, omit the methods`},
		{"* /x", `invalid method "*"; to match every method, omit the methods`},
		{"GET,all /x", `invalid method "all"; to match every method, omit the methods`},
		{"P* /x", `invalid method "P*"; write each method, or none to match every method`},
		{"/a?x=1", `invalid segment "a?x=1": no path that is matched contains ; \ # or ?; remove it`},
		{"/a;b", `invalid segment "a;b": no path that is matched contains ; \ # or ?; remove it`},
		{`/a\b`, `invalid segment "a\\b": no path that is matched contains ; \ # or ?; remove it`},
		{"/a#b", `invalid segment "a#b": no path that is matched contains ; \ # or ?; remove it`},
	} {
		cfg := &config.Config{Source: "gate.yaml", Routes: []config.Route{{Name: "x", Path: "routes[0]", Match: row.match}}}
		compiled, err := route.New(cfg)
		var mistakes config.Mistakes
		if !errors.As(err, &mistakes) || len(mistakes) != 1 || compiled != nil {
			t.Errorf("%q: %v, want one mistake", row.match, err)
			continue
		}
		if mistakes[0].Text != row.text {
			t.Errorf("%q:\n got %s\nwant %s", row.match, mistakes[0].Text, row.text)
		}
	}
}

// Every mistake is reported at once, each at its place in the file.
func TestPatternMistakesHavePlaces(t *testing.T) {
	cfg, err := config.Parse("gate.yaml", []byte(strings.Join([]string{
		"default: deny",
		"routes:",
		"  - {match: get /a, access: public}",
		"  - {match: /b, access: public}",
		"  - name: default",
		"    access: public",
		"    match: /c/*",
	}, "\n")), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = route.New(cfg)
	want := strings.Join([]string{
		`gate.yaml:3:13: methods are case-sensitive, and clients do not send "get"; write "GET"`,
		`gate.yaml:7:12: invalid segment "*": wildcards inside a segment are not supported; ` +
			`write {name} for one segment, or end with ** for the rest`,
		`gate.yaml:5:11: "default" is the name of the default rule; choose another name`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// A match that the configuration has reported as a mistake becomes no rule, and the mistakes
// of the other routes are reported too.
func TestRouteWithoutMatch(t *testing.T) {
	cfg := &config.Config{Default: config.AccessDeny, Routes: []config.Route{{Name: "unread", Path: "routes[0]", Access: config.AccessPublic}}}
	routes, err := route.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := matched(t, routes, "GET", "", "/"); got != route.DefaultName {
		t.Errorf("/ matches %q", got)
	}
	cfg.Routes = append(cfg.Routes, config.Route{Name: "x", Path: "routes[1]", Match: "a"})
	var mistakes config.Mistakes
	if _, err := route.New(cfg); !errors.As(err, &mistakes) || len(mistakes) != 1 {
		t.Errorf("got %v, want one mistake", err)
	}
}
