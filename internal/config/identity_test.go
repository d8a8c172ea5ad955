package config_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// defaultHeaders is the default of identity.headers.
func defaultHeaders() []config.IdentityHeader {
	return []config.IdentityHeader{
		{Name: "x-user-client", Claims: []string{"$client"}},
		{Name: "x-user-email", Claims: []string{"email"}},
		{Name: "x-user-groups", Claims: []string{"$groups"}},
		{Name: "x-user-id", Claims: []string{"sub"}},
		{Name: "x-user-issuer", Claims: []string{"$issuer"}},
		{Name: "x-user-kind", Claims: []string{"$kind"}},
		{Name: "x-user-name", Claims: []string{"cognito:username", "username", "preferred_username"}},
		{Name: "x-user-scopes", Claims: []string{"$scopes"}},
	}
}

// TestHeaderChanges: a header in the file is added to the defaults or replaces one.
// Null removes one, which is still stripped from requests.
func TestHeaderChanges(t *testing.T) {
	c := parse(t, pool+`
identity:
  headers:
    X-User-Id: [custom:id, sub]
    x-user-kind:
    x-user-email: null
    a-tenant: custom:tenant
    x-who: [$client, $issuer]
  strip: [X-Internal, x-who, x-user-email, x-user-scopes]
`)
	want := slices.DeleteFunc(defaultHeaders(), func(h config.IdentityHeader) bool {
		return h.Name == "x-user-kind" ||
			h.Name == "x-user-email"
	})
	want[2].Claims = []string{"custom:id", "sub"}
	want = slices.Insert(want, 0, config.IdentityHeader{Name: "a-tenant", Claims: []string{"custom:tenant"}})
	want = append(want, config.IdentityHeader{Name: "x-who", Claims: []string{"$client", "$issuer"}})
	if !reflect.DeepEqual(c.Identity.Headers, want) {
		t.Errorf("headers are\n%+v\nwant\n%+v", c.Identity.Headers, want)
	}
	if got, want := c.Identity.Removed, []string{"x-user-email", "x-user-kind"}; !slices.Equal(got, want) {
		t.Errorf("removed are %q, want %q", got, want)
	}
	if got, want := c.Identity.Strip, []string{"x-internal"}; !slices.Equal(got, want) {
		t.Errorf("strip is %q, want %q without identity headers, which are always stripped", got, want)
	}
}

