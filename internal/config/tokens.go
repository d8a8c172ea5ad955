package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func tokensObject() yamlform.Object[Tokens] {
	return yamlform.Object[Tokens]{
		Expected: "a mapping such as {from: [bearer]}",
		Fields: []yamlform.FieldOf[Tokens]{
			yamlform.Field("from", "the places that a credential is read from", tokenSourcesCodec(false),
				func(t *Tokens) *[]TokenSource { return &t.From }).WithDefault("[bearer]"),
			yamlform.Field("forward", "false: the credential is removed where it was read; true: it goes on to the application",
				yamlform.Boolean(), func(t *Tokens) *bool { return &t.Forward }).WithDefault("false"),
			yamlform.Field("max_bytes", "a longer token is refused unread", yamlform.Integer("bytes", 256, 65536),
				func(t *Tokens) *int { return &t.MaxBytes }).WithDefault("12288"),
			yamlform.Field("cache_bytes",
				"memory for verified tokens that are remembered, so that one which comes again costs no signature; 0: none",
				yamlform.Size("24MiB", 4<<30), func(t *Tokens) *int { return &t.CacheBytes }).WithDefault("24MiB"),
			yamlform.Misplaced[Tokens]("cache_entries",
				"has become cache_bytes, a size in memory; write cache_bytes: 24MiB, which holds about 20,000 ordinary tokens"),
		},
	}
}

// tokenSources is a list of places, none of them twice. A token in a query ends
// up in logs and histories (RFC 6750 section 5.3), so that place has to be
// named by the routes that need it.
func tokenSourcesCodec(query bool) yamlform.Codec[[]TokenSource] {
	expected := "a list such as [bearer, {cookie: session}]"
	source := tokenSourceCodec(query)
	list := yamlform.NonEmpty(yamlform.List(expected, source))
	return yamlform.Codec[[]TokenSource]{Expected: expected, Keys: list.Keys, Schema: list.Schema,
		Read: func(d *yamlform.Decoder, p yamlform.Place) ([]TokenSource, bool) {
			all, ok := list.Read(d, p)
			if !ok || len(all) != p.Len() {
				return nil, false
			}
			for i, one := range all {
				twice := func(other TokenSource) bool { return other.Kind == one.Kind && other.Name == one.Name }
				if slices.ContainsFunc(all[:i], twice) {
					d.ReportPath(fmt.Sprintf("%s[%d]", p.Path, i), "repeats an earlier item; remove it")
				}
			}
			return all, true
		}}
}

// sourceFile is a place as the file has it: one of the names is given.
type sourceInput struct {
	cookie, header, protocol, query string
	origins                         []string
}

// places returns what the names stand for.
func (f *sourceInput) places() []TokenSource {
	all := []TokenSource{
		{Kind: SourceCookie, Name: f.cookie, Origins: f.origins},
		{Kind: SourceHeader, Name: f.header},
		{Kind: SourceWebSocketProtocol, Name: f.protocol},
		{Kind: SourceQuery, Name: f.query},
	}
	return slices.DeleteFunc(all, func(one TokenSource) bool { return one.Name == "" })
}

func sourceObject(query bool) yamlform.Object[sourceInput] {
	type of = sourceInput
	o := yamlform.Object[of]{
		Expected: "bearer, {cookie: NAME}, {header: NAME} or {websocket_protocol: NAME}",
		Fields: []yamlform.FieldOf[of]{
			yamlform.Misplaced[of](string(SourceBearer), "has no name of its own; write the word bearer alone"),
			yamlform.Field("cookie", "a cookie of this name", tokenCodec("the cookie's name"), func(f *of) *string { return &f.cookie }),
			yamlform.Field("origins", "beside cookie: further origins whose requests the cookie counts on",
				yamlform.Set("a list such as [https://app.example]", originCodec()), func(f *of) *[]string { return &f.origins }),
			yamlform.Field("header", "a header of this name, which holds the token and nothing else; authorization: without a scheme before it",
				credentialHeaderCodec(), func(f *of) *string { return &f.header }),
			yamlform.Field("websocket_protocol", "the item after this one in Sec-WebSocket-Protocol, when a WebSocket is opened",
				tokenCodec("the protocol's name"), func(f *of) *string { return &f.protocol }),
		},
	}
	if !query {
		o.Fields = append(o.Fields, yamlform.Misplaced[of](string(SourceQuery),
			"is read only on routes that name it, since a URL ends up in logs and histories; write it in a route's tokens_from"))
		return o
	}
	o.Expected = "bearer, {cookie: NAME}, {header: NAME}, {websocket_protocol: NAME} or {query: NAME}"
	o.Fields = append(o.Fields,
		yamlform.Field("query", "a query parameter of this name", queryCodec(), func(f *of) *string { return &f.query }))
	return o
}

