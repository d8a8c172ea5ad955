package denial

import (
	"fmt"
	"strings"
)

// Fix is one change that ends a denial: of the request, the token, the issuer or the
// configuration. Each %s stands for a value at hand. A text must be true wherever it is
// used: after the change, the request is not denied for this cause, and the change was not
// made already. The constants below are all fixes that a check may suggest.
type Fix string

// Advice is a [Fix] with its values.
type Advice struct{ text string }

// With returns the fix with its values, as package quote writes them.
func (f Fix) With(values ...string) Advice {
	if len(values) == 0 {
		return Advice{string(f)}
	}
	list := make([]any, len(values))
	for i, value := range values {
		list[i] = value
	}
	return Advice{fmt.Sprintf(string(f), list...)}
}

// Advise adds fixes, each of which ends the denial alone, and returns the error.
func (e *Error) Advise(fixes ...Advice) *Error {
	for _, one := range fixes {
		if e.hint != "" {
			e.hint += orElse
		}
		e.hint += one.text
	}
	return e
}

// Join returns the advice of several errors as one hint, each fix once, in their order.
func Join(errors ...*Error) []Advice {
	var all []Advice
	seen := make(map[string]bool)
	for _, e := range errors {
		for one := range strings.SplitSeq(e.hint, orElse) {
			if one != "" && !seen[one] {
				seen[one] = true
				all = append(all, Advice{one})
			}
		}
	}
	return all
}

// orElse separates the fixes of a hint. No fix contains it.
const orElse = ", or "

// Fixes of requests.
const (
	FixMethodCase        Fix = "send the method in upper case"
	FixMethod            Fix = "send a valid method, such as GET"
	FixNoMethodInQuery   Fix = "send no _method in the query"
	FixPathStart         Fix = "send a path that begins with /"
	FixPathWithout       Fix = "send the path without %s"
	FixRelax             Fix = "add %s to relax.all if an application needs it"
	FixHost              Fix = "send one Host header with a host name and, if needed, a port"
	FixConnection        Fix = "name no identity header in the Connection header"
	FixAddOrigin         Fix = "add %s to cors.origins if its pages may call this API"
	FixUseOrigin         Fix = "send the request from a page of %s"
	FixNameRoute         Fix = "name a route of the configuration in the Envoy route's context_extensions (jwtgate.route): %s"
	FixAddNamedRoute     Fix = "add a route with name: %s"
	FixRouteMatch        Fix = "change match and hosts of route %s so that they include the request"
	FixEnvoyRoute        Fix = "change the Envoy route so that it names %s (jwtgate.route) only for requests that this route matches"
	FixRouteAccess       Fix = "give route %s an access other than deny"
	FixRouteBefore       Fix = "put a route that allows the request before it"
	FixDefault           Fix = "set default: required"
	FixAddRoute          Fix = "add a route that allows the request"
	FixOneToken          Fix = "send one token, in one place"
	FixOneAuthorization  Fix = "send one Authorization header, without a comma in it"
	FixNoComma           Fix = "send no comma in the header %s"
	FixPlainParameter    Fix = "send the name of the query parameter %s without percent-encoding"
	FixProtocolOnce      Fix = "send the protocol %s once"
	FixSendToken         Fix = "send a token in %s"
	FixOptional          Fix = "set access: optional for route %s if it does not need a user"
	FixAddOptional       Fix = "add a route with access: optional that matches the request, if it does not need a user"
	FixBearer            Fix = "send Authorization: Bearer TOKEN"
	FixReadAuthorization Fix = "add {header: authorization} to tokens.from (of the route: tokens_from) " +
		"if clients send the token without a scheme"
	FixNoBearer     Fix = "send the token without Bearer"
	FixReadBearer   Fix = "add bearer to tokens.from (of the route: tokens_from)"
	FixCookieOrigin Fix = "add %s to origins of the cookie %s if its pages may use the session"
	FixSameSite     Fix = "send the request from a page of the same site"
)

// Fixes of tokens that cannot be read.
const (
	FixAsIssued      Fix = "send the token exactly as its issuer wrote it"
	FixOnlyToken     Fix = "send only the token: three base64url parts separated by dots"
	FixUnquote       Fix = "send the token without the quotes around it, which an env file may have kept"
	FixBase64URL     Fix = "send the token as its issuer wrote it: base64url without padding"
	FixWholeToken    Fix = "send the whole token: its end is missing"
	FixLogIn         Fix = "let the client log in before it sends requests: it sends the word %s instead of a token"
	FixRequestJWT    Fix = "send a JWT from %s"
	FixUnencrypted   Fix = "configure the issuer to sign tokens for this API without encrypting them"
	FixSendAccess    Fix = "send the access token"
	FixSendID        Fix = "send the ID token"
	FixShorter       Fix = "put less into the token"
	FixMaxTokenBytes Fix = "raise tokens.max_bytes to %s"
)

