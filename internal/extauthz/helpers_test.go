package extauthz_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/telemetry"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// fixture is a gRPC server on loopback, the gate behind it, the issuer behind
// that, and a client as Envoy is one.
type fixture struct {
	idp     *devidp.Server
	home    *devidp.Issuer
	gate    *gate.Gate
	server  *extauthz.Server
	address string
	conn    *grpc.ClientConn
	check   authv3.AuthorizationClient
	health  healthpb.HealthClient
	audit   *lines
	logs    *lines
	metrics *telemetry.Metrics
}

const yaml = `
issuers:
  home: {issuer: "${ISS}", audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true}
routes:
  - {name: open,    match: /open/**,    access: public}
  - {name: lenient, match: /lenient/**, access: optional, if_invalid: anonymous}
  - {name: closed,  match: /closed,     access: deny}
  - {name: readers, match: /readers,    scopes: [orders/read]}
  - {name: stream,  match: /stream,     tokens_from: [{query: access_token}, {cookie: session}]}
`

// start serves with everything real.
func start(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{audit: &lines{}, logs: &lines{}}
	f.idp = testbed.Issuers(t)
	f.home = testbed.Issuer(t, f.idp, "home", devidp.IssuerConfig{Algorithm: "ES256"})
	f.gate = newGate(t, yaml, map[string]string{"ISS": f.home.ISS()}, nil)
	f.metrics = telemetry.NewMetrics(telemetry.Build{})
	f.serve(t, extauthz.NewServer(f.gate, observers(f.audit, f.metrics), slog.New(slog.NewJSONHandler(f.logs, nil)), nil, 1000))
	return f
}

// observers returns the observers of a server that writes its decisions to out.
func observers(out io.Writer, metrics *telemetry.Metrics) extauthz.Observers {
	return extauthz.Observers{
		Log: audit.New(audit.Targets{config.AuditStderr: out}, audit.NewMemory(16), extauthz.TraceID), Metrics: metrics,
	}
}

// newGate returns a gate that has fetched its keys.
func newGate(t testing.TB, yaml string, variables map[string]string, now func() time.Time) *gate.Gate {
	t.Helper()
	cfg, err := config.Parse("gate.yaml", []byte(yaml), func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := gate.Compile(cfg, gate.CompileOptions{Now: now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(policy, gate.Options{Replica: "replica", Now: now, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(g.Close)
	for limit := time.After(20 * time.Second); ; {
		changed := g.Issuers().Changed()
		if g.Issuers().Healthy() {
			return g
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatal("no keys")
		}
	}
}

// serve runs a server on loopback and connects to it.
func (f *fixture) serve(t testing.TB, server *extauthz.Server) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.server, f.address = server, listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if f.conn, err = grpc.NewClient(f.address, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	f.check, f.health = authv3.NewAuthorizationClient(f.conn), healthpb.NewHealthClient(f.conn)
	t.Cleanup(func() {
		_ = f.conn.Close()
		server.Shutdown(ended(), 0)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// lines collects log lines.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// all returns the collected lines, decoded, and removes them.
func (l *lines) all(t *testing.T) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []map[string]any
	for line := range strings.Lines(l.text.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q is no JSON line: %v", line, err)
		}
		all = append(all, one)
	}
	l.text.Reset()
	return all
}

// mint returns a valid token of home with additional claims.
func (f *fixture) mint(t *testing.T, added map[string]any) string {
	t.Helper()
	claims := map[string]any{"sub": "alice", "aud": "orders-api", "scope": "orders/read"}
	maps.Copy(claims, added)
	raw, err := f.home.Mint(claims, 0)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// ask sends a CheckRequest, whose RPC must not fail.
func (f *fixture) ask(t *testing.T, r *authv3.CheckRequest) *authv3.CheckResponse {
	t.Helper()
	answer, err := f.check.Check(t.Context(), r)
	if err != nil {
		t.Fatalf("the RPC failed: %v", err)
	}
	explicit(t, answer)
	return answer
}

// explicit checks that no version of Envoy can misread an answer: its status and its
// http_response both allow the request, or both deny it.
func explicit(t testing.TB, r *authv3.CheckResponse) {
	t.Helper()
	switch http := r.GetHttpResponse().(type) {
	case *authv3.CheckResponse_OkResponse:
		if r.GetStatus() == nil || r.GetStatus().GetCode() != 0 {
			t.Fatalf("an ok_response with status %v", r.GetStatus())
		}
	case *authv3.CheckResponse_DeniedResponse:
		switch r.GetStatus().GetCode() {
		case 3, 7, 14, 16:
		default:
			t.Fatalf("a denied_response with status %v", r.GetStatus())
		}
		if code := http.DeniedResponse.GetStatus().GetCode(); code < 400 || code > 599 {
			t.Fatalf("a denied_response with HTTP status %d", code)
		}
	default:
		t.Fatalf("an answer of kind %T", http)
	}
}

// newRequest returns a CheckRequest with headers in the form of encode_raw_headers.
func newRequest(method, path string, fields ...string) *authv3.CheckRequest {
	http := &authv3.AttributeContext_HttpRequest{Method: method, Host: "api.example", Path: path, HeaderMap: &corev3.HeaderMap{}}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		http.HeaderMap.Headers = append(http.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
	}
	return asked(http)
}

func asked(http *authv3.AttributeContext_HttpRequest) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: "192.0.2.7", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 4711}},
		}}},
		Request: &authv3.AttributeContext_Request{Http: http},
	}}
}

// metadata returns the decision in the dynamic metadata.
func metadata(r *authv3.CheckResponse) map[string]any {
	decision, _ := r.GetDynamicMetadata().AsMap()[extauthz.MetadataKey].(map[string]any)
	return decision
}

// reason returns the reason in the dynamic metadata.
func reason(r *authv3.CheckResponse) string {
	text, _ := metadata(r)["reason"].(string)
	return text
}

// fields returns header options by name, and checks that each one overwrites.
func fields(t testing.TB, options []*corev3.HeaderValueOption) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, o := range options {
		older := o.GetAppend() //lint:ignore SA1019 it is what Envoy 1.40 reads
		if older == nil || older.GetValue() || o.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			t.Errorf("%s is not set by overwriting: append %v, append_action %v", o.GetHeader().GetKey(), older, o.GetAppendAction())
		}
		if _, twice := found[o.GetHeader().GetKey()]; twice {
			t.Errorf("%s is set twice", o.GetHeader().GetKey())
		}
		found[o.GetHeader().GetKey()] = o.GetHeader().GetValue()
	}
	return found
}

// code returns the code of an RPC error.
func code(err error) string { return status.Code(err).String() }

// scrape returns the metrics as Prometheus reads them.
func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := telemetry.NewAdmin(m, telemetry.Views{}, nil)
	served := make(chan error, 1)
	go func() { served <- admin.Serve(listener) }()
	defer func() {
		admin.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + listener.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
