package extauthz_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// stranger is a client that can leave streams and messages incomplete.
type stranger struct {
	net.Conn
	frames *http2.Framer
	block  bytes.Buffer
	header *hpack.Encoder
	next   uint32
}

func (f *fixture) stranger(t *testing.T) *stranger {
	t.Helper()
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &stranger{Conn: conn, frames: http2.NewFramer(conn, conn), next: 1}
	s.header = hpack.NewEncoder(&s.block)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := s.frames.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return s
}

// open opens a stream and sends data on it.
func (s *stranger) open(t *testing.T, method string, data []byte) {
	t.Helper()
	if err := s.try(method, data); err != nil {
		t.Fatal(err)
	}
}

func (s *stranger) try(method string, data []byte) error {
	s.block.Reset()
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", "jwtgate"}, {"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		_ = s.header.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // into memory
	}
	err := s.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: s.next, BlockFragment: s.block.Bytes(), EndHeaders: true})
	for len(data) > 0 && err == nil {
		part := data[:min(len(data), 16<<10)]
		data = data[len(part):]
		err = s.frames.WriteData(s.next, false, part)
	}
	s.next += 2
	return err
}

// closed waits until the server closes the connection.
func (s *stranger) closed(t *testing.T) {
	t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, s); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Fatal("the connection is still open")
	}
}

// framed returns a CheckRequest with a header of this size in a gRPC frame.
func framed(t *testing.T, size int) []byte {
	t.Helper()
	message, err := proto.Marshal(newRequest("GET", "/open/x", "x-long: "+strings.Repeat("x", size)))
	if err != nil {
		t.Fatal(err)
	}
	n := len(message)
	return append([]byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, message...)
}

// until waits until another goroutine has done something.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	limit, look := time.After(20*time.Second), time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-limit:
			t.Fatalf("not within 20 s: %s", what)
		case <-look.C:
		}
	}
}

// TestUnfinishedIsClosed checks that a connection is closed if it opens no stream, or does
// not send the whole message of a stream, and that other connections stay.
func TestUnfinishedIsClosed(t *testing.T) {
	const check, health, watch = authv3.Authorization_Check_FullMethodName, healthpb.Health_Check_FullMethodName,
		healthpb.Health_Watch_FullMethodName
	for name, row := range map[string]struct {
		leave func(*testing.T, *stranger)
		stays int // sweeps
	}{
		"no stream":      {func(*testing.T, *stranger) {}, extauthz.StreamSweeps - 1},
		"no message":     {func(t *testing.T, s *stranger) { s.open(t, check, nil) }, extauthz.MessageSweeps - 1},
		"half a message": {func(t *testing.T, s *stranger) { s.open(t, check, framed(t, 1000)[:500]) }, extauthz.MessageSweeps - 1},
		"all but a byte": {func(t *testing.T, s *stranger) { m := framed(t, 100<<10); s.open(t, check, m[:len(m)-1]) },
			extauthz.MessageSweeps - 1},
		"no message of a health": {func(t *testing.T, s *stranger) { s.open(t, health, nil) }, extauthz.MessageSweeps - 1},
		"no message of a watch":  {func(t *testing.T, s *stranger) { s.open(t, watch, nil) }, extauthz.MessageSweeps - 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			_ = f.ask(t, newRequest("GET", "/open/x"))
			if f.server.Unread() > 1<<10 { // except for frames that belong to no stream
				t.Errorf("%d bytes are counted after a complete message", f.server.Unread())
			}
			s := f.stranger(t)
			row.leave(t, s)
			until(t, "both connections are there", func() bool {
				return f.server.Connections() == 2 && (name == "no stream" || f.server.Incomplete() == 1)
			})
			for range row.stays {
				f.server.Sweep()
			}
			if f.server.Connections() != 2 {
				t.Error("it was closed too early")
			}
			f.server.Sweep()
			f.server.Sweep() // the server's own may have come between
			s.closed(t)
			if got := reason(f.ask(t, newRequest("GET", "/open/x"))); got != "public" || f.server.Connections() != 1 {
				t.Errorf("after it: %s, %d connections", got, f.server.Connections())
			}
		})
	}
}

