package gate

import "github.com/jwtgate/jwtgate/internal/request"

// AddToken puts a token into a request at the first place that its route reads, as a
// client would. It is for explanations and tests of a policy; it decides nothing.
func (g *Gate) AddToken(r *request.Request, raw string) {
	c := g.check(r, g.options.Now())
	from := c.policy.cfg.Tokens.From
	if c.parseTarget() == nil {
		_ = c.findRoute(false) // a route that is closed reads no token
	}
	if c.governing != nil && len(c.governing.TokensFrom) > 0 {
		from = c.governing.TokensFrom
	}
	r.AddToken(from[0], raw)
}
