package e2e

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// deaf is a client that sends Checks and takes no answer: its window is closed, and
// it reads nothing.
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

// begin sends the headers of a Check, on the stream d.next.
func (d *deaf) begin() error {
	d.block.Reset()
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", authv3.Authorization_Check_FullMethodName}, {":authority", "jwtgate"},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		_ = d.header.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // into memory
	}
	return d.frames.WriteHeaders(h2.HeadersFrameParam{StreamID: d.next, BlockFragment: d.block.Bytes(), EndHeaders: true})
}

// ask sends a Check, and reports whether the gate still accepts any: it may close
// the connection of such a client, or stop reading from it.
func (d *deaf) ask(message []byte) bool {
	if d.SetWriteDeadline(time.Now().Add(time.Second)) != nil {
		return false
	}
	err := d.begin()
	if err == nil {
		size := len(message)
		prefix := []byte{0, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}
		err = d.frames.WriteData(d.next, true, append(prefix, message...))
	}
	d.next += 2
	return err == nil
}

// hold opens streams and does not send the end of their messages. It returns when the
// gate has closed the connection.
func (d *deaf) hold(streams, size int) {
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, d) // to its end, whatever that is
		close(gone)
	}()
	prefix := []byte{0, 0, 1 << 1, 0, 0} // of a message of 128 KiB
	data := append(prefix, make([]byte, max(size-len(prefix), 0))...)
	for range streams {
		err := d.begin()
		for at := 0; at < len(data) && size > 0 && err == nil; at += 16 << 10 {
			err = d.frames.WriteData(d.next, false, data[at:min(at+16<<10, len(data))])
		}
		if d.next += 2; err != nil {
			break
		}
	}
	<-gone
}
