package telemetry

import (
	"net/http"
	"net/netip"
	"strings"
)

// wrongHost is the error for a Host that is not allowed.
const wrongHost = "the name in Host is not allowed: use an IP address or localhost, or add the name to admin.hosts and restart jwtgate"

// allowHosts passes a request to next if [hostAllowed] allows its Host, and
// otherwise answers 421 (RFC 9110 section 15.5.20).
//
// The owner of a web page can make its name resolve to this server's address (DNS
// rebinding). The browser then lets the page read the responses, but sends the
// page's name as Host.
func allowHosts(next http.Handler, named func(host string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hostAllowed(r.Host, named) {
			w.Header().Set("Connection", "close") // so that it does not count for maxConnections any longer
			writeJSON(w, http.StatusMisdirectedRequest, map[string]string{"error": wrongHost})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostAllowed reports whether the admin server answers a request with this Host:
// an IPv4 address, an IPv6 address in brackets, a loopback name (RFC 6761 section
// 6.3), or a name that named reports. Its port, letter case and final dot are
// ignored. A Host that is missing (HTTP/1.0), empty or malformed is not allowed.
//
// IP addresses are always allowed, since DNS rebinding needs a name. They do not
// prove that the client is on this machine.
func hostAllowed(host string, named func(host string) bool) bool {
	name := host
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		if strings.Trim(host[colon+1:], "0123456789") != "" {
			return false
		}
		name = host[:colon]
	}
	if inner, bracketed := strings.CutPrefix(name, "["); bracketed {
		inner, closed := strings.CutSuffix(inner, "]")
		address, err := netip.ParseAddr(inner)
		return closed && err == nil && address.Is6()
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if address, err := netip.ParseAddr(name); err == nil {
		return address.Is4()
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || name != "" && named != nil && named(name)
}
