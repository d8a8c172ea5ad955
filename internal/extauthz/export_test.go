package extauthz

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/net/http/httpguts"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// NewServerFor is NewServer for another decider than a gate. It has no observers.
func NewServerFor(d Decider) *Server {
	return newServer(&service{
		gate: d, logger: slog.New(slog.DiscardHandler), calls: newCalls(),
		observe:   func(context.Context, time.Time, *request.Request, *gate.Decision) {},
		oversized: func() {},
	}, nil, newConnections(1000, slog.New(slog.DiscardHandler), func(string) {}))
}

// Decider is decider.
type Decider interface {
	Decide(context.Context, *request.Request) *gate.Decision
	Refuse(gate.Reason, string) *gate.Decision
}

// Answers returns a function that encodes the answers of decisions as one server does: an
// answer that repeats comes from a template.
func Answers() func(d *gate.Decision, grpcClient bool) ([]byte, error) {
	var all templates
	return func(d *gate.Decision, grpcClient bool) ([]byte, error) {
		return all.appendAnswer(nil, d, grpcClient)
	}
}

// Templates returns how many templates of denials there are after these decisions were
// answered.
func Templates(all ...*gate.Decision) int {
	var denials templates
	for _, d := range all {
		_, _ = denials.appendAnswer(nil, d, false)
	}
	return int(denials.count.Load())
}

// MaxTemplates is maxTemplates.
const MaxTemplates = maxTemplates

// Response returns the answer of a decision as proto.Unmarshal reads it, or nil if it cannot
// be encoded.
func Response(d *gate.Decision, grpcClient bool) *authv3.CheckResponse {
	data, err := Answers()(d, grpcClient)
	if err != nil {
		return nil
	}
	var answer authv3.CheckResponse
	if err := proto.Unmarshal(data, &answer); err != nil {
		panic(err)
	}
	return &answer
}

// Answer answers the CheckRequest in data as a new server does.
func Answer(ctx context.Context, g *gate.Gate, data []byte) *authv3.CheckResponse {
	return Answerer(g)(ctx, data)
}

// Answerer returns a function that answers the CheckRequest in data as one server does,
// which keeps its templates.
func Answerer(g *gate.Gate) func(ctx context.Context, data []byte) *authv3.CheckResponse {
	s := &service{
		gate: g, logger: slog.New(slog.DiscardHandler), calls: newCalls(),
		observe: func(context.Context, time.Time, *request.Request, *gate.Decision) {},
	}
	return func(ctx context.Context, data []byte) *authv3.CheckResponse {
		message, err := answerOf(ctx, s, data)
		if err != nil {
			panic(err)
		}
		defer message.Free()
		var answer authv3.CheckResponse
		if err := newCodec(s.calls).Unmarshal(message, &answer); err != nil {
			panic(err)
		}
		return &answer
	}
}

// answerOf passes one CheckRequest through the service as grpc-go does.
func answerOf(ctx context.Context, s *service, data []byte) (mem.BufferSlice, error) {
	c := newCodec(s.calls)
	answer, err := s.check(ctx, func(v any) error { return c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, v) })
	if err != nil {
		return nil, err
	}
	return c.Marshal(answer)
}

// Forgotten reads a message into a call, ends the call, and returns the memory into which it
// was read.
func Forgotten(message []byte) (before int, after []byte, headers []request.Header) {
	calls := newCalls()
	c := calls.begin(context.Background())
	c.read(mem.BufferSlice{mem.SliceBuffer(message)}, false)
	data, list := c.data, c.request.Headers
	calls.end(c)
	return len(data), data, list
}

// Overwritten reports whether the memory of a call and of an answer is overwritten after
// use.
func Overwritten(message []byte) bool {
	calls := newCalls()
	c := calls.begin(context.Background())
	c.read(mem.BufferSlice{mem.SliceBuffer(message)}, calls.poison)
	data := bytes.Clone(c.data)
	a := calls.answer()
	a.bytes = append(a.bytes, message...)
	sent := a.bytes
	a.buffer().Free()
	used := bytes.Repeat([]byte{0xff}, len(message))
	return bytes.Equal(data, used) && bytes.Equal(sent, used)
}

// WithBudget returns a budget that began at this time.
func WithBudget(ctx context.Context, began time.Time) context.Context {
	return &budget{Context: ctx, began: began}
}