func TestHeaderMistakes(t *testing.T) {
	const reserved = " is part of the request itself, so setting or removing it would break requests; use another name"
	const override = " overrides the method, URL or host that was checked, so it is always removed; use another name"
	const credential = " contains credentials, which tokens.forward controls; use another name"
	for _, row := range []struct{ name, header, want string }{
		{"an underscore", "x_user_id: sub",
			`2:22: identity.headers.x_user_id is not a plain header name; expected x-user-id, which covers every spelling`},
		{"a dot", "x.user.id: sub",
			`2:22: identity.headers["x.user.id"] is not a plain header name; expected x-user-id, which covers every spelling`},
		{"a space", "x user: sub", `2:22: identity.headers["x user"] is not a plain header name; expected x-user, which covers every spelling`},
		{"not ASCII", "x-üser: sub",
			`2:22: identity.headers["x-üser"] is not a plain header name; expected x--ser, which covers every spelling`},
		{"a final dash", "x-user-: sub", `2:22: identity.headers.x-user- begins or ends with a dash; expected a name such as x-user-id`},
		{"dashes alone", "--: sub", `2:22: identity.headers.-- begins or ends with a dash; expected a name such as x-user-id`},
		{"a pseudo-header", "':path': sub", `2:22: identity.headers[":path"] is a pseudo-header of HTTP/2; expected a name such as x-user-id`},
		{"host", "Host: sub", `2:22: identity.headers.Host` + reserved},
		{"framing", "transfer-encoding: sub", `2:22: identity.headers.transfer-encoding` + reserved},
		{"hop by hop", "proxy-connection: sub", `2:22: identity.headers.proxy-connection` + reserved},
		{"Envoy's own", "x-envoy-original-path: sub", `2:22: identity.headers.x-envoy-original-path` + reserved},
		{"an override", "x-original-url: sub", `2:22: identity.headers.x-original-url` + override},
		{"an override of the host", "forwarded: sub", `2:22: identity.headers.forwarded` + override},
		{"a header with the client's address", "x-forwarded-for: sub", `2:22: identity.headers.x-forwarded-for` + reserved},
		{"a credential", "Authorization: sub", `2:22: identity.headers.Authorization` + credential},
		{"cookies", "cookie: sub", `2:22: identity.headers.cookie` + credential},
		{"the same in another case", "x-user-id: sub, X-USER-ID: email",
			`2:38: identity.headers.X-USER-ID is repeated with other letter case; keep one of them`},
		{"removing what is not there", "x-tenant: null",
			`2:22: identity.headers.x-tenant is null, but it is not a default header; expected a claim; to remove the header from requests, list ` +
				`it in identity.strip`},
		{"an unknown value", "x-user-id: $subject",
			`2:33: identity.headers.x-user-id is an unknown derived value: got "$subject"; expected a claim such as email, one of $groups ` +
				`$scopes $client $kind $issuer $tenant, or a list of them`},
		{"an unknown value in a list", "x-user-id: [sub, $sub]",
			`2:39: identity.headers.x-user-id[1] is an unknown derived value: got "$sub"; expected a claim such as email, one of $groups $scopes ` +
				`$client $kind $issuer $tenant, or a list of them`},
		{"an empty list", "x-user-id: []",
			`2:22: identity.headers.x-user-id is an empty list; set it to a claim such as email, one of $groups $scopes $client $kind $issuer ` +
				`$tenant, or a list of them, or remove the key`},
		{"an empty claim", "x-user-id: ''",
			`2:33: identity.headers.x-user-id is not a name of 1 to 256 printable characters: got ""; expected a claim such as email, one of ` +
				`$groups $scopes $client $kind $issuer $tenant, or a list of them`},
		{"a broken pointer", "x-user-id: /a~2b",
			`2:33: identity.headers.x-user-id is not a JSON Pointer: got "/a~2b"; inside a name, write ~0 for ~ and ~1 for /`},
		{"a mapping", "x-user-id: {claim: sub}",
			`2:22: identity.headers.x-user-id is a mapping; expected a claim such as email, one of $groups $scopes $client $kind $issuer ` +
				`$tenant, or a list of them`},
	} {
		t.Run(row.name, func(t *testing.T) {
			same(t, mistakes(t, pool+"identity: {headers: {"+row.header+"}}\n"), []string{row.want})
		})
	}
	t.Run("strip", func(t *testing.T) {
		same(t, mistakes(t, pool+"identity: {strip: [x_a, cookie, '', x-b, X-B, te]}\n"), []string{
			`2:20: identity.strip[0] is not a plain header name; expected x-a, which covers every spelling`,
			`2:25: identity.strip[1]` + credential,
			`2:33: identity.strip[2] is not a header name; expected 1 to 128 letters, digits and dashes`,
			`2:42: identity.strip[4] repeats an earlier item; remove it`,
			`2:47: identity.strip[5]` + reserved,
		})
	})
	t.Run("strip_cookies", func(t *testing.T) {
		const expected = "; expected a cookie's name such as __Host-BearerToken, or its beginning and *, 1 to 128 letters, digits and any of " +
			"!#$%&'*+-.^_`|~"
		same(t, mistakes(t, pool+"identity: {strip_cookies: ['a b', '', '*', a, a, A]}\n"), []string{
			`2:28: identity.strip_cookies[0] is invalid: got "a b"` + expected,
			`2:35: identity.strip_cookies[1] is invalid: got ""` + expected,
			`2:39: identity.strip_cookies[2] is invalid: got "*"` + expected,
			`2:47: identity.strip_cookies[4] repeats an earlier item; remove it`,
		})
	})
	t.Run("strip an override", func(t *testing.T) {
		c := parse(t, pool+"identity: {strip: [X-Forwarded-Host, forwarded, SCRIPT_NAME, path-info, x-http-method]}\n")
		if got, want := c.Identity.Strip, []string{"x-forwarded-host", "forwarded", "script_name", "path-info",
			"x-http-method"}; !slices.Equal(got, want) {
			t.Errorf("stripped are %q, want %q", got, want)
		}
	})
}