// TestUnknownMethodStays checks that a call of an unknown method gets an error and keeps
// its connection.
func TestUnknownMethodStays(t *testing.T) {
	f := start(t)
	for _, method := range []string{"/no.such.Service/Method", "/" + extauthz.ServiceName + "/Method"} {
		if err := f.conn.Invoke(t.Context(), method, newRequest("GET", "/open/x"), new(authv3.CheckResponse)); code(err) != "Unimplemented" {
			t.Errorf("%s: %v", method, err)
		}
	}
	if got := f.server.Incomplete(); got != 0 {
		t.Errorf("%d streams count as unfinished", got)
	}
}

// TestUnreadIsBounded checks that no more than a share of incomplete messages is read,
// while other connections are served.
func TestUnreadIsBounded(t *testing.T) {
	f := start(t)
	s := f.stranger(t)
	whole := framed(t, 100<<10)
	if err := s.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 150 && s.try(authv3.Authorization_Check_FullMethodName, whole[:len(whole)-1]) == nil; n++ {
		// 15 MB, or until the server reads no more
	}
	// The server's own sweeps give room for a message more each.
	if unread := f.server.Unread(); unread > extauthz.MaxShareBytes+4*extauthz.MaxMessageBytes || unread < extauthz.MaxMessageBytes {
		t.Errorf("%d bytes of unfinished messages were read, %d connections, %d streams", unread, f.server.Connections(), f.server.Incomplete())
	}
	if got := reason(f.ask(t, newRequest("GET", "/open/x"))); got != "public" {
		t.Errorf("another connection meanwhile: %s", got)
	}
}

// TestManyStreams checks that, while there are many incomplete streams, a connection gets
// no more than its share of them, and others are served.
func TestManyStreams(t *testing.T) {
	f := start(t)
	_ = f.ask(t, newRequest("GET", "/open/x"))
	const strangers, each = 5, 200
	var all []*stranger
	for range strangers {
		all = append(all, f.stranger(t))
	}
	until(t, "all are there", func() bool { return f.server.Connections() == strangers+1 })
	for _, s := range all {
		for range each {
			s.open(t, authv3.Authorization_Check_FullMethodName, nil)
		}
		s.taken(t)
	}
	const share = extauthz.MaxIncomplete / strangers
	if got := f.server.Incomplete(); got > extauthz.MaxIncomplete+share || got < extauthz.MaxIncomplete {
		t.Errorf("%d streams wait for their message, want %d and a share of %d", got, extauthz.MaxIncomplete, share)
	}
	if got := reason(f.ask(t, newRequest("GET", "/open/x"))); got != "public" {
		t.Errorf("another connection meanwhile: %s", got)
	}
}

// TestIdleConnectionsTakeNoShare checks that connections without a stream do not reduce the
// share of others, and that a connection with few streams may open more.
func TestIdleConnectionsTakeNoShare(t *testing.T) {
	f := start(t)
	for range 300 {
		f.stranger(t)
	}
	until(t, "all are there", func() bool { return f.server.Connections() == 300 })
	for range extauthz.MaxIncomplete / 200 {
		s := f.stranger(t)
		for range 200 {
			s.open(t, authv3.Authorization_Check_FullMethodName, nil)
		}
		s.taken(t)
	}
	s := f.stranger(t)
	for range 100 {
		s.open(t, authv3.Authorization_Check_FullMethodName, nil)
	}
	s.taken(t)
	if got := f.server.Incomplete(); got != extauthz.MaxIncomplete+100 {
		t.Errorf("%d streams wait for their message, want %d", got, extauthz.MaxIncomplete+100)
	}
}

// TestRefusedMessageLeavesTheConnection checks that the rest of a rejected message does not
// count as incomplete, so that the next message is read.
func TestRefusedMessageLeavesTheConnection(t *testing.T) {
	f := start(t)
	s := f.stranger(t)
	long := append([]byte{0, 0, 1 << 3, 0, 0}, make([]byte, 400<<10)...) // says 512 KiB
	for range 3 {
		s.open(t, authv3.Authorization_Check_FullMethodName, long)
	}
	s.taken(t)
	if f.server.Incomplete() != 0 || f.server.Unread() > 64<<10 {
		t.Errorf("%d streams wait, %d bytes count as unread", f.server.Incomplete(), f.server.Unread())
	}
	s.open(t, authv3.Authorization_Check_FullMethodName, framed(t, 100))
	s.taken(t)
}

