package token

import "strings"

// The uses of a token that can be configured.
const (
	useAccess = "access"
	useID     = "id"
)

// useRefresh is the use of refresh tokens, which no configuration accepts.
const useRefresh = "refresh"

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
	case refreshClaim(claims) != "":
		return useRefresh
	}
	return ""
}

// refreshClaim returns the name of a claim by which a token says that it is a refresh token,
// in any spelling, or "". No standard names one, and such a token often has the keys, iss and
// aud of an access token, and lives longer. The claims are those of Keycloak, Apache OFBiz,
// djangorestframework-simplejwt, Casdoor, FastMCP and Descope.
func refreshClaim(claims map[string]any) string {
	for _, name := range [...]string{"typ", "type", "token_type", "tokenType", "token_use"} {
		kind, _ := claims[name].(string)
		switch strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(kind)) {
		case useRefresh, "refreshtoken", "offline", "offlinetoken":
			return name
		}
	}
	if claims["drn"] == "DSR" {
		return "drn"
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
// sections 2 and 3.3.2.11, FAPI's s_hash, Keycloak's typ), or "". Casdoor writes an empty
// nonce into access tokens.
func idTokenClaim(claims map[string]any) string {
	if kind, _ := claims["typ"].(string); strings.EqualFold(kind, "ID") {
		return "typ"
	}
	for _, name := range [...]string{"nonce", "at_hash", "c_hash", "s_hash"} {
		if value := claims[name]; value != nil && (name != "nonce" || value != "") {
			return name
		}
	}
	return ""
}
