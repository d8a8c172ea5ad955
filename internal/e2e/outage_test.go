//go:build !race

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// TestNoGateNoRequest: while jwtgate is down no request passes, and clients get an outage;
// when it is back, requests pass again.
func TestNoGateNoRequest(t *testing.T) {
	s := startStack(t)
	if got := http1(t, s.shipped.address, call{line: "GET /api/health"}); got.Status != http.StatusOK {
		t.Fatalf("status %d %s", got.Status, got.Body)
	}
	s.application.take()
	s.gate.Kill()
	got := http1(t, s.shipped.address, call{line: "GET /api/health", headers: []string{"x-user-id: forged"}})
	if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") != "1" {
		t.Errorf("as shipped: %d %v %s, want 503", got.Status, got.Header, got.Body)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil || body["status"] != float64(503) ||
		got.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("as shipped: body %q, %q", got.Body, got.Header.Get("Content-Type"))
	}
	if got := grpcstatus.Convert(callGRPC(t, s.shipped.address)); got.Code() != codes.Unavailable {
		t.Errorf("a gRPC client gets %v, want Unavailable", got.Code())
	}
	if got := http1(t, s.bare.address, call{line: "GET /api/health"}); got.Status != http.StatusForbidden {
		t.Errorf("bare: %d, want Envoy's default 403", got.Status)
	}
	if reached := s.application.take(); len(reached) != 0 {
		t.Errorf("%d requests reached the application", len(reached))
	}
}

// TestRequestsSurviveRotationAndOutage: while a client sends requests, the issuer announces
// a key, signs with it, withdraws the old one and fails. The gate denies no valid request.
func TestRequestsSurviveRotationAndOutage(t *testing.T) {
	s := startStack(t)
	pool := s.issuers.cruddur
	old := mint(t, pool, access(nil))
	ask := func(when, token string) {
		t.Helper()
		if got := http1(t, s.shipped.address, call{line: "GET /api/messages", headers: []string{bearer(token)}}); got.Status != http.StatusOK {
			t.Errorf("%s: %d %s", when, got.Status, got.Body)
		}
	}
	ask("at first", old)
	kid, err := pool.AddKey("")
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.UseKey(kid); err != nil {
		t.Fatal(err)
	}
	fresh := mint(t, pool, access(nil))
	for range 20 {
		ask("after the rotation", fresh)
		ask("after the rotation, with the old key", old)
	}
	if err := s.issuers.server.Close(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		ask("after the issuer's death", fresh)
		ask("after the issuer's death, with the old key", old)
	}
}

// TestAnUnreachableIssuer: jwtgate serves immediately, public routes work, tokens get 503
// and never 401, and /readyz fails until the issuer is available.
func TestAnUnreachableIssuer(t *testing.T) {
	server := testbed.Issuers(t)
	issuer := testbed.Issuer(t, server, "late", devidp.IssuerConfig{})
	token := mint(t, issuer, map[string]any{"sub": "s", "aud": "a"})
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	file := testutil.File(t, "jwtgate.yaml", fmt.Sprintf(`
issuers:
  late: {issuer: %q, audiences: [a], dangerously_allow_http: true}
routes:
  - {match: GET /open, access: public}
`, issuer.ISS()))
	application := startApplication(t)
	gate := startGate(t, file)
	envoy := startShippedEnvoy(t, gate.address, application.address)

	if code, err := gate.readyz(t); err != nil || code != http.StatusServiceUnavailable {
		t.Errorf("/readyz is %d, %v, want 503", code, err)
	}
	if got := http1(t, envoy.address, call{line: "GET /open"}); got.Status != http.StatusOK {
		t.Errorf("a public route is answered %d %s", got.Status, got.Body)
	}
	ask := func() answer {
		return http1(t, envoy.address, call{line: "GET /", headers: []string{bearer(token)}})
	}
	denial{wantStatus: 503, wantReason: "keys_unavailable"}.check(t, ask())
	denial{wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError}.check(t, http1(t, envoy.address, call{line: "GET /"}))
	if strings.Contains(gate.Output.String(), "goroutine ") {
		t.Error("jwtgate printed a stack trace")
	}
	if !strings.Contains(gate.Output.String(), "late") {
		t.Error("the log does not name the issuer that cannot be reached")
	}

	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	gate.waitReady(t)
	if got := ask(); got.Status != http.StatusOK {
		t.Errorf("once the issuer is there: %d %s", got.Status, got.Body)
	}
}

