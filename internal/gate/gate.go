package gate

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Options are the settings of a gate that are not part of its config.
type Options struct {
	// Replica names this process in decision IDs.
	Replica string
	// Logger reports faults of the gate itself. Nil: slog's default.
	Logger *slog.Logger
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Gate decides requests by its live policy. It is safe for concurrent use.
type Gate struct {
	options Options
	reasons *reasons
	policy  atomic.Pointer[Policy]
	idle    sync.Pool // of *evaluation

	reloading sync.Mutex // one Reload or Close at a time
	swapping  sync.Mutex // one change of the policy or of its revocation list at a time
	// revokedReads counts the reads of a revocation list for a live policy.
	revokedReads atomic.Uint64
}

// New returns a gate that decides by p, and starts to fetch the issuers' keys in the
// background. It does not wait for them: until an issuer has keys, its tokens are denied
// with [ReasonKeysUnavailable]. [Gate.Close] ends the fetching.
func New(p *Policy, options Options) *Gate {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	g := &Gate{options: options, reasons: newReasons()}
	p.issuers.Start()
	g.policy.Store(p)
	return g
}

// firstFetch limits how long a reload waits for the keys of new issuers.
const firstFetch = 2 * time.Second

// Reload replaces the live policy by p as a whole: each request is decided by one of
// them. Issuers that share their keys with those of the live policy ([CompileOptions])
// keep them. Reload waits a short time for the keys of new issuers, so that their tokens
// are not denied as unavailable, and continues without them if they cannot be fetched. It
// is safe for concurrent use.
func (g *Gate) Reload(ctx context.Context, p *Policy) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	old := g.policy.Load()
	p.issuers.Start()
	p.awaitKeys(ctx, firstFetch)
	g.swap(p)
	old.issuers.Close()
}

// swap makes p the live policy. If a revocation list was read since p was compiled, the
// list of p can be older, and is read again.
func (g *Gate) swap(p *Policy) {
	g.swapping.Lock()
	defer g.swapping.Unlock()
	if g.revokedReads.Load() != p.revokedReads {
		if list, err := readRevoked(p.cfg); err == nil {
			p.verifier.SetRevocations(list)
		}
	}
	g.policy.Store(p)
}

// AwaitKeys waits until every issuer of the live config has keys or has failed its first
// fetch, until ctx ends, or until limit has passed.
func (g *Gate) AwaitKeys(ctx context.Context, limit time.Duration) {
	g.policy.Load().awaitKeys(ctx, limit)
}

// Close ends the fetching of keys and waits for it. Requests can still be decided, with
// the keys that were fetched.
func (g *Gate) Close() {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	g.policy.Load().issuers.Close()
}

// Issuers returns the live policy's issuers.
func (g *Gate) Issuers() *issuer.Set { return g.policy.Load().issuers }

// Policy returns the live policy.
func (g *Gate) Policy() *Policy { return g.policy.Load() }

// Config returns the live config. It must not be changed.
func (g *Gate) Config() *config.Config { return g.policy.Load().cfg }

// Routes returns the names of the live policy's rules, with the default one.
func (g *Gate) Routes() []string { return g.policy.Load().routes.Names() }

// Decide decides one request. ctx limits the wait for a key that has to be fetched. The
// decision is never nil and always has a verdict.
func (g *Gate) Decide(ctx context.Context, r *request.Request) *Decision {
	e, reused := g.idle.Get().(*evaluation)
	if !reused {
		e = new(evaluation)
	}
	g.begin(e, r, g.options.Now())
	e.run(ctx)
	d := e.decision
	d.Elapsed = g.options.Now().Sub(d.Time)
	e.verified.Forget()
	*e = e.cleared()
	g.idle.Put(e)
	return d
}

// Refuse returns the denial of a request that cannot be passed to Decide, because it could
// not be read, or because Decide failed. internalDetail is for operators.
func (g *Gate) Refuse(reason Reason, internalDetail string) *Decision {
	e := g.evaluate(&request.Request{}, g.options.Now())
	e.deny(reason, internalDetail)
	e.finish()
	return e.decision
}

// evaluate begins the evaluation of a request at a given time.
func (g *Gate) evaluate(r *request.Request, at time.Time) *evaluation {
	e := new(evaluation)
	g.begin(e, r, at)
	return e
}

// begin makes e, which must be empty, the evaluation of a request. Its decision is a denial
// until it has run.
func (g *Gate) begin(e *evaluation, r *request.Request, at time.Time) {
	p := g.policy.Load()
	e.policy, e.reasons, e.request = p, g.reasons, r
	e.decision = &Decision{
		ID: ID{Replica: g.options.Replica, Number: rand.Uint64()}, Time: at, Route: RouteNone,
		Verdict: VerdictDeny, Reason: ReasonInternal, ConfigHash: p.cfg.Hash,
	}
}

// cleared returns an empty evaluation that uses the memory of e.
func (e *evaluation) cleared() evaluation {
	e.parsed.Reset()
	return evaluation{parsed: e.parsed, verified: e.verified, further: e.further[:0]}
}
