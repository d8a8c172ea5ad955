package e2e

import (
	"context"
	"net"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// scriptedGate answers every Check as a test says, which shows what Envoy itself
// does with a field. It takes jwtgate's place where the question is not what
// jwtgate does.
type scriptedGate struct {
	authv3.UnimplementedAuthorizationServer
	address string
	health  *health.Server

	mu     sync.Mutex
	asked  []*authv3.CheckRequest
	answer func(ctx context.Context) (*authv3.CheckResponse, error)
}

func startScriptedGate(t *testing.T) *scriptedGate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gate := &scriptedGate{address: listener.Addr().String(), health: health.NewServer()}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, gate)
	gate.health.SetServingStatus("envoy.service.auth.v3.Authorization", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(server, gate.health)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // it ends when the test does
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return gate
}

// Check answers as scripted.
func (g *scriptedGate) Check(ctx context.Context, request *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	g.mu.Lock()
	g.asked = append(g.asked, request)
	answer := g.answer
	g.mu.Unlock()
	return answer(ctx)
}

// says makes every Check be answered so, and forgets what was asked.
func (g *scriptedGate) says(response *authv3.CheckResponse) {
	g.does(func(context.Context) (*authv3.CheckResponse, error) {
		return proto.CloneOf(response), nil
	})
}

// does sets a function that answers every Check, and forgets earlier calls.
func (g *scriptedGate) does(answer func(context.Context) (*authv3.CheckResponse, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked, g.answer = nil, answer
}

// checks returns the calls since the answer was last set.
func (g *scriptedGate) checks() []*authv3.CheckRequest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

// last returns the one Check since the answer was last set.
func (g *scriptedGate) last(t *testing.T) *authv3.AttributeContext {
	t.Helper()
	checks := g.checks()
	if len(checks) != 1 {
		t.Fatalf("Envoy asked %d times, want once", len(checks))
	}
	return checks[0].GetAttributes()
}

// allowing returns an answer that allows a request, with changes.
func allowing(ok *authv3.OkHttpResponse) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

// denying returns an answer that denies a request.
func denying(code int32, denied *authv3.DeniedHttpResponse) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{Code: code},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: denied},
	}
}

// field returns a header option with neither append nor append_action.
func field(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, Value: value}}
}

// appendField is a header option that says whether to append.
func appendField(name, value string, on bool) *corev3.HeaderValueOption {
	option := field(name, value)
	//lint:ignore SA1019 it is the only one that Envoy 1.40 reads
	option.Append = wrapperspb.Bool(on)
	return option
}

func status(code int) *typev3.HttpStatus { return &typev3.HttpStatus{Code: typev3.StatusCode(code)} }
