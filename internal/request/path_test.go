package request_test

import (
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// The reasons to refuse a path, as in the errors.
const (
	noSlash    = "it does not begin with /"
	control    = "a control byte or space"
	notASCII   = "a byte that is not ASCII"
	backslash  = "a backslash"
	semicolon  = "a semicolon"
	fragment   = "a fragment"
	empty      = "an empty segment"
	dots       = "a dot segment"
	broken     = "a broken percent-encoding"
	notUTF8    = "percent-encoded bytes that are not UTF-8"
	encControl = "a percent-encoded control character"

	encDot       = "a percent-encoded dot"
	encSlash     = "a percent-encoded slash"
	encBackslash = "a percent-encoded backslash"
	encPercent   = "a percent-encoded percent sign"
	encSemicolon = "a percent-encoded semicolon"
	encNUL       = "a percent-encoded NUL"
)

// refusedPaths are paths that two readers could split differently.
func refusedPaths() []struct{ target, why string } {
	return []struct{ target, why string }{
		{"", noSlash}, {"*", noSlash}, {"?/admin", noSlash}, {"admin", noSlash}, {"http://api.example/admin", noSlash},
		{"%2fadmin", noSlash}, {"\\admin", noSlash}, {" /admin", noSlash}, {".", noSlash},

		{"/a b", control}, {"/a\tb", control}, {"/a\nb", control}, {"/a\rb", control}, {"/a\x00b", control},
		{"/a\x1fb", control}, {"/a\x7fb", control}, {"/admin ", control}, {"/admin\x00.html", control},

		{"/café", notASCII}, {"/a\x80b", notASCII}, {"/a\xffb", notASCII}, {"/admin\u2028", notASCII}, {"/．．/admin", notASCII},

		{"/\\admin", backslash}, {"/public\\..\\admin", backslash}, {"/admin\\", backslash},
		{"/admin;x=1", semicolon}, {"/public/..;/admin", semicolon}, {"/;/admin", semicolon}, {"/admin;", semicolon},
		{"/admin;jsessionid=1?a", semicolon},
		{"/admin#x", fragment}, {"/#/admin", fragment}, {"/public#/../admin", fragment},

		{"//", empty}, {"//admin", empty}, {"/a//b", empty}, {"/admin//", empty}, {"///", empty}, {"//evil.example/admin", empty},
		{"/a//?x", empty},

		{"/.", dots}, {"/..", dots}, {"/./", dots}, {"/../", dots}, {"/./admin", dots}, {"/public/../admin", dots}, {"/admin/.", dots},
		{"/admin/..", dots}, {"/a/./b", dots}, {"/..?x", dots}, {"/a/../../b", dots},

		{"/%", broken}, {"/%2", broken}, {"/%zz", broken}, {"/%2g", broken}, {"/%%20", broken}, {"/a%", broken}, {"/% 41", control},
		{"/%u0041", broken}, {"/%+1", broken},

		{"/%2e", encDot}, {"/%2E", encDot}, {"/%2e%2e/admin", encDot}, {"/public/%2e./admin", encDot}, {"/.%2e/admin", encDot},
		{"/a%2eb", encDot},
		{"/admin%2fx", encSlash}, {"/admin%2Fx", encSlash}, {"/public%2f..%2fadmin", encSlash}, {"/%2fadmin", encSlash}, {"/admin%2f", encSlash},
		{"/admin%5cx", encBackslash}, {"/admin%5Cx", encBackslash}, {"/..%5cadmin", encBackslash},
		{"/%252fadmin", encPercent}, {"/%25", encPercent}, {"/%2561dmin", encPercent}, {"/100%25", encPercent}, {"/%25%32%66", encPercent},
		{"/admin%3bx", encSemicolon}, {"/admin%3Bx=1", encSemicolon}, {"/public/..%3b/admin", encSemicolon},
		{"/admin%00", encNUL}, {"/admin%00.html", encNUL}, {"/%c3%a9%2e", encDot},

		{"/a%0ab", encControl}, {"/a%0Db", encControl}, {"/a%0d%0aSet-Cookie:x", encControl}, {"/a%09b", encControl}, {"/a%1fb", encControl},
		{"/a%7fb", encControl}, {"/a%01", encControl}, {"/a%c2%85b", encControl}, {"/a%c2%80b", encControl}, {"/a%C2%9Fb", encControl},

		{"/%ff", notUTF8}, {"/%c3", notUTF8}, {"/a%80b", notUTF8}, {"/%c0%ae%c0%ae/admin", notUTF8}, {"/%c0%afadmin", notUTF8},
		{"/%e0%80%af", notUTF8}, {"/%ed%a0%80", notUTF8}, {"/%f4%90%80%80", notUTF8}, {"/%e9", notUTF8}, {"/%f8%80%80%80%af", notUTF8},
		{"/%c3/%a9", notUTF8},
	}
}

// TestParsePathRefuses: a path that an application might read differently is refused, with
// and without a query, for a reason that quotes nothing of it.
func TestParsePathRefuses(t *testing.T) {
	for _, row := range refusedPaths() {
		for _, target := range []string{row.target, row.target + "?q=1"} {
			got, err := request.ParsePath(target, config.Relaxed{})
			if !errors.Is(err, request.ErrPathRefused) {
				t.Errorf("%q: %v, want it refused", target, err)
				continue
			}
			if want := "path refused: " + row.why; err.Error() != want {
				t.Errorf("%q: %q, want %q", target, err, want)
			}
			if got.Segments() != nil {
				t.Errorf("%q: refused, but it has segments", target)
			}
		}
	}
}

// acceptedPaths are valid paths, also unusual ones that all readers split in the same way.
func acceptedPaths() []struct {
	target   string
	segments []string
} {
	return []struct {
		target   string
		segments []string
	}{
		{"/", []string{""}},
		{"/?", []string{""}},
		{"/admin", []string{"admin"}},
		{"/admin/", []string{"admin", ""}},
		{"/admin/users/7", []string{"admin", "users", "7"}},
		{"/ADMIN", []string{"ADMIN"}},
		{"/%61dmin", []string{"admin"}},
		{"/%61%64%6d%69%6E", []string{"admin"}},
		{"/a%20b", []string{"a b"}},
		{"/a+b", []string{"a+b"}},
		{"/caf%C3%A9", []string{"café"}},
		{"/caf%c3%a9/", []string{"café", ""}},
		{"/%F0%9F%98%80", []string{"😀"}},
		{"/%E2%80%A8", []string{"\u2028"}},
		{"/...", []string{"..."}},
		{"/..a", []string{"..a"}},
		{"/.well-known/jwks.json", []string{".well-known", "jwks.json"}},
		{"/a.", []string{"a."}},
		{"/~user", []string{"~user"}},
		{"/*", []string{"*"}},
		{"/a*b", []string{"a*b"}},
		{"/user:7", []string{"user:7"}},
		{"/@me", []string{"@me"}},
		{"/key=value,other=x", []string{"key=value,other=x"}},
		{"/a!b$c&d'e(f)g", []string{"a!b$c&d'e(f)g"}},
		{"/{id}", []string{"{id}"}},
		{`/a"b<c>d|e^f` + "`g[h]", []string{`a"b<c>d|e^f` + "`g[h]"}},
		{"/a%3fb", []string{"a?b"}},
		{"/a%23b", []string{"a#b"}},
		{"/a%26b%3Dc%2Bd", []string{"a&b=c+d"}},
		{"/http:", []string{"http:"}},
		{"/package.Service/Method", []string{"package.Service", "Method"}},
		{"/a?x=/../;\\#%2f%00//%zz é", []string{"a"}},
		{"/a?//", []string{"a"}},
		{"/a?b?c", []string{"a"}},
		{"/a/?x", []string{"a", ""}},
	}
}

func TestParsePath(t *testing.T) {
	for _, row := range acceptedPaths() {
		got, err := request.ParsePath(row.target, config.Relaxed{})
		if err != nil || !slices.Equal(got.Segments(), row.segments) {
			t.Errorf("%q: %q, %v, want %q", row.target, got.Segments(), err, row.segments)
		}
	}
}

// FuzzParsePath: every reader splits an accepted path in the same way. Decoded by net/url
// and cleaned by path it has the same segments, and a second decoding changes none.
func FuzzParsePath(f *testing.F) {
	for _, row := range refusedPaths() {
		f.Add(row.target)
	}
	for _, row := range acceptedPaths() {
		f.Add(row.target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		got, err := request.ParsePath(target, config.Relaxed{})
		segments := got.Segments()
		if err != nil {
			if !errors.Is(err, request.ErrPathRefused) || segments != nil {
				t.Fatalf("%q: %q, %v", target, segments, err)
			}
			return
		}
		raw, _, _ := strings.Cut(target, "?")
		parsed, err := url.ParseRequestURI(raw)
		if err != nil {
			t.Fatalf("%q is accepted, but net/url refuses it: %v", target, err)
		}
		clean := path.Clean(parsed.Path)
		if strings.HasSuffix(parsed.Path, "/") && clean != "/" {
			clean += "/"
		}
		if want := strings.Split(clean[1:], "/"); !slices.Equal(segments, want) {
			t.Fatalf("%q is %q, by net/url and path %q", target, segments, want)
		}
		for _, segment := range segments {
			if strings.ContainsAny(segment, `/\;%`) || strings.ContainsFunc(segment, unicode.IsControl) || !utf8.ValidString(segment) {
				t.Fatalf("%q has the segment %q", target, segment)
			}
		}
	})
}

func TestParseHost(t *testing.T) {
	for _, row := range []struct{ host, want string }{
		{"", ""},
		{"api.example", "api.example"},
		{"API.Example", "api.example"},
		{"api.example:443", "api.example"},
		{"api.example:", "api.example"},
		{"api.example.", "api.example"},
		{"api.example.:8080", "api.example"},
		{"API.EXAMPLE.:8080", "api.example"},
		{"localhost", "localhost"},
		{"127.0.0.1:80", "127.0.0.1"},
		{"[::1]", "[::1]"},
		{"[::1]:8080", "[::1]"},
		{"[2001:DB8::1]:8080", "[2001:db8::1]"},
		{"[2001:db8:0:0::0001]", "[2001:db8::1]"},
		{"[0:0::1]", "[::1]"},
		{"under_score.example", "under_score.example"},
	} {
		if got, err := request.ParseHost(row.host); err != nil || got != row.want {
			t.Errorf("%q: %q, %v, want %q", row.host, got, err, row.want)
		}
	}
	const brackets = "invalid IPv6 address in brackets"
	const character = "an invalid character"
	for host, why := range map[string]string{
		",": character, "a.example,b.example": character, "a.example,": character, ",a.example": character,
		"a.example:80,b.example:80": character, "a.example:80:80": character, "x@a.example": character,
		"%61.example": character, "a.example;x": character, "a example": character, "a/b": character, "\u212aiosk.example": character,
		"a.example:x": "the port is not a number", "a.example:80a": "the port is not a number", "a.example:-1": "the port is not a number",
		"a.example..": "an empty label", "a..example": "an empty label", ".a.example": "an empty label",
		".": "an empty name", ":80": "an empty name",
		"[a.example]": brackets, "[::1": brackets, "[]": brackets, "[::1%a,api.example]": brackets, "[fe80::1%eth0]": brackets,
		"[::1%a]b]": brackets, "[10.0.0.1]": brackets,
	} {
		got, err := request.ParseHost(host)
		if !errors.Is(err, request.ErrHostRefused) || err.Error() != "host refused: "+why || got != "" {
			t.Errorf("%q: %q, %v, want it refused: %s", host, got, err, why)
		}
	}
}
