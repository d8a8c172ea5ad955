package main

import (
	"fmt"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// arrivalJSON is what an Envoy with the shipped envoy.yaml, rendered for a configuration,
// does with a request before it asks jwtgate.
type arrivalJSON struct {
	Text   string `json:"text"`
	Path   string `json:"path,omitempty"`   // as Envoy sends it to jwtgate, without its query
	Status int    `json:"status,omitempty"` // of Envoy's own response
}

// describeArrival returns what Envoy does with a method and a path; nil: it changes
// nothing, or it is unknown what.
func describeArrival(needs envoy.Needs, method, target string) *arrivalJSON {
	arrival, ok := needs.Arrival(method, target)
	switch {
	case !ok || arrival.Status == 0 && arrival.Path == target:
		return nil
	case arrival.HTTP1:
		return &arrivalJSON{Text: fmt.Sprintf("over HTTP/1.1 Envoy answers %d itself (%s)", arrival.Status, arrival.Why), Status: arrival.Status}
	case arrival.Status != 0:
		return &arrivalJSON{Text: fmt.Sprintf("Envoy answers %d itself (%s)", arrival.Status, arrival.Why), Status: arrival.Status}
	}
	path, _, _ := strings.Cut(arrival.Path, "?") // a query can have a token
	path = quote.Redact(path)
	return &arrivalJSON{
		Text: fmt.Sprintf("Envoy normalises this path to %[1]s before it asks jwtgate; hint: explain --path %[1]s", path),
		Path: path,
	}
}
