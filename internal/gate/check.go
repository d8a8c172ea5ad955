package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/tokencache"
)

// check is one request on its way through the checks, and what they found.
type check struct {
	policy     *Policy
	reasons    *reasons
	request    *request.Request
	parsed     request.Parsed
	rule       *route.Rule // the request's own; nil before check 2
	further    []*route.Rule
	governing  *route.Rule // whose credential, and what becomes of it; nil before check 2
	credential credential.Credential
	token      *token.Token // nil unless it was verified
	verified   token.Token  // what token points to
	remembered tokencache.Entry[*Identity]
	presented  bool        // it was looked for a credential, and invalid is what came of it
	invalid    error       // why the credential does not count; nil if it does, or there is none
	failure    error       // the first check that failed; nil when none did
	failedRule *route.Rule // whose check that was; nil for one of no rule
	excused    Reason      // why the request goes on without identity; empty if it does not
	removed    credential.Removal

	decision *Decision
}

// run takes the request through the checks, in their order, to a verdict.
func (c *check) run(ctx context.Context) {
	defer c.sample()
	if ctx.Err() != nil {
		c.deny(ReasonDeadline, "the request had ended before it was decided")
		return
	}
	if c.request.UnknownExtension() {
		c.deny(ReasonRequestMalformed, "a context extension jwtgate.* other than jwtgate.route")
		return
	}
	if err := c.parseTarget(); err != nil {
		c.fail(err)
		return
	}
	preflight := ""
	if c.policy.cfg.CORS.Preflight != config.PreflightCheck {
		preflight = preflightMethod(c.request)
	}
	if preflight != "" && c.policy.cfg.CORS.Preflight == config.PreflightAnswer {
		c.answerPreflight(preflight)
		return
	}
	if err := c.findRoute(preflight != ""); err != nil {
		c.fail(err)
		return
	}
	if preflight != "" {
		c.passPreflight(preflight)
		return
	}
	c.apply(ctx)
}

// parseTarget is check 1: the method, the path, the host, and what would make a
// proxy behind Envoy take another request out of this one.
func (c *check) parseTarget() error {
	if err := c.parsed.Parse(c.request, &c.policy.cfg.Relax); err != nil {
		return err
	}
	if _, named := c.request.NamedRoute(); named && len(c.parsed.Overrides) > 0 {
		return fmt.Errorf("%w: its query names a method (_method), and Envoy has chosen the route", request.ErrMethodRefused)
	}
	for i := range c.request.Headers {
		const field = "connection"
		if h := &c.request.Headers[i]; len(h.Name) == len(field) && strings.EqualFold(h.Name, field) && c.policy.mapper.Nominated(h.Value) {
			return errConnectionHeader
		}
	}
	return nil
}

// findRoute is check 2: the rule that Envoy names, and no other then, or the rules
// that the request selects.
func (c *check) findRoute(preflight bool) error {
	name, named := c.request.NamedRoute()
	if !named {
		c.selectRules(c.request.Method)
		return nil
	}
	rule, known := c.policy.routes.Named(name)
	if !known {
		return fmt.Errorf("%w: %q", errRouteUnknown, name)
	}
	c.rule, c.governing, c.decision.Route = rule, rule, rule.Name
	covered := rule.Covers(c.request.Method, c.parsed.Host, &c.parsed.Path)
	if preflight {
		covered = rule.CoversPreflight(c.parsed.Host, &c.parsed.Path)
	}
	if !covered {
		return fmt.Errorf("%w: %q", errRouteMismatch, name)
	}
	return nil
}

// selectRules finds the request's own rule and the further ones, as for a request
// with this method.
func (c *check) selectRules(method string) {
	c.rule, c.further = c.policy.routes.Select(method, &c.parsed, c.further[:0])
	c.decision.Route = c.rule.Name
	c.governing = c.rule
	if c.rule.Access != config.AccessPublic {
		return
	}
	for _, rule := range c.further {
		if rule.Access != config.AccessPublic {
			c.governing = rule
			return
		}
	}
}

// rules yields every rule that the request has to pass, in the order of the file.
func (c *check) rules() iter.Seq[*route.Rule] {
	return func(yield func(*route.Rule) bool) {
		own := false
		for _, rule := range c.further {
			if !own && rule.Number() > c.rule.Number() {
				if own = true; !yield(c.rule) {
					return
				}
			}
			if !yield(rule) {
				return
			}
		}
		if !own {
			yield(c.rule)
		}
	}
}

// apply holds the request to its rules: checks 2 to 10.
func (c *check) apply(ctx context.Context) {
	for rule := range c.rules() {
		if err := c.passRule(ctx, rule); err != nil {
			c.failedRule = rule
			c.fail(err)
			return
		}
	}
	c.permit()
}

