package request_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// everything has every relaxation of paths.
func everything() config.Relaxed {
	return config.Relaxed{EncodedSlash: true, EncodedPercent: true, Semicolon: true, DoubleSlash: true, IgnoreCase: true}
}

// TestParsePathRelaxed: each relaxation permits what it names and nothing else.
func TestParsePathRelaxed(t *testing.T) {
	slash, percent := config.Relaxed{EncodedSlash: true}, config.Relaxed{EncodedPercent: true}
	parameters, double := config.Relaxed{Semicolon: true}, config.Relaxed{DoubleSlash: true}
	for _, row := range []struct {
		name     string
		relaxed  config.Relaxed
		target   string
		segments []string // of an accepted path
		why      string   // of a refused path
	}{
		{"encoded slash", slash, "/a%2fb", []string{"a/b"}, ""},
		{"encoded slash in capitals", slash, "/a%2Fb/c", []string{"a/b", "c"}, ""},
		{"encoded slashes alone", slash, "/%2f%2F", []string{"//"}, ""},
		{"encoded slash and a raw dot segment", slash, "/../a%2fb", nil, dots},
		{"dot segment before an encoded slash", slash, "/..%2fadmin", nil, dots},
		{"dot segment after an encoded slash", slash, "/public%2f..", nil, dots},
		{"dot segment between encoded slashes", slash, "/public%2f..%2Fadmin", nil, dots},
		{"one dot between encoded slashes", slash, "/a%2f.%2fb", nil, dots},
		{"three dots between encoded slashes", slash, "/a%2f...%2fb", []string{"a/.../b"}, ""},
		{"encoded slash permits no backslash", slash, "/a%5cb", nil, encBackslash},
		{"encoded slash permits no dot", slash, "/a%2f%2e%2e", nil, encDot},
		{"encoded slash permits no percent sign", slash, "/a%252fb", nil, encPercent},
		{"encoded slash permits no empty segment", slash, "/a//b", nil, empty},
		{"encoded slash permits no semicolon", slash, "/a%2fb;c", nil, semicolon},

		{"encoded percent sign", percent, "/100%25", []string{"100%"}, ""},
		{"encoded percent sign is decoded once", percent, "/%2561dmin", []string{"%61dmin"}, ""},
		{"encoded percent sign hides no slash", percent, "/a%252fb", []string{"a%2fb"}, ""},
		{"encoded percent sign permits no slash", percent, "/a%2fb", nil, encSlash},
		{"encoded percent sign permits no broken one", percent, "/100%", nil, broken},

		{"semicolon", parameters, "/admin;x=1", []string{"admin"}, ""},
		{"semicolon inside", parameters, "/admin;x=1/users;y=2", []string{"admin", "users"}, ""},
		{"encoded semicolon", parameters, "/admin%3bx=1", []string{"admin"}, ""},
		{"encoded semicolon in capitals", parameters, "/admin%3Bx", []string{"admin"}, ""},
		{"two semicolons", parameters, "/admin;x;y", []string{"admin"}, ""},
		{"semicolon after an encoded one", parameters, "/admin%3bx;y", []string{"admin"}, ""},
		{"semicolon last", parameters, "/admin;", []string{"admin"}, ""},
		{"semicolon in an empty last segment", parameters, "/admin/;x", []string{"admin", ""}, ""},
		{"dot segment with parameters", parameters, "/public/..;/admin", nil, dots},
		{"dot segment with parameters and a value", parameters, "/public/..;x=1/admin", nil, dots},
		{"dot segment with encoded parameters", parameters, "/public/..%3bx/admin", nil, dots},
		{"one dot with parameters", parameters, "/.;x", nil, dots},
		{"nothing but parameters", parameters, "/;x/admin", nil, empty},
		{"encoded dots in the parameters", parameters, "/admin;%2e%2e", nil, encDot},
		{"broken encoding in the parameters", parameters, "/admin;%", nil, broken},
		{"control byte in the parameters", parameters, "/admin;\n", nil, control},
		{"semicolon permits no slash", parameters, "/admin;%2f", nil, encSlash},

		{"double slash", double, "//admin", []string{"admin"}, ""},
		{"double slash inside", double, "/a//b", []string{"a", "b"}, ""},
		{"double slash last", double, "/a//", []string{"a", ""}, ""},
		{"slashes alone", double, "///", []string{""}, ""},
		{"many slashes", double, "////a////b", []string{"a", "b"}, ""},
		{"dot segment between double slashes", double, "//..//a", nil, dots},
		{"double slash permits no encoded slash", double, "/%2fadmin", nil, encSlash},

		{"case permits nothing", config.Relaxed{IgnoreCase: true}, "/A%2fb", nil, encSlash},
		{"case is kept", config.Relaxed{IgnoreCase: true}, "/ADMIN", []string{"ADMIN"}, ""},
		{"what is no path's permits nothing", config.Relaxed{MethodOverride: true, OriginalURL: true, UnverifiedEmail: true}, "//a", nil, empty},

		{"all permitted", everything(), "//a%2fb;x//100%25%3by", []string{"a/b", "100%"}, ""},
		{"all permitted, parameters alone", everything(), "/;x/admin", []string{"admin"}, ""},
		{"all permitted, dots after a double slash", everything(), "//..;x/admin", nil, dots},
		{"all permitted, dots after an encoded slash", everything(), "/a%2f..;x/admin", nil, dots},
		{"all permitted, but no backslash", everything(), "/a\\b", nil, backslash},
		{"all permitted, but no encoded backslash", everything(), "/a%5cb", nil, encBackslash},
		{"all permitted, but no encoded dot", everything(), "/%2e%2e", nil, encDot},
		{"all permitted, but no NUL", everything(), "/a%00", nil, encNUL},
		{"all permitted, but no control character", everything(), "/a%0a", nil, encControl},
		{"all permitted, but no invalid UTF-8", everything(), "/%c0%ae", nil, notUTF8},
		{"all permitted, but no fragment", everything(), "/a#b", nil, fragment},
		{"all permitted, but no raw UTF-8", everything(), "/é", nil, notASCII},
		{"all permitted, but a slash first", everything(), "admin", nil, noSlash},
	} {
		got, err := request.ParsePath(row.target, row.relaxed)
		if row.why == "" {
			if err != nil || !slices.Equal(got.Segments(), row.segments) {
				t.Errorf("%s: %q is %q, %v, want %q", row.name, row.target, got.Segments(), err, row.segments)
			}
			continue
		}
		if !errors.Is(err, request.ErrPathRefused) || err.Error() != "path refused: "+row.why {
			t.Errorf("%s: %q is %q, %v, want it refused: %s", row.name, row.target, got.Segments(), err, row.why)
		}
	}
}

