package gate

import (
	"errors"
	"net/http"

	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Reason is why a request was decided as it was: one word of a closed list. It
// stands in answers, audit lines and metric labels.
type Reason string

// The reasons of allowed requests.
const (
	ReasonAllowed          Reason = "allowed"
	ReasonPublic           Reason = "public"
	ReasonAnonymous        Reason = "anonymous"
	ReasonAnonymousInvalid Reason = "anonymous_invalid"
	ReasonPreflight        Reason = "preflight"
)

// The reasons of denied requests, in the order of the checks.
const (
	ReasonPathRefused         Reason = "path_refused"
	ReasonHostRefused         Reason = "host_refused"
	ReasonRouteDenied         Reason = "route_denied"
	ReasonCredentialAmbiguous Reason = "credential_ambiguous"
	ReasonCredentialMissing   Reason = "credential_missing"
	ReasonCrossSite           Reason = "cross_site"
	ReasonTokenMalformed      Reason = "token_malformed"
	ReasonTokenTooLarge       Reason = "token_too_large"
	ReasonAlgNotAllowed       Reason = "alg_not_allowed"
	ReasonHeaderNotAllowed    Reason = "header_not_allowed"
	ReasonTypeNotAllowed      Reason = "type_not_allowed"
	ReasonKIDMissing          Reason = "kid_missing"
	ReasonIssuerUnknown       Reason = "issuer_unknown"
	ReasonKeysUnavailable     Reason = "keys_unavailable"
	ReasonKeysStale           Reason = "keys_stale"
	ReasonKeyPending          Reason = "key_pending"
	ReasonKeyUnknown          Reason = "key_unknown"
	ReasonKeyUnfit            Reason = "key_unfit"
	ReasonSignatureInvalid    Reason = "signature_invalid"
	ReasonClaimsMalformed     Reason = "claims_malformed"
	ReasonExpiryMissing       Reason = "expiry_missing"
	ReasonExpired             Reason = "expired"
	ReasonNotYetValid         Reason = "not_yet_valid"
	ReasonIssuedInFuture      Reason = "issued_in_future"
	ReasonLifetimeTooLong     Reason = "lifetime_too_long"
	ReasonAudienceMismatch    Reason = "audience_mismatch"
	ReasonClientMismatch      Reason = "client_mismatch"
	ReasonTokenUseMismatch    Reason = "token_use_mismatch"
	ReasonSubjectMissing      Reason = "subject_missing"
	ReasonIssuerNotAllowed    Reason = "issuer_not_allowed"
	ReasonGroupMissing        Reason = "group_missing"
	ReasonScopeMissing        Reason = "scope_missing"
	ReasonClientNotAllowed    Reason = "client_not_allowed"
	ReasonLoginTooOld         Reason = "login_too_old"
	ReasonACRTooWeak          Reason = "acr_too_weak"
	ReasonIdentityTooLarge    Reason = "identity_too_large"
	ReasonDeadline            Reason = "deadline"
	ReasonRequestMalformed    Reason = "request_malformed"
	ReasonInternal            Reason = "internal"
)

// code is the error code of a Bearer challenge (RFC 6750 section 3.1).
type code string

const (
	codeNoChallenge       code = ""         // no WWW-Authenticate at all
	codeNoError           code = "no_error" // a challenge without an error: there was no credential
	codeInvalidRequest    code = "invalid_request"
	codeInvalidToken      code = "invalid_token"
	codeInsufficientScope code = "insufficient_scope"
	codeInsufficientLogin code = "insufficient_user_authentication" // RFC 9470 section 3
)

// meaning is what a reason means to a client.
type meaning struct {
	verdict Verdict
	status  int // HTTP
	code    code
	// text is the fixed public text: what is wrong, for the developer of the
	// client. It stands in a quoted-string, so it has neither quotes nor
	// backslashes.
	text string
	// err is the failure that has this reason, if one does.
	err error
	// outage: the issuer's, which may be over soon, so that it is worth asking
	// again.
	outage bool
}

func allowed() meaning { return meaning{verdict: VerdictAllow, status: http.StatusOK} }

func badRequest(c code, text string, err error) meaning {
	return meaning{verdict: VerdictDeny, status: http.StatusBadRequest, code: c, text: text, err: err}
}

func invalidToken(text string, err error) meaning {
	return meaning{verdict: VerdictDeny, status: http.StatusUnauthorized, code: codeInvalidToken, text: text, err: err}
}

func forbidden(c code, text string, err error) meaning {
	return meaning{verdict: VerdictDeny, status: http.StatusForbidden, code: c, text: text, err: err}
}

func unavailable(text string, err error) meaning {
	return meaning{verdict: VerdictDeny, status: http.StatusServiceUnavailable, code: codeNoChallenge, text: text, err: err}
}

func outage(text string, err error) meaning {
	m := unavailable(text, err)
	m.outage = true
	return m
}

// meanings is the one table of reasons.
func meanings() map[Reason]meaning {
	return map[Reason]meaning{
		ReasonAllowed:          allowed(),
		ReasonPublic:           allowed(),
		ReasonAnonymous:        allowed(),
		ReasonAnonymousInvalid: allowed(),
		ReasonPreflight:        allowed(),

		ReasonPathRefused:         badRequest(codeNoChallenge, "the path is spelled in a way that servers read differently", route.ErrPathRefused),
		ReasonHostRefused:         badRequest(codeNoChallenge, "the request names no proper host", route.ErrHostRefused),
		ReasonCredentialAmbiguous: badRequest(codeInvalidRequest, "the request holds more than one credential", token.ErrAmbiguous),

		ReasonCredentialMissing: {verdict: VerdictDeny, status: http.StatusUnauthorized, code: codeNoError, text: "this needs a bearer token and the request has none"},

		ReasonTokenMalformed:   invalidToken("the credential is not a JWT", token.ErrMalformed),
		ReasonTokenTooLarge:    invalidToken("the token is too large", token.ErrTooLarge),
		ReasonAlgNotAllowed:    invalidToken("the token is signed with an algorithm that is not accepted", token.ErrAlgNotAllowed),
		ReasonHeaderNotAllowed: invalidToken("the token's header holds a parameter that is not accepted", token.ErrHeaderNotAllowed),
		ReasonTypeNotAllowed:   invalidToken("the token's type is not accepted", token.ErrTypeNotAllowed),
		ReasonKIDMissing:       invalidToken("the token does not name its key", token.ErrKIDMissing),
		ReasonIssuerUnknown:    invalidToken("the token's issuer is not trusted here", token.ErrIssuerUnknown),
		ReasonKeyUnknown:       invalidToken("the token's issuer has no such key", issuer.ErrKeyUnknown),
		ReasonKeyUnfit:         invalidToken("the token's key does not fit its algorithm", issuer.ErrKeyUnfit),
		ReasonSignatureInvalid: invalidToken("the token's signature does not hold", token.ErrSignatureInvalid),
		ReasonClaimsMalformed:  invalidToken("the token's claims are malformed", token.ErrClaimsMalformed),
		ReasonExpiryMissing:    invalidToken("the token has no expiry", token.ErrExpiryMissing),
		ReasonExpired:          invalidToken("the token has expired", token.ErrExpired),
		ReasonNotYetValid:      invalidToken("the token is not yet valid", token.ErrNotYetValid),
		ReasonIssuedInFuture:   invalidToken("the token was issued in the future", token.ErrIssuedInFuture),
		ReasonLifetimeTooLong:  invalidToken("the token is valid for too long", token.ErrLifetimeTooLong),
		ReasonAudienceMismatch: invalidToken("the token is meant for another audience", token.ErrAudienceMismatch),
		ReasonClientMismatch:   invalidToken("the token was issued to another client", token.ErrClientMismatch),
		ReasonTokenUseMismatch: invalidToken("this kind of token is not accepted here", token.ErrTokenUseMismatch),
		ReasonSubjectMissing:   invalidToken("the token names no subject", token.ErrSubjectMissing),

		ReasonLoginTooOld: {verdict: VerdictDeny, status: http.StatusUnauthorized, code: codeInsufficientLogin, text: "this needs a newer login", err: route.ErrLoginTooOld},
		ReasonACRTooWeak:  {verdict: VerdictDeny, status: http.StatusUnauthorized, code: codeInsufficientLogin, text: "this needs a stronger login", err: route.ErrACRTooWeak},

		ReasonRouteDenied:      forbidden(codeNoChallenge, "nobody may do this", nil),
		ReasonCrossSite:        forbidden(codeNoChallenge, "the cookie may have been sent by another site", token.ErrCrossSite),
		ReasonIssuerNotAllowed: forbidden(codeNoChallenge, "tokens of this issuer are not taken here", route.ErrIssuerNotAllowed),
		ReasonIdentityTooLarge: forbidden(codeNoChallenge, "the token holds a value too large to pass on", identity.ErrTooLarge),
		ReasonGroupMissing:     forbidden(codeInsufficientScope, "the subject is not in a group that may do this", route.ErrGroupMissing),
		ReasonScopeMissing:     forbidden(codeInsufficientScope, "the token lacks a scope that this needs", route.ErrScopeMissing),
		ReasonClientNotAllowed: forbidden(codeInsufficientScope, "this client may not do this", route.ErrClientNotAllowed),

		ReasonKeysUnavailable:  outage("the keys of the token's issuer have not been loaded yet; try again", issuer.ErrKeysUnavailable),
		ReasonKeysStale:        outage("the keys of the token's issuer are too old to trust; try again", issuer.ErrKeysStale),
		ReasonKeyPending:       outage("the token's key is being looked for; try again", issuer.ErrKeyPending),
		ReasonDeadline:         unavailable("there was no time left to decide; try again", nil),
		ReasonRequestMalformed: unavailable("the proxy's question could not be read", nil),
		ReasonInternal:         unavailable("the gate failed; try again", nil),
	}
}

// nearTexts are the public texts of near misses, in place of their reason's.
func nearTexts() map[token.NearMiss]string {
	return map[token.NearMiss]string{
		token.NearIDToken:     "this is an ID token and an access token is needed",
		token.NearAccessToken: "this is an access token and an ID token is needed",
	}
}

// reasons answers questions about the table of reasons.
type reasons struct {
	table map[Reason]meaning
	near  map[token.NearMiss]string
}

func newReasons() reasons { return reasons{table: meanings(), near: nearTexts()} }

// of returns the reason of a failure; what no row knows is internal, a denial.
func (r reasons) of(err error) Reason {
	for reason, m := range r.table {
		if m.err != nil && errors.Is(err, m.err) {
			return reason
		}
	}
	return ReasonInternal
}
