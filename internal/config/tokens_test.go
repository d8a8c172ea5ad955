package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// TestTokenSources reads every kind of token source.
func TestTokenSources(t *testing.T) {
	long := strings.Repeat("n", 128)
	for _, row := range []struct {
		yaml string
		want []config.TokenSource
	}{
		{"[bearer]", []config.TokenSource{{Kind: config.SourceBearer}}},
		{"[\"${WORD}\"]", []config.TokenSource{{Kind: config.SourceBearer}}},
		{"[{cookie: __Host-session}]", []config.TokenSource{{Kind: config.SourceCookie, Name: "__Host-session"}}},
		{"[{cookie: \"!#$%&'*+-.^_`|~09azAZ\"}]", []config.TokenSource{{Kind: config.SourceCookie, Name: "!#$%&'*+-.^_`|~09azAZ"}}},
		{"[{cookie: " + long + "}]", []config.TokenSource{{Kind: config.SourceCookie, Name: long}}},
		{"[{origins: ['https://a.example', 'http://localhost:3000', 'https://[::1]:8443', 'http://10.0.0.1:443'], cookie: s}]",
			[]config.TokenSource{
				{Kind: config.SourceCookie, Name: "s", Origins: []string{"https://a.example", "http://localhost:3000", "https://[::1]:8443",
					"http://10.0.0.1:443"}}}},
		{"[{cookie: s, origins: []}]", []config.TokenSource{{Kind: config.SourceCookie, Name: "s", Origins: []string{}}}},
		{"[{cookie: s}, {cookie: S}]", []config.TokenSource{{Kind: config.SourceCookie, Name: "s"}, {Kind: config.SourceCookie, Name: "S"}}},
		{"[{header: X-Access-Token}]", []config.TokenSource{{Kind: config.SourceHeader, Name: "x-access-token"}}},
		{"[{header: x-forwarded-access-token}]", []config.TokenSource{{Kind: config.SourceHeader, Name: "x-forwarded-access-token"}}},
		{"[{websocket_protocol: base64url.bearer}]", []config.TokenSource{{Kind: config.SourceWebSocketProtocol, Name: "base64url.bearer"}}},
		{"[{cookie: \"${NAME}\"}, bearer, {header: a}, {websocket_protocol: a}]", []config.TokenSource{
			{Kind: config.SourceCookie, Name: "session"}, {Kind: config.SourceBearer}, {Kind: config.SourceHeader, Name: "a"},
			{Kind: config.SourceWebSocketProtocol, Name: "a"}}},
	} {
		t.Run(row.yaml, func(t *testing.T) {
			for _, yaml := range []string{"tokens: {from: " + row.yaml + "}\n", "routes: [{match: /a, tokens_from: " + row.yaml + "}]\n"} {
				c := parse(t, pool+yaml, "NAME=session", "WORD=bearer")
				got := c.Tokens.From
				if len(c.Routes) > 0 {
					got = c.Routes[0].TokensFrom
				}
				if !reflect.DeepEqual(got, row.want) {
					t.Errorf("%s reads %+v, want %+v", yaml, got, row.want)
				}
			}
		})
	}
	got := parse(t, pool+"routes: [{match: /a, tokens_from: [bearer, {query: access_token}, {query: a-b.c~1}]}]\n").Routes[0].TokensFrom
	want := []config.TokenSource{{Kind: config.SourceBearer}, {Kind: config.SourceQuery, Name: "access_token"},
		{Kind: config.SourceQuery, Name: "a-b.c~1"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("a route with a query reads %+v, want %+v", got, want)
	}
}

// TestRouteCredentials: a route inherits settings from tokens, wherever tokens is in
// the file.
func TestRouteCredentials(t *testing.T) {
	const routes = `routes:
  - {match: /none}
  - {match: /from, tokens_from: [{query: t}]}
  - {match: /keep, forward: true}
  - {match: /drop, forward: false, access: optional}
  - {match: /both, tokens_from: [bearer], forward: true}
  - {match: /open, access: public}
`
	bearer, cookie := fromBearer(), []config.TokenSource{{Kind: config.SourceCookie, Name: "s"}}
	query := []config.TokenSource{{Kind: config.SourceQuery, Name: "t"}}
	type row struct {
		from    []config.TokenSource
		forward bool
	}
	for name, test := range map[string]struct {
		tokens string
		want   []row
	}{
		"defaults": {"", []row{{bearer, false}, {query, false}, {bearer, true}, {bearer, false}, {bearer, true}, {bearer, false}}},
		"cookie": {"tokens: {from: [{cookie: s}]}\n",
			[]row{{cookie, false}, {query, false}, {cookie, true}, {cookie, false}, {bearer, true}, {cookie, false}}},
		"forward": {"tokens: {forward: true}\n",
			[]row{{bearer, true}, {query, true}, {bearer, true}, {bearer, false}, {bearer, true}, {bearer, true}}},
		"from, twice": {"tokens: {forward: true, from: [{cookie: s}]}\n",
			[]row{{cookie, true}, {query, true}, {cookie, true}, {cookie, false}, {bearer, true}, {cookie, true}}},
	} {
		for _, yaml := range []string{pool + routes + test.tokens, test.tokens + pool + routes} {
			c := parse(t, yaml)
			for i, r := range c.Routes {
				if got := (row{r.TokensFrom, r.Forward}); !reflect.DeepEqual(got, test.want[i]) {
					t.Errorf("%s: %s has %+v, want %+v", name, r.Match, got, test.want[i])
				}
			}
		}
	}
}

// TestCredentialsWithoutUse: a route that reads no token cannot have token settings,
// because the gate would not remove its credential.
func TestCredentialsWithoutUse(t *testing.T) {
	const public = ` has no effect, because a route that is public reads no token; remove it`
	check(t, []file{
		{"public", pool + "routes: [{match: /a, access: public, tokens_from: [bearer], forward: false}]\n", []string{
			`2:38: routes[0].tokens_from` + public, `2:70: routes[0].forward` + public}},
		{"deny", pool + "routes:\n  - {match: /a, forward: true, access: deny}\n", []string{
			`3:26: routes[0].forward has no effect, because a route that is deny reads no token; remove it`}},
		{"optional", pool + "routes: [{match: /a, access: optional, tokens_from: [bearer], forward: true}]\n", nil},
	})
}

// TestTokenSourceMistakes tests each mistake in tokens.from and in tokens_from of a
// route.
func TestTokenSourceMistakes(t *testing.T) {
	const name = `, 1 to 128 letters, digits and any of !#$%&'*+-.^_` + "`" + `|~`
	long := strings.Repeat("n", 129)
	for _, row := range []struct{ name, yaml, want string }{
		{"a word", `▸bearer`, ` is the single value "bearer"; expected a list such as [bearer, {cookie: session}]`},
		{"another case", `[▸Bearer]`, `[0] is invalid: got "Bearer"; expected PLACES`},
		{"a place without its name", `[bearer, ▸cookie]`, `[1] is invalid: got "cookie"; expected PLACES`},
		{"a number", `[▸1]`, `[0] is not a string: got 1; expected PLACES`},
		{"no item", `[▸~]`, `[0] has no value; set it to PLACES, or remove the item`},
		{"a list in the list", `[▸[bearer]]`, `[0] is a list; expected PLACES`},
		{"bearer with a name", `[{▸bearer: Authorization}]`, `[0].bearer has no name; write bearer without { }`},
		{"bearer with a colon", `[{▸bearer: }]`, `[0].bearer has no name; write bearer without { }`},
		{"an empty mapping", `[▸{}]`, `[0] names no source; expected PLACES`},
		{"origins alone", `[▸{origins: []}]`, `[0] names no source; expected PLACES`},
		{"two places in one", `[▸{cookie: a, header: b}]`,
			`[0] names 2 sources in one item; write one item for each: {cookie: a}, {header: b}`},
		{"three places in one", `[▸{websocket_protocol: c, header: b, cookie: a, origins: []}]`,
			`[0] names 3 sources in one item; write one item for each: {cookie: a}, {header: b}, {websocket_protocol: c}`},
		{"bearer twice", `[bearer, ▸bearer]`, `[1] repeats an earlier item; remove it`},
		{"a cookie twice", `[{cookie: a}, bearer, ▸{cookie: a, origins: ["https://a.example"]}]`, `[2] repeats an earlier item; remove it`},
		{"a header twice", `[{header: x-a}, ▸{header: X-A}]`, `[1] repeats an earlier item; remove it`},
		{"origins for a header", `[{header: x-a, ▸origins: []}]`, `[0].origins has no effect without cookie; remove it`},
		{"origins for a protocol", `[{▸origins: ["https://a.example"], websocket_protocol: a}]`,
			`[0].origins has no effect without cookie; remove it`},

		{"an empty cookie", `[{cookie: ▸''}]`, `[0].cookie is invalid: got ""; expected the cookie's name` + name},
		{"a cookie without a name", `[{▸cookie: }]`, `[0].cookie has no value; set it to the cookie's name, or remove the key`},
		{"a cookie that is a number", `[{cookie: ▸7}]`,
			`[0].cookie is not a string: got 7; expected the cookie's name, in quotes if it looks like a number, true or false`},
		{"a cookie with its value", `[{cookie: ▸a=b}]`, `[0].cookie is invalid: got "a=b"; expected the cookie's name` + name},
		{"a cookie that is not ASCII", `[{cookie: ▸ö}]`, `[0].cookie is invalid: got "ö"; expected the cookie's name` + name},
		{"a cookie with a tab", `[{cookie: ▸"a\t"}]`, `[0].cookie is invalid: got "a\t"; expected the cookie's name` + name},
		{"a cookie too long", `[{cookie: ▸` + long + `}]`,
			`[0].cookie is invalid: got "` + long[:80] + `"...; expected the cookie's name` + name},
		{"two protocols in one", `[{websocket_protocol: ▸"a,b"}]`,
			`[0].websocket_protocol is invalid: got "a,b"; expected the protocol's name` + name},
		{"a protocol in a list", `[{▸websocket_protocol: [a]}]`, `[0].websocket_protocol is a list; expected the protocol's name`},

		{"the Cookie header", `[{header: ▸cookie}]`, `[0].header contains all cookies; write {cookie: NAME}`},
		{"the protocols' header", `[{header: ▸Sec-WebSocket-Protocol}]`, `[0].header contains all protocols; write {websocket_protocol: NAME}`},
		{"an underscore", `[{header: ▸x_token}]`,
			`[0].header is invalid: got "x_token"; expected a header name such as x-access-token, 1 to 128 letters, digits and dashes`},
		{"a pseudo-header", `[{header: ▸":path"}]`,
			`[0].header is invalid: got ":path"; expected a header name such as x-access-token, 1 to 128 letters, digits and dashes`},
		{"an empty header", `[{header: ▸''}]`,
			`[0].header is invalid: got ""; expected a header name such as x-access-token, 1 to 128 letters, digits and dashes`},
		{"dashes alone", `[{header: ▸"--"}]`, `[0].header begins or ends with a dash; expected a name such as x-user-id`},
		{"host", `[{header: ▸Host}]`,
			`[0].header is part of the request itself, so setting or removing it would break requests; use another name`},
		{"a proxy's credential", `[{header: ▸proxy-authorization}]`,
			`[0].header is part of the request itself, so setting or removing it would break requests; use another name`},
		{"an identity header", `[bearer, {header: ▸X-User-Id}]`,
			`[1].header conflicts with identity, which sets or strips the header "x-user-id"; use another header`},
		{"an identity header taken out", `[{header: ▸x-user-email}]`,
			`[0].header conflicts with identity, which sets or strips the header "x-user-email"; use another header`},
		{"a stripped header", `[{header: ▸x-internal}]`,
			`[0].header conflicts with identity, which sets or strips the header "x-internal"; use another header`},
	} {
		t.Run(row.name, func(t *testing.T) {
			const identity = "identity: {headers: {x-user-email: null}, strip: [x-internal]}\n"
			for _, place := range []struct{ before, after, path, places string }{
				{"tokens: {from: ", "}\n", "tokens.from", "bearer, {cookie: NAME}, {header: NAME} or {websocket_protocol: NAME}"},
				{"routes: [{match: /a, tokens_from: ", "}]\n", "routes[0].tokens_from",
					"bearer, {cookie: NAME}, {header: NAME}, {websocket_protocol: NAME} or {query: NAME}"},
			} {
				yaml, at := marked(place.before + row.yaml + place.after)
				same(t, mistakes(t, yaml+pool+identity), []string{at + place.path + strings.Replace(row.want, "PLACES", place.places, 1)})
			}
		})
	}
}

// TestSourceKeys tests values that are not lists, unknown keys of a source, and a query
// outside of a route.
func TestSourceKeys(t *testing.T) {
	const query = ` is allowed only in tokens_from of a route, because URLs appear in logs and browser histories; move it there`
	const parameter = `; expected the parameter's name, 1 to 64 letters, digits and any of -._~`
	const list = "; expected a list such as [bearer, {cookie: session}]"
	check(t, []file{
		{"an empty list", pool + "tokens: {from: []}\n",
			[]string{`2:10: tokens.from is an empty list; set it to a list such as [bearer, {cookie: session}], or remove the key`}},
		{"an empty list on a route", pool + "routes: [{match: /a, tokens_from: []}]\n",
			[]string{`2:22: routes[0].tokens_from is an empty list; set it to a list such as [bearer, {cookie: session}], or remove the key`}},
		{"a mapping for a list", pool + "tokens: {from: {cookie: s}}\n", []string{`2:10: tokens.from is a mapping` + list}},
		{"nothing for a list", pool + "routes: [{match: /a, tokens_from: }]\n",
			[]string{`2:22: routes[0].tokens_from has no value; set it to a list such as [bearer, {cookie: session}], or remove the key`}},
		{"a mistyped place", pool + "tokens: {from: [{cookies: a}]}\n",
			[]string{`2:18: unknown key "cookies" in tokens.from[0]; did you mean cookie?`}},
		{"an unknown place", pool + "tokens: {from: [{body: a}]}\n", []string{
			`2:18: unknown key "body" in tokens.from[0]; expected one of cookie, origins, header, websocket_protocol`}},
		{"an unknown place on a route", pool + "routes: [{match: /a, tokens_from: [{body: a}]}]\n", []string{
			`2:37: unknown key "body" in routes[0].tokens_from[0]; expected one of cookie, origins, header, websocket_protocol, query`}},
		{"a query for all", pool + "tokens: {from: [bearer, {query: access_token}]}\n", []string{`2:26: tokens.from[1].query` + query}},
		{"a query for all beside another mistake", pool + "tokens: {from: [{query: access_token, cookie: ''}]}\n", []string{
			`2:18: tokens.from[0].query` + query,
			`2:47: tokens.from[0].cookie is invalid: got ""; expected the cookie's name, 1 to 128 letters, digits and any of !#$%&'*+-.^_` + "`" +
				`|~`}},
		{"a place far from home", pool + "websocket_protocol: jwt\n", []string{
			`2:1: unknown key "websocket_protocol" in the file; it belongs at tokens.from[].websocket_protocol or ` +
				`routes[].tokens_from[].websocket_protocol`}},
		{"from on a route", pool + "routes: [{match: /a, from: [bearer]}]\n", []string{
			`2:22: unknown key "from" in routes[0]; it belongs at tokens.from`}},
		{"tokens_from for all", pool + "tokens_from: [bearer]\n",
			[]string{`2:1: unknown key "tokens_from" in the file; it belongs at routes[].tokens_from`}},
		{"two places with a query", pool + "routes: [{match: /a, tokens_from: [{query: t, cookie: c}]}]\n", []string{
			`2:36: routes[0].tokens_from[0] names 2 sources in one item; write one item for each: {cookie: c}, {query: t}`}},
		{"a parameter twice", pool + "routes: [{match: /a, tokens_from: [{query: t}, {query: t}]}]\n", []string{
			`2:48: routes[0].tokens_from[1] repeats an earlier item; remove it`}},
		{"an empty parameter", pool + "routes: [{match: /a, tokens_from: [{query: ''}]}]\n",
			[]string{`2:44: routes[0].tokens_from[0].query is invalid: got ""` + parameter}},
		{"a parameter that gets encoded", pool + "routes: [{match: /a, tokens_from: [{query: 'a[b]'}]}]\n",
			[]string{`2:44: routes[0].tokens_from[0].query is invalid: got "a[b]"` + parameter}},
		{"a parameter that is encoded", pool + "routes: [{match: /a, tokens_from: [{query: a%5Fb}]}]\n",
			[]string{`2:44: routes[0].tokens_from[0].query is invalid: got "a%5Fb"` + parameter}},
		{"a parameter with a plus", pool + "routes: [{match: /a, tokens_from: [{query: a+b}]}]\n",
			[]string{`2:44: routes[0].tokens_from[0].query is invalid: got "a+b"` + parameter}},
		{"a parameter that is not ASCII", pool + "routes: [{match: /a, tokens_from: [{query: ŧ}]}]\n",
			[]string{`2:44: routes[0].tokens_from[0].query is invalid: got "ŧ"` + parameter}},
		{"a parameter too long", pool + "routes: [{match: /a, tokens_from: [{query: " + strings.Repeat("q", 65) + "}]}]\n", []string{
			`2:44: routes[0].tokens_from[0].query is invalid: got "` + strings.Repeat("q", 65) + `"` + parameter}},
		{"one mistake in two places", pool +
			"tokens: {from: [{header: x-user-id}]}\nroutes: [{match: /a}, {match: /b, tokens_from: [{header: x-user-id}]}, {match: /c}]\n", []string{
			`2:26: tokens.from[0].header conflicts with identity, which sets or strips the header "x-user-id"; use another header`,
			`3:58: routes[1].tokens_from[0].header conflicts with identity, which sets or strips the header "x-user-id"; use another header`}},
	})
}

func TestOriginMistakes(t *testing.T) {
	const origin = "; expected an origin such as https://app.example or http://localhost:3000"
	const sends = "; write it in lower case and without the default port of the scheme"
	const host = "; list each origin, such as https://app.example"
	for text, want := range map[string]string{
		"":                          "[0] is not an absolute URL with https://" + origin,
		"*":                         `[0] is "*", which would allow every site; list each origin, such as https://app.example`,
		"null":                      "[0] is not an absolute URL with https://" + origin,
		"app.example":               "[0] is not an absolute URL with https://" + origin,
		"//app.example":             "[0] is not an absolute URL with https://" + origin,
		"app://app.example":         "[0] is not an absolute URL with https://" + origin,
		"https://":                  "[0] has no valid host" + origin,
		"https://app.example:":      "[0] has no valid host" + origin,
		"https://app.example:70000": "[0] has no valid host" + origin,
		"https://äpp.example":       "[0] is not a URL in printable ASCII" + origin,
		"https://me@app.example":    "[0] contains a user name or password, which is not allowed" + origin,
		"https://app.example?a":     `[0] has a query (?): got "https://app.example?a"` + origin,
		"https://app.example#a":     `[0] has a fragment (#): got "https://app.example#a"` + origin,
		"https://app.example/":      `[0] has a path: got "https://app.example/"` + origin,
		"https://app.example/a":     `[0] has a path: got "https://app.example/a"` + origin,
		"https://*.app.example":     `[0] has an invalid host: got "https://*.app.example"` + host,
		"https://app..example":      `[0] has an invalid host: got "https://app..example"` + host,
		"https://App.example":       `[0] is not in the form that browsers send: got "https://App.example"` + sends,
		"HTTPS://app.example":       `[0] is not in the form that browsers send: got "HTTPS://app.example"` + sends,
		"https://app.example:443":   `[0] is not in the form that browsers send: got "https://app.example:443"` + sends,
		"http://app.example:80":     `[0] is not in the form that browsers send: got "http://app.example:80"` + sends,
		"https://app.example:08443": `[0] is not in the form that browsers send: got "https://app.example:08443"` + sends,
	} {
		t.Run(text, func(t *testing.T) {
			same(t, mistakes(t, pool+"tokens: {from: [{cookie: s, origins: ['"+text+"']}]}\n"), []string{"2:39: tokens.from[0].origins" + want})
		})
	}
	const two = "['https://a.example', 'https://a.example']"
	same(t, mistakes(t, pool+"tokens: {from: [{cookie: s, origins: "+two+"}]}\n"),
		[]string{"2:60: tokens.from[0].origins[1] repeats an earlier item; remove it"})
	same(t, mistakes(t, pool+"tokens: {from: [{cookie: s, origins: 'https://a.example'}]}\n"), []string{
		`2:38: tokens.from[0].origins is the single value "https://a.example"; expected a list such as [https://app.example]`})
}
