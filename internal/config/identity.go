package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// defaultHeaders is what the application is told when the file says nothing.
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

func identityObject() yamlform.Object[Identity] {
	return yamlform.Object[Identity]{
		Expected: "a mapping such as {headers: {x-user-id: sub}}",
		Fields: []yamlform.FieldOf[Identity]{
			{
				Key: yamlform.Key{
					Path: "headers", Expected: headersForm, Default: defaultHeaders,
					Doc: "the headers that the application gets; these are added to the defaults, and null removes one",
				},
				Read:   readHeaders,
				Schema: headersShape,
			},
			yamlform.Field("strip", "further headers that clients may never send", yamlform.Set("a list such as [x-user-roles]", strippedHeaderCodec()),
				func(i *Identity) *[]string { return &i.Strip }),
			yamlform.Field("max_value_bytes", "a request whose identity value is longer is denied", yamlform.Integer("bytes", 64, 65536),
				func(i *Identity) *int { return &i.MaxValueBytes }).WithDefault("8192"),
			yamlform.Field("max_total_bytes", "a request whose identity headers are longer, their names and values added up, is denied",
				yamlform.Integer("bytes", 1024, 1<<20), func(i *Identity) *int { return &i.MaxTotalBytes }).WithDefault("16384"),
		},
		Check: func(d *yamlform.Decoder, p yamlform.Place, i *Identity) {
			if at := p.Child("max_value_bytes"); i.MaxValueBytes > i.MaxTotalBytes && d.IsSet(at) {
				d.Warn(at, "is %d, but max_total_bytes allows only %d bytes for all identity headers together; "+
					"raise max_total_bytes or lower max_value_bytes",
					i.MaxValueBytes, i.MaxTotalBytes)
			}
			// Identity headers are stripped anyway: each name has one list.
			i.Strip = slices.DeleteFunc(i.Strip, func(name string) bool {
				return slices.Contains(i.Removed, name) ||
					slices.ContainsFunc(i.Headers, func(h IdentityHeader) bool { return h.Name == name })
			})
		},
	}
}

// SubjectClaims are the claims that name a token's subject, and so carry its issuer's
// prefix.
func SubjectClaims() []string {
	return []string{"sub", "cognito:username", "username", "preferred_username"}
}

// NamesUser reports whether a header tells the application who the user is: each of
// its values carries the prefix of the token's issuer, whatever claim it is made of.
func NamesUser(header string) bool { return header == HeaderUserID || header == HeaderUserName }

// The headers that name the user.
const (
	HeaderUserID   = "x-user-id"
	HeaderUserName = "x-user-name"
)

// NamingClaims are the claims, or values of the gate, that those headers are made of.
func (i *Identity) NamingClaims() []string {
	var claims []string
	for _, h := range i.Headers {
		if NamesUser(h.Name) {
			claims = append(claims, h.Claims...)
		}
	}
	return claims
}

// checkBareHeaders warns of headers that the file maps to what carries no prefix,
// where there are two issuers: each says what it likes of its users.
func checkUnprefixedHeaders(d *yamlform.Decoder, c *Config) {
	if len(c.Issuers) < 2 {
		return
	}
	prefixed := SubjectClaims()
	for _, one := range c.Issuers {
		prefixed = append(prefixed, one.GroupsClaim...)
	}
	bare := func(claim string) bool {
		switch claim {
		case "$groups", "$kind", "$issuer":
			return false
		}
		return !slices.Contains(prefixed, strings.TrimPrefix(claim, "/")) && !slices.Contains(prefixed, claim)
	}
	var defaults Identity
	identityObject().Defaults(&defaults)
	for _, h := range c.Identity.Headers {
		path := yamlform.JoinPath("identity.headers", h.Name)
		if NamesUser(h.Name) || !d.IsSet(path) || slices.ContainsFunc(defaults.Headers, func(one IdentityHeader) bool {
			return one.Name == h.Name && slices.Equal(one.Claims, h.Claims)
		}) {
			continue
		}
		if at := slices.IndexFunc(h.Claims, bare); at >= 0 {
			d.Warn(path,
				"uses %s, which carries no issuer prefix: two issuers can send the same value; let the application check the issuer ($issuer) too",
				h.Claims[at])
		}
	}
}

