package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/engine"
	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

const (
	// keysTimeout bounds how long the server reports NOT_SERVING because an issuer's
	// keys are missing. Public routes work without keys, and a denial by jwtgate tells
	// a client more than one by Envoy.
	keysTimeout = 30 * time.Second
	// flushTimeout bounds how long a stopping server waits for its last log lines.
	flushTimeout = 2 * time.Second
	// stopTimeout bounds how long requests may take to end after the drain delay.
	stopTimeout = 10 * time.Second
)

// Config is what a server is made from, in addition to its configuration file.
type Config struct {
	// ConfigFile is the configuration; empty: the environment names a Cognito user pool.
	ConfigFile string
	// CandidateFile is a configuration that is compared with the live one; empty: none.
	CandidateFile string
	// Listen and AdminListen replace server.listen and admin.listen; empty: they do not.
	Listen, AdminListen string
	LogLevel            slog.Level
	// Stderr receives the log, and Stdout the audit lines that go there.
	Stderr, Stdout io.Writer
	Getenv         func(string) (string, bool)
	// Reload makes the server read all its files again, once for each value; nil: never.
	Reload <-chan os.Signal
	Build  telemetry.Build
	// Compile compiles configurations; nil: gate.Compile.
	Compile func(*config.Config, gate.CompileOptions) (*gate.Policy, error)
}

// Server answers Envoy's authorization requests. Make one with [New].
type Server struct {
	config Config
	errors *telemetry.Queue // in front of Stderr
	output *telemetry.Queue // in front of Stdout
	logger *slog.Logger

	cfg     *config.Config // that it started with
	replica string
	engine  *engine.Engine

	grpcListener, adminListener net.Listener
	grpc                        *extauthz.Server
	admin                       *telemetry.Admin
}

// New loads the configuration, opens the listeners and starts to fetch the issuers'
// keys. The error is a [config.Mistakes] if a configuration is wrong. A server has to
// be run: [Server.Run] releases what New opened.
func New(ctx context.Context, c Config) (_ *Server, err error) {
	s := &Server{config: c, errors: telemetry.NewQueue(c.Stderr), output: telemetry.NewQueue(c.Stdout)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	s.logger = slog.New(telemetry.NewHandler(s.errors, c.LogLevel))
	metrics := telemetry.NewMetrics(c.Build)
	metrics.RegisterDropped(func() uint64 { return s.errors.Dropped() + s.output.Dropped() })

	certificates := certificates{logger: s.logger, metrics: metrics}
	live, err := engine.Open(engine.Source{
		File: c.ConfigFile, Getenv: c.Getenv, Compile: c.Compile,
		Options: gate.CompileOptions{Logger: s.logger}, Validate: certificates.open,
	}, s.logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if s.engine == nil {
			live.Policy.Close()
		}
	}()
	s.cfg = live.Policy.Config()
	if err := s.listen(); err != nil {
		return nil, err
	}
	s.replica = replicaName(s.grpcListener.Addr().String())
	s.engine, err = engine.New(ctx, live, engine.Config{
		Replica: s.replica, Version: c.Build.Version, CandidateFile: c.CandidateFile,
		Logger: s.logger, Metrics: metrics, Reloads: certificates.reloads, TraceID: extauthz.TraceID,
		AuditTargets: audit.Targets{config.AuditStderr: s.errors, config.AuditStdout: s.output},
	})
	if err != nil {
		return nil, err
	}
	s.grpc = extauthz.NewServer(s.engine.Gate, extauthz.Observers{
		Log: s.engine.Log, Metrics: metrics, Candidate: s.engine.Candidate, Traces: s.engine.Traces,
	}, s.logger, certificates.live, s.cfg.Server.MaxConnections)
	s.admin = telemetry.NewAdmin(metrics, s.engine.Views(), s.cfg.Admin.Names)
	return s, nil
}

// listen opens both listeners.
func (s *Server) listen() (err error) {
	address := cmp.Or(s.config.Listen, s.cfg.Server.Listen)
	if s.grpcListener, err = listen("server.listen", address, s.cfg.Server.SocketMode); err != nil {
		return err
	}
	address = cmp.Or(s.config.AdminListen, s.cfg.Admin.Listen)
	s.adminListener, err = listen("admin.listen", address, noSocket)
	return err
}

// Run serves until ctx ends or a listener fails. It then stops in order: it reports
// NOT_SERVING to Envoy, answers the requests that still arrive, and writes the last audit
// lines and traces. Run can be called once.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	block := headroom(limitMemory(s.logger))
	defer runtime.KeepAlive(block)
	s.logger.Info("jwtgate "+s.config.Build.Version,
		"listen", s.grpcListener.Addr().String(), "admin", s.adminListener.Addr().String(),
		"source", s.cfg.Source, "config", s.cfg.Hash, "replica", s.replica)
	s.engine.LogConfiguration()

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.grpc.Serve(s.grpcListener) })
	group.Go(func() error { return s.admin.Serve(s.adminListener) })
	group.Go(func() error { s.engine.Run(ctx, s.config.Reload); return nil })
	group.Go(func() error { s.reportServing(ctx); return nil })
	group.Go(func() error { <-ctx.Done(); s.shutdown(); return nil })
	err := group.Wait()
	s.logger.Info("stopped")
	return err
}

// reportServing reports SERVING as soon as every issuer has keys or has failed a first
// fetch, and after keysTimeout in any case.
func (s *Server) reportServing(ctx context.Context) {
	s.engine.Gate.AwaitKeys(ctx, keysTimeout)
	if ctx.Err() == nil {
		s.grpc.SetServing(true)
		s.logger.Info("serving")
	}
}

// shutdown reports NOT_SERVING, answers requests until the drain delay is over and the
// last one has ended, and closes the listeners.
func (s *Server) shutdown() {
	drain := s.cfg.Server.DrainDelay
	s.logger.Info("stopping", "drain_delay", drain.String())
	ctx, cancel := context.WithTimeout(context.Background(), drain+stopTimeout)
	defer cancel()
	s.grpc.Shutdown(ctx, drain)
	s.admin.Shutdown(ctx)
}

// close releases what New opened, as far as it got, and writes the last log lines.
func (s *Server) close() {
	for _, listener := range []net.Listener{s.grpcListener, s.adminListener} {
		if listener != nil {
			_ = listener.Close() // a listener that was served on is closed already
		}
	}
	if s.engine != nil {
		s.engine.Close()
	}
	s.output.Close(flushTimeout)
	s.errors.Close(flushTimeout)
}

// replicaName names this process in decision IDs: the same name after a restart,
// another name for each replica, and nothing that tells clients about the host.
func replicaName(address string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s\x00%s", host, address)))
	return hex.EncodeToString(sum[:4])
}
