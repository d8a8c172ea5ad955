package gate

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/tokencache"
)

// evaluation is one request on its way through the checks, with what they have found.
type evaluation struct {
	policy  *Policy
	reasons *reasons
	request *request.Request
	parsed  request.Parsed

	rule    *route.Rule // the request's own; nil before check 2
	further []*route.Rule
	// governing is the rule that says where the credential is read, and whether it is
	// forwarded. Nil before check 2.
	governing *route.Rule

	authenticated bool // authenticate has run; its result is authError
	authError     error
	credential    credential.Credential
	verified      token.Token
	token         *token.Token // verified, or nil before the token is verified
	remembered    tokencache.Entry[mapped]

	failure    error       // the first check that failed; nil if none did
	failedRule *route.Rule // the rule of that check; nil if it belongs to no rule
	// withoutIdentity is the reason why the request is forwarded without identity, although
	// a check failed (if_invalid, shadow). Empty if it is not.
	withoutIdentity Reason
	removed         credential.Removal

	decision *Decision
}

// run takes the request through the checks, in their order, to a verdict.
func (e *evaluation) run(ctx context.Context) {
	e.decide(ctx)
	e.finish()
}

func (e *evaluation) decide(ctx context.Context) {
	if ctx.Err() != nil {
		e.deny(ReasonDeadline, "the call ended before the request was decided")
		return
	}
	if e.request.UnknownExtension() {
		e.deny(ReasonRequestMalformed, "a context extension jwtgate.* other than jwtgate.route")
		return
	}
	if err := e.parseTarget(); err != nil {
		e.fail(err)
		return
	}
	preflight := ""
	if e.policy.cfg.CORS.Preflight != config.PreflightCheck {
		preflight = preflightMethod(e.request)
	}
	if preflight != "" && e.policy.cfg.CORS.Preflight == config.PreflightAnswer {
		e.answerPreflight(preflight)
		return
	}
	if err := e.findRoute(preflight != ""); err != nil {
		e.fail(err)
		return
	}
	if preflight != "" {
		e.passPreflight(preflight)
		return
	}
	e.applyRules(ctx)
}

// parseTarget is check 1: the method, the path, the host, and a Connection header that
// would make a proxy after Envoy remove identity headers.
func (e *evaluation) parseTarget() error {
	if err := e.parsed.Parse(e.request, &e.policy.cfg.Relax); err != nil {
		return err
	}
	if _, named := e.request.NamedRoute(); named && len(e.parsed.Overrides) > 0 {
		return denial.New(request.ErrMethodRefused, "its query names a method (_method), but Envoy has chosen the route").
			Advise(denial.FixNoMethodInQuery.With(), denial.FixRelax.With(string(config.RelaxMethodOverride)))
	}
	for i := range e.request.Headers {
		const field = "connection"
		if h := &e.request.Headers[i]; len(h.Name) == len(field) && strings.EqualFold(h.Name, field) && e.policy.mapper.Nominated(h.Value) {
			return denial.New(errConnectionHeader, "").Advise(denial.FixConnection.With())
		}
	}
	return nil
}

// findRoute is check 2. It finds the one rule that Envoy names, or else the rules that
// the request matches.
func (e *evaluation) findRoute(preflight bool) error {
	name, named := e.request.NamedRoute()
	if !named {
		e.selectRules(e.request.Method)
		return nil
	}
	rule, known := e.policy.routes.Named(name)
	if !known {
		return e.unknownRoute(name)
	}
	e.rule, e.governing, e.decision.Route = rule, rule, rule.Name
	covered := rule.Covers(e.request.Method, e.parsed.Host, &e.parsed.Path)
	if preflight {
		covered = rule.CoversPreflight(e.parsed.Host, &e.parsed.Path)
	}
	if !covered {
		return mismatch(name)
	}
	return nil
}

// selectRules finds the request's own rule and the further ones, as if the request had
// this method.
func (e *evaluation) selectRules(method string) {
	e.rule, e.further = e.policy.routes.Select(method, &e.parsed, e.further[:0])
	e.decision.Route = e.rule.Name
	e.governing = e.rule
	if e.rule.Access != config.AccessPublic {
		return
	}
	for _, rule := range e.further {
		if rule.Access != config.AccessPublic {
			e.governing = rule
			return
		}
	}
}

// rules yields every rule that the request must pass, in file order.
func (e *evaluation) rules() iter.Seq[*route.Rule] {
	return func(yield func(*route.Rule) bool) {
		own := false
		for _, rule := range e.further {
			if !own && rule.Number() > e.rule.Number() {
				if own = true; !yield(e.rule) {
					return
				}
			}
			if !yield(rule) {
				return
			}
		}
		if !own {
			yield(e.rule)
		}
	}
}

// applyRules does checks 2 to 10.
func (e *evaluation) applyRules(ctx context.Context) {
	for rule := range e.rules() {
		if err := e.applyRule(ctx, rule); err != nil {
			e.failedRule = rule
			e.fail(err)
			return
		}
	}
	e.permit()
}

