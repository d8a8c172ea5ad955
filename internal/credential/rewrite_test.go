package credential_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/request"
)

// The credential is removed from a Cookie field, and the other cookies stay separate.
func TestCookieLineIsRewritten(t *testing.T) {
	for _, row := range []struct {
		name  string
		lines []string
		want  string // "": the field is removed
	}{
		{"a comma in another value", []string{"seen=1,2; session=a.b.c"}, "seen=1,2"},
		{"a date in another value", []string{"session=a.b.c; until=Wed, 21 Oct 2026; b=2"}, "until=Wed, 21 Oct 2026; b=2"},
		{"between a comma and a semicolon", []string{"a=1,session=a.b.c; b=2"}, "a=1; b=2"},
		{"between a semicolon and a comma", []string{"a=1; session=a.b.c,b=2"}, "a=1;b=2"},
		{"between two commas", []string{"a=1,session=a.b.c,b=2"}, "a=1;b=2"},
		{"twice in a row", []string{"a=1; session=x; session=y; b=2"}, "a=1; b=2"},
		{"no spaces", []string{"a=1;session=x;b=2"}, "a=1;b=2"},
		{"many spaces", []string{"a=1;   session=x;   b=2"}, "a=1;   b=2"},
		{"quotes", []string{`a="1"; session="a.b.c"; b="2"`}, `a="1"; b="2"`},
		{"a space before the equals sign", []string{"a=1; session =a.b.c"}, "a=1"},
		{"a tab before the equals sign", []string{"a=1;\tsession\t=a.b.c;\tb=2"}, "a=1; b=2"},
		{"equals signs in another value", []string{"a=b=c; session=x"}, "a=b=c"},
		{"another without a value", []string{"flag; session=x"}, "flag"},
		{"empty pairs", []string{"; ;session=x;; a=1;"}, "a=1"},
		{"two fields", []string{"a=1; session=x", "b=2"}, "a=1; b=2"},
		{"a field with only the credential", []string{"session=x", "b=2"}, "b=2"},
		{"another in UTF-8", []string{"name=Jos\u00e9; session=x"}, "name=Jos\u00e9"},
		// An answer to Envoy cannot contain these: with one such byte there would be no
		// answer at all.
		{"another in Latin-1", []string{"name=Jos\xe9; a=1; session=x"}, "a=1"},
		{"another with a control byte", []string{"name=\x01; a=1; session=x"}, "a=1"},
		{"another with a line feed", []string{"name=\r\nx-user-id: root; a=1; session=x"}, "a=1"},
		{"nothing else that can be kept", []string{"name=\xe9; session=x"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var message sent
			for _, line := range row.lines {
				message.Headers = append(message.Headers, request.Header{Name: "cookie", Value: line})
			}
			removal := remove(message, []config.TokenSource{fromCookie()})
			if row.want == "" {
				if len(removal.Set) != 0 || !slices.Equal(removal.Headers, []string{"cookie"}) {
					t.Errorf("%+v, want the field removed", removal)
				}
				return
			}
			if len(removal.Headers) != 0 || !slices.Equal(removal.Set, fields("cookie", row.want)) {
				t.Errorf("%q becomes %+v, want %q", row.lines, removal, row.want)
			}
		})
	}
}

// Cookies are removed by name, on requests whose route reads none.
func TestStripCookies(t *testing.T) {
	for _, row := range []struct {
		name, line, want string
		names            []config.CookieName
	}{
		{"one of two", "session=a; b=2", "b=2", []config.CookieName{"session"}},
		{"two names", "a=1; b=2; c=3", "b=2", []config.CookieName{"a", "c"}},
		{"twice", "a=1; b=2; a=3", "b=2", []config.CookieName{"a"}},
		{"white space before the equals sign", "a\t =1; b=2", "b=2", []config.CookieName{"a"}},
		{"without a value", "a; b=2", "b=2", []config.CookieName{"a"}},
		{"a beginning", "at=1; at_0=1; at.x=1; a=2; b=at", "a=2; b=at", []config.CookieName{"at*"}},
		{"the only one", "at_0=1", "", []config.CookieName{"at*"}},
		{"a name that only begins like it", "at_0=1; b=2", "unchanged", []config.CookieName{"at"}},
		{"a name in other case", "AT=1; b=2", "unchanged", []config.CookieName{"at"}},
		{"a value", "b=at", "unchanged", []config.CookieName{"at"}},
		{"no names", "at=1", "unchanged", nil},
		{"no cookies", "", "unchanged", []config.CookieName{"at*"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			removal := strip(sent{Headers: fields("cookie", row.line), RawHeaders: true}, row.names...)
			var want credential.Removal
			switch row.want {
			case "unchanged":
			case "":
				want.Headers = []string{"cookie"}
			default:
				want.Set = fields("cookie", row.want)
			}
			if !slices.Equal(removal.Set, want.Set) || !slices.Equal(removal.Headers, want.Headers) {
				t.Errorf("%q becomes %+v, want %+v", row.line, removal, want)
			}
		})
	}
	from := []config.TokenSource{fromCookie()}
	both := credential.Remove(sent{Headers: fields("cookie", "session=a.b.c; b=2; at=1")}.parsed(), from, []config.CookieName{"at"})
	if !slices.Equal(both.Set, fields("cookie", "b=2")) {
		t.Errorf("with a credential: %+v", both)
	}
}