// Checker returns a function that passes CheckRequests through a service as grpc-go does, and
// frees the answer.
func Checker(g *gate.Gate, o Observers) func(ctx context.Context, data mem.BufferSlice) (size int) {
	s := &service{gate: g, logger: slog.New(slog.DiscardHandler), calls: newCalls(), observe: o.observe}
	c := newCodec(s.calls)
	return func(ctx context.Context, data mem.BufferSlice) int {
		call, err := s.check(ctx, func(v any) error { return c.Unmarshal(data, v) })
		if err != nil {
			panic(err)
		}
		message, err := c.Marshal(call)
		if err != nil {
			panic(err)
		}
		size := message.Len()
		message.Free()
		return size
	}
}

// FewHeaders is fewHeaders.
const FewHeaders = fewHeaders

// Scan is scan.
func Scan(data []byte, into *request.Request) error { return scan(data, into) }

// Unmarshal is the reference for [scan]: it decodes the whole message and converts it.
func Unmarshal(data []byte) (*authv3.CheckRequest, *request.Request, error) {
	var check authv3.CheckRequest
	if err := proto.Unmarshal(data, &check); err != nil {
		return nil, nil, errWire
	}
	read, err := newRequest(&check)
	return &check, read, err
}

// ScannedField returns what a scan does with a field of the message at a place: its kind
// ("text", "octets", "nested", "entry" or "skipped") and the place of the message in it. Place
// 0 is the CheckRequest.
func ScannedField(at uint64, num protowire.Number) (kind string, of uint64) {
	f := place(at).field(num)
	return [...]string{skipped: "skipped", text: "text", octets: "octets", nested: "nested", entry: "entry"}[f.kind], uint64(f.of)
}

// newRequest converts a CheckRequest that proto.Unmarshal decoded.
func newRequest(check *authv3.CheckRequest) (*request.Request, error) {
	http := check.GetAttributes().GetRequest().GetHttp()
	switch {
	case http == nil:
		return nil, errNoHTTP
	case http.GetMethod() == "":
		return nil, errNoMethod
	}
	headers, err := headers(http)
	if err != nil {
		return nil, err
	}
	return &request.Request{
		Method: http.GetMethod(), Authority: http.GetHost(), Target: http.GetPath(),
		Headers: headers, RawHeaders: len(http.GetHeaders()) == 0,
		Source:     check.GetAttributes().GetSource().GetAddress().GetSocketAddress().GetAddress(),
		Principal:  check.GetAttributes().GetSource().GetPrincipal(),
		Extensions: check.GetAttributes().GetContextExtensions(),
	}, nil
}

// headers reads both forms in which Envoy sends headers: header_map with encode_raw_headers,
// which has duplicates as separate entries, and headers without it, where duplicates are
// joined with a comma. It omits pseudo-headers, whose values are in fields of their own.
func headers(http *authv3.AttributeContext_HttpRequest) ([]request.Header, error) {
	list := make([]request.Header, 0, len(http.GetHeaders())+len(http.GetHeaderMap().GetHeaders()))
	add := func(name, value string) error {
		switch {
		case strings.HasPrefix(name, ":"):
			return nil
		case !httpguts.ValidHeaderFieldName(name):
			return errHeaderName
		}
		list = append(list, request.Header{Name: name, Value: value})
		return nil
	}
	for name, value := range http.GetHeaders() {
		if err := add(name, value); err != nil {
			return nil, err
		}
	}
	for _, h := range http.GetHeaderMap().GetHeaders() {
		value := h.GetValue()
		if raw := h.GetRawValue(); len(raw) > 0 {
			value = string(raw)
		}
		if err := add(h.GetKey(), value); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// PreflightHints returns a function that observes decisions as a server with this logger does.
func PreflightHints(logger *slog.Logger) func(context.Context, *gate.Decision) {
	return newPreflightHints(logger).observe
}

// Sweep sweeps the connections of the server as it does each second.
func (s *Server) Sweep() { s.connections.sweep() }

// Unread returns about how many bytes of incomplete messages the server has read.
func (s *Server) Unread() (bytes int64) {
	s.connections.mu.Lock()
	defer s.connections.mu.Unlock()
	for one := range s.connections.open {
		bytes += one.partialBytes.Load()
	}
	return bytes
}

// Incomplete returns the number of incomplete streams.
func (s *Server) Incomplete() (streams int) {
	s.connections.mu.Lock()
	defer s.connections.mu.Unlock()
	for one := range s.connections.open {
		streams += int(one.incomplete.Load())
	}
	return streams
}

// Connections returns the number of open connections.
func (s *Server) Connections() int { return s.connections.Open() }

// Limits of the server's connections.
const (
	MaxMessageBytes = maxMessageBytes
	MessageSweeps   = int(messageTimeout/sweepInterval) + 1
	StreamSweeps    = int(firstStreamTimeout/sweepInterval) + 1
	MaxShareBytes   = maxShareBytes
	MaxIncomplete   = maxIncomplete
	MaxWatches      = maxHealthWatches
)
