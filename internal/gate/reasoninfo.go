package gate

import (
	"cmp"
	"errors"
	"net/http"
	"reflect"
	"slices"

	"github.com/jwtgate/jwtgate/internal/condition"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Fault is the party that has to change something before the request is allowed.
type Fault string

// The parties.
const (
	FaultNone     Fault = ""         // the request was allowed
	FaultClient   Fault = "client"   // the sender of the request
	FaultOperator Fault = "operator" // the operator of the gate, of Envoy or of the issuer
	FaultGate     Fault = "gate"     // the gate itself: it failed, or ran out of time
)

// Code is the error code of a Bearer challenge (RFC 6750 section 3.1).
type Code string

// The codes.
const (
	CodeNoChallenge       Code = ""         // the response has no WWW-Authenticate
	CodeNoError           Code = "no_error" // a challenge without an error: the credential is missing
	CodeInvalidRequest    Code = "invalid_request"
	CodeInvalidToken      Code = "invalid_token"
	CodeInsufficientScope Code = "insufficient_scope"
	CodeInsufficientLogin Code = "insufficient_user_authentication" // RFC 9470 section 3
)

// ReasonInfo is a row of the table of reasons.
type ReasonInfo struct {
	Reason  Reason
	Verdict Verdict
	Status  int // HTTP
	Code    Code
	// Stage is the check that ends with this reason, or [StageNone].
	Stage Stage
	Fault Fault
	// Text is the fixed public text of a denial: what is wrong, for the developer of
	// the client. It is written into a quoted-string, so it has neither quotes nor
	// backslashes.
	Text string
	// Hint says what to change so that the request would be allowed. It is for
	// operators. A failure can have a more specific hint, which replaces it.
	Hint string
	// Outage: the issuer's keys are not available, perhaps only for a short time. The
	// client should retry.
	Outage bool

	kind error // the failure that has this reason; nil if there is none
}

// Decided reports whether the reason is the result of a check. It is false for a denial
// because the gate failed, had not enough time, is still fetching the token's key, or could
// not read the request.
func (r ReasonInfo) Decided() bool {
	return r.Verdict != VerdictDeny || r.Stage != StageNone && r.Fault != FaultGate
}

// Repeatable reports whether the same request always has this reason under the same
// configuration and clock. It is false for everything that is not [ReasonInfo.Decided],
// and for outages, which depend on the issuer.
func (r ReasonInfo) Repeatable() bool { return r.Decided() && !r.Outage }

// Reasons returns the one table of reasons, in the order of the checks. It is
// the caller's own copy.
func Reasons() []ReasonInfo {
	const ok = http.StatusOK
	return slices.Concat(
		[]ReasonInfo{
			{Reason: ReasonAllowed, Verdict: VerdictAllow, Status: ok, Stage: StageIdentity},
			{Reason: ReasonPublic, Verdict: VerdictAllow, Status: ok, Stage: StageRoute},
			{Reason: ReasonPreflight, Verdict: VerdictAllow, Status: ok, Stage: StageRoute},
			{Reason: ReasonAnonymous, Verdict: VerdictAllow, Status: ok, Stage: StageCredential},
			{Reason: ReasonAnonymousInvalid, Verdict: VerdictAllow, Status: ok, Stage: StageNone},
			{Reason: ReasonShadowed, Verdict: VerdictAllow, Status: ok, Stage: StageNone},
			{Reason: ReasonPreflightAnswered, Verdict: VerdictAnswer, Status: ok, Stage: StageRoute},
		},
		denials(StageTarget, targetReasons()),
		denials(StageRoute, routeReasons()),
		denials(StageCredential, credentialReasons()),
		denials(StageHeader, headerReasons()),
		denials(StageIssuer, issuerReasons()),
		denials(StageKey, keyReasons()),
		denials(StageSignature, signatureReasons()),
		denials(StageClaims, claimReasons()),
		denials(StageRequirement, requirementReasons()),
		denials(StageIdentity, identityReasons()),
		denials(StageNone, undecidedReasons()),
	)
}

// denials completes the rows of one stage. Unless the row says otherwise, the client has
// to change something.
func denials(stage Stage, rows []ReasonInfo) []ReasonInfo {
	for i := range rows {
		row := &rows[i]
		row.Verdict, row.Stage, row.Fault = VerdictDeny, stage, cmp.Or(row.Fault, FaultClient)
	}
	return rows
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

// targetReasons returns the denials of the first stage, and the functions below those of
// the other stages; [denials] completes the rows.

func targetReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonMethodRefused, Status: http.StatusBadRequest, kind: request.ErrMethodRefused,
			Text: "the method is one that servers interpret differently",
			Hint: "send the method in upper case, and no _method in the query; if an application needs _method, add " +
				"method_override to relax"},
		{Reason: ReasonPathRefused, Status: http.StatusBadRequest, kind: request.ErrPathRefused,
			Text: "the path is spelled in a way that servers interpret differently",
			Hint: "send the path in its normal form; if an application needs this spelling, allow it by name under relax"},
		{Reason: ReasonHostRefused, Status: http.StatusBadRequest, kind: request.ErrHostRefused,
			Text: "the host of the request is missing or invalid",
			Hint: "send one Host header with a host name and, if needed, a port"},
		{Reason: ReasonConnectionRefused, Status: http.StatusBadRequest, kind: errConnectionHeader,
			Text: "the Connection header names a header that only the gate may set",
			Hint: "do not name an identity header in the Connection header"},
	}
}

func routeReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonPreflightRefused, Status: http.StatusForbidden,
			Text: "browser requests from this origin are not allowed",
			Hint: "list the origin under cors.origins, if its pages may call this API"},
		{Reason: ReasonRouteUnknown, Status: http.StatusServiceUnavailable, Fault: FaultOperator, kind: errRouteUnknown,
			Text: "the proxy names an unknown route",
			Hint: "name a configured route in the Envoy route's context_extensions (jwtgate.route), or add the route"},
		{Reason: ReasonRouteMismatch, Status: http.StatusServiceUnavailable, Fault: FaultOperator, kind: errRouteMismatch,
			Text: "the request does not match the route that the proxy names",
			Hint: "make the Envoy route and the route that it names (jwtgate.route) match the same methods, hosts and paths"},
		{Reason: ReasonRouteDenied, Status: http.StatusForbidden, kind: errRouteDenied,
			Text: "the route denies all requests",
			Hint: "give the route an access other than deny, or put a route that allows the request before it"},
	}
}

func credentialReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonCredentialAmbiguous, Status: http.StatusBadRequest, Code: CodeInvalidRequest, kind: credential.ErrAmbiguous,
			Text: "the request has more than one credential", Hint: "send one token, in one place"},
		{Reason: ReasonCredentialMissing, Status: http.StatusUnauthorized, Code: CodeNoError, kind: credential.ErrMissing,
			Text: "this needs a bearer token and the request has none",
			Hint: "send a token in a place that the route reads, or make the route optional or public"},
		{Reason: ReasonCrossSite, Status: http.StatusForbidden, kind: credential.ErrCrossSite,
			Text: "the cookie may have been sent by another site",
			Hint: "send the request from a page of the same site, or list the page's origin in the cookie's origins"},
		{Reason: ReasonTokenMalformed, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrMalformed,
			Text: "the credential is not a JWT", Hint: "send only the token: three base64url parts separated by dots"},
		{Reason: ReasonTokenTooLarge, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrTooLarge,
			Text: "the token is too large", Hint: "put less into the token, or raise tokens.max_bytes"},
	}
}

func headerReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonAlgNotAllowed, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrAlgNotAllowed,
			Text: "the token is signed with an algorithm that is not accepted",
			Hint: "list the algorithm in the issuer's algorithms, if the issuer signs with it"},
		{Reason: ReasonHeaderNotAllowed, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrHeaderNotAllowed,
			Text: "the token's header has a parameter that is not accepted",
			Hint: "configure the issuer to sign without crit, b64, zip and cty"},
		{Reason: ReasonTypeNotAllowed, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrTypeNotAllowed,
			Text: "the token's type is not accepted",
			Hint: "list the type in the issuer's token_types, if its access tokens have it"},
	}
}

func issuerReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonIssuerUnknown, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrIssuerUnknown,
			Text: "the token's issuer is not trusted here", Hint: "add the issuer under issuers, if you trust it"},
	}
}

func keyReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonKeysUnavailable, Status: http.StatusServiceUnavailable, Fault: FaultOperator, Outage: true,
			kind: issuer.ErrKeysUnavailable,
			Text: "the keys of the token's issuer have not been loaded yet; try again",
			Hint: "find out why the issuer's keys cannot be fetched: see /issuers on the admin port"},
		{Reason: ReasonKeysStale, Status: http.StatusServiceUnavailable, Fault: FaultOperator, Outage: true,
			kind: issuer.ErrKeysStale,
			Text: "the keys of the token's issuer are too old to trust; try again",
			Hint: "find out why the issuer's keys cannot be fetched (see /issuers on the admin port), or raise jwks.max_stale"},
		{Reason: ReasonKeyPending, Status: http.StatusServiceUnavailable, Fault: FaultGate, Outage: true,
			kind: issuer.ErrKeyPending,
			Text: "the token's key is being fetched; try again",
			Hint: "retry when the issuer's keys have been fetched again"},
		{Reason: ReasonKIDMissing, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrKIDMissing,
			Text: "the token's header has no key ID",
			Hint: "configure the issuer to write kid into the token's header"},
		{Reason: ReasonKeyUnknown, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: issuer.ErrKeyUnknown,
			Text: "the token's issuer does not publish this key",
			Hint: "get a new token; the issuer does not publish the key that signed this one"},
		{Reason: ReasonKeyUnfit, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: issuer.ErrKeyUnfit,
			Text: "the token's key cannot be used with its algorithm",
			Hint: "configure the issuer to sign with the algorithm that it publishes for the key"},
	}
}

func signatureReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonSignatureInvalid, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrSignatureInvalid,
			Text: "the token's signature is invalid",
			Hint: "get a new token; this one was changed, or signed with another key"},
	}
}

func claimReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonClaimsMalformed, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrClaimsMalformed,
			Text: "the token's claims are malformed",
			Hint: "configure the issuer to write the claims as RFC 7519 requires"},
		{Reason: ReasonExpiryMissing, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrExpiryMissing,
			Text: "the token has no expiry", Hint: "configure the issuer to write exp into its tokens"},
		{Reason: ReasonExpired, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrExpired,
			Text: "the token has expired", Hint: "get a new token"},
		{Reason: ReasonNotYetValid, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrNotYetValid,
			Text: "the token is not yet valid", Hint: "wait until the token's nbf, or correct the clocks"},
		{Reason: ReasonIssuedInFuture, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrIssuedInFuture,
			Text: "the token was issued in the future", Hint: "correct the clocks of the issuer and the gate"},
		{Reason: ReasonLifetimeTooLong, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrLifetimeTooLong,
			Text: "the token's lifetime is too long",
			Hint: "configure a shorter lifetime at the issuer, or raise the issuer's max_lifetime"},
		{Reason: ReasonAudienceMismatch, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrAudienceMismatch,
			Text: "the token is meant for another audience",
			Hint: "request a token for this audience, or list the token's aud in the issuer's audiences"},
		{Reason: ReasonClientMismatch, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrClientMismatch,
			Text: "the token was issued to another client",
			Hint: "list the client in the issuer's clients, if it may call this API"},
		{Reason: ReasonClaimMismatch, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrClaimMismatch,
			Text: "a claim of the token does not have a value that is accepted here",
			Hint: "get a token whose claim has a value that the issuer's require lists, or add the value there"},
		{Reason: ReasonTokenUseMismatch, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrTokenUseMismatch,
			Text: "this kind of token is not accepted here",
			Hint: "send the access token, or list the kind in the issuer's token_use"},
		{Reason: ReasonTokenBound, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrTokenBound,
			Text: "the token is bound to a key, and proof of possession is not supported",
			Hint: "request a token that is not bound, or set bound_tokens: accept_as_bearer for its issuer"},
		{Reason: ReasonSubjectMissing, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrSubjectMissing,
			Text: "the token does not name the user",
			Hint: "configure the issuer to write sub, or the claims that x-user-id is made of, into its tokens"},
		{Reason: ReasonTokenRevoked, Status: http.StatusUnauthorized, Code: CodeInvalidToken, kind: token.ErrTokenRevoked,
			Text: "the token has been revoked",
			Hint: "log in again, or remove the line that revokes the token from the revoked file"},
	}
}

func requirementReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonIssuerNotAllowed, Status: http.StatusForbidden, kind: route.ErrIssuerNotAllowed,
			Text: "tokens from this issuer are not accepted here", Hint: "list the issuer in the route's issuers"},
		{Reason: ReasonGroupMissing, Status: http.StatusForbidden, Code: CodeInsufficientScope, kind: route.ErrGroupMissing,
			Text: "the subject is not in a group that may do this", Hint: "add the user to one of the route's groups"},
		{Reason: ReasonScopeMissing, Status: http.StatusForbidden, Code: CodeInsufficientScope, kind: route.ErrScopeMissing,
			Text: "the token lacks a scope that this needs", Hint: "request a token with the route's scopes"},
		{Reason: ReasonClientNotAllowed, Status: http.StatusForbidden, Code: CodeInsufficientScope, kind: route.ErrClientNotAllowed,
			Text: "this client is not allowed to do this", Hint: "list the client in the route's clients"},
		{Reason: ReasonLoginTooOld, Status: http.StatusUnauthorized, Code: CodeInsufficientLogin, kind: route.ErrLoginTooOld,
			Text: "this needs a more recent login", Hint: "log in again, or raise the route's max_auth_age"},
		{Reason: ReasonACRTooWeak, Status: http.StatusUnauthorized, Code: CodeInsufficientLogin, kind: route.ErrACRTooWeak,
			Text: "this needs a stronger login", Hint: "log in with one of the route's acr values"},
		{Reason: ReasonConditionFalse, Status: http.StatusForbidden, Code: CodeInsufficientScope, kind: condition.ErrFalse,
			Text: "the request does not meet the route's condition", Hint: "see the route's when"},
		{Reason: ReasonConditionError, Status: http.StatusForbidden, Code: CodeInsufficientScope, kind: condition.ErrEvaluation,
			Text: "the route's condition could not be evaluated for this token",
			Hint: "handle absent values in the route's when, with has() or in"},
	}
}

func identityReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonIdentityTooLarge, Status: http.StatusForbidden, kind: identity.ErrTooLarge,
			Text: "the token has too much identity data to forward",
			Hint: "put less into the token's claims, remove headers from identity.headers, or raise identity.max_value_bytes " +
				"(one value) or identity.max_total_bytes (all headers together)"},
	}
}

// undecidedReasons returns the denials that no check decides.
func undecidedReasons() []ReasonInfo {
	return []ReasonInfo{
		{Reason: ReasonDeadline, Status: http.StatusServiceUnavailable, Fault: FaultGate,
			Text: "the request was not decided in time; try again",
			Hint: "raise the ext_authz timeout (grpc_service.timeout), or give the gate more CPU"},
		{Reason: ReasonRequestMalformed, Status: http.StatusServiceUnavailable, Fault: FaultOperator,
			Text: "the proxy sent a malformed authorization request",
			Hint: "send an envoy.service.auth.v3 CheckRequest with the HTTP request's attributes, and no context extension " +
				"jwtgate.* except jwtgate.route"},
		{Reason: ReasonInternal, Status: http.StatusServiceUnavailable, Fault: FaultGate,
			Text: "the gate failed; try again",
			Hint: "search the gate's log for this decision's ID, and report the error"},
	}
}

