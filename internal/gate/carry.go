package gate

import (
	"net/url"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// Carry puts a token into a request at the first place that its route reads, as
// a client would. It is for those who ask what would become of a request; it
// decides nothing.
func (g *Gate) Carry(r *Request, raw string) {
	c := g.check(r, g.options.Now())
	from := c.policy.cfg.Tokens.From
	if c.parseTarget() == nil {
		_ = c.findRoute(false) // a route that is closed reads no token
	}
	if c.rule != nil && len(c.rule.TokensFrom) > 0 {
		from = c.rule.TokensFrom
	}
	r.Carry(from[0], raw)
}

// Carry puts a token into the request at one place.
func (r *Request) Carry(place config.TokenSource, raw string) {
	add := func(name, value string) { r.Headers = append(r.Headers, Header{Name: name, Value: value}) }
	switch place.Kind {
	case config.SourceBearer:
		add("authorization", "Bearer "+raw)
	case config.SourceHeader:
		add(place.Name, raw)
	case config.SourceCookie:
		add("cookie", place.Name+"="+raw)
	case config.SourceWebSocketProtocol:
		add("connection", "upgrade")
		add("upgrade", "websocket")
		add("sec-websocket-protocol", place.Name+", "+raw)
	case config.SourceQuery:
		separator := "?"
		if strings.Contains(r.Target, "?") {
			separator = "&"
		}
		r.Target += separator + place.Name + "=" + url.QueryEscape(raw)
	}
}

// Name names the request's route, as Envoy's own route would.
func (r *Request) Name(route string) {
	if r.Extensions == nil {
		r.Extensions = make(map[string]string)
	}
	r.Extensions[RouteExtension] = route
}
