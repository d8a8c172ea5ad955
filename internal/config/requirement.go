package config

import (
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

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
	return form[[]Alternative]{says: says, below: list.below, shape: notEmpty(list.outline), read: func(d *decoder, p place) ([]Alternative, bool) {
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

// choice is a list of which any one will do, or {all: [...]}.
func choice(example string, item form[string]) form[Choice] {
	says := "a list such as [" + example + "], or {all: [" + example + "]} to ask for all of them"
	list := listOf("a list such as ["+example+"]", item)
	all := object[Choice]{
		says: says,
		keys: []key[Choice]{
			field("all", "all of them are needed, not only one", list, func(c *Choice) *[]string { return &c.All }).must(),
			misplaced[Choice]("any", "is no key: any one of a plain list will do, such as ["+example+"]; keep one of the two"),
		},
	}
	anyOf := listOf(says, item)
	return form[Choice]{says: says, below: all.reference, shape: anyOfShapes(anyOf.outline, all.shape), read: func(d *decoder, p place) (Choice, bool) {
		var c Choice
		var ok bool
		if one := onlyAny(p.node); one != nil {
			d.report(d.at(one.Line, one.Column), "%s is no key: any one of a plain list will do; write %s", d.said(p.below("any")), written(one, example))
		} else if p.node.Kind == yaml.MappingNode {
			ok = all.read(d, p, &c)
		} else {
			c.Any, ok = anyOf.read(d, p)
		}
		return c, ok
	}}
}

// onlyAny returns the value of the key any of a mapping that has no other.
func onlyAny(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 || n.Content[0].Value != "any" {
		return nil
	}
	return n.Content[1]
}

// written is a list of words as a file has it, if it is one and short, or else
// an example.
func written(n *yaml.Node, example string) string {
	const most = 4
	words := make([]string, 0, most)
	for _, one := range n.Content {
		if one.Kind == yaml.ScalarNode && madeOf(one.Value, ":/.-_") {
			words = append(words, one.Value)
		}
	}
	if len(words) != len(n.Content) || len(words) == 0 || len(words) > most || n.Kind != yaml.SequenceNode {
		return "a list such as [" + example + "]"
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// condition is a text in CEL, taken as written: `${` stands for itself in it, so
// that no variable can change what is asked for. Its place is kept letter by
// letter, for what package route finds wrong inside it.
func condition() form[string] {
	const says = "a condition in CEL, such as token.subject == path.id"
	return form[string]{says: says, read: func(d *decoder, p place) (string, bool) {
		if p.node.Kind != yaml.ScalarNode {
			d.unfit(p, says)
			return "", false
		}
		text := p.node.Value
		switch kind := kindOf(text, p.node.Style); {
		case kind == nullScalar:
			d.nothing(p, says)
		case kind != stringScalar:
			d.fault(p, "is %s, which is no string; write %s", text, says)
		case strings.TrimSpace(text) == "":
			d.fault(p, "is empty; write %s", says)
		default:
			d.texts[p.path] = scalarText{node: p.node, at: d.pos(p), lines: d.lines}
			return text, true
		}
		return "", false
	}}
}

// checkRouteIssuers holds a route's issuers to those that there are. With more
// than one, each requirement says whose: a group of one issuer means nothing
// from another.
func checkRouteIssuers(d *decoder, c *Config, r *Route) {
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
	if !want.Groups.Empty() || !want.Scopes.Empty() || !want.Clients.Empty() || want.MaxAuthAge > 0 || len(want.ACR) > 0 || want.When != "" {
		d.wrong(r.Path, "needs issuers beside its groups, scopes, clients, when, max_auth_age or acr, since there is more than one issuer; %s", mend)
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
		} else if near := Closest(name, known); near != "" {
			mend = "did you mean " + near + "?"
		}
		d.wrong(fmt.Sprintf("%s.issuers[%d]", path, i), "is %s, and no issuer has that name; %s", shown(name), mend)
	}
}