// Fixes of a token's header.
const (
	FixAddAlgorithm Fix = "add %s to algorithms of issuer %s if it uses this algorithm"
	FixSignWith     Fix = "configure the issuer to sign with %s"
	FixNoParameter  Fix = "configure the issuer to write no %s into the token's header"
	FixAddType      Fix = "add %s to token_types of issuer %s if its access tokens have this typ"
	FixType         Fix = "configure the issuer to write the typ %s"
)

// Fixes of a token's issuer.
const (
	FixSetISS         Fix = "set issuer: %s for issuer %s if you trust it"
	FixIssuerUses     Fix = "configure the issuer to use %s"
	FixAddIssuer      Fix = "add %s under issuers if you trust it"
	FixTokenOf        Fix = "get a token of %s"
	FixEntraVersion   Fix = "set requestedAccessTokenVersion in the manifest of the API's app registration (Entra) to %s"
	FixCognito        Fix = "set cognito: %s with clients: [%s] instead of issuer for issuer %s, to accept both forms of the pool"
	FixCognitoReplica Fix = "set cognito: %s with clients: [%s] instead of issuer for issuer %s, " +
		"and replica_regions: [%s] if the pool has a replica there"
	FixReplicaRegion Fix = "add %s to replica_regions of issuer %s"
	FixHomeRegion    Fix = "get the token from the pool's own region: the UPDATED form always names %s"
	FixNotGraph      Fix = "request a token with a scope of this API: a token with scopes of Microsoft Graph is for Graph only"
)

// Fixes of keys.
const (
	FixFetchKeys    Fix = "let the gate fetch the keys of issuer %s (see last_error on /issuers of the admin port)"
	FixMaxStale     Fix = "raise jwks.max_stale of issuer %s above %s"
	FixRetry        Fix = "retry when the issuer's keys have been fetched again"
	FixKID          Fix = "configure the issuer to write kid into the token's header"
	FixPublishedKey Fix = "get a new token: the issuer publishes no key with this kid"
	FixKeyAlg       Fix = "configure the issuer to sign with %s, for which it publishes the key"
	FixOtherKey     Fix = "configure the issuer to sign with another key"
	FixPublishKey   Fix = "configure the issuer to publish the key %s"
	FixOneKey       Fix = "configure the issuer to publish one key with this kid that fits %s"
	FixKeyFor       Fix = "configure the issuer to publish a key for %s"
	FixSignedAgain  Fix = "get a new token: this one was changed or is signed with another key of the same kid"
)

