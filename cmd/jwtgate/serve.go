package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// Times of starting and stopping.
const (
	// healthGrace is how long the server stays NOT_SERVING for want of keys:
	// public routes must work, and a denial of ours says more than Envoy's.
	healthGrace = 30 * time.Second
	// flushTimeout bounds how long the last lines of the log are waited for, and
	// the last traces.
	flushTimeout = 2 * time.Second
	// remembered is how many decisions can be looked up by their ids.
	remembered = 4096
	// stopTimeout bounds the stop behind the drain delay.
	stopTimeout = 10 * time.Second
)

type serveCommand struct {
	Config          string   `help:"The configuration; without one, a Cognito pool from the environment." placeholder:"FILE" env:"JWTGATE_CONFIG"`
	Listen          string   `help:"Where Envoy asks: host:port or unix:PATH; before server.listen." placeholder:"A" env:"JWTGATE_LISTEN"`
	AdminListen     string   `help:"Where probes and operators ask: host:port; before admin.listen." placeholder:"A" env:"JWTGATE_ADMIN_LISTEN"`
	CandidateConfig string   `help:"A candidate configuration that decides each request too, changes no answer, and records where it would differ." placeholder:"FILE"`
	LogLevel        logLevel `help:"DEBUG, INFO, WARN or ERROR." placeholder:"L" default:"INFO" env:"JWTGATE_LOG_LEVEL"`
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
	var hangup <-chan os.Signal
	if c.hangup != nil { // before anything is written
		hangup = c.hangup()
	}
	queue := telemetry.NewQueue(c.err)
	defer queue.Close(flushTimeout)
	out := telemetry.NewQueue(c.out)
	defer out.Close(flushTimeout)
	s := &server{
		logger: slog.New(telemetry.NewHandler(queue, cmd.LogLevel.Level)), getenv: c.getenv, compile: c.compile,
		metrics: telemetry.NewMetrics(telemetry.Build{Version: version, Commit: commit, GoVersion: runtime.Version()}),
		memory:  audit.NewMemory(remembered),
	}
	// Decisions are recorded whatever the level of what the program logs of itself.
	s.log = audit.New(audit.Targets{
		config.AuditStderr: queue,
		config.AuditStdout: out,
	}, s.memory, extauthz.TraceID)
	s.metrics.RegisterDropped(func() uint64 { return queue.Dropped() + out.Dropped() })
	if err := s.open(cmd); err != nil {
		return tellMistakes(c.err, err)
	}
	defer s.close()
	limitMemory(s.logger)
	return s.run(ctx, hangup)
}

// server is the parts of a running jwtgate.
type server struct {
	logger  *slog.Logger
	getenv  func(string) (string, bool)
	compile func(*config.Config, gate.CompileOptions) (*gate.Policy, error)
	metrics *telemetry.Metrics
	log     *audit.Log
	memory  *audit.Memory

	cfg       *config.Config // that it started with
	written   listens        // as the file has them, before flags
	replica   string
	grpc      net.Listener
	http      net.Listener
	gate      *gate.Gate
	candidate *gate.Gate // nil without a candidate config
	shadow    *gate.Candidate
	extauthz  *extauthz.Server
	// certificates are those of the gRPC port; nil without TLS.
	certificates *extauthz.Certificates
	traces       *telemetry.Traces // nil when they are not sent
	admin        *telemetry.Admin

	// What follows files; nil where there is no file.
	config, candidateConfig, revoked, candidateRevoked, certificate *follower
	// ready stays on once an issuer has had keys: neither an outage later nor a
	// reload to an issuer that is down takes a replica out of its service.
	ready atomic.Bool
}

// listens are the settings that take effect at a start only.
type listens struct {
	server config.Server
	admin  config.Admin
}

// open reads the configurations and makes the parts, the listeners first. After
// an error nothing is left open.
func (s *server) open(cmd serveCommand) (err error) {
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	// Watched before it is read, so that no change is missed.
	if cmd.Config != "" {
		s.config = newFollower("config", "the configuration", s.logger, filewatch.New, cmd.Config)
	}
	var policy *gate.Policy
	if s.cfg, policy, err = s.source(cmd.Config).load(); err != nil {
		return err
	}
	defer func() {
		if s.gate == nil {
			policy.Close()
		}
	}()
	s.written = listens{s.cfg.Server, s.cfg.Admin}
	s.cfg.Server.Listen = cmp.Or(cmd.Listen, s.cfg.Server.Listen)
	s.cfg.Admin.Listen = cmp.Or(cmd.AdminListen, s.cfg.Admin.Listen)
	if s.grpc, err = listen("server.listen", s.cfg.Server.Listen, s.cfg.Server.SocketMode); err != nil {
		return err
	}
	if s.http, err = listen("admin.listen", s.cfg.Admin.Listen, noSocket); err != nil {
		return err
	}
	if err = s.openCertificates(); err != nil {
		return err
	}
	s.replica = replicaName(s.grpc.Addr().String())
	s.gate = gate.New(policy, gate.Options{Replica: s.replica, Logger: s.logger})
	if cmd.CandidateConfig != "" {
		if err := s.openCandidate(cmd.CandidateConfig); err != nil {
			return err
		}
	}
	s.follow(cmd.Config)
	s.openTraces()
	s.observe()
	return nil
}

// source is that of the server's own configuration, whose certificates have to be
// there as well.
func (s *server) source(file string) source {
	return source{file: file, getenv: s.getenv, compile: s.compile, options: gate.CompileOptions{Logger: s.logger}, further: certificateMistakes}
}

