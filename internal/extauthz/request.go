package extauthz

import "errors"

var (
	errNoHTTP     = errors.New("the CheckRequest holds no HTTP request")
	errNoMethod   = errors.New("the CheckRequest's HTTP request has no method")
	errHeaderName = errors.New("the CheckRequest holds a header name that is no field name")
)
