package engine

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

const (
	// decisionsKept is how many decisions /decisions/ID can show.
	decisionsKept = 4096
	// flushTimeout bounds how long Close waits for the last traces to be sent.
	flushTimeout = 2 * time.Second
)

// Config is what an engine is made from, in addition to its configuration.
type Config struct {
	// Replica names this process in decision IDs, Version its program in traces.
	Replica, Version string
	// CandidateFile is a configuration that is compared with the live one; empty: none.
	CandidateFile string
	Logger        *slog.Logger
	Metrics       *telemetry.Metrics
	// AuditTargets are the writers of audit lines.
	AuditTargets audit.Targets
	// TraceID returns the trace ID of the call that a context belongs to; nil: none.
	TraceID func(context.Context) string
	// Reloads are of further files that the front end reads.
	Reloads []Reload
}

// Engine decides requests and keeps its files current. A front end uses the exported
// fields and does not change them. Make one with [New].
type Engine struct {
	Gate    *gate.Gate
	Log     *audit.Log
	Metrics *telemetry.Metrics
	// Candidate decides by the candidate configuration; nil: there is none.
	Candidate *gate.Candidate
	// Traces sends spans; nil: tracing is disabled.
	Traces *telemetry.Traces

	logger        *slog.Logger
	replica       string
	memory        *audit.Memory
	candidateGate *gate.Gate // nil: there is no candidate
	reloaders     []*reloader
	// ready stays true once an issuer had keys: neither a later outage nor a reload to
	// an unreachable issuer takes a replica out of its service.
	ready atomic.Bool
}

// New makes an engine that decides by the live configuration, and starts to fetch the
// issuers' keys. [Engine.Close] stops that. The error is that of [Source.Load] for the
// candidate configuration.
func New(ctx context.Context, live *Loaded, c Config) (*Engine, error) {
	e := &Engine{
		Gate:    gate.New(live.Policy, gate.Options{Replica: c.Replica, Logger: c.Logger}),
		Metrics: c.Metrics, logger: c.Logger, replica: c.Replica, memory: audit.NewMemory(decisionsKept),
	}
	e.Log = audit.New(c.AuditTargets, e.memory, c.TraceID)
	e.addLiveReloads(live)
	if c.CandidateFile != "" {
		if err := e.addCandidate(live.source, c.CandidateFile); err != nil {
			e.Close()
			return nil, err
		}
	}
	for _, reload := range c.Reloads {
		e.reloaders = append(e.reloaders, newReloader(e.logger, reload))
	}
	e.openTraces(ctx, live.source.Getenv, c.Version)
	e.registerMetrics()
	return e, nil
}

// addLiveReloads keeps the live configuration and its revocation list current.
func (e *Engine) addLiveReloads(live *Loaded) {
	revoked := e.revokedReloader(Reload{Name: "revocation list", Label: "revoked", Count: e.Metrics.RevokedRead}, e.Gate)
	e.reloaders = append(e.reloaders, revoked)
	if live.source.File == "" {
		return
	}
	warnIgnored(e.logger, live.source.Getenv)
	first := live.Policy.Config()
	reload := Reload{Name: "configuration", Label: "config", Count: e.Metrics.Reloaded}
	e.reloaders = append(e.reloaders, e.configReloader(reload, e.Gate, live, func(policy *gate.Policy) {
		revoked.watchRevoked(e.Gate)
		cfg := policy.Config()
		if !reflect.DeepEqual(first.Server, cfg.Server) || !reflect.DeepEqual(first.Admin, cfg.Admin) {
			e.logger.Warn("server or admin has changed; the change takes effect after a restart")
		}
		logPolicy(e.logger, policy)
	}))
}

