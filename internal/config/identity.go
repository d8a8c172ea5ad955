package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// defaultHeaders is the default of identity.headers.
const defaultHeaders = `{
  x-user-id: sub,
  x-user-name: ["cognito:username", username, preferred_username],
  x-user-email: email,
  x-user-groups: $groups,
  x-user-scopes: $scopes,
  x-user-client: $client,
  x-user-kind: $kind,
  x-user-issuer: $issuer,
}`

func identityObject(i *Identity) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {headers: {x-user-id: sub}}",
		Rows: []yamlform.Row{
			{
				Key: yamlform.Key{
					Path: "headers", Expected: headersForm, Default: defaultHeaders,
					Doc: "the headers that the application receives; they are added to the defaults, and null removes one",
				},
				Read:   func(d *yamlform.Decoder, at yamlform.Place) { readHeaders(d, at, i) },
				Schema: headersShape,
			},
			yamlform.Field("strip", "further headers that are removed from requests of clients",
				yamlform.Set("a list such as [x-user-roles]", strippedHeaderCodec()), &i.Strip),
			yamlform.Field("strip_cookies",
				"cookies that are removed from requests on every route, public ones too; a final * stands for any further characters",
				yamlform.Set("a list such as [__Host-BearerToken, __Host-OauthNonce*]", cookieNameCodec()), &i.StripCookies),
			yamlform.Field("max_value_bytes", "maximum size of the value of an identity header; a request with a longer one is denied",
				yamlform.Integer("bytes", 64, MaxValueBytes), &i.MaxValueBytes).WithDefault("8192"),
			yamlform.Field("max_total_bytes",
				"maximum size of all identity headers, names and values together; a request with longer ones is denied",
				yamlform.Integer("bytes", 1024, MaxTotalBytes), &i.MaxTotalBytes).WithDefault("16384"),
		},
		Check: func(d *yamlform.Decoder, p yamlform.Place) {
			if at := p.Child("max_value_bytes"); i.MaxValueBytes > i.MaxTotalBytes && d.IsSet(at) {
				d.Warn(at, "is %d, but max_total_bytes allows only %d bytes for all identity headers together; "+
					"raise max_total_bytes or lower max_value_bytes",
					i.MaxValueBytes, i.MaxTotalBytes)
			}
			// Identity headers are always stripped, so each name is in one list only.
			i.Strip = slices.DeleteFunc(i.Strip, func(name string) bool {
				return slices.Contains(i.Removed, name) ||
					slices.ContainsFunc(i.Headers, func(h IdentityHeader) bool { return h.Name == name })
			})
		},
	}
}

// SubjectClaims returns the claims that name the subject of a token. Their values get
// the prefix of the issuer.
func SubjectClaims() []string {
	return []string{"sub", "cognito:username", "username", "preferred_username"}
}

// NamesUser reports whether a header identifies the user. Its value gets the prefix of
// the issuer, whatever claim it comes from.
func NamesUser(header string) bool { return header == HeaderUserID || header == HeaderUserName }

// The headers that identify the user.
const (
	HeaderUserID   = "x-user-id"
	HeaderUserName = "x-user-name"
)

// NamingClaims returns the claims and derived values from which those headers are
// made.
func (i *Identity) NamingClaims() []string {
	var claims []string
	for _, h := range i.Headers {
		if NamesUser(h.Name) {
			claims = append(claims, h.Claims...)
		}
	}
	return claims
}

