package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func tokensObject() yamlform.Object[Tokens] {
	return yamlform.Object[Tokens]{
		Form: "a mapping such as {from: [bearer]}",
		Fields: []yamlform.FieldOf[Tokens]{
			yamlform.Field("from", "the places that a credential is read from", tokenSources(false),
				func(t *Tokens) *[]TokenSource { return &t.From }).Or("[bearer]"),
			yamlform.Field("forward", "false: the credential is removed where it was read; true: it goes on to the application",
				yamlform.Boolean(), func(t *Tokens) *bool { return &t.Forward }).Or("false"),
			yamlform.Field("max_bytes", "a longer token is refused unread", yamlform.Integer("bytes", 256, 65536),
				func(t *Tokens) *int { return &t.MaxBytes }).Or("12288"),
			yamlform.Field("cache_bytes",
				"memory for verified tokens that are remembered, so that one which comes again costs no signature; 0: none",
				yamlform.Size("24MiB", 4<<30), func(t *Tokens) *int { return &t.CacheBytes }).Or("24MiB"),
			yamlform.Misplaced[Tokens]("cache_entries",
				"has become cache_bytes, a size in memory; write cache_bytes: 24MiB, which holds about 20,000 ordinary tokens"),
		},
	}
}

// tokenSources is a list of places, none of them twice. A token in a query ends
// up in logs and histories (RFC 6750 section 5.3), so that place has to be
// named by the routes that need it.
func tokenSources(query bool) yamlform.Codec[[]TokenSource] {
	form := "a list such as [bearer, {cookie: session}]"
	source := tokenSource(query)
	list := yamlform.NonEmpty(yamlform.List(form, source))
	return yamlform.Codec[[]TokenSource]{Form: form, Below: list.Below, Shape: list.Shape,
		Read: func(d *yamlform.Decoder, p yamlform.Place) ([]TokenSource, bool) {
			all, ok := list.Read(d, p)
			if !ok || len(all) != p.Len() {
				return nil, false
			}
			for i, one := range all {
				twice := func(other TokenSource) bool { return other.Kind == one.Kind && other.Name == one.Name }
				if slices.ContainsFunc(all[:i], twice) {
					d.FaultAt(fmt.Sprintf("%s[%d]", p.Path, i), "repeats an earlier item; remove it")
				}
			}
			return all, true
		}}
}

// sourceFile is a place as the file has it: one of the names is given.
type sourceFile struct {
	cookie, header, protocol, query string
	origins                         []string
}

// places returns what the names stand for.
func (f *sourceFile) places() []TokenSource {
	all := []TokenSource{
		{Kind: SourceCookie, Name: f.cookie, Origins: f.origins},
		{Kind: SourceHeader, Name: f.header},
		{Kind: SourceWebSocketProtocol, Name: f.protocol},
		{Kind: SourceQuery, Name: f.query},
	}
	return slices.DeleteFunc(all, func(one TokenSource) bool { return one.Name == "" })
}

func sourceObject(query bool) yamlform.Object[sourceFile] {
	type of = sourceFile
	o := yamlform.Object[of]{
		Form: "bearer, {cookie: NAME}, {header: NAME} or {websocket_protocol: NAME}",
		Fields: []yamlform.FieldOf[of]{
			yamlform.Misplaced[of](string(SourceBearer), "has no name of its own; write the word bearer alone"),
			yamlform.Field("cookie", "a cookie of this name", tokenCodec("the cookie's name"), func(f *of) *string { return &f.cookie }),
			yamlform.Field("origins", "beside cookie: further origins whose requests the cookie counts on",
				yamlform.Set("a list such as [https://app.example]", originCodec()), func(f *of) *[]string { return &f.origins }),
			yamlform.Field("header", "a header of this name, which holds the token and nothing else; authorization: without a scheme before it",
				credentialHeader(), func(f *of) *string { return &f.header }),
			yamlform.Field("websocket_protocol", "the item after this one in Sec-WebSocket-Protocol, when a WebSocket is opened",
				tokenCodec("the protocol's name"), func(f *of) *string { return &f.protocol }),
		},
	}
	if !query {
		o.Fields = append(o.Fields, yamlform.Misplaced[of](string(SourceQuery),
			"is read only on routes that name it, since a URL ends up in logs and histories; write it in a route's tokens_from"))
		return o
	}
	o.Form = "bearer, {cookie: NAME}, {header: NAME}, {websocket_protocol: NAME} or {query: NAME}"
	o.Fields = append(o.Fields,
		yamlform.Field("query", "a query parameter of this name", queryCodec(), func(f *of) *string { return &f.query }))
	return o
}

