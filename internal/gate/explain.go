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

// Stage is one of the ten checks, by its number; they are done in this order,
// and the first that fails is the reason.
type Stage int

// The checks.
const (
	CheckNone Stage = iota // none of them
	CheckTarget
	CheckRoute
	CheckCredential
	CheckHeader
	CheckIssuer
	CheckKey
	CheckSignature
	CheckClaims
	CheckRequirement
	CheckIdentity
)

// String returns the check's name.
func (s Stage) String() string {
	switch s {
	case CheckTarget:
		return "path and host"
	case CheckRoute:
		return "route"
	case CheckCredential:
		return "credential"
	case CheckHeader:
		return "header"
	case CheckIssuer:
		return "issuer"
	case CheckKey:
		return "key"
	case CheckSignature:
		return "signature"
	case CheckClaims:
		return "claims"
	case CheckRequirement:
		return "requirement"
	case CheckIdentity:
		return "identity"
	}
	return "none"
}

// Outcome is how a check came out.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // it was not due, or an earlier one decided
)

// Step is one check of an explanation.
type Step struct {
	Number  Stage   `json:"number"`
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	// Text is what was checked against what; empty when there is nothing to say.
	Text string `json:"text,omitempty"`
}

// Explanation is a decision and how it came about. It holds no token.
type Explanation struct {
	Decision *Decision
	Steps    []Step // one for each check, in their order
}

// Explain decides one request as [Gate.Decide] would at the time of at, by the
// very same checks, and says what they found. The keys are those of now.
func (g *Gate) Explain(ctx context.Context, r *request.Request, at time.Time) *Explanation {
	c := g.check(r, at)
	c.run(ctx)
	found := c.findings()
	return &Explanation{Decision: c.decision, Steps: Steps(c.decision, found)}
}

// Steps says how a decision came about as far as it can be known from the
// decision itself and from what the checks found, by check; found may be nil.
func Steps(d *Decision, found map[Stage]string) []Step {
	decidedBy, excused := checkOf(d.Reason, d), checkOf(d.WouldDeny, d)
	passed := d.Verdict != VerdictDeny && d.Reason != ""
	steps := make([]Step, 0, int(CheckIdentity))
	for stage := CheckTarget; stage <= CheckIdentity; stage++ {
		step := Step{Number: stage, Check: stage.String(), Outcome: Passed, Text: found[stage]}
		switch {
		case d.WouldDeny != "" && stage == excused, !passed && stage == decidedBy:
			step.Outcome, step.Text = Failed, d.InternalDetail
		case d.WouldDeny != "" && d.Reason != ReasonAllowed && stage > excused && stage < CheckIdentity,
			!passed && stage > decidedBy,
			d.Verdict == VerdictAnswer && stage > decidedBy,
			passed && d.WouldDeny == "" && stage > decidedBy && stage < CheckIdentity:
			step.Outcome, step.Text = Skipped, ""
		}
		steps = append(steps, step)
	}
	return steps
}

// checkOf returns the check that a reason of d comes from.
func checkOf(reason Reason, d *Decision) Stage {
	// The claims' JSON is read for its iss, before any key is asked for; what
	// names its issuer is a token whose signature held.
	if reason == ReasonClaimsMalformed && d.Issuer == "" {
		return CheckIssuer
	}
	m, _ := LookupReason(reason)
	return m.Check
}

// findings are what the checks that were done have found, in words.
func (c *check) findings() map[Stage]string {
	found := map[Stage]string{}
	path := quote.Redact(c.parsed.Path.String())
	if c.rule == nil {
		if c.decision.Answer != nil || c.decision.Reason == ReasonPreflightRefused {
			found[CheckTarget] = DescribeTarget(c.request.Method, c.parsed.Host, path)
			found[CheckRoute] = "a CORS preflight, which the gate answers without a look at the routes (cors.preflight: answer)"
		}
		return found
	}
	found[CheckTarget] = DescribeTarget(c.request.Method, c.parsed.Host, path)
	found[CheckRoute] = c.describeRules()
	if c.credential.Found {
		found[CheckCredential] = "a token in " + place(c.credential.Source)
	} else {
		found[CheckCredential] = "none, and none is needed"
	}
	c.describeToken(found)
	if c.decision.Verdict == VerdictAllow {
		found[CheckIdentity] = c.describeIdentity()
	}
	return found
}

// describeRules says which rules were found, and how.
func (c *check) describeRules() string {
	text := c.describeRule(c.rule)
	if _, named := c.request.NamedRoute(); named {
		return text + ", named by Envoy"
	}
	if c.decision.Reason == ReasonPreflight {
		text += "; a CORS preflight needs no credential"
	}
	for i, rule := range c.further {
		if i == 0 {
			text += "; an application may read the request otherwise, so it also has to pass "
		} else {
			text += ", "
		}
		text += c.describeRule(rule)
	}
	return text
}