// checkUnprefixedHeaders warns about headers made from claims that get no prefix if
// there are two or more issuers or tenants, because each of them can set such a claim to
// any value.
func checkUnprefixedHeaders(d *yamlform.Decoder, c *Config) {
	who, which := "issuers", "issuer ($issuer)"
	if slices.ContainsFunc(c.Issuers, Issuer.severalTenants) {
		who, which = "tenants", "tenant ($tenant)"
	} else if len(c.Issuers) < 2 {
		return
	}
	prefixed := SubjectClaims()
	for _, one := range c.Issuers {
		prefixed = slices.Concat(prefixed, one.SubjectClaims, one.GroupsClaim)
	}
	bare := func(claim string) bool {
		switch claim {
		case "$groups", "$kind", "$issuer", "$tenant":
			return false
		}
		return !slices.Contains(prefixed, strings.TrimPrefix(claim, "/")) && !slices.Contains(prefixed, claim)
	}
	var defaults Identity
	identityObject(&defaults).Defaults()
	for _, h := range c.Identity.Headers {
		path := yamlform.JoinPath("identity.headers", h.Name)
		if NamesUser(h.Name) || !d.IsSet(path) || slices.ContainsFunc(defaults.Headers, func(one IdentityHeader) bool {
			return one.Name == h.Name && slices.Equal(one.Claims, h.Claims)
		}) {
			continue
		}
		if at := slices.IndexFunc(h.Claims, bare); at >= 0 {
			d.Warn(
				path,
				"uses %s, which has no issuer prefix, so two %s can send the same value; make the application check the %s too",
				h.Claims[at], who, which,
			)
		}
	}
}

const headersForm = "a mapping from header names to claims, such as {x-user-email: email}"

// readHeaders applies the mapping at p to the headers of t: a value sets or replaces
// a header, and null removes one.
func readHeaders(d *yamlform.Decoder, p yamlform.Place, t *Identity) {
	entries, ok := d.Entries(p, headersForm)
	if !ok {
		return
	}
	given := map[string]bool{}
	for _, entry := range entries {
		at := d.KeyPos(entry)
		name := strings.ToLower(entry.Name())
		if problem := badHeader(entry.Name()); problem != "" {
			d.ReportPos(at, "%s %s", entry.Path, problem)
			continue
		}
		if given[name] {
			d.ReportPos(at, "%s is repeated with other letter case; keep one of them", entry.Path)
			continue
		}
		given[name] = true
		old := slices.IndexFunc(t.Headers, func(h IdentityHeader) bool { return h.Name == name })
		if d.IsNull(entry) {
			if old < 0 {
				d.ReportPos(
					at,
					"%s is null, but it is not a default header; expected a claim; to remove the header from requests, list it in identity.strip",
					entry.Path,
				)
				continue
			}
			t.Headers = slices.Delete(t.Headers, old, old+1)
			t.Removed = append(t.Removed, name)
			continue
		}
		claims, ok := claimsCodec().Read(d, entry)
		switch {
		case !ok:
		case old >= 0:
			t.Headers[old].Claims = claims
		default:
			t.Headers = append(t.Headers, IdentityHeader{Name: name, Claims: claims})
		}
	}
	slices.SortFunc(t.Headers, func(a, b IdentityHeader) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(t.Removed)
}

// claimsCodec is one claim, or a list of claims of which the first available one is
// used.
func claimsCodec() yamlform.Codec[[]string] {
	expected := "a claim such as email, one of " + strings.Join(derivedValues(), " ") + ", or a list of them"
	one, many := claimNameCodec(expected, true), yamlform.NonEmptySet(expected, claimNameCodec(expected, true))
	return yamlform.Codec[[]string]{Expected: expected, Schema: yamlform.AnyOfSchemas(one.JSONSchema, many.JSONSchema),
		Read: func(d *yamlform.Decoder, p yamlform.Place) ([]string, bool) {
			if p.IsList() {
				return many.Read(d, p)
			}
			claim, ok := one.Read(d, p)
			return []string{claim}, ok
		}}
}

// derivedValues returns the values that the gate derives from a token.
func derivedValues() []string {
	return []string{"$groups", "$scopes", "$client", "$kind", "$issuer", "$tenant"}
}

// claimNameCodec is the name of a claim, or a JSON Pointer (RFC 6901) if it begins
// with a slash. If derived is true, it may also be one of the derived values.
func claimNameCodec(expected string, derived bool) yamlform.Codec[string] {
	return yamlform.Text(expected, func(text string) string {
		const limit = 256
		switch {
		case text == "" || len(text) > limit || strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text):
			return fmt.Sprintf("is not a name of 1 to %d printable characters: got %s; expected %s", limit, yamlform.Quote(text), expected)
		case text[0] == '$' && !(derived && slices.Contains(derivedValues(), text)):
			return fmt.Sprintf("is an unknown derived value: got %s; expected %s", yamlform.Quote(text), expected)
		case text[0] == '/' && !jsonPointer(text):
			return fmt.Sprintf("is not a JSON Pointer: got %s; inside a name, write ~0 for ~ and ~1 for /", yamlform.Quote(text))
		}
		return ""
	})
}

