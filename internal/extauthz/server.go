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

// Limits of the gRPC server, which with those of its connections bound what a
// stranger on the port can do. Envoy's own limits on what a client may send are below
// them; lint-envoy reports where they are not.
const (
	maxMessageBytes      = 128 << 10 // a CheckRequest holds one request's headers, of which Envoy takes 60 KiB by default
	maxConcurrentStreams = 200       // in one connection
	maxHeaderListBytes   = 16 << 10
	windowBytes          = 1 << 20 // fixed, so that no pings measure a better one
	bufferBytes          = 16 << 10
	streamWorkers        = 64 // goroutines a core that answer one Check after the other: more than Envoy has in flight, so that none grows a stack of its own (6 % of the CPU)
	handshakeTimeout     = 5 * time.Second
	minPingInterval      = 2 * time.Second // Envoy's shipped keepalive is 5 s
	maxIdle              = 30 * time.Minute
	maxAge               = time.Hour // Envoy then connects anew, and finds replicas that are new
	maxAgeGrace          = time.Minute
	pingInterval         = time.Minute // finds a peer that is gone without a word
	pingTimeout          = 20 * time.Second
)

// Server is the gRPC server that Envoy asks. Make one with [NewServer].
type Server struct {
	grpc        *grpc.Server
	health      *health.Server
	connections *connections
	stop        func() // ends the watch over the connections
	stopped     chan struct{}
}

// Observers are told of each decision.
type Observers struct {
	Log     *audit.Log
	Metrics *telemetry.Metrics
	// Candidate decides again by another config; nil when there is none.
	Candidate *gate.Candidate
	// Traces are sent of each decision; nil when there are none.
	Traces *telemetry.Traces

	preflights *preflightHints
}

// observe tells the observers of a decision about a call that began then.
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

// NewServer returns a server for the gate's decisions, which the observers are
// told of. It is NOT_SERVING until [Server.SetServing]. It speaks TLS and
// nothing else with these certificates, and plain text if they are nil. It has at
// most maxConnections connections at a time.
func NewServer(g *gate.Gate, observers Observers, logger *slog.Logger, certificates *Certificates, maxConnections int) *Server {
	observers.preflights = newPreflightHints(logger)
	var transport credentials.TransportCredentials
	if certificates != nil {
		transport = newHandshakes(certificates, logger, observers.Metrics)
	}
	all := newConnections(maxConnections, logger, observers.Metrics.ConnectionClosed)
	observers.Metrics.RegisterConnections(all.Open, maxConnections)
	return newServer(&service{
		gate: g, logger: logger, observe: observers.observe, calls: newCalls(),
		oversized: observers.Metrics.MessageRefused,
	}, transport, all)
}

// newServer returns a server that speaks plain text if transport is nil.
func newServer(s *service, transport credentials.TransportCredentials, all *connections) *Server {
	stopped := make(chan struct{})
	server := &Server{
		connections: all,
		stopped:     stopped,
		stop:        sync.OnceFunc(func() { close(stopped) }),
		grpc: grpc.NewServer(
			grpc.Creds(watched(transport)),
			//lint:ignore SA1019 it is the one way to take no compression, which another package registers for all
			grpc.RPCDecompressor(noCompression{}),
			grpc.ForceServerCodecV2(newCodec(s.calls)),
			grpc.MaxRecvMsgSize(maxMessageBytes),
			grpc.MaxConcurrentStreams(maxConcurrentStreams),
			grpc.MaxHeaderListSize(maxHeaderListBytes),
			grpc.ReadBufferSize(bufferBytes),
			grpc.InTapHandle(takeStream),
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
	server.grpc.RegisterService(watchedService(healthpb.Health_ServiceDesc), server.health)
	server.grpc.RegisterService(description(), s)
	return server
}

// noCompression refuses every message that says it is compressed: a small one could
// stand for a large one.
type noCompression struct{}

// Do refuses.
func (noCompression) Do(io.Reader) ([]byte, error) {
	return nil, errors.New("compressed messages are not taken")
}

// Type is that of the one compression that could be there.
func (noCompression) Type() string { return "gzip" }

// Serve answers on the listener until [Server.Shutdown], or until the listener
// fails. After a Shutdown it closes the listener and returns at once.
func (s *Server) Serve(listener net.Listener) error {
	go s.connections.watch(s.stopped)
	if err := s.grpc.Serve(s.connections.listen(listener)); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// SetServing reports health under "" and [ServiceName].
func (s *Server) SetServing(serving bool) {
	status := healthpb.HealthCheckResponse_NOT_SERVING
	if serving {
		status = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", status)
	s.health.SetServingStatus(ServiceName, status)
}

// Shutdown says NOT_SERVING, so that Envoy sends no more, waits for drain, lets
// what runs end, and closes what is left once ctx ends.
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
		// Not waited for: a graceful stop that was begun waits for its checks
		// even now, and one may hang.
		s.grpc.Stop()
	}
}
