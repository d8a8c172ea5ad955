package main

import (
	"fmt"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// beforeJSON is what an Envoy with the shipped envoy.yaml, as it is rendered for a
// configuration, does with a request before it asks jwtgate.
type beforeJSON struct {
	Text   string `json:"text"`
	Path   string `json:"path,omitempty"`   // that jwtgate is asked about, without its query
	Status int    `json:"status,omitempty"` // that Envoy answers without asking
}

// beforeGate says what Envoy makes of a method and a path; nil if it leaves them as
// they are, or if that is not known.
func beforeGate(needs envoy.Needs, method, target string) *beforeJSON {
	arrival, ok := needs.Arrival(method, target)
	switch {
	case !ok || arrival.Status == 0 && arrival.Path == target:
		return nil
	case arrival.HTTP1:
		return &beforeJSON{Text: fmt.Sprintf("over HTTP/1.1 Envoy answers %d itself (%s)", arrival.Status, arrival.Why), Status: arrival.Status}
	case arrival.Status != 0:
		return &beforeJSON{Text: fmt.Sprintf("Envoy answers %d itself (%s)", arrival.Status, arrival.Why), Status: arrival.Status}
	}
	path, _, _ := strings.Cut(arrival.Path, "?") // a query can hold a token
	path = quote.Redact(path)
	return &beforeJSON{
		Text: fmt.Sprintf("Envoy normalises this path to %[1]s before it asks jwtgate; explain --path %[1]s says what becomes of it", path),
		Path: path,
	}
}
