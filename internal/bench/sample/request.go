package sample

import (
	"bytes"
	"fmt"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Field is a header field, its name in lower case.
type Field struct{ Name, Value string }

// Host is the host of the calls.
const Host = "api.example.com"

// Fields returns 20 header fields: those that a browser sends, except
// authorization, and those that Envoy adds, pseudo-headers included.
func Fields(path string) []Field {
	return []Field{
		{":method", "GET"},
		{":authority", Host},
		{":scheme", "https"},
		{":path", path},
		{"accept", "application/json, text/plain, */*"},
		{"accept-encoding", "gzip, deflate, br, zstd"},
		{"accept-language", "en-GB,en;q=0.9"},
		{"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"},
		{"origin", "https://app.example.com"},
		{"referer", "https://app.example.com/"},
		{"sec-ch-ua-mobile", "?0"},
		{"sec-fetch-dest", "empty"},
		{"sec-fetch-mode", "cors"},
		{"sec-fetch-site", "same-site"},
		{"cache-control", "no-cache"},
		{"pragma", "no-cache"},
		{"priority", "u=1, i"},
		{"x-forwarded-for", "203.0.113.57"},
		{"x-forwarded-proto", "https"},
		{"x-request-id", "b7ad3a52-6f43-9d5e-8a0c-2f7c1e54d9aa"},
	}
}

// Path returns the path of the calls. Its query makes the CheckRequest as long as
// that of Envoy for such a call.
func Path() string { return "/api/orders/42?expand=items&cursor=" + strings.Repeat("c", 50) }

// Request is a CheckRequest into which tokens are copied. It is immutable.
type Request struct {
	before, after []byte // the bytes around the token; after is empty without one
	size          int    // of the token
}

// NewRequest returns the CheckRequest that Envoy sends with encode_raw_headers
// for a call to path with a token of tokenBytes bytes; 0: without a token.
func NewRequest(path string, tokenBytes int) (*Request, error) {
	placeholder := []byte(strings.Repeat("t", tokenBytes))
	whole, err := proto.MarshalOptions{Deterministic: true}.Marshal(message(path, placeholder))
	if err != nil {
		return nil, fmt.Errorf("encode the CheckRequest: %w", err)
	}
	if tokenBytes == 0 {
		return &Request{before: whole}, nil
	}
	before, after, found := bytes.Cut(whole, placeholder)
	if !found || bytes.Contains(after, placeholder) {
		return nil, fmt.Errorf("cannot find the place of a token of %d bytes in the CheckRequest", tokenBytes)
	}
	return &Request{before: before, after: after, size: tokenBytes}, nil
}

// Append appends the request with a token of the length that [NewRequest] got.
func (r *Request) Append(to, token []byte) []byte {
	if r.size == 0 {
		return append(to, r.before...)
	}
	return append(append(append(to, r.before...), token...), r.after...)
}

// Len returns the length of the request with its token.
func (r *Request) Len() int { return len(r.before) + r.size + len(r.after) }

func message(path string, token []byte) *authv3.CheckRequest {
	fields := Fields(path)
	headers := make([]*corev3.HeaderValue, 0, len(fields)+1)
	for _, f := range fields {
		headers = append(headers, &corev3.HeaderValue{Key: f.Name, RawValue: []byte(f.Value)})
	}
	if len(token) > 0 {
		headers = append(headers, &corev3.HeaderValue{Key: "authorization", RawValue: append([]byte("Bearer "), token...)})
	}
	peer := func(address string, port uint32) *authv3.AttributeContext_Peer {
		return &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port}},
		}}}
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source:      peer("203.0.113.57", 51234),
		Destination: peer("10.0.3.17", 8443),
		Request: &authv3.AttributeContext_Request{
			Time: &timestamppb.Timestamp{Seconds: 1_790_000_000, Nanos: 123_456_000},
			Http: &authv3.AttributeContext_HttpRequest{
				Id: "11302417596113428317", Method: "GET", Path: path, Host: Host, Scheme: "https", Protocol: "HTTP/2",
				HeaderMap: &corev3.HeaderMap{Headers: headers},
			},
		},
		MetadataContext:      &corev3.Metadata{},
		RouteMetadataContext: &corev3.Metadata{},
	}}
}
