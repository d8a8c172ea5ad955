package e2e

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// http2Frames sends the call over HTTP/2 with prior knowledge, field by field as it
// is written, and returns the status of the answer, or 0 where the stream or the
// connection was ended without one.
func http2Frames(t *testing.T, address string, c call) (status int) {
	t.Helper()
	connection, err := net.DialTimeout("tcp", address, clientTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(clientTimeout)); err != nil {
		t.Fatal(err)
	}
	framer := h2.NewFramer(connection, connection)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := connection.Write([]byte(h2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	writeHeaderFrames(t, framer, c.fields(), c.body == "")
	if c.body != "" {
		if err := framer.WriteData(1, true, []byte(c.body)); err != nil {
			t.Fatal(err)
		}
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return 0
		}
		switch frame := frame.(type) {
		case *h2.MetaHeadersFrame:
			status, err := strconv.Atoi(frame.PseudoValue("status"))
			if err != nil {
				t.Fatal(err)
			}
			return status
		case *h2.RSTStreamFrame, *h2.GoAwayFrame:
			return 0
		case *h2.SettingsFrame:
			if !frame.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		}
	}
}

// fields are the header fields of the call, the pseudo-header fields first.
func (c call) fields() []hpack.HeaderField {
	method, target, _ := strings.Cut(c.line, " ")
	host := "api.example"
	var rest []hpack.HeaderField
	for _, header := range c.headers {
		name, value, _ := strings.Cut(header, ":")
		name, value = strings.ToLower(name), strings.TrimPrefix(value, " ")
		if name == "host" {
			host = value
			continue
		}
		rest = append(rest, hpack.HeaderField{Name: name, Value: value})
	}
	return append([]hpack.HeaderField{
		{Name: ":method", Value: method}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: host}, {Name: ":path", Value: target},
	}, rest...)
}

// writeHeaderFrames writes fields in as many frames as they take.
func writeHeaderFrames(t *testing.T, framer *h2.Framer, fields []hpack.HeaderField, last bool) {
	t.Helper()
	const most = 16 << 10
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range fields {
		if err := encoder.WriteField(field); err != nil {
			t.Fatal(err)
		}
	}
	first := block.Next(most)
	err := framer.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: first, EndStream: last, EndHeaders: block.Len() == 0})
	for err == nil && block.Len() > 0 {
		part := block.Next(most)
		err = framer.WriteContinuation(1, block.Len() == 0, part)
	}
	if err != nil {
		t.Fatal(err)
	}
}
