package envoylint

import (
	"net/url"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// oauth2Returns checks that a client does not choose where a sign-in ends.
func (l *linter) oauth2Returns(filter *value) {
	domains := filter.get("allowed_redirect_domains")
	if len(domains.items) == 0 {
		l.report("oauth2-redirect-uri", domains, "the host to which a sign-in returns is not limited")
	}
	for _, one := range domains.items {
		if strings.Contains(one.text, "*") {
			l.report("oauth2-redirect-uri", one, "%s allows hosts that are not the public URL's", one.text)
		}
	}
	for _, name := range []string{"redirect_uri", "original_request_uri"} {
		switch at := filter.get(name); {
		case strings.Contains(at.text, "%"):
			l.report("oauth2-redirect-uri", at, "%s is made of the request", name)
		case name == "original_request_uri" && !at.there():
			l.report("oauth2-redirect-uri", at, "without original_request_uri, the client's host is where a sign-in returns")
		case inClear(at.text):
			l.report("oauth2-redirect-uri", at, "%s is http, and not of this machine", name)
		}
	}
}

// oauth2Callback checks that a sign-in comes back to the filter, and ends on a page that gets
// the session's cookies. URLs that are made of the request are not read.
func (l *linter) oauth2Callback(m *manager, filter *value) {
	at, page := filter.get("redirect_uri"), filter.get("original_request_uri")
	back, err := url.Parse(at.text)
	if err != nil || strings.Contains(at.text, "%") {
		return
	}
	if matcher := filter.get("redirect_path_matcher", "path"); !matcher.has("custom") && !matcher.matches(back.EscapedPath()) {
		l.report("oauth2-callback", at, "redirect_path_matcher does not match its path %s", back.EscapedPath())
	}
	domains := filter.get("allowed_redirect_domains")
	if len(domains.items) > 0 && !slices.ContainsFunc(domains.items, func(one *value) bool { return allowsHost(one.text, back.Hostname()) }) {
		l.report("oauth2-callback", domains, "%s is not among them", back.Hostname())
	}
	socket := m.listener.get("address", "socket_address")
	if back.Scheme == "http" && back.Port() == "" && config.LoopbackHost(back.Hostname()) &&
		config.LoopbackHost(socket.get("address").text) && !l.listensOn("80") {
		l.report("oauth2-callback", at, "it has no port, and the listener has the port %s", socket.get("port_value").text)
	}
	if end, err := url.Parse(page.text); err == nil && page.there() && !strings.Contains(page.text, "%") &&
		!strings.EqualFold(end.Hostname(), back.Hostname()) {
		l.report("oauth2-callback", page, "its host %s is not that of redirect_uri, which gets the cookies", end.Hostname())
	}
}

// allowsHost reports whether an entry of allowed_redirect_domains, with which *. stands for
// all subdomains, contains a host.
func allowsHost(entry, host string) bool {
	entry, host = strings.ToLower(entry), strings.ToLower(host)
	below, any := strings.CutPrefix(entry, "*.")
	return entry == host || entry == "*" || any && strings.HasSuffix(host, "."+below)
}
