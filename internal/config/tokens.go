package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func tokensObject(t *Tokens) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {from: [bearer]}",
		Rows: []yamlform.Row{
			yamlform.Field("from", "where credentials are read from, in this order", tokenSourcesCodec(false), &t.From).WithDefault("[bearer]"),
			yamlform.Field("forward", "false: the credential is removed from the request; true: it is forwarded to the application",
				yamlform.Boolean(), &t.Forward).WithDefault("false"),
			yamlform.Field("max_bytes", "maximum size of a token; a longer one is rejected without being parsed",
				yamlform.Integer("bytes", 256, MaxTokenBytes), &t.MaxBytes).WithDefault("12288"),
			yamlform.Field("cache_bytes", "memory for the cache of verified tokens, whose signatures are not verified again; 0: no cache",
				yamlform.Size("24MiB", 4<<30), &t.CacheBytes).WithDefault("24MiB"),
			yamlform.Misplaced("cache_entries",
				"was replaced by cache_bytes, a size in memory; write cache_bytes: 24MiB, enough for about 20,000 typical tokens"),
		},
	}
}

// tokenSourcesCodec is a list of different sources. A token in a query appears in logs
// and browser histories (RFC 6750 section 5.3), so only single routes may use that
// source.
func tokenSourcesCodec(query bool) yamlform.Codec[[]TokenSource] {
	expected := "a list such as [bearer, {cookie: session}]"
	list := yamlform.NonEmpty(yamlform.List(expected, tokenSourceCodec(query)))
	return yamlform.Then(list, func(d *yamlform.Decoder, p yamlform.Place, all []TokenSource) ([]TokenSource, bool) {
		if len(all) != p.Len() {
			return nil, false
		}
		for i, one := range all {
			twice := func(other TokenSource) bool { return other.Kind == one.Kind && other.Name == one.Name }
			if slices.ContainsFunc(all[:i], twice) {
				d.ReportPath(fmt.Sprintf("%s[%d]", p.Path, i), "repeats an earlier item; remove it")
			}
		}
		return all, true
	})
}

// sourceInput is a source as in the file, where exactly one of the names is set.
type sourceInput struct {
	cookie, header, protocol, query string
	origins                         []string
}

// places returns the source of each name.
func (f *sourceInput) places() []TokenSource {
	all := []TokenSource{
		{Kind: SourceCookie, Name: f.cookie, Origins: f.origins},
		{Kind: SourceHeader, Name: f.header},
		{Kind: SourceWebSocketProtocol, Name: f.protocol},
		{Kind: SourceQuery, Name: f.query},
	}
	return slices.DeleteFunc(all, func(one TokenSource) bool { return one.Name == "" })
}

func sourceObject(query bool, f *sourceInput) yamlform.Object {
	expected := "bearer, {cookie: NAME}, {header: NAME} or {websocket_protocol: NAME}"
	inQuery := yamlform.Misplaced(string(SourceQuery),
		"is allowed only in tokens_from of a route, because URLs appear in logs and browser histories; move it there")
	if query {
		expected = "bearer, {cookie: NAME}, {header: NAME}, {websocket_protocol: NAME} or {query: NAME}"
		inQuery = yamlform.Field("query", "a query parameter with this name", queryCodec(), &f.query)
	}
	return yamlform.Object{
		Expected: expected,
		Rows: []yamlform.Row{
			yamlform.Misplaced(string(SourceBearer), "has no name; write bearer without { }"),
			yamlform.Field("cookie", "a cookie with this name", tokenCodec("the cookie's name"), &f.cookie),
			yamlform.Field("origins", "with cookie: further origins whose requests may use the cookie",
				yamlform.Set("a list such as [https://app.example]", originCodec()), &f.origins),
			yamlform.Field("header", "a header with this name, which contains only the token; authorization: without a scheme before the token",
				credentialHeaderCodec(), &f.header),
			yamlform.Field("websocket_protocol", "the item after this one in Sec-WebSocket-Protocol, in a WebSocket handshake",
				tokenCodec("the protocol's name"), &f.protocol),
			inQuery,
		},
	}
}

