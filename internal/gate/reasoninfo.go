package gate

import (
	"errors"
	"net/http"

	"github.com/jwtgate/jwtgate/internal/condition"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Fault says whose doing a denial is.
type Fault string

// Those whose doing a denial can be.
const (
	FaultNone     Fault = ""         // the request was allowed
	FaultClient   Fault = "client"   // who sent the request has to change something
	FaultOperator Fault = "operator" // who runs the gate, Envoy or the issuer has
	FaultGate     Fault = "gate"     // the gate itself: it failed, or had not finished
)

// Code is the error code of a Bearer challenge (RFC 6750 section 3.1).
type Code string

// The codes.
const (
	CodeNoChallenge       Code = ""         // no WWW-Authenticate at all
	CodeNoError           Code = "no_error" // a challenge without an error: there was no credential
	CodeInvalidRequest    Code = "invalid_request"
	CodeInvalidToken      Code = "invalid_token"
	CodeInsufficientScope Code = "insufficient_scope"
	CodeInsufficientLogin Code = "insufficient_user_authentication" // RFC 9470 section 3
)

// ReasonInfo is what a reason means: a row of the one table of reasons.
type ReasonInfo struct {
	Reason  Reason
	Verdict Verdict
	Status  int // HTTP
	Code    Code
	// Check is the check that decides so; [CheckNone] when none does.
	Check Stage
	Fault Fault
	// Text is the fixed public text: what is wrong, for the developer of the
	// client. It stands in a quoted-string, so it has neither quotes nor
	// backslashes. Empty when the request is allowed.
	Text string
	// Hint is what to change so that the request would be allowed, for those
	// who run the gate. A failure can know a closer one.
	Hint string
	// Outage: the issuer's, which may be over soon, so that it is worth asking
	// again.
	Outage bool

	err error // the failure that has this reason, if one does
}

func allowed(reason Reason, check Stage) ReasonInfo {
	return ReasonInfo{Reason: reason, Verdict: VerdictAllow, Status: http.StatusOK, Check: check}
}

func answered(reason Reason, check Stage) ReasonInfo {
	return ReasonInfo{Reason: reason, Verdict: VerdictAnswer, Status: http.StatusOK, Check: check}
}

func badRequest(reason Reason, check Stage, code Code, err error, text, mend string) ReasonInfo {
	return ReasonInfo{reason, VerdictDeny, http.StatusBadRequest, code, check, FaultClient, text, mend, false, err}
}

func unauthorized(reason Reason, check Stage, code Code, err error, text, mend string) ReasonInfo {
	return ReasonInfo{reason, VerdictDeny, http.StatusUnauthorized, code, check, FaultClient, text, mend, false, err}
}

func invalidToken(reason Reason, check Stage, err error, text, mend string) ReasonInfo {
	return unauthorized(reason, check, CodeInvalidToken, err, text, mend)
}

func forbidden(reason Reason, check Stage, code Code, err error, text, mend string) ReasonInfo {
	return ReasonInfo{reason, VerdictDeny, http.StatusForbidden, code, check, FaultClient, text, mend, false, err}
}

func unavailable(reason Reason, check Stage, fault Fault, err error, text, mend string) ReasonInfo {
	return ReasonInfo{reason, VerdictDeny, http.StatusServiceUnavailable, CodeNoChallenge, check, fault, text, mend, false, err}
}

func outage(reason Reason, fault Fault, err error, text, mend string) ReasonInfo {
	m := unavailable(reason, CheckKey, fault, err, text, mend)
	m.Outage = true
	return m
}

// Reasons returns the one table of reasons, in the order of the checks. It is
// the caller's own copy.
func Reasons() []ReasonInfo {
	table := []ReasonInfo{
		allowed(ReasonAllowed, CheckIdentity),
		allowed(ReasonPublic, CheckRoute),
		allowed(ReasonPreflight, CheckRoute),
		allowed(ReasonAnonymous, CheckCredential),
		allowed(ReasonAnonymousInvalid, CheckNone),
		allowed(ReasonShadowed, CheckNone),
		answered(ReasonPreflightAnswered, CheckRoute),
	}
	table = append(table, requestMeanings()...)
	table = append(table, tokenMeanings()...)
	table = append(table, claimMeanings()...)
	table = append(table, requirementMeanings()...)
	return append(table,
		unavailable(ReasonDeadline, CheckNone, FaultGate, nil, "there was no time left to decide; try again",
			"give ext_authz more time (grpc_service.timeout), or the gate more CPU"),
		unavailable(ReasonRequestMalformed, CheckNone, FaultOperator, nil, "the proxy's question could not be read",
			"send an envoy.service.auth.v3 CheckRequest with the HTTP request's attributes, and no context extension jwtgate.* but jwtgate.route"),
		unavailable(ReasonInternal, CheckNone, FaultGate, nil, "the gate failed; try again",
			"look for this decision's error in the gate's log, and report it"),
	)
}

// LookupReason returns the row of a reason, if it has one.
func LookupReason(reason Reason) (ReasonInfo, bool) {
	for _, m := range Reasons() {
		if m.Reason == reason {
			return m, true
		}
	}
	return ReasonInfo{}, false
}

// requestMeanings are the reasons that lie in the request and its route.
func requestMeanings() []ReasonInfo {
	return []ReasonInfo{
		badRequest(ReasonMethodRefused, CheckTarget, CodeNoChallenge, request.ErrMethodRefused,
			"the method is one that servers read differently",
			"send the method in capital letters, and no _method in the query; where an application needs that, open relax: method_override"),
		badRequest(ReasonPathRefused, CheckTarget, CodeNoChallenge, request.ErrPathRefused,
			"the path is spelled in a way that servers read differently",
			"send the path in its plain spelling; where an application needs this one, open it by name under relax"),
		badRequest(ReasonHostRefused, CheckTarget, CodeNoChallenge, request.ErrHostRefused,
			"the request names no proper host", "send one Host field with a plain name and port"),
		badRequest(ReasonConnectionRefused, CheckTarget, CodeNoChallenge, errConnectionHeader,
			"the Connection header names a header that only the gate may set",
			"send no Connection header that names an identity header"),
		forbidden(ReasonPreflightRefused, CheckRoute, CodeNoChallenge, nil,
			"this origin may not call from a browser", "list the origin under cors.origins, if its pages may call"),
		unavailable(ReasonRouteUnknown, CheckRoute, FaultOperator, errRouteUnknown,
			"the proxy names a route that the gate does not have",
			"name a configured route in the Envoy route's context_extensions (jwtgate.route), or add the route"),
		unavailable(ReasonRouteMismatch, CheckRoute, FaultOperator, errRouteMismatch,
			"the proxy names a route that this request does not fit",
			"let the Envoy route and the route that it names (jwtgate.route) agree on methods, hosts and path"),
		forbidden(ReasonRouteDenied, CheckRoute, CodeNoChallenge, errRouteDenied,
			"nobody may do this", "give the route another access than deny, or put a route before it"),
		badRequest(ReasonCredentialAmbiguous, CheckCredential, CodeInvalidRequest, credential.ErrAmbiguous,
			"the request holds more than one credential", "send one token, in one place"),
		unauthorized(ReasonCredentialMissing, CheckCredential, CodeNoError, credential.ErrMissing,
			"this needs a bearer token and the request has none",
			"send a token in a place that the route reads, or make the route optional or public"),
		forbidden(ReasonCrossSite, CheckCredential, CodeNoChallenge, credential.ErrCrossSite,
			"the cookie may have been sent by another site", "send the request from the site itself, or list its origin under the cookie's origins"),
	}
}

// tokenMeanings are the reasons that lie in a token's form, issuer and key.
func tokenMeanings() []ReasonInfo {
	return []ReasonInfo{
		invalidToken(ReasonTokenMalformed, CheckCredential, token.ErrMalformed,
			"the credential is not a JWT", "send the token itself: three base64url parts with dots between them"),
		invalidToken(ReasonTokenTooLarge, CheckCredential, token.ErrTooLarge,
			"the token is too large", "put less into the token, or raise tokens.max_bytes"),
		invalidToken(ReasonAlgNotAllowed, CheckHeader, token.ErrAlgNotAllowed,
			"the token is signed with an algorithm that is not accepted", "list the algorithm in the issuer's algorithms, if it signs with it"),
		invalidToken(ReasonHeaderNotAllowed, CheckHeader, token.ErrHeaderNotAllowed,
			"the token's header holds a parameter that is not accepted", "have the issuer sign without crit, b64, zip and cty"),
		invalidToken(ReasonTypeNotAllowed, CheckHeader, token.ErrTypeNotAllowed,
			"the token's type is not accepted", "list the type in the issuer's token_types, if its access tokens have it"),
		invalidToken(ReasonKIDMissing, CheckHeader, token.ErrKIDMissing,
			"the token does not name its key", "have the issuer put kid into the token's header"),
		invalidToken(ReasonIssuerUnknown, CheckIssuer, token.ErrIssuerUnknown,
			"the token's issuer is not trusted here", "add the issuer under issuers, if you trust it"),
		outage(ReasonKeysUnavailable, FaultOperator, issuer.ErrKeysUnavailable,
			"the keys of the token's issuer have not been loaded yet; try again",
			"see why the issuer's keys cannot be fetched: /issuers on the admin port"),
		outage(ReasonKeysStale, FaultOperator, issuer.ErrKeysStale,
			"the keys of the token's issuer are too old to trust; try again",
			"see why the issuer's keys cannot be fetched (/issuers on the admin port), or raise jwks.max_stale"),
		outage(ReasonKeyPending, FaultGate, issuer.ErrKeyPending,
			"the token's key is being looked for; try again", "try again once the issuer's keys have been fetched anew"),
		invalidToken(ReasonKeyUnknown, CheckKey, issuer.ErrKeyUnknown,
			"the token's issuer has no such key", "get a new token; the issuer does not publish the key that signed this one"),
		invalidToken(ReasonKeyUnfit, CheckKey, issuer.ErrKeyUnfit,
			"the token's key does not fit its algorithm", "have the issuer sign with the algorithm that it publishes the key for"),
		invalidToken(ReasonSignatureInvalid, CheckSignature, token.ErrSignatureInvalid,
			"the token's signature does not hold", "get a new token; this one was changed, or signed by somebody else"),
	}
}

// claimMeanings are the reasons that lie in what a token says.
func claimMeanings() []ReasonInfo {
	return []ReasonInfo{
		invalidToken(ReasonClaimsMalformed, CheckClaims, token.ErrClaimsMalformed,
			"the token's claims are malformed", "have the issuer write its claims as RFC 7519 has them"),
		invalidToken(ReasonExpiryMissing, CheckClaims, token.ErrExpiryMissing,
			"the token has no expiry", "have the issuer put exp into its tokens"),
		invalidToken(ReasonExpired, CheckClaims, token.ErrExpired,
			"the token has expired", "get a new token"),
		invalidToken(ReasonNotYetValid, CheckClaims, token.ErrNotYetValid,
			"the token is not yet valid", "wait for the token's nbf, or set the clocks right"),
		invalidToken(ReasonIssuedInFuture, CheckClaims, token.ErrIssuedInFuture,
			"the token was issued in the future", "set the clocks of the issuer and the gate right"),
		invalidToken(ReasonLifetimeTooLong, CheckClaims, token.ErrLifetimeTooLong,
			"the token is valid for too long", "have the issuer sign for a shorter time, or raise the issuer's max_lifetime"),
		invalidToken(ReasonAudienceMismatch, CheckClaims, token.ErrAudienceMismatch,
			"the token is meant for another audience", "ask the issuer for a token for this audience, or list the token's aud in the issuer's audiences"),
		invalidToken(ReasonClientMismatch, CheckClaims, token.ErrClientMismatch,
			"the token was issued to another client", "list the client in the issuer's clients, if it may call"),
		invalidToken(ReasonTokenUseMismatch, CheckClaims, token.ErrTokenUseMismatch,
			"this kind of token is not accepted here", "send the access token; or list the kind in the issuer's token_use"),
		invalidToken(ReasonTokenBound, CheckClaims, token.ErrTokenBound,
			"the token is bound to a key, and proof of possession is not supported",
			"request a token that is not bound; or write bound_tokens: accept_as_bearer for its issuer"),
		invalidToken(ReasonSubjectMissing, CheckClaims, token.ErrSubjectMissing,
			"the token does not name the user", "have the issuer put sub into its tokens, or the claims that x-user-id is made of"),
		invalidToken(ReasonTokenRevoked, CheckClaims, token.ErrTokenRevoked,
			"the token has been revoked", "log in again; or take its line out of the revoked file"),
	}
}

// requirementMeanings are the reasons that lie in what a route asks for, and in
// what the application is told.
func requirementMeanings() []ReasonInfo {
	return []ReasonInfo{
		forbidden(ReasonIssuerNotAllowed, CheckRequirement, CodeNoChallenge, route.ErrIssuerNotAllowed,
			"tokens of this issuer are not taken here", "list the issuer in the route's issuers"),
		forbidden(ReasonGroupMissing, CheckRequirement, CodeInsufficientScope, route.ErrGroupMissing,
			"the subject is not in a group that may do this", "add the user to one of the route's groups"),
		forbidden(ReasonScopeMissing, CheckRequirement, CodeInsufficientScope, route.ErrScopeMissing,
			"the token lacks a scope that this needs", "ask the issuer for a token with the route's scopes"),
		forbidden(ReasonClientNotAllowed, CheckRequirement, CodeInsufficientScope, route.ErrClientNotAllowed,
			"this client may not do this", "list the client in the route's clients"),
		unauthorized(ReasonLoginTooOld, CheckRequirement, CodeInsufficientLogin, route.ErrLoginTooOld,
			"this needs a newer login", "log in again, or raise the route's max_auth_age"),
		unauthorized(ReasonACRTooWeak, CheckRequirement, CodeInsufficientLogin, route.ErrACRTooWeak,
			"this needs a stronger login", "log in with one of the route's acr"),
		forbidden(ReasonConditionFalse, CheckRequirement, CodeInsufficientScope, condition.ErrFalse,
			"the request does not meet the route's condition", "see the route's when"),
		forbidden(ReasonConditionError, CheckRequirement, CodeInsufficientScope, condition.ErrEvaluation,
			"the route's condition could not be decided for this token", "let the route's when allow for what is absent, with has() or in"),
		forbidden(ReasonIdentityTooLarge, CheckIdentity, CodeNoChallenge, identity.ErrTooLarge,
			"the token has more identity data than can be passed on",
			"put less into the token's claims, remove headers from identity.headers, or raise identity.max_value_bytes (one value) or "+
				"identity.max_total_bytes (all headers together)"),
	}
}

// Failures of the gate's own, beside those of the packages below it.
var (
	errRouteUnknown     = errors.New("no route has that name")
	errRouteMismatch    = errors.New("the request does not fit the route that was named")
	errRouteDenied      = errors.New("the route is closed")
	errConnectionHeader = errors.New("a Connection header names an identity header")
)

// NearText is the public text of a near miss, in place of its reason's. One that
// narrows down what is configured, before a signature has held, has none: it is told
// to operators alone.
type NearText struct {
	Near    denial.NearMiss
	Reasons []Reason // that can be such a one
	Text    string
}

// NearTexts returns the text of each near miss. They are the caller's own copy.
func NearTexts() []NearText {
	const (
		client   = "the token was issued to another client; "
		audience = "the token is meant for another audience; "
	)
	return []NearText{
		{denial.NearNoScheme, []Reason{ReasonCredentialMissing}, "a JWT without the Bearer scheme"},
		{denial.NearScheme, []Reason{ReasonCredentialMissing}, "a token with the Bearer scheme, where one without it is needed"},
		{denial.NearIDToken, []Reason{ReasonTokenUseMismatch, ReasonAudienceMismatch}, "this is an ID token and an access token is needed"},
		{denial.NearAccessToken, []Reason{ReasonTokenUseMismatch}, "this is an access token and an ID token is needed"},
		{denial.NearClientInAudience, []Reason{ReasonClientMismatch}, client + "one that may call stands in its audience"},
		{denial.NearOtherIssuersClient, []Reason{ReasonClientMismatch}, client + "another issuer's tokens may name it"},
		{denial.NearOtherIssuersAudience, []Reason{ReasonAudienceMismatch}, audience + "another issuer's tokens may name it"},
		{denial.NearAudienceIsClient, []Reason{ReasonAudienceMismatch}, audience + "the one that is needed is its client"},
	}
}

// reasons answers questions about the table of reasons.
type reasons struct {
	table []ReasonInfo
	named map[Reason]ReasonInfo
	near  map[denial.NearMiss]string
}

func newReasons() *reasons {
	r := &reasons{table: Reasons(), named: make(map[Reason]ReasonInfo), near: make(map[denial.NearMiss]string)}
	for _, one := range NearTexts() {
		r.near[one.Near] = one.Text
	}
	for _, m := range r.table {
		r.named[m.Reason] = m
	}
	return r
}

// of returns the reason of a failure; what no row knows is internal, a denial.
func (r *reasons) of(err error) Reason {
	for _, m := range r.table {
		if m.err != nil && errors.Is(err, m.err) {
			return m.Reason
		}
	}
	return ReasonInternal
}
