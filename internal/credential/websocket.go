package credential

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
)

// protocol reads the item behind the one of that name. Only a WebSocket
// handshake has one.
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
		return Credential{}, denial.New(ErrAmbiguous, "the protocol's name stands twice")
	}
	return Credential{Raw: items[at+1], Found: true}, nil
}

// handshake reports whether the request asks for a WebSocket. Envoy turns the
// handshake of HTTP/2 (RFC 8441) into the same fields.
func handshake(r *request.Parsed) bool {
	return slices.ContainsFunc(r.Values("upgrade"), func(value string) bool { return strings.EqualFold(value, "websocket") })
}

// protocols returns the items of all the fields, in order.
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

// withoutTokens returns the items without those that stand behind one of the
// names, and without those that no field that is set may hold.
func withoutTokens(items, names []string) []string {
	var kept []string
	for i, item := range items {
		if (i == 0 || !slices.Contains(names, items[i-1])) && settable(item) {
			kept = append(kept, item)
		}
	}
	return kept
}
