package gate_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// A panic of a candidate is logged and counted, and the candidate continues.
func TestCandidatePanics(t *testing.T) {
	w := startWith(t, liveYAML)
	var log bytes.Buffer
	var fail atomic.Bool
	would := openSharing(t, w.gate, parse(t, candidateYAML, map[string]string{
		"HOME_ISS": w.home.ISS(), "POOL_KEYS": w.pool.JWKSURL(), "DARK_ISS": w.dark.ISS(), "DIM_ISS": w.dim.ISS(),
	}), gate.Options{Replica: "candidate", Logger: slog.New(slog.NewJSONHandler(&log, nil)), Now: time.Now})
	var found differences
	c := gate.NewCandidate(would, func(r *request.Request, d gate.Difference) {
		if fail.Swap(false) {
			panic("no more ink")
		}
		found.differ(r, d)
	})
	end := begin(t, c)
	fail.Store(true)
	for range 2 {
		c.Offer(get("/new"), w.decide(t, get("/new")))
	}
	wait(t, "the second difference is reported", func() bool { return found.len() == 1 })
	end()
	if c.Skipped() != 1 || !strings.Contains(log.String(), "no more ink") || strings.Count(log.String(), "the candidate panicked") != 1 {
		t.Errorf("%d skipped, log %s", c.Skipped(), log.String())
	}
}
