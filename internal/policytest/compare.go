package policytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Failure is why a case failed. It holds no token.
type Failure struct {
	Sent        string // the request, in short
	Differences []Difference
	Route       string // that decided, and where it stands in the config
	Detail      string // what the gate found; may be empty
	Hint        string // what to look at; may be empty
}

// Difference is one thing that did not come as expected.
type Difference struct {
	What      string // verdict, reason, route, further, status, a header, or removed
	Want, Got string
}

// nothing stands for a header that the gate did not set.
const notSet = "nothing"

// judge holds a decision to what its case expects; nil: it is as expected.
func compare(cfg *config.Config, c *Case, d *gate.Decision) *Failure {
	var all []Difference
	want := &c.expect
	compare := func(what, want, got string) {
		if want != "" && want != got {
			all = append(all, Difference{what, want, got})
		}
	}
	compare("verdict", string(want.verdict), string(d.Verdict))
	compare("reason", string(want.reason), string(d.Reason))
	compare("route", want.route, d.Route)
	if got := slices.Sorted(slices.Values(d.Further)); want.further != nil && !slices.Equal(slices.Sorted(slices.Values(want.further)), got) {
		all = append(all, Difference{"further", list(want.further), list(got)})
	}
	if want.status != 0 {
		compare("status", fmt.Sprint(want.status), fmt.Sprint(d.Status()))
	}
	for _, h := range want.headers {
		compare("header "+h.name, orNotSet(h.value), headerValue(d, h.name))
	}
	for _, name := range want.removed {
		if !slices.ContainsFunc(d.Remove, func(removed string) bool { return strings.EqualFold(removed, name) }) {
			all = append(all, Difference{"removed", name + " taken out", "not taken out"})
		}
	}
	if len(all) == 0 {
		return nil
	}
	f := &Failure{Sent: c.sent(), Differences: all, Route: routeLocation(cfg, d.Route), Detail: oneLine(d.InternalDetail)}
	f.Hint = oneLine(hint(cfg, c, d))
	// What every difference is to be read with.
	if d.Verdict != gate.VerdictAllow && !slices.ContainsFunc(all, func(one Difference) bool { return one.What == "reason" }) {
		f.Detail = reasoned(d.Reason, f.Detail)
	}
	return f
}

// reasoned is a detail with its reason before it: once, also where the detail
// begins with the reason's own words.
func reasoned(reason gate.Reason, detail string) string {
	detail = strings.TrimPrefix(detail, strings.ReplaceAll(string(reason), "_", " ")+": ")
	return strings.TrimSuffix(string(reason)+": "+detail, ": ")
}

func orNotSet(value string) string {
	if value == "" {
		return notSet
	}
	return yamlform.Quote(value)
}

// list names rules.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// setTo is what an allowed request's header is set to.
func headerValue(d *gate.Decision, name string) string {
	for _, h := range d.Set {
		if strings.EqualFold(h.Name, name) {
			return orNotSet(h.Value)
		}
	}
	return notSet
}

// sent is the case's request in short, without its token.
func (c *Case) sent() string {
	text := fmt.Sprintf("%s %s, host %s", c.request.method, c.request.path, c.request.host)
	if c.request.route != "" {
		text += ", route " + c.request.route + " named by Envoy"
	}
	switch {
	case c.token == nil:
		text += ", no token"
	case c.token.name != "":
		text += ", token " + c.token.name
	case c.token.raw != "":
		text += ", a text as token"
	default:
		text += ", a token of " + c.token.issuer
	}
	if c.at != 0 {
		text += fmt.Sprintf(", decided at %s", signedDuration(c.at))
	}
	return oneLine(text)
}

// whereIs names a route and its place in the config.
func routeLocation(cfg *config.Config, route string) string {
	if route == gate.RouteNone {
		return "none: it was refused before a route was looked for"
	}
	if i := slices.IndexFunc(cfg.Routes, func(r config.Route) bool { return r.Name == route }); i >= 0 {
		return route + location(cfg, cfg.Routes[i].Path)
	}
	return route + location(cfg, "default")
}

