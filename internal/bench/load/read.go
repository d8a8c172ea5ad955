package load

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// read reads answers until the connection ends, and says why it did. In a
// closed loop it sends the next call for each.
func (c *conn) read() error {
	for {
		frame, err := c.frames.ReadFrame()
		if err != nil {
			return err
		}
		if err := c.take(frame); err != nil {
			return err
		}
		// All that came in one read is answered by one write.
		if c.input.Buffered() == 0 {
			c.mu.Lock()
			err := c.output.Flush()
			c.mu.Unlock()
			if err != nil {
				return err
			}
		}
	}
}

func (c *conn) take(frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		c.begin(f.StreamID, f.StreamEnded())
		return c.block(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.ContinuationFrame:
		return c.block(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.DataFrame:
		return c.data(f)
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.WindowUpdateFrame:
		c.mu.Lock()
		defer c.mu.Unlock()
		if f.StreamID != 0 {
			return nil // a call is sent only when a fresh stream's window has room for all of it
		}
		c.window += int64(f.Increment)
		return c.catchUp()
	case *http2.PingFrame:
		if f.IsAck() {
			return nil
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.frames.WritePing(true, f.Data)
	case *http2.RSTStreamFrame:
		return c.land(f.StreamID, fmt.Errorf("the server reset the stream: %v", f.ErrCode))
	case *http2.GoAwayFrame:
		return fmt.Errorf("the server says to go away: %v %q", f.ErrCode, f.DebugData())
	}
	return nil
}

// begin looks up whose header block comes now.
func (c *conn) begin(stream uint32, ends bool) {
	c.mu.Lock()
	c.current = c.flights[stream]
	c.mu.Unlock()
	c.blockOf, c.blockEnds = stream, ends
}

func (c *conn) block(fragment []byte, last bool) error {
	if _, err := c.decoder.Write(fragment); err != nil {
		return fmt.Errorf("read a header block: %w", err)
	}
	if !last {
		return nil
	}
	if err := c.decoder.Close(); err != nil {
		return fmt.Errorf("read a header block: %w", err)
	}
	if c.blockEnds {
		return c.land(c.blockOf, nil)
	}
	return nil
}

// field notes the fields that are looked at.
func (c *conn) field(f hpack.HeaderField) {
	if c.current == nil {
		return
	}
	switch f.Name {
	case ":status":
		c.current.answer.Status = f.Value
	case "grpc-status":
		c.current.answer.GRPCStatus = f.Value
	case c.run.spec.Echo:
		c.current.answer.Echo = f.Value
	}
}

func (c *conn) data(f *http2.DataFrame) error {
	c.received += int(f.Length)
	if c.received >= receiveWindow/2 {
		c.mu.Lock()
		err := c.frames.WriteWindowUpdate(0, uint32(c.received))
		c.mu.Unlock()
		if err != nil {
			return err
		}
		c.received = 0
	}
	c.mu.Lock()
	flight := c.flights[f.StreamID]
	c.mu.Unlock()
	if flight != nil {
		flight.answer.Body = append(flight.answer.Body, f.Data()...)
	}
	if f.StreamEnded() {
		return c.land(f.StreamID, nil)
	}
	return nil
}

func (c *conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := f.ForeachSetting(func(s http2.Setting) error {
		switch s.ID {
		case http2.SettingInitialWindowSize:
			c.perStream = int64(s.Val)
		case http2.SettingMaxConcurrentStreams:
			c.streams = int(s.Val)
		case http2.SettingHeaderTableSize:
			if s.Val < 4096 {
				return errors.New("the server's header table is smaller than what this client fills")
			}
		}
		return nil
	})
	return errors.Join(err, c.frames.WriteSettingsAck())
}

// land ends a call: its answer is judged, and in a closed loop another is sent.
func (c *conn) land(stream uint32, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, known := c.flights[stream]
	if !known {
		return nil
	}
	delete(c.flights, stream)
	now := time.Now()
	c.run.finish(f, now, err)
	c.free = append(c.free, f)
	if c.run.spec.Rate == 0 && !c.run.stopping.Load() {
		c.late = append(c.late, late{c.run.number(), now}) // behind those that wait already
	}
	return c.catchUp()
}
