package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// alternativeKeys are the keys that ask for something of a token, on a route and
// in each alternative of any_of.
func alternativeFields[T any](in func(*T) *Alternative) []yamlform.FieldOf[T] {
	return []yamlform.FieldOf[T]{
		yamlform.Field("issuers", "whose tokens are taken; by default every issuer's",
			yamlform.NonEmptySet("a list such as [cruddur]", yamlform.Identifier("an issuer's name under issuers")),
			func(t *T) *[]string { return &in(t).Issuers }),
		yamlform.Field("groups", "the user must be in one of them", choiceCodec("admin", yamlform.Identifier("a group")),
			func(t *T) *Choice { return &in(t).Groups }),
		yamlform.Field("scopes", "the token must have one of them", choiceCodec("orders/read", scopeCodec()),
			func(t *T) *Choice { return &in(t).Scopes }),
		yamlform.Field("clients", "the token's client must be one of them", choiceCodec("billing", yamlform.Identifier("a client id")),
			func(t *T) *Choice { return &in(t).Clients }),
	}
}

// alternatives is a list of requirements, none of them empty: an empty one would
// fit every token.
func alternativesCodec() yamlform.Codec[[]Alternative] {
	const expected = "a list of alternatives such as [{groups: [sales]}, {scopes: [orders/read]}]"
	one := yamlform.Mapping(yamlform.Object[Alternative]{
		Expected: "an alternative such as {groups: [sales]}",
		Synonyms: map[string]string{"role": "groups", "roles": "groups", "scope": "scopes"},
		Fields:   alternativeFields(func(a *Alternative) *Alternative { return a }),
		Check: func(d *yamlform.Decoder, at yamlform.Place, _ *Alternative) {
			if at.Len() == 0 {
				d.Report(at, "is empty and would fit every token; write what it asks for, such as {groups: [sales]}")
			}
		},
	})
	return yamlform.NonEmpty(yamlform.List(expected, one))
}

// acrCodec is a value of acr. It stands in a challenge (RFC 9470 section 3), a
// list separated by spaces in a quoted string.
func acrCodec() yamlform.Codec[string] {
	const expected = "an authentication context class without spaces, quotes and backslashes"
	return yamlform.Text(expected, func(text string) string {
		if text == "" || len(text) > 256 || strings.ContainsFunc(text, notInScope) {
			return fmt.Sprintf("is %s; write %s", yamlform.Quote(text), expected)
		}
		return ""
	})
}

// scopeCodec is a scope-token (RFC 6749 section 3.3): scopes are listed with spaces
// between them, so that one with a space inside would be two.
func scopeCodec() yamlform.Codec[string] {
	const expected = "a scope"
	return yamlform.Text(expected, func(text string) string {
		if problem := yamlform.BadIdentifier(text); problem != "" {
			return problem + "; write " + expected
		}
		if strings.ContainsFunc(text, notInScope) {
			return fmt.Sprintf("is %s, which is no scope; write each one as an item of its own, in ASCII without spaces, quotes and backslashes",
				yamlform.Quote(text))
		}
		return ""
	})
}

// notInScope tells whether a scope-token cannot hold r.
func notInScope(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }

// choice is a list of which any one will do, or {all: [...]}.
func choiceCodec(example string, item yamlform.Codec[string]) yamlform.Codec[Choice] {
	expected := "a list such as [" + example + "], or {all: [" + example + "]} to ask for all of them"
	list := yamlform.NonEmptySet("a list such as ["+example+"]", item)
	all := yamlform.Object[Choice]{
		Expected: expected,
		Fields: []yamlform.FieldOf[Choice]{
			yamlform.Field("all", "all of them are needed, not only one", list, func(c *Choice) *[]string { return &c.All }).MustBeSet(),
			yamlform.Misplaced[Choice]("any", "is no key: any one of a plain list will do, such as ["+example+"]; keep one of the two"),
		},
	}
	anyOf := yamlform.NonEmptySet(expected, item)
	return yamlform.Codec[Choice]{Expected: expected, Keys: all.Reference, Schema: yamlform.AnyOfSchemas(anyOf.JSONSchema, all.Schema),
		Read: func(d *yamlform.Decoder, p yamlform.Place) (Choice, bool) {
			var c Choice
			var ok bool
			if one, only := p.OnlyValue("any"); only {
				d.Report(one, "is no key: any one of a plain list will do; write %s", formatList(one.Strings(), example))
			} else if p.IsMapping() {
				ok = all.Read(d, p, &c)
			} else {
				c.Any, ok = anyOf.Read(d, p)
			}
			return c, ok
		}}
}

// written is a short list of words as a file has it, or else an example.
func formatList(words []string, example string) string {
	const limit = 4
	plain := func(one string) bool { return yamlform.ASCIIWord(one, ":/.-_") }
	if len(words) == 0 || len(words) > limit || slices.ContainsFunc(words, func(one string) bool { return !plain(one) }) {
		return "a list such as [" + example + "]"
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// condition is a text in CEL, taken as written: `${` stands for itself in it, so
// that no variable can change what is asked for. Its place is kept letter by
// letter, for what package route finds wrong inside it.
func conditionCodec() yamlform.Codec[string] {
	return yamlform.Verbatim("a condition in CEL, such as token.subject == path.id")
}

// checkRouteIssuers holds a route's issuers to those that there are. With more
// than one, each requirement says whose: a group of one issuer means nothing
// from another.
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
	hint := "write issuers: [" + strings.Join(known, ", ") + "] or those of them that you mean"
	if !want.Groups.Empty() || !want.Scopes.Empty() || !want.Clients.Empty() || want.MaxAuthAge > 0 || len(want.ACR) > 0 || want.When != "" {
		d.ReportPath(r.Path,
			"needs issuers beside its groups, scopes, clients, when, max_auth_age or acr, since there is more than one issuer; %s", hint)
	} else if !allSay {
		d.ReportPath(r.Path+".any_of", "needs issuers on the route or in every alternative, since there is more than one issuer; %s", hint)
	}
}

func checkIssuerNames(d *yamlform.Decoder, path string, names, known []string) {
	for i, name := range names {
		if slices.Contains(known, name) || d.IsSet(yamlform.JoinPath("issuers", name)) {
			continue
		}
		hint := yamlform.DidYouMean(name, known, "the issuers are "+strings.Join(known, ", "))
		if len(known) == 0 {
			hint = "write it under issuers"
		}
		d.ReportPath(fmt.Sprintf("%s.issuers[%d]", path, i), "is %s, and no issuer has that name; %s", yamlform.Quote(name), hint)
	}
}
