package envoy

import (
	"slices"
	"strings"
)

// Needs is what one jwtgate configuration needs from the Envoy in front of it: what
// Envoy has to send to jwtgate, let it change, remove from clients' requests, keep
// unchanged, and accept. Header names are in lower case.
type Needs struct {
	Identity []string // set by jwtgate, or never believed from a client
	// Overrides are the headers by which clients make applications use another method,
	// URL or host and which jwtgate removes on every host; Removed are those that it
	// removes on some host. jwtgate allows the others of [OverrideNames] on some host.
	Overrides, Removed []string
	Tokens             []string // headers that can contain a token
	TakenOut           []string // headers from which jwtgate removes a token
	Sets               []string // headers that jwtgate sets, except identity headers
	Reads              []string // headers that jwtgate reads, except those in Identity and Removed
	ReadsAny           bool     // it reads any other header too
	QueryTokens        bool     // the query can contain a token
	TokenCookies       []string // cookies that can contain a token; names are case-sensitive
	StripCookies       []string // cookies that jwtgate removes from every request; a final * stands for more characters
	Routes             []string // names of routes
	AnswersCORS        bool     // scripts can read the gate's denials, and a preflight needs no token
	TLS, ClientTLS     bool     // jwtgate listens with TLS, and requires a client certificate
	Port               string   // on which it listens; empty for a Unix socket

	// Paths that jwtgate accepts on some host, and whether it does on every host.
	EncodedSlash, EncodedSlashEverywhere bool // with %2F
	DoubleSlash, DoubleSlashEverywhere   bool // with //
	Semicolon                            bool // with ; in a segment, on some host
	CaseSensitive                        bool // every application distinguishes /a from /A
	// PassesPreflights is set if the application answers browsers' preflights.
	PassesPreflights bool

	// HeaderBytes is the largest size of a token and the identity headers together, to
	// which Envoy's limit for request headers applies.
	HeaderBytes int
}

// OverrideNames returns the headers that name another method, URL or host than the one
// that jwtgate checks. The shipped file removes them from clients' requests, and lets
// jwtgate see and remove them.
func OverrideNames() []string {
	return []string{
		"x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-forwarded-method",
		"x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri", "x-forwarded-path", "x-forwarded-prefix",
		"x-script-name", "script-name", "path-info",
		"x-forwarded-host", "x-forwarded-server", "forwarded", "x-host", "x-original-host", "x-http-host-override",
	}
}

// LetThrough returns the override headers that jwtgate allows on some host, so that Envoy
// must not remove them from requests.
func (n Needs) LetThrough() []string { return without(OverrideNames(), n.Overrides) }

// LetThroughEverywhere returns the override headers that jwtgate allows on every host.
// Only these may remain in trailers, which jwtgate never sees.
func (n Needs) LetThroughEverywhere() []string { return without(OverrideNames(), n.Removed) }

// Underscored returns the headers that jwtgate reads and that have an underscore in their
// name. The shipped file drops all such headers, since many servers read x_user_id as
// x-user-id.
func (n Needs) Underscored() []string {
	return slices.DeleteFunc(slices.Clone(n.Reads), func(name string) bool { return !strings.Contains(name, "_") })
}

// Edit returns the changes to the shipped file for these needs, except addresses and
// origins. The zero value needs none.
func (n Needs) Edit() Edit {
	var edit Edit
	if more := without(n.Identity, IdentityNames()); len(more) > 0 {
		edit.Identity = append(IdentityNames(), more...)
	}
	edit.Tokens = slices.DeleteFunc(slices.Clone(n.Tokens), Sent)
	edit.SendAll = n.ReadsAny
	for _, name := range n.Reads {
		switch {
		case Sent(name) || slices.Contains(edit.Tokens, name):
		case Plain(name):
			edit.Conditions = append(edit.Conditions, name)
		default: // a name that Apply does not accept
			edit.SendAll = true
		}
	}
	edit.EncodedSlash, edit.DoubleSlash = n.EncodedSlash, n.DoubleSlash
	if kb := n.HeaderKB(); kb > shippedHeaderKB {
		edit.HeaderKB = min(kb, maxHeaderKB)
	}
	if len(n.LetThrough()) > 0 {
		edit.Overrides = without(OverrideNames(), n.LetThrough())
	}
	if len(n.LetThroughEverywhere()) > 0 {
		edit.TrailerOverrides = without(OverrideNames(), n.LetThroughEverywhere())
	}
	return edit
}

// without returns the names that are not among others, in their order; never nil.
func without(names, others []string) []string {
	left := []string{}
	for _, name := range names {
		if !slices.Contains(others, name) {
			left = append(left, name)
		}
	}
	return left
}
