package route

import "github.com/jwtgate/jwtgate/internal/config"

// Requirement returns what the rule asks of a verified token. It is shared: it
// must not be changed.
func (r *Rule) Requirement() *config.Requirement { return &r.requirement }
