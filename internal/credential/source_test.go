package credential_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
)

// The other places where these tests read credentials.
func fromCookie(origins ...string) config.TokenSource {
	return config.TokenSource{Kind: config.SourceCookie, Name: "session", Origins: origins}
}
func fromHeader() config.TokenSource {
	return config.TokenSource{Kind: config.SourceHeader, Name: "x-token"}
}
func fromQuery() config.TokenSource {
	return config.TokenSource{Kind: config.SourceQuery, Name: "access_token"}
}
func fromProtocol() config.TokenSource {
	return config.TokenSource{Kind: config.SourceWebSocketProtocol, Name: "jwt"}
}

// fields returns header fields; pairs are names and values in turn.
func fields(pairs ...string) []request.Header {
	var headers []request.Header
	for pair := range slices.Chunk(pairs, 2) {
		headers = append(headers, request.Header{Name: pair[0], Value: pair[1]})
	}
	return headers
}

// extracted is a request and the expected result of [credential.Extract].
type extracted struct {
	name    string
	message sent
	from    config.TokenSource
	raw     string // "": no credential is found
	wrong   error
}

func (row extracted) check(t *testing.T) {
	t.Helper()
	got, err := extract(row.message, []config.TokenSource{row.from})
	if row.wrong != nil {
		refusal(t, err, row.wrong)
		if got.Raw != "" || got.Found || got.Source.Kind != "" {
			t.Error("a refused credential was returned")
		}
		return
	}
	place := got.Source.Kind == row.from.Kind && got.Source.Name == row.from.Name
	if err != nil || got.Raw != row.raw || got.Found != (row.raw != "") || got.Found != place {
		t.Errorf("got %+v, %v, want %q", got, err, row.raw)
	}
}

func TestExtractFromHeader(t *testing.T) {
	for _, row := range []struct {
		name    string
		headers []request.Header
		raw     string
		wrong   error
	}{
		{"the field", fields("x-token", "a.b.c"), "a.b.c", nil},
		{"the field in capitals", fields("X-TOKEN", "a.b.c"), "a.b.c", nil},
		{"no field", fields("x-token2", "a.b.c", "x_token", "d.e.f"), "", nil},
		{"empty field", fields("x-token", ""), "", nil},
		{"with a scheme, which is part of the token", fields("x-token", "Bearer a.b.c"), "Bearer a.b.c", nil},
		{"two fields", fields("x-token", "a.b.c", "x-token", "d.e.f"), "", credential.ErrAmbiguous},
		{"two fields, one empty", fields("x-token", "", "x-token", "d.e.f"), "", credential.ErrAmbiguous},
		{"two fields joined", fields("x-token", "a.b.c,d.e.f"), "", credential.ErrAmbiguous},
		{"a comma alone", fields("x-token", ","), "", credential.ErrAmbiguous},
	} {
		t.Run(row.name, extracted{"", sent{Headers: row.headers}, fromHeader(), row.raw, row.wrong}.check)
	}
}

func TestExtractFromCookie(t *testing.T) {
	for _, row := range []struct {
		name    string
		headers []request.Header
		raw     string
		wrong   error
	}{
		{"alone", fields("cookie", "session=a.b.c"), "a.b.c", nil},
		{"among others", fields("cookie", "theme=dark; session=a.b.c; lang=de"), "a.b.c", nil},
		{"without spaces", fields("cookie", "theme=dark;session=a.b.c;lang=de"), "a.b.c", nil},
		{"in a second field", fields("cookie", "theme=dark", "cookie", "session=a.b.c"), "a.b.c", nil},
		{"in joined fields", fields("cookie", "theme=dark,session=a.b.c"), "a.b.c", nil},
		{"field name in capitals", fields("Cookie", "session=a.b.c"), "a.b.c", nil},
		{"an equals sign in the value", fields("cookie", "session=a.b.c="), "a.b.c=", nil},
		{"in quotes", fields("cookie", `session="a.b.c"`), `"a.b.c"`, nil},
		{"none", fields("cookie", "theme=dark"), "", nil},
		{"no field", nil, "", nil},
		{"empty", fields("cookie", "session="), "", nil},
		{"without a value", fields("cookie", "session"), "", nil},
		{"another case", fields("cookie", "Session=a.b.c"), "", nil},
		{"a longer name", fields("cookie", "session2=a.b.c; xsession=a.b.c; __Host-session=a.b.c"), "", nil},
		{"in another's value", fields("cookie", "a=session=a.b.c"), "", nil},
		{"twice", fields("cookie", "session=a.b.c; session=d.e.f"), "", credential.ErrAmbiguous},
		{"twice the same", fields("cookie", "session=a.b.c; session=a.b.c"), "", credential.ErrAmbiguous},
		{"twice, one empty", fields("cookie", "session=; session=d.e.f"), "", credential.ErrAmbiguous},
		{"in two fields", fields("cookie", "session=a.b.c", "cookie", "session=d.e.f"), "", credential.ErrAmbiguous},
		{"in two joined fields", fields("cookie", "session=a.b.c,session=d.e.f"), "", credential.ErrAmbiguous},
	} {
		t.Run(row.name, extracted{"", sent{Method: "GET", Headers: row.headers}, fromCookie(), row.raw, row.wrong}.check)
	}
}