// TestFewWatch checks that the number of streams that watch the health of the server is
// limited.
func TestFewWatch(t *testing.T) {
	f := start(t)
	refused := 0
	for range extauthz.MaxWatches + 20 {
		stream, err := f.health.Watch(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); code(err) == "ResourceExhausted" {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused != 20 {
		t.Errorf("%d were refused, want 20", refused)
	}
	if got := reason(f.ask(t, newRequest("GET", "/open/x"))); got != "public" {
		t.Errorf("meanwhile: %s", got)
	}
}

// taken waits until the server has read everything that was sent.
func (s *stranger) taken(t *testing.T) {
	t.Helper()
	if err := s.frames.WritePing(false, [8]byte{}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := s.frames.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
			return
		}
	}
}

// TestLongMessages checks that a message of the maximum size is decided, and that a longer
// one is an RPC error, is counted, and is not recorded as a decision.
func TestLongMessages(t *testing.T) {
	f := start(t)
	room := extauthz.MaxMessageBytes - len(framed(t, 100<<10)) + 5 + 100<<10
	if got := reason(f.ask(t, newRequest("GET", "/open/x", "x-long: "+strings.Repeat("x", room)))); got != "public" {
		t.Errorf("the maximum size: %s", got)
	}
	long := newRequest("GET", "/open/x", "x-long: "+strings.Repeat("x", room+1))
	if answer, err := f.check.Check(t.Context(), long); code(err) != "ResourceExhausted" {
		t.Errorf("a byte more: %v, answer %v", err, answer)
	}
	if recorded := f.audit.all(t); len(recorded) > 0 {
		t.Errorf("a decision is recorded of a message that was not read: %v", recorded)
	}
	until(t, "the message is counted", func() bool {
		return strings.Contains(scrape(t, f.metrics), "jwtgate_messages_refused_total 1\n")
	})
	if got := reason(f.ask(t, newRequest("GET", "/open/x"))); got != "public" {
		t.Errorf("after it: %s", got)
	}
}

// TestNoCompression checks that a compressed message is rejected, whatever its contents.
func TestNoCompression(t *testing.T) {
	f := start(t)
	if answer, err := f.check.Check(t.Context(), newRequest("GET", "/open/x"), grpc.UseCompressor(gzip.Name)); code(err) != "Internal" {
		t.Errorf("%v, answer %v", err, answer)
	}
	if got := reason(f.ask(t, newRequest("GET", "/open/x"))); got != "public" {
		t.Errorf("after it: %s", got)
	}
}

// TestMaxConnections checks that, at the maximum, a new connection replaces one that has
// had no stream, or is closed if there is none.
func TestMaxConnections(t *testing.T) {
	f := start(t)
	g := newGate(t, "default: deny\nroutes: [{match: /open/**, access: public}]\n", nil, nil)
	f.serve(t, extauthz.NewServer(g, observers(io.Discard, telemetry.NewMetrics(telemetry.Build{})),
		slog.New(slog.NewJSONHandler(f.logs, nil)), nil, 2))
	_ = f.ask(t, newRequest("GET", "/open/x"))
	silent := f.stranger(t)
	until(t, "the first stranger is there", func() bool { return f.server.Connections() == 2 })
	asks := f.stranger(t)
	silent.closed(t)
	asks.open(t, authv3.Authorization_Check_FullMethodName, nil)
	until(t, "the second one asks", func() bool { return f.server.Incomplete() == 1 })
	third, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	(&stranger{Conn: third}).closed(t)
	if got := reason(f.ask(t, newRequest("GET", "/open/x"))); got != "public" || f.server.Connections() != 2 {
		t.Errorf("%s, %d connections", got, f.server.Connections())
	}
	logged := fmt.Sprint(f.logs.all(t))
	if !strings.Contains(logged, "server.max_connections") {
		t.Errorf("logged %s", logged)
	}
}
