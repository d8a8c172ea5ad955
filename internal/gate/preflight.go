package gate

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/request"
)

// preflightMethod returns the method that a CORS preflight asks for, or "" when
// the request is no preflight (Fetch standard, CORS-preflight fetch: OPTIONS
// with Origin and one Access-Control-Request-Method). A request with a body or a
// header that overrides its method or URL is an ordinary one, since an
// application might act on it.
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
		// A body, or a channel, that could carry anything. Over HTTP/2 a body needs
		// neither of the first two; browsers put none of the others on a preflight.
		case "transfer-encoding", "content-type", "trailer", "upgrade":
			return ""
		}
	}
	if !origin || slices.ContainsFunc(r.Headers, func(h request.Header) bool { return identity.Overrides(h.Name) }) {
		return ""
	}
	return asked
}