// standsAt is where a value of the config stands, in brackets, if it is written there.
func location(cfg *config.Config, path string) string {
	pos := cfg.At(path)
	if pos == cfg.At("") {
		return ""
	}
	return fmt.Sprintf(" (%s)", pos)
}

// hint says what to look at first.
func hint(cfg *config.Config, c *Case, d *gate.Decision) string {
	want := &c.expect
	switch {
	case want.route != "" && want.route != d.Route && c.request.route == "":
		return routeHint(want.route, d)
	case d.Verdict != gate.VerdictDeny && wantsDenial(want):
		return allowedHint(cfg, d)
	case d.Reason == gate.ReasonCredentialMissing && c.token == nil && len(c.request.headers) == 0:
		return "the case sends no token; give it one with token:"
	case d.Verdict != gate.VerdictAllow && wantsDenial(want):
		return denialHint(want, d)
	case d.Verdict != gate.VerdictAllow:
		return d.Hint
	case want.reason != "" && want.reason != d.Reason:
		return fmt.Sprintf("it was let through as %s; see the access of the route", d.Reason)
	case overwritten(want, d) != "":
		name := overwritten(want, d)
		return fmt.Sprintf("the gate sets %s itself, over whatever the client sent; expect its value under headers, not removed", name)
	default:
		return fmt.Sprintf("what the application gets is what identity.headers says%s", location(cfg, "identity.headers"))
	}
}

// overwritten is the first header that a case expects to be taken out and that
// the gate sets instead, or "".
func overwritten(want *expectation, d *gate.Decision) string {
	i := slices.IndexFunc(want.removed, func(name string) bool { return headerValue(d, name) != notSet })
	if i < 0 {
		return ""
	}
	return want.removed[i]
}

// wantsDenial reports whether a case expects its request to be denied.
func wantsDenial(want *expectation) bool {
	if want.reason == "" {
		return want.verdict == gate.VerdictDeny
	}
	return meaning(want.reason).Verdict == gate.VerdictDeny
}

// meaning is a reason's row; the zero Meaning without one.
func meaning(reason gate.Reason) gate.ReasonInfo {
	m, _ := gate.LookupReason(reason)
	return m
}

func routeHint(want string, d *gate.Decision) string {
	switch d.Route {
	case gate.RouteNone:
		return d.Hint
	case gate.RouteDefault:
		return fmt.Sprintf("no route matches the request, so route %s does not either: compare methods, path and hosts", want)
	}
	return fmt.Sprintf("the first route that matches decides: either %s stands before %s, or %[2]s does not match the request", d.Route, want)
}

func allowedHint(cfg *config.Config, d *gate.Decision) string {
	switch d.Reason {
	case gate.ReasonPublic:
		return "the route is public: no token is asked for or looked at"
	case gate.ReasonAnonymous, gate.ReasonAnonymousInvalid:
		return "the route is optional: it lets this through without identity"
	case gate.ReasonShadowed:
		return "shadow records would-be denials and enforces none"
	case gate.ReasonPreflightAnswered:
		return fmt.Sprintf("the gate answers a CORS preflight itself; see cors.preflight%s", location(cfg, "cors.preflight"))
	case gate.ReasonPreflight:
		return fmt.Sprintf("a CORS preflight goes on without a token; see cors.preflight%s", location(cfg, "cors.preflight"))
	}
	return "the token meets all that the route asks for"
}

// otherDenial compares two reasons by the order of the checks.
func denialHint(want *expectation, d *gate.Decision) string {
	due, done := meaning(want.reason).Check, meaning(d.Reason).Check
	switch {
	case due == gate.CheckNone || done == gate.CheckNone || due == done:
		return d.Hint
	case done < due:
		return fmt.Sprintf("check %d (%s) comes before check %d (%s) and failed first: %s", done, done, due, due, d.Hint)
	default:
		return fmt.Sprintf("check %d (%s), which %s is of, was passed", due, due, want.reason)
	}
}