// A cookie is accepted only in a request that another site cannot cause, or that changes
// nothing.
func TestExtractCookieCrossSite(t *testing.T) {
	const host = "app.example"
	for _, row := range []struct {
		name, method string
		headers      []request.Header
		origins      []string
		accepted     bool
	}{
		{"GET", "GET", nil, nil, true},
		{"HEAD", "HEAD", nil, nil, true},
		{"OPTIONS", "OPTIONS", nil, nil, true},
		{"GET from another site", "GET", fields("sec-fetch-site", "cross-site", "origin", "https://evil.example"), nil, true},
		{"POST", "POST", nil, nil, false},
		{"PUT", "PUT", nil, nil, false},
		{"TRACE", "TRACE", nil, nil, false},
		{"get in lower case", "get", nil, nil, false},
		{"no method", "", nil, nil, false},
		{"GET that upgrades", "GET", fields("upgrade", "websocket"), nil, false},
		{"GET that upgrades to something else", "GET", fields("Upgrade", "h2c"), nil, false},
		{"GET that upgrades, from the site", "GET", fields("upgrade", "websocket", "origin", "https://app.example"), nil, true},

		{"POST, Sec-Fetch-Site same-origin", "POST", fields("sec-fetch-site", "same-origin"), nil, true},
		{"POST, Sec-Fetch-Site none", "POST", fields("Sec-Fetch-Site", "none"), nil, true},
		{"POST, Sec-Fetch-Site same-site", "POST", fields("sec-fetch-site", "same-site"), nil, false},
		{"POST, Sec-Fetch-Site cross-site", "POST", fields("sec-fetch-site", "cross-site"), nil, false},
		{"POST, Sec-Fetch-Site in capitals", "POST", fields("sec-fetch-site", "Same-Origin"), nil, false},
		{"POST, Sec-Fetch-Site twice", "POST", fields("sec-fetch-site", "same-origin", "sec-fetch-site", "cross-site"), nil, false},
		{"POST, Sec-Fetch-Site joined", "POST", fields("sec-fetch-site", "same-origin,cross-site"), nil, false},
		{"POST, Sec-Fetch-Site empty", "POST", fields("sec-fetch-site", ""), nil, false},

		{"POST, Origin of the host", "POST", fields("origin", "https://app.example"), nil, true},
		{"POST, Origin with a port", "POST", fields("origin", "https://app.example:8443"), nil, true},
		{"POST, Origin by http", "POST", fields("origin", "http://app.example"), nil, true},
		{"POST, Origin in capitals", "POST", fields("Origin", "https://APP.example"), nil, true},
		{"POST, Origin with a final dot", "POST", fields("origin", "https://app.example."), nil, true},
		{"POST, Origin of another site", "POST", fields("origin", "https://evil.example"), nil, false},
		{"POST, Origin of a longer host", "POST", fields("origin", "https://app.example.evil.example"), nil, false},
		{"POST, Origin of a subdomain", "POST", fields("origin", "https://x.app.example"), nil, false},
		{"POST, Origin of the parent", "POST", fields("origin", "https://example"), nil, false},
		{"POST, Origin null", "POST", fields("origin", "null"), nil, false},
		{"POST, Origin empty", "POST", fields("origin", ""), nil, false},
		{"POST, Origin without a scheme", "POST", fields("origin", "app.example"), nil, false},
		{"POST, an invalid Origin", "POST", fields("origin", "https://app.example:x"), nil, false},
		{"POST, Origin twice", "POST", fields("origin", "https://app.example", "origin", "https://evil.example"), nil, false},
		{"POST, Origin with the host as a user", "POST", fields("origin", "https://app.example@evil.example"), nil, false},
		{"POST, Referer of the host", "POST", fields("referer", "https://app.example/"), nil, false},
		{"POST, from another site by a header of ours", "POST", fields("origin", "https://evil.example", "x-forwarded-host", "evil.example"),
			nil, false},

		{"POST, a configured Origin", "POST", fields("origin", "https://spa.example"), []string{"https://spa.example"}, true},
		{"POST, a configured Origin with another port", "POST", fields("origin", "https://spa.example:8443"), []string{"https://spa.example"},
			false},
		{"POST, a configured Origin by http", "POST", fields("origin", "http://spa.example"), []string{"https://spa.example"}, false},
		{"POST, not the configured Origin", "POST", fields("origin", "https://evil.example"), []string{"https://spa.example"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			message := sent{Method: row.method, Host: host, Headers: append(row.headers, fields("cookie", "session=a.b.c")...)}
			want := extracted{message: message, from: fromCookie(row.origins...), raw: "a.b.c"}
			if !row.accepted {
				want.raw, want.wrong = "", credential.ErrCrossSite
			}
			want.check(t)

			// Without the cookie there is nothing to refuse.
			message.Headers = row.headers
			extracted{message: message, from: fromCookie(row.origins...)}.check(t)
		})
	}
	extracted{
		message: sent{Method: "POST", Host: "[::1]", Headers: fields("origin", "http://[::1]:8080", "cookie", "session=a.b.c")},
		from:    fromCookie(), raw: "a.b.c",
	}.check(t)
	extracted{
		message: sent{Method: "POST", Host: "", Headers: fields("origin", "https://", "cookie", "session=a.b.c")},
		from:    fromCookie(), wrong: credential.ErrCrossSite,
	}.check(t)
}

