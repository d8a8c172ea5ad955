package envoylint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// signIn checks the filters of a chain that sign users in, and what routes configure for
// them. The encryption of their cookies depends on the release too ([linter.oauth2]).
func (l *linter) signIn(c *chain) {
	configs := c.signIns()
	filters := 0
	for i, f := range c.filters {
		if len(f.inside(oauth2Type)) == 0 {
			continue
		}
		filters++
		if i > c.gate[0] && len(configs) > 0 {
			l.report("oauth2-after-ext-authz", f.entry, "the gate is asked before %s has decrypted the session's cookies", f.name)
		}
	}
	if filters == 0 {
		return
	}
	for _, config := range configs {
		l.oauth2Cookies(config)
		l.oauth2Token(config)
		l.oauth2Requests(config)
		l.oauth2SignOut(config)
		l.oauth2Issuer(config)
	}
}

// signIns returns the configurations of the filters that sign users in: their own, and
// those of virtual hosts, routes and parts of weighted clusters, which replace them.
func (m *manager) signIns() []*value {
	if m.signInsKnown {
		return m.signInConfigs
	}
	m.signInsKnown = true
	add := func(settings *value) {
		if config := settings.get("config"); config.there() && !slices.Contains(m.signInConfigs, config) {
			m.signInConfigs = append(m.signInConfigs, config)
		}
	}
	for _, c := range m.chains {
		for _, f := range c.filters {
			for _, settings := range f.inside(oauth2Type) {
				add(settings)
			}
		}
	}
	m.find(oauth2RouteType, add)
	return m.signInConfigs
}

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
	var plain, foreign []string
	for _, one := range sessionCookies() {
		if !strings.HasPrefix(one.name(config), "__Host-") {
			plain = append(plain, one.key)
		}
		if !configs.get(one.key+"_cookie_config", "same_site").either("LAX") {
			foreign = append(foreign, one.key)
		}
	}
	if len(plain) > 0 {
		l.report("oauth2-cookie-names", names, "no __Host- begins the name of %s", some(plain))
	}
	if len(foreign) > 0 {
		l.report("oauth2-same-site", configs, "these cookies are not SameSite=Lax: %s", some(foreign))
	}
}

// oauth2Token checks how the token gets to the gate, and that the application gets none.
func (l *linter) oauth2Token(config *value) {
	cookies := sessionCookies()
	bearer, id := cookies[0].name(config), cookies[1].name(config)
	reads := slices.Contains(l.gate.TokenCookies, bearer) || slices.Contains(l.gate.TokenCookies, id)
	if at := config.get("forward_id_token"); at.there() {
		l.report("oauth2-forwards-token", at, "Envoy sends the ID token to the application")
	}
	switch at := config.get("forward_bearer_token"); {
	case at.is():
		l.report("oauth2-forwards-token", at, "Envoy sends the session's token as a bearer token")
	case !reads:
		l.report("oauth2-token-unread", at, "tokens.from in jwtgate.yaml does not have {cookie: %s}", bearer)
	}
	l.oauth2Strips(config)
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

// oauth2Requests checks which requests the filter answers, and where it sends browsers.
func (l *linter) oauth2Requests(config *value) {
	if at := config.get("pass_through_matcher"); len(at.items) > 0 {
		l.report("oauth2-pass-through", at, "some requests keep encrypted cookies, which the gate cannot read")
	}
	domains := config.get("allowed_redirect_domains")
	if len(domains.items) == 0 {
		l.report("oauth2-redirect-uri", domains, "the host to which a sign-in returns is not limited")
	}
	for _, one := range domains.items {
		if strings.Contains(one.text, "*") {
			l.report("oauth2-redirect-uri", one, "%s allows hosts that are not the public URL's", one.text)
		}
	}
	for _, name := range []string{"redirect_uri", "original_request_uri"} {
		switch at := config.get(name); {
		case strings.Contains(at.text, "%"):
			l.report("oauth2-redirect-uri", at, "%s is made of the request", name)
		case name == "original_request_uri" && !at.there():
			l.report("oauth2-redirect-uri", at, "without original_request_uri, the client's host is where a sign-in returns")
		}
	}
}

// oauth2SignOut checks that a sign-out ends the issuer's session too, if the file says how.
func (l *linter) oauth2SignOut(config *value) {
	end := config.get("end_session_endpoint")
	switch hint := config.get("disable_id_token_set_cookie"); {
	case !end.there():
		l.report("oauth2-sign-out-here", end, "signing out ends the session in Envoy only")
	case hint.is() && !strings.HasSuffix(end.text, "#"): // Cognito's needs no hint
		l.report("oauth2-sign-out", hint, "the issuer gets no ID token to end its session")
	}
}
