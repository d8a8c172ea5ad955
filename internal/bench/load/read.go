package load

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// read reads answers until the connection ends, and returns why it ended. In a
// closed loop it sends the next call after each answer.
func (c *conn) read() error {
	for {
		frame, err := c.frames.ReadFrame()
		if err != nil {
			return err
		}
		if err := c.handle(frame); err != nil {
			return err
		}
		// One write sends the next calls for all answers of one read.
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

func (c *conn) handle(frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		return c.headers(f)
	case *http2.DataFrame:
		return c.data(f)
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.WindowUpdateFrame:
		if f.StreamID != 0 {
			return nil // a call is sent only if all of it fits into the window of a new stream
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.window += int64(f.Increment)
		return c.sendQueued()
	case *http2.PingFrame:
		if f.IsAck() {
			return nil
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.frames.WritePing(true, f.Data)
	case *http2.RSTStreamFrame:
		return c.finish(f.StreamID, fmt.Errorf("the server reset the stream: %v", f.ErrCode))
	case *http2.GoAwayFrame:
		return fmt.Errorf("the server sent GOAWAY: %v %q", f.ErrCode, f.DebugData())
	}
	return nil
}

func (c *conn) headers(f *http2.HeadersFrame) error {
	if !f.HeadersEnded() {
		return errors.New("a header block of the server is longer than one frame, which is not supported")
	}
	c.mu.Lock()
	c.current = c.calls[f.StreamID]
	c.mu.Unlock()
	_, err := c.decoder.Write(f.HeaderBlockFragment())
	if err := errors.Join(err, c.decoder.Close()); err != nil {
		return fmt.Errorf("read a header block: %w", err)
	}
	if f.StreamEnded() {
		return c.finish(f.StreamID, nil)
	}
	return nil
}

// field keeps the fields that an [Answer] has.
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
	c.mu.Lock()
	current := c.calls[f.StreamID]
	c.mu.Unlock()
	if current != nil {
		current.answer.Body = append(current.answer.Body, f.Data()...)
	}
	if f.StreamEnded() {
		return c.finish(f.StreamID, nil)
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
				return errors.New("the server's header table is smaller than the one that this client fills")
			}
		}
		return nil
	})
	return errors.Join(err, c.frames.WriteSettingsAck())
}

// finish ends a call: its answer is validated, and a closed loop sends another.
func (c *conn) finish(stream uint32, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ended, known := c.calls[stream]
	if !known {
		return nil
	}
	delete(c.calls, stream)
	now := time.Now()
	c.run.count(ended, now, err)
	c.free = append(c.free, ended)
	if c.run.spec.Rate == 0 && !c.run.stopping.Load() {
		c.queue = append(c.queue, queued{c.run.number(), now}) // after the calls that wait already
	}
	return c.sendQueued()
}
