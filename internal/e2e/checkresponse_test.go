//go:build !race

package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// TestAnswersThatAllow shows the forms of an answer with which Envoy allows a request,
// three of which are surprising.
func TestAnswersThatAllow(t *testing.T) {
	s := startScripted(t)
	denied := &authv3.DeniedHttpResponse{Status: status(401)}
	tests := []struct {
		name       string
		answer     *authv3.CheckResponse
		wantStatus int
		wantPassed bool
	}{
		{"an allow", allowing(&authv3.OkHttpResponse{}), 200, true},
		{"the empty answer", &authv3.CheckResponse{}, 200, true},
		{"a denied_response with code 0", denying(0, denied), 200, true},
		{"an error_response with code 0",
			&authv3.CheckResponse{HttpResponse: &authv3.CheckResponse_ErrorResponse{ErrorResponse: denied}}, 200, true},
		{"a denial", denying(16, denied), 401, false},
		{"a denial that says 200", denying(16, &authv3.DeniedHttpResponse{Status: status(200)}), 200, false},
		{"a code without a response", &authv3.CheckResponse{Status: denying(7, nil).GetStatus()}, 403, false},
		{"a code with an ok_response",
			&authv3.CheckResponse{Status: denying(7, nil).GetStatus(),
				HttpResponse: allowing(&authv3.OkHttpResponse{}).GetHttpResponse()}, 403, false},
		{"a denial without a status", denying(7, &authv3.DeniedHttpResponse{}), 403, false},
	}
	for _, through := range []*envoyProxy{s.shipped, s.bare} {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				s.gate.says(test.answer)
				got := http1(t, through.address, call{line: "GET /"})
				if got.Status != test.wantStatus {
					t.Errorf("status %d, want %d", got.Status, test.wantStatus)
				}
				if passed := len(s.application.take()) == 1; passed != test.wantPassed {
					t.Errorf("the request reached the application: %v", passed)
				}
			})
		}
	}
}

// TestSetHeadersOverwrite: append false overwrites every copy that the client
// sent, and append_action, which is set for later Envoys, changes nothing here.
func TestSetHeadersOverwrite(t *testing.T) {
	s := startScripted(t)
	appending := func(on bool, action corev3.HeaderValueOption_HeaderAppendAction) *corev3.HeaderValueOption {
		option := appendField("x-user-id", "true", on)
		option.AppendAction = action
		return option
	}
	raw := &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: "x-user-id", RawValue: []byte("true")}}
	tests := []struct {
		name   string
		option *corev3.HeaderValueOption
		want   []string
	}{
		{"as jwtgate sets them", appending(false, corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD), []string{"true"}},
		{"append unset", field("x-user-id", "true"), []string{"true"}},
		{"append_action says append", appending(false, corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD), []string{"true"}},
		{"append_action says add if absent", appending(false, corev3.HeaderValueOption_ADD_IF_ABSENT), []string{"true"}},
		{"append true joins the first and keeps the rest", appending(true, corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD),
			[]string{"forged1,true", "forged2"}},
		{"raw_value is not read", raw, []string{""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.gate.says(allowing(&authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{test.option}}))
			http1(t, s.bare.address, call{line: "GET /", headers: []string{"x-user-id: forged1", "x-user-id: forged2"}})
			if got := s.application.only(t).Header.Values("X-User-Id"); !slices.Equal(got, test.want) {
				t.Errorf("the application received %q, want %q", got, test.want)
			}
		})
	}
}

// TestRemovingRunsAfterSetting: Envoy removes a name that is in both lists, so jwtgate
// never removes a header that it sets.
func TestRemovingRunsAfterSetting(t *testing.T) {
	s := startScripted(t)
	s.gate.says(allowing(&authv3.OkHttpResponse{
		Headers:         []*corev3.HeaderValueOption{field("x-user-id", "true"), field("x-user-name", "ann")},
		HeadersToRemove: []string{"x-user-id"},
	}))
	for _, through := range []*envoyProxy{s.bare, s.shipped} {
		http1(t, through.address, call{line: "GET /"})
		got := s.application.only(t).Header
		if values := got.Values("X-User-Id"); len(values) != 0 {
			t.Errorf("x-user-id survived its removal: %q", values)
		}
		if got.Get("X-User-Name") != "ann" {
			t.Errorf("x-user-name is %q, want ann", got.Get("X-User-Name"))
		}
	}
}

