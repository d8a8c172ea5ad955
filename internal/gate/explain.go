package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

// Stage is the number of one of the ten checks. They run in this order, and the first
// one that fails is the reason.
type Stage int

// The checks.
const (
	StageNone Stage = iota // no check
	StageTarget
	StageRoute
	StageCredential
	StageHeader
	StageIssuer
	StageKey
	StageSignature
	StageClaims
	StageRequirement
	StageIdentity
)

// String returns the check's name.
func (s Stage) String() string {
	switch s {
	case StageTarget:
		return "path and host"
	case StageRoute:
		return "route"
	case StageCredential:
		return "credential"
	case StageHeader:
		return "header"
	case StageIssuer:
		return "issuer"
	case StageKey:
		return "key"
	case StageSignature:
		return "signature"
	case StageClaims:
		return "claims"
	case StageRequirement:
		return "requirement"
	case StageIdentity:
		return "identity"
	}
	return "none"
}

// Outcome is the result of a check.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // it did not apply, or an earlier check decided
)

// Step is one check of an explanation.
type Step struct {
	Number  Stage   `json:"number"`
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	// Text says what the check found. It can be empty.
	Text string `json:"text,omitempty"`
}

// Explanation is a decision and the steps that led to it. It holds no token.
type Explanation struct {
	Decision *Decision
	Steps    []Step // one for each check, in order
}

// Explain decides one request as [Gate.Decide] would decide it at a given time, by the
// same checks, and says what they found. It uses the current keys.
func (g *Gate) Explain(ctx context.Context, r *request.Request, at time.Time) *Explanation {
	e := g.evaluate(r, at)
	e.run(ctx)
	return &Explanation{Decision: e.decision, Steps: Steps(e.decision, e.findings())}
}

// Steps returns the steps that led to a decision, with the text that each check found.
// found may be nil: the decision alone tells which checks passed, failed or were skipped.
func Steps(d *Decision, found map[Stage]string) []Step {
	// No check between last and next ran.
	failed, last, next := StageNone, stageOf(d.Reason, d), StageIdentity
	switch {
	case d.Verdict == VerdictDeny || d.Reason == "":
		failed, next = last, StageIdentity+1
	case d.WouldDeny != "":
		failed = stageOf(d.WouldDeny, d)
		if d.Reason != ReasonAllowed { // if allowed, another rule accepted the token
			last = failed
		}
	case d.Verdict == VerdictAnswer:
		next = StageIdentity + 1
	}
	steps := make([]Step, 0, int(StageIdentity))
	for stage := StageTarget; stage <= StageIdentity; stage++ {
		step := Step{Number: stage, Check: stage.String(), Outcome: Passed, Text: found[stage]}
		switch {
		case stage == failed:
			step.Outcome, step.Text = Failed, d.InternalDetail
		case stage > last && stage < next:
			step.Outcome, step.Text = Skipped, ""
		}
		steps = append(steps, step)
	}
	return steps
}

// stageOf returns the check that gave a reason of d.
func stageOf(reason Reason, d *Decision) Stage {
	// Malformed claims fail check 5, which reads the unverified claims for their iss. If
	// the decision has an issuer, the signature was verified, and check 8 failed.
	if reason == ReasonClaimsMalformed && d.Issuer == "" {
		return StageIssuer
	}
	m, _ := LookupReason(reason)
	return m.Stage
}

// findings returns a text for each check that ran: what it found.
func (e *evaluation) findings() map[Stage]string {
	found := map[Stage]string{}
	path := quote.Redact(e.parsed.Path.String())
	if e.rule == nil {
		if e.decision.Answer != nil || e.decision.Reason == ReasonPreflightRefused {
			found[StageTarget] = DescribeTarget(e.request.Method, e.parsed.Host, path)
			found[StageRoute] = "a CORS preflight, which the gate answers without matching a route (cors.preflight: answer)"
		}
		return found
	}
	found[StageTarget] = DescribeTarget(e.request.Method, e.parsed.Host, path)
	found[StageRoute] = e.describeRules()
	if e.credential.Found {
		found[StageCredential] = "a token in " + place(e.credential.Source)
	} else {
		found[StageCredential] = "none, and the route does not need one"
	}
	e.describeToken(found)
	if e.decision.Verdict == VerdictAllow {
		found[StageIdentity] = e.describeIdentity()
	}
	return found
}

// describeRules names the rules of the request, and says how each was found.
func (e *evaluation) describeRules() string {
	text := e.describeRule(e.rule)
	if _, named := e.request.NamedRoute(); named {
		return text + ", named by Envoy"
	}
	if e.decision.Reason == ReasonPreflight {
		text += "; a CORS preflight needs no credential"
	}
	for i, rule := range e.further {
		if i == 0 {
			text += "; an application may interpret the request differently, so it must also pass "
		} else {
			text += ", "
		}
		text += e.describeRule(rule)
	}
	return text
}

func (e *evaluation) describeRule(rule *route.Rule) string {
	if rule.Name == route.DefaultName {
		if _, named := e.request.NamedRoute(); named {
			return fmt.Sprintf("default, access %s", rule.Access)
		}
		return fmt.Sprintf("no route matches; default is %s", rule.Access)
	}
	text := rule.Name
	for i := range e.policy.cfg.Routes {
		if r := &e.policy.cfg.Routes[i]; r.Name == rule.Name {
			at := e.policy.cfg.At(r.Path)
			text += fmt.Sprintf(" (%s:%d)", at.File, at.Line)
		}
	}
	return text + fmt.Sprintf(", access %s", rule.Access)
}

