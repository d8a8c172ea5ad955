package denial

import (
	"fmt"
	"slices"
)

// fix is one change that ends a denial: of the request, the token, the issuer or the
// configuration. Each %s stands for a value at hand. A text must be true wherever it is
// used: after the change, the request is not denied for this cause, and the change was not
// made already. The constants below are all fixes that a check may suggest: no other
// package can make one.
type fix string

// Advice is a fix with its values.
type Advice struct{ text string }

// With returns the fix with its values, as package quote writes them.
func (f fix) With(values ...string) Advice {
	if len(values) == 0 {
		return Advice{string(f)}
	}
	list := make([]any, len(values))
	for i, value := range values {
		list[i] = value
	}
	return Advice{fmt.Sprintf(string(f), list...)}
}

// Advise adds fixes, each of which alone ends the denial if the request has no second cause,
// and returns the error.
func (e *Error) Advise(fixes ...Advice) *Error {
	e.fixes = append(e.fixes, fixes...)
	return e
}

// Join returns the advice of several errors, each fix once, in their order.
func Join(errors ...*Error) []Advice {
	var all []Advice
	for _, e := range errors {
		for _, one := range e.fixes {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all
}

// Fixes of requests.
const (
	FixMethodCase        fix = "send the method in upper case"
	FixMethod            fix = "send a valid method, such as GET"
	FixNoMethodInQuery   fix = "send no _method in the query"
	FixPathStart         fix = "send a path that begins with /"
	FixPathWithout       fix = "send the path without %s"
	FixRelax             fix = "add %s to relax.all if an application needs it"
	FixHost              fix = "send one Host header with a host name and, if needed, a port"
	FixConnection        fix = "name no identity header in the Connection header"
	FixAddOrigin         fix = "add %s to cors.origins if its pages may call this API"
	FixUseOrigin         fix = "send the request from a page of %s"
	FixNameRoute         fix = "name a route of the configuration in the Envoy route's context_extensions (jwtgate.route): %s"
	FixAddNamedRoute     fix = "add a route with name: %s"
	FixRouteMatch        fix = "change match and hosts of route %s so that they include the request"
	FixEnvoyRoute        fix = "change the Envoy route so that it names %s (jwtgate.route) only for requests that this route matches"
	FixRouteAccess       fix = "give route %s an access other than deny"
	FixRouteBefore       fix = "put a route that allows the request before it"
	FixDefault           fix = "set default: required"
	FixAddRoute          fix = "add a route that allows the request"
	FixOneToken          fix = "send one token, in one place"
	FixOneAuthorization  fix = "send one Authorization header, without a comma in it"
	FixNoComma           fix = "send no comma in the header %s"
	FixPlainParameter    fix = "send the name of the query parameter %s without percent-encoding"
	FixProtocolOnce      fix = "send the protocol %s once"
	FixSendToken         fix = "send a token in %s"
	FixOptional          fix = "set access: optional for route %s if it does not need a user"
	FixAddOptional       fix = "add a route with access: optional that matches the request, if it does not need a user"
	FixBearer            fix = "send Authorization: Bearer TOKEN"
	FixReadAuthorization fix = "add {header: authorization} to tokens.from (of the route: tokens_from) " +
		"if clients send the token without a scheme"
	FixNoBearer     fix = "send the token without Bearer"
	FixReadBearer   fix = "add bearer to tokens.from (of the route: tokens_from)"
	FixCookieOrigin fix = "add %s to origins of the cookie %s if its pages may use the session"
	FixSameSite     fix = "send the request from a page of the same site"
)

// Fixes of tokens that cannot be read.
const (
	FixAsIssued      fix = "send the token exactly as its issuer wrote it"
	FixOnlyToken     fix = "send only the token: three base64url parts separated by dots"
	FixUnquote       fix = "send the token without the quotes around it, which an env file may have kept"
	FixBase64URL     fix = "send the token as its issuer wrote it: base64url without padding"
	FixWholeToken    fix = "send the whole token: its end is missing"
	FixLogIn         fix = "let the client log in before it sends requests: it sends the word %s instead of a token"
	FixRequestJWT    fix = "send a JWT from %s"
	FixUnencrypted   fix = "configure the issuer to sign tokens for this API without encrypting them"
	FixSendAccess    fix = "send the access token"
	FixSendID        fix = "send the ID token"
	FixShorter       fix = "put less into the token"
	FixMaxTokenBytes fix = "raise tokens.max_bytes to %s"
)

// Fixes of a token's header.
const (
	FixAddAlgorithm fix = "add %s to algorithms of issuer %s if it uses this algorithm"
	FixSignWith     fix = "configure the issuer to sign with %s"
	FixNoParameter  fix = "configure the issuer to write no %s into the token's header"
	FixAddType      fix = "add %s to token_types of issuer %s if its access tokens have this typ"
	FixType         fix = "configure the issuer to write the typ %s"
)

// Fixes of a token's issuer.
const (
	FixSetISS         fix = "set issuer: %s for issuer %s if you trust it"
	FixIssuerUses     fix = "configure the issuer to use %s"
	FixAddIssuer      fix = "add %s under issuers if you trust it (jwtgate check says what it needs)"
	FixTokenOf        fix = "get a token of %s"
	FixEntraVersion   fix = "set requestedAccessTokenVersion in the manifest of the API's app registration (Entra) to %s"
	FixCognito        fix = "set cognito: %s with clients: [%s] instead of issuer for issuer %s, to accept both forms of the pool"
	FixCognitoReplica fix = "set cognito: %s with clients: [%s] instead of issuer for issuer %s, " +
		"and replica_regions: [%s] if the pool has a replica there"
	FixReplicaRegion fix = "add %s to replica_regions of issuer %s"
	FixHomeRegion    fix = "get the token from the pool's own region: the UPDATED form always names %s"
	FixNotGraph      fix = "request a token with a scope of this API: a token with scopes of Microsoft Graph is for Graph only"
)

// Fixes of keys.
const (
	FixFetchKeys    fix = "let the gate fetch the keys of issuer %s (see last_error on /issuers of the admin port)"
	FixMaxStale     fix = "raise jwks.max_stale of issuer %s above %s"
	FixRetry        fix = "retry when the issuer's keys have been fetched again"
	FixKID          fix = "configure the issuer to write kid into the token's header"
	FixPublishedKey fix = "get a new token: the issuer publishes no key with this kid"
	FixKeyAlg       fix = "configure the issuer to sign with %s, for which it publishes the key"
	FixOtherKey     fix = "configure the issuer to sign with another key"
	FixPublishKey   fix = "configure the issuer to publish the key %s"
	FixOneKey       fix = "configure the issuer to publish one key with this kid that fits %s"
	FixKeyFor       fix = "configure the issuer to publish a key for %s"
	FixSignedAgain  fix = "get a new token: this one was changed or is signed with another key of the same kid"
)

// Fixes of claims.
const (
	FixClaimsJSON      fix = "configure the issuer to write the claims as one JSON object (RFC 7519), in UTF-8 and each claim once"
	FixClaimForm       fix = "configure the issuer to write %s as %s"
	FixPrefix          fix = "give issuer %s a prefix"
	FixForeignName     fix = "change the name at the issuer"
	FixExpiry          fix = "configure the issuer to write exp into its tokens"
	FixNewToken        fix = "get a new token"
	FixExpired         fix = "get a new token; this token expired %s ago"
	FixWait            fix = "wait until then"
	FixClocks          fix = "correct the clock of the issuer or of this host: %s is %s in the future"
	FixIssuedAt        fix = "configure the issuer to write iat into its tokens"
	FixNoMaxLifetime   fix = "remove max_lifetime of issuer %s"
	FixLifetime        fix = "configure the issuer to limit the lifetime to %s"
	FixMaxLifetime     fix = "raise max_lifetime of issuer %s to %s"
	FixAddAudience     fix = "add %s to audiences of issuer %s"
	FixOtherAudience   fix = "%s is an audience of issuer %s: add it to audiences of issuer %s"
	FixRequestAudience fix = "request a token for %s"
	FixOwnAudience     fix = "%s, so that aud contains %s"
	FixWriteAudience   fix = "configure the issuer to add the audience to aud: request a token for %s"
	FixNoResource      fix = "request a token without a resource"
	FixAccessForClient fix = "send the access token instead of the ID token, which is for the client %s"
	FixClientsOnly     fix = "%s is the token's client: put it in clients of issuer %s instead of audiences"
	FixNoAudiences     fix = "%s is the token's client, which clients of issuer %s lists: remove audiences"
	FixAddClient       fix = "add %s to clients of issuer %s"
	FixOtherClient     fix = "%s is a client of issuer %s: add it to clients of issuer %s"
	FixRequestClient   fix = "request a token as %s"
	FixClientClaim     fix = "list the claim that names the client in client_claims of issuer %s"
	FixAudienceClient  fix = "configure the issuer to set aud to one string, the client"
	FixAudiencesOnly   fix = "the client is in aud: put %s in audiences of issuer %s instead of clients"
	FixChosenAudience  fix = "request a token as %s: any client can choose the aud of its access token, so aud does not count"
	FixTenantID        fix = "get a token whose tid is the tenant of its iss"
	FixSPIFFE          fix = "get a token whose sub is a SPIFFE ID of %s"
	FixClaimValue      fix = "get a token whose %s is %s"
	FixRequire         fix = "add %s to %s in require of issuer %s if such tokens may be used here"
	FixAddUse          fix = "add %s to token_use of issuer %s"
	FixBothUses        fix = "set token_use: [access, id] for issuer %s if this is an ID token, although none of its claims shows it"
	FixUnbound         fix = "request a token that is not bound"
	FixAcceptBound     fix = "set bound_tokens: accept_as_bearer for issuer %s; any client that has such a token can then use it"
	FixSubject         fix = "configure the issuer to write %s as a non-empty string"
	FixSubjectClaims   fix = "list the claim that names the user in subject_claims of issuer %s"
	FixUserIDSub       fix = "add sub to the claims of x-user-id"
	FixVerifyEmail     fix = "configure the issuer to verify addresses and to write email_verified: true"
	FixAssumeEmail     fix = "set email_verified: assumed for issuer %s if it verifies every address"
	FixLogInAgain      fix = "log in again"
	FixNotRevoked      fix = "remove the line with its %s and issuer %s from the list of revoked tokens, to accept the token"
	FixAfterRevoked    fix = "get a new token, which is issued after issued_before of the line"
)

// Fixes of what routes require, and of the identity.
const (
	FixRouteIssuer       fix = "add issuer %s to this route's issuers"
	FixAlternativeIssuer fix = "add issuer %s to issuers of this route's alternative with the issuers %s"
	FixAddToGroup        fix = "add this %s to %s"
	FixGroupPrefix       fix = "write the groups of issuer %s with its prefix in this route: %s"
	FixListForm          fix = "configure the issuer to write %s as a string or an array of strings"
	FixGroupsClaim       fix = "list the claim that has the groups in groups_claim of issuer %s"
	FixFewerGroups       fix = "configure the issuer to write fewer groups (Entra: groups that are assigned to the application) or app roles"
	FixScope             fix = "ask the issuer for %s"
	FixRouteClient       fix = "add client %s to this route's clients"
	FixAlternativeClient fix = "add client %s to clients of this route's alternative with the clients %s"
	FixRouteOneClient    fix = "list this route's clients without all: a token has only one client"
	FixWithClient        fix = "use a token with its client in %s"
	FixUseClient         fix = "use a token of %s"
	FixLoginTime         fix = "configure the issuer to write the time of the login into auth_time, in seconds since 1970"
	FixACR               fix = "log in with acr %s"
	FixCondition         fix = "make this true: %s"
	FixHas               fix = "check first that an optional claim or header is present: has(claims.email) && ... " +
		`("cognito:groups" in claims && ...)`
	FixListLength      fix = "check the length of the list first: size(list) > 0 && ..."
	FixClaimType       fix = "check the type of the claim first: type(claims.level) == int && ..."
	FixArithmetic      fix = "guard the arithmetic, for example against division by zero"
	FixCheaper         fix = "write a cheaper condition"
	FixShorterValues   fix = "shorten the lists and strings that the condition reads"
	FixNoIssuedAt      fix = "do not use token.issued_at in the condition"
	FixSimpler         fix = "write a simpler condition"
	FixShorterIdentity fix = "put less into the token's claims"
	FixMaxValueBytes   fix = "raise identity.max_value_bytes to %s"
	FixMaxTotalBytes   fix = "raise identity.max_total_bytes to %s and, where requests can then exceed it, Envoy's max_request_headers_kb"
	FixDropHeader      fix = "remove %s from identity.headers"
)
