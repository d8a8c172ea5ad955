package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token"
)

// check is one request on its way through the checks, and what they found.
type check struct {
	policy     *policy
	reasons    *reasons
	request    *Request
	relaxed    config.Relaxed
	host       string // as route.ParseHost gives it
	path       route.Path
	rule       *route.Rule // nil before check 2
	credential token.Credential
	token      *token.Token // nil unless it was verified
	verified   token.Token  // what token points to
	failure    error        // the first check that failed; nil when none did
	facts      route.Facts
	removed    token.Removal

	decision *Decision
}

// run takes the request through the checks, in their order, to an allow or a
// deny.
func (c *check) run(ctx context.Context) {
	defer c.sample()
	if ctx.Err() != nil {
		c.deny(ReasonDeadline, "the request had ended before it was decided")
		return
	}
	if c.request.strangeExtension() {
		c.deny(ReasonRequestMalformed, "a context extension jwtgate.* other than jwtgate.route")
		return
	}
	if err := c.parseTarget(); err != nil {
		c.fail(err)
		return
	}
	preflight := ""
	if c.policy.cfg.CORS.Preflight == config.PreflightPass {
		preflight = c.request.preflightMethod()
	}
	if err := c.findRoute(preflight != ""); err != nil {
		c.fail(err)
		return
	}
	switch {
	case preflight != "":
		c.passPreflight(preflight)
	case c.rule.Access == config.AccessPublic:
		c.allow(ReasonPublic, nil, token.Removal{})
	default:
		c.authenticate(ctx)
	}
}

// parseTarget is check 1: the path and the host.
func (c *check) parseTarget() error {
	var hostErr, err error
	c.host, hostErr = route.ParseHost(c.request.Host)
	c.relaxed = c.policy.cfg.Relax.For(c.host)
	err = c.path.Parse(c.request.Target, c.relaxed)
	return cmp.Or(err, hostErr)
}

// findRoute is check 2: the rule that Envoy names, and no other then, or the
// first one that covers the request; nobody passes one that is closed.
func (c *check) findRoute(preflight bool) error {
	if name, named := c.request.NamedRoute(); named {
		rule, known := c.policy.routes.Named(name)
		if !known {
			return fmt.Errorf("%w: %q", errRouteUnknown, name)
		}
		c.rule, c.decision.Route = rule, rule.Name
		covered := rule.Covers(c.request.Method, c.host, c.path)
		if preflight {
			covered = rule.CoversPreflight(c.host, c.path)
		}
		if !covered {
			return fmt.Errorf("%w: %q", errRouteMismatch, name)
		}
	} else {
		c.rule = c.policy.routes.Match(c.request.Method, c.host, c.path)
		c.decision.Route = c.rule.Name
	}
	if c.rule.Access == config.AccessDeny {
		return fmt.Errorf("%w: %q", errRouteDenied, c.rule.Name)
	}
	return nil
}

// passPreflight lets a CORS preflight go on, which a browser sends without
// credentials, unless the method that it asks for is denied to everybody.
func (c *check) passPreflight(method string) {
	rule := c.rule
	if _, named := c.request.NamedRoute(); !named {
		rule = c.policy.routes.Match(method, c.host, c.path)
	}
	if rule.Access == config.AccessDeny {
		c.rule, c.decision.Route = rule, rule.Name
		c.deny(ReasonRouteDenied, "a preflight for a method that is denied")
		return
	}
	// A browser repeats the URL, and with it a token in the query.
	c.allow(ReasonPreflight, nil, c.removal(rule))
}

// authenticate does checks 3 to 10 for a route that is optional or required.
func (c *check) authenticate(ctx context.Context) {
	err := c.identify(ctx)
	switch {
	case err != nil && c.rule.AnonymousIfInvalid:
		c.excuse(ReasonAnonymousInvalid, err)
		return
	case err != nil && c.rule.Shadow:
		c.excuse(ReasonShadowed, err)
		return
	case err != nil:
		c.fail(err)
		return
	case c.token == nil:
		c.allow(ReasonAnonymous, nil, token.Removal{})
		return
	}
	if c.allowPrepared() {
		return
	}
	set, err := c.policy.mapper.Map(c.token, c.relaxed)
	if err != nil {
		c.fail(err)
		return
	}
	if c.rule.EndStreamsAtExpiry {
		set = append(set, streamLimit(c.token.End(), c.decision.Time))
	}
	c.allow(ReasonAllowed, set, c.removal(c.rule))
	c.prepare(set)
}

// identify does checks 3 to 9. No error and no token: there was none, and none
// was due.
func (c *check) identify(ctx context.Context) error {
	var err error
	if c.credential, err = token.Extract(c.message(), c.rule.TokensFrom); err != nil {
		return err
	}
	if !c.credential.Found {
		if c.rule.Access == config.AccessOptional {
			return nil
		}
		return fmt.Errorf("%w in %s", errCredentialMissing, places(c.rule.TokensFrom))
	}
	c.decision.Presented = true
	verified := &c.verified
	known, err := c.policy.tokens.Verify(ctx, c.credential.Raw, c.decision.Time, verified)
	if err != nil {
		return err
	}
	c.decision.Cached = known
	c.decision.Issuer, c.decision.Subject = verified.Issuer, verified.Subject
	c.decision.KeyID, c.decision.Expires = verified.KeyID, verified.Expiry
	c.token = verified
	_, query, _ := strings.Cut(c.request.Target, "?")
	c.facts = route.Facts{
		Now: c.decision.Time, Method: c.request.Method, Host: c.host, Path: c.path, Query: query,
		Headers: c.request.Headers, Source: c.request.Source, Principal: c.request.Principal,
	}
	return c.rule.Authorize(verified, &c.facts)
}

