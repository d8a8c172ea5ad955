package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// routeInput is a route with the values of the file from which it is made.
type routeInput struct {
	Route
	ifInvalid string
	audit     OneIn
}

const matchForm = "[METHOD,...] PATH, such as GET /api/health"

const routeForm = "a route such as {match: GET /api/health, access: public}"

func routeObject(f *routeInput) yamlform.Object {
	const methods = "is not supported; write the methods before the path in match, such as GET,HEAD /x"
	return yamlform.Object{
		Expected: routeForm,
		Synonyms: map[string]string{"role": "groups", "roles": "groups", "path": "match", "scope": "scopes"},
		Rows: slices.Concat([]yamlform.Row{
			yamlform.Field("name", "used in metrics and audit lines; by default the text of match", routeNameCodec(), &f.Name),
			yamlform.Field("match",
				"the requests that the route matches: {name} matches one segment, ** the rest; "+
					"a route without match applies only if Envoy selects it by name",
				yamlform.Identifier(matchForm), &f.Match),
			yamlform.Field("hosts", "the hosts that the route matches; by default any",
				yamlform.NonEmptySet("a list such as [api.example]", hostCodec("leave hosts out to take any host")), &f.Hosts),
			yamlform.Field("access", "what the route requires",
				yamlform.Enum(AccessPublic, AccessOptional, AccessRequired, AccessDeny), &f.Access).WithDefault("required"),
			yamlform.Field("if_invalid", "with access: optional, how a request with an invalid token is treated; by default deny",
				yamlform.Enum("deny", "anonymous"), &f.ifInvalid),
		}, alternativeRows(&f.Requirement.Alternative), []yamlform.Row{
			yamlform.Field("any_of", "alternatives; the token must satisfy one of them in addition to the other requirements",
				alternativesCodec(), &f.Requirement.AnyOf),
			yamlform.Field("when", "a condition that must be true in addition to the other requirements; variables are not expanded in it",
				conditionCodec(), &f.Requirement.When),
			yamlform.Field("max_auth_age", "maximum age of the login",
				yamlform.Duration("1h", time.Second, 365*24*time.Hour), &f.Requirement.MaxAuthAge),
			yamlform.Field("acr", "the authentication context class of the login must be one of these",
				yamlform.NonEmptySet("a list such as [gold]", acrCodec()), &f.Requirement.ACR),
			yamlform.Field("tokens_from", "instead of tokens.from", tokenSourcesCodec(true), &f.TokensFrom),
			yamlform.Field("forward", "instead of tokens.forward", yamlform.Boolean(), &f.Forward),
			yamlform.Field("end_streams_at_expiry",
				"a stream to the client (SSE, gRPC, WebSocket) ends when the token expires, at exp plus the leeway of the issuer",
				yamlform.Boolean(), &f.EndStreamsAtExpiry).WithDefault("false"),
			yamlform.Field("audit", "instead of audit.denied and audit.allowed", oneInCodec(), &f.audit),
			yamlform.Field("shadow", "instead of the top-level shadow", yamlform.Boolean(), &f.Shadow),
			yamlform.Misplaced("method", methods),
			yamlform.Misplaced("methods", methods),
		}),
		Check: func(d *yamlform.Decoder, at yamlform.Place) { checkRoute(d, at, f) },
	}
}

func routesCodec() yamlform.Codec[[]Route] {
	item := yamlform.Then(yamlform.Mapping(routeObject), func(_ *yamlform.Decoder, _ yamlform.Place, f routeInput) (Route, bool) {
		return f.Route, true
	})
	item.Schema = routeShape(item.Schema)
	return yamlform.List("a list of routes, each "+strings.TrimPrefix(routeForm, "a route "), item)
}

func routeNameCodec() yamlform.Codec[string] {
	const expected = "a name such as admin"
	return yamlform.Text(expected, yamlform.Expecting(expected, badLabel))
}

// badLabel returns why a text cannot be a metric label and part of a log line, or "".
func badLabel(text string) string {
	const limit = 128
	switch {
	case text == "" || strings.TrimSpace(text) != text:
		return fmt.Sprintf("is empty or has white space around it: got %s", yamlform.Quote(text))
	case len(text) > limit:
		return fmt.Sprintf("is longer than %d bytes", limit)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
		return fmt.Sprintf("has a character that cannot be printed: got %s", yamlform.Quote(text))
	}
	return ""
}

// checkRoute checks the rules of one route.
func checkRoute(d *yamlform.Decoder, at yamlform.Place, f *routeInput) {
	f.Path = at.Path
	f.Audit = Sampling{Denied: f.audit, Allowed: f.audit}
	checkRouteName(d, at, f)
	if d.IsSet(at.Child("if_invalid")) && f.Access != AccessOptional {
		d.ReportPath(at.Child("if_invalid"), "has no effect without access: optional, and this route is %s; remove it", f.Access)
	}
	f.AnonymousIfInvalid = f.Access == AccessOptional && f.ifInvalid == "anonymous"
	if f.Access == AccessPublic || f.Access == AccessDeny {
		checkWithoutToken(d, at, f)
	}
	if f.Access == AccessRequired {
		return
	}
	for _, name := range []string{"issuers", "groups", "scopes", "clients", "any_of", "when", "max_auth_age", "acr"} {
		if d.IsSet(at.Child(name)) {
			d.ReportPath(at.Child(name), "is a requirement for a token, but this route is %s; write access: required, or remove it", f.Access)
		}
	}
}

