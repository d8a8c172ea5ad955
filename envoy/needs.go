package envoy

import (
	"slices"
	"strings"
)

// Needs is what one jwtgate configuration needs of the Envoy in front of it: what
// Envoy has to send to jwtgate, let it change, strip from clients' requests, leave
// as it is, and accept. Header names are in lower case.
type Needs struct {
	Identity []string // set by jwtgate, or never believed of a client
	// Overrides are headers by which a client makes applications act on another
	// method, URL or host, as far as jwtgate removes them on every host; Removed
	// are all of them that it removes on some host. Those of [OverrideNames] that
	// are not in Overrides are let through on some host.
	Overrides, Removed []string
	Tokens             []string // headers in which a token may stand
	TakenOut           []string // headers that a token is taken out of
	Sets               []string // what is set beside the identity headers
	Reads              []string // beside those in Identity and Removed
	ReadsAny           bool     // and any other
	QueryTokens        bool     // a token may stand in the query
	Routes             []string // names
	AnswersCORS        bool     // scripts can read the gate's denials, and a preflight needs no token
	TLS, ClientTLS     bool     // TLS is spoken, and a client certificate wanted
	Port               string   // that is listened on; empty for a Unix socket

	// Paths that jwtgate accepts on some host, and whether it does so on every host.
	EncodedSlash, EncodedSlashEverywhere bool // with %2F
	DoubleSlash, DoubleSlashEverywhere   bool // with //
	CaseSensitive                        bool // every application distinguishes /a from /A
	// PassesPreflights says that browsers' preflights are to reach the application,
	// which answers them itself.
	PassesPreflights bool

	// HeaderBytes is how much of Envoy's limit for request headers a token and the
	// identity headers can take together.
	HeaderBytes int
}

// OverrideNames returns the headers that name another method, URL or host than the
// one that was checked. The shipped file removes them from clients' requests, and
// lets jwtgate see and remove them.
func OverrideNames() []string {
	return []string{
		"x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-forwarded-method",
		"x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri", "x-forwarded-path", "x-forwarded-prefix",
		"x-script-name", "script-name", "path-info",
		"x-forwarded-host", "x-forwarded-server", "forwarded", "x-host", "x-original-host", "x-http-host-override",
	}
}

// LetThrough returns the override headers that jwtgate lets through on some host,
// so that Envoy may not remove them from a request.
func (n Needs) LetThrough() []string { return without(OverrideNames(), n.Overrides) }

// LetThroughEverywhere returns the override headers that jwtgate lets through on
// every host. jwtgate never sees trailers, so that only these may stay in them.
func (n Needs) LetThroughEverywhere() []string { return without(OverrideNames(), n.Removed) }

// Underscored returns the headers with an underscore in their name that jwtgate
// reads. The shipped file drops all headers with one, since many
// servers take x_user_id for x-user-id.
func (n Needs) Underscored() []string {
	return slices.DeleteFunc(slices.Clone(n.Reads), func(name string) bool { return !strings.Contains(name, "_") })
}

// Edit returns what of the shipped file has to differ for these needs, addresses
// and origins aside. The zero value: nothing.
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
		default: // a name that no list of Envoy's can hold
			edit.SendAll = true
		}
	}
	edit.EncodedSlash, edit.DoubleSlash = n.EncodedSlash, n.DoubleSlash
	if kb := n.HeaderKB(); kb > shippedHeaderKB {
		edit.HeaderKB = min(kb, mostHeaderKB)
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
