package token

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// diagnoseCredential adds details to the failure of a credential that is not a JWT: what it
// is instead, if that can be seen, and what to send. Like all functions of this file, it is
// called after the credential is rejected and cannot change that.
func (v *Verifier) diagnoseCredential(f *denial.Error, raw string) *denial.Error {
	if errors.Is(f.Kind, ErrTooLarge) {
		f.Internal = fmt.Sprintf("got %d bytes; expected at most %d (tokens.max_bytes)", len(raw), v.maxBytes)
		f.Advise(denial.FixShorter.With())
		if len(raw) <= config.MaxTokenBytes {
			f.Advise(denial.FixMaxTokenBytes.With(strconv.Itoa(len(raw))))
		}
		return f
	}
	dots := strings.Count(raw, ".")
	switch bad := strings.TrimLeft(raw, base64Letters+"."); {
	case placeholder(raw):
		f.Near, f.Internal = denial.NearNoToken, "got the word "+raw+" instead of a token"
		return f.Advise(denial.FixLogIn.With(raw))
	case inQuotes(raw):
		f.Near, f.Internal = denial.NearQuoted, "the credential begins and ends with quotes"
		return f.Advise(denial.FixUnquote.With())
	case dots == 4 && bad == "":
		return v.diagnoseEncrypted(f, raw)
	case dots == 2 && strings.Trim(raw, base64Letters+"+/=.") == "" && bad != "":
		f.Near, f.Internal = denial.NearEncoding, "got + or / or padding (=), which base64url does not have"
		return f.Advise(denial.FixBase64URL.With())
	case dots < 2 && strings.HasPrefix(raw, jsonBegin):
		return f.Advise(denial.FixWholeToken.With())
	case dots < 2 && raw != "" && !strings.ContainsAny(raw, " {}"):
		f.Near, f.Internal = denial.NearOpaque, f.Internal+"; it may be an opaque token, which only its issuer can read"
		return f.Advise(denial.FixRequestJWT.With(v.described))
	case dots == 2 && bad == "":
		return f.Advise(denial.FixAsIssued.With())
	}
	return f.Advise(denial.FixOnlyToken.With())
}

const (
	base64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	jsonBegin     = "eyJ" // the base64 of {"
)

// placeholder reports whether a credential is what a program writes for no value.
func placeholder(raw string) bool {
	return slices.Contains([]string{"null", "undefined", "None", "nil", "NULL", "false", "[object Object]"}, raw)
}

// inQuotes reports whether a credential begins and ends with the same quote.
func inQuotes(raw string) bool {
	return len(raw) > 1 && raw[0] == raw[len(raw)-1] && strings.IndexByte("\"'`", raw[0]) >= 0
}

// diagnoseEncrypted adds details to the failure of a credential of five parts, the form of
// an encrypted token (RFC 7516 section 7.1). The header of Cognito's refresh tokens is
// known, and that of Auth0's tokens without an audience names their issuer.
func (v *Verifier) diagnoseEncrypted(f *denial.Error, raw string) *denial.Error {
	first, _, _ := strings.Cut(raw, ".")
	text, err := strictBase64.DecodeString(first)
	members := [...]strictjson.Member{{Name: "enc"}, {Name: "alg"}, {Name: "cty"}, {Name: "iss"}}
	if err != nil || strictjson.Pick(string(text), members[:]) != nil || !members[0].Present {
		return f.Advise(denial.FixOnlyToken.With())
	}
	if members[0].Text == "A256GCM" && members[1].Text == "RSA-OAEP" && members[2].Text == "JWT" {
		f.Near, f.Internal = denial.NearRefreshToken, "got an encrypted token (JWE), as Cognito's refresh tokens are"
		return f.Advise(denial.FixSendAccess.With())
	}
	f.Near, f.Internal = denial.NearEncrypted, "got an encrypted token (JWE); expected a signed one"
	if i := v.issuerOf(members[3].Text); i != nil && len(i.audiences) > 0 {
		f.Internal += "; its header names the issuer " + quote.Text(i.name)
		f.Advise(denial.FixRequestAudience.With(quote.OneOf(i.audiences)))
	}
	return f.Advise(denial.FixUnencrypted.With())
}

