package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/proc"
	"github.com/jwtgate/jwtgate/internal/bench/stat"
)

// fillLimit bounds how long the tokens of one variant may take to become known.
const fillLimit = 75 * time.Second

// warm sends the calls after which a variant's tokens are known, in a closed
// loop whatever its rate.
func (b *bench) warm(c *cell) error {
	if c.fill == 0 {
		return nil
	}
	answered, err := b.send(c.spec, uint64(c.fill), fillLimit)
	if err != nil {
		return fmt.Errorf("%s, %s, before the first round: %w", c.Section, c.Variant, err)
	}
	if answered < uint64(c.fill) {
		b.note("%s: only %d of %d tokens became known in %v", c.Variant, answered, c.fill, fillLimit)
	}
	return nil
}

// send sends so many calls as fast as they are answered, within a limit, and
// returns how many were.
func (b *bench) send(spec load.Spec, calls uint64, limit time.Duration) (uint64, error) {
	spec.Rate = 0
	if spec.InFlight == 0 {
		spec.InFlight = inFlight
	}
	r, err := load.Begin(spec)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for deadline := time.Now().Add(limit); r.Answered() < calls && time.Now().Before(deadline); {
		if err := b.pause(5 * time.Millisecond); err != nil {
			return 0, err
		}
		if w := r.Failure(); w != nil {
			return 0, w
		}
	}
	return r.Answered(), nil
}

// measureTwice measures a variant, and once more if an answer was not as it
// should be: behind Envoy a machine that stalls for a quarter of a second is
// enough for one. It says so, and the first figures are lost.
func (b *bench) measureTwice(c cell) error {
	err := b.measure(c)
	if err == nil || b.ctx.Err() != nil {
		return err
	}
	b.note("%s was measured once more: %v", c.Variant, err)
	return b.measure(c)
}

// measure measures a variant once.
func (b *bench) measure(c cell) error {
	defer uncollected()()
	warm, window := b.windows()
	r, err := load.Begin(c.spec)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := b.pause(warm); err != nil {
		return err
	}
	before, err := clocks(c.processes)
	if err != nil {
		return err
	}
	r.Start()
	if err := b.pause(window); err != nil {
		return err
	}
	w := r.Stop()
	after, err := clocks(c.processes)
	if err != nil {
		return err
	}
	return note(b.run.Results, c.Variant, w, after.servers-before.servers, after.self-before.self)
}

// uncollected collects this program's garbage, and then keeps the collector from
// running until it is told to go on: answers that come while it runs are read late,
// which would pass for the server's latency.
func uncollected() (goOn func()) {
	const most = 4 << 30 // bytes, at which it runs all the same
	runtime.GC()
	limit := debug.SetMemoryLimit(most)
	percent := debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// cpuTimes are what servers and this program have used.
type cpuTimes struct{ servers, self time.Duration }

func clocks(processes []*proc.Process) (t cpuTimes, err error) {
	for _, p := range processes {
		used, err := p.CPU()
		if err != nil {
			return t, err
		}
		t.servers += used
	}
	t.self, err = proc.SelfCPU()
	return t, err
}

// note turns a window into the figures of a round. One wrong answer, or none at
// all, and there are no figures.
func note(r Results, variant string, w load.Window, servers, self time.Duration) error {
	switch {
	case w.Failed > 0:
		return fmt.Errorf("%d answers were not as they should be, the first one: %w", w.Failed, w.Failure)
	case w.Done == 0:
		return fmt.Errorf("no answer came in %v", w.Elapsed)
	}
	done := float64(w.Done)
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	r.put(variant, Rate, done/w.Elapsed.Seconds())
	r.put(variant, CPU, micros(servers)/done)
	r.put(variant, Generator, micros(self)/done)
	r.put(variant, P50, micros(stat.Percentile(w.Latencies, 50)))
	r.put(variant, P99, micros(stat.Percentile(w.Latencies, 99)))
	return nil
}
