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
	Sent        string // a summary of the request
	Differences []Difference
	Route       string // the route of the decision, and its position in the config
	Detail      string // the internal detail of the decision; may be empty
	Hint        string // may be empty
}

// Difference is one part of a decision that is not as expected.
type Difference struct {
	What      string // verdict, reason, route, further, status, a header, or removed
	Want, Got string
}

// notSet is shown as the value of a header that the gate does not set.
const notSet = "nothing"

// compare returns the differences between a decision and the expectation of its case, or
// nil if there are none.
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
			all = append(all, Difference{"removed", name + " removed", "not removed"})
		}
	}
	if len(all) == 0 {
		return nil
	}
	f := &Failure{Sent: c.sent(), Differences: all, Route: routeLocation(cfg, d.Route), Detail: oneLine(d.InternalDetail)}
	f.Hint = oneLine(hint(cfg, c, d))
	// The reason explains every difference, so it is always shown.
	if d.Verdict != gate.VerdictAllow && !slices.ContainsFunc(all, func(one Difference) bool { return one.What == "reason" }) {
		f.Detail = reasoned(d.Reason, f.Detail)
	}
	return f
}

// reasoned puts the reason before a detail, unless the detail already begins with it.
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

// list formats the names of routes.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// headerValue returns the value that a decision sets a header to.
func headerValue(d *gate.Decision, name string) string {
	for h := range d.Set.All() {
		if strings.EqualFold(h.Name, name) {
			return orNotSet(h.Value)
		}
	}
	return notSet
}

// sent summarizes the request of a case, without its token.
func (c *Case) sent() string {
	text := fmt.Sprintf("%s %s, host %s", c.request.method, c.request.path, c.request.host)
	if c.request.route != "" {
		text += ", route " + c.request.route + " selected by Envoy"
	}
	switch {
	case c.token == nil:
		text += ", no token"
	case c.token.name != "":
		text += ", token " + c.token.name
	case c.token.raw != "":
		text += ", a raw text as token"
	default:
		text += ", a token of " + c.token.issuer
	}
	if c.at != 0 {
		text += fmt.Sprintf(", decided at %s", signedDuration(c.at))
	}
	return oneLine(text)
}

// routeLocation returns the name of a route and its position in the config.
func routeLocation(cfg *config.Config, route string) string {
	if route == gate.RouteNone {
		return "none: the request was denied before a route was matched"
	}
	if i := slices.IndexFunc(cfg.Routes, func(r config.Route) bool { return r.Name == route }); i >= 0 {
		return route + location(cfg, cfg.Routes[i].Path)
	}
	return route + location(cfg, "default")
}

// location returns the position of a value in parentheses, if the config contains it.
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
	replaced := overwritten(want, d)
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
		return fmt.Sprintf("the request was allowed with reason %s; check the access of the route", d.Reason)
	case replaced != "":
		return fmt.Sprintf("the gate replaces %s with its own value; expect that value under headers, not removed", replaced)
	default:
		return fmt.Sprintf("identity.headers defines what the application receives%s", location(cfg, "identity.headers"))
	}
}

// overwritten returns the first header that the case expects to be removed but that the
// gate sets, or "".
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

// meaning returns the row of a reason, or the zero ReasonInfo.
func meaning(reason gate.Reason) gate.ReasonInfo {
	m, _ := gate.LookupReason(reason)
	return m
}

func routeHint(want string, d *gate.Decision) string {
	switch d.Route {
	case gate.RouteNone:
		return d.Hint
	case gate.RouteDefault:
		return fmt.Sprintf("no route matches the request, not even route %s; compare methods, path and hosts", want)
	}
	return fmt.Sprintf("the first matching route is used: either %s comes before %s, or %[2]s does not match the request", d.Route, want)
}

func allowedHint(cfg *config.Config, d *gate.Decision) string {
	switch d.Reason {
	case gate.ReasonPublic:
		return "the route is public, so it reads no token"
	case gate.ReasonAnonymous, gate.ReasonAnonymousInvalid:
		return "the route is optional, so it allows this request without identity"
	case gate.ReasonShadowed:
		return "shadow records denials without enforcing them"
	case gate.ReasonPreflightAnswered:
		return fmt.Sprintf("the gate answers a CORS preflight itself; see cors.preflight%s", location(cfg, "cors.preflight"))
	case gate.ReasonPreflight:
		return fmt.Sprintf("a CORS preflight is forwarded without a token; see cors.preflight%s", location(cfg, "cors.preflight"))
	}
	return "the token satisfies all requirements of the route"
}

// denialHint compares two reasons by the order of the checks.
func denialHint(want *expectation, d *gate.Decision) string {
	due, done := meaning(want.reason).Stage, meaning(d.Reason).Stage
	switch {
	case due == gate.StageNone || done == gate.StageNone || due == done:
		return d.Hint
	case done < due:
		return fmt.Sprintf("check %d (%s) runs before check %d (%s), and it failed: %s", done, done, due, due, d.Hint)
	default:
		return fmt.Sprintf("check %d (%s), which can deny with reason %s, passed", due, due, want.reason)
	}
}
