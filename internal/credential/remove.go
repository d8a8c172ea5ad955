package credential

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Removal is what to change in a request so that none of the places that a
// route reads holds a credential any more. No name stands in both Set and
// Headers.
type Removal struct {
	Headers    []string         // header fields to remove
	Set        []request.Header // header fields to overwrite with what is left of them
	Parameters []string         // query parameters to remove, each as it was spelled
}

// Remove says how to take every credential out of the places in from, one that
// is ambiguous or no token included. A field of another authentication scheme
// is no credential of ours and stays.
func Remove(r *request.Parsed, from []config.TokenSource) Removal {
	var removal Removal
	var cookieNames, protocolNames []string
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
				cookieNames = append(cookieNames, place.Name)
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

// replace overwrites a field, or removes it when nothing is left of it.
func (r *Removal) replace(name, value string) {
	if value == "" {
		r.Headers = append(r.Headers, name)
		return
	}
	r.Set = append(r.Set, request.Header{Name: name, Value: value})
}
