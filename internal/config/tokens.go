package config

import (
	yaml "go.yaml.in/yaml/v4"
)

func tokensObject() object[Tokens] {
	return object[Tokens]{
		says: "a mapping such as {from: [bearer]}",
		keys: []key[Tokens]{
			field("from", "the places that a credential is read from", listOf("a list such as [bearer]", tokenSource()),
				func(t *Tokens) *[]TokenSource { return &t.From }).or("[bearer]"),
			field("forward", "false: the credential is removed where it was read", truth(), func(t *Tokens) *bool { return &t.Forward }).or("false"),
			field("max_bytes", "a longer token is refused unread", number("bytes", 256, 65536), func(t *Tokens) *int { return &t.MaxBytes }).or("12288"),
			later[Tokens]("cache_entries", "verified tokens that are remembered"),
		},
	}
}

// tokenSource is one place of a credential: a word, or a mapping for the places
// that have a name.
func tokenSource() form[TokenSource] {
	word := oneOf(SourceBearer)
	named := object[TokenSource]{
		says: word.says,
		keys: []key[TokenSource]{
			later[TokenSource]("cookie", "a cookie of this name"),
			later[TokenSource]("origins", "the origins whose requests the cookie counts on"),
			later[TokenSource]("header", "a header of this name"),
			later[TokenSource]("websocket_protocol", "the item after this one in Sec-WebSocket-Protocol"),
			later[TokenSource]("query", "a query parameter of this name"),
		},
	}
	return form[TokenSource]{says: word.says, below: named.reference, read: func(d *decoder, p place) (TokenSource, bool) {
		var source TokenSource
		if p.node.Kind == yaml.MappingNode {
			if len(p.node.Content) == 0 {
				d.unfit(p, word.says)
			}
			named.read(d, p, &source)
			return source, false
		}
		kind, ok := word.read(d, p)
		source.Kind = kind
		return source, ok
	}}
}