// TestAMalformedCheckRequestIsDenied: the gate denies a malformed request with an answer
// that failure_mode_allow cannot change.
func TestAMalformedCheckRequestIsDenied(t *testing.T) {
	s := startStack(t)
	connection, err := grpc.NewClient(s.gate.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	http := func(h *authv3.AttributeContext_HttpRequest) *authv3.CheckRequest {
		return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: h}}}
	}
	tests := []struct {
		name       string
		request    *authv3.CheckRequest
		wantStatus int
		wantReason string
	}{
		{"nothing", &authv3.CheckRequest{}, 503, "request_malformed"},
		{"no HTTP request", &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{}}},
			503, "request_malformed"},
		{"no method", http(&authv3.AttributeContext_HttpRequest{Path: "/api/health", Host: "a"}), 503, "request_malformed"},
		{"no path", http(&authv3.AttributeContext_HttpRequest{Method: "GET", Host: "a"}), 400, "path_refused"},
		{"a header name that is none",
			http(&authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/api/health", Host: "a",
				Headers: map[string]string{"a b": "c"}}), 503, "request_malformed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := authv3.NewAuthorizationClient(connection).Check(t.Context(), test.request)
			if err != nil {
				t.Fatalf("the RPC failed, and an answer is due: %v", err)
			}
			if got.GetStatus().GetCode() == int32(codes.OK) || got.GetDeniedResponse().GetStatus().GetCode() != status(test.wantStatus).GetCode() {
				t.Errorf("answer %v", got)
			}
			if !strings.Contains(got.GetDeniedResponse().GetBody(), `"`+test.wantReason+`"`) {
				t.Errorf("body %s, want reason %s", got.GetDeniedResponse().GetBody(), test.wantReason)
			}
		})
	}
}

// TestBytesThatAreNotAMessageAreDenied: the gate also answers bytes that are not a
// CheckRequest.
func TestBytesThatAreNotAMessageAreDenied(t *testing.T) {
	issuers := startIssuers(t)
	gate := startGate(t, "testdata/jwtgate.yaml", issuers.environment()...)
	connection, err := grpc.NewClient(gate.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	var received []byte
	err = connection.Invoke(t.Context(), authv3.Authorization_Check_FullMethodName, junk{}, &junk{&received}, grpc.ForceCodec(rawCodec{}))
	if err != nil {
		t.Fatalf("the RPC failed, and an answer is due: %v", err)
	}
	var got authv3.CheckResponse
	if err := proto.Unmarshal(received, &got); err != nil {
		t.Fatal(err)
	}
	if got.GetStatus().GetCode() == int32(codes.OK) || got.GetDeniedResponse().GetStatus().GetCode() != status(503).GetCode() ||
		!strings.Contains(got.GetDeniedResponse().GetBody(), `"request_malformed"`) {
		t.Errorf("answer %v", &got)
	}
}

// junk is a message of raw bytes, which rawCodec sends without encoding.
type junk struct{ received *[]byte }

type rawCodec struct{}

func (rawCodec) Marshal(any) ([]byte, error) { return []byte("\xff\xff\xff\xff"), nil }

func (rawCodec) Unmarshal(data []byte, message any) error {
	*message.(*junk).received = append([]byte{}, data...)
	return nil
}

func (rawCodec) Name() string { return "proto" }

// TestShutdownIsClean: on SIGTERM jwtgate reports NOT_SERVING, answers calls until Envoy
// knows, and exits with 0.
func TestShutdownIsClean(t *testing.T) {
	s := startStack(t)
	s.gate.Terminate(t)
	eventually(t, 5*time.Second, "NOT_SERVING", func() error {
		err := s.gate.serving(t)
		switch {
		case err == nil:
			return errors.New("it is still serving")
		case !strings.Contains(err.Error(), "NOT_SERVING"):
			t.Fatalf("it went without saying so: %v", err)
		}
		return nil
	})
	if got := http1(t, s.bare.address, call{line: "GET /api/health"}); got.Status != http.StatusOK {
		t.Errorf("while it drains a request is answered %d %s", got.Status, got.Body)
	}
	if code := s.gate.Wait(t, 10*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestEachDenialIsOneLogLine: jwtgate's log and Envoy's access log contain the decision id
// that the client got, and neither the token nor the query.
func TestEachDenialIsOneLogLine(t *testing.T) {
	s := startStack(t)
	token := mintFor(t, s.issuers.cruddur, access(nil), -time.Minute)
	got := http1(t, s.shipped.address, call{line: "GET /api/messages?access_token=" + token, headers: []string{bearer(token)}}).problem(t)
	if got := http1(t, s.shipped.address, call{line: "GET /api/health?access_token=" + token}); got.Status != http.StatusOK {
		t.Fatalf("status %d", got.Status)
	}
	lines := s.shipped.accessLog(t, 2)
	if lines[0]["decision"] != got.Decision || lines[0]["reason"] != "expired" || lines[0]["route"] != "default" ||
		lines[0]["path"] != "/api/messages" {
		t.Errorf("access log line %v", lines[0])
	}
	if lines[1]["verdict"] != "allow" || lines[1]["reason"] != "public" || lines[1]["route"] != "GET /api/health" {
		t.Errorf("access log line %v", lines[1])
	}
	var found []map[string]any
	for text := range strings.Lines(s.gate.Output.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("a log line is not JSON: %s", text)
		}
		if line["decision"] != nil {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d decisions are logged, want the one denial: %v", len(found), found)
	}
	line := found[0]
	if line["decision"] != got.Decision || line["reason"] != "expired" || line["route"] != "default" ||
		line["request_id"] != lines[0]["request_id"] || line["path"] != "/api/messages" {
		t.Errorf("log line %v", line)
	}
}
