package gate

// Fail returns the decision on a request that failed with err.
func (g *Gate) Fail(err error) *Decision {
	c := &check{gate: g, decision: g.begin(g.policy.Load())}
	c.fail(err)
	return c.decision
}