func TestExtractFromQuery(t *testing.T) {
	for _, row := range []struct {
		target, raw string
		wrong       error
	}{
		{"/x?access_token=a.b.c", "a.b.c", nil},
		{"/x?a=1&access_token=a.b.c&b=2", "a.b.c", nil},
		{"/x?access_token=a.b.c=", "a.b.c=", nil},
		{"/x?access_token=a%2Eb%2Ec", "a%2Eb%2Ec", nil},
		{"/x", "", nil},
		{"/x?", "", nil},
		{"/x?access_token", "", nil},
		{"/x?access_token=", "", nil},
		{"/x?Access_Token=a.b.c", "", nil},
		{"/x?access_token2=a.b.c&xaccess_token=a.b.c", "", nil},
		{"/x?a=access_token=a.b.c", "", nil},
		{"/access_token=a.b.c", "", nil},
		{"/x?%zz=1&access_token=a.b.c", "a.b.c", nil},
		{"/x?access_token=a.b.c&access_token=d.e.f", "", credential.ErrAmbiguous},
		{"/x?access_token=&access_token=d.e.f", "", credential.ErrAmbiguous},
		{"/x?access_token=a.b.c&access_token", "", credential.ErrAmbiguous},
		{"/x?access%5Ftoken=a.b.c", "", credential.ErrAmbiguous},
		{"/x?access_token=a.b.c&%61ccess_token=d.e.f", "", credential.ErrAmbiguous},
	} {
		t.Run(row.target, extracted{"", sent{Method: "GET", Target: row.target}, fromQuery(), row.raw, row.wrong}.check)
	}
}

func TestExtractFromWebSocketProtocol(t *testing.T) {
	const field = "sec-websocket-protocol"
	for _, row := range []struct {
		name    string
		headers []request.Header
		raw     string
		wrong   error
	}{
		{"name and token", fields("upgrade", "websocket", field, "jwt, a.b.c"), "a.b.c", nil},
		{"upgrade in capitals", fields("Upgrade", "WebSocket", field, "jwt,a.b.c"), "a.b.c", nil},
		{"among others", fields("upgrade", "websocket", field, "chat, jwt, a.b.c, superchat"), "a.b.c", nil},
		{"in two fields", fields("upgrade", "websocket", field, "jwt", field, "a.b.c"), "a.b.c", nil},
		{"with empty items", fields("upgrade", "websocket", field, "jwt, , a.b.c"), "a.b.c", nil},
		{"no handshake", fields(field, "jwt, a.b.c"), "", nil},
		{"another upgrade", fields("upgrade", "h2c", field, "jwt, a.b.c"), "", nil},
		{"no field", fields("upgrade", "websocket"), "", nil},
		{"other protocols", fields("upgrade", "websocket", field, "chat, a.b.c"), "", nil},
		{"name last", fields("upgrade", "websocket", field, "chat, jwt"), "", nil},
		{"name in capitals", fields("upgrade", "websocket", field, "JWT, a.b.c"), "", nil},
		{"name twice", fields("upgrade", "websocket", field, "jwt, a.b.c, jwt, d.e.f"), "", credential.ErrAmbiguous},
		{"name twice in a row", fields("upgrade", "websocket", field, "jwt, jwt"), "", credential.ErrAmbiguous},
	} {
		t.Run(row.name, extracted{"", sent{Method: "GET", Headers: row.headers}, fromProtocol(), row.raw, row.wrong}.check)
	}
}

