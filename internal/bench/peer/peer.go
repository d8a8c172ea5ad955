// Package peer is the servers that jwtgate is compared with: one that does
// nothing, one that does not even read what it is asked, and one written the usual
// way.
//
// They are there to be measured, never to protect anything. What they skip is
// what the usual server skips; what they do, they do as their libraries'
// examples have it, with the default options of grpc-go.
//
// Invariants:
//
//  1. The server that does nothing reads the whole CheckRequest, and answers OK
//     with nothing in it; the one that reads nothing answers the same (TestNothing).
//  2. The naive one allows a sound token with the identity in three headers, and
//     no other (TestNaive).
package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/golang-jwt/jwt/v5"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// NewNothing returns a server that allows every call without a look at it.
func NewNothing() *grpc.Server { return serverOf(nothing{}) }

// Expected is what the naive server wants of a token.
type Expected struct {
	Issuer   string
	ClientID string
	Keys     jwt.Keyfunc
}

// NewNaive returns a server that verifies each call's bearer token anew and sets
// x-user-id, x-user-name and x-user-groups.
func NewNaive(expected Expected) *grpc.Server { return serverOf(naive{expected: expected}) }

func serverOf(service authv3.AuthorizationServer) *grpc.Server {
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, service)
	healthpb.RegisterHealthServer(server, health.NewServer())
	return server
}

type nothing struct {
	authv3.UnimplementedAuthorizationServer
}

func (nothing) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
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
		return denied("the token is not valid"), nil
	}
	if claims["client_id"] != s.expected.ClientID || claims["token_use"] != "access" {
		return denied("the token is another client's"), nil
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

// authorization is the field's value, in either form in which Envoy sends headers.
func authorization(request *authv3.CheckRequest) string {
	http := request.GetAttributes().GetRequest().GetHttp()
	if value, there := http.GetHeaders()["authorization"]; there {
		return value
	}
	for _, h := range http.GetHeaderMap().GetHeaders() {
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

func denied(why string) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(codes.Unauthenticated)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode_Unauthorized}, Body: why,
		}},
	}
}

// Keys returns the keys of a key set by their ids, as keyfunc does, from its
// JSON.
func Keys(jwks []byte) (jwt.Keyfunc, error) {
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	keys := map[string]any{}
	for _, jwk := range set.Keys {
		if jwk["kty"] != "RSA" {
			continue
		}
		key, err := rsaKey(jwk["n"], jwk["e"])
		if err != nil {
			return nil, err
		}
		keys[jwk["kid"]] = key
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set holds no RSA key")
	}
	return func(token *jwt.Token) (any, error) {
		kid, _ := token.Header["kid"].(string)
		key, known := keys[kid]
		if !known {
			return nil, fmt.Errorf("key %q is not known", kid)
		}
		return key, nil
	}, nil
}