// Fixes of claims.
const (
	FixClaimsJSON      Fix = "configure the issuer to write the claims as one JSON object (RFC 7519), in UTF-8 and each claim once"
	FixClaimForm       Fix = "configure the issuer to write %s as %s"
	FixPrefix          Fix = "give issuer %s a prefix"
	FixForeignName     Fix = "change the name at the issuer"
	FixExpiry          Fix = "configure the issuer to write exp into its tokens"
	FixNewToken        Fix = "get a new token"
	FixExpired         Fix = "get a new token; this token expired %s ago"
	FixWait            Fix = "wait until then"
	FixClocks          Fix = "correct the clock of the issuer or of this host: %s is %s in the future"
	FixIssuedAt        Fix = "configure the issuer to write iat into its tokens"
	FixNoMaxLifetime   Fix = "remove max_lifetime of issuer %s"
	FixLifetime        Fix = "configure the issuer to limit the lifetime to %s"
	FixMaxLifetime     Fix = "raise max_lifetime of issuer %s to %s"
	FixAddAudience     Fix = "add %s to audiences of issuer %s"
	FixOtherAudience   Fix = "%s is an audience of issuer %s: add it to audiences of issuer %s"
	FixRequestAudience Fix = "request a token for %s"
	FixWriteAudience   Fix = "configure the issuer to add the audience to aud: request a token for %s"
	FixNoResource      Fix = "request a token without a resource"
	FixAccessForClient Fix = "send the access token instead of the ID token, which is for the client %s"
	FixClientsOnly     Fix = "%s is the token's client: put it in clients of issuer %s instead of audiences"
	FixNoAudiences     Fix = "%s is the token's client, which clients of issuer %s lists: remove audiences"
	FixAddClient       Fix = "add %s to clients of issuer %s"
	FixOtherClient     Fix = "%s is a client of issuer %s: add it to clients of issuer %s"
	FixRequestClient   Fix = "request a token as %s"
	FixClientClaim     Fix = "list the claim that names the client in client_claims of issuer %s"
	FixAudienceClient  Fix = "configure the issuer to set aud to one string, the client"
	FixAudiencesOnly   Fix = "the client is in aud: put %s in audiences of issuer %s instead of clients"
	FixChosenAudience  Fix = "request a token as %s: any client can choose the aud of its access token, so aud does not count"
	FixTenantID        Fix = "get a token whose tid is the tenant of its iss"
	FixSPIFFE          Fix = "get a token whose sub is a SPIFFE ID of %s"
	FixClaimValue      Fix = "get a token whose %s is %s"
	FixRequire         Fix = "add %s to %s in require of issuer %s if such tokens may be used here"
	FixAddUse          Fix = "add %s to token_use of issuer %s"
	FixBothUses        Fix = "set token_use: [access, id] for issuer %s if this is an ID token, although none of its claims shows it"
	FixUnbound         Fix = "request a token that is not bound"
	FixAcceptBound     Fix = "set bound_tokens: accept_as_bearer for issuer %s; any client that has such a token can then use it"
	FixSubject         Fix = "configure the issuer to write %s as a non-empty string"
	FixSubjectClaims   Fix = "list the claim that names the user in subject_claims of issuer %s"
	FixUserIDSub       Fix = "add sub to the claims of x-user-id"
	FixVerifyEmail     Fix = "configure the issuer to verify addresses and to write email_verified: true"
	FixAssumeEmail     Fix = "set email_verified: assumed for issuer %s if it verifies every address"
	FixLogInAgain      Fix = "log in again"
	FixNotRevoked      Fix = "remove the line with its %s and issuer %s from the list of revoked tokens, to accept the token"
	FixAfterRevoked    Fix = "get a new token, which is issued after issued_before of the line"
)

// Fixes of what routes require, and of the identity.
const (
	FixRouteIssuer       Fix = "add issuer %s to this route's issuers"
	FixAlternativeIssuer Fix = "add issuer %s to issuers of this route's alternative with the issuers %s"
	FixAddToGroup        Fix = "add this %s to %s"
	FixGroupPrefix       Fix = "write the groups of issuer %s with its prefix in this route: %s"
	FixListForm          Fix = "configure the issuer to write %s as a string or an array of strings"
	FixGroupsClaim       Fix = "list the claim that has the groups in groups_claim of issuer %s"
	FixFewerGroups       Fix = "configure the issuer to write fewer groups (Entra: groups that are assigned to the application) or app roles"
	FixScope             Fix = "ask the issuer for %s"
	FixRouteClient       Fix = "add client %s to this route's clients"
	FixAlternativeClient Fix = "add client %s to clients of this route's alternative with the clients %s"
	FixRouteOneClient    Fix = "list this route's clients without all: a token has only one client"
	FixWithClient        Fix = "use a token with its client in %s"
	FixUseClient         Fix = "use a token of %s"
	FixLoginTime         Fix = "configure the issuer to write the time of the login into auth_time, in seconds since 1970"
	FixACR               Fix = "log in with acr %s"
	FixCondition         Fix = "make this true: %s"
	FixHas               Fix = "check first that an optional claim or header is present: has(claims.email) && ... " +
		`("cognito:groups" in claims && ...)`
	FixListLength      Fix = "check the length of the list first: size(list) > 0 && ..."
	FixClaimType       Fix = "check the type of the claim first: type(claims.level) == int && ..."
	FixArithmetic      Fix = "guard the arithmetic, for example against division by zero"
	FixCheaper         Fix = "write a cheaper condition"
	FixShorterValues   Fix = "shorten the lists and strings that the condition reads"
	FixNoIssuedAt      Fix = "do not use token.issued_at in the condition"
	FixSimpler         Fix = "write a simpler condition"
	FixShorterIdentity Fix = "put less into the token's claims"
	FixMaxValueBytes   Fix = "raise identity.max_value_bytes to %s"
	FixMaxTotalBytes   Fix = "raise identity.max_total_bytes to %s and, where requests can then exceed it, Envoy's max_request_headers_kb"
	FixDropHeader      Fix = "remove %s from identity.headers"
)
