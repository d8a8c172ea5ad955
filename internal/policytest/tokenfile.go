package policytest

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// noToken means that a request has no token.
const noToken = "none"

const tokenForm = "a token such as {issuer: NAME, claims: {sub: alice}}, or {raw: TEXT}"

// sharedTokens reads the tokens that several cases use.
func (r *reader) sharedTokens(p yamlform.Place) {
	entries, _ := r.Entries(p, "tokens by name, such as {alice: {claims: {sub: alice}}}")
	for _, e := range entries {
		if e.Name() == noToken {
			r.Report(e, "means no token in a case; use another name")
		}
		t := r.token(e)
		t.name = e.Name()
		r.named[e.Name()] = t
	}
}

// caseToken reads the token of a case: the name of a shared token, none, or a whole
// token. It returns nil for none, but not for a token with a mistake.
func (r *reader) caseToken(p yamlform.Place) *token {
	if !p.IsScalar() {
		return r.token(p)
	}
	name, ok := r.text(p, "the name of a token under tokens, none, or "+tokenForm)
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
	r.Report(p, "is an unknown token: got %s; %s", yamlform.Quote(name),
		yamlform.DidYouMean(name, names, "add it under tokens, or write none"))
	return &token{}
}

// token reads a whole token.
func (r *reader) token(p yamlform.Place) *token {
	const lifetimes = "the lifetime of the token, such as 1h, or -1h for a token that expired one hour ago"
	t := &token{}
	yamlform.Object{
		Expected: tokenForm,
		Rows: []yamlform.Row{
			key("raw", func(at yamlform.Place) { t.raw, _ = r.headerValue(at) }),
			key("issuer", func(at yamlform.Place) { t.issuer = r.issuer(at) }),
			key("claims", func(at yamlform.Place) { t.claims = r.members(at, "claims such as {sub: alice}") }),
			key("header", func(at yamlform.Place) {
				t.header = r.members(at, "members of the token's header, such as {typ: at+jwt}")
			}),
			key("expires", func(at yamlform.Place) { t.expires, t.expiresSet = r.duration(at, lifetimes) }),
		},
		Check: func(_ *yamlform.Decoder, at yamlform.Place) { r.checkToken(at, t) },
	}.Read(r.Decoder, p)
	return t
}

// checkToken checks the rules that involve several keys of a token.
func (r *reader) checkToken(p yamlform.Place, t *token) {
	if r.IsSet(p.Child("raw")) {
		if p.Len() > 1 {
			r.Report(p, "has raw and other keys, but raw is sent unchanged; remove the other keys")
		}
		if t.raw == "" {
			r.Report(p, "has an empty raw; expected the text to send, or token: none")
		}
		return
	}
	if _, both := t.claims["exp"]; both && t.expiresSet {
		r.Report(p, "has both expires and the claim exp; keep one of them")
	}
	if t.issuer == "" && !r.IsSet(p.Child("issuer")) {
		t.issuer = r.onlyIssuer(p)
	}
}

func (r *reader) issuers() []string {
	var names []string
	for _, one := range r.cfg.Issuers {
		names = append(names, one.Name)
	}
	return names
}

func (r *reader) issuer(p yamlform.Place) string {
	if len(r.cfg.Issuers) == 0 {
		r.Report(p, "names an issuer, but the config has none; write {raw: TEXT}, or token: none")
		return ""
	}
	name, _ := r.enum(p, "an issuer of the config", r.issuers())
	return name
}

// onlyIssuer returns the issuer of a token that names none.
func (r *reader) onlyIssuer(p yamlform.Place) string {
	switch names := r.issuers(); len(names) {
	case 0:
		r.Report(p, "needs an issuer to sign it, but the config has none; write {raw: TEXT}, or token: none")
	case 1:
		return names[0]
	default:
		r.Report(p, "names no issuer, but there is more than one; write issuer: %s", strings.Join(names, " or issuer: "))
	}
	return ""
}
