package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"
)

// What strangers that reach the gRPC port can do to those who are served.

// anonymousKiB is the gate's memory without what the system can drop and read
// again.
func (g *gateProcess) anonymousKiB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB$`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no RssAnon in %s", status)
	}
	kib, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib
}

// mostConnections is how many connections this test may open, and leaves some.
// Both it and the gate need a file for each; Go takes the soft limit up to the
// hard one by itself.
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

// TestThousandsOfIdleConnections: of ten thousand connections that say nothing more
// than that they speak HTTP/2 no more are held than server.max_connections, and none
// for long. Those who ask are served, over new connections too.
func TestThousandsOfIdleConnections(t *testing.T) {
	i := startIssuers(t)
	f := startFaulty(t, i, startGate(t, writeFile(t, "jwtgate.yaml", replicasFile), i.environment()...))
	const most = 1000 // server.max_connections by default
	n := mostConnections(t, 10_000)
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
	if grown > 64<<10 && !raceEnabled { // KiB
		t.Errorf("the gate has grown by %d KiB", grown)
	}
	eventually(t, 15*time.Second, "they are gone", func() error {
		if open := openFiles(t, f.gate); open > 100 {
			return fmt.Errorf("%d files are open", open)
		}
		return nil
	})
	f.end(t)
}

// TestStreamsThatStayOpen: streams that send nothing, and streams that hold back the
// last byte of a message as long as may be, are bounded in memory, and their
// connections closed, while Envoy is served.
func TestStreamsThatStayOpen(t *testing.T) {
	const most = 64 << 10 // KiB
	clients, each := 20, 1000
	if raceEnabled {
		clients, each = 4, 250 // more than the 800 that the gate takes, but not so many that it has no time for Envoy
	}
	for name, size := range map[string]int{"no message": 0, "all but a byte": 128<<10 - 1} {
		t.Run(name, func(t *testing.T) {
			i := startIssuers(t)
			f := startFaulty(t, i, startGate(t, writeFile(t, "jwtgate.yaml", replicasFile), i.environment()...))
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
			if peak > most && !raceEnabled {
				t.Errorf("the gate took %d KiB of anonymous memory, want at most %d", peak, most)
			}
			if got := time.Duration(lasted.Load()); got > 10*time.Second {
				t.Errorf("they were closed after %v", got)
			}
			f.end(t)
		})
	}
}

// deaf is a client that asks and takes no answer: its window is closed, and it
// reads nothing.
type deaf struct {
	net.Conn
	frames *h2.Framer
	block  bytes.Buffer
	header *hpack.Encoder
	next   uint32
}

func newDeaf(t *testing.T, address string) *deaf {
	t.Helper()
	connection, err := net.DialTimeout("tcp", address, clientTimeout)
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{Conn: connection, frames: h2.NewFramer(connection, connection), next: 1}
	d.header = hpack.NewEncoder(&d.block)
	_, err = io.WriteString(connection, h2.ClientPreface)
	if err == nil {
		err = d.frames.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: 0})
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ask puts a Check, and reports whether the gate still takes any: it may close
// the connection of such a client, or leave it unread.
func (d *deaf) ask(message []byte) bool {
	d.block.Reset()
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", authv3.Authorization_Check_FullMethodName}, {":authority", "jwtgate"},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		_ = d.header.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // into memory
	}
	if d.SetWriteDeadline(time.Now().Add(time.Second)) != nil {
		return false
	}
	err := d.frames.WriteHeaders(h2.HeadersFrameParam{StreamID: d.next, BlockFragment: d.block.Bytes(), EndHeaders: true})
	if err == nil {
		size := len(message)
		err = d.frames.WriteData(d.next, true, append([]byte{0, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}, message...))
	}
	d.next += 2
	return err == nil
}

// hold opens streams and leaves each without the end of its message, until the gate
// closes the connection.
func (d *deaf) hold(streams, size int) {
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, d) // to its end, whatever that is
		close(gone)
	}()
	begin := []byte{0, 0, 1 << 1, 0, 0} // of a message of 128 KiB
	data := append(begin, make([]byte, max(size-len(begin), 0))...)
	for range streams {
		d.block.Reset()
		for _, field := range [][2]string{
			{":method", "POST"}, {":scheme", "http"}, {":path", authv3.Authorization_Check_FullMethodName}, {":authority", "jwtgate"},
			{"content-type", "application/grpc"}, {"te", "trailers"},
		} {
			_ = d.header.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // into memory
		}
		err := d.frames.WriteHeaders(h2.HeadersFrameParam{StreamID: d.next, BlockFragment: d.block.Bytes(), EndHeaders: true})
		for at := 0; at < len(data) && size > 0 && err == nil; at += 16 << 10 {
			err = d.frames.WriteData(d.next, false, data[at:min(at+16<<10, len(data))])
		}
		if d.next += 2; err != nil {
			break
		}
	}
	<-gone
}

// TestClientsThatTakeNoAnswer: they ask by the thousand and never read. What is
// kept for them is bounded, and others are served.
func TestClientsThatTakeNoAnswer(t *testing.T) {
	i := startIssuers(t)
	f := startFaulty(t, i, startGate(t, writeFile(t, "jwtgate.yaml", replicasFile+"audit: {denied: 1/1000}\n"), i.environment()...))
	message, err := proto.Marshal(&authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/orders", Host: "api.example", Headers: map[string]string{"x-request-id": strings.Repeat("a", 1000)}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	// At a rate that leaves the machine room, so that what they do to others is the
	// gate's doing.
	const clients, each, atOnce = 20, 1500, 20
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	before, peak, asked := f.gate.anonymousKiB(t), 0, 0
	var all []*deaf
	for range clients {
		d := newDeaf(t, f.gate.address)
		defer d.Close()
		all = append(all, d)
		for n := 0; n < each && d.ask(message); n++ {
			if asked++; asked%atOnce == 0 {
				<-pace.C
			}
		}
		peak = max(peak, f.gate.anonymousKiB(t)-before)
	}
	f.goesOn(t)
	peak = max(peak, f.gate.anonymousKiB(t)-before)
	t.Logf("%d clients put %d Checks and took no answer: memory %d %+d KiB", clients, asked, before, peak)
	if asked < 1000*clients {
		t.Errorf("only %d Checks were put", asked)
	}
	// A connection may have 1000 calls under way, and its window holds 1 MiB.
	if most := clients * 12 << 10; peak > most && !raceEnabled {
		t.Errorf("the gate has grown by %d KiB, want at most %d", peak, most)
	}
	for _, d := range all { // or the end would wait for them
		_ = d.Close()
	}
	f.end(t)
}