// applyRule returns why a rule denies the request, or nil if it allows it. A failure that
// if_invalid or shadow does not enforce is recorded instead of returned.
func (e *evaluation) applyRule(ctx context.Context, rule *route.Rule) error {
	switch rule.Access {
	case config.AccessDeny:
		return e.deniedBy(rule)
	case config.AccessPublic:
		return nil
	}
	err := e.authenticate(ctx)
	if err == nil {
		err = e.authorize(rule)
	}
	switch {
	case err == nil:
	case rule.Access == config.AccessOptional && e.governing.AnonymousIfInvalid:
		e.recordUnenforced(ReasonAnonymousInvalid, rule, err)
	case rule.Shadow:
		e.recordUnenforced(ReasonShadowed, rule, err)
	default:
		return err
	}
	return nil
}

// authorize checks what one rule requires of the token, which can be missing.
func (e *evaluation) authorize(rule *route.Rule) error {
	switch {
	case rule.Access == config.AccessOptional:
		return nil
	case e.token == nil:
		return e.missingCredential(rule)
	}
	if err := e.policy.mapper.RequireUserID(e.token, e.parsed.Relaxed); err != nil {
		return err
	}
	return rule.Authorize(e.token, &e.parsed, e.decision.Time)
}

// permit allows a request that every rule allows.
func (e *evaluation) permit() {
	switch {
	case e.rule.Access == config.AccessPublic && e.governing == e.rule:
		e.allow(ReasonPublic, nil, e.remove(nil))
		return
	case e.withoutIdentity != "":
		e.allow(e.withoutIdentity, nil, e.remove(e.governing.TokensFrom))
		return
	case e.token == nil:
		e.allow(ReasonAnonymous, nil, e.remove(nil))
		return
	}
	if e.useShared() {
		return
	}
	set, err := e.policy.mapper.Map(e.token, e.parsed.Relaxed)
	if err != nil {
		e.fail(err)
		return
	}
	if e.governing.EndStreamsAtExpiry {
		set = append(set, streamLimit(e.token.End(), e.decision.Time))
	}
	e.allow(ReasonAllowed, set, e.removal(e.governing))
	e.share()
}

// answerPreflight answers a CORS preflight in place of the application (Fetch
// standard, CORS-preflight fetch).
func (e *evaluation) answerPreflight(method string) {
	origin := e.request.Header("origin")
	if !slices.Contains(e.policy.cfg.CORS.Origins, origin) {
		e.refuseOrigin(origin)
		return
	}
	e.decision.Verdict, e.decision.Reason = VerdictAnswer, ReasonPreflightAnswered
	headers := e.policy.cors.preflight(origin, method, e.request.Values("access-control-request-headers"))
	e.decision.Answer = &Answer{Status: http.StatusOK, Headers: headers}
}

// passPreflight allows a CORS preflight, which a browser sends without credentials. It
// denies it if a route for it, or for the method that it announces, denies all requests.
func (e *evaluation) passPreflight(method string) {
	own := e.rule
	if e.denyIfClosed() {
		return
	}
	if _, named := e.request.NamedRoute(); !named {
		e.selectRules(method)
		if e.denyIfClosed() {
			return
		}
	}
	announced := e.governing
	e.rule, e.governing, e.further, e.decision.Route = own, own, e.further[:0], own.Name
	// The preflight has the URL of the announced request, perhaps with a token in its query.
	e.allow(ReasonPreflight, nil, e.removal(announced))
}

// denyIfClosed denies the request if one of its rules denies all requests, and reports
// whether it did.
func (e *evaluation) denyIfClosed() bool {
	for rule := range e.rules() {
		if rule.Access == config.AccessDeny {
			e.failedRule = rule
			e.fail(e.deniedBy(rule))
			return true
		}
	}
	return false
}

// authenticate does checks 3 to 8, once for all rules. Without an error, the token is
// verified, or the request has no credential.
func (e *evaluation) authenticate(ctx context.Context) error {
	if !e.authenticated {
		e.authenticated = true
		e.authError = e.verify(ctx)
	}
	return e.authError
}

// verify extracts the credential from the places that the governing rule reads, and
// verifies the token in it.
func (e *evaluation) verify(ctx context.Context) error {
	var err error
	if e.credential, err = credential.Extract(&e.parsed, e.governing.TokensFrom); err != nil || !e.credential.Found {
		return err
	}
	e.decision.Presented = true
	verified := &e.verified
	entry, cached, err := e.policy.tokens.Verify(ctx, e.credential.Raw, e.decision.Time, verified)
	if err != nil {
		return err
	}
	e.remembered = entry
	e.decision.Cached = cached
	e.decision.Issuer, e.decision.Subject = verified.Issuer, verified.Subject
	e.decision.KeyID, e.decision.Expires = verified.KeyID, verified.Expiry
	e.token = verified
	return nil
}

// removal removes the credential from the places that a rule reads, unless the rule
// forwards it.
func (e *evaluation) removal(rule *route.Rule) credential.Removal {
	if rule.Forward || rule.Access == config.AccessPublic {
		return e.remove(nil)
	}
	return e.remove(rule.TokensFrom)
}

