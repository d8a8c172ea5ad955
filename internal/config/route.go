package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// routeFile is a route as the file has it, beside what becomes of it.
type routeInput struct {
	Route
	ifInvalid string
	audit     OneIn
}

const matchForm = "[METHOD,...] PATH, such as GET /api/health"

const routeForm = "a route such as {match: GET /api/health, access: public}"

func routeObject() yamlform.Object[routeInput] {
	type of = routeInput
	const methods = "is no key: methods stand before the path in match, such as GET,HEAD /x"
	return yamlform.Object[of]{
		Expected: routeForm,
		Synonyms: map[string]string{"role": "groups", "roles": "groups", "path": "match", "scope": "scopes"},
		Fields: slices.Concat([]yamlform.FieldOf[of]{
			yamlform.Field("name", "used in metrics and audit lines; by default the text of match", routeNameCodec(),
				func(f *of) *string { return &f.Name }),
			yamlform.Field("match",
				"the requests that the route is for: {name} stands for one segment, ** for the rest; "+
					"a route without it is reached by its name only, when Envoy names it",
				yamlform.Identifier(matchForm), func(f *of) *string { return &f.Match }),
			yamlform.Field("hosts", "the hosts that the route is for; by default any",
				yamlform.NonEmptySet("a list such as [api.example]", hostCodec("leave hosts out to take any host")),
				func(f *of) *[]string { return &f.Hosts }),
			yamlform.Field("access", "what the route asks for", yamlform.Enum(AccessPublic, AccessOptional, AccessRequired, AccessDeny),
				func(f *of) *Access { return &f.Access }).WithDefault("required"),
			yamlform.Field("if_invalid", "with access: optional, what becomes of a token that fails; by default deny",
				yamlform.Enum("deny", "anonymous"),
				func(f *of) *string { return &f.ifInvalid }),
		}, alternativeFields(func(f *of) *Alternative { return &f.Requirement.Alternative }), []yamlform.FieldOf[of]{
			yamlform.Field("any_of", "alternatives, of which one must fit beside the rest", alternativesCodec(),
				func(f *of) *[]Alternative { return &f.Requirement.AnyOf }),
			yamlform.Field("when", "a condition that must hold beside the rest; variables are not expanded in it", conditionCodec(),
				func(f *of) *string { return &f.Requirement.When }),
			yamlform.Field("max_auth_age", "the login may not be older", yamlform.Duration("1h", time.Second, 365*24*time.Hour),
				func(f *of) *time.Duration { return &f.Requirement.MaxAuthAge }),
			yamlform.Field("acr", "the login must be of one of these classes", yamlform.NonEmptySet("a list such as [gold]", acrCodec()),
				func(f *of) *[]string { return &f.Requirement.ACR }),
			yamlform.Field("tokens_from", "instead of tokens.from", tokenSourcesCodec(true), func(f *of) *[]TokenSource { return &f.TokensFrom }),
			yamlform.Field("forward", "instead of tokens.forward", yamlform.Boolean(), func(f *of) *bool { return &f.Forward }),
			yamlform.Field("end_streams_at_expiry",
				"what is streamed to the client (SSE, gRPC, WebSocket) ends when the token does: at its exp and the issuer's leeway behind it",
				yamlform.Boolean(),
				func(f *of) *bool { return &f.EndStreamsAtExpiry }).WithDefault("false"),
			yamlform.Field("audit", "instead of audit.denied and audit.allowed", oneInCodec(), func(f *of) *OneIn { return &f.audit }),
			yamlform.Field("shadow", "instead of the file's shadow: would-be denials are recorded, not enforced", yamlform.Boolean(),
				func(f *of) *bool { return &f.Shadow }),
			yamlform.Misplaced[of]("method", methods),
			yamlform.Misplaced[of]("methods", methods),
		}),
		Check: checkRoute,
	}
}

func routesCodec() yamlform.Codec[[]Route] {
	route := yamlform.Mapping(routeObject())
	item := yamlform.Codec[Route]{Expected: routeForm, Keys: route.Keys, Schema: routeShape(route.JSONSchema),
		Read: func(d *yamlform.Decoder, p yamlform.Place) (Route, bool) {
			f, ok := route.Read(d, p)
			return f.Route, ok
		}}
	return yamlform.List("a list of routes, each "+strings.TrimPrefix(routeForm, "a route "), item)
}

func routeNameCodec() yamlform.Codec[string] {
	const expected = "a name such as admin"
	return yamlform.Text(expected, func(text string) string {
		if problem := badLabel(text); problem != "" {
			return problem + "; write " + expected
		}
		return ""
	})
}

