package main

import (
	"errors"
	"log/slog"
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// memoryShare is how much of the container's memory may be used before garbage
// collection becomes more eager.
const memoryShare = 0.9

// limitMemory keeps the program within the limit of its container, unless its
// user has set one (GOMEMLIMIT).
func limitMemory(logger *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(memoryShare))
	switch {
	case errors.Is(err, memlimit.ErrNoCgroup):
	case err != nil:
		logger.Warn("the container's memory limit is not known, so GOMEMLIMIT is not set by it", "error", err)
	case limit > 0 && limit < math.MaxInt64: // which is none
		logger.Info("memory limit", "bytes", limit)
	}
}
