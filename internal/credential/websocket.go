package credential

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
)

// protocol reads the protocol that follows the one with that name. Only a WebSocket handshake
// has protocols.
func protocol(r *request.Parsed, name string) (Credential, error) {
	if !handshake(r) {
		return Credential{}, nil
	}
	items := protocols(r)
	at := slices.Index(items, name)
	switch {
	case at < 0 || at == len(items)-1:
		return Credential{}, nil
	case slices.Contains(items[at+1:], name):
		return Credential{}, ambiguous("the protocol's name occurs twice", denial.FixProtocolOnce.With(name))
	}
	return Credential{Raw: items[at+1], Found: true}, nil
}

// handshake reports whether the request is a WebSocket handshake. Envoy converts the
// handshake of HTTP/2 (RFC 8441) to the same fields.
func handshake(r *request.Parsed) bool {
	return slices.ContainsFunc(r.Values("upgrade"), func(value string) bool { return strings.EqualFold(value, "websocket") })
}

// protocols returns the protocols of all fields, in order.
func protocols(r *request.Parsed) []string {
	var items []string
	for _, value := range r.Values(config.FieldWebSocketProtocol) {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.Trim(item, " \t"); item != "" {
				items = append(items, item)
			}
		}
	}
	return items
}

// withoutTokens returns the protocols without those that follow one of the names, and
// without those that an answer to Envoy cannot contain.
func withoutTokens(items, names []string) []string {
	var kept []string
	for i, item := range items {
		if (i == 0 || !slices.Contains(names, items[i-1])) && settable(item) {
			kept = append(kept, item)
		}
	}
	return kept
}