// FuzzParsePathRelaxed: with any relaxations, no segment is or contains a dot segment, a
// control character or invalid UTF-8. A path that is accepted without relaxations has the
// same segments with them.
func FuzzParsePathRelaxed(f *testing.F) {
	for _, row := range refusedPaths() {
		f.Add(row.target, uint8(0xff))
	}
	for i, row := range acceptedPaths() {
		f.Add(row.target, uint8(i))
	}
	f.Fuzz(func(t *testing.T, target string, open uint8) {
		relaxed := config.Relaxed{
			EncodedSlash: open&1 != 0, EncodedPercent: open&2 != 0, Semicolon: open&4 != 0, DoubleSlash: open&8 != 0,
		}
		got, err := request.ParsePath(target, relaxed)
		segments := got.Segments()
		if strict, wrong := request.ParsePath(target, config.Relaxed{}); wrong == nil {
			if err != nil || !slices.Equal(segments, strict.Segments()) {
				t.Fatalf("%q is %q, with %+v %q, %v", target, strict.Segments(), relaxed, segments, err)
			}
		}
		if err != nil && segments != nil {
			t.Fatalf("%q is refused, but it has segments", target)
		}
		for i, segment := range segments {
			if strings.ContainsFunc(segment, unicode.IsControl) || !utf8.ValidString(segment) || strings.Contains(segment, `\`) {
				t.Fatalf("%q has the segment %q", target, segment)
			}
			if segment == "" && i < len(segments)-1 {
				t.Fatalf("%q has an empty segment: %q", target, segments)
			}
			for part := range strings.SplitSeq(segment, "/") {
				if part == "." || part == ".." || part != segment && !relaxed.EncodedSlash {
					t.Fatalf("%q has the segment %q with %+v", target, segment, relaxed)
				}
			}
		}
	})
}