// Credentials in two places are ambiguous (RFC 6750 section 2), even if one of them would
// not be accepted. An error in one place is the error of the request.
func TestExtractFromSeveralPlaces(t *testing.T) {
	everywhere := append(fromBearer(), fromHeader(), fromCookie(), fromQuery(), fromProtocol())
	places := map[string]sent{
		"bearer":   {Headers: fields("authorization", "Bearer a.b.c")},
		"header":   {Headers: fields("x-token", "a.b.c")},
		"cookie":   {Headers: fields("cookie", "session=a.b.c", "sec-fetch-site", "same-origin")},
		"query":    {Target: "/?access_token=a.b.c"},
		"protocol": {Headers: fields("upgrade", "websocket", "sec-websocket-protocol", "jwt, a.b.c")},
	}
	for name, one := range places {
		if got, err := extract(one, everywhere); err != nil || got.Raw != "a.b.c" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		for other, two := range places {
			if other == name {
				continue
			}
			both := sent{Target: one.Target + two.Target, Headers: slices.Concat(one.Headers, two.Headers)}
			_, err := extract(both, everywhere)
			if failure := refusal(t, err, credential.ErrAmbiguous); failure.Internal != "tokens in two places" {
				t.Errorf("%s and %s: %q", name, other, failure.Internal)
			}
		}
	}
	_, err := extract(sent{Method: "POST", Headers: fields("authorization", "Bearer a.b.c", "cookie", "session=a.b.c")}, everywhere)
	refusal(t, err, credential.ErrAmbiguous)
	_, err = extract(sent{Headers: fields("x-token", "a.b.c", "authorization", "Bearer")}, everywhere)
	refusal(t, err, token.ErrMalformed)
}

