package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// Times of starting and stopping.
const (
	// healthGrace is how long the server stays NOT_SERVING for want of keys:
	// public routes must work, and a denial of ours says more than Envoy's.
	healthGrace = 30 * time.Second
	// flushTimeout bounds how long the last lines of the log are waited for.
	flushTimeout = 2 * time.Second
	// stopTimeout bounds the stop behind the drain delay.
	stopTimeout = 10 * time.Second
)

type serveCommand struct {
	Config      string   `help:"The configuration; without one, a Cognito pool from the environment." placeholder:"FILE" env:"JWTGATE_CONFIG"`
	Listen      string   `help:"Where Envoy asks: host:port or unix:PATH; before server.listen." placeholder:"A" env:"JWTGATE_LISTEN"`
	AdminListen string   `help:"Where probes and operators ask: host:port; before admin.listen." placeholder:"A" env:"JWTGATE_ADMIN_LISTEN"`
	LogLevel    logLevel `help:"DEBUG, INFO, WARN or ERROR." placeholder:"L" default:"INFO" env:"JWTGATE_LOG_LEVEL"`
}

// logLevel is a level of slog. An empty one, such as a variable that is set to
// nothing, is INFO.
type logLevel struct{ slog.Level }

// UnmarshalText reads a level by its name.
func (l *logLevel) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if err := l.Level.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is no level; write DEBUG, INFO, WARN or ERROR", text)
	}
	return nil
}

// Help is the command's longer help.
func (serveCommand) Help() string {
	return `Logs JSON lines to standard error: what it does, and each request that it denies.

Examples:
  jwtgate serve --config jwtgate.yaml
  COGNITO_USER_POOLS_ID=us-west-1_6BpkgoczU COGNITO_WEB_CLIENT_ID=3v5exampleclient jwtgate serve`
}

// Run serves until ctx ends.
func (cmd serveCommand) Run(ctx context.Context, c console) error {
	queue := telemetry.NewQueue(c.err)
	defer queue.Close(flushTimeout)
	handler := telemetry.NewHandler(queue, cmd.LogLevel.Level)
	// Decisions are recorded whatever the level of what the program says of itself.
	decisions := audit.New(telemetry.NewHandler(queue, slog.LevelInfo))
	// Watched before it is read, so that no change is missed.
	reloader := newReloader(cmd.Config, c.getenv, slog.New(handler))
	cfg, err := loadConfig(cmd.Config, c.getenv)
	if err != nil {
		return tellMistakes(c.err, err)
	}
	written := listens{cfg.Server, cfg.Admin}
	if cmd.Listen != "" {
		cfg.Server.Listen = cmd.Listen
	}
	if cmd.AdminListen != "" {
		cfg.Admin.Listen = cmd.AdminListen
	}
	s, err := newServer(cfg, slog.New(handler), decisions)
	if err != nil {
		return err
	}
	s.written = written
	s.metrics.RegisterDropped(queue.Dropped)
	if reloader != nil {
		warnIgnored(s.logger, c.getenv)
		s.reloader, reloader.server = reloader, s
	}
	var hangup <-chan os.Signal
	if c.hangup != nil {
		hangup = c.hangup()
	}
	return s.run(ctx, hangup)
}

// server is the parts of a running jwtgate, in the order in which they start.
type server struct {
	cfg      *config.Config // that it started with
	written  listens        // as the file has them, before flags
	logger   *slog.Logger
	replica  string
	grpc     net.Listener
	http     net.Listener
	gate     *gate.Gate
	metrics  *telemetry.Metrics
	extauthz *extauthz.Server
	admin    *telemetry.Admin
	reloader *reloader // nil without a config file
	// ready stays on once an issuer has had keys: neither an outage later nor a
	// reload to an issuer that is down takes a replica out of its service.
	ready atomic.Bool
}

// listens are the settings that take effect at a start only.
type listens struct {
	server config.Server
	admin  config.Admin
}

// newServer opens the listeners, and then makes what serves on them.
func newServer(cfg *config.Config, logger *slog.Logger, decisions *audit.Log) (*server, error) {
	s := &server{cfg: cfg, logger: logger}
	var err error
	if s.grpc, err = listen("server.listen", cfg.Server.Listen, cfg.Server.SocketMode); err != nil {
		return nil, err
	}
	if s.http, err = listen("admin.listen", cfg.Admin.Listen, noSocket); err != nil {
		_ = s.grpc.Close() // the first error is the one to tell
		return nil, err
	}
	s.replica = replicaName(s.grpc.Addr().String())
	if s.gate, err = gate.New(cfg, gate.Options{Replica: s.replica, Logger: s.logger}); err != nil {
		return nil, err
	}
	s.metrics = telemetry.NewMetrics(telemetry.Build{Version: version, Commit: commit, GoVersion: runtime.Version()})
	s.metrics.RegisterIssuers(s.issuerSamples)
	s.metrics.RegisterConfig(func() telemetry.ConfigSample {
		live := s.gate.Config()
		return telemetry.ConfigSample{Hash: live.Hash, Relaxations: relaxationCounts(live)}
	})
	s.extauthz = extauthz.NewServer(s.gate, decisions, s.metrics, s.logger)
	s.admin = telemetry.NewAdmin(s.metrics, s.readiness, func() any { return issuersView(s.gate.Issuers().Stats()) })
	return s, nil
}

// run serves until ctx ends or a part fails, and stops in good order: Envoy is
// told first, and what it has asked is answered.
func (s *server) run(ctx context.Context, hangup <-chan os.Signal) error {
	defer s.gate.Close()
	s.logger.Info("jwtgate "+version,
		"listen", s.grpc.Addr().String(), "admin", s.http.Addr().String(),
		"source", s.cfg.Source, "config", s.cfg.Hash, "replica", s.replica)
	announce(s.logger, s.cfg)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.extauthz.Serve(s.grpc) })
	group.Go(func() error { return s.admin.Serve(s.http) })
	group.Go(func() error { s.reportHealth(ctx); return nil })
	if s.reloader != nil {
		group.Go(func() error { s.reloader.run(ctx, hangup); return nil })
	}
	group.Go(func() error {
		<-ctx.Done()
		s.logger.Info("stopping", "drain_delay", s.cfg.Server.DrainDelay.String())
		limit, cancel := context.WithTimeout(context.Background(), s.cfg.Server.DrainDelay+stopTimeout)
		defer cancel()
		s.extauthz.Shutdown(limit, s.cfg.Server.DrainDelay)
		s.admin.Shutdown(limit)
		return nil
	})
	err := group.Wait()
	s.logger.Info("stopped")
	return err
}

// reportHealth says SERVING as soon as every issuer has keys or has failed a
// first fetch, and after healthGrace in any case.
func (s *server) reportHealth(ctx context.Context) {
	s.gate.AwaitKeys(ctx, healthGrace)
	if ctx.Err() == nil {
		s.extauthz.SetServing(true)
		s.logger.Info("serving")
	}
}

func (s *server) readiness() telemetry.Readiness {
	state := telemetry.Readiness{Replica: s.replica, Config: s.gate.Config().Hash}
	if s.gate.Issuers().Ready() {
		s.ready.Store(true)
	} else {
		state.Detail = "no issuer has keys yet; see /issuers"
	}
	state.Ready = s.ready.Load()
	if s.reloader != nil {
		state.Refused = s.reloader.detail()
	}
	return state
}

// replicaName names this process in decision ids: the same again after a
// restart, another for each replica, and nothing about the host to clients.
func replicaName(address string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s\x00%s", host, address)))
	return hex.EncodeToString(sum[:4])
}