// badLabel says why a text cannot be a metric label and stand in a log line, or
// nothing.
func badLabel(text string) string {
	const limit = 128
	switch {
	case text == "" || strings.TrimSpace(text) != text:
		return fmt.Sprintf("is %s, empty or with white space around it", yamlform.Quote(text))
	case len(text) > limit:
		return fmt.Sprintf("is longer than %d bytes", limit)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
		return fmt.Sprintf("is %s, with a character that cannot be printed", yamlform.Quote(text))
	}
	return ""
}

// checkRoute holds the rules of one route.
func checkRoute(d *yamlform.Decoder, at yamlform.Place, f *routeInput) {
	f.Path = at.Path
	f.Audit = Sampling{Denied: f.audit, Allowed: f.audit}
	checkRouteName(d, at, f)
	if d.IsSet(at.Child("if_invalid")) && f.Access != AccessOptional {
		d.ReportPath(at.Child("if_invalid"), "is for access: optional, and this route is %s; leave it out", f.Access)
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
			d.ReportPath(at.Child(name), "asks for something of a token, but this route is %s; write access: required, or leave it out", f.Access)
		}
	}
}

// checkRouteName gives a route its name, which is its match where no other is
// written. One of the two is how requests come to it.
func checkRouteName(d *yamlform.Decoder, at yamlform.Place, f *routeInput) {
	name, match := at.Child("name"), at.Child("match")
	switch {
	case d.IsSet(name):
	case !d.IsSet(match):
		d.ReportPath(match, "is missing; write %s, or a name for a route that only Envoy chooses, by jwtgate.route in its context_extensions",
			matchForm)
	case f.Match != "":
		f.Name = f.Match
		if problem := badLabel(f.Name); problem != "" {
			d.ReportPath(match, "%s, so it cannot be the route's name too; write a name", problem)
		}
	}
}

// checkTokenless refuses what has no effect on a route that looks at no token.
func checkWithoutToken(d *yamlform.Decoder, at yamlform.Place, f *routeInput) {
	for _, name := range []string{"tokens_from", "forward", "end_streams_at_expiry"} {
		if d.IsSet(at.Child(name)) {
			d.ReportPath(at.Child(name), "has no meaning here, since no token is looked at on a route that is %s; leave it out", f.Access)
		}
	}
	if shadow := at.Child("shadow"); d.IsSet(shadow) {
		d.Warn(shadow, "has no effect on a route that is %s: it covers the credential, the token and the requirement; leave it out", f.Access)
	}
}

// checkRoutes holds the rules between routes, and between them and the issuers.
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
	}
	if len(c.Issuers) > 0 || c.Issuers == nil && d.IsSet("issuers") { // nil: its mistakes were reported
		return
	}
	open := func(r Route) bool { return r.Access != AccessPublic }
	if c.Default != AccessDeny || slices.ContainsFunc(c.Routes, open) {
		d.ReportPath("issuers", "is missing, so no token could ever be valid; write an issuer, or make every route public and write default: deny")
	}
}

// sameName reports a route that has the name of an earlier one. If its match gives
// it that name, another name would not make it decide anything where the earlier
// route takes all that it would.
func reportDuplicateName(d *yamlform.Decoder, first, r *Route) {
	named := func(r *Route) bool { return d.IsSet(r.Path + ".name") }
	path := r.Path + ".match"
	if named(r) {
		path = r.Path + ".name"
	}
	covered := len(first.Hosts) == 0 && !d.IsSet(first.Path+".hosts") // those with a mistake are not known
	if !covered && len(r.Hosts) > 0 {
		covered = !slices.ContainsFunc(r.Hosts, func(host string) bool {
			return !slices.ContainsFunc(first.Hosts, func(taken string) bool { return MatchHost(taken, host) })
		})
	}
	if covered && !named(first) && !named(r) {
		d.ReportPath(path, "is %s, and so is that of %s, which stands before it and takes every such request, "+
			"so that this route never decides; take one of them out", yamlform.Quote(r.Match), first.Path)
		return
	}
	d.ReportPath(path, "gives the route the name %s, which %s has already; write a name of its own", yamlform.Quote(r.Name), first.Path)
}

// inherit fills what a route does not state from the rest of the file.
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

// matchless tells whether a route has lost its match, or its name too, to a
// mistake. One that was written without a match is reached by its name.
func lostMatch(d *yamlform.Decoder, r Route) bool {
	return r.Match == "" && (r.Name == "" || d.IsSet(r.Path+".match"))
}
