package main

import (
	"fmt"
	"strings"

	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// gateFile is a configuration of jwtgate. The zero value is the one that most
// variants use. Except for the size of the cache it has only keys that older builds
// accept too (-against).
type gateFile struct {
	socket  bool   // listens on a Unix socket
	noCache bool   // caches no token
	cache   int    // how many tokens fit into the cache; 0: the default
	audit   bool   // writes an audit line for each allowed request
	routes  int    // number of routes before the one that matches
	issuers int    // number of issuers before the one of the tokens
	plain   string // URL of an issuer that replaces the Cognito pool
	keys    string // path of the key set, or its URL
	fillers string // path of the key set of the issuers before
}

// tokenBytes is more than one of the benchmark's tokens uses in the cache.
const tokenBytes = 2 << 10

// render returns the configuration file with the addresses, for builds that limit
// the cache by entries or by bytes.
func (g gateFile) render(listen, admin string, entries bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "server: {listen: %q, drain_delay: 0s}\nadmin: {listen: %q}\n", listen, admin)
	switch limited := g.noCache || g.cache > 0; {
	case limited && entries:
		fmt.Fprintf(&b, "tokens: {cache_entries: %d}\n", g.cache)
	case limited:
		fmt.Fprintf(&b, "tokens: {cache_bytes: %d}\n", g.cache*tokenBytes)
	}
	if g.audit {
		b.WriteString("audit: {allowed: all}\n")
	}
	b.WriteString("issuers:\n")
	for i := range g.issuers {
		fmt.Fprintf(&b, "  filler%d:\n    issuer: https://filler%[1]d.example\n    prefix: \"filler%[1]d:\"\n"+
			"    audiences: [orders]\n    algorithms: [EdDSA]\n    jwks: {file: %[2]q}\n", i, g.fillers)
	}
	b.WriteString("  measured:\n    prefix: \"\"\n    clients: [" + sample.ClientID + "]\n")
	if g.plain == "" {
		fmt.Fprintf(&b, "    cognito: %s\n", sample.Pool)
	} else {
		fmt.Fprintf(&b, "    issuer: %s\n    algorithms: [RS256, EdDSA]\n", g.plain)
	}
	if strings.HasPrefix(g.keys, "http:") {
		fmt.Fprintf(&b, "    dangerously_allow_http: true\n    jwks: {uri: %q, unknown_kid_cooldown: %s}\n", g.keys, stormCooldown)
	} else {
		fmt.Fprintf(&b, "    jwks: {file: %q}\n", g.keys)
	}
	b.WriteString("routes:\n")
	for i := range g.routes {
		fmt.Fprintf(&b, "  - {match: '/filler/%d/{id}/**'}\n", i)
	}
	b.WriteString("  - {match: '/api/orders/**'}\n" +
		"  - {match: '/api/admin/**', issuers: [measured], groups: [admin]}\n" +
		"  - {match: '/api/users/{id}/**', issuers: [measured], " +
		"when: '\"" + sample.Group + "\" in token.groups && token.subject != path.id'}\n")
	return b.String()
}
