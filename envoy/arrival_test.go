package envoy_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
)

// TestArrival: some examples; TestWhatEnvoyMakesOfAPath of the end-to-end tests compares
// the same function with a real Envoy.
func TestArrival(t *testing.T) {
	strict, encoded, double := envoy.Needs{}, envoy.Needs{EncodedSlash: true}, envoy.Needs{DoubleSlash: true}
	const (
		escaped  = "path_with_escaped_slashes_action"
		fragment = "a fragment in the path"
		unknown  = "a method that its HTTP/1.1 parser does not know"
	)
	for _, row := range []struct {
		needs          envoy.Needs
		method, target string
		want           envoy.Arrival
	}{
		{strict, "GET", "/a/b?c=%2f//", envoy.Arrival{Path: "/a/b?c=%2f//"}},
		{strict, "GET", "/a/../b", envoy.Arrival{Path: "/b"}},
		{strict, "GET", "/a/%2E./b?x=/../y", envoy.Arrival{Path: "/b?x=/../y"}},
		{strict, "GET", "/a/..", envoy.Arrival{Path: "/"}},
		{strict, "GET", "/../a/.", envoy.Arrival{Path: "/a/"}},
		{strict, "GET", `/a\..\b`, envoy.Arrival{Path: "/b"}},
		{strict, "GET", "/a/..;x/b", envoy.Arrival{Path: "/b"}},
		{strict, "GET", `/a/..;\%00/b`, envoy.Arrival{Path: "/b"}},
		{strict, "GET", `/a\..;\b`, envoy.Arrival{Path: "/a/..;/b"}},
		{strict, "GET", "/a/%2e%2e;x/b", envoy.Arrival{Path: "/a/..;x/b"}},
		{strict, "GET", "/%41%7e%2d%25%3b", envoy.Arrival{Path: "/A~-%25%3b"}},
		{strict, "GET", "/a|b", envoy.Arrival{Path: "/a%7Cb"}},
		{strict, "GET", "//a//b//", envoy.Arrival{Path: "/a/b/"}},
		{strict, "GET", "///", envoy.Arrival{Path: "//"}},
		{double, "GET", "//a//../b", envoy.Arrival{Path: "//a/b"}},
		{strict, "GET", "/a%2Fb", envoy.Arrival{Status: 400, Why: escaped}},
		{double, "GET", "/a%5cb", envoy.Arrival{Status: 400, Why: escaped}},
		{encoded, "GET", "/a%2Fb/../c%2fd", envoy.Arrival{Path: "/c%2fd"}},
		{encoded, "GET", "//%5c", envoy.Arrival{Path: "/%5c"}},
		{strict, "GET", "/a#b", envoy.Arrival{Status: 400, Why: fragment}},
		{encoded, "GET", "/a?b#%2f", envoy.Arrival{Status: 400, Why: fragment}},
		{encoded, "GET", "/a%00", envoy.Arrival{Status: 400, Why: "%00 in the path"}},
		{strict, "GET", "/caf\u00e9", envoy.Arrival{Status: 400, HTTP1: true, Why: "a byte that is not ASCII"}},
		{strict, "GET", "a", envoy.Arrival{Status: 400, HTTP1: true, Why: "a path that does not begin with /"}},
		{strict, "delete", "/a", envoy.Arrival{Status: 400, HTTP1: true, Why: unknown}},
		{strict, "BREW", "/a/../b", envoy.Arrival{Status: 400, HTTP1: true, Why: unknown}},
		{strict, "brew", "/a%2fb", envoy.Arrival{Status: 400, Why: escaped}},
		{strict, "PROPFIND", "/a/./b", envoy.Arrival{Path: "/a/b"}},
	} {
		if got, ok := row.needs.Arrival(row.method, row.target); !ok || got != row.want {
			t.Errorf("%s %q: %+v %v, want %+v", row.method, row.target, got, ok, row.want)
		}
	}
}

// TestUnknownArrival: requests that the end-to-end tests do not cover have no arrival.
func TestUnknownArrival(t *testing.T) {
	for _, row := range [][2]string{
		{"GET", ""}, {"GET", "*"}, {"GET", "?a"}, {"GET", "http://a.example/../b"}, {"GET", "/a b"}, {"GET", "/a\tb"},
		{"GET", "/a\r\nb"}, {"GET", "/a\x00"},
		{"GET", "/a\x7f"}, {"GET", "/a%"}, {"GET", "/a%2"}, {"GET", "/%%32e"}, {"GET", "/a%zz/../b"}, {"CONNECT", "/a"},
		{"QUERY", "/a%2fb"}, {"", "/a"},
		{"G T", "/a"}, {"G\"T", "/a"},
	} {
		if got, ok := (envoy.Needs{}).Arrival(row[0], row[1]); ok || got != (envoy.Arrival{}) {
			t.Errorf("%s %q: got %+v, want no answer", row[0], row[1], got)
		}
	}
}

// FuzzArrival: no path makes it panic, and the path that jwtgate checks has an arrival
// too.
func FuzzArrival(f *testing.F) {
	for _, target := range []string{"/", "/a/../b", "//", `/\`, "/%2e%2e;/a", "/a%", "/%c3%a9?x#", "/a/..;", "a:b"} {
		f.Add("GET", target, false, false)
	}
	f.Fuzz(func(t *testing.T, method, target string, encoded, double bool) {
		needs := envoy.Needs{EncodedSlash: encoded, DoubleSlash: double}
		got, ok := needs.Arrival(method, target)
		if !ok || got.Status != 0 {
			return
		}
		// A dot segment can appear where dots were escaped before a semicolon.
		again, ok := needs.Arrival(method, got.Path)
		if !ok || again.Status != 0 {
			t.Errorf("%q becomes %q, which then is %+v %v", target, got.Path, again, ok)
		}
	})
}
