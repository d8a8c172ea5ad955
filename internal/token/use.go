package token

import "strings"

// The uses of a token that can be configured.
const (
	useAccess = "access"
	useID     = "id"
)

// use returns what a token is for (RFC 8725 section 3.12). Tokens of Cognito have the use
// in token_use. A token of another issuer is an ID token if it has a claim that only ID
// tokens have and no mark of an access token; otherwise it is an access token. Other kinds
// of tokens, such as logout tokens, have a use that no configuration accepts.
func (i *trusted) use(claims map[string]any, typ string) string {
	if other := otherUse(claims, typ); other != "" {
		return other
	}
	if i.cognito != nil {
		use, _ := claims["token_use"].(string)
		return use
	}
	if isAccessToken(claims, typ) || idTokenClaim(claims) == "" {
		return useAccess
	}
	return useID
}

// otherUse returns the use of a token that is neither an access token nor an ID token, or
// "".
func otherUse(claims map[string]any, typ string) string {
	kind, _ := claims["typ"].(string) // Keycloak's
	switch {
	case typ == "logout+jwt", strings.EqualFold(kind, "Logout"):
		return "logout"
	case typ == "secevent+jwt", claims["events"] != nil: // RFC 8417 section 2.2
		return "security event"
	case strings.EqualFold(kind, "Refresh"), strings.EqualFold(kind, "Offline"):
		return "refresh"
	}
	return ""
}

// isAccessToken reports whether a token has a mark of an access token: typ of the header
// (RFC 9068 section 2.1), Keycloak's claim typ, or token_use.
func isAccessToken(claims map[string]any, typ string) bool {
	kind, _ := claims["typ"].(string)
	return typ == "at+jwt" || strings.EqualFold(kind, "Bearer") || claims["token_use"] == useAccess
}

// idTokenClaim returns the name of a claim that only ID tokens have (OpenID Connect Core
// sections 2 and 3.3.2.11, FAPI's s_hash, Keycloak's typ), or "".
func idTokenClaim(claims map[string]any) string {
	if kind, _ := claims["typ"].(string); strings.EqualFold(kind, "ID") {
		return "typ"
	}
	for _, name := range [...]string{"nonce", "at_hash", "c_hash", "s_hash"} {
		if claims[name] != nil {
			return name
		}
	}
	return ""
}
