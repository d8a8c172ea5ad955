package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	yaml "go.yaml.in/yaml/v4"
)

// routeFile is a route as the file has it, beside what becomes of it.
type routeFile struct {
	Route
	ifInvalid string
}

const routeSays = "a route such as {match: GET /api/health, access: public}"

func routeObject() object[routeFile] {
	type of = routeFile
	const methods = "is no key: methods stand before the path in match, such as GET,HEAD /x"
	return object[of]{
		says:  routeSays,
		slips: map[string]string{"role": "groups", "roles": "groups", "path": "match", "scope": "scopes"},
		keys: slices.Concat([]key[of]{
			field("name", "used in metrics and audit lines; by default the text of match", routeName(), func(f *of) *string { return &f.Name }),
			field("match", "the requests that the route is for: {name} stands for one segment, ** for the rest",
				word("[METHOD,...] PATH, such as GET /api/health"), func(f *of) *string { return &f.Match }).must(),
			field("hosts", "the hosts that the route is for; by default any", listOf("a list such as [api.example]", hostForm("leave hosts out to take any host")),
				func(f *of) *[]string { return &f.Hosts }),
			field("access", "what the route asks for", oneOf(AccessPublic, AccessOptional, AccessRequired, AccessDeny),
				func(f *of) *Access { return &f.Access }).or("required"),
			field("if_invalid", "with access: optional, what becomes of a token that fails; by default deny", oneOf("deny", "anonymous"),
				func(f *of) *string { return &f.ifInvalid }),
		}, alternativeKeys(func(f *of) *Alternative { return &f.Requirement.Alternative }), []key[of]{
			field("any_of", "alternatives, of which one must fit beside the rest", alternatives(), func(f *of) *[]Alternative { return &f.Requirement.AnyOf }),
			later[of]("when", "a condition in CEL"),
			field("max_auth_age", "the login may not be older", duration("1h", time.Second, 365*24*time.Hour),
				func(f *of) *time.Duration { return &f.Requirement.MaxAuthAge }),
			field("acr", "the login must be of one of these classes", listOf("a list such as [gold]", acrForm()), func(f *of) *[]string { return &f.Requirement.ACR }),
			field("tokens_from", "instead of tokens.from", tokenSources(true), func(f *of) *[]TokenSource { return &f.TokensFrom }),
			field("forward", "instead of tokens.forward", truth(), func(f *of) *bool { return &f.Forward }),
			later[of]("end_streams_at_expiry", "streams end when the token does"),
			later[of]("audit", "instead of audit"),
			later[of]("shadow", "record would-be denials instead of enforcing them"),
			misplaced[of]("method", methods),
			misplaced[of]("methods", methods),
		}),
		check: checkRoute,
	}
}

// alternativeKeys are the keys that ask for something of a token, on a route and
// in each alternative of any_of.
func alternativeKeys[T any](in func(*T) *Alternative) []key[T] {
	return []key[T]{
		field("issuers", "whose tokens are taken; by default every issuer's", listOf("a list such as [cruddur]", word("an issuer's name under issuers")),
			func(t *T) *[]string { return &in(t).Issuers }),
		field("groups", "the user must be in one of them", choice("admin", word("a group")), func(t *T) *Choice { return &in(t).Groups }),
		field("scopes", "the token must have one of them", choice("orders/read", scopeForm()), func(t *T) *Choice { return &in(t).Scopes }),
		field("clients", "the token's client must be one of them", choice("billing", word("a client id")), func(t *T) *Choice { return &in(t).Clients }),
	}
}

