package gate

import "github.com/jwtgate/jwtgate/internal/request"

// AddToken puts a token into a request at the first place that its route reads, as a
// client would. It is for explanations and tests of a policy.
func (g *Gate) AddToken(r *request.Request, raw string) {
	e := g.evaluate(r, g.options.Now())
	from := e.policy.cfg.Tokens.From
	if e.parseTarget() == nil {
		_ = e.findRoute(false) // without a route, the token goes where tokens.from says
	}
	if e.governing != nil && len(e.governing.TokensFrom) > 0 {
		from = e.governing.TokensFrom
	}
	r.AddToken(from[0], raw)
}
