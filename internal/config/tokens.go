package config

import (
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

func tokensObject() object[Tokens] {
	return object[Tokens]{
		says: "a mapping such as {from: [bearer]}",
		keys: []key[Tokens]{
			field("from", "the places that a credential is read from", tokenSources(false),
				func(t *Tokens) *[]TokenSource { return &t.From }).or("[bearer]"),
			field("forward", "false: the credential is removed where it was read; true: it goes on to the application", truth(), func(t *Tokens) *bool { return &t.Forward }).or("false"),
			field("max_bytes", "a longer token is refused unread", number("bytes", 256, 65536), func(t *Tokens) *int { return &t.MaxBytes }).or("12288"),
			field("cache_bytes", "memory for verified tokens that are remembered, so that one which comes again costs no signature; 0: none",
				size("24MiB", 4<<30), func(t *Tokens) *int { return &t.CacheBytes }).or("24MiB"),
			misplaced[Tokens]("cache_entries", "has become cache_bytes, a size in memory; write cache_bytes: 24MiB, which holds about 20,000 ordinary tokens"),
		},
	}
}

// tokenSources is a list of places, none of them twice. A token in a query ends
// up in logs and histories (RFC 6750 section 5.3), so that place has to be
// named by the routes that need it.
func tokenSources(query bool) form[[]TokenSource] {
	says := "a list such as [bearer, {cookie: session}]"
	source := tokenSource(query)
	list := rows(says, source)
	return form[[]TokenSource]{says: says, below: list.below, shape: notEmpty(list.outline), read: func(d *decoder, p place) ([]TokenSource, bool) {
		if p.node.Kind == yaml.SequenceNode && len(p.node.Content) == 0 {
			d.fault(p, "is an empty list; write %s, or leave the key out", says)
			return nil, false
		}
		all, ok := list.read(d, p)
		if !ok || len(all) != len(p.node.Content) {
			return nil, false
		}
		for i, one := range all {
			twice := func(other TokenSource) bool { return other.Kind == one.Kind && other.Name == one.Name }
			if slices.ContainsFunc(all[:i], twice) {
				d.wrong(fmt.Sprintf("%s[%d]", p.path, i), "repeats an earlier item; remove it")
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

func sourceObject(query bool) object[sourceFile] {
	type of = sourceFile
	o := object[of]{
		says: "bearer, {cookie: NAME}, {header: NAME} or {websocket_protocol: NAME}",
		keys: []key[of]{
			misplaced[of](string(SourceBearer), "has no name of its own; write the word bearer alone"),
			field("cookie", "a cookie of this name", tokenForm("the cookie's name"), func(f *of) *string { return &f.cookie }),
			field("origins", "beside cookie: further origins whose requests the cookie counts on",
				setOf("a list such as [https://app.example]", originForm()), func(f *of) *[]string { return &f.origins }),
			field("header", "a header of this name, which holds the token and nothing else; authorization: without a scheme before it", credentialHeader(), func(f *of) *string { return &f.header }),
			field("websocket_protocol", "the item after this one in Sec-WebSocket-Protocol, when a WebSocket is opened",
				tokenForm("the protocol's name"), func(f *of) *string { return &f.protocol }),
		},
	}
	if !query {
		o.keys = append(o.keys, misplaced[of](string(SourceQuery),
			"is read only on routes that name it, since a URL ends up in logs and histories; write it in a route's tokens_from"))
		return o
	}
	o.says = "bearer, {cookie: NAME}, {header: NAME}, {websocket_protocol: NAME} or {query: NAME}"
	o.keys = append(o.keys, field("query", "a query parameter of this name", queryForm(), func(f *of) *string { return &f.query }))
	return o
}

// tokenSource is one place of a credential: a word, or a mapping for the places
// that have a name.
func tokenSource(query bool) form[TokenSource] {
	named := sourceObject(query)
	bearer := oneOf(SourceBearer)
	return form[TokenSource]{says: named.says, below: named.reference, shape: anyOfShapes(bearer.outline, named.shape), read: func(d *decoder, p place) (TokenSource, bool) {
		if p.node.Kind == yaml.MappingNode {
			return namedSource(named, d, p)
		}
		text, ok := d.text(p, named.says, "")
		if ok && text != string(SourceBearer) {
			d.fault(p, "is %s; write %s", shown(text), named.says)
			return TokenSource{}, false
		}
		return TokenSource{Kind: SourceBearer}, ok
	}}
}

// namedSource reads a mapping that names exactly one place.
func namedSource(o object[sourceFile], d *decoder, p place) (TokenSource, bool) {
	before := len(d.mistakes)
	var f sourceFile
	o.read(d, p, &f)
	if len(d.mistakes) > before {
		return TokenSource{}, false
	}
	places := f.places()
	switch {
	case len(places) == 0:
		d.fault(p, "names no place; write %s", o.says)
		return TokenSource{}, false
	case len(places) > 1:
		items := make([]string, len(places))
		for i, one := range places {
			items[i] = fmt.Sprintf("{%s: %s}", one.Kind, one.Name)
		}
		d.fault(p, "names %d places; write an item for each: %s", len(places), strings.Join(items, ", "))
		return TokenSource{}, false
	case f.origins != nil && places[0].Kind != SourceCookie:
		d.wrong(p.below("origins"), "is for a cookie; leave it out")
		return TokenSource{}, false
	}
	return places[0], true
}

// tokenForm is a name made of RFC 9110's token bytes (section 5.6.2).
func tokenForm(says string) form[string] {
	return freeText(says, func(text string) string {
		if len(text) > 128 || !Token(text) {
			return fmt.Sprintf("is %s; write %s, 1 to 128 letters, digits and any of %s", shown(text), says, tokenBytes)
		}
		return ""
	})
}

// queryForm is a parameter's name, of bytes that no client percent-encodes (RFC
// 3986 section 2.3): in another spelling it would be neither found nor removed.
func queryForm() form[string] {
	const says = "the parameter's name"
	const others = "-._~"
	return freeText(says, func(text string) string {
		if text == "" || len(text) > 64 || !madeOf(text, others) {
			return fmt.Sprintf("is %s; write %s, 1 to 64 letters, digits and any of %s", shown(text), says, others)
		}
		return ""
	})
}

// credentialHeader is a header that holds a token and nothing else, in lower
// case. Unlike an identity header it is read in the one spelling that is given.
func credentialHeader() form[string] {
	const says = "a header name such as x-access-token"
	return lowered(textOf(says, func(text string) string {
		switch strings.ToLower(text) {
		case FieldCookie:
			return "holds every cookie; write {cookie: NAME}"
		case FieldWebSocketProtocol:
			return "holds every protocol; write {websocket_protocol: NAME}"
		}
		if strings.EqualFold(text, FieldAuthorization) {
			return ""
		}
		if text == "" || len(text) > 128 || !madeOf(text, "-") {
			return fmt.Sprintf("is %s; write %s, 1 to 128 letters, digits and dashes", shown(text), says)
		}
		return badHeader(text)
	}))
}

// checkCredentialHeaders refuses a credential in a header that the gate sets or
// strips: it could not be both.
func checkCredentialHeaders(d *decoder, c *Config) {
	guarded := func(name string) bool {
		return slices.Contains(c.Identity.Removed, name) || slices.Contains(c.Identity.Strip, name) ||
			slices.ContainsFunc(c.Identity.Headers, func(h IdentityHeader) bool { return h.Name == name })
	}
	check := func(path string, from []TokenSource) {
		for i, one := range from {
			if one.Kind == SourceHeader && guarded(one.Name) {
				d.wrong(fmt.Sprintf("%s[%d].header", path, i), "is %s, which identity sets or strips; write another header", shown(one.Name))
			}
		}
	}
	check("tokens.from", c.Tokens.From)
	for _, r := range c.Routes {
		if d.stated(r.Path + ".tokens_from") {
			check(r.Path+".tokens_from", r.TokensFrom)
		}
	}
}
