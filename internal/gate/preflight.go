package gate

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/request"
)

// preflightMethod returns the method that a CORS preflight announces, or "" if the request
// is not a preflight (Fetch standard, CORS-preflight fetch: OPTIONS with Origin and one
// Access-Control-Request-Method). A request with a body, or with a header that overrides
// its method or URL, is not a preflight, because an application may act on it.
func preflightMethod(r *request.Request) string {
	if r.Method != "OPTIONS" {
		return ""
	}
	asked, origin, fields := "", false, 0
	for _, h := range r.Headers {
		switch strings.ToLower(h.Name) {
		case "origin":
			origin = true
		case "access-control-request-method":
			if fields++; fields > 1 || strings.ContainsAny(h.Value, ", ") {
				return ""
			}
			asked = h.Value
		case "content-length":
			if h.Value != "0" {
				return ""
			}
		// The request may have a body or open a channel. Over HTTP/2, a request with a body
		// needs neither content-length nor transfer-encoding, but browsers never send the
		// other fields with a preflight.
		case "transfer-encoding", "content-type", "trailer", "upgrade":
			return ""
		}
	}
	if !origin || slices.ContainsFunc(r.Headers, func(h request.Header) bool { return identity.Overrides(h.Name) }) {
		return ""
	}
	return asked
}
