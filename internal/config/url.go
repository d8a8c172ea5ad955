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

// webURL is an absolute http or https URL. Whether plain http may be used is
// decided where dangerously_allow_http is known, by [plainHTTP].
func urlCodec(expected string, query bool) yamlform.Codec[string] {
	return yamlform.String(expected, func(text string) string {
		if problem := badURL(text, query); problem != "" {
			return problem + "; write " + expected
		}
		return ""
	})
}

// badURL says what is wrong with an absolute URL, or nothing. Its words never
// hold a URL that could have a password in it.
func badURL(text string, query bool) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "is no URL in printable ASCII"
	case u.User != nil:
		return "holds a user or password, which has no place in it"
	case u.Scheme != "https" && u.Scheme != "http":
		return "is no absolute URL with https://"
	case u.Hostname() == "" || !validPort(u.Port()) || strings.HasSuffix(u.Host, ":"):
		return "names no proper host"
	case strings.Contains(text, "#"):
		return fmt.Sprintf("is %s, with a fragment (#)", yamlform.Quote(text))
	case !query && strings.Contains(text, "?"):
		return fmt.Sprintf("is %s, with a query (?)", yamlform.Quote(text))
	}
	return ""
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// plainHTTP tells whether a URL that passed badURL is not encrypted.
func plainHTTP(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "http"
}

// loopback tells whether a URL that passed badURL stays on this machine.
func loopback(text string) bool {
	u, err := url.Parse(text)
	return err == nil && loopbackHost(u.Hostname())
}

// loopbackHost tells whether a host is this machine, as only this machine
// reaches it.
func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// proxyCodec says how the key server is reached. A proxy's URL may hold a
// password, so no mistake shows it.
func proxyCodec() yamlform.Codec[string] {
	const expected = "none, environment, or a URL such as http://proxy.example:3128"
	return yamlform.String(expected, func(text string) string {
		if text == "none" || text == "environment" {
			return ""
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || !validPort(u.Port()) || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
			return "is no proxy; write " + expected
		}
		switch u.Scheme {
		case "http", "https", "socks5", "socks5h":
			return ""
		}
		return "has a scheme other than http, https and socks5; write " + expected
	})
}

// hostCodec is a host: a name, an IP address, or *. before a name for all below
// it. Hosts are compared without port and final dot. anyHost says what to write
// instead of a * alone.
func hostCodec(anyHost string) yamlform.Codec[string] {
	const expected = "a host such as api.example or \"*.example\""
	return yamlform.Lower(yamlform.String(expected, func(text string) string {
		name := strings.TrimPrefix(text, "*.")
		bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
		switch _, err := netip.ParseAddr(bare); {
		case err == nil && (bare != text) == strings.Contains(bare, ":"):
			return checkAddress(text, bare)
		case err == nil:
			return fmt.Sprintf("is %s; write an IPv6 address in [ ], and an IPv4 address without", yamlform.Quote(text))
		case text == "*":
			return "is \"*\"; " + anyHost
		case strings.HasSuffix(text, "."):
			return fmt.Sprintf("is %s; write it without the final dot", yamlform.Quote(text))
		}
		if host, port, err := net.SplitHostPort(text); err == nil && validPort(port) {
			return fmt.Sprintf("is %s with a port; write %s", yamlform.Quote(text), yamlform.Quote(host))
		}
		if !hostName(name) {
			return fmt.Sprintf("is %s, which is no host (ASCII names, in xn-- form where they are not); write %s", yamlform.Quote(text), expected)
		}
		return ""
	}))
}

// spelled says how to write an IP address that has other spellings: hosts are
// compared in one.
func checkAddress(text, bare string) string {
	address, err := netip.ParseAddr(bare)
	if err != nil || address.Zone() != "" {
		return fmt.Sprintf("is %s; write an IP address without a zone", yamlform.Quote(text))
	}
	want := address.String()
	if bare != text {
		want = "[" + want + "]"
	}
	if strings.ToLower(text) != want {
		return fmt.Sprintf("is %s; write %s", yamlform.Quote(text), want)
	}
	return ""
}

// originCodec is a web origin as browsers send it (RFC 6454 section 6.2): scheme
// and host in lower case, and a port that is not the scheme's own.
func originCodec() yamlform.Codec[string] {
	const expected = "an origin such as https://app.example or http://localhost:3000"
	return yamlform.String(expected, func(text string) string {
		if text == "*" {
			return `is "*", which would be every site; write each origin out, such as https://app.example`
		}
		if problem := badURL(text, false); problem != "" {
			return problem + "; write " + expected
		}
		u, err := url.Parse(text)
		if err != nil || u.Path != "" {
			return fmt.Sprintf("is %s, with a path; write %s", yamlform.Quote(text), expected)
		}
		if _, err := netip.ParseAddr(u.Hostname()); err != nil && !hostName(u.Hostname()) {
			return fmt.Sprintf("is %s, whose host is neither a name nor an IP address; write each origin out, such as https://app.example",
				yamlform.Quote(text))
		}
		port := u.Port()
		own := port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http"
		if own || text != strings.ToLower(text) || strings.HasPrefix(port, "0") {
			return fmt.Sprintf("is %s, which no browser sends; write it in lower case and without the scheme's own port", yamlform.Quote(text))
		}
		return ""
	})
}
