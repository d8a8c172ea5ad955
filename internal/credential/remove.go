package credential

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Removal says how to change a request so that no place that the route reads has a
// credential. Set and Headers have no name in common.
type Removal struct {
	Headers    []string         // header fields to remove
	Set        []request.Header // header fields to overwrite with their remaining values
	Parameters []string         // query parameters to remove, as spelled in the query
}

// Remove says how to remove every credential from the places in from, also an ambiguous one
// and one that is not a token, and the cookies in strip. An Authorization field with another
// scheme stays.
func Remove(r *request.Parsed, from []config.TokenSource, strip []config.CookieName) Removal {
	var removal Removal
	var cookieNames []config.CookieName
	var protocolNames []string
	if Strips(r, strip) {
		cookieNames = append(cookieNames, strip...)
	}
	for _, place := range from {
		if place.Field() == config.FieldAuthorization {
			found, err := authorization(r, place, from)
			if (found.Found || err != nil) && !slices.Contains(removal.Headers, place.Field()) {
				removal.Headers = append(removal.Headers, place.Field())
			}
			continue
		}
		switch place.Kind {
		case config.SourceHeader:
			if len(r.Values(place.Name)) > 0 {
				removal.Headers = append(removal.Headers, place.Name)
			}
		case config.SourceCookie:
			if len(cookies(r, place.Name)) > 0 {
				cookieNames = append(cookieNames, config.CookieName(place.Name))
			}
		case config.SourceWebSocketProtocol:
			if handshake(r) {
				protocolNames = append(protocolNames, place.Name)
			}
		case config.SourceQuery:
			removal.Parameters = append(removal.Parameters, spellings(r, place.Name)...)
		}
	}
	if len(cookieNames) > 0 {
		var lines []string
		for _, line := range r.Values(config.FieldCookie) {
			if line = withoutCookies(line, cookieSeparators(r), cookieNames); line != "" {
				lines = append(lines, line)
			}
		}
		removal.replace(config.FieldCookie, strings.Join(lines, "; "))
	}
	if len(protocolNames) > 0 {
		before := protocols(r)
		if after := withoutTokens(before, protocolNames); len(after) < len(before) {
			removal.replace(config.FieldWebSocketProtocol, strings.Join(after, ", "))
		}
	}
	return removal
}

// replace overwrites a field, or removes it if the value is empty.
func (r *Removal) replace(name, value string) {
	if value == "" {
		r.Headers = append(r.Headers, name)
		return
	}
	r.Set = append(r.Set, request.Header{Name: name, Value: value})
}
