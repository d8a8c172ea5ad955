package credential_test

import (
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// TestCookieAfterComma: if Envoy sends each field separately, a comma is part of a cookie's
// value. If Envoy joins fields, a comma separates two cookies.
func TestCookieAfterComma(t *testing.T) {
	from := []config.TokenSource{{Kind: config.SourceCookie, Name: "session"}}
	for _, row := range []struct {
		name     string
		separate bool
		lines    []string
		found    string
		left     []request.Header // cookie fields that Remove sets
	}{
		{"joined, after a comma", false, []string{"prefs=a,session=a.b.c"}, "a.b.c", []request.Header{{Name: "cookie", Value: "prefs=a"}}},
		{"separate, inside a value", true, []string{"prefs=a,session=a.b.c"}, "", nil},
		{"separate, a comma in another value", true, []string{"prefs=a,b; session=a.b.c"}, "a.b.c",
			[]request.Header{{Name: "cookie", Value: "prefs=a,b"}}},
		{"separate, in two fields", true, []string{"prefs=a,b", "session=a.b.c"}, "a.b.c",
			[]request.Header{{Name: "cookie", Value: "prefs=a,b"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := sent{Method: "GET", RawHeaders: row.separate}
			for _, line := range row.lines {
				m.Headers = append(m.Headers, request.Header{Name: "cookie", Value: line})
			}
			got, err := extract(m, from)
			if err != nil || got.Raw != row.found {
				t.Fatalf("%+v, %v, want %q", got, err, row.found)
			}
			if left := remove(m, from).Set; !slices.Equal(left, row.left) {
				t.Errorf("left %v, want %v", left, row.left)
			}
		})
	}
}
