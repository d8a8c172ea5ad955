package main

import (
	"fmt"
	"strings"

	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// gateFile is a configuration of jwtgate, as far as variants differ in it. The
// zero value is that of most.
type gateFile struct {
	socket  bool   // listens on a Unix socket
	noCache bool   // no token is remembered
	cache   int    // how many tokens are to be remembered; 0: the default
	audit   bool   // each allowed request is recorded
	routes  int    // how many there are before the one that is asked for
	issuers int    // how many there are before the one whose tokens are sent
	plain   string // an issuer's URL in place of the pool, with keys at this URL if not from a file
	keys    string // path of the key set; with plain it may be a URL
	fillers string // path of the key set of the issuers before
}

// tokenBytes is more than one of the benchmark's tokens takes in the cache.
const tokenBytes = 2 << 10

// render writes the file, with the addresses and what the build knows of the
// cache's key.
func (g gateFile) render(listen, admin string, knowsCache bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "server: {listen: %q, drain_delay: 0s}\nadmin: {listen: %q}\n", listen, admin)
	if knowsCache && (g.noCache || g.cache > 0) {
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
	switch {
	case g.plain == "":
		fmt.Fprintf(&b, "    cognito: %s\n", sample.Pool)
	default:
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
		"  - {match: '/api/users/{id}/**', issuers: [measured], when: '\"" + sample.Group + "\" in token.groups && token.subject != path.id'}\n")
	return b.String()
}
