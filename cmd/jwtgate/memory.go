package main

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// How memory is kept small and its collection cheap. Most of what lives is
// remembered tokens, and nearly all that a Check allocates is grpc-go's, about 5
// KB, and gone with its answer. Go's own rule, to let as much again pile up as
// lives, collects a small heap many times a second and lets a large one grow to
// twice its size; a fixed room for what is short-lived does neither.
const (
	// gcRoom is how much may pile up before it is collected, in bytes: at 10,000
	// Checks a second four collections a second, and 45 MB in all with 10,000
	// tokens remembered, where Go's own rule comes to 71.
	gcRoom = 12 << 20
	// The bounds of GOGC, in percent of what lives.
	leastGC, mostGC = 40, 400
	// gcEvery is how often that is looked at.
	gcEvery = time.Second
	// memoryShare is how much of the container's memory may be used before
	// collecting becomes more eager than that.
	memoryShare = 0.9
)

// limitMemory keeps the program within the limit of its container, unless its
// user has set one (GOMEMLIMIT).
func limitMemory(logger *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(memoryShare))
	switch {
	case errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup):
	case err != nil:
		logger.Warn("the container's memory limit is not known, so GOMEMLIMIT is not set by it", "error", err)
	case limit > 0:
		logger.Info("memory limit", "bytes", limit)
	}
}

// paceGC gives what is short-lived its fixed room until ctx ends.
func paceGC(ctx context.Context) {
	tick := time.NewTicker(gcEvery)
	defer tick.Stop()
	set := 0
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		metrics.Read(live)
		if percent := gcPercent(live[0].Value.Uint64()); percent != set {
			debug.SetGCPercent(percent)
			set = percent
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// gcPercent is GOGC for so many live bytes.
func gcPercent(live uint64) int {
	if live == 0 { // nothing has been collected yet
		return 100
	}
	return int(min(max(100*gcRoom/live, leastGC), mostGC))
}
