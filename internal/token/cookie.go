package token

import (
	"net/url"
	"slices"
	"strings"
)

// A Cookie field is pairs behind semicolons (RFC 6265 section 4.2.1). Without
// encode_raw_headers Envoy joins two of them with a comma, which a cookie's
// value may not hold, so that a comma separates too.
const cookieSeparators = ";,"

// cookies returns the values of all cookies of that name.
func (m *Message) cookies(name string) []string {
	var values []string
	for _, line := range m.values("cookie") {
		for pair := range strings.FieldsFuncSeq(line, isCookieSeparator) {
			key, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			if key == name {
				values = append(values, value)
			}
		}
	}
	return values
}

func isCookieSeparator(r rune) bool { return strings.ContainsRune(cookieSeparators, r) }

// withoutCookies returns a Cookie field's value without the cookies of those
// names. The others, and what stands between them, stay as they are.
func withoutCookies(line string, names []string) string {
	var kept strings.Builder
	for line != "" {
		end := strings.IndexAny(line, cookieSeparators)
		if end < 0 {
			end = len(line) - 1
		}
		pair := line[:end+1]
		line = line[end+1:]
		key, _, _ := strings.Cut(strings.Trim(pair, " \t"+cookieSeparators), "=")
		if !slices.Contains(names, key) {
			kept.WriteString(pair)
		}
	}
	return strings.Trim(kept.String(), " \t"+cookieSeparators)
}

// sameSite reports whether a request that carries a cookie was caused by the
// site itself: a browser attaches cookies to whatever another site has it send.
// It is when it changes nothing (RFC 9110 section 9.2.1; an upgrade opens a
// channel that may), when the browser says so (Fetch Metadata's
// Sec-Fetch-Site), or when its Origin is the request's own host or one of
// origins.
func (m *Message) sameSite(origins []string) bool {
	switch m.Method {
	case "GET", "HEAD", "OPTIONS":
		if len(m.values("upgrade")) == 0 {
			return true
		}
	}
	if site := m.values("sec-fetch-site"); len(site) == 1 && (site[0] == "same-origin" || site[0] == "none") {
		return true
	}
	origin := m.values("origin")
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
	return strings.TrimSuffix(strings.ToLower(hostOf(u)), ".") == m.Host
}

// hostOf returns a URL's host without its port; an IPv6 address keeps its
// brackets.
func hostOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return strings.TrimSuffix(u.Host, ":"+port)
	}
	return u.Host
}
