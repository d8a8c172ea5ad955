package extauthz

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// Limits of the gRPC server. Together with the limits of its connections, they bound what
// an untrusted client of the port can do. Envoy's limits on requests are lower; where they
// are not, lint-envoy reports it.
const (
	maxMessageBytes      = 128 << 10 // a CheckRequest has the headers of one request; Envoy's default limit is 60 KiB
	maxConcurrentStreams = 200       // per connection
	maxHeaderListBytes   = 16 << 10
	windowBytes          = 1 << 20 // fixed, so that grpc-go sends no pings to measure a better one
	bufferBytes          = 16 << 10
	streamWorkers        = 64 // see newServer
	handshakeTimeout     = 5 * time.Second
	minPingInterval      = 2 * time.Second // Envoy's shipped keepalive is 5 s
	maxIdle              = 30 * time.Minute
	maxAge               = time.Hour // then Envoy reconnects, and finds new replicas
	maxAgeGrace          = time.Minute
	pingInterval         = time.Minute // detects a peer that disappeared
	pingTimeout          = 20 * time.Second
)

// Server is the gRPC server that Envoy calls. Make one with [NewServer].
type Server struct {
	grpc        *grpc.Server
	health      *health.Server
	connections *connections
	stop        func() // ends the sweeps of connections
	stopped     chan struct{}
}

// Observers receive each decision.
type Observers struct {
	Log     *audit.Log
	Metrics *telemetry.Metrics
	// Candidate decides each request again with another configuration; nil if there is
	// none.
	Candidate *gate.Candidate
	// Traces receives a span for each decision; nil if traces are off.
	Traces *telemetry.Traces

	preflights *preflightHints
}

// observe passes a decision to the observers. The call began at began.
func (o Observers) observe(ctx context.Context, began time.Time, r *request.Request, d *gate.Decision) {
	o.Metrics.Check(d.Route, string(d.Verdict), string(d.Reason), d.Elapsed)
	if d.Presented {
		o.Metrics.Token(d.Cached)
	}
	o.Log.Write(ctx, r, d)
	o.preflights.observe(ctx, d)
	if o.Candidate != nil {
		o.Candidate.Offer(r, d)
	}
	if o.Traces != nil {
		o.Traces.Check(parentOf(ctx), span(began, d))
	}
}

// NewServer returns a server that answers with the gate's decisions and passes them to the
// observers. It is NOT_SERVING until [Server.SetServing]. With certificates it uses TLS, and
// nothing else; if they are nil, it uses plain text. It has at most maxConnections
// connections at a time.
func NewServer(g *gate.Gate, observers Observers, logger *slog.Logger, certificates *Certificates, maxConnections int) *Server {
	observers.preflights = newPreflightHints(logger)
	var transport credentials.TransportCredentials
	if certificates != nil {
		transport = newLoggedCredentials(certificates, logger, observers.Metrics)
	}
	all := newConnections(maxConnections, logger, observers.Metrics.ConnectionClosed)
	observers.Metrics.RegisterConnections(all.Open, maxConnections)
	return newServer(&service{
		gate: g, logger: logger, observe: observers.observe, calls: newCalls(),
		oversized: observers.Metrics.MessageRefused,
	}, transport, all)
}

// newServer returns a server, which uses plain text if transport is nil.
//
// For each core, streamWorkers goroutines answer one Check after the other. That is more
// than Envoy has in flight, so that no Check needs a new goroutine, whose stack would have to
// grow (6 % of the CPU).
func newServer(s *service, transport credentials.TransportCredentials, all *connections) *Server {
	stopped := make(chan struct{})
	server := &Server{
		connections: all,
		stopped:     stopped,
		stop:        sync.OnceFunc(func() { close(stopped) }),
		grpc: grpc.NewServer(
			grpc.Creds(tracked(transport)),
			//lint:ignore SA1019 deprecated, but the only way to reject compression, which another package registers globally
			grpc.RPCDecompressor(noCompression{}),
			grpc.ForceServerCodecV2(newCodec(s.calls)),
			grpc.MaxRecvMsgSize(maxMessageBytes),
			grpc.MaxConcurrentStreams(maxConcurrentStreams),
			grpc.MaxHeaderListSize(maxHeaderListBytes),
			grpc.ReadBufferSize(bufferBytes),
			grpc.InTapHandle(limitStream),
			grpc.UnknownServiceHandler(unknownMethod),
			grpc.NumStreamWorkers(uint32(streamWorkers*runtime.GOMAXPROCS(0))),
			grpc.InitialWindowSize(windowBytes),
			grpc.InitialConnWindowSize(windowBytes),
			grpc.ConnectionTimeout(handshakeTimeout),
			grpc.KeepaliveParams(keepalive.ServerParameters{
				MaxConnectionIdle: maxIdle, MaxConnectionAge: maxAge, MaxConnectionAgeGrace: maxAgeGrace,
				Time: pingInterval, Timeout: pingTimeout,
			}),
			grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPingInterval, PermitWithoutStream: true}),
		),
		health: health.NewServer(),
	}
	server.SetServing(false)
	server.grpc.RegisterService(limitedService(healthpb.Health_ServiceDesc), server.health)
	server.grpc.RegisterService(description(), s)
	return server
}

// noCompression rejects every compressed message, because a small one could decompress to a
// large one.
type noCompression struct{}

// Do returns an error.
func (noCompression) Do(io.Reader) ([]byte, error) {
	return nil, errors.New("compressed messages are not supported")
}

// Type returns the name of the only compression that could be registered.
func (noCompression) Type() string { return "gzip" }

// Serve serves the listener until [Server.Shutdown] or an error of the listener. After a
// Shutdown it closes the listener and returns immediately.
func (s *Server) Serve(listener net.Listener) error {
	go s.connections.run(s.stopped)
	if err := s.grpc.Serve(s.connections.listen(listener)); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// SetServing sets the health of "" and of [ServiceName].
func (s *Server) SetServing(serving bool) {
	status := healthpb.HealthCheckResponse_NOT_SERVING
	if serving {
		status = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", status)
	s.health.SetServingStatus(ServiceName, status)
}

// Shutdown sets the health to NOT_SERVING, so that Envoy sends no more requests, and waits
// for the drain time. Then it waits for the requests in flight, until ctx ends, and closes
// all connections.
func (s *Server) Shutdown(ctx context.Context, drain time.Duration) {
	s.health.Shutdown()
	defer s.stop()
	wait := time.NewTimer(drain)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	stopped := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		// It does not wait for GracefulStop, which still waits for the requests in
		// flight, one of which may hang.
		s.grpc.Stop()
	}
}