// Everything that is read can be removed, and nothing else changes.
func TestRemove(t *testing.T) {
	id := config.TokenSource{Kind: config.SourceCookie, Name: "id"}
	all := append(fromBearer(), fromHeader(), fromCookie(), id, fromQuery(), fromProtocol())
	handshake := []string{"upgrade", "websocket", "sec-websocket-protocol"}
	for _, row := range []struct {
		name    string
		message sent
		want    credential.Removal
	}{
		{"nothing there", sent{Target: "/?a=1", Headers: fields("cookie", "theme=dark", "accept", "*/*")}, credential.Removal{}},
		{"bearer", sent{Headers: fields("authorization", "Bearer a.b.c")}, credential.Removal{Headers: []string{"authorization"}}},
		{"bearer without a token", sent{Headers: fields("Authorization", "bearer")}, credential.Removal{Headers: []string{"authorization"}}},
		{"two Authorization fields", sent{Headers: fields("authorization", "Basic x", "authorization", "Bearer y")},
			credential.Removal{Headers: []string{"authorization"}}},
		{"Basic stays", sent{Headers: fields("authorization", "Basic YQ==")}, credential.Removal{}},
		{"header", sent{Headers: fields("X-Token", "a.b.c")}, credential.Removal{Headers: []string{"x-token"}}},
		{"header twice", sent{Headers: fields("x-token", "a", "x-token", "b")}, credential.Removal{Headers: []string{"x-token"}}},
		{"cookie alone", sent{Headers: fields("cookie", "session=a.b.c")}, credential.Removal{Headers: []string{"cookie"}}},
		{"cookie first", sent{Headers: fields("cookie", "session=a.b.c; theme=dark; lang=de")},
			credential.Removal{Set: fields("cookie", "theme=dark; lang=de")}},
		{"cookie last", sent{Headers: fields("cookie", "theme=dark; session=a.b.c")}, credential.Removal{Set: fields("cookie", "theme=dark")}},
		{"cookie between", sent{Headers: fields("cookie", "theme=dark; session=a.b.c; lang=de")},
			credential.Removal{Set: fields("cookie", "theme=dark; lang=de")}},
		{"cookie twice", sent{Headers: fields("cookie", "session=a; theme=dark; session=b")},
			credential.Removal{Set: fields("cookie", "theme=dark")}},
		{"both cookies", sent{Headers: fields("cookie", "session=a; theme=dark; id=b")}, credential.Removal{Set: fields("cookie", "theme=dark")}},
		{"both cookies and no other", sent{Headers: fields("cookie", "session=a; id=b")}, credential.Removal{Headers: []string{"cookie"}}},
		{"cookie in one of two fields", sent{Headers: fields("cookie", "theme=dark", "cookie", "session=a; lang=de")},
			credential.Removal{Set: fields("cookie", "theme=dark; lang=de")}},
		{"cookies in joined fields", sent{Headers: fields("cookie", "theme=dark,session=a")},
			credential.Removal{Set: fields("cookie", "theme=dark")}},
		{"cookie without a value", sent{Headers: fields("cookie", "session; theme=dark")},
			credential.Removal{Set: fields("cookie", "theme=dark")}},
		{"a cookie that only looks like it", sent{Headers: fields("cookie", "sessions=a; xsession=b; a=session=c")}, credential.Removal{}},
		{"query", sent{Target: "/?a=1&access_token=a.b.c"}, credential.Removal{Parameters: []string{"access_token"}}},
		{"query without a value", sent{Target: "/?access_token"}, credential.Removal{Parameters: []string{"access_token"}}},
		{"no query", sent{Target: "/access_token=a"}, credential.Removal{}},
		{"protocol", sent{Headers: fields(append(handshake, "jwt, a.b.c")...)}, credential.Removal{Set: fields("sec-websocket-protocol", "jwt")}},
		{"protocol among others", sent{Headers: fields(append(handshake, "chat, jwt, a.b.c, superchat")...)},
			credential.Removal{Set: fields("sec-websocket-protocol", "chat, jwt, superchat")}},
		{"other protocols", sent{Headers: fields(append(handshake, "chat, superchat")...)}, credential.Removal{}},
		{"everything", sent{
			Target: "/?access_token=a",
			Headers: fields("authorization", "Bearer a", "x-token", "a", "cookie", "session=a; b=c",
				"upgrade", "websocket", "sec-websocket-protocol", "jwt, a"),
		}, credential.Removal{
			Headers: []string{"authorization", "x-token"}, Parameters: []string{"access_token"},
			Set: fields("cookie", "b=c", "sec-websocket-protocol", "jwt"),
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := remove(row.message, all); !reflect.DeepEqual(got, row.want) {
				t.Errorf("got  %+v\nwant %+v", got, row.want)
			}
			if got := remove(row.message, nil); !reflect.DeepEqual(got, credential.Removal{}) {
				t.Errorf("from nowhere: %+v", got)
			}
		})
	}
}

// FuzzRemove: after a removal there is no credential, and all else is unchanged.
func FuzzRemove(f *testing.F) {
	f.Add("theme=dark; session=a.b.c", "Bearer a.b.c", "/x?access_token=a&b=c", "chat, jwt, a.b.c")
	f.Add("session=a, session=b", "Basic x", "/?%61ccess_token=1", "jwt, jwt, jwt")
	f.Add(";;=;session;,", "bearer", "/", ", ,")
	all := append(fromBearer(), fromCookie(), fromProtocol())
	f.Fuzz(func(t *testing.T, cookie, authorization, target, protocol string) {
		message := sent{Method: "GET", Target: target, Headers: fields(
			"cookie", cookie, "authorization", authorization, "upgrade", "websocket", "sec-websocket-protocol", protocol, "accept", "*/*",
		)}
		removal := remove(message, all)
		var left []request.Header
		for _, h := range message.Headers {
			rewritten := slices.ContainsFunc(removal.Set, func(set request.Header) bool { return set.Name == h.Name })
			if !rewritten && !slices.Contains(removal.Headers, h.Name) {
				left = append(left, h)
			}
		}
		for _, set := range removal.Set {
			if slices.Contains(removal.Headers, set.Name) || set.Value == "" {
				t.Fatalf("%+v both sets and removes, or sets nothing", removal)
			}
			left = append(left, set)
		}
		for _, source := range all {
			if source.Kind == config.SourceWebSocketProtocol {
				continue // the protocol after the token now follows the name
			}
			message := sent{Method: "GET", Target: target, Headers: left}
			if got, err := extract(message, []config.TokenSource{source}); err != nil || got.Found {
				t.Fatalf("%s: %+v, %v is left of %q: %q", source.Kind, got, err, cookie, left)
			}
		}
		if !slices.ContainsFunc(left, func(h request.Header) bool { return h.Name == "accept" }) {
			t.Fatal("another field is gone")
		}
	})
}