func (c *check) describeRule(rule *route.Rule) string {
	if rule.Name == route.DefaultName {
		if _, named := c.request.NamedRoute(); named {
			return fmt.Sprintf("default, access %s", rule.Access)
		}
		return fmt.Sprintf("no route matches; default is %s", rule.Access)
	}
	text := rule.Name
	for i := range c.policy.cfg.Routes {
		if r := &c.policy.cfg.Routes[i]; r.Name == rule.Name {
			at := c.policy.cfg.At(r.Path)
			text += fmt.Sprintf(" (%s:%d)", at.File, at.Line)
		}
	}
	return text + fmt.Sprintf(", access %s", rule.Access)
}

// describeToken says what was read of a token, as far as the checks came.
func (c *check) describeToken(found map[Stage]string) {
	t := c.token
	if t == nil {
		var failure *denial.Error
		if errors.As(c.failure, &failure) && failure.KeyID != "" {
			found[CheckHeader] = fmt.Sprintf("kid %q", failure.KeyID)
			if failure.Issuer != "" {
				describeSigner(found, failure.KeyID, failure.Issuer)
			}
		}
		return
	}
	describeSigner(found, t.KeyID, t.Issuer)
	found[CheckHeader] = fmt.Sprintf("alg %s, kid %q", t.Algorithm, t.KeyID)
	found[CheckIssuer] = fmt.Sprintf("%s (%s)", t.Issuer, t.ISS)
	text := fmt.Sprintf("subject %q of kind %s", t.Subject, t.Kind)
	if t.Client != "" {
		text += fmt.Sprintf(", client %q", t.Client)
	}
	left := t.End().Sub(c.decision.Time).Truncate(time.Second)
	found[CheckClaims] = fmt.Sprintf("%s, accepted for another %s (exp %s)", text, left, t.Expiry.UTC().Format(time.RFC3339))
	found[CheckRequirement] = c.describeRequirements()
}

// describeRequirements says what the rules ask for, each that asks for something by
// its name where there are several.
func (c *check) describeRequirements() string {
	if len(c.further) == 0 {
		return describeRequirement(c.rule.Requirement())
	}
	var parts []string
	for rule := range c.rules() {
		if rule.Access == config.AccessRequired {
			parts = append(parts, fmt.Sprintf("%s: %s", rule.Name, describeRequirement(rule.Requirement())))
		}
	}
	return strings.Join(parts, "; ")
}

// describeSigner says whose key a signature holds by.
func describeSigner(found map[Stage]string, kid, issuer string) {
	found[CheckIssuer] = issuer
	found[CheckKey] = fmt.Sprintf("kid %q is a key of %s", kid, issuer)
	found[CheckSignature] = "holds"
}

// describeIdentity says what of the request's headers was changed.
func (c *check) describeIdentity() string {
	text := "no identity is set"
	rewritten := len(c.decision.Set) - len(c.removed.Set) // what is behind was the client's own
	if rewritten > 0 {
		text = "sets " + strings.Join(headerNames(c.decision.Set[:rewritten]), ", ")
	}
	if len(c.removed.Set) > 0 {
		text += "; takes the token out of " + strings.Join(headerNames(c.removed.Set), ", ")
	}
	if len(c.removed.Parameters) > 0 {
		text += "; takes out the parameter " + strings.Join(c.removed.Parameters, ", ")
	}
	var taken []string
	for _, h := range c.request.Headers {
		name := strings.ToLower(h.Name)
		if slices.Contains(c.decision.Remove, name) && !slices.Contains(taken, name) {
			taken = append(taken, name)
		}
	}
	if len(taken) > 0 {
		text += "; takes out " + strings.Join(taken, ", ")
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

// describeRequirement says what a route asks for.
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
		parts = append(parts, "a login of the last "+want.MaxAuthAge.String())
	}
	if len(want.ACR) > 0 {
		parts = append(parts, "acr "+strings.Join(want.ACR, " or "))
	}
	if want.When != "" {
		parts = append(parts, "when "+want.When)
	}
	if len(parts) == 0 {
		return "any valid token"
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

// place names the place that a token was read from.
func place(source config.TokenSource) string {
	switch source.Kind {
	case config.SourceBearer:
		return "Authorization: Bearer"
	case config.SourceWebSocketProtocol:
		return "Sec-WebSocket-Protocol, behind " + source.Name
	}
	return fmt.Sprintf("the %s %q", source.Kind, source.Name)
}

// places names the places that a route reads.
func places(sources []config.TokenSource) string {
	names := make([]string, len(sources))
	for i, source := range sources {
		names[i] = place(source)
	}
	return strings.Join(names, ", ")
}

// DescribeTarget says what was asked for, of which host if one was named.
func DescribeTarget(method, host, path string) string {
	text := method + " " + path
	if host != "" {
		text += " on host " + host
	}
	return text
}
