package routelint

import (
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/route"
)

// WarningsWithin is [Warnings] with another limit on its work.
func WarningsWithin(cfg *config.Config, table *route.Table, steps int) []config.Mistake {
	return warnings(cfg, table, steps)
}
