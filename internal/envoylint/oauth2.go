package envoylint

import (
	"slices"
	"strings"
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
		l.oauth2Off(c, f)
		if i > c.gate[0] && len(configs) > 0 {
			l.report("oauth2-after-ext-authz", f.entry, "the gate is asked before %s has decrypted the session's cookies", f.name)
		}
	}
	if filters == 0 && len(configs) > 0 && c.upgrade != "" {
		l.report("oauth2-off", c.at, "requests that upgrade to %s take these filters, none of which is an oauth2 filter", c.upgrade)
	}
	if filters == 0 || c.signInsChecked {
		return
	}
	c.signInsChecked = true
	for _, config := range configs {
		l.oauth2Cookies(config)
		l.oauth2Token(config)
		l.oauth2Requests(config)
		l.oauth2Returns(config)
		l.oauth2Callback(c.manager, config)
		l.oauth2SignOut(config)
		l.oauth2Issuer(config)
	}
}

// oauth2Off reports a filter that signs nobody in, or not everybody.
func (l *linter) oauth2Off(c *chain, f filter) {
	if at := f.entry.get("is_optional"); at.is() {
		l.report("oauth2-off", at, "an Envoy that does not know the filter skips it")
	}
	switch at := f.entry.get("disabled"); {
	case !f.is(oauth2Type) && (f.fallback == nil || !f.fallback.isMessage(oauth2Type)):
		l.report("oauth2-off", f.entry, "a matcher decides whether the filter %s runs", f.name)
	case len(c.signIns()) == 0:
		l.report("oauth2-off", f.entry, "neither the filter %s nor a route has its config", f.name)
	case len(c.unread) > 0 || c.somewhere(f):
	case at.is():
		l.report("oauth2-off", at, "the filter %s is off, and no route enables it", f.name)
	default:
		l.report("oauth2-off", f.entry, "the filter %s is off on every route", f.name)
	}
}

// somewhere reports whether a filter is on for some route, also one that forwards nothing.
func (m *manager) somewhere(f filter) bool {
	return slices.ContainsFunc(m.places(), func(h hop) bool { on, _ := f.on(h); return on })
}

// signIns returns the configurations of the filters that sign users in: their own, and
// those of virtual hosts, routes and parts of weighted clusters, which replace them.
func (m *manager) signIns() []*value {
	if m.signInsKnown {
		return m.signInConfigs
	}
	m.signInsKnown = true
	seen := map[*value]bool{}
	add := func(settings *value) {
		if config := settings.get("config"); config.there() && !seen[config] {
			seen[config] = true
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

// oauth2Requests checks which requests the filter answers, and what it takes from the others.
func (l *linter) oauth2Requests(config *value) {
	passes := config.get("pass_through_matcher")
	if len(passes.items) > 0 {
		l.report("oauth2-pass-through", passes, "some requests keep encrypted cookies, which the gate cannot read")
	}
	failed := config.get("allow_failed_matcher")
	if len(failed.items)+len(config.get("deny_redirect_matcher").items)+len(passes.items) == 0 {
		l.report("oauth2-redirects-all", failed, "every request without a session gets a redirect to the issuer")
	}
	at := config.get("preserve_authorization_header")
	if !at.is() && !config.get("forward_bearer_token").is() && slices.Contains(l.gate.Tokens, "authorization") {
		l.report("oauth2-drops-bearer", at, "the filter removes Authorization, in which jwtgate reads tokens")
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
