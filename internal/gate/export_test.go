package gate

import "github.com/jwtgate/jwtgate/internal/request"

// Fail returns the decision on a request that failed with err.
func (g *Gate) Fail(err error) *Decision {
	c := g.check(&request.Request{}, g.options.Now())
	c.fail(err)
	return c.decision
}

// SharedLists is how many lists of names to remove answers of the live policy share.
func (g *Gate) SharedLists() int { return len(g.policy.Load().removals.list()) }