// passRule is what one rule makes of the request. A denial that shadow or
// if_invalid excuses is noted, and no error.
func (c *check) passRule(ctx context.Context, rule *route.Rule) error {
	switch rule.Access {
	case config.AccessDeny:
		return fmt.Errorf("%w: %q", errRouteDenied, rule.Name)
	case config.AccessPublic:
		return nil
	}
	err := c.authenticate(ctx)
	if err == nil {
		err = c.authorize(rule)
	}
	switch {
	case err == nil:
	case rule.Access == config.AccessOptional && c.governing.AnonymousIfInvalid:
		c.excuse(ReasonAnonymousInvalid, rule, err)
	case rule.Shadow:
		c.excuse(ReasonShadowed, rule, err)
	default:
		return err
	}
	return nil
}

// authorize holds a request that was authenticated, or has no credential, to one
// rule.
func (c *check) authorize(rule *route.Rule) error {
	switch {
	case rule.Access == config.AccessOptional:
		return nil
	case c.token == nil:
		return fmt.Errorf("%w in %s", credential.ErrMissing, places(c.governing.TokensFrom))
	}
	if err := c.policy.mapper.RequireUserID(c.token, c.parsed.Relaxed); err != nil {
		return err
	}
	return rule.Authorize(c.token, &c.parsed, c.decision.Time)
}

// permit lets a request go on that every rule lets pass.
func (c *check) permit() {
	switch {
	case c.rule.Access == config.AccessPublic && c.governing == c.rule:
		c.allow(ReasonPublic, nil, credential.Removal{})
		return
	case c.excused != "":
		c.allow(c.excused, nil, credential.Remove(&c.parsed, c.governing.TokensFrom))
		return
	case c.token == nil:
		c.allow(ReasonAnonymous, nil, credential.Removal{})
		return
	}
	if c.useShared() {
		return
	}
	set, err := c.policy.mapper.Map(c.token, c.parsed.Relaxed)
	if err != nil {
		c.fail(err)
		return
	}
	if c.governing.EndStreamsAtExpiry {
		set = append(set, streamLimit(c.token.End(), c.decision.Time))
	}
	c.allow(ReasonAllowed, set, c.removal(c.governing))
	c.share()
}

// answerPreflight answers a CORS preflight in place of the application (Fetch
// standard, CORS-preflight fetch).
func (c *check) answerPreflight(method string) {
	origin := c.request.Header("origin")
	if !slices.Contains(c.policy.cfg.CORS.Origins, origin) {
		c.deny(ReasonPreflightRefused, "the origin is not one of cors.origins")
		return
	}
	c.decision.Verdict, c.decision.Reason = VerdictAnswer, ReasonPreflightAnswered
	c.decision.Answer = &Answer{Status: http.StatusOK, Headers: c.policy.cors.preflight(origin, method, c.request.Values("access-control-request-headers"))}
}

// passPreflight lets a CORS preflight go on, which a browser sends without
// credentials, unless a rule for it, or for the method that it asks for, is closed.
func (c *check) passPreflight(method string) {
	own := c.rule
	if c.closed() {
		return
	}
	if _, named := c.request.NamedRoute(); !named {
		c.selectRules(method)
		if c.closed() {
			return
		}
	}
	asked := c.governing
	c.rule, c.governing, c.further, c.decision.Route = own, own, c.further[:0], own.Name
	// A browser repeats the URL, and with it a token in the query.
	c.allow(ReasonPreflight, nil, c.removal(asked))
}

// closed denies the request if one of its rules is closed, and reports whether.
func (c *check) closed() bool {
	for rule := range c.rules() {
		if rule.Access == config.AccessDeny {
			c.failedRule = rule
			c.fail(fmt.Errorf("%w: %q", errRouteDenied, rule.Name))
			return true
		}
	}
	return false
}

// authenticate does checks 3 to 8, once for all rules. No error and no token: there
// was none.
func (c *check) authenticate(ctx context.Context) error {
	if !c.presented {
		c.presented = true
		c.invalid = c.verify(ctx)
	}
	return c.invalid
}

// verify looks for a credential where the governing rule reads one, and verifies
// the token in it.
func (c *check) verify(ctx context.Context) error {
	var err error
	if c.credential, err = credential.Extract(&c.parsed, c.governing.TokensFrom); err != nil || !c.credential.Found {
		return err
	}
	c.decision.Presented = true
	verified := &c.verified
	at, known, err := c.policy.tokens.Verify(ctx, c.credential.Raw, c.decision.Time, verified)
	if err != nil {
		return err
	}
	c.remembered = at
	c.decision.Cached = known
	c.decision.Issuer, c.decision.Subject = verified.Issuer, verified.Subject
	c.decision.KeyID, c.decision.Expires = verified.KeyID, verified.Expiry
	c.token = verified
	return nil
}

