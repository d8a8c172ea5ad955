//go:build !race

package e2e

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// expiringStreams ends the streams of one host with their tokens, and not those of others.
const expiringStreams = `routes:
  - {name: ends, match: '/**', hosts: [ends.example], issuers: [cruddur], end_streams_at_expiry: true}
`

// streamLimitName is the header by which the gate makes Envoy end a stream.
const streamLimitName = "x-envoy-upstream-stream-duration-ms"

// stream opens one kind of stream, with further headers, and calls heard for each message
// of the application. It returns when the stream or ctx has ended.
type stream func(ctx context.Context, t *testing.T, address, host string, headers []string, heard func())

// watched is one stream, and how it should end.
type watched struct {
	name    string
	open    stream
	through *envoyProxy
	host    string
	headers []string // of the client, in addition to the token
	ends    bool     // with the token
}

// TestStreamsEndWithTheirToken: server-sent events, a gRPC stream and a WebSocket end
// within a second of their token's expiry if the route has that option, and continue if
// not. Clients cannot change the limit.
func TestStreamsEndWithTheirToken(t *testing.T) {
	c := startConfigured(t, expiringStreams)
	bare := startBareEnvoy(t, c.gate.address, c.application.address)
	const ends, stays = "ends.example", "api.example"
	longer, shorter := []string{streamLimitName + ": 600000"}, []string{streamLimitName + ": 300"}
	rows := []watched{
		{name: "events", open: eventStream, through: c.shipped, host: ends, ends: true},
		{name: "WebSocket", open: webSocket, through: c.shipped, host: ends, ends: true},
		{name: "gRPC", open: grpcStream, through: c.shipped, host: ends, ends: true},
		{name: "events, and the client asks for longer", open: eventStream, through: c.shipped, host: ends, headers: longer, ends: true},
		{name: "events, and the client asks twice, with nothing but defaults before it", open: eventStream, through: bare,
			host: ends, headers: append(longer, longer...), ends: true},
		{name: "gRPC, and the client asks for longer", open: grpcStream, through: c.shipped, host: ends, headers: longer, ends: true},
		{name: "events that may go on", open: eventStream, through: c.shipped, host: stays, headers: shorter},
		{name: "WebSocket that may go on", open: webSocket, through: c.shipped, host: stays},
		{name: "gRPC that may go on", open: grpcStream, through: c.shipped, host: stays, headers: shorter},
	}
	expiry := time.Now().Add(3 * time.Second).Truncate(time.Second)
	token := bearer(mint(t, c.issuers.cruddur, access(map[string]any{"exp": expiry.Unix()})))
	ctx, cancel := context.WithDeadline(t.Context(), expiry.Add(1500*time.Millisecond))
	defer cancel()
	var group sync.WaitGroup
	for _, row := range rows {
		group.Go(func() { row.watch(ctx, t, token, expiry) })
	}
	group.Wait()
	for _, received := range c.application.take() {
		if values, there := received.Header[http.CanonicalHeaderKey(streamLimitName)]; there {
			t.Errorf("the application received %s: %q", streamLimitName, values)
		}
		if received.Header.Get("X-User-Id") != "4f0c5b8e-ann" {
			t.Errorf("the application received %v", received.Header)
		}
	}
	denial{wantStatus: 401, wantReason: "expired", wantChallenge: invalidToken}.check(t,
		http1(t, c.shipped.address, call{line: "GET /stream", headers: []string{"host: " + ends, token}}))
}

// watch opens the stream and compares its end with the token's expiry.
func (w watched) watch(ctx context.Context, t *testing.T, token string, expiry time.Time) {
	var heard time.Time
	times := 0
	w.open(ctx, t, w.through.address, w.host, append([]string{token}, w.headers...), func() {
		heard = time.Now()
		times++
	})
	ended, late := time.Now(), expiry.Add(time.Second)
	if times < 10 || heard.Before(expiry.Add(-500*time.Millisecond)) {
		t.Errorf("%s: heard %d times, last %v before the token's end", w.name, times, expiry.Sub(heard))
	}
	if w.ends && (ended.After(late) || heard.After(late)) {
		t.Errorf("%s: ended %v after the token, want at most 1s", w.name, ended.Sub(expiry))
	}
	if !w.ends && heard.Before(late) {
		t.Errorf("%s: was last heard %v after the token's end, want it to go on", w.name, heard.Sub(expiry))
	}
}

// eventStream opens server-sent events over HTTP/1.1.
func eventStream(ctx context.Context, t *testing.T, address, host string, headers []string, heard func()) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/stream", nil)
	if err != nil {
		t.Error(err)
		return
	}
	request.Host = host
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("opening the event stream: %v %v", response, err)
		return
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if lines.Text() == "data: tick" {
			heard()
		}
	}
}

// webSocket sends messages at intervals and waits for the echo.
func webSocket(ctx context.Context, t *testing.T, address, host string, headers []string, heard func()) {
	connection, reader, response := open(t, address,
		call{line: "GET /ws", headers: append([]string{"host: " + host, "connection: Upgrade", "upgrade: websocket"}, headers...)})
	defer connection.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("opening the WebSocket: status %d", response.StatusCode)
		return
	}
	every := time.NewTicker(tick)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if _, err := io.WriteString(connection, "hello\n"); err != nil {
			return
		}
		if line, err := reader.ReadString('\n'); err != nil || line != "echo hello\n" {
			return
		}
		heard()
	}
}

// grpcStream opens a server stream.
func grpcStream(ctx context.Context, t *testing.T, address, host string, headers []string, heard func()) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(host))
	if err != nil {
		t.Error(err)
		return
	}
	defer connection.Close()
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	from, err := healthpb.NewHealthClient(connection).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Errorf("opening the gRPC stream: %v", err)
		return
	}
	for {
		if _, err := from.Recv(); err != nil {
			return
		}
		heard()
	}
}
