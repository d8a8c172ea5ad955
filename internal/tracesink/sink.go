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

// Sink is a running receiver. Make one with [Start]. It is safe for concurrent
// use.
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
	changed chan struct{}       // closed when something of the above changes
}

// mode is what becomes of requests.
type mode int

const (
	receiving mode = iota
	refusing
	hanging
)

// Start listens on two ports of loopback.
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
	s.served.Go(func() { _ = s.grpc.Serve(s.grpcListener) }) // both end with Close
	s.served.Go(func() { _ = s.http.Serve(s.httpListener) })
	return s, nil
}

// GRPC is the endpoint of OTLP over gRPC, as OTEL_EXPORTER_OTLP_ENDPOINT takes it.
func (s *Sink) GRPC() string { return "http://" + s.grpcListener.Addr().String() }

// HTTP is the endpoint of OTLP over HTTP.
func (s *Sink) HTTP() string { return "http://" + s.httpListener.Addr().String() }

// Close ends it, with what hangs. It may be called again.
func (s *Sink) Close() {
	s.once.Do(func() { close(s.closed) })
	s.grpc.Stop()
	_ = s.http.Close()
	s.served.Wait()
}

// Refuse has each request answered as unavailable, in a way that is not tried
// again.
func (s *Sink) Refuse() { s.become(refusing) }

// Hang has no request answered any more.
func (s *Sink) Hang() { s.become(hanging) }

// Receive has requests taken again.
func (s *Sink) Receive() { s.become(receiving) }

func (s *Sink) become(m mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = m
	s.tell()
}

// tell wakes those that wait; mu is held.
func (s *Sink) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Await returns the spans once there are n, or an error once ctx ends.
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

// Spans are those received so far.
func (s *Sink) Spans() []Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.spans)
}

// Bytes is all that was received, in Protobuf.
func (s *Sink) Bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.batches...)
}

// Headers are those of the last request, by their names in lower case.
func (s *Sink) Headers() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.headers)
}

var (
	errRefused = errors.New("refused")
	errClosed  = errors.New("closed")
)

// receive takes a batch, or says why not.
func (s *Sink) receive(ctx context.Context, batch *collector.ExportTraceServiceRequest, headers map[string][]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headers = headers
	s.tell()
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
	s.tell()
	return nil
}

// service is OTLP over gRPC.
type service struct {
	collector.UnimplementedTraceServiceServer
	sink *Sink
}

// Export takes a batch.
func (s service) Export(ctx context.Context, batch *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	headers, _ := metadata.FromIncomingContext(ctx)
	if err := s.sink.receive(ctx, batch, headers); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// post is OTLP over HTTP.
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

// unmarshalJSON reads OTLP's JSON, which is that of Protobuf but for ids, which
// are hexadecimal: they come out as other bytes here.
func unmarshalJSON(body []byte, batch *collector.ExportTraceServiceRequest) error {
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, batch)
}