// The failures of this package, in addition to those of the packages that it calls.
var (
	errRouteUnknown     = errors.New("no route has this name")
	errRouteMismatch    = errors.New("the request does not match the named route")
	errRouteDenied      = errors.New("the route denies all requests")
	errConnectionHeader = errors.New("a Connection header names an identity header")
)

// NearText is the public text of a near miss, which replaces the text of its reason. A
// near miss that reveals configuration before the signature is verified has no public
// text: only operators read it.
type NearText struct {
	Near    denial.NearMiss
	Reasons []Reason // the reasons that can have this near miss
	Text    string
}

// NearTexts returns the text of each near miss. It is the caller's own copy.
func NearTexts() []NearText {
	const (
		client   = "the token was issued to another client; "
		audience = "the token is meant for another audience; "
	)
	return []NearText{
		{denial.NearNoScheme, []Reason{ReasonCredentialMissing}, "the token must be sent with the Bearer scheme"},
		{denial.NearScheme, []Reason{ReasonCredentialMissing}, "the token must be sent without the Bearer scheme"},
		{denial.NearNoToken, []Reason{ReasonTokenMalformed}, "the client has sent a word such as null, and has no token"},
		{denial.NearQuoted, []Reason{ReasonTokenMalformed}, "the token must be sent without quotes"},
		{denial.NearEncoding, []Reason{ReasonTokenMalformed}, "the token must be sent in base64url without padding"},
		{denial.NearOpaque, []Reason{ReasonTokenMalformed}, "this is an opaque token and a JWT is needed"},
		{denial.NearEncrypted, []Reason{ReasonTokenMalformed}, "this is an encrypted token and a signed one is needed"},
		{denial.NearRefreshToken, []Reason{ReasonTokenMalformed}, "this is a refresh token and an access token is needed"},
		{denial.NearGraphToken, []Reason{ReasonIssuerUnknown, ReasonSignatureInvalid},
			"this is a token for Microsoft Graph and a token for this API is needed"},
		{denial.NearIDToken, []Reason{ReasonTokenUseMismatch, ReasonAudienceMismatch}, "this is an ID token and an access token is needed"},
		{denial.NearAccessToken, []Reason{ReasonTokenUseMismatch}, "this is an access token and an ID token is needed"},
		{denial.NearClientInAudience, []Reason{ReasonClientMismatch}, client + "its audience names a client that may call this"},
		{denial.NearOtherIssuersClient, []Reason{ReasonClientMismatch}, client + "another issuer's tokens may name it"},
		{denial.NearOtherIssuersAudience, []Reason{ReasonAudienceMismatch}, audience + "another issuer's tokens may name it"},
		{denial.NearAudienceIsClient, []Reason{ReasonAudienceMismatch}, audience + "its client is the audience that is needed"},
		{denial.NearGroupsLeftOut, []Reason{ReasonGroupMissing},
			"the token does not list the subject's groups, because there are too many; none that may do this is in it"},
	}
}

// reasons has the indexes of the table of reasons.
type reasons struct {
	named map[Reason]ReasonInfo
	kinds map[error]Reason // :: the kind of a failure -> its reason
	near  map[denial.NearMiss]string
}

func newReasons() *reasons {
	r := &reasons{named: make(map[Reason]ReasonInfo), kinds: make(map[error]Reason), near: make(map[denial.NearMiss]string)}
	for _, one := range NearTexts() {
		r.near[one.Near] = one.Text
	}
	for _, m := range Reasons() {
		r.named[m.Reason] = m
		if m.kind != nil {
			r.kinds[m.kind] = m.Reason
		}
	}
	return r
}

// of returns the reason of a failure: that of the first error in its chain that is a kind. An
// unknown failure is internal, which is a denial.
func (r *reasons) of(err error) Reason {
	for ; err != nil; err = errors.Unwrap(err) {
		if !reflect.ValueOf(err).Comparable() {
			continue // it cannot be the key of a map
		}
		if reason, known := r.kinds[err]; known {
			return reason
		}
	}
	return ReasonInternal
}
