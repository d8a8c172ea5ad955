package gate

import "github.com/jwtgate/jwtgate/internal/config"

// Fail returns the decision on a request that failed with err.
func (g *Gate) Fail(err error) *Decision {
	c := &check{gate: g, decision: g.begin(g.policy.Load())}
	c.fail(err)
	return c.decision
}

// Swap makes the compiled cfg the live one, between one request and the next.
// The issuers of the config before are closed.
func (g *Gate) Swap(cfg *config.Config) error {
	next, err := New(cfg, g.options)
	if err != nil {
		return err
	}
	g.policy.Swap(next.policy.Load()).issuers.Close()
	return nil
}