// removal takes the credential out of the places that a rule reads, unless it
// is to be forwarded.
func (c *check) removal(rule *route.Rule) credential.Removal {
	if rule.Forward || rule.Access == config.AccessPublic {
		return credential.Removal{}
	}
	return credential.Remove(&c.parsed, rule.TokensFrom)
}

// StreamLimitHeader has Envoy end what it streams to the client after so many
// milliseconds (envoy.filters.http.router, per-request timeouts).
const StreamLimitHeader = "x-envoy-upstream-stream-duration-ms"

// streamLimit ends a stream at end. Envoy takes 0 and less for no limit, and a
// year is more than any stream lasts.
func streamLimit(end, now time.Time) request.Header {
	const most = 365 * 24 * time.Hour
	left := min(max(end.Sub(now), time.Millisecond), most)
	return request.Header{Name: StreamLimitHeader, Value: strconv.FormatInt(left.Milliseconds(), 10)}
}

// excuse notes that a rule would have denied the request and does not. If it is the
// governing rule, the request goes on without identity and credential.
func (c *check) excuse(reason Reason, rule *route.Rule, err error) {
	if rule == c.governing {
		c.excused = reason
	}
	if c.decision.WouldDeny != "" {
		return // the first one is the reason
	}
	c.note(err)
	c.decision.WouldDeny = c.reasons.of(err)
	c.decision.Hint = cmp.Or(c.decision.Hint, c.reasons.named[c.decision.WouldDeny].Hint)
}

// note notes what is known of a failure.
func (c *check) note(err error) *denial.Error {
	c.failure = err
	c.decision.InternalDetail, c.decision.Hint = err.Error(), ""
	failure, ok := errors.AsType[*denial.Error](err)
	if !ok {
		return new(denial.Error)
	}
	if c.token == nil {
		c.decision.Issuer, c.decision.Subject, c.decision.KeyID = failure.Issuer, failure.Subject, failure.KeyID
	}
	c.decision.Hint = failure.Hint
	return failure
}

// fail denies for the reason of a failure.
func (c *check) fail(err error) {
	failure := c.note(err)
	c.refuse(c.reasons.of(err), failure)
}

// deny denies for a reason that no error stands for.
func (c *check) deny(reason Reason, detail string) {
	c.decision.InternalDetail = detail
	c.refuse(reason, new(denial.Error))
}

func (c *check) refuse(reason Reason, failure *denial.Error) {
	d := c.decision
	info, answer := c.reasons.denial(reason, failure)
	answer.CORS = c.policy.cors.denied(c.request.Header("origin"))
	d.Verdict, d.Reason, d.Denial, d.WouldDeny = VerdictDeny, info.Reason, answer, ""
	d.Hint = cmp.Or(d.Hint, info.Hint)
	if c.failedRule != nil {
		d.Route = c.failedRule.Name
	}
	d.PreflightChecked = c.policy.cfg.CORS.Preflight == config.PreflightCheck && preflightMethod(c.request) != ""
	c.noteFurther()
}

// noteFurther notes the names of the further rules.
func (c *check) noteFurther() {
	for _, rule := range c.further {
		c.decision.Further = append(c.decision.Further, rule.Name)
	}
}

// allow lets the request go on with the identity headers set, and stripped in
// every other spelling, and without the credentials of removal.
func (c *check) allow(reason Reason, set []request.Header, removal credential.Removal) {
	c.decision.Verdict, c.decision.Reason, c.removed = VerdictAllow, reason, removal
	c.decision.Remove = slices.Concat(c.policy.mapper.Strip(c.request.Headers, set, c.parsed.Relaxed), removal.Headers)
	c.decision.Set = slices.Concat(set, removal.Set)
	c.decision.RemoveParameters = removal.Parameters
	c.decision.AddToResponse = c.policy.cors.allowed(c.request.Header("origin"))
	c.noteFurther()
}

// sample says whether the decision is one to write down, by the rule that decided.
// A failure that was excused counts with the denials.
func (c *check) sample() {
	sampling := c.policy.cfg.Audit.Sampling
	switch {
	case c.failedRule != nil && c.decision.Verdict == VerdictDeny:
		sampling = c.failedRule.Audit
	case c.rule != nil:
		sampling = c.rule.Audit
	}
	oneIn := sampling.Allowed
	if c.decision.Verdict == VerdictDeny || c.decision.WouldDeny != "" {
		oneIn = sampling.Denied
	}
	c.decision.Record = oneIn > 0 && c.decision.ID.Number%uint64(oneIn) == 0
	c.decision.To = c.policy.cfg.Audit.To
}