// addCandidate compares the configuration in a file with the live one. Its gate shares
// the keys of the live gate.
func (e *Engine) addCandidate(source Source, file string) error {
	source.File, source.Validate = file, nil
	source.Options.Keys, source.Options.Candidate = e.Gate, true
	loaded, err := open(source, "candidate configuration", e.logger)
	if err != nil {
		return err
	}
	e.candidateGate = gate.New(loaded.Policy, gate.Options{Replica: e.replica, Logger: e.logger})
	e.Candidate = gate.NewCandidate(e.candidateGate, func(r *request.Request, d gate.Difference) {
		e.Metrics.Differ(d.Live.Route, string(d.Live.Verdict), string(d.Candidate.Verdict), string(d.Candidate.Reason))
		e.Log.Differ(r, d)
	})
	e.Metrics.RegisterSkipped(e.Candidate.Skipped)
	revoked := e.revokedReloader(Reload{
		Name: "candidate revocation list", Label: "candidate_revoked", Count: e.Metrics.CandidateReloaded,
	}, e.candidateGate)
	reload := Reload{Name: "candidate configuration", Label: "candidate_config", Count: e.Metrics.CandidateReloaded}
	e.reloaders = append(e.reloaders, revoked, e.configReloader(reload, e.candidateGate, loaded, func(*gate.Policy) {
		revoked.watchRevoked(e.candidateGate)
	}))
	e.logger.Info("candidate configuration loaded; it is compared with the live one and changes no answer",
		"file", file, "config", loaded.Policy.Config().Hash)
	return nil
}

// openTraces enables tracing if the environment variables of OpenTelemetry name a
// receiver. They are often set for all programs of a host: what is wrong with them is
// logged, and the engine runs without traces.
func (e *Engine) openTraces(ctx context.Context, getenv func(string) (string, bool), version string) {
	traces, err := telemetry.NewTraces(ctx, getenv, e.logger, telemetry.Service{
		Name: "jwtgate", Version: version, Instance: e.replica,
	})
	switch {
	case err != nil:
		e.logger.Error("tracing is disabled", "error", err)
	case traces != nil:
		e.Traces = traces
		e.Metrics.RegisterTraces(traces)
		e.logger.Info("tracing is enabled", "protocol", traces.Protocol())
	}
}

// registerMetrics registers the metrics that are computed at each scrape.
func (e *Engine) registerMetrics() {
	e.Metrics.RegisterIssuers(e.issuers)
	e.Metrics.RegisterConfig(func() telemetry.ConfigSample {
		live := e.Gate.Config()
		refused := make(map[string]bool, len(e.reloaders))
		for _, r := range e.reloaders {
			refused[r.Label] = r.failure.Load() != nil
		}
		return telemetry.ConfigSample{
			Hash: live.Hash, Relaxations: countRelaxations(live), Refused: refused,
			Revoked: e.Gate.Revoked(), Remembered: e.Gate.Remembered(),
		}
	})
}

// Run keeps the files current and compares the candidate configuration, until ctx ends.
// Each value from reload makes it read all files again; nil: there are none.
func (e *Engine) Run(ctx context.Context, reload <-chan os.Signal) {
	var running sync.WaitGroup
	defer running.Wait()
	if e.Candidate != nil {
		running.Go(func() { e.Candidate.Run(ctx) })
	}
	for _, r := range e.reloaders {
		running.Go(func() { r.run(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-reload:
			for _, r := range e.reloaders {
				r.request()
			}
		}
	}
}

// LogConfiguration logs what the live configuration trusts and opens, and its warnings.
func (e *Engine) LogConfiguration() { logPolicy(e.logger, e.Gate.Policy()) }

// Close stops fetching keys and sends the last traces. Requests can still be decided
// with the keys at hand.
func (e *Engine) Close() {
	if e.candidateGate != nil {
		e.candidateGate.Close()
	}
	e.Gate.Close()
	if e.Traces != nil {
		e.Traces.Close(flushTimeout)
	}
}

// Views returns what operators see on the admin port.
func (e *Engine) Views() telemetry.Views {
	return telemetry.Views{
		Ready:   e.readiness,
		Issuers: func() any { return e.issuers() },
		Decision: func(id string) (any, bool) {
			line, found := e.memory.Find(id)
			return json.RawMessage(line), found
		},
	}
}

// issuers returns the state of the live configuration's issuers.
func (e *Engine) issuers() []issuer.Stats { return e.Gate.Issuers().Stats() }

func (e *Engine) readiness() telemetry.Readiness {
	state := telemetry.Readiness{Replica: e.replica, Config: e.Gate.Config().Hash}
	if e.Gate.Issuers().Ready() {
		e.ready.Store(true)
	} else {
		state.Detail = "no issuer has keys; see /issuers"
	}
	state.Ready = e.ready.Load()
	var problems []string
	for _, r := range e.reloaders {
		if problem := r.problem(); problem != "" {
			problems = append(problems, problem)
		}
	}
	state.Refused = strings.Join(problems, "\n")
	return state
}
