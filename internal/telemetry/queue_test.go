package telemetry_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/telemetry"
)

func TestQueueKeepsTheOrder(t *testing.T) {
	var out strings.Builder
	q := telemetry.NewQueue(&out)
	want := ""
	for n := range 1000 {
		line := fmt.Sprintln(n)
		want += line
		if size, err := q.Write([]byte(line)); size != len(line) || err != nil {
			t.Fatal(size, err)
		}
	}
	q.Close(10 * time.Second)
	if out.String() != want || q.Dropped() != 0 {
		t.Errorf("%d dropped, got\n%s", q.Dropped(), out.String())
	}
	if _, err := q.Write([]byte("late")); err != nil || q.Dropped() != 1 {
		t.Errorf("after the close: %v, %d dropped", err, q.Dropped())
	}
	q.Close(time.Second)
}

// While the pipe is not read, the lines beyond the limit are dropped and counted, and
// Close waits for its limit only.
func TestQueueNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		q := telemetry.NewQueue(writer)
		began := time.Now()
		for range 10_000 {
			_, _ = q.Write([]byte("line\n"))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Write took %s", took)
		}
		if dropped := q.Dropped(); dropped != 10_000-4096 {
			t.Errorf("got %d dropped lines; expected %d", dropped, 10_000-4096)
		}
		q.Close(10 * time.Second)
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("Close took %s", took)
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestQueueCountsFailures(t *testing.T) {
	q := telemetry.NewQueue(broken{})
	for range 3 {
		_, _ = q.Write([]byte("line\n"))
	}
	q.Close(10 * time.Second)
	if q.Dropped() != 3 {
		t.Errorf("%d dropped", q.Dropped())
	}
}

// A few long lines fill the queue as well as many short ones.
func TestQueueIsBoundedInBytes(t *testing.T) {
	reader, writer := io.Pipe()
	q := telemetry.NewQueue(writer)
	line := []byte(strings.Repeat("x", 1<<20) + "\n")
	for range 20 {
		_, _ = q.Write(line)
	}
	if dropped := q.Dropped(); dropped < 12 || dropped > 17 {
		t.Errorf("%d of 20 dropped", dropped)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	q.Close(10 * time.Second)
}

// If the disk becomes full during a write, only the lines that were not written count
// as dropped.
func TestQueueCountsWhatWasWritten(t *testing.T) {
	q := telemetry.NewQueue(&full{room: 1000})
	const lines, size = 500, 10
	for range lines {
		_, _ = q.Write([]byte(strings.Repeat("x", size-1) + "\n"))
	}
	q.Close(10 * time.Second)
	if want := uint64(lines - 1000/size); q.Dropped() != want {
		t.Errorf("%d dropped, want %d", q.Dropped(), want)
	}
}

// full is a disk with room for some bytes.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if len(p) <= f.room {
		f.room -= len(p)
		return len(p), nil
	}
	n := f.room
	f.room = 0
	return n, errors.New("the disk is full")
}

// The queue writes whole lines, and no more at once than a pipe accepts atomically, so
// that another writer cannot write into the middle of a line.
func TestQueueWritesWholeLines(t *testing.T) {
	var out pieces
	q := telemetry.NewQueue(&out)
	want := ""
	for n := range 2000 {
		line := strings.Repeat("x", n*7%600) + "\n"
		if n == 1000 {
			line = strings.Repeat("y", 10_000) + "\n"
		}
		want += line
		_, _ = q.Write([]byte(line))
	}
	q.Close(10 * time.Second)
	if strings.Join(out, "") != want || q.Dropped() != 0 {
		t.Fatalf("%d dropped, or the lines differ", q.Dropped())
	}
	for _, piece := range out {
		if !strings.HasSuffix(piece, "\n") || len(piece) > 4096 && strings.Count(piece, "\n") > 1 {
			t.Errorf("%d bytes at once, of %d lines, end in %q", len(piece), strings.Count(piece, "\n"), piece[len(piece)-1:])
		}
	}
}

type pieces []string

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, string(b))
	return len(b), nil
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }
