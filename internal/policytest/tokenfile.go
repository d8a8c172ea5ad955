package policytest

import (
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// noToken says that a request carries no token.
const noToken = "none"

const tokenSays = "a token such as {issuer: NAME, claims: {sub: alice}}, or {raw: TEXT}"

// sharedTokens reads the tokens that the file's cases share.
func (r *reader) sharedTokens(p place) {
	entries, _ := r.entries(p, "tokens by name, such as {alice: {claims: {sub: alice}}}")
	for _, e := range entries {
		if e.key.Value == noToken {
			r.fault(e, "is what a case says when it sends no token; write another name")
		}
		t := r.token(e)
		t.name = e.key.Value
		r.named[e.key.Value] = t
	}
}

// caseToken reads the token of a case: the name of a shared one, none, or one
// written out. Nil is no token; one with a mistake is not.
func (r *reader) caseToken(p place) *token {
	if p.node.Kind != yaml.ScalarNode {
		return r.token(p)
	}
	name, ok := r.text(p, "the name of a token under tokens, none, or "+tokenSays)
	if !ok {
		return &token{}
	}
	if name == noToken {
		return nil
	}
	if found, known := r.named[name]; known {
		return found
	}
	names := []string{noToken}
	for known := range r.named {
		names = append(names, known)
	}
	slices.Sort(names)
	mend := "write it under tokens, or none"
	if near := yamlform.Closest(name, names); near != "" {
		mend = "did you mean " + near + "?"
	}
	r.fault(p, "is %s, and there is no token of that name; %s", shown(name), mend)
	return &token{}
}

// token reads a token that is written out.
func (r *reader) token(p place) *token {
	t := &token{}
	stated, ok := r.object(p, tokenSays,
		field{"raw", func(at place) { t.raw, _ = r.headerValue(at) }},
		field{"issuer", func(at place) { t.issuer = r.issuer(at) }},
		field{"claims", func(at place) { t.claims, _ = r.members(at, "claims such as {sub: alice}") }},
		field{"header", func(at place) { t.header, _ = r.members(at, "members of the token's header, such as {typ: at+jwt}") }},
		field{"expires", func(at place) {
			t.expires, t.lasts = r.duration(at, "how long the token lasts, such as 1h, or -1h for one that expired then")
		}},
	)
	if !ok {
		return t
	}
	if slices.Contains(stated, "raw") {
		if len(stated) > 1 {
			r.fault(p, "has raw beside other keys; raw is sent as it is, so leave the others out")
		}
		if t.raw == "" {
			r.fault(p, "has an empty raw; write the text that is sent, or token: none")
		}
		return t
	}
	if _, both := t.claims["exp"]; both && t.lasts {
		r.fault(p, "has expires and the claim exp; keep one of them")
	}
	if t.issuer == "" && !slices.Contains(stated, "issuer") {
		t.issuer = r.onlyIssuer(p)
	}
	return t
}

func (r *reader) issuers() []string {
	var names []string
	for _, one := range r.cfg.Issuers {
		names = append(names, one.Name)
	}
	return names
}

func (r *reader) issuer(p place) string {
	if len(r.cfg.Issuers) == 0 {
		r.fault(p, "names an issuer, and the config has none; write {raw: TEXT}, or token: none")
		return ""
	}
	name, _ := r.oneOf(p, "an issuer of the config", r.issuers())
	return name
}

// onlyIssuer is the issuer of a token that names none.
func (r *reader) onlyIssuer(p place) string {
	switch names := r.issuers(); len(names) {
	case 0:
		r.fault(p, "needs an issuer to sign it, and the config has none; write {raw: TEXT}, or token: none")
	case 1:
		return names[0]
	default:
		r.fault(p, "names no issuer, and there is more than one; write issuer: %s", strings.Join(names, " or issuer: "))
	}
	return ""
}
