package server

import (
	"errors"
	"log/slog"
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// memoryShare is the share of the container's memory limit that becomes Go's soft memory
// limit.
const memoryShare = 0.9

// limitMemory makes Go's garbage collector respect the memory limit of the container,
// unless GOMEMLIMIT is set.
func limitMemory(logger *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(memoryShare))
	switch {
	case errors.Is(err, memlimit.ErrNoCgroup):
	case err != nil:
		logger.Warn("reading the container's memory limit failed; GOMEMLIMIT is not set", "error", err)
	case limit > 0 && limit < math.MaxInt64: // MaxInt64: there is no limit
		logger.Info("memory limit set", "bytes", limit)
	}
}
