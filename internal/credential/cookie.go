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

// cookies returns the values of all cookies of that name. It looks for the name
// and not at every pair, of which a request can have thousands.
func cookies(r *request.Parsed, name string) []string {
	var values []string
	for _, line := range r.Values(config.FieldCookie) {
		separators := cookieSeparators(r)
		for at := strings.Index(line, name); at >= 0; {
			rest := line[at+len(name):]
			before, after := strings.TrimRight(line[:at], " \t"), strings.TrimLeft(rest, " \t")
			if (before == "" || strings.Contains(separators, before[len(before)-1:])) && (after == "" || after[0] == '=' || strings.Contains(separators, after[:1])) {
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

// cookieSeparators are what stands between the pairs of a Cookie field: a
// semicolon (RFC 6265 section 4.2.1), and where Envoy joins two fields with a
// comma, that too. Where it does not, a comma is a byte of a cookie's value, as
// browsers and servers have it, and nothing in a value is another cookie.
func cookieSeparators(r *request.Parsed) string {
	if r.RawHeaders {
		return ";"
	}
	return ";,"
}

// nextCookie cuts the first pair off a Cookie field's value. separator is empty
// at the end.
func nextCookie(line, separators string) (pair, separator, rest string) {
	if i := strings.IndexAny(line, separators); i >= 0 {
		return line[:i], line[i : i+1], line[i+1:]
	}
	return line, "", ""
}

// cookieName returns the name of a pair. White space around it is no part of it
// (RFC 6265 section 5.2), as servers read it that drop it.
func cookieName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	return strings.Trim(name, " \t")
}

// withoutCookies returns a Cookie field's value without the cookies of those
// names. The others, and what stands between them, stay as they are, but for
// what no field that is set may hold: a tab becomes a space, and a cookie with
// a control byte or bytes that are not UTF-8, which no cookie may hold (RFC
// 6265 section 4.1.1) and no answer to Envoy can, goes too.
func withoutCookies(line, separators string, names []string) string {
	var kept strings.Builder
	separator, gap := "", false // gap: a cookie was taken out in front of this one
	for rest := strings.ReplaceAll(line, "\t", " "); rest != ""; {
		var pair, next string
		pair, next, rest = nextCookie(rest, separators)
		if slices.Contains(names, cookieName(pair)) || !settable(pair) {
			gap = true
		} else {
			if gap {
				// A comma that stood beside the cookie would now join two others.
				separator = ";"
			}
			kept.WriteString(separator + pair)
			gap = false
		}
		separator = next
	}
	return strings.Trim(kept.String(), " "+separators)
}

// settable reports whether text can be the value of a header field in an answer
// to Envoy: a string of protobuf is UTF-8, and no field holds control bytes
// (RFC 9110 section 5.5).
func settable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// sameSite reports whether a request that carries a cookie was caused by the
// site itself: a browser attaches cookies to whatever another site has it send.
// It is when it changes nothing (RFC 9110 section 9.2.1; an upgrade opens a
// channel that may), when the browser says so (Fetch Metadata's
// Sec-Fetch-Site), or when its Origin is the request's own host or one of
// origins.
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

// hostOf returns a URL's host without its port; an IPv6 address keeps its
// brackets.
func hostOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return strings.TrimSuffix(u.Host, ":"+port)
	}
	return u.Host
}
