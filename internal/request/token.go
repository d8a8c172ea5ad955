package request

import (
	"net/url"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// AddToken adds a token to the request in one place, as a client would. It keeps other
// cookies, and it keeps an Upgrade to something other than a WebSocket, so that the gate
// will not read the token. It does not change the caller's slice of headers.
func (r *Request) AddToken(place config.TokenSource, raw string) {
	r.Headers = slices.Clone(r.Headers)
	field := place.Field()
	add := func(name, value string) { r.Headers = append(r.Headers, Header{Name: name, Value: value}) }
	switch place.Kind {
	case config.SourceBearer:
		add(field, "Bearer "+raw)
	case config.SourceHeader:
		add(field, raw)
	case config.SourceCookie:
		pair := place.Name + "=" + raw
		at := slices.IndexFunc(r.Headers, func(h Header) bool { return strings.EqualFold(h.Name, field) })
		if at < 0 {
			add(field, pair)
		} else {
			r.Headers[at].Value += "; " + pair // one field (RFC 6265 section 5.4)
		}
	case config.SourceWebSocketProtocol:
		if _, upgrades := r.Lookup("upgrade"); !upgrades { // only a handshake has protocols (RFC 6455 section 4.1)
			add("connection", "upgrade")
			add("upgrade", "websocket")
		}
		add(field, place.Name+", "+raw)
	case config.SourceQuery:
		separator := "?"
		if strings.Contains(r.Target, "?") {
			separator = "&"
		}
		r.Target += separator + url.QueryEscape(place.Name) + "=" + url.QueryEscape(raw)
	}
}

// SetRoute names the request's route, as Envoy's route would.
func (r *Request) SetRoute(route string) {
	if r.Extensions == nil {
		r.Extensions = make(map[string]string)
	}
	r.Extensions[RouteExtension] = route
}
