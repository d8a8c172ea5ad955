package server

import (
	"errors"
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// memoryShare is the share of the container's memory limit that becomes Go's soft memory
// limit.
const memoryShare = 0.9

// limitMemory makes Go's garbage collector respect the memory limit of the container,
// unless GOMEMLIMIT is set. It returns the limit, in bytes.
func limitMemory(logger *slog.Logger) int64 {
	limit, err := memlimit.Set(memlimit.WithRatio(memoryShare))
	switch {
	case errors.Is(err, memlimit.ErrNoCgroup):
	case err != nil:
		logger.Warn("reading the container's memory limit failed; GOMEMLIMIT is not set", "error", err)
	case limit > 0 && limit < math.MaxInt64: // MaxInt64: there is no limit
		logger.Info("memory limit set", "bytes", limit)
	}
	return debug.SetMemoryLimit(-1)
}

// The garbage collector runs when the heap has grown by a share of what is in use. That
// is about 3 MB here, so it would run dozens of times a second. A block that nothing
// touches takes no memory of the machine and counts as in use. With it, a smaller share
// is enough, so that a full cache of tokens adds less garbage: there are 16 MB between two
// collections without tokens, and 20 MB with 10,000.
const (
	headroomBytes = 50 << 20
	gcPercent     = 30
)

// headroom sets how often the collector runs, unless GOGC does. It returns the block,
// which the caller keeps. A low memory limit leaves less room for it.
func headroom(limit int64) []byte {
	if _, set := os.LookupEnv("GOGC"); set {
		return nil
	}
	debug.SetGCPercent(gcPercent)
	return make([]byte, min(headroomBytes, limit/8))
}