// tokenSource is one place of a credential: a word, or a mapping for the places
// that have a name.
func tokenSourceCodec(query bool) yamlform.Codec[TokenSource] {
	named := sourceObject(query)
	bearer := yamlform.Enum(SourceBearer)
	return yamlform.Codec[TokenSource]{Expected: named.Expected, Keys: named.Reference, Schema: yamlform.AnyOfSchemas(bearer.JSONSchema, named.Schema),
		Read: func(d *yamlform.Decoder, p yamlform.Place) (TokenSource, bool) {
			if p.IsMapping() {
				return namedSource(named, d, p)
			}
			text, ok := d.Text(p, named.Expected, "")
			if ok && text != string(SourceBearer) {
				d.Report(p, "is %s; write %s", yamlform.Quote(text), named.Expected)
				return TokenSource{}, false
			}
			return TokenSource{Kind: SourceBearer}, ok
		}}
}

// namedSource reads a mapping that names exactly one place.
func namedSource(o yamlform.Object[sourceInput], d *yamlform.Decoder, p yamlform.Place) (TokenSource, bool) {
	before := d.MistakeCount()
	var f sourceInput
	o.Read(d, p, &f)
	if d.MistakeCount() > before {
		return TokenSource{}, false
	}
	places := f.places()
	switch {
	case len(places) == 0:
		d.Report(p, "names no place; write %s", o.Expected)
		return TokenSource{}, false
	case len(places) > 1:
		items := make([]string, len(places))
		for i, one := range places {
			items[i] = fmt.Sprintf("{%s: %s}", one.Kind, one.Name)
		}
		d.Report(p, "names %d places; write an item for each: %s", len(places), strings.Join(items, ", "))
		return TokenSource{}, false
	case f.origins != nil && places[0].Kind != SourceCookie:
		d.ReportPath(p.Child("origins"), "is for a cookie; leave it out")
		return TokenSource{}, false
	}
	return places[0], true
}

// tokenCodec is a name made of RFC 9110's token bytes (section 5.6.2).
func tokenCodec(expected string) yamlform.Codec[string] {
	return yamlform.Text(expected, func(text string) string {
		if len(text) > 128 || !Token(text) {
			return fmt.Sprintf("is %s; write %s, 1 to 128 letters, digits and any of %s", yamlform.Quote(text), expected, tokenBytes)
		}
		return ""
	})
}

// queryCodec is a parameter's name, of bytes that no client percent-encodes (RFC
// 3986 section 2.3): in another spelling it would be neither found nor removed.
func queryCodec() yamlform.Codec[string] {
	const expected = "the parameter's name"
	const others = "-._~"
	return yamlform.Text(expected, func(text string) string {
		if text == "" || len(text) > 64 || !yamlform.ASCIIWord(text, others) {
			return fmt.Sprintf("is %s; write %s, 1 to 64 letters, digits and any of %s", yamlform.Quote(text), expected, others)
		}
		return ""
	})
}

// credentialHeader is a header that holds a token and nothing else, in lower
// case. Unlike an identity header it is read in the one spelling that is given.
func credentialHeaderCodec() yamlform.Codec[string] {
	const expected = "a header name such as x-access-token"
	return yamlform.Lower(yamlform.String(expected, func(text string) string {
		switch strings.ToLower(text) {
		case FieldCookie:
			return "holds every cookie; write {cookie: NAME}"
		case FieldWebSocketProtocol:
			return "holds every protocol; write {websocket_protocol: NAME}"
		}
		if strings.EqualFold(text, FieldAuthorization) {
			return ""
		}
		if text == "" || len(text) > 128 || !yamlform.ASCIIWord(text, "-") {
			return fmt.Sprintf("is %s; write %s, 1 to 128 letters, digits and dashes", yamlform.Quote(text), expected)
		}
		return badHeader(text)
	}))
}

// checkCredentialHeaders refuses a credential in a header that the gate sets or
// strips: it could not be both.
func checkCredentialHeaders(d *yamlform.Decoder, c *Config) {
	guarded := func(name string) bool {
		return slices.Contains(c.Identity.Removed, name) || slices.Contains(c.Identity.Strip, name) ||
			slices.ContainsFunc(c.Identity.Headers, func(h IdentityHeader) bool { return h.Name == name })
	}
	check := func(path string, from []TokenSource) {
		for i, one := range from {
			if one.Kind == SourceHeader && guarded(one.Name) {
				d.ReportPath(fmt.Sprintf("%s[%d].header", path, i), "is %s, which identity sets or strips; write another header", yamlform.Quote(one.Name))
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
