package peer_test

import (
	"net"
	"testing"

	"github.com/MicahParks/keyfunc/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/bench/peer"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
	"github.com/jwtgate/jwtgate/internal/signer"
)

// client serves until the test ends and returns a client of the server.
func client(t *testing.T, server *grpc.Server) authv3.AuthorizationClient {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return authv3.NewAuthorizationClient(connection)
}

// check sends a CheckRequest with the token, or without one if it is empty.
func check(t *testing.T, c authv3.AuthorizationClient, token []byte) *authv3.CheckResponse {
	t.Helper()
	request, err := sample.NewRequest(sample.Path(), len(token))
	if err != nil {
		t.Fatal(err)
	}
	var message authv3.CheckRequest
	if err := proto.Unmarshal(request.Append(nil, token), &message); err != nil {
		t.Fatal(err)
	}
	response, err := c.Check(t.Context(), &message)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestNoop(t *testing.T) {
	for name, server := range map[string]*grpc.Server{"no-op": peer.NewNoop(), "bytes": peer.NewBytes()} {
		response := check(t, client(t, server), nil)
		if response.GetStatus().GetCode() != 0 || response.GetOkResponse() == nil || len(response.GetOkResponse().GetHeaders()) > 0 {
			t.Errorf("%s: %v", name, response)
		}
	}
}

func TestNaive(t *testing.T) {
	key, err := signer.New("RS256")
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := signer.KeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyfunc.NewJWKSetJSON(jwks)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, peer.NewNaive(peer.Expected{Issuer: sample.Issuer, ClientID: sample.ClientID, Keys: keys.Keyfunc}))
	token := func(kind sample.Kind) (token []byte, subject string) {
		tokens, err := sample.Mint(t.Context(), key, kind, 1)
		if err != nil {
			t.Fatal(err)
		}
		return tokens.At(0), tokens.Subject(0)
	}
	for name, kind := range map[string]sample.Kind{
		"expired":          {Fault: sample.Expired},
		"forged":           {Fault: sample.Forged},
		"unknown kid":      {Fault: sample.UnknownKID},
		"another issuer's": {Issuer: "https://other.example"},
	} {
		raw, _ := token(kind)
		if response := check(t, c, raw); response.GetStatus().GetCode() != 16 || response.GetDeniedResponse() == nil {
			t.Errorf("%s: %v", name, response)
		}
	}
	if response := check(t, c, nil); response.GetDeniedResponse().GetBody() != "no bearer token" {
		t.Errorf("without a token: %v", response)
	}
	raw, subject := token(sample.Kind{})
	response := check(t, c, raw)
	headers := map[string]string{}
	for _, h := range response.GetOkResponse().GetHeaders() {
		headers[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
	}
	right := headers["x-user-id"] == subject && headers["x-user-groups"] == sample.Group
	if response.GetStatus().GetCode() != 0 || len(headers) != 3 || !right {
		t.Errorf("valid: %v", response)
	}
}