// tokenSource is one place of a credential: a word, or a mapping for the places
// that have a name.
func tokenSource(query bool) yamlform.Codec[TokenSource] {
	named := sourceObject(query)
	bearer := yamlform.Enum(SourceBearer)
	return yamlform.Codec[TokenSource]{Form: named.Form, Below: named.Reference, Shape: yamlform.AnyOf(bearer.Outline, named.Shape),
		Read: func(d *yamlform.Decoder, p yamlform.Place) (TokenSource, bool) {
			if p.IsMapping() {
				return namedSource(named, d, p)
			}
			text, ok := d.Text(p, named.Form, "")
			if ok && text != string(SourceBearer) {
				d.Fault(p, "is %s; write %s", yamlform.Quote(text), named.Form)
				return TokenSource{}, false
			}
			return TokenSource{Kind: SourceBearer}, ok
		}}
}

// namedSource reads a mapping that names exactly one place.
func namedSource(o yamlform.Object[sourceFile], d *yamlform.Decoder, p yamlform.Place) (TokenSource, bool) {
	before := d.Faults()
	var f sourceFile
	o.Read(d, p, &f)
	if d.Faults() > before {
		return TokenSource{}, false
	}
	places := f.places()
	switch {
	case len(places) == 0:
		d.Fault(p, "names no place; write %s", o.Form)
		return TokenSource{}, false
	case len(places) > 1:
		items := make([]string, len(places))
		for i, one := range places {
			items[i] = fmt.Sprintf("{%s: %s}", one.Kind, one.Name)
		}
		d.Fault(p, "names %d places; write an item for each: %s", len(places), strings.Join(items, ", "))
		return TokenSource{}, false
	case f.origins != nil && places[0].Kind != SourceCookie:
		d.FaultAt(p.Below("origins"), "is for a cookie; leave it out")
		return TokenSource{}, false
	}
	return places[0], true
}

// tokenCodec is a name made of RFC 9110's token bytes (section 5.6.2).
func tokenCodec(form string) yamlform.Codec[string] {
	return yamlform.Text(form, func(text string) string {
		if len(text) > 128 || !Token(text) {
			return fmt.Sprintf("is %s; write %s, 1 to 128 letters, digits and any of %s", yamlform.Quote(text), form, tokenBytes)
		}
		return ""
	})
}

// queryCodec is a parameter's name, of bytes that no client percent-encodes (RFC
// 3986 section 2.3): in another spelling it would be neither found nor removed.
func queryCodec() yamlform.Codec[string] {
	const form = "the parameter's name"
	const others = "-._~"
	return yamlform.Text(form, func(text string) string {
		if text == "" || len(text) > 64 || !yamlform.ASCIIWord(text, others) {
			return fmt.Sprintf("is %s; write %s, 1 to 64 letters, digits and any of %s", yamlform.Quote(text), form, others)
		}
		return ""
	})
}

// credentialHeader is a header that holds a token and nothing else, in lower
// case. Unlike an identity header it is read in the one spelling that is given.
func credentialHeader() yamlform.Codec[string] {
	const form = "a header name such as x-access-token"
	return yamlform.Lower(yamlform.String(form, func(text string) string {
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
			return fmt.Sprintf("is %s; write %s, 1 to 128 letters, digits and dashes", yamlform.Quote(text), form)
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
				d.FaultAt(fmt.Sprintf("%s[%d].header", path, i), "is %s, which identity sets or strips; write another header", yamlform.Quote(one.Name))
			}
		}
	}
	check("tokens.from", c.Tokens.From)
	for _, r := range c.Routes {
		if d.Stated(r.Path + ".tokens_from") {
			check(r.Path+".tokens_from", r.TokensFrom)
		}
	}
}