// TestRemovingTakesOneSpelling: a removal removes every copy in any case, but no other
// spelling, and patterns have no effect. So jwtgate names each spelling in the request.
func TestRemovingTakesOneSpelling(t *testing.T) {
	s := startScripted(t)
	s.gate.says(allowing(&authv3.OkHttpResponse{HeadersToRemove: []string{"X-User-Id", "x-user*", "host", ":path"}}))
	http1(t, s.bare.address, call{line: "GET /kept", headers: []string{"x-user-id: a", "X-USER-ID: b", "x_user_id: c", "x-user-name: d"}})
	got := s.application.only(t)
	if values := got.Header.Values("X-User-Id"); len(values) != 0 {
		t.Errorf("x-user-id survived: %q", values)
	}
	if got.Header.Get("X_user_id") != "c" || got.Header.Get("X-User-Name") != "d" {
		t.Errorf("another header was removed: %q", got.Header)
	}
	if got.URI != "/kept" || got.Host != "api.example" {
		t.Errorf("path %q and host %q changed", got.URI, got.Host)
	}
}

// TestMutationRules: with the shipped file, a mutation that jwtgate never needs, or that is
// not a valid header, makes the request fail.
func TestMutationRules(t *testing.T) {
	s := startScripted(t)
	tests := []struct {
		name       string
		ok         *authv3.OkHttpResponse
		wantStatus int
	}{
		{"an identity header", &authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{field("x-user-id", "a")}}, 200},
		{"what a credential is taken out of",
			&authv3.OkHttpResponse{HeadersToRemove: []string{"authorization", "cookie", "sec-websocket-protocol"}}, 200},
		{"a header with a token's name", &authv3.OkHttpResponse{HeadersToRemove: []string{"x-access-token", "x-id-token"}}, 200},
		{"a spelling of an identity header", &authv3.OkHttpResponse{HeadersToRemove: []string{"x_user_id", "x.user-groups"}}, 200},
		{"the override headers", &authv3.OkHttpResponse{HeadersToRemove: []string{
			"x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url", "x_http_method_override",
		}}, 200},
		{"when a stream is to end",
			&authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{field("x-envoy-upstream-stream-duration-ms", "60000")}}, 200},
		{"the path", &authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{field(":path", "/admin")}}, 500},
		{"the host", &authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{field("host", "evil.test")}}, 500},
		{"an Envoy header", &authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{field("x-envoy-original-path", "/admin")}}, 500},
		{"any other header", &authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{field("x-other", "a")}}, 500},
		{"removing any other header", &authv3.OkHttpResponse{HeadersToRemove: []string{"x-other"}}, 500},
		{"a value with a line break",
			&authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{field("x-user-id", "a\r\nx-user-groups: admin")}}, 500},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.gate.says(allowing(test.ok))
			got := http1(t, s.shipped.address, call{line: "GET /", headers: []string{"authorization: Bearer x", "cookie: a=b"}})
			if got.Status != test.wantStatus {
				t.Errorf("status %d, want %d", got.Status, test.wantStatus)
			}
			if reached := len(s.application.take()) == 1; reached != (test.wantStatus == 200) {
				t.Errorf("the request reached the application: %v", reached)
			}
		})
	}
}

func TestDenialsReachTheClientAsWritten(t *testing.T) {
	s := startScripted(t)
	denied := denying(16, &authv3.DeniedHttpResponse{
		Status: status(401),
		Headers: []*corev3.HeaderValueOption{
			field("www-authenticate", "Bearer a"), field("content-type", "application/problem+json"), appendField("x-appended", "a", true),
		},
		Body: `{"a":1}`,
	})
	denied.Status.Message = "for us alone"
	s.gate.says(denied)
	for _, through := range []*envoyProxy{s.bare, s.shipped} {
		got := http1(t, through.address, call{line: "GET /"})
		if got.Status != 401 || got.Body != `{"a":1}` || got.Header.Get("Www-Authenticate") != "Bearer a" {
			t.Errorf("answer %d %q %v", got.Status, got.Body, got.Header)
		}
		if values := got.Header.Values("Content-Type"); !slices.Equal(values, []string{"application/problem+json"}) {
			t.Errorf("content-type %q", values)
		}
		for name, values := range got.Header {
			if strings.Contains(strings.Join(values, " "), "for us alone") {
				t.Errorf("the client sees status.message in %s", name)
			}
		}
		if got.Header.Get("X-Appended") != "" {
			t.Error("a header with append true arrived; Envoy 1.40 is known to drop it")
		}
		if head := http1(t, through.address, call{line: "HEAD /"}); head.Status != 401 || head.Body != "" {
			t.Errorf("HEAD is answered %d %q", head.Status, head.Body)
		}
	}
	if reached := s.application.take(); len(reached) != 0 {
		t.Errorf("%d requests reached the application", len(reached))
	}
}

