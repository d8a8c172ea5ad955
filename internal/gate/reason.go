package gate

// Reason is the reason of a decision: one word of a closed list. It is part of answers,
// audit lines and metric labels.
type Reason string

// The reasons of allowed requests.
const (
	ReasonAllowed          Reason = "allowed"
	ReasonPublic           Reason = "public"
	ReasonAnonymous        Reason = "anonymous"
	ReasonAnonymousInvalid Reason = "anonymous_invalid"
	ReasonPreflight        Reason = "preflight"
	ReasonShadowed         Reason = "shadowed"
)

// The reasons of requests that the gate answers instead of the application.
const ReasonPreflightAnswered Reason = "preflight_answered"

// The reasons of denied requests, in the order of the checks.
const (
	ReasonMethodRefused       Reason = "method_refused"
	ReasonPathRefused         Reason = "path_refused"
	ReasonHostRefused         Reason = "host_refused"
	ReasonConnectionRefused   Reason = "connection_header_refused"
	ReasonPreflightRefused    Reason = "preflight_refused"
	ReasonRouteUnknown        Reason = "route_unknown"
	ReasonRouteMismatch       Reason = "route_mismatch"
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
	ReasonClaimMismatch       Reason = "claim_mismatch"
	ReasonTokenUseMismatch    Reason = "token_use_mismatch"
	ReasonTokenBound          Reason = "token_bound"
	ReasonSubjectMissing      Reason = "subject_missing"
	ReasonTokenRevoked        Reason = "token_revoked"
	ReasonIssuerNotAllowed    Reason = "issuer_not_allowed"
	ReasonGroupMissing        Reason = "group_missing"
	ReasonScopeMissing        Reason = "scope_missing"
	ReasonClientNotAllowed    Reason = "client_not_allowed"
	ReasonLoginTooOld         Reason = "login_too_old"
	ReasonACRTooWeak          Reason = "acr_too_weak"
	ReasonConditionFalse      Reason = "condition_false"
	ReasonConditionError      Reason = "condition_error"
	ReasonIdentityTooLarge    Reason = "identity_too_large"
	ReasonDeadline            Reason = "deadline"
	ReasonRequestMalformed    Reason = "request_malformed"
	ReasonInternal            Reason = "internal"
)
