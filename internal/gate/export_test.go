package gate

import "github.com/jwtgate/jwtgate/internal/request"

// Fail returns the denial of a request for which a check returned err.
func (g *Gate) Fail(err error) *Decision {
	e := g.evaluate(&request.Request{}, g.options.Now())
	e.fail(err)
	return e.decision
}
