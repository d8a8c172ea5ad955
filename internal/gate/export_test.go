package gate

import "github.com/jwtgate/jwtgate/internal/request"

// Fail returns the decision on a request that failed with err.
func (g *Gate) Fail(err error) *Decision {
	c := g.check(&request.Request{}, g.options.Now())
	c.fail(err)
	return c.decision
}
