package credential

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// cookies returns the values of all cookies with a name. It searches for the name, because a
// request can have thousands of pairs.
func cookies(r *request.Parsed, name string) []string {
	var values []string
	for _, line := range r.Values(config.FieldCookie) {
		separators := cookieSeparators(r)
		for at := strings.Index(line, name); at >= 0; {
			rest := line[at+len(name):]
			before, after := strings.TrimRight(line[:at], " \t"), strings.TrimLeft(rest, " \t")
			begins := before == "" || strings.Contains(separators, before[len(before)-1:])
			ends := after == "" || after[0] == '=' || strings.Contains(separators, after[:1])
			if begins && ends {
				pair, _, _ := nextCookie(after, separators)
				values = append(values, strings.TrimRight(strings.TrimPrefix(pair, "="), " \t"))
			}
			next := strings.Index(rest, name)
			if next < 0 {
				break
			}
			at += len(name) + next
		}
	}
	return values
}

// cookieSeparators returns the bytes that separate the pairs of a Cookie field: the
// semicolon (RFC 6265 section 4.2.1), and the comma if Envoy joins fields with it. If it
// does not, a comma is part of a cookie's value, as for browsers and servers.
func cookieSeparators(r *request.Parsed) string {
	if r.RawHeaders {
		return ";"
	}
	return ";,"
}

// nextCookie splits a Cookie field after its first pair. After the last pair the separator
// is empty.
func nextCookie(line, separators string) (pair, separator, rest string) {
	if i := strings.IndexAny(line, separators); i >= 0 {
		return line[:i], line[i : i+1], line[i+1:]
	}
	return line, "", ""
}

// cookieName returns the name of a pair without white space around it, which servers drop
// (RFC 6265 section 5.2).
func cookieName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	return strings.Trim(name, " \t")
}

// matches reports whether one of the names is that of a cookie.
func matches(names []config.CookieName, cookie string) bool {
	return slices.ContainsFunc(names, func(name config.CookieName) bool { return name.Matches(cookie) })
}

// Strips reports whether a request has a cookie with one of the names.
func Strips(r *request.Parsed, names []config.CookieName) bool {
	if len(names) == 0 {
		return false
	}
	separators := cookieSeparators(r)
	for _, line := range r.Values(config.FieldCookie) {
		for rest := line; rest != ""; {
			var pair string
			if pair, _, rest = nextCookie(rest, separators); matches(names, cookieName(pair)) {
				return true
			}
		}
	}
	return false
}

// withoutCookies returns a Cookie field's value without the cookies with those names. It
// keeps the others and their separators, as far as an answer to Envoy can contain them: it
// replaces a tab by a space, and removes cookies with control bytes or invalid UTF-8, which
// RFC 6265 section 4.1.1 does not permit.
func withoutCookies(line, separators string, names []config.CookieName) string {
	var kept strings.Builder
	separator, gap := "", false // gap: the cookie before this one was removed
	for rest := strings.ReplaceAll(line, "\t", " "); rest != ""; {
		var pair, next string
		pair, next, rest = nextCookie(rest, separators)
		if matches(names, cookieName(pair)) || !settable(pair) {
			gap = true
		} else {
			if gap {
				// The comma next to the removed cookie would now join two others.
				separator = ";"
			}
			kept.WriteString(separator + pair)
			gap = false
		}
		separator = next
	}
	return strings.Trim(kept.String(), " "+separators)
}

// settable reports whether an answer to Envoy can set a header field to this value: it must
// be UTF-8, for Protobuf, without control bytes (RFC 9110 section 5.5).
func settable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// sameSite reports whether a request with a cookie is safe from cross-site request forgery:
// browsers also attach cookies to requests that another site causes. It is safe if its
// method changes nothing (RFC 9110 section 9.2.1) and it is not an upgrade, whose channel
// may; if the browser says that the site itself caused it (Sec-Fetch-Site of Fetch
// Metadata); or if its Origin is the request's host or one of origins.
func sameSite(r *request.Parsed, origins []string) bool {
	switch r.Method {
	case "GET", "HEAD", "OPTIONS":
		if len(r.Values("upgrade")) == 0 {
			return true
		}
	}
	if site := r.Values("sec-fetch-site"); len(site) == 1 && (site[0] == "same-origin" || site[0] == "none") {
		return true
	}
	origin := r.Values("origin")
	if len(origin) != 1 {
		return false
	}
	if slices.Contains(origins, origin[0]) {
		return true
	}
	u, err := url.Parse(origin[0])
	if err != nil || u.Host == "" {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(hostOf(u)), ".")
	return host != "" && host == r.Host
}

// hostOf returns a URL's host without the port, with the brackets of an IPv6 address.
func hostOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return strings.TrimSuffix(u.Host, ":"+port)
	}
	return u.Host
}
