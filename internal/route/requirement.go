package route

import "github.com/jwtgate/jwtgate/internal/config"

// Requirement returns what the rule asks of a verified token. It is shared: it
// must not be changed.
func (r *Rule) Requirement() *config.Requirement { return &r.requirement }

// BearerOnly reports whether the rule reads a credential from the Authorization
// field and from nowhere else.
func (r *Rule) BearerOnly() bool {
	return len(r.TokensFrom) == 1 && r.TokensFrom[0].Kind == config.SourceBearer
}