// ClaimSteps returns the names of the objects around a claim, and of the claim, from the
// outside to the inside: the name itself, or the steps of a JSON Pointer (RFC 6901).
func ClaimSteps(name string) []string {
	if !strings.HasPrefix(name, "/") {
		return []string{name}
	}
	steps := strings.Split(name[1:], "/")
	for i, step := range steps {
		// RFC 6901 section 4: ~1 before ~0, so that ~01 is ~1.
		steps[i] = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
	}
	return steps
}

// SetClaim sets a claim of a token, also inside other claims. name is as [ClaimSteps]
// takes it.
func SetClaim(claims map[string]any, name string, value any) {
	steps := ClaimSteps(name)
	last := len(steps) - 1
	for _, step := range steps[:last] {
		inner, ok := claims[step].(map[string]any)
		if !ok {
			inner = make(map[string]any)
			claims[step] = inner
		}
		claims = inner
	}
	claims[steps[last]] = value
}

// jsonPointer reports whether the escapes of a JSON Pointer are valid (RFC 6901
// section 3).
func jsonPointer(text string) bool {
	rest := strings.NewReplacer("~0", "", "~1", "").Replace(text)
	return !strings.Contains(rest, "~")
}

// strippedHeaderCodec is a header that may be stripped, in lower case: one that
// identity may set, or an override header in any spelling.
func strippedHeaderCodec() yamlform.Codec[string] {
	return yamlform.Lower(yamlform.String("a header name such as x-user-roles", func(text string) string {
		if overrideHeader(strings.ReplaceAll(strings.ToLower(text), "_", "-")) {
			return ""
		}
		return badHeader(text)
	}))
}

// badHeader returns what is wrong with a header name, or "".
//
// Only letters, digits and dashes are allowed, although HTTP allows more (RFC 9110
// section 5.6.2). Servers that pass headers as variables (CGI, WSGI, PHP) convert
// every other character to an underscore. With dashes only, two different names are
// different in every application, and all stripped spellings belong to one name.
func badHeader(text string) string {
	const limit = 128
	name := strings.ToLower(text)
	dashed := strings.Map(func(r rune) rune {
		if yamlform.ASCIIWord(string(r), "") {
			return r
		}
		return '-'
	}, name)
	switch {
	case name == "" || len(name) > limit:
		return fmt.Sprintf("is not a header name; expected 1 to %d letters, digits and dashes", limit)
	case strings.HasPrefix(name, ":"):
		return "is a pseudo-header of HTTP/2; expected a name such as x-user-id"
	case name != dashed && strings.Trim(dashed, "-") != "":
		return fmt.Sprintf("is not a plain header name; expected %s, which covers every spelling", strings.Trim(dashed, "-"))
	case strings.Trim(name, "-") != name:
		return "begins or ends with a dash; expected a name such as x-user-id"
	case name == FieldAuthorization || name == FieldCookie:
		return "contains credentials, which tokens.forward controls; use another name"
	case overrideHeader(name):
		return "overrides the method, URL or host that was checked, so it is always removed; use another name"
	case reservedHeader(name):
		return "is part of the request itself, so setting or removing it would break requests; use another name"
	}
	return ""
}

// reservedHeader reports whether a configuration may not set or strip a header: framing
// and hop-by-hop fields (RFC 9110 sections 7.6.1 and 8.6), fields that proxies use for
// routing and trust, and fields that the gate itself reads or removes.
func reservedHeader(name string) bool {
	switch name {
	case "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "trailer",
		"connection", "keep-alive", "te", "upgrade", "expect", "origin", "set-cookie",
		"x-forwarded-for", "x-forwarded-proto", "x-forwarded-port":
		return true
	}
	for _, family := range []string{"x-envoy-", "proxy-", "sec-", "access-control-", "grpc-"} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}
