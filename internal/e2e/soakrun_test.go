//go:build soak

package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// held is the resources of a replica.
type held struct{ anonymousKiB, goroutines, files int }

// The growth allowed from the end of the warm-up to the end: memory can grow by the garbage
// between two collections (20 MiB).
const (
	flatKiB        = 20 << 10
	flatGoroutines = 40
	flatFiles      = 20
)

// hold samples a replica's resources: the minimum of some readings, because of garbage.
func (s *soak) hold(t *testing.T, g *gateProcess) held {
	t.Helper()
	least := held{1 << 30, 1 << 30, 1 << 30}
	for range 10 {
		time.Sleep(200 * time.Millisecond)
		least.anonymousKiB = min(least.anonymousKiB, g.anonymousKiB(t))
		least.goroutines = min(least.goroutines, int(g.metric(t, "go_goroutines")))
		least.files = min(least.files, openFiles(t, g))
	}
	return least
}

// TestSoak: two replicas behind the shipped Envoy get a steady load for ten minutes, or the
// time in SOAK, while keys rotate, the configuration and the revocation list change, and
// hostile requests come. Every answer must be right at its time, none may fail, and memory,
// goroutines and open files must not grow.
func TestSoak(t *testing.T) {
	const perSecond = 300
	lasts, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil || lasts < time.Minute || lasts > 50*time.Minute { // some of its tokens last an hour
		t.Fatalf("SOAK is %q; expected a duration from 1m to 50m", os.Getenv("SOAK"))
	}
	s := startSoak(t)
	began := time.Now()
	l := startLoad(t, s.shipped, perSecond, s.questions(t))
	before := s.retries(t)
	var samples [3][2]held
	var at [3]time.Duration
	taken := 0
	for due := [...]time.Duration{max(lasts/10, 15*time.Second), lasts / 2}; time.Since(began) < lasts; {
		s.revoke(t)
		s.reload(t)
		s.rotate(t)
		if taken < len(due) && time.Since(began) >= due[taken] {
			at[taken] = time.Since(began)
			for i, g := range s.gates {
				samples[taken][i] = s.hold(t, g)
			}
			taken++
		}
	}
	if taken < 2 {
		t.Errorf("%v were too short for all samples", lasts)
	}
	at[2] = time.Since(began)
	for i, g := range s.gates {
		samples[2][i] = s.hold(t, g)
	}
	l.stop()
	s.report(t, l, before, at, samples)
}

// report prints and checks the figures.
func (s *soak) report(t *testing.T, l *load, before retries, at [3]time.Duration, samples [3][2]held) {
	t.Helper()
	t.Logf("%v, %d requests: %s", at[2].Round(time.Second), l.sent.Load(), l.figures())
	t.Logf("%d wrong, %d failed; slowest %v, %d pauses of the load; Envoy: %+v", l.wrong.Load(), l.failed.Load(),
		l.slowest.Round(time.Millisecond), l.pauses.Load(), s.retries(t).minus(before))
	t.Logf("%d revocations, %d reloads, %d rotations of keys", s.revocations, s.reloads, s.rotations)
	for i := range s.gates {
		for n, when := range []string{"start", "middle", "end"} {
			now := samples[n][i]
			t.Logf("replica %d, %-6s (%v): memory %d KiB, %d goroutines, %d open files", i, when, at[n].Round(time.Second),
				now.anonymousKiB, now.goroutines, now.files)
		}
		first, last := samples[0][i], samples[2][i]
		grown := fmt.Sprintf("replica %d, from start to end: memory %+d KiB (at most %d), goroutines %+d (%d), open files %+d (%d)", i,
			last.anonymousKiB-first.anonymousKiB, flatKiB, last.goroutines-first.goroutines, flatGoroutines, last.files-first.files, flatFiles)
		if last.anonymousKiB-first.anonymousKiB > flatKiB || last.goroutines-first.goroutines > flatGoroutines ||
			last.files-first.files > flatFiles {
			t.Errorf("%s: not flat", grown)
		} else {
			t.Logf("%s: flat", grown)
		}
	}
	l.lostNone(t)
	if s.rotations < 2 || s.reloads < 2 {
		t.Error("too little has changed to show anything")
	}
}
