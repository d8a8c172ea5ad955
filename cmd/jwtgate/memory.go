package main

import (
	"errors"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// How memory is kept small and its collection cheap. Most of what lives is
// remembered tokens, and nearly all that a Check allocates is grpc-go's, about 5
// KB, and gone with its answer. Go's own rule, to let as much again pile up as
// lives, collects a small heap many times a second and lets a large one grow to
// twice its size; a fixed room for what is short-lived does neither.
const (
	// gcRoom is how much may pile up at least before it is collected, in bytes: at
	// 10,000 Checks a second two or three collections a second.
	gcRoom = 20 << 20
	// gcHeap is how large the heap may become in any case, in bytes. Requests that
	// come during a collection wait for milliseconds, and where little lives there
	// can be fewer collections for the same memory.
	gcHeap = 32 << 20
	// The bounds of GOGC, in percent of what lives; of the runtime's least heap, 4
	// MB, the upper one makes gcHeap.
	leastGC, mostGC = 40, 800
	// memoryShare is how much of the container's memory may be used before
	// collecting becomes more eager than that.
	memoryShare = 0.9
)

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

// paceGC gives what is short-lived its fixed room, after each collection by what
// it has left, until stop is called.
func paceGC() (stop func()) {
	var stopped atomic.Bool
	set := 0
	eachGC(func() bool {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		// Setting it stops the world for a moment: not for a trifle.
		if percent := gcPercent(live[0].Value.Uint64()); 10*percent < 9*set || 10*percent > 11*set {
			debug.SetGCPercent(percent)
			set = percent
		}
		return !stopped.Load()
	})
	return func() { stopped.Store(true) }
}

// eachGC calls f after each collection, one call at a time, until it returns
// false: an object that nobody has goes with every collection, and its finalizer
// leaves the next one.
func eachGC(f func() bool) {
	type marker struct{ _ [16]byte } // a size of its own, not one that is packed with others
	runtime.SetFinalizer(new(marker), func(*marker) {
		if f() {
			eachGC(f)
		}
	})
}

// gcPercent is GOGC for so many live bytes.
func gcPercent(live uint64) int {
	if live == 0 { // nothing has been collected yet
		return 100
	}
	room := max(gcRoom, gcHeap-min(live, gcHeap))
	return int(min(max(100*room/live, leastGC), mostGC))
}
