package extauthz_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// browser returns a request of a browser as Envoy sends it, with headers that the gate
// reads and many that it does not.
func browser(raw string) *authv3.CheckRequest {
	return newRequest("GET", "/readers?page=2&sort=name", "authorization: Bearer "+raw,
		"x-forwarded-for: 203.0.113.9", "x-forwarded-proto: https", "x-request-id: 5f0c6a52-9a1b-4c3e-8d2f-7a6b5c4d3e2f",
		"user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
		"accept: application/json, text/plain, */*", "accept-language: en-US,en;q=0.9", "accept-encoding: gzip, deflate, br",
		"referer: https://app.example/messages", "origin: https://app.example", "sec-fetch-mode: cors", "sec-fetch-site: same-origin",
		"sec-fetch-dest: empty", "sec-ch-ua-platform: Linux", "cache-control: no-cache", "x-user-id: root", "x_user_id: root")
}

// checker returns a service, and a message whose token it has cached.
func checker(t testing.TB) (check func(context.Context, mem.BufferSlice) int, message mem.BufferSlice) {
	t.Helper()
	return checkerTold(t, nil)
}

// checkerTold is checker with traces, unless they are nil.
func checkerTold(t testing.TB, traces *telemetry.Traces) (check func(context.Context, mem.BufferSlice) int, message mem.BufferSlice) {
	t.Helper()
	f := start(t)
	raw, err := f.home.Mint(map[string]any{"sub": "alice", "aud": "orders-api", "groups": []string{"admin", "staff"},
		"scope": "orders/read"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(browser(raw))
	if err != nil {
		t.Fatal(err)
	}
	to := observers(io.Discard, telemetry.NewMetrics(telemetry.Build{}))
	to.Traces = traces
	check = extauthz.Checker(f.gate, to)
	message = mem.BufferSlice{mem.SliceBuffer(data)}
	if got := reason(extauthz.Answer(t.Context(), f.gate, data)); got != "allowed" {
		t.Fatalf("the request is %s", got)
	}
	check(t.Context(), message)
	return check, message
}

// TestCallsForget checks that nothing of a request, such as its token, remains after its
// answer.
func TestCallsForget(t *testing.T) {
	message, err := proto.Marshal(browser("eyJhbGciOiJFUzI1NiJ9.e30.c2ln"))
	if err != nil {
		t.Fatal(err)
	}
	size, after, headers := extauthz.Forgotten(message)
	if size != len(message) || len(headers) == 0 {
		t.Fatalf("%d bytes and %d headers were read", size, len(headers))
	}
	for _, c := range after {
		if c != 0 {
			t.Fatalf("what is left is %q", after)
		}
	}
	for _, h := range headers {
		if h.Name != "" || h.Value != "" {
			t.Errorf("a header is left: %q", h)
		}
	}
}

// TestBuffersAreOverwritten checks that tests overwrite buffers after use, so that a test fails
// that still reads one.
func TestBuffersAreOverwritten(t *testing.T) {
	if !extauthz.Overwritten([]byte(strings.Repeat("message", 1000))) {
		t.Error("a buffer keeps its contents")
	}
}

// BenchmarkDenied measures a request without a token, including its audit line.
func BenchmarkDenied(b *testing.B) {
	check, _ := checker(b)
	asked := browser("")
	asked.Attributes.Request.Http.HeaderMap.Headers = asked.Attributes.Request.Http.HeaderMap.Headers[1:]
	data, err := proto.Marshal(asked)
	if err != nil {
		b.Fatal(err)
	}
	message := mem.BufferSlice{mem.SliceBuffer(data)}
	b.ReportAllocs()
	for b.Loop() {
		check(context.Background(), message)
	}
}

// BenchmarkUnknownKID measures a request whose token names an unknown key, after the keys
// were fetched again.
func BenchmarkUnknownKID(b *testing.B) {
	f := start(b)
	forged := func(kid string) mem.BufferSlice {
		head, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "at+jwt", "kid": kid})
		if err != nil {
			b.Fatal(err)
		}
		fine, err := f.home.Mint(map[string]any{"sub": "alice", "aud": "orders-api", "scope": "orders/read"}, time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		_, rest, _ := strings.Cut(fine, ".")
		data, err := proto.Marshal(browser(base64.RawURLEncoding.EncodeToString(head) + "." + rest))
		if err != nil {
			b.Fatal(err)
		}
		return mem.BufferSlice{mem.SliceBuffer(data)}
	}
	check := extauthz.Checker(f.gate, observers(io.Discard, telemetry.NewMetrics(telemetry.Build{})))
	messages := make([]mem.BufferSlice, 256)
	for i := range messages {
		messages[i] = forged(fmt.Sprintf("nobody-%d", i))
		check(b.Context(), messages[i]) // the first one waits for the fetch that it causes
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		check(context.Background(), messages[n%len(messages)])
	}
}

// BenchmarkFirstSeen measures a request whose token is not cached.
func BenchmarkFirstSeen(b *testing.B) {
	f := start(b)
	signer, err := f.idp.Add("rsa", devidp.IssuerConfig{Algorithm: "RS256"})
	if err != nil {
		b.Fatal(err)
	}
	g := newGate(b, "tokens: {cache_bytes: 0}\nissuers:\n  rsa: {issuer: \"${ISS}\", audiences: [orders-api], dangerously_allow_http: true}\n"+
		"routes: [{match: /readers, scopes: [orders/read]}]\n", map[string]string{"ISS": signer.ISS()}, nil)
	raw, err := signer.Mint(map[string]any{"sub": "alice", "aud": "orders-api", "groups": []string{"admin", "staff"},
		"scope": "orders/read"}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	data, err := proto.Marshal(browser(raw))
	if err != nil {
		b.Fatal(err)
	}
	if got := reason(extauthz.Answer(b.Context(), g, data)); got != "allowed" {
		b.Fatalf("the request is %s", got)
	}
	check := extauthz.Checker(g, observers(io.Discard, telemetry.NewMetrics(telemetry.Build{})))
	message := mem.BufferSlice{mem.SliceBuffer(data)}
	b.ReportAllocs()
	for b.Loop() {
		check(context.Background(), message)
	}
}

// BenchmarkKnownToken measures a request whose token is cached.
func BenchmarkKnownToken(b *testing.B) {
	check, message := checker(b)
	b.ReportAllocs()
	for b.Loop() {
		check(context.Background(), message)
	}
}
