package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// urlCodec is an absolute http or https URL. Plain http is checked later, when
// dangerously_allow_http is known.
func urlCodec(expected string, query bool) yamlform.Codec[string] {
	return yamlform.String(expected, yamlform.Expecting(expected, func(text string) string { return badURL(text, query) }))
}

// badURL returns what is wrong with an absolute URL, or "". The text never contains a
// URL that may contain a password.
func badURL(text string, query bool) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "is not a URL in printable ASCII"
	case u.User != nil:
		return "contains a user name or password, which is not allowed"
	case u.Scheme != "https" && u.Scheme != "http":
		return "is not an absolute URL with https://"
	case u.Hostname() == "" || !validPort(u.Port()) || strings.HasSuffix(u.Host, ":"):
		return "has no valid host"
	case strings.Contains(text, "#"):
		return fmt.Sprintf("has a fragment (#): got %s", yamlform.Quote(text))
	case !query && strings.Contains(text, "?"):
		return fmt.Sprintf("has a query (?): got %s", yamlform.Quote(text))
	}
	return ""
}

// hasPassword reports whether text is a URL with a user name or a password.
func hasPassword(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User != nil
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// plainHTTP reports whether a valid URL is not encrypted.
func plainHTTP(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "http"
}

// loopback reports whether the host of a valid URL is a loopback address.
func loopback(text string) bool {
	u, err := url.Parse(text)
	return err == nil && LoopbackHost(u.Hostname())
}

// LoopbackHost reports whether a host is localhost or a loopback address. It looks up no
// other name.
func LoopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// proxyCodec is the proxy for fetching keys. Its URL may contain a password, so
// mistakes never contain the URL.
func proxyCodec() yamlform.Codec[string] {
	const expected = "none, environment, or a URL such as http://proxy.example:3128"
	return yamlform.String(expected, func(text string) string {
		if text == "none" || text == "environment" {
			return ""
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || !validPort(u.Port()) || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
			return "is not a proxy; expected " + expected
		}
		switch u.Scheme {
		case "http", "https", "socks5", "socks5h":
			return ""
		}
		return "has a scheme other than http, https and socks5; expected " + expected
	})
}

// hostCodec is a pattern of [MatchHost]: a host name, an IP address, or *. before a
// host name. Hint tells the user how to replace a lone *.
func hostCodec(hint string) yamlform.Codec[string] {
	const expected = "a host such as api.example or \"*.example\""
	return yamlform.Lower(yamlform.String(expected, func(text string) string {
		name := strings.TrimPrefix(text, "*.")
		bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
		switch _, err := netip.ParseAddr(bare); {
		case err == nil && (bare != text) == strings.Contains(bare, ":"):
			return checkAddress(text, bare)
		case err == nil:
			return fmt.Sprintf("is invalid: got %s; expected an IPv6 address in [ ], or an IPv4 address without", yamlform.Quote(text))
		case text == "*":
			return "is \"*\", which is not supported; " + hint
		case strings.HasSuffix(text, "."):
			return fmt.Sprintf("ends with a dot: got %s; remove the dot", yamlform.Quote(text))
		}
		if host, port, err := net.SplitHostPort(text); err == nil && validPort(port) {
			return fmt.Sprintf("has a port: got %s; expected %s", yamlform.Quote(text), yamlform.Quote(host))
		}
		return unless(hostName(name), "is not a host (names outside of ASCII need their xn-- form)", text, expected)
	}))
}

// checkAddress returns what is wrong with the spelling of an IP address, or "". Hosts
// are compared in one spelling only.
func checkAddress(text, bare string) string {
	address, err := netip.ParseAddr(bare)
	if err != nil || address.Zone() != "" {
		return fmt.Sprintf("has a zone: got %s; expected an IP address without a zone", yamlform.Quote(text))
	}
	want := address.String()
	if bare != text {
		want = "[" + want + "]"
	}
	return unless(strings.ToLower(text) == want, "is not in canonical form", text, want)
}

// originCodec is a web origin as browsers send it (RFC 6454 section 6.2): scheme and
// host in lower case, and a port only if it is not the default of the scheme.
func originCodec() yamlform.Codec[string] { return yamlform.String(expectedOrigin, badOrigin) }

const expectedOrigin = "an origin such as https://app.example or http://localhost:3000"

func badOrigin(text string) string {
	if text == "*" {
		return `is "*", which would allow every site; list each origin, such as https://app.example`
	}
	if problem := badURL(text, false); problem != "" {
		return problem + "; expected " + expectedOrigin
	}
	u, err := url.Parse(text)
	if err != nil || u.Path != "" {
		return fmt.Sprintf("has a path: got %s; expected %s", yamlform.Quote(text), expectedOrigin)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil && !hostName(u.Hostname()) {
		return fmt.Sprintf("has an invalid host: got %s; list each origin, such as https://app.example",
			yamlform.Quote(text))
	}
	port := u.Port()
	own := port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http"
	if own || text != strings.ToLower(text) || strings.HasPrefix(port, "0") {
		return fmt.Sprintf("is not in the form that browsers send: got %s; write it in lower case and without the default port of the scheme",
			yamlform.Quote(text))
	}
	return ""
}