// describeToken describes what the checks that ran have read of the token.
func (e *evaluation) describeToken(found map[Stage]string) {
	t := e.token
	if t == nil {
		var failure *denial.Error
		if errors.As(e.failure, &failure) && failure.KeyID != "" {
			found[StageHeader] = fmt.Sprintf("kid %q", failure.KeyID)
			if failure.Issuer != "" {
				describeSigner(found, failure.KeyID, failure.Issuer)
			}
		}
		return
	}
	describeSigner(found, t.KeyID, t.Issuer)
	found[StageHeader] = fmt.Sprintf("alg %s, kid %q", t.Algorithm, t.KeyID)
	found[StageIssuer] = fmt.Sprintf("%s (%s)", t.Issuer, t.ISS)
	text := fmt.Sprintf("subject %q of kind %s", t.Subject, t.Kind)
	if t.Client != "" {
		text += fmt.Sprintf(", client %q", t.Client)
	}
	left := t.End().Sub(e.decision.Time).Truncate(time.Second)
	found[StageClaims] = fmt.Sprintf("%s, accepted for another %s (exp %s)", text, left, t.Expiry.UTC().Format(time.RFC3339))
	found[StageRequirement] = e.describeRequirements()
}

// describeRequirements says what the rules require. If there are several rules, it names
// each.
func (e *evaluation) describeRequirements() string {
	if len(e.further) == 0 {
		return describeRequirement(e.rule.Requirement())
	}
	var parts []string
	for rule := range e.rules() {
		if rule.Access == config.AccessRequired {
			parts = append(parts, fmt.Sprintf("%s: %s", rule.Name, describeRequirement(rule.Requirement())))
		}
	}
	return strings.Join(parts, "; ")
}

// describeSigner names the key that verified the signature, and its issuer.
func describeSigner(found map[Stage]string, kid, issuer string) {
	found[StageIssuer] = issuer
	found[StageKey] = fmt.Sprintf("kid %q is a key of %s", kid, issuer)
	if kid == "" {
		found[StageKey] = "the token has no kid, and exactly one key of " + issuer + " fits it"
	}
	found[StageSignature] = "valid"
}

// describeIdentity says how the request's headers are changed.
func (e *evaluation) describeIdentity() string {
	text := "no identity is set"
	set := e.decision.Set.List()
	rewritten := len(set) - len(e.removed.Set) // the rest are the client's, without the token
	if rewritten > 0 {
		text = "sets " + strings.Join(headerNames(set[:rewritten]), ", ")
	}
	if len(e.removed.Set) > 0 {
		text += "; removes the token or stripped cookies from " + strings.Join(headerNames(e.removed.Set), ", ")
	}
	if len(e.removed.Parameters) > 0 {
		text += "; removes the parameter " + strings.Join(e.removed.Parameters, ", ")
	}
	var removed []string
	for _, h := range e.request.Headers {
		name := strings.ToLower(h.Name)
		if slices.Contains(e.decision.Remove, name) && !slices.Contains(removed, name) {
			removed = append(removed, name)
		}
	}
	if len(removed) > 0 {
		text += "; removes " + strings.Join(removed, ", ")
	}
	return text
}

func headerNames(headers []request.Header) []string {
	names := make([]string, len(headers))
	for i, h := range headers {
		names[i] = h.Name
	}
	return names
}

// anyToken describes a route that requires nothing of a token.
const anyToken = "any valid token"

// describeRequirement says what a route requires.
func describeRequirement(want *config.Requirement) string {
	parts := describeAlternative(&want.Alternative)
	for i := range want.AnyOf {
		if i == 0 {
			parts = append(parts, "any of: "+strings.Join(describeAlternative(&want.AnyOf[i]), ", "))
		} else {
			parts[len(parts)-1] += " | " + strings.Join(describeAlternative(&want.AnyOf[i]), ", ")
		}
	}
	if want.MaxAuthAge > 0 {
		parts = append(parts, "a login within the last "+want.MaxAuthAge.String())
	}
	if len(want.ACR) > 0 {
		parts = append(parts, "acr "+strings.Join(want.ACR, " or "))
	}
	if want.When != "" {
		parts = append(parts, "when "+want.When)
	}
	if len(parts) == 0 {
		return anyToken
	}
	return strings.Join(parts, "; ")
}

func describeAlternative(want *config.Alternative) []string {
	var parts []string
	if len(want.Issuers) > 0 {
		parts = append(parts, "issuer "+strings.Join(want.Issuers, " or "))
	}
	for _, one := range []struct {
		name   string
		choice config.Choice
	}{{"group", want.Groups}, {"scope", want.Scopes}, {"client", want.Clients}} {
		if len(one.choice.Any) > 0 {
			parts = append(parts, one.name+" "+strings.Join(one.choice.Any, " or "))
		}
		if len(one.choice.All) > 0 {
			parts = append(parts, one.name+" "+strings.Join(one.choice.All, " and "))
		}
	}
	return parts
}

// place names a place from which a token is read.
func place(source config.TokenSource) string {
	switch source.Kind {
	case config.SourceBearer:
		return "Authorization: Bearer"
	case config.SourceWebSocketProtocol:
		return "Sec-WebSocket-Protocol, after " + source.Name
	}
	return fmt.Sprintf("the %s %q", source.Kind, source.Name)
}

// DescribeTarget names the method and the path of a request, and its host if there is one.
func DescribeTarget(method, host, path string) string {
	text := method + " " + path
	if host != "" {
		text += " on host " + host
	}
	return text
}
