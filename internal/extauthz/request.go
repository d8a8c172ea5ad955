package extauthz

import (
	"errors"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/jwtgate/jwtgate/internal/gate"
)

var (
	errNoHTTP     = errors.New("the CheckRequest holds no HTTP request")
	errNoMethod   = errors.New("the CheckRequest's HTTP request has no method")
	errHeaderName = errors.New("the CheckRequest holds a header name that is no field name")
)

// request reads what the gate needs of a CheckRequest.
func request(check *authv3.CheckRequest) (*gate.Request, error) {
	http := check.GetAttributes().GetRequest().GetHttp()
	switch {
	case http == nil:
		return nil, errNoHTTP
	case http.GetMethod() == "":
		return nil, errNoMethod
	}
	headers, err := headers(http)
	if err != nil {
		return nil, err
	}
	return &gate.Request{
		Method: http.GetMethod(), Host: http.GetHost(), Target: http.GetPath(),
		Headers: headers, Apart: len(http.GetHeaders()) == 0,
		Source:     check.GetAttributes().GetSource().GetAddress().GetSocketAddress().GetAddress(),
		Principal:  check.GetAttributes().GetSource().GetPrincipal(),
		Extensions: check.GetAttributes().GetContextExtensions(),
	}, nil
}

// headers reads both forms in which Envoy sends headers: header_map with
// encode_raw_headers, where duplicates stay apart, and headers without, where
// they are joined with a comma. Pseudo-headers are left out: their values stand
// in fields of their own.
func headers(http *authv3.AttributeContext_HttpRequest) ([]gate.Header, error) {
	list := make([]gate.Header, 0, len(http.GetHeaders())+len(http.GetHeaderMap().GetHeaders()))
	add := func(name, value string) error {
		switch {
		case strings.HasPrefix(name, ":"):
			return nil
		case !fieldName(name):
			return errHeaderName
		}
		list = append(list, gate.Header{Name: name, Value: value})
		return nil
	}
	for name, value := range http.GetHeaders() {
		if err := add(name, value); err != nil {
			return nil, err
		}
	}
	for _, h := range http.GetHeaderMap().GetHeaders() {
		value := h.GetValue()
		if raw := h.GetRawValue(); len(raw) > 0 {
			value = string(raw)
		}
		if err := add(h.GetKey(), value); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// fieldName reports whether name is a token of RFC 9110 section 5.6.2. Envoy
// lets no other through, and a name that is removed from a request must be one.
func fieldName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c <= 0x20 || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return name != ""
}
