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
	"slices"
	"strings"
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
	// healthInterval is how often the keys are asked about until then.
	healthInterval = 50 * time.Millisecond
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
	cfg, err := loadConfig(cmd.Config, c.getenv)
	if err != nil {
		return tellMistakes(c.err, err)
	}
	if cmd.Listen != "" {
		cfg.Server.Listen = cmd.Listen
	}
	if cmd.AdminListen != "" {
		cfg.Admin.Listen = cmd.AdminListen
	}
	handler := telemetry.NewHandler(c.err, cmd.LogLevel.Level)
	s, err := newServer(cfg, handler)
	if err != nil {
		return err
	}
	if cmd.Config != "" {
		s.warnIgnored(c.getenv)
	}
	return s.run(ctx)
}

// server is the parts of a running jwtgate, in the order in which they start.
type server struct {
	cfg      *config.Config
	logger   *slog.Logger
	replica  string
	grpc     net.Listener
	http     net.Listener
	gate     *gate.Gate
	extauthz *extauthz.Server
	admin    *telemetry.Admin
}

// newServer opens the listeners, and then makes what serves on them.
func newServer(cfg *config.Config, handler slog.Handler) (*server, error) {
	s := &server{cfg: cfg, logger: slog.New(handler)}
	var err error
	if s.grpc, err = listen("server.listen", cfg.Server.Listen, cfg.Server.SocketMode); err != nil {
		return nil, err
	}
	if s.http, err = listen("admin.listen", cfg.Admin.Listen, cfg.Server.SocketMode); err != nil {
		_ = s.grpc.Close() // the first error is the one to tell
		return nil, err
	}
	s.replica = replicaName(s.grpc.Addr().String())
	if s.gate, err = gate.New(cfg, gate.Options{Replica: s.replica, Logger: s.logger}); err != nil {
		return nil, err
	}
	metrics := telemetry.NewMetrics(telemetry.Build{Version: version, Commit: commit, GoVersion: runtime.Version()})
	metrics.RegisterIssuers(s.issuerSamples)
	s.extauthz = extauthz.NewServer(s.gate, audit.New(handler), metrics, s.logger)
	s.admin = telemetry.NewAdmin(metrics, s.readiness, func() any { return issuersView(s.gate.Issuers().Stats()) })
	return s, nil
}

// run serves until ctx ends or a part fails, and stops in good order: Envoy is
// told first, and what it has asked is answered.
func (s *server) run(ctx context.Context) error {
	defer s.gate.Close()
	s.announce()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.extauthz.Serve(s.grpc) })
	group.Go(func() error { return s.admin.Serve(s.http) })
	group.Go(func() error { s.reportHealth(ctx); return nil })
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
	ticker := time.NewTicker(healthInterval)
	defer ticker.Stop()
	grace := time.NewTimer(healthGrace)
	defer grace.Stop()
	for !s.gate.Issuers().Healthy() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			continue
		case <-grace.C:
		}
		break
	}
	if ctx.Err() == nil {
		s.extauthz.SetServing(true)
		s.logger.Info("serving")
	}
}

// announce says what runs and what of it is open.
func (s *server) announce() {
	s.logger.Info("jwtgate "+version,
		"listen", s.grpc.Addr().String(), "admin", s.http.Addr().String(),
		"source", s.cfg.Source, "config", s.cfg.Hash, "replica", s.replica)
	for _, i := range s.cfg.Issuers {
		attrs := []any{"name", i.Name, "iss", i.ISS, "prefix", i.Prefix, "clients", i.Clients, "audiences", i.Audiences, "algorithms", i.Algorithms}
		if i.Cognito != nil {
			attrs = append(attrs, "token_use", i.Cognito.TokenUse)
		}
		s.logger.Info("trusted issuer", attrs...)
	}
	for _, relaxation := range relaxations(s.cfg) {
		s.logger.Warn("open by configuration", "relaxation", relaxation)
	}
	for _, warning := range s.cfg.Warnings {
		s.logger.Warn("configuration", "at", warning.Pos.String(), "warning", warning.Text)
	}
}

// relaxations names everything that the config opens.
func relaxations(cfg *config.Config) []string {
	var open []string
	for _, i := range cfg.Issuers {
		if i.AllowHTTP {
			open = append(open, i.Path+".dangerously_allow_http")
		}
	}
	for _, r := range cfg.Routes {
		if r.Access == config.AccessPublic {
			open = append(open, "public route "+r.Name)
		}
	}
	return open
}

// warnIgnored tells of variables of the environment mode that a config file
// overrules.
func (s *server) warnIgnored(getenv func(string) (string, bool)) {
	ignored := slices.DeleteFunc(config.EnvironmentVariables(), func(name string) bool {
		_, set := getenv(name)
		return !set
	})
	if len(ignored) > 0 {
		s.logger.Warn("ignored, since there is a configuration file: "+strings.Join(ignored, ", "), "variables", ignored)
	}
}

func (s *server) readiness() telemetry.Readiness {
	state := telemetry.Readiness{Ready: s.gate.Issuers().Ready(), Replica: s.replica, Config: s.gate.Config().Hash}
	if !state.Ready {
		state.Detail = "no issuer has keys yet; see /issuers"
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
