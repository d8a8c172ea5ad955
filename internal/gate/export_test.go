package gate

// Fail returns the decision on a request that failed with err.
func (g *Gate) Fail(err error) *Decision {
	c := g.check(&Request{}, g.options.Now())
	c.fail(err)
	return c.decision
}