// tokenSourceCodec is one source of credentials: a word, or a mapping for a source with
// a name.
func tokenSourceCodec(query bool) yamlform.Codec[TokenSource] {
	named := yamlform.Mapping(func(f *sourceInput) yamlform.Object { return sourceObject(query, f) })
	bearer := yamlform.String(named.Expected, func(text string) string {
		return unless(text == string(SourceBearer), "is invalid", text, named.Expected)
	})
	return yamlform.Codec[TokenSource]{Expected: named.Expected, Keys: named.Keys,
		Schema: yamlform.AnyOfSchemas(yamlform.Enum(SourceBearer).JSONSchema, named.Schema),
		Read: func(d *yamlform.Decoder, p yamlform.Place) (TokenSource, bool) {
			if p.IsMapping() {
				return namedSource(named, d, p)
			}
			_, ok := bearer.Read(d, p)
			return TokenSource{Kind: SourceBearer}, ok
		}}
}

// namedSource reads a mapping that must name exactly one source.
func namedSource(named yamlform.Codec[sourceInput], d *yamlform.Decoder, p yamlform.Place) (TokenSource, bool) {
	before := d.MistakeCount()
	f, _ := named.Read(d, p)
	if d.MistakeCount() > before {
		return TokenSource{}, false
	}
	places := f.places()
	switch {
	case len(places) == 0:
		d.Report(p, "names no source; expected %s", named.Expected)
		return TokenSource{}, false
	case len(places) > 1:
		items := make([]string, len(places))
		for i, one := range places {
			items[i] = fmt.Sprintf("{%s: %s}", one.Kind, one.Name)
		}
		d.Report(p, "names %d sources in one item; write one item for each: %s", len(places), strings.Join(items, ", "))
		return TokenSource{}, false
	case f.origins != nil && places[0].Kind != SourceCookie:
		d.ReportPath(p.Child("origins"), "has no effect without cookie; remove it")
		return TokenSource{}, false
	}
	return places[0], true
}

// tokenCodec is a token (RFC 9110 section 5.6.2).
func tokenCodec(expected string) yamlform.Codec[string] {
	return yamlform.Text(expected, func(text string) string {
		return unless(len(text) <= 128 && Token(text), "is invalid", text, expected+", 1 to 128 letters, digits and any of "+tokenBytes)
	})
}

// queryCodec is the name of a query parameter. It allows only characters that no client
// percent-encodes (RFC 3986 section 2.3): the gate would neither find nor remove the
// parameter in another spelling.
func queryCodec() yamlform.Codec[string] {
	const expected = "the parameter's name"
	const others = "-._~"
	return yamlform.Text(expected, func(text string) string {
		valid := text != "" && len(text) <= 64 && yamlform.ASCIIWord(text, others)
		return unless(valid, "is invalid", text, expected+", 1 to 64 letters, digits and any of "+others)
	})
}

// credentialHeaderCodec is a header that contains only a token, in lower case. Unlike an
// identity header, it is read in this spelling only.
func credentialHeaderCodec() yamlform.Codec[string] {
	const expected = "a header name such as x-access-token"
	return yamlform.Lower(yamlform.String(expected, func(text string) string {
		switch strings.ToLower(text) {
		case FieldCookie:
			return "contains all cookies; write {cookie: NAME}"
		case FieldWebSocketProtocol:
			return "contains all protocols; write {websocket_protocol: NAME}"
		}
		if strings.EqualFold(text, FieldAuthorization) {
			return ""
		}
		if text == "" || len(text) > 128 || !yamlform.ASCIIWord(text, "-") {
			return fmt.Sprintf("is invalid: got %s; expected %s, 1 to 128 letters, digits and dashes", yamlform.Quote(text), expected)
		}
		return badHeader(text)
	}))
}

// checkCredentialHeaders rejects a credential in a header that identity sets or strips,
// because the gate removes such a header from the request.
func checkCredentialHeaders(d *yamlform.Decoder, c *Config) {
	guarded := func(name string) bool {
		return slices.Contains(c.Identity.Removed, name) || slices.Contains(c.Identity.Strip, name) ||
			slices.ContainsFunc(c.Identity.Headers, func(h IdentityHeader) bool { return h.Name == name })
	}
	check := func(path string, from []TokenSource) {
		for i, one := range from {
			if one.Kind == SourceHeader && guarded(one.Name) {
				d.ReportPath(fmt.Sprintf("%s[%d].header", path, i), "conflicts with identity, which sets or strips the header %s; use another header",
					yamlform.Quote(one.Name))
			}
		}
	}
	check("tokens.from", c.Tokens.From)
	for _, r := range c.Routes {
		if d.IsSet(r.Path + ".tokens_from") {
			check(r.Path+".tokens_from", r.TokensFrom)
		}
	}
}
