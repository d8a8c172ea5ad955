package envoylint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// sessionCookie is a cookie of the oauth2 filter.
type sessionCookie struct {
	key   string // in cookie_names
	usual string // its name without cookie_names
	token bool   // a token, which token_cookie_chunking splits into cookies with a number
	flow  bool   // of a sign-in in progress, whose ID is added to the name
}

func sessionCookies() []sessionCookie {
	return []sessionCookie{
		{key: "bearer_token", usual: "BearerToken", token: true}, {key: "id_token", usual: "IdToken", token: true},
		{key: "refresh_token", usual: "RefreshToken", token: true}, {key: "oauth_hmac", usual: "OauthHMAC"},
		{key: "oauth_expires", usual: "OauthExpires"}, {key: "oauth_nonce", usual: "OauthNonce", flow: true},
		{key: "code_verifier", usual: "CodeVerifier", flow: true},
	}
}

// name returns the cookie's name in a configuration of the filter.
func (c sessionCookie) name(filter *value) string {
	return cmp.Or(filter.get("credentials", "cookie_names", c.key).text, c.usual)
}

// oauth2Cookies checks who can read, set and send the cookies.
func (l *linter) oauth2Cookies(config *value) {
	if at := config.get("disable_token_encryption"); at.is() {
		l.report("oauth2-cookies-plain", at, "Envoy does not encrypt the tokens in its cookies")
	}
	names, configs := config.get("credentials", "cookie_names"), config.get("cookie_configs")
	domain := config.get("credentials", "cookie_domain")
	var plain, foreign, dropped []string
	for _, one := range sessionCookies() {
		path := configs.get(one.key+"_cookie_config", "path")
		switch bound := strings.HasPrefix(one.name(config), "__Host-"); {
		case !bound:
			plain = append(plain, one.key)
		case domain.text != "":
			dropped = append(dropped, one.key)
		case path.text != "" && path.text != "/":
			l.report("oauth2-cookie-dropped", path, "%s has the path %s, and its name begins with __Host-", one.key, path.text)
		}
		if !configs.get(one.key+"_cookie_config", "same_site").either("LAX") {
			foreign = append(foreign, one.key)
		}
	}
	if domain.text != "" && len(plain) > 0 {
		l.report("oauth2-cookie-domain", domain, "each host below %s gets the session's cookies, and can set them", domain.text)
	}
	if len(dropped) > 0 {
		l.report("oauth2-cookie-dropped", domain, "cookie_domain is set, and __Host- begins the name of %s", some(dropped))
	}
	if len(plain) > 0 {
		l.report("oauth2-cookie-names", names, "no __Host- begins the name of %s", some(plain))
	}
	if len(foreign) > 0 {
		l.report("oauth2-same-site", configs, "these cookies are not SameSite=Lax: %s", some(foreign))
	}
}

// oauth2Strips checks that the gate removes every cookie of the filter. Only a final *
// removes the cookies with a number, of a token that is kept in parts, and those with an ID,
// of a sign-in in progress.
func (l *linter) oauth2Strips(filter *value) {
	var kept []string
	for _, one := range sessionCookies() {
		wanted := config.CookieName(one.name(filter))
		if one.flow || one.token && filter.get("token_cookie_chunking").there() {
			wanted += "*"
		}
		covers := func(strips string) bool { return config.CookieName(strips).Covers(wanted) }
		if !slices.ContainsFunc(l.gate.StripCookies, covers) {
			kept = append(kept, string(wanted))
		}
	}
	if len(kept) > 0 {
		l.report("oauth2-cookies-forwarded", filter, "identity.strip_cookies in jwtgate.yaml lacks %s", some(kept))
	}
}