// checkRouteName sets the name of a route, by default to its match. A route needs at
// least one of the two.
func checkRouteName(d *yamlform.Decoder, at yamlform.Place, f *routeInput) {
	name, match := at.Child("name"), at.Child("match")
	switch {
	case d.IsSet(name):
	case !d.IsSet(match):
		d.ReportPath(match,
			"is missing; expected %s, or a name for a route that only Envoy selects, with jwtgate.route in its context_extensions",
			matchForm)
	case f.Match != "":
		f.Name = f.Match
		if problem := badLabel(f.Name); problem != "" {
			d.ReportPath(match, "%s, so it cannot be the name of the route too; set name", problem)
		}
	}
}

// checkWithoutToken reports keys that have no effect on a route that reads no token.
func checkWithoutToken(d *yamlform.Decoder, at yamlform.Place, f *routeInput) {
	for _, name := range []string{"tokens_from", "forward", "end_streams_at_expiry"} {
		if d.IsSet(at.Child(name)) {
			d.ReportPath(at.Child(name), "has no effect, because a route that is %s reads no token; remove it", f.Access)
		}
	}
	if shadow := at.Child("shadow"); d.IsSet(shadow) {
		d.Warn(shadow, "has no effect, because a route that is %s checks no credential, token or requirement; remove it", f.Access)
	}
}

// checkRoutes checks the rules that involve several routes, or routes and issuers.
func checkRoutes(d *yamlform.Decoder, c *Config) {
	names := map[string]*Route{}
	for i := range c.Routes {
		r := &c.Routes[i]
		inherit(d, c, r)
		if first, taken := names[r.Name]; taken && r.Name != "" {
			reportDuplicateName(d, first, r)
		} else {
			names[r.Name] = r
		}
		checkRouteIssuers(d, c, r)
		checkForward(d, c, r)
	}
	if c.Tokens.Forward {
		warnStripped(d, c, "tokens.forward", c.Tokens.From)
	}
	if len(c.Issuers) > 0 || c.Issuers == nil && d.IsSet("issuers") { // nil: mistakes in it were reported
		return
	}
	open := func(r Route) bool { return r.Access != AccessPublic }
	if c.Default != AccessDeny || slices.ContainsFunc(c.Routes, open) {
		d.ReportPath("issuers", "is missing, so no token can be valid; add an issuer, or make every route public and write default: deny")
	}
}

// reportDuplicateName reports a route with the name of an earlier one. If both names
// come from match, and the earlier route matches every host of this one, a different
// name would not help: this route would never be used.
func reportDuplicateName(d *yamlform.Decoder, first, r *Route) {
	named := func(r *Route) bool { return d.IsSet(r.Path + ".name") }
	path := r.Path + ".match"
	if named(r) {
		path = r.Path + ".name"
	}
	covered := len(first.Hosts) == 0 && !d.IsSet(first.Path+".hosts") // hosts with a mistake are unknown
	if !covered && len(r.Hosts) > 0 {
		covered = !slices.ContainsFunc(r.Hosts, func(host string) bool {
			return !slices.ContainsFunc(first.Hosts, func(taken string) bool { return MatchHost(taken, host) })
		})
	}
	if covered && !named(first) && !named(r) {
		d.ReportPath(path, "is repeated: got %s, which %s has too; that route comes first and matches all these requests, "+
			"so this route is never used; remove one of them", yamlform.Quote(r.Match), first.Path)
		return
	}
	d.ReportPath(path, "gives the route the name %s, which %s already has; set a different name", yamlform.Quote(r.Name), first.Path)
}

// inherit sets what a route does not set from the rest of the file.
func inherit(d *yamlform.Decoder, c *Config, r *Route) {
	if r.TokensFrom == nil {
		r.TokensFrom = c.Tokens.From
	}
	if !d.IsSet(r.Path + ".forward") {
		r.Forward = c.Tokens.Forward
	}
	if !d.IsSet(r.Path + ".audit") {
		r.Audit = c.Audit.Sampling
	}
	if !d.IsSet(r.Path + ".shadow") {
		r.Shadow = c.Shadow
	}
}

// checkForward warns of a route that would forward a cookie that every request loses.
// [checkRoutes] warns once of those that inherit all of it.
func checkForward(d *yamlform.Decoder, c *Config, r *Route) {
	for _, key := range []string{".forward", ".tokens_from"} {
		if r.Forward && d.IsSet(r.Path+key) {
			warnStripped(d, c, r.Path+key, r.TokensFrom)
			return
		}
	}
}

// warnStripped warns of cookies that are forwarded according to the value at a path, and that
// identity.strip_cookies removes.
func warnStripped(d *yamlform.Decoder, c *Config, path string, from []TokenSource) {
	for _, source := range from {
		strips := func(name CookieName) bool { return name.Matches(source.Name) }
		if source.Kind == SourceCookie && slices.ContainsFunc(c.Identity.StripCookies, strips) {
			d.Warn(path, "does not forward the cookie %s, because identity.strip_cookies removes it from every request; "+
				"remove its name there, or write forward: false", yamlform.Quote(source.Name))
		}
	}
}

// lostMatch reports whether a route has no match, or neither match nor name, because
// of a mistake. Otherwise a route without match has a name.
func lostMatch(d *yamlform.Decoder, r Route) bool {
	return r.Match == "" && (r.Name == "" || d.IsSet(r.Path+".match"))
}
