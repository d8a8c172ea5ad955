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

// Options are what a gate is given beside its config.
type Options struct {
	// Replica names this process in decision ids.
	Replica string
	// Logger reports faults of the gate itself. Nil: slog's default.
	Logger *slog.Logger
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Gate decides requests by one config. It is safe for concurrent use.
type Gate struct {
	options Options
	reasons *reasons
	policy  atomic.Pointer[Policy]
	checks  sync.Pool // of *check, not in use

	reloading sync.Mutex // one Reload or Close at a time
	swapping  sync.Mutex // one change of the policy, or of its list of what is revoked, at a time
	// revokedReads counts the lists of what is revoked that were read after a policy
	// was compiled.
	revokedReads atomic.Uint64
}

// New makes a gate that decides by p, and begins to fetch the issuers' keys in the
// background. It waits for nothing: requests can be decided at once, and tokens of
// an issuer without keys are denied as unavailable. [Gate.Close] ends the fetching.
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

// firstFetch bounds how long a new config waits for the keys of issuers that
// are new in it.
const firstFetch = 2 * time.Second

// Reload replaces the live policy by p, at once and as a whole: a request is
// decided by one or the other. Issuers that share their keys with those of the live
// one ([CompileOptions]) keep them. Those that are new get a moment to fetch theirs
// first, so that their tokens are not denied as unavailable; a fetch that fails
// stops nothing. It is safe for concurrent use.
func (g *Gate) Reload(ctx context.Context, p *Policy) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	old := g.policy.Load()
	p.issuers.Start()
	p.awaitKeys(ctx, firstFetch)
	g.swap(p)
	old.issuers.Close()
}

// swap makes p the live policy. If a list of what is revoked was read since p was
// compiled, p's own is older, and is read again.
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

// AwaitKeys waits until every issuer of the live config has keys or has failed a
// first fetch, until ctx ends, and for limit at most.
func (g *Gate) AwaitKeys(ctx context.Context, limit time.Duration) {
	g.policy.Load().awaitKeys(ctx, limit)
}

// Close ends the fetching of keys and waits for it. Requests can still be
// decided, by the keys at hand.
func (g *Gate) Close() {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	g.policy.Load().issuers.Close()
}

// Issuers returns the live trusted issuers, for probes and operators.
func (g *Gate) Issuers() *issuer.Set { return g.policy.Load().issuers }

// Policy returns the live policy.
func (g *Gate) Policy() *Policy { return g.policy.Load() }

// Config returns the live config. It must not be changed.
func (g *Gate) Config() *config.Config { return g.policy.Load().cfg }

// Routes returns the names of the live rules, the default one included.
func (g *Gate) Routes() []string { return g.policy.Load().routes.Names() }

// Decide decides one request. ctx bounds the wait for a key that has to be
// fetched. The decision is never nil and always has a verdict.
func (g *Gate) Decide(ctx context.Context, r *request.Request) *Decision {
	c, reused := g.checks.Get().(*check)
	if !reused {
		c = new(check)
	}
	d := new(Decision)
	g.begin(c, r, d, g.options.Now())
	c.run(ctx)
	d.Elapsed = g.options.Now().Sub(d.Time)
	c.verified.Forget()
	*c = c.reused()
	g.checks.Put(c)
	return d
}

// Refuse returns the denial of a request that could not be put to Decide: it
// could not be read, or deciding it failed. detail is for operators.
func (g *Gate) Refuse(reason Reason, detail string) *Decision {
	c := g.check(&request.Request{}, g.options.Now())
	c.deny(reason, detail)
	c.sample()
	return c.decision
}

// check begins to decide a request as it is at now.
func (g *Gate) check(r *request.Request, now time.Time) *check {
	c := new(check)
	g.begin(c, r, new(Decision), now)
	return c
}

// begin makes c the check of a request, with a decision that denies until
// another is made.
func (g *Gate) begin(c *check, r *request.Request, d *Decision, now time.Time) {
	p := g.policy.Load()
	*c = c.reused()
	c.policy, c.reasons, c.request, c.decision = p, g.reasons, r, d
	*d = Decision{
		ID: ID{Replica: g.options.Replica, Number: rand.Uint64()}, Time: now, Route: RouteNone,
		Verdict: VerdictDeny, Reason: ReasonInternal, ConfigHash: p.cfg.Hash,
	}
}

// reused is a new check in the memory of one that has ended.
func (c *check) reused() check {
	c.parsed.Reset()
	return check{parsed: c.parsed, verified: c.verified, further: c.further[:0]}
}