// openCandidate makes the gate that decides by a candidate config, with the keys
// that the live one has.
func (s *server) openCandidate(file string) error {
	s.candidateConfig = newFollower("candidate_config", "the candidate configuration", s.logger, filewatch.New, file)
	from := source{file: file, getenv: s.getenv, compile: s.compile, options: gate.CompileOptions{Logger: s.logger, Keys: s.gate}}
	cfg, policy, err := from.load()
	if err != nil {
		return err
	}
	s.candidate = gate.New(policy, gate.Options{Replica: s.replica, Logger: s.logger})
	s.shadow = gate.NewCandidate(s.candidate, func(r *gate.Request, d gate.Difference) {
		s.metrics.Differ(d.Live.Route, string(d.Live.Verdict), string(d.Candidate.Verdict), string(d.Candidate.Reason))
		s.log.Differ(r, d)
	})
	s.metrics.RegisterSkipped(s.shadow.Skipped)
	s.candidateConfig.count = s.metrics.CandidateReloaded
	s.candidateRevoked = newFollower("candidate_revoked", "the candidate's list of what is revoked", s.logger, filewatch.NewPrompt)
	s.candidateRevoked.count = s.metrics.CandidateReloaded
	s.candidateRevoked.followRevoked(s.candidate)
	s.candidateConfig.followConfig(s.candidate, from, func(*gate.Policy) { s.candidateRevoked.rewatchRevoked(s.candidate) })
	s.logger.Info("a candidate configuration decides too, and changes nothing", "file", file, "config", cfg.Hash)
	return nil
}

// follow keeps the live gate at what its files say.
func (s *server) follow(file string) {
	s.revoked = newFollower("revoked", "the list of what is revoked", s.logger, filewatch.NewPrompt)
	s.revoked.count = s.metrics.RevokedRead
	s.revoked.followRevoked(s.gate)
	if s.config == nil {
		return
	}
	warnIgnored(s.logger, s.getenv)
	s.config.count = s.metrics.Reloaded
	s.config.followConfig(s.gate, s.source(file), func(policy *gate.Policy) {
		cfg := policy.Config()
		s.revoked.rewatchRevoked(s.gate)
		if !reflect.DeepEqual(s.written, listens{cfg.Server, cfg.Admin}) {
			s.logger.Warn("server and admin have changed, and take effect at the next start only")
		}
		announce(s.logger, policy)
	})
}

// followers are those that there are.
func (s *server) followers() []*follower {
	all := []*follower{s.config, s.candidateConfig, s.revoked, s.candidateRevoked, s.certificate}
	return slices.DeleteFunc(all, func(f *follower) bool { return f == nil })
}

// observe makes the servers over the parts.
func (s *server) observe() {
	s.metrics.RegisterIssuers(s.issuerSamples)
	s.metrics.RegisterConfig(func() telemetry.ConfigSample {
		live := s.gate.Config()
		return telemetry.ConfigSample{
			Hash: live.Hash, Relaxations: relaxationCounts(live), Refused: refusedFiles(s.followers()),
			Revoked: s.gate.Revoked(), Remembered: s.gate.Remembered(),
		}
	})
	s.extauthz = extauthz.NewServer(s.gate, extauthz.Observers{Log: s.log, Metrics: s.metrics, Candidate: s.shadow, Traces: s.traces}, s.logger, s.certificates, s.cfg.Server.MaxConnections)
	s.admin = telemetry.NewAdmin(s.metrics, telemetry.Views{
		Ready:   s.readiness,
		Issuers: func() any { return issuersView(s.gate.Issuers().Stats()) },
		Decision: func(id string) (any, bool) {
			line, found := s.memory.Find(id)
			return json.RawMessage(line), found
		},
	}, s.cfg.Admin.Names)
}

// close gives up what open has made, as far as it came.
func (s *server) close() {
	for _, listener := range []net.Listener{s.grpc, s.http} {
		if listener != nil {
			_ = listener.Close() // closed already when it was served on
		}
	}
	if s.candidate != nil {
		s.candidate.Close()
	}
	if s.gate != nil {
		s.gate.Close()
	}
	if s.traces != nil {
		s.traces.Close(flushTimeout)
	}
}

// run serves until ctx ends or a part fails, and stops in good order: Envoy is
// told first, and what it has asked is answered.
func (s *server) run(ctx context.Context, hangup <-chan os.Signal) error {
	s.logger.Info("jwtgate "+version,
		"listen", s.grpc.Addr().String(), "admin", s.http.Addr().String(),
		"source", s.cfg.Source, "config", s.cfg.Hash, "replica", s.replica)
	announce(s.logger, s.gate.Policy())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.extauthz.Serve(s.grpc) })
	group.Go(func() error { return s.admin.Serve(s.http) })
	group.Go(func() error { s.reportHealth(ctx); return nil })
	if s.shadow != nil {
		group.Go(func() error { s.shadow.Run(ctx); return nil })
	}
	s.followAll(ctx, group, hangup)
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

// followAll has the files followed, and each of them read again on a hangup.
func (s *server) followAll(ctx context.Context, group *errgroup.Group, hangup <-chan os.Signal) {
	var tell []chan os.Signal
	for _, f := range s.followers() {
		told := make(chan os.Signal, 1)
		tell = append(tell, told)
		group.Go(func() error { f.run(ctx, told); return nil })
	}
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case signal := <-hangup:
				for _, told := range tell {
					select {
					case told <- signal:
					default: // one is waiting already
					}
				}
			}
		}
	})
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
		state.Detail = "no issuer has keys; see /issuers"
	}
	state.Ready = s.ready.Load()
	var refused []string
	for _, f := range s.followers() {
		if why := f.detail(); why != "" {
			refused = append(refused, why)
		}
	}
	state.Refused = strings.Join(refused, "\n")
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