// message is what of the request can hold a credential.
func (c *check) message() token.Message {
	return token.Message{
		Method: c.request.Method, Host: c.host, Target: c.request.Target, Headers: c.request.Headers, Apart: c.request.Apart,
	}
}

// removal takes the credential out of the places that a rule reads, unless it
// is to be forwarded.
func (c *check) removal(rule *route.Rule) token.Removal {
	if rule.Forward || rule.Access == config.AccessPublic {
		return token.Removal{}
	}
	return token.Remove(c.message(), rule.TokensFrom)
}

// StreamLimitHeader has Envoy end what it streams to the client after so many
// milliseconds (envoy.filters.http.router, per-request timeouts).
const StreamLimitHeader = "x-envoy-upstream-stream-duration-ms"

// streamLimit ends a stream at end. Envoy takes 0 and less for no limit, and a
// year is more than any stream lasts.
func streamLimit(end, now time.Time) Header {
	const most = 365 * 24 * time.Hour
	left := min(max(end.Sub(now), time.Millisecond), most)
	return Header{Name: StreamLimitHeader, Value: strconv.FormatInt(left.Milliseconds(), 10)}
}

// excuse lets a request go on without identity or credential although a check
// failed, and notes the failure.
func (c *check) excuse(reason Reason, err error) {
	c.note(err)
	c.decision.Excused = c.reasons.of(err)
	c.decision.Mend = cmp.Or(c.decision.Mend, c.reasons.named[c.decision.Excused].Mend)
	c.allow(reason, nil, token.Remove(c.message(), c.rule.TokensFrom))
}

// note notes what is known of a failure.
func (c *check) note(err error) particulars {
	c.failure = err
	c.decision.Detail = err.Error()
	var more particulars
	var failure *token.Failure
	if errors.As(err, &failure) {
		c.decision.Issuer, c.decision.Subject, c.decision.KeyID = failure.Issuer, failure.Subject, failure.KeyID
		c.decision.Mend = failure.Mend
		more.near, more.retryAfter = failure.Near, failure.RetryAfter
	}
	var denial *route.Denial
	if errors.As(err, &denial) {
		c.decision.Mend = denial.Mend
		more.scopes, more.maxAge, more.acrValues = denial.Scopes, denial.MaxAge, denial.ACRValues
	}
	return more
}

// fail denies for the reason of a failure.
func (c *check) fail(err error) {
	more := c.note(err)
	c.refuse(c.reasons.of(err), more)
}

// deny denies for a reason that no error stands for.
func (c *check) deny(reason Reason, detail string) {
	c.decision.Detail = detail
	c.refuse(reason, particulars{})
}

func (c *check) refuse(reason Reason, more particulars) {
	d := c.decision
	meaning, denial := c.reasons.denial(reason, more)
	denial.CORS = c.corsFields()
	d.Verdict, d.Reason, d.Denial = VerdictDeny, meaning.Reason, denial
	d.Mend = cmp.Or(d.Mend, meaning.Mend)
}

// corsFields let a page of an origin that the config names read a denial (Fetch
// standard, CORS protocol).
func (c *check) corsFields() []Header {
	cors := &c.policy.cfg.CORS
	if len(cors.Origins) == 0 {
		return nil
	}
	fields := []Header{{Name: "vary", Value: "Origin"}}
	origin := c.request.Header("origin")
	if !slices.Contains(cors.Origins, origin) {
		return fields
	}
	fields = append(fields,
		Header{Name: "access-control-allow-origin", Value: origin},
		Header{Name: "access-control-expose-headers", Value: "WWW-Authenticate, Retry-After"})
	if cors.Credentials {
		fields = append(fields, Header{Name: "access-control-allow-credentials", Value: "true"})
	}
	return fields
}

// allow lets the request go on with the identity headers set, and stripped in
// every other spelling, and without the credentials of removal.
func (c *check) allow(reason Reason, set []Header, removal token.Removal) {
	c.decision.Verdict, c.decision.Reason, c.removed = VerdictAllow, reason, removal
	c.decision.Remove = slices.Concat(c.policy.mapper.Strip(c.request.Headers, set, c.relaxed), removal.Headers)
	c.decision.Set = slices.Concat(set, removal.Set)
	c.decision.RemoveParameters = removal.Parameters
}

// sample says whether the decision is one to write down. A failure that was
// excused counts with the denials.
func (c *check) sample() {
	sampling := c.policy.cfg.Audit.Sampling
	if c.rule != nil {
		sampling = c.rule.Audit
	}
	oneIn := sampling.Allowed
	if c.decision.Verdict != VerdictAllow || c.decision.Excused != "" {
		oneIn = sampling.Denied
	}
	c.decision.Record = oneIn > 0 && c.decision.ID.Number%uint64(oneIn) == 0
	c.decision.To = c.policy.cfg.Audit.To
}