const headersForm = "a mapping from header names to claims, such as {x-user-email: email}"

// readHeaders applies the mapping at p to the headers that t has: a value sets
// or replaces a header, null takes one out.
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
			d.ReportPos(at, "%s names a header that stands here already, in another case; keep one of them", entry.Path)
			continue
		}
		given[name] = true
		old := slices.IndexFunc(t.Headers, func(h IdentityHeader) bool { return h.Name == name })
		if d.IsNull(entry) {
			if old < 0 {
				d.ReportPos(at, "%s is null, but no default header has this name; write a claim, or put the name under identity.strip", entry.Path)
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

// claimsCodec is one claim or the list of those of which the first is used.
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

// gateValues are the values that the gate itself makes of a token.
func derivedValues() []string { return []string{"$groups", "$scopes", "$client", "$kind", "$issuer"} }

// claimName is a claim's whole name, or a JSON Pointer (RFC 6901) when it
// begins with a slash; with made, also one of the values that the gate makes.
func claimNameCodec(expected string, made bool) yamlform.Codec[string] {
	return yamlform.Text(expected, func(text string) string {
		const limit = 256
		switch {
		case text == "" || len(text) > limit || strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text):
			return fmt.Sprintf("is %s, which is no name of 1 to %d printable characters; write %s", yamlform.Quote(text), limit, expected)
		case text[0] == '$' && !(made && slices.Contains(derivedValues(), text)):
			return fmt.Sprintf("is %s, which is no value of the gate; write %s", yamlform.Quote(text), expected)
		case text[0] == '/' && !jsonPointer(text):
			return fmt.Sprintf("is %s, which is no JSON Pointer; write ~0 for ~ and ~1 for / inside a name", yamlform.Quote(text))
		}
		return ""
	})
}

// jsonPointer holds a pointer's escapes to RFC 6901 section 3.
func jsonPointer(text string) bool {
	rest := strings.NewReplacer("~0", "", "~1", "").Replace(text)
	return !strings.Contains(rest, "~")
}

// strippedHeader is a header that may be stripped, in lower case: one that may be
// set, or one that overrides what was checked, in any spelling of it.
func strippedHeaderCodec() yamlform.Codec[string] {
	return yamlform.Lower(yamlform.String("a header name such as x-user-roles", func(text string) string {
		if overrideHeader(strings.ReplaceAll(strings.ToLower(text), "_", "-")) {
			return ""
		}
		return badHeader(text)
	}))
}

// badHeader says what is wrong with a header name, or nothing.
//
// Names are letters, digits and dashes only, although HTTP allows more (RFC
// 9110 section 5.6.2): servers that hand headers on as variables (CGI, WSGI,
// PHP) fold every other byte into the same underscore, so with dashes alone two
// different names are different to every application, and the spellings that
// are stripped are all of one name.
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
		return fmt.Sprintf("is no header name; write 1 to %d letters, digits and dashes", limit)
	case strings.HasPrefix(name, ":"):
		return "is a pseudo-header, which holds the request itself; write a name such as x-user-id"
	case name != dashed && strings.Trim(dashed, "-") != "":
		return fmt.Sprintf("is no plain header name; write %s, which covers every spelling of it", strings.Trim(dashed, "-"))
	case strings.Trim(name, "-") != name:
		return "begins or ends with a dash; write a name such as x-user-id"
	case name == FieldAuthorization || name == FieldCookie:
		return "is where credentials stand; tokens.forward decides about those, so write another name"
	case overrideHeader(name):
		return "is a header by which a client names another method, URL or host than the one that was checked, " +
			"and is removed anyway; write another name"
	case reservedHeader(name):
		return "is a header that carries the request itself; setting or removing it would break requests, so write another name"
	}
	return ""
}

// reservedHeader lists what the gate never sets or removes on a user's word:
// framing and hop-by-hop fields (RFC 9110 sections 7.6.1 and 8.6), what proxies
// route and trust by, and what the gate itself removes or reads.
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
