package extauthz

import "errors"

// These errors say why a CheckRequest cannot be read.
var (
	errWire       = errors.New("the CheckRequest cannot be decoded")
	errNoHTTP     = errors.New("the CheckRequest has no HTTP request")
	errNoMethod   = errors.New("the HTTP request of the CheckRequest has no method")
	errHeaderName = errors.New("the CheckRequest has an invalid header name")
)
