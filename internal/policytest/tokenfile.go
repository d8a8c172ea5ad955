package policytest

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// noToken says that a request carries no token.
const noToken = "none"

const tokenForm = "a token such as {issuer: NAME, claims: {sub: alice}}, or {raw: TEXT}"

// sharedTokens reads the tokens that the file's cases share.
func (r *reader) sharedTokens(p yamlform.Place) {
	entries, _ := r.Entries(p, "tokens by name, such as {alice: {claims: {sub: alice}}}")
	for _, e := range entries {
		if e.Name() == noToken {
			r.Report(e, "is what a case says when it sends no token; write another name")
		}
		t := r.token(e)
		t.name = e.Name()
		r.named[e.Name()] = t
	}
}

// caseToken reads the token of a case: the name of a shared one, none, or one
// written out. Nil is no token; one with a mistake is not.
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
	r.Report(p, "is %s, and there is no token of that name; %s", yamlform.Quote(name),
		yamlform.DidYouMean(name, names, "write it under tokens, or none"))
	return &token{}
}

// token reads a token that is written out.
func (r *reader) token(p yamlform.Place) *token {
	const lasts = "how long the token lasts, such as 1h, or -1h for one that expired then"
	t := &token{}
	yamlform.Object[token]{
		Expected: tokenForm,
		Fields: []yamlform.FieldOf[token]{
			key("raw", func(at yamlform.Place, t *token) { t.raw, _ = r.headerValue(at) }),
			key("issuer", func(at yamlform.Place, t *token) { t.issuer = r.issuer(at) }),
			key("claims", func(at yamlform.Place, t *token) { t.claims = r.members(at, "claims such as {sub: alice}") }),
			key("header", func(at yamlform.Place, t *token) {
				t.header = r.members(at, "members of the token's header, such as {typ: at+jwt}")
			}),
			key("expires", func(at yamlform.Place, t *token) { t.expires, t.expiresSet = r.duration(at, lasts) }),
		},
		Check: func(_ *yamlform.Decoder, at yamlform.Place, t *token) { r.checkToken(at, t) },
	}.Read(r.Decoder, p, t)
	return t
}

// checkToken holds the rules that span the keys of a token.
func (r *reader) checkToken(p yamlform.Place, t *token) {
	if r.IsSet(p.Child("raw")) {
		if p.Len() > 1 {
			r.Report(p, "has raw beside other keys; raw is sent as it is, so leave the others out")
		}
		if t.raw == "" {
			r.Report(p, "has an empty raw; write the text that is sent, or token: none")
		}
		return
	}
	if _, both := t.claims["exp"]; both && t.expiresSet {
		r.Report(p, "has expires and the claim exp; keep one of them")
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
		r.Report(p, "names an issuer, and the config has none; write {raw: TEXT}, or token: none")
		return ""
	}
	name, _ := r.enum(p, "an issuer of the config", r.issuers())
	return name
}

// onlyIssuer is the issuer of a token that names none.
func (r *reader) onlyIssuer(p yamlform.Place) string {
	switch names := r.issuers(); len(names) {
	case 0:
		r.Report(p, "needs an issuer to sign it, and the config has none; write {raw: TEXT}, or token: none")
	case 1:
		return names[0]
	default:
		r.Report(p, "names no issuer, and there is more than one; write issuer: %s", strings.Join(names, " or issuer: "))
	}
	return ""
}
