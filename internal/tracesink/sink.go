package tracesink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // as collectors do
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Sink is a running receiver. Create one with [Start]. It is safe for concurrent use.
type Sink struct {
	grpcListener, httpListener net.Listener
	grpc                       *grpc.Server
	http                       *http.Server
	served                     sync.WaitGroup
	closed                     chan struct{}
	once                       sync.Once

	mu      sync.Mutex
	mode    mode
	batches [][]byte // each ExportTraceServiceRequest
	spans   []Span
	headers map[string][]string // of the last request, by lower-case name
	changed chan struct{}       // closed when one of the fields above changes
}

// mode is how requests are answered.
type mode int

const (
	receiving mode = iota
	refusing
	hanging
)

// Start starts a receiver on two loopback ports.
func Start() (*Sink, error) {
	s := &Sink{closed: make(chan struct{}), changed: make(chan struct{})}
	var err error
	if s.grpcListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if s.httpListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, s.grpcListener.Close())
	}
	s.grpc = grpc.NewServer()
	collector.RegisterTraceServiceServer(s.grpc, service{sink: s})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", s.post)
	s.http = &http.Server{Handler: mux}
	s.served.Go(func() { _ = s.grpc.Serve(s.grpcListener) }) // until Close, as the next one
	s.served.Go(func() { _ = s.http.Serve(s.httpListener) })
	return s, nil
}

// GRPC returns the endpoint for OTLP over gRPC, in the form of
// OTEL_EXPORTER_OTLP_ENDPOINT.
func (s *Sink) GRPC() string { return "http://" + s.grpcListener.Addr().String() }

// HTTP returns the endpoint for OTLP over HTTP.
func (s *Sink) HTTP() string { return "http://" + s.httpListener.Addr().String() }

// Close stops the receiver, hanging requests included. It may be called more than
// once.
func (s *Sink) Close() {
	s.once.Do(func() { close(s.closed) })
	s.grpc.Stop()
	_ = s.http.Close()
	s.served.Wait()
}

// Refuse makes the receiver reject requests, with an error that is not retried.
func (s *Sink) Refuse() { s.setMode(refusing) }

// Hang makes the receiver leave requests unanswered.
func (s *Sink) Hang() { s.setMode(hanging) }

// Receive makes the receiver accept requests again.
func (s *Sink) Receive() { s.setMode(receiving) }

func (s *Sink) setMode(m mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = m
	s.broadcast()
}

// broadcast wakes the goroutines that wait for a change. The caller holds mu.
func (s *Sink) broadcast() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Await waits for n spans. It returns an error if ctx ends first.
func (s *Sink) Await(ctx context.Context, n int) ([]Span, error) {
	for {
		s.mu.Lock()
		spans, changed := slices.Clone(s.spans), s.changed
		s.mu.Unlock()
		if len(spans) >= n {
			return spans, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return spans, fmt.Errorf("%d spans of %d: %w", len(spans), n, ctx.Err())
		}
	}
}

// Spans returns the spans received so far.
func (s *Sink) Spans() []Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.spans)
}

// Bytes returns all received batches, encoded in Protobuf.
func (s *Sink) Bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.batches...)
}

// Headers returns the headers of the last request, by lower-case name.
func (s *Sink) Headers() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.headers)
}

var (
	errRefused = errors.New("refused")
	errClosed  = errors.New("closed")
)

// receive stores a batch, or returns an error.
func (s *Sink) receive(ctx context.Context, batch *collector.ExportTraceServiceRequest, headers map[string][]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headers = headers
	s.broadcast()
	for s.mode == hanging {
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		case <-s.closed:
		}
		s.mu.Lock()
		select {
		case <-s.closed:
			return errClosed
		default:
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if s.mode == refusing {
		return errRefused
	}
	data, err := proto.Marshal(batch)
	if err != nil {
		return err
	}
	s.batches = append(s.batches, data)
	s.spans = append(s.spans, spansOf(batch)...)
	s.broadcast()
	return nil
}

// service implements OTLP over gRPC.
type service struct {
	collector.UnimplementedTraceServiceServer
	sink *Sink
}

// Export receives a batch.
func (s service) Export(ctx context.Context, batch *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	headers, _ := metadata.FromIncomingContext(ctx)
	if err := s.sink.receive(ctx, batch, headers); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// post implements OTLP over HTTP.
func (s *Sink) post(w http.ResponseWriter, r *http.Request) {
	headers := map[string][]string{}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = values
	}
	batch, err := batchIn(r)
	if err == nil {
		err = s.receive(r.Context(), batch, headers)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func batchIn(r *http.Request) (*collector.ExportTraceServiceRequest, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	batch := new(collector.ExportTraceServiceRequest)
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case "application/x-protobuf":
		return batch, proto.Unmarshal(body, batch)
	case "application/json":
		return batch, unmarshalJSON(body, batch)
	default:
		return nil, fmt.Errorf("a body of type %q", kind)
	}
}

// unmarshalJSON parses the JSON of OTLP as that of Protobuf. It does not decode the
// ids correctly, since OTLP writes them in hexadecimal.
func unmarshalJSON(body []byte, batch *collector.ExportTraceServiceRequest) error {
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, batch)
}