// alternatives is a list of requirements, none of them empty: an empty one would
// fit every token.
func alternatives() form[[]Alternative] {
	const says = "a list of alternatives such as [{groups: [sales]}, {scopes: [orders/read]}]"
	one := group(object[Alternative]{
		says:  "an alternative such as {groups: [sales]}",
		slips: map[string]string{"role": "groups", "roles": "groups", "scope": "scopes"},
		keys:  alternativeKeys(func(a *Alternative) *Alternative { return a }),
		check: func(d *decoder, at place, _ *Alternative) {
			if len(at.node.Content) == 0 {
				d.fault(at, "is empty and would fit every token; write what it asks for, such as {groups: [sales]}")
			}
		},
	})
	list := rows(says, one)
	return form[[]Alternative]{says: says, below: list.below, read: func(d *decoder, p place) ([]Alternative, bool) {
		if p.node.Kind == yaml.SequenceNode && len(p.node.Content) == 0 {
			d.fault(p, "is an empty list; write %s, or leave the key out", says)
			return nil, false
		}
		return list.read(d, p)
	}}
}

// acrForm is a value of acr. It stands in a challenge (RFC 9470 section 3), a
// list separated by spaces in a quoted string.
func acrForm() form[string] {
	const says = "an authentication context class without spaces, quotes and backslashes"
	return freeText(says, func(text string) string {
		if text == "" || len(text) > 256 || strings.ContainsFunc(text, notInScope) {
			return fmt.Sprintf("is %s; write %s", shown(text), says)
		}
		return ""
	})
}

// scopeForm is a scope-token (RFC 6749 section 3.3): scopes are listed with spaces
// between them, so that one with a space inside would be two.
func scopeForm() form[string] {
	const says = "a scope"
	return freeText(says, func(text string) string {
		if wrong := badWord(text); wrong != "" {
			return wrong + "; write " + says
		}
		if strings.ContainsFunc(text, notInScope) {
			return fmt.Sprintf("is %s, which is no scope; write each one as an item of its own, in ASCII without spaces, quotes and backslashes", shown(text))
		}
		return ""
	})
}

// notInScope tells whether a scope-token cannot hold r.
func notInScope(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }

func routesForm() form[[]Route] {
	route := group(routeObject())
	item := form[Route]{says: routeSays, below: route.below, read: func(d *decoder, p place) (Route, bool) {
		f, ok := route.read(d, p)
		return f.Route, ok
	}}
	return rows("a list of routes, each "+strings.TrimPrefix(routeSays, "a route "), item)
}

// choice is a list of which any one will do, or {all: [...]}.
func choice(example string, item form[string]) form[Choice] {
	says := "a list such as [" + example + "], or {all: [" + example + "]} to ask for all of them"
	list := listOf("a list such as ["+example+"]", item)
	all := object[Choice]{
		says: says,
		keys: []key[Choice]{
			field("all", "all of them are needed, not only one", list, func(c *Choice) *[]string { return &c.All }).must(),
		},
	}
	anyOf := listOf(says, item)
	return form[Choice]{says: says, below: all.reference, read: func(d *decoder, p place) (Choice, bool) {
		var c Choice
		var ok bool
		if p.node.Kind == yaml.MappingNode {
			ok = all.read(d, p, &c)
		} else {
			c.Any, ok = anyOf.read(d, p)
		}
		return c, ok
	}}
}

func routeName() form[string] {
	const says = "a name such as admin"
	return freeText(says, func(text string) string {
		if wrong := badLabel(text); wrong != "" {
			return wrong + "; write " + says
		}
		return ""
	})
}

// badLabel says why a text cannot be a metric label and stand in a log line, or
// nothing.
func badLabel(text string) string {
	const most = 128
	switch {
	case text == "" || strings.TrimSpace(text) != text:
		return fmt.Sprintf("is %s, empty or with white space around it", shown(text))
	case len(text) > most:
		return fmt.Sprintf("is longer than %d bytes", most)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
		return fmt.Sprintf("is %s, with a character that cannot be printed", shown(text))
	}
	return ""
}