// remove removes credentials from these places, and the cookies that no route forwards.
func (e *evaluation) remove(from []config.TokenSource) credential.Removal {
	return credential.Remove(&e.parsed, from, e.policy.cfg.Identity.StripCookies)
}

// StreamLimitHeader tells Envoy after how many milliseconds to end the response stream
// (envoy.filters.http.router, per-request timeouts).
const StreamLimitHeader = "x-envoy-upstream-stream-duration-ms"

// streamLimit returns the header that ends a stream at end. To Envoy, 0 and negative
// numbers mean no limit. No stream lasts a year.
func streamLimit(end, now time.Time) request.Header {
	const most = 365 * 24 * time.Hour
	left := min(max(end.Sub(now), time.Millisecond), most)
	return request.Header{Name: StreamLimitHeader, Value: strconv.FormatInt(left.Milliseconds(), 10)}
}

// recordUnenforced records that a rule would have denied the request, but does not. If it
// is the governing rule, the request is forwarded without identity and credential.
func (e *evaluation) recordUnenforced(reason Reason, rule *route.Rule, err error) {
	if rule == e.governing {
		e.withoutIdentity = reason
	}
	if e.decision.WouldDeny != "" {
		return // the first failure is the reason
	}
	e.recordFailure(err)
	e.decision.WouldDeny = e.reasons.of(err)
	e.decision.Hint = cmp.Or(e.decision.Hint, e.reasons.named[e.decision.WouldDeny].Hint)
}

// recordFailure records what operators read about a failure. It returns the failure's
// [denial.Error], which is empty if it has none.
func (e *evaluation) recordFailure(err error) *denial.Error {
	e.failure = err
	e.decision.InternalDetail, e.decision.Hint = err.Error(), ""
	failure, ok := errors.AsType[*denial.Error](err)
	if !ok {
		return new(denial.Error)
	}
	if e.token == nil {
		e.decision.Issuer, e.decision.Subject, e.decision.KeyID = failure.Issuer, failure.Subject, failure.KeyID
	}
	e.decision.Hint, e.decision.Revealed = failure.Hint(), failure.Revealed
	if e.token != nil && e.token.Subject != "" { // a client may have the same value
		subject := strings.TrimPrefix(e.token.Subject, e.token.Name(""))
		e.decision.Revealed = append(slices.Clone(failure.Revealed), quote.Text(subject))
	}
	return failure
}

// fail denies the request because a check failed.
func (e *evaluation) fail(err error) { e.setDenial(e.reasons.of(err), e.recordFailure(err)) }

// deny denies the request for a reason that is not the failure of a check.
func (e *evaluation) deny(reason Reason, detail string) {
	e.decision.InternalDetail = detail
	e.setDenial(reason, new(denial.Error))
}

func (e *evaluation) setDenial(reason Reason, failure *denial.Error) {
	d := e.decision
	info, answer := e.reasons.denial(reason, failure)
	answer.CORS = e.policy.cors.denied(e.request.Header("origin"))
	d.Verdict, d.Reason, d.Denial, d.WouldDeny = VerdictDeny, info.Reason, answer, ""
	d.Hint = cmp.Or(d.Hint, info.Hint)
	if e.failedRule != nil {
		d.Route = e.failedRule.Name
	}
	d.PreflightChecked = e.policy.cfg.CORS.Preflight == config.PreflightCheck && preflightMethod(e.request) != ""
}

// allow allows the request. Its identity headers are replaced by set, in all spellings,
// and its credential is removed.
func (e *evaluation) allow(reason Reason, set []request.Header, removal credential.Removal) {
	e.decision.Verdict, e.decision.Reason, e.removed = VerdictAllow, reason, removal
	e.decision.Remove = slices.Concat(e.policy.mapper.Strip(e.request.Headers, set, e.parsed.Relaxed), removal.Headers)
	e.decision.Set = request.Pack(set, removal.Set)
	e.decision.RemoveParameters = removal.Parameters
	e.decision.AddToResponse = e.policy.cors.allowed(e.request.Header("origin"))
}

// finish names the further rules in the decision, and decides whether to record it: the
// rule that decided says how many of its decisions are. A failure that was not enforced
// counts as a denial.
func (e *evaluation) finish() {
	for _, rule := range e.further {
		e.decision.Further = append(e.decision.Further, rule.Name)
	}
	sampling := e.policy.cfg.Audit.Sampling
	switch {
	case e.failedRule != nil && e.decision.Verdict == VerdictDeny:
		sampling = e.failedRule.Audit
	case e.rule != nil:
		sampling = e.rule.Audit
	}
	oneIn := sampling.Allowed
	if e.decision.Verdict == VerdictDeny || e.decision.WouldDeny != "" {
		oneIn = sampling.Denied
	}
	e.decision.Record = oneIn > 0 && e.decision.ID.Number%uint64(oneIn) == 0
	e.decision.To, e.decision.Redaction = e.policy.cfg.Audit.To, e.policy.redaction
}