// White space around a cookie's name is ignored: servers that drop it would otherwise see
// two cookies and the gate one.
func TestExtractTrimsTheCookiesName(t *testing.T) {
	for _, row := range []struct {
		line, raw string
		wrong     error
	}{
		{"session =a.b.c", "a.b.c", nil},
		{" \tsession\t=a.b.c", "a.b.c", nil},
		{"session= a.b.c", " a.b.c", nil}, // the verifier rejects it
		{"session=a.b.c; session =d.e.f", "", credential.ErrAmbiguous},
		{"sess ion=a.b.c", "", nil},
	} {
		t.Run(row.line, extracted{"", sent{Method: "GET", Headers: fields("cookie", row.line)}, fromCookie(), row.raw, row.wrong}.check)
	}
}

// A request without a host has no site, so no Origin is the same.
func TestOriginWithoutAHost(t *testing.T) {
	for _, origin := range []string{"https://:443", "https://.", "https://.:443", "file://", "https:///x"} {
		message := sent{Method: "POST", Headers: fields("origin", origin, "cookie", "session=a.b.c")}
		t.Run(origin, extracted{"", message, fromCookie(), "", credential.ErrCrossSite}.check)
	}
}

// A parameter is removed in every spelling of its name, because a request may be allowed
// without its credential (if_invalid: anonymous).
func TestRemoveParametersAsTheyAreSpelled(t *testing.T) {
	for target, want := range map[string][]string{
		"/?access%5Ftoken=a":                             {"access%5Ftoken"},
		"/?access_token=a&access%5ftoken=b&b=2":          {"access%5ftoken", "access_token"},
		"/?access_token=a&access_token=b":                {"access_token"},
		"/?%61ccess_token=a&%61ccess_token=b":            {"%61ccess_token"},
		"/?access%255Ftoken=a&access%zztoken=b&access+t": nil,
		"/access_token=a?b":                              nil,
	} {
		removal := remove(sent{Target: target}, []config.TokenSource{fromQuery()})
		if !slices.Equal(removal.Parameters, want) {
			t.Errorf("%s: %q is removed, want %q", target, removal.Parameters, want)
		}
	}
}

// Protocols that an answer cannot contain are removed with the credential.
func TestRemoveProtocolThatCannotBeSet(t *testing.T) {
	message := sent{Headers: fields("upgrade", "websocket", "sec-websocket-protocol", "jwt, a.b.c, ch\xe9t, b\x01, chat")}
	removal := remove(message, []config.TokenSource{fromProtocol()})
	if want := fields("sec-websocket-protocol", "jwt, chat"); !slices.Equal(removal.Set, want) {
		t.Errorf("%+v, want %+v", removal.Set, want)
	}
}

// cookiesOf splits a Cookie field as an application does, only at semicolons.
func cookiesOf(line string) []string {
	var all []string
	for pair := range strings.SplitSeq(line, ";") {
		if pair = strings.Trim(pair, " \t"); pair != "" {
			all = append(all, pair)
		}
	}
	return all
}

// FuzzCookieLine: an answer can contain the rewritten field, the credential is not in it,
// and an application finds every other cookie unchanged.
func FuzzCookieLine(f *testing.F) {
	for _, line := range []string{
		"a=1; session=a.b.c; b=2", "a=1,session=x; b=2", "a=1; session=x,b=2", "session =x", "a=\xe9; session=x",
		";;session;;", "a=1,2; session=x", "session=\"x; y\"; b=2", "session=x;\tb=2",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		message := sent{Method: "GET", Headers: fields("cookie", line)}
		from := []config.TokenSource{fromCookie()}
		removal := remove(message, from)
		if len(removal.Set) == 0 {
			return
		}
		got := removal.Set[0].Value
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("%q becomes %q, which cannot be set", line, got)
		}
		message.Headers = removal.Set
		if found, err := extract(message, from); err != nil || found.Found {
			t.Fatalf("%+v, %v is left of %q: %q", found, err, line, got)
		}
		kept := cookiesOf(got)
		for _, pair := range cookiesOf(line) {
			plain := utf8.ValidString(pair) && !strings.ContainsFunc(pair, unicode.IsControl) && !strings.Contains(pair, ",")
			name, _, _ := strings.Cut(pair, "=")
			found := slices.ContainsFunc(kept, func(k string) bool { return strings.Contains(k, pair) })
			if plain && strings.Trim(name, " ") != "session" && !found {
				t.Fatalf("%q is lost of %q: %q", pair, line, got)
			}
		}
	})
}

// FuzzRemoveParameters: after Envoy has removed the parameters by the bytes of their names,
// no credential is left, and all other parameters are.
func FuzzRemoveParameters(f *testing.F) {
	for _, query := range []string{
		"access_token=a", "a=1&access_token=a.b.c&b=2", "access%5Ftoken=a&a", "access_token&access_token", "%61ccess_token=a&%zz=1", "&&=&a=b=c",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		from := []config.TokenSource{fromQuery()}
		removal := remove(sent{Target: "/?" + query}, from)
		var left []string
		for pair := range strings.SplitSeq(query, "&") {
			if name, _, _ := strings.Cut(pair, "="); !slices.Contains(removal.Parameters, name) {
				left = append(left, pair)
			}
		}
		rest := strings.Join(left, "&")
		if found, err := extract(sent{Target: "/?" + rest}, from); err != nil || found.Found {
			t.Fatalf("%+v, %v is left of %q: %q", found, err, query, rest)
		}
		if len(removal.Parameters) == 0 && rest != query {
			t.Fatalf("%q becomes %q", query, rest)
		}
	})
}