// TestDenialsToGRPCClients: for a gRPC client Envoy maps each HTTP status to a gRPC status,
// and uses the body as the message, byte for byte.
func TestDenialsToGRPCClients(t *testing.T) {
	s := startScripted(t)
	want := map[int]codes.Code{
		400: codes.Internal, 401: codes.Unauthenticated, 403: codes.PermissionDenied, 429: codes.Unavailable, 503: codes.Unavailable,
	}
	for _, through := range []*envoyProxy{s.bare, s.shipped} {
		for code, wantCode := range want {
			s.gate.says(denying(7, &authv3.DeniedHttpResponse{Status: status(code), Body: "plain words"}))
			err := callGRPC(t, through.address)
			if got := grpcstatus.Convert(err); got.Code() != wantCode || got.Message() != "plain words" {
				t.Errorf("%d becomes %v %q, want %v", code, got.Code(), got.Message(), wantCode)
			}
		}
	}
}

// TestAnRPCErrorIsNotADenial: Envoy answers a gRPC error of any code itself, and
// failure_mode_allow would allow the request. So jwtgate never fails the RPC.
func TestAnRPCErrorIsNotADenial(t *testing.T) {
	s := startScripted(t)
	for _, code := range []codes.Code{codes.PermissionDenied, codes.Unauthenticated, codes.Internal, codes.Unavailable} {
		s.gate.does(func(context.Context) (*authv3.CheckResponse, error) {
			return nil, grpcstatus.Error(code, "secret words")
		})
		if got := http1(t, s.bare.address, call{line: "GET /"}); got.Status != 403 || got.Body != "" {
			t.Errorf("%v by default: %d %q, want an empty 403, which looks like a denial", code, got.Status, got.Body)
		}
		got := http1(t, s.shipped.address, call{line: "GET /"})
		if got.Status != 503 || got.Header.Get("Retry-After") != "1" || strings.Contains(got.Body, "secret") {
			t.Errorf("%v as shipped: %d %v %q, want a 503 in Envoy's words", code, got.Status, got.Header, got.Body)
		}
		if kind := got.Header.Get("Content-Type"); kind != "application/problem+json" {
			t.Errorf("%v as shipped: content-type %q", code, kind)
		}
	}
	if reached := s.application.take(); len(reached) != 0 {
		t.Errorf("%d requests reached the application", len(reached))
	}
	s.gate.does(func(context.Context) (*authv3.CheckResponse, error) {
		return nil, grpcstatus.Error(codes.Internal, "secret")
	})
	if got := grpcstatus.Convert(callGRPC(t, s.shipped.address)); got.Code() != codes.Unavailable || strings.ContainsAny(got.Message(), "{}") {
		t.Errorf("a gRPC client gets %v %q, want Unavailable without JSON", got.Code(), got.Message())
	}
}

// TestJwtgates503KeepsItsBody: the shipped local reply rewrites Envoy's errors and no
// denials of jwtgate.
func TestJwtgates503KeepsItsBody(t *testing.T) {
	s := startScripted(t)
	s.gate.says(denying(14, &authv3.DeniedHttpResponse{
		Status: status(503), Headers: []*corev3.HeaderValueOption{field("retry-after", "7")}, Body: "ours",
	}))
	got := http1(t, s.shipped.address, call{line: "GET /"})
	if got.Status != 503 || got.Body != "ours" || !slices.Equal(got.Header.Values("Retry-After"), []string{"7"}) {
		t.Errorf("answer %d %q %q", got.Status, got.Body, got.Header.Values("Retry-After"))
	}
	if asked := len(s.gate.checks()); asked != 1 {
		t.Errorf("a denial was asked for %d times, want once", asked)
	}
}

func TestDynamicMetadataReachesTheAccessLog(t *testing.T) {
	s := startScripted(t)
	facts, err := structpb.NewStruct(map[string]any{
		"jwtgate": map[string]any{"decision": "r-1", "route": "GET /x", "verdict": "deny", "reason": "expired"},
	})
	if err != nil {
		t.Fatal(err)
	}
	allow, deny := allowing(&authv3.OkHttpResponse{}), denying(16, &authv3.DeniedHttpResponse{Status: status(401)})
	allow.DynamicMetadata, deny.DynamicMetadata = facts, facts
	for _, answer := range []*authv3.CheckResponse{allow, deny} {
		s.gate.says(answer)
		http1(t, s.shipped.address, call{line: "GET /x?access_token=secret"})
	}
	lines := s.shipped.accessLog(t, 2)
	for i, status := range []float64{200, 401} {
		line := lines[i]
		if line["status"] != status || line["decision"] != "r-1" || line["route"] != "GET /x" || line["verdict"] != "deny" ||
			line["reason"] != "expired" {
			t.Errorf("access log line %v", line)
		}
		if line["path"] != "/x" {
			t.Errorf("the access log's path is %q, want it without its query", line["path"])
		}
	}
}

// callGRPC makes the application's one gRPC call, with headers in pairs of name
// and value.
func callGRPC(t *testing.T, address string, headers ...string) error {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("api.example"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	_, err = healthpb.NewHealthClient(connection).Check(metadata.AppendToOutgoingContext(ctx, headers...), &healthpb.HealthCheckRequest{})
	return err
}
