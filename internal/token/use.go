package token

import "strings"

// The uses of a token that can be configured.
const (
	useAccess = "access"
	useID     = "id"
)

// use tells what a token is for (RFC 8725 section 3.12). Cognito says so in
// token_use. Elsewhere a token is an ID token if it carries what only those carry,
// and does not say that it is an access token; any other is an access token. What
// is neither, such as a logout token, has a use of its own that no configuration
// accepts, whatever else it says.
func (i *trusted) use(claims map[string]any, typ string) string {
	if other := otherUse(claims, typ); other != "" {
		return other
	}
	if i.cognito != nil {
		use, _ := claims["token_use"].(string)
		return use
	}
	if saysAccess(claims, typ) || markOfIDToken(claims) == "" {
		return useAccess
	}
	return useID
}

// otherUse names what a token is for that is neither an access token nor an ID
// token; "" for one of these.
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

// saysAccess reports whether a token says of itself that it is an access token: by
// its header (RFC 9068 section 2.1), by Keycloak's claim typ, or by token_use.
func saysAccess(claims map[string]any, typ string) bool {
	kind, _ := claims["typ"].(string)
	return typ == "at+jwt" || strings.EqualFold(kind, "Bearer") || claims["token_use"] == useAccess
}

// markOfIDToken returns a claim that only ID tokens carry (OpenID Connect Core
// sections 2 and 3.3.2.11, and FAPI's s_hash), or Keycloak's typ of one; or "".
func markOfIDToken(claims map[string]any) string {
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
