package gate

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Options are what a gate is given beside its config.
type Options struct {
	// Replica names this process in decision ids.
	Replica string
	// Logger is told of changes in the issuers' keys. Nil: slog's default.
	Logger *slog.Logger
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Gate decides requests by one config. It is safe for concurrent use.
type Gate struct {
	options Options
	reasons reasons
	policy  atomic.Pointer[policy]

	reloading sync.Mutex // one Reload or Close at a time
}

// New compiles cfg and begins to fetch the issuers' keys in the background. It
// waits for nothing: requests can be decided at once, and tokens of an issuer
// without keys are denied as unavailable. The error is [config.Mistakes] when
// the config is at fault. [Gate.Close] ends the fetching.
func New(cfg *config.Config, options Options) (*Gate, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	g := &Gate{options: options, reasons: newReasons()}
	p, err := g.compile(cfg, nil)
	if err != nil {
		return nil, err
	}
	p.issuers.Start()
	g.policy.Store(p)
	return g, nil
}

// firstFetch bounds how long a new config waits for the keys of issuers that
// are new in it.
const firstFetch = 2 * time.Second

// Reload puts another config in the place of the live one, at once and as a
// whole: a request is decided by one or the other. Issuers whose keys come from
// the same place keep them. Those that are new get a moment to fetch theirs
// first, so that their tokens are not denied as unavailable; that the fetch
// fails stops nothing. On an error ([config.Mistakes] when the config is at
// fault) nothing has changed. It is safe for concurrent use.
func (g *Gate) Reload(ctx context.Context, cfg *config.Config) error {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	old := g.policy.Load()
	p, err := g.compile(cfg, old.issuers)
	if err != nil {
		return err
	}
	p.issuers.Start()
	p.awaitKeys(ctx, firstFetch)
	g.policy.Store(p)
	old.issuers.Close()
	return nil
}

// AwaitKeys waits until every issuer of the live config has keys or has failed a
// first fetch, until ctx ends, and for limit at most.
func (g *Gate) AwaitKeys(ctx context.Context, limit time.Duration) {
	g.policy.Load().awaitKeys(ctx, limit)
}

// compile builds a snapshot of cfg that takes over what it can of previous.
func (g *Gate) compile(cfg *config.Config, previous *issuer.Set) (*policy, error) {
	return compile(cfg, issuer.Options{
		Logger: g.options.Logger, Now: g.options.Now, CacheDir: cfg.CacheDir, Previous: previous,
	})
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

// Config returns the live config. It must not be changed.
func (g *Gate) Config() *config.Config { return g.policy.Load().cfg }

// Routes returns the names of the live rules, the default one included.
func (g *Gate) Routes() []string { return g.policy.Load().routes.Names() }

// Decide decides one request. ctx bounds the wait for a key that has to be
// fetched. The decision is never nil and always has a verdict.
func (g *Gate) Decide(ctx context.Context, r *Request) *Decision {
	p := g.policy.Load()
	c := &check{gate: g, policy: p, request: r, decision: g.begin(p)}
	c.run(ctx)
	c.decision.Elapsed = g.options.Now().Sub(c.decision.Time)
	return c.decision
}

// Refuse returns the denial of a request that could not be put to Decide: it
// could not be read, or deciding it failed. detail is for operators.
func (g *Gate) Refuse(reason Reason, detail string) *Decision {
	c := &check{gate: g, decision: g.begin(g.policy.Load())}
	c.deny(reason, detail)
	return c.decision
}

func (g *Gate) begin(p *policy) *Decision {
	return &Decision{
		ID: newID(g.options.Replica), Time: g.options.Now(), Route: RouteNone,
		Verdict: VerdictDeny, Reason: ReasonInternal, ConfigHash: p.cfg.Hash,
	}
}

// check is one request on its way through the checks.
type check struct {
	gate     *Gate
	policy   *policy
	request  *Request
	relaxed  config.Relaxed
	decision *Decision
}

// run takes the request through the checks, in their order, to an allow or a
// deny.
func (c *check) run(ctx context.Context) {
	if ctx.Err() != nil {
		c.deny(ReasonDeadline, "the request had ended before it was decided")
		return
	}
	host, hostErr := route.ParseHost(c.request.Host)
	c.relaxed = c.policy.cfg.Relax.For(host)
	path, err := route.ParsePath(c.request.Target, c.relaxed)
	if err = cmp.Or(err, hostErr); err != nil {
		c.fail(err)
		return
	}
	rule := c.policy.routes.Match(c.request.Method, host, path)
	c.decision.Route = rule.Name
	if rule.Access == config.AccessDeny {
		c.deny(ReasonRouteDenied, "")
		return
	}
	if c.preflight(host, path) {
		return
	}
	if rule.Access == config.AccessPublic {
		c.allow(ReasonPublic, nil, token.Removal{})
		return
	}
	c.authenticate(ctx, rule, host)
}

// preflight lets a CORS preflight go on, which a browser sends without
// credentials, unless the method that it asks for is denied to everybody; it
// reports whether the request was decided so.
func (c *check) preflight(host string, path route.Path) bool {
	if c.policy.cfg.CORS.Preflight != config.PreflightPass {
		return false
	}
	method := c.request.preflightMethod()
	if method == "" {
		return false
	}
	rule := c.policy.routes.Match(method, host, path)
	if rule.Access == config.AccessDeny {
		c.decision.Route = rule.Name
		c.deny(ReasonRouteDenied, "a preflight for a method that is denied")
		return true
	}
	// A browser repeats the URL, and with it a token in the query.
	c.allow(ReasonPreflight, nil, c.removal(rule, host))
	return true
}

// authenticate does checks 3 to 9 for a route that is optional or required.
func (c *check) authenticate(ctx context.Context, rule *route.Rule, host string) {
	message := c.message(host)
	credential, err := token.Extract(message, rule.TokensFrom)
	var verified *token.Token
	if err == nil && credential.Found {
		verified, err = c.policy.verifier.Verify(ctx, credential.Raw, c.decision.Time)
	}
	switch {
	case err != nil && rule.AnonymousIfInvalid:
		c.record(err)
		c.allow(ReasonAnonymousInvalid, nil, token.Remove(message, rule.TokensFrom))
		return
	case err != nil:
		c.fail(err)
		return
	case verified == nil && rule.Access == config.AccessOptional:
		c.allow(ReasonAnonymous, nil, token.Removal{})
		return
	case verified == nil:
		c.deny(ReasonCredentialMissing, "")
		return
	}
	c.decision.Issuer, c.decision.Subject = verified.Issuer, verified.Subject
	c.decision.KeyID, c.decision.Expires = verified.KeyID, verified.Expiry
	if err := rule.Authorize(verified, &route.Facts{Now: c.decision.Time}); err != nil {
		c.fail(err)
		return
	}
	set, err := c.policy.mapper.Map(verified, c.relaxed)
	if err != nil {
		c.fail(err)
		return
	}
	c.allow(ReasonAllowed, set, c.removal(rule, host))
}

// message is what of the request can hold a credential.
func (c *check) message(host string) token.Message {
	return token.Message{
		Method: c.request.Method, Host: host, Target: c.request.Target, Headers: c.request.Headers, Apart: c.request.Apart,
	}
}

// removal takes the credential out of the places that a rule reads, unless it
// is to be forwarded.
func (c *check) removal(rule *route.Rule, host string) token.Removal {
	if rule.Forward || rule.Access == config.AccessPublic {
		return token.Removal{}
	}
	return token.Remove(c.message(host), rule.TokensFrom)
}

// record notes what is known of a failure.
func (c *check) record(err error) {
	c.decision.Detail = err.Error()
	var failure *token.Failure
	if errors.As(err, &failure) {
		c.decision.Issuer, c.decision.Subject, c.decision.KeyID = failure.Issuer, failure.Subject, failure.KeyID
	}
}

// fail denies for the reason of a failure.
func (c *check) fail(err error) {
	c.record(err)
	var more particulars
	var failure *token.Failure
	if errors.As(err, &failure) {
		more.near, more.retryAfter = failure.Near, failure.RetryAfter
	}
	var denial *route.Denial
	if errors.As(err, &denial) {
		more.scopes, more.maxAge, more.acrValues = denial.Scopes, denial.MaxAge, denial.ACRValues
	}
	c.decision.Reason, c.decision.Denial = c.gate.reasons.denial(c.gate.reasons.of(err), more)
}

// deny denies for a reason that no error stands for.
func (c *check) deny(reason Reason, detail string) {
	c.decision.Detail = detail
	c.decision.Reason, c.decision.Denial = c.gate.reasons.denial(reason, particulars{})
}

// allow lets the request go on with the identity headers set, and stripped in
// every other spelling, and without the credentials of removal.
func (c *check) allow(reason Reason, set []Header, removal token.Removal) {
	c.decision.Verdict, c.decision.Reason = VerdictAllow, reason
	c.decision.Remove = slices.Concat(c.policy.mapper.Strip(c.request.Headers, set, c.relaxed), removal.Headers)
	c.decision.Set = slices.Concat(set, removal.Set)
	c.decision.RemoveParameters = removal.Parameters
}

// Status returns the HTTP status that the decision stands for: 200 when it is
// allowed.
func (d *Decision) Status() int {
	if d.Verdict == VerdictAllow {
		return http.StatusOK
	}
	return d.Denial.Status
}