// describeIssuers names the issuers, and for whom their tokens are if there is only one.
func (v *Verifier) describeIssuers() string {
	names := make([]string, len(v.issuers))
	for n, i := range v.issuers {
		names[n] = i.name
	}
	if len(v.issuers) != 1 {
		return "one of the issuers " + quote.List(names)
	}
	only := v.issuers[0]
	if len(only.audiences) == 0 {
		return "issuer " + quote.List(names) + " as " + quote.OneOf(only.clients)
	}
	return "issuer " + quote.List(names) + " for " + quote.OneOf(only.audiences)
}

// diagnoseHeader adds details to the failure of a header. It reads the iss of the claims,
// which nothing has proved.
func (v *Verifier) diagnoseHeader(f *denial.Error, h header, claims string) *denial.Error {
	members := [...]strictjson.Member{{Name: "iss"}}
	var issuer *trusted
	if strictjson.Pick(claims, members[:]) == nil {
		issuer = v.issuerOf(members[0].Text)
	}
	switch {
	case errors.Is(f.Kind, ErrAlgNotAllowed):
		return v.adviseAlgorithm(f, issuer, h)
	case errors.Is(f.Kind, ErrTypeNotAllowed):
		return v.adviseType(f, issuer, h)
	case errors.Is(f.Kind, ErrMalformed):
		return f.Advise(denial.FixAsIssued.With())
	}
	return f
}

// adviseAlgorithm adds details to the failure of an algorithm. If the issuer publishes a
// key for it, the issuer has probably begun to use the algorithm.
func (v *Verifier) adviseAlgorithm(f *denial.Error, i *trusted, h header) *denial.Error {
	if i == nil {
		return f.Advise(denial.FixSignWith.With(quote.OneOf(slices.Sorted(maps.Keys(v.algorithms)))))
	}
	f.Internal += " of issuer " + quote.Text(i.name) + "; expected " + quote.OneOf(i.algorithms)
	add, other := denial.FixAddAlgorithm.With(h.alg, quote.Text(i.name)), denial.FixSignWith.With(quote.OneOf(i.algorithms))
	switch {
	case v.methods[h.alg] == nil:
		return f.Advise(other)
	case i.keys.Publishes(h.kid, h.alg):
		f.Near = denial.NearAlgorithmPublished
		f.Internal += "; the issuer publishes a key for " + h.alg
		return f.Advise(add, other)
	}
	return f.Advise(other, add)
}

// adviseType adds details to the failure of a typ.
func (v *Verifier) adviseType(f *denial.Error, i *trusted, h header) *denial.Error {
	if otherUse(nil, h.typ) != "" || h.typ == "dpop+jwt" {
		return f.Advise(i.sendExpected())
	}
	if i == nil {
		return f.Advise(denial.FixType.With(quote.OneOf(slices.Sorted(maps.Keys(v.types)))))
	}
	f.Internal += " of issuer " + quote.Text(i.name) + "; expected " + quote.OneOf(i.tokenTypes)
	if config.IsTokenType(h.typ) && whole(h.typ) {
		f.Advise(denial.FixAddType.With(quote.Text(h.typ), quote.Text(i.name)))
	}
	return f.Advise(denial.FixType.With(quote.OneOf(i.tokenTypes)))
}

// sendExpected returns the fix for a token that is never accepted. The issuer may be nil.
func (i *trusted) sendExpected() denial.Advice {
	if i != nil && !slices.Contains(i.tokenUse, useAccess) {
		return denial.FixSendID.With()
	}
	return denial.FixSendAccess.With()
}

// wrongSignature returns the failure for a token whose signature is invalid. That of a token
// for Microsoft Graph is never valid: Graph changes nonce in the header before it verifies.
func (c *Candidate) wrongSignature() *denial.Error {
	failure := fail(ErrSignatureInvalid, "kid "+quote.Text(c.kid)+", alg "+c.alg)
	form := splitISS(c.iss)
	if _, version := form.entraTenant(); version != "" && c.hasNonce {
		failure.Near = denial.NearGraphToken
		failure.Internal += "; its header has nonce, as in tokens for Microsoft Graph"
		return failure.Advise(denial.FixNotGraph.With())
	}
	return failure.Advise(denial.FixSignedAgain.With())
}

// settable reports whether a hint may suggest to write a text as an audience, a client or a
// value of require: the configuration accepts it, and the hint shows all of it.
func settable(text string) bool { return config.IsIdentifier(text) && whole(text) }

// whole reports whether a message shows all of a text.
func whole(text string) bool { return quote.Text(text) == strconv.QuoteToASCII(text) }
