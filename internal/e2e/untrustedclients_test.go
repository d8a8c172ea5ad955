package e2e

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// What clients other than Envoy can do to Envoy if they can connect to the gRPC port.

// mostConnections is how many connections this test opens, with some left. The test and the
// gate both need a file for each; Go raises the soft limit to the hard one itself.
func mostConnections(t *testing.T, wanted int) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	const reserved = 500
	n := min(wanted, int(min(limit.Cur, 1<<20))-reserved)
	if n < 1000 {
		t.Fatalf("this machine lets a process open %d files, too few to show anything; raise it (ulimit -n)", limit.Cur)
	}
	return n
}

// TestThousandsOfIdleConnections: of ten thousand connections that only begin HTTP/2, the
// gate keeps at most server.max_connections, and none for long. It serves other clients,
// also over new connections.
func TestThousandsOfIdleConnections(t *testing.T) {
	i := startIssuers(t)
	f := startFaulty(t, i, startGate(t, testutil.File(t, "jwtgate.yaml", replicasFile), i.environment()...))
	const most = 1000 // server.max_connections by default
	n := mostConnections(t, 10_000/slowdown)
	before := f.gate.anonymousKiB(t)
	var idle []net.Conn
	defer func() {
		for _, connection := range idle {
			_ = connection.Close()
		}
	}()
	held, opened := 0, time.Now()
	for range n {
		connection, err := net.DialTimeout("tcp", f.gate.address, clientTimeout)
		if err != nil {
			t.Fatalf("after %d connections: %v", len(idle), err)
		}
		idle = append(idle, connection)
		_, _ = io.WriteString(connection, greeting) // it may be closed already
		if len(idle)%500 == 0 {
			held = max(held, openFiles(t, f.gate))
		}
	}
	took := time.Since(opened)
	f.goesOn(t)
	if err := f.gate.serving(t); err != nil {
		t.Errorf("one connection more: %v", err)
	}
	grown := f.gate.anonymousKiB(t) - before
	t.Logf("%d connections in %v: %d files were open at most, memory %d %+d KiB", n, took, held, before, grown)
	if held > most+100 {
		t.Errorf("%d files were open", held)
	}
	wantMemory(t, grown, 64<<10)
	eventually(t, 15*time.Second, "they are gone", func() error {
		if open := openFiles(t, f.gate); open > 100 {
			return fmt.Errorf("%d files are open", open)
		}
		return nil
	})
	f.end(t)
}

// TestStreamsThatStayOpen: the gate bounds the memory of streams that send nothing or
// withhold the last byte of a message, and closes their connections, while it serves Envoy.
func TestStreamsThatStayOpen(t *testing.T) {
	// Together more than the 800 that the gate accepts.
	const clients, each, most = 20 / slowdown, 1000 / slowdown, 64 << 10 // KiB
	for name, size := range map[string]int{"no message": 0, "all but a byte": 128<<10 - 1} {
		t.Run(name, func(t *testing.T) {
			i := startIssuers(t)
			f := startFaulty(t, i, startGate(t, testutil.File(t, "jwtgate.yaml", replicasFile), i.environment()...))
			before, peak := f.gate.anonymousKiB(t), 0
			var all sync.WaitGroup
			began := time.Now()
			var lasted atomic.Int64 // the longest of the connections
			for range clients {
				d := newDeaf(t, f.gate.address)
				defer d.Close()
				all.Go(func() {
					d.hold(each, size)
					lasted.Store(max(lasted.Load(), int64(time.Since(began))))
				})
			}
			over := make(chan struct{})
			go func() { all.Wait(); close(over) }()
			for waiting := true; waiting; {
				select {
				case <-over:
					waiting = false
				case <-time.After(50 * time.Millisecond):
					peak = max(peak, f.gate.anonymousKiB(t))
				}
			}
			f.goesOn(t)
			t.Logf("memory %d KiB before, %d at most; closed within %v", before, peak, time.Duration(lasted.Load()))
			wantMemory(t, peak, most)
			if got := time.Duration(lasted.Load()); got > 10*time.Second {
				t.Errorf("they were closed after %v", got)
			}
			f.end(t)
		})
	}
}
