// Package peer has the servers that jwtgate is compared with: one that allows
// every request, one that does not even decode the request, and a simple one that
// verifies tokens.
//
// They are written as in the examples of their libraries, with the default options
// of grpc-go. They never protect anything.
//
// Invariants:
//
//  1. The server that allows every request decodes the whole CheckRequest and
//     answers with an empty ok_response; the one that decodes nothing gives the
//     same answer (TestNoop).
//  2. The simple server allows a valid token, with the identity in three headers,
//     and denies every other request (TestNaive).
package peer

import (
	"context"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/golang-jwt/jwt/v5"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// NewNoop returns a server that decodes and allows every call.
func NewNoop() *grpc.Server { return serverOf(noop{}) }

// Expected is what the naive server expects of a token.
type Expected struct {
	Issuer   string
	ClientID string
	Keys     jwt.Keyfunc
}

// NewNaive returns a server that verifies the bearer token of each call, without
// a cache, and sets x-user-id, x-user-name and x-user-groups.
func NewNaive(expected Expected) *grpc.Server { return serverOf(naive{expected: expected}) }

func serverOf(service authv3.AuthorizationServer) *grpc.Server {
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, service)
	return server
}

type noop struct {
	authv3.UnimplementedAuthorizationServer
}

func (noop) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}},
	}, nil
}

type naive struct {
	authv3.UnimplementedAuthorizationServer
	expected Expected
}

func (s naive) Check(_ context.Context, request *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	raw, found := strings.CutPrefix(authorization(request), "Bearer ")
	if !found {
		return denied("no bearer token"), nil
	}
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(raw, claims, s.expected.Keys,
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(s.expected.Issuer), jwt.WithExpirationRequired())
	if err != nil {
		return denied("the token is invalid"), nil
	}
	if claims["client_id"] != s.expected.ClientID || claims["token_use"] != "access" {
		return denied("the token was issued for another client"), nil
	}
	subject, err := claims.GetSubject()
	if err != nil || subject == "" {
		return denied("the token has no subject"), nil
	}
	name, _ := claims["username"].(string)
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers:         []*corev3.HeaderValueOption{set("x-user-id", subject), set("x-user-name", name), set("x-user-groups", groups(claims))},
			HeadersToRemove: []string{"authorization"},
		}},
	}, nil
}

func groups(claims jwt.MapClaims) string {
	list, _ := claims["cognito:groups"].([]any)
	names := make([]string, 0, len(list))
	for _, item := range list {
		if name, ok := item.(string); ok {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// authorization returns the value of the header that Envoy sends with
// encode_raw_headers.
func authorization(request *authv3.CheckRequest) string {
	for _, h := range request.GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders() {
		if h.GetKey() == "authorization" {
			return string(h.GetRawValue())
		}
	}
	return ""
}

func set(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

func denied(reason string) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(codes.Unauthenticated)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode_Unauthorized}, Body: reason,
		}},
	}
}