// checkRoute holds the rules of one route.
func checkRoute(d *decoder, at place, f *routeFile) {
	f.Path = at.path
	if !d.stated(at.below("name")) {
		f.Name = f.Match
		if wrong := badLabel(f.Name); f.Name != "" && wrong != "" {
			d.wrong(at.below("match"), "%s, so it cannot be the route's name too; write a name", wrong)
		}
	}
	if d.stated(at.below("if_invalid")) && f.Access != AccessOptional {
		d.wrong(at.below("if_invalid"), "is for access: optional, and this route is %s; leave it out", f.Access)
	}
	f.AnonymousIfInvalid = f.Access == AccessOptional && f.ifInvalid == "anonymous"
	for _, name := range []string{"tokens_from", "forward"} {
		if d.stated(at.below(name)) && (f.Access == AccessPublic || f.Access == AccessDeny) {
			d.wrong(at.below(name), "has no meaning here, since no token is looked at on a route that is %s; leave it out", f.Access)
		}
	}
	if f.Access == AccessRequired {
		return
	}
	for _, name := range []string{"issuers", "groups", "scopes", "clients", "any_of", "max_auth_age", "acr"} {
		if d.stated(at.below(name)) {
			d.wrong(at.below(name), "asks for something of a token, but this route is %s; write access: required, or leave it out", f.Access)
		}
	}
}

// checkRoutes holds the rules between routes, and between them and the issuers.
func checkRoutes(d *decoder, c *Config) {
	names := map[string]string{} // name -> path
	for i, r := range c.Routes {
		if r.TokensFrom == nil {
			c.Routes[i].TokensFrom = c.Tokens.From
		}
		if !d.stated(r.Path + ".forward") {
			c.Routes[i].Forward = c.Tokens.Forward
		}
		if first, taken := names[r.Name]; taken && r.Name != "" {
			path := r.Path + ".name"
			if !d.stated(path) {
				path = r.Path + ".match"
			}
			d.wrong(path, "gives the route the name %s, which %s has already; write a name of its own", shown(r.Name), first)
		} else {
			names[r.Name] = r.Path
		}
		checkRouteIssuers(d, c, r)
	}
	if len(c.Issuers) > 0 || c.Issuers == nil && d.stated("issuers") { // nil: its mistakes were reported
		return
	}
	open := func(r Route) bool { return r.Access != AccessPublic }
	if c.Default != AccessDeny || slices.ContainsFunc(c.Routes, open) {
		d.wrong("issuers", "is missing, so no token could ever be valid; write an issuer, or make every route public and write default: deny")
	}
}

// checkRouteIssuers holds a route's issuers to those that there are. With more
// than one, each requirement says whose: a group of one issuer means nothing
// from another.
func checkRouteIssuers(d *decoder, c *Config, r Route) {
	known := make([]string, len(c.Issuers))
	for i, one := range c.Issuers {
		known[i] = one.Name
	}
	checkIssuerNames(d, r.Path, r.Requirement.Issuers, known)
	want := r.Requirement
	stated := d.stated(r.Path + ".issuers")
	allSay := true
	for i, one := range want.AnyOf {
		path := fmt.Sprintf("%s.any_of[%d]", r.Path, i)
		checkIssuerNames(d, path, one.Issuers, known)
		allSay = allSay && (d.stated(path+".issuers") || len(one.Issuers) > 0)
	}
	if len(c.Issuers) < 2 || stated || r.Access != AccessRequired {
		return
	}
	mend := "write issuers: [" + strings.Join(known, ", ") + "] or those of them that you mean"
	if !want.Groups.Empty() || !want.Scopes.Empty() || !want.Clients.Empty() || want.MaxAuthAge > 0 || len(want.ACR) > 0 {
		d.wrong(r.Path, "needs issuers beside its groups, scopes, clients, max_auth_age or acr, since there is more than one issuer; %s", mend)
	} else if !allSay {
		d.wrong(r.Path+".any_of", "needs issuers on the route or in every alternative, since there is more than one issuer; %s", mend)
	}
}

func checkIssuerNames(d *decoder, path string, names, known []string) {
	for i, name := range names {
		if slices.Contains(known, name) || d.stated(place{path: "issuers"}.below(name)) {
			continue
		}
		mend := "the issuers are " + strings.Join(known, ", ")
		if len(known) == 0 {
			mend = "write it under issuers"
		} else if near := closest(name, known); near != "" {
			mend = "did you mean " + near + "?"
		}
		d.wrong(fmt.Sprintf("%s.issuers[%d]", path, i), "is %s, and no issuer has that name; %s", shown(name), mend)
	}
}
