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

// fillTimeout limits how long the tokens of one variant may take to be cached.
const fillTimeout = 75 * time.Second

// fill sends the calls after which the tokens of a variant are cached.
func (b *bench) fill(c *cell) error {
	if c.fill == 0 {
		return nil
	}
	answered, err := b.send(c.spec, uint64(c.fill))
	if err != nil {
		return fmt.Errorf("%s, %s, before the first round: %w", c.Section, c.Variant, err)
	}
	if answered < uint64(c.fill) {
		b.notef("%s: only %d of %d tokens were cached within %v", c.Variant, answered, c.fill, fillTimeout)
	}
	return nil
}

// send sends a number of calls as fast as they are answered, for at most
// [fillTimeout], and returns how many were answered.
func (b *bench) send(spec load.Spec, calls uint64) (uint64, error) {
	spec.Rate = 0
	r, err := load.Begin(spec)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for deadline := time.Now().Add(fillTimeout); r.Answered() < calls && time.Now().Before(deadline); {
		if err := b.pause(5 * time.Millisecond); err != nil {
			return 0, err
		}
		if err := r.Failure(); err != nil {
			return 0, err
		}
	}
	return r.Answered(), nil
}

// measureTwice measures a variant, and measures it again if an answer was wrong:
// behind Envoy, a machine that stalls for a quarter of a second causes wrong
// answers. The report notes the repetition; the first result is discarded.
func (b *bench) measureTwice(c cell) error {
	err := b.measure(c)
	if err == nil || b.ctx.Err() != nil {
		return err
	}
	b.notef("%s was measured again: %v", c.Variant, err)
	return b.measure(c)
}

// measure measures a variant once.
func (b *bench) measure(c cell) error {
	defer pauseGC()()
	warm, window := b.windows()
	r, err := load.Begin(c.spec)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := b.pause(warm); err != nil {
		return err
	}
	before, err := readCPU(c.processes)
	if err != nil {
		return err
	}
	r.Start()
	if err := b.pause(window); err != nil {
		return err
	}
	w := r.Stop()
	after, err := readCPU(c.processes)
	if err != nil {
		return err
	}
	return b.run.Results.putWindow(c.Variant, w, after.minus(before))
}

// pauseGC collects garbage and then disables the garbage collector of this process
// until resume is called. The load generator reads answers late while it collects,
// which would count as latency of the server.
func pauseGC() (resume func()) {
	const limit = 4 << 30 // bytes at which the collector runs nevertheless
	runtime.GC()
	memory := debug.SetMemoryLimit(limit)
	percent := debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(memory)
	}
}

// cpuTimes are CPU times of the processes of a variant and of this process.
type cpuTimes struct {
	first     time.Duration // of the first process: Envoy where there is one
	processes time.Duration
	self      time.Duration
}

func (t cpuTimes) minus(u cpuTimes) cpuTimes {
	return cpuTimes{t.first - u.first, t.processes - u.processes, t.self - u.self}
}

func readCPU(processes []*proc.Process) (t cpuTimes, err error) {
	for i, p := range processes {
		used, err := p.CPU()
		if err != nil {
			return t, err
		}
		if i == 0 {
			t.first = used
		}
		t.processes += used
	}
	t.self, err = proc.SelfCPU()
	return t, err
}

// putWindow adds the results of one round. With a wrong answer, or without any
// answer, it adds none and returns an error.
func (r Results) putWindow(variant string, w load.Window, used cpuTimes) error {
	switch {
	case w.Failed > 0:
		return fmt.Errorf("%d wrong answers, the first one: %w", w.Failed, w.Failure)
	case w.Done == 0:
		return fmt.Errorf("no answer arrived within %v", w.Elapsed)
	}
	done := float64(w.Done)
	r.put(variant, Rate, done/w.Elapsed.Seconds())
	r.put(variant, CPU, micros(used.processes)/done)
	r.put(variant, FirstCPU, micros(used.first)/done)
	r.put(variant, Generator, micros(used.self)/done)
	r.put(variant, P50, micros(stat.Percentile(w.Latencies, 50)))
	r.put(variant, P99, micros(stat.Percentile(w.Latencies, 99)))
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
