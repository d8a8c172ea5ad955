package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// alternativeRows returns the keys with requirements for a token, for a route and for
// an alternative of any_of.
func alternativeRows(a *Alternative) []yamlform.Row {
	return []yamlform.Row{
		yamlform.Field("issuers", "the issuers whose tokens are accepted; by default all",
			yamlform.NonEmptySet("a list such as [cruddur]", yamlform.Identifier("an issuer's name under issuers")), &a.Issuers),
		yamlform.Field("groups", "the user must be in one of these groups", choiceCodec("admin", yamlform.Identifier("a group")), &a.Groups),
		yamlform.Field("scopes", "the token must have one of these scopes", choiceCodec("orders/read", scopeCodec()), &a.Scopes),
		yamlform.Field("clients", "the token's client must be one of these",
			choiceCodec("billing", yamlform.Identifier("a client id")), &a.Clients),
	}
}

// alternativesCodec is a list of requirements. None of them may be empty, because every
// token satisfies an empty one.
func alternativesCodec() yamlform.Codec[[]Alternative] {
	const expected = "a list of alternatives such as [{groups: [sales]}, {scopes: [orders/read]}]"
	return yamlform.NonEmpty(yamlform.List(expected, yamlform.Mapping(alternativeObject)))
}

func alternativeObject(a *Alternative) yamlform.Object {
	return yamlform.Object{
		Expected: "an alternative such as {groups: [sales]}",
		Synonyms: map[string]string{"role": "groups", "roles": "groups", "scope": "scopes"},
		Rows:     alternativeRows(a),
		Check: func(d *yamlform.Decoder, at yamlform.Place) {
			if at.Len() == 0 {
				d.Report(at, "is empty, so every token would satisfy it; expected a requirement such as {groups: [sales]}")
			}
		},
	}
}

// acrCodec is a value of acr. A challenge contains these values in a quoted string,
// separated by spaces (RFC 9470 section 3).
func acrCodec() yamlform.Codec[string] {
	const expected = "an authentication context class without spaces, quotes and backslashes"
	return yamlform.Text(expected, func(text string) string {
		return unless(text != "" && len(text) <= 256 && !strings.ContainsFunc(text, notInScope), "is invalid", text, expected)
	})
}

// scopeCodec is a scope-token (RFC 6749 section 3.3). Scopes are separated by spaces, so
// one that contains a space would be two.
func scopeCodec() yamlform.Codec[string] {
	const expected = "a scope"
	return yamlform.Text(expected, func(text string) string {
		if problem := yamlform.BadIdentifier(text); problem != "" {
			return problem + "; expected " + expected
		}
		return unless(!strings.ContainsFunc(text, notInScope), "is not a scope", text,
			"one scope per item, in ASCII without spaces, quotes and backslashes")
	})
}

// notInScope reports whether a scope-token cannot contain r.
func notInScope(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }

// choiceCodec is a list of which one value is required, or {all: [...]}.
func choiceCodec(example string, item yamlform.Codec[string]) yamlform.Codec[Choice] {
	expected := "a list such as [" + example + "], or {all: [" + example + "]} to ask for all of them"
	list := yamlform.NonEmptySet("a list such as ["+example+"]", item)
	noAny := "is not supported, because a plain list such as [" + example + "] already means any of its items"
	all := yamlform.Mapping(func(c *Choice) yamlform.Object {
		return yamlform.Object{Expected: expected, Rows: []yamlform.Row{
			yamlform.Field("all", "all of these are required, not only one", list, &c.All).MustBeSet(),
			yamlform.Misplaced("any", noAny),
		}}
	})
	anyOf := yamlform.NonEmptySet(expected, item)
	return yamlform.Codec[Choice]{Expected: expected, Keys: all.Keys, Schema: yamlform.AnyOfSchemas(anyOf.JSONSchema, all.Schema),
		Read: func(d *yamlform.Decoder, p yamlform.Place) (Choice, bool) {
			if one, only := p.OnlyValue("any"); only {
				d.Report(one, "%s", noAny)
				return Choice{}, false
			}
			if p.IsMapping() {
				return all.Read(d, p)
			}
			values, ok := anyOf.Read(d, p)
			return Choice{Any: values}, ok
		}}
}

// conditionCodec is a text in CEL. Variables are not expanded in it, so that none can
// change the condition, and package route can report mistakes at positions inside it.
func conditionCodec() yamlform.Codec[string] {
	return yamlform.Verbatim("a condition in CEL, such as token.subject == path.id")
}

// checkRouteIssuers checks the issuers of a route. If there is more than one issuer,
// each requirement must name issuers, because a group has a meaning only for the
// issuer that defines it.
func checkRouteIssuers(d *yamlform.Decoder, c *Config, r *Route) {
	known := make([]string, len(c.Issuers))
	for i, one := range c.Issuers {
		known[i] = one.Name
	}
	checkIssuerNames(d, r.Path, r.Requirement.Issuers, known)
	want := r.Requirement
	stated := d.IsSet(r.Path + ".issuers")
	allSay := true
	for i, one := range want.AnyOf {
		path := fmt.Sprintf("%s.any_of[%d]", r.Path, i)
		checkIssuerNames(d, path, one.Issuers, known)
		allSay = allSay && (d.IsSet(path+".issuers") || len(one.Issuers) > 0)
	}
	if len(c.Issuers) < 2 || stated || r.Access != AccessRequired {
		return
	}
	hint := "write issuers: [" + strings.Join(known, ", ") + "], or only some of them"
	if !want.Groups.Empty() || !want.Scopes.Empty() || !want.Clients.Empty() || want.MaxAuthAge > 0 || len(want.ACR) > 0 || want.When != "" {
		d.ReportPath(r.Path,
			"has no issuers; with more than one issuer, a route with groups, scopes, clients, when, max_auth_age or acr needs them; %s", hint)
	} else if !allSay {
		d.ReportPath(r.Path+".any_of",
			"has an alternative without issuers; with more than one issuer, the route or every alternative needs them; %s", hint)
	}
}

func checkIssuerNames(d *yamlform.Decoder, path string, names, known []string) {
	for i, name := range names {
		if slices.Contains(known, name) || d.IsSet(yamlform.JoinPath("issuers", name)) {
			continue
		}
		hint := yamlform.DidYouMean(name, known, "expected one of "+strings.Join(known, ", "))
		if len(known) == 0 {
			hint = "add it under issuers"
		}
		d.ReportPath(fmt.Sprintf("%s.issuers[%d]", path, i), "is an unknown issuer: got %s; %s", yamlform.Quote(name), hint)
	}
}
