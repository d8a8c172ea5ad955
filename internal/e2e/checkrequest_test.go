//go:build !race

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/metadata"
)

// scripted is a scripted gate behind both Envoys.
type scripted struct {
	gate          *scriptedGate
	application   *application
	shipped, bare *envoyProxy
}

func startScripted(t *testing.T) scripted {
	t.Helper()
	s := scripted{gate: startScriptedGate(t), application: startApplication(t)}
	s.gate.says(allowing(&authv3.OkHttpResponse{}))
	s.shipped = startShippedEnvoy(t, s.gate.address, s.application.address)
	s.bare = startBareEnvoy(t, s.gate.address, s.application.address)
	return s
}

// ask sends a call through an Envoy and returns the gate's CheckRequest.
func (s scripted) ask(t *testing.T, through *envoyProxy, c call) *authv3.AttributeContext {
	t.Helper()
	s.gate.says(allowing(&authv3.OkHttpResponse{}))
	if got := http1(t, through.address, c); got.Status != 200 {
		t.Fatalf("%s: %d %s", c.line, got.Status, got.Body)
	}
	return s.gate.last(t)
}

func TestCheckRequestSaysWhatIsAsked(t *testing.T) {
	s := startScripted(t)
	tests := []struct {
		name                       string
		through                    *envoyProxy
		call                       call
		wantMethod, host, wantPath string
	}{
		{"the query is in the path", s.bare, call{line: "PUT /a?b=c&d"}, "PUT", "api.example", "/a?b=c&d"},
		{"by default the path comes raw", s.bare, call{line: "GET /x//y/../%2e%2e/%61?q"}, "GET", "api.example", "/x//y/../%2e%2e/%61?q"},
		{"as shipped it is normalised", s.shipped, call{line: "GET /x//y/../%2e%2e/%61?q"}, "GET", "api.example", "/x/a?q"},
		{"even so a semicolon hides a dot segment", s.shipped, call{line: "GET /public/%2e%2e;/admin"}, "GET", "api.example",
			"/public/..;/admin"},
		{"by default the host comes as it was sent", s.bare, call{line: "GET /", headers: []string{"host: A.Test.:8443"}}, "GET",
			"A.Test.:8443", "/"},
		{"as shipped without final dot", s.shipped, call{line: "GET /", headers: []string{"host: A.Test.:8443"}}, "GET", "A.Test:8443", "/"},
		{"two hosts are joined", s.bare, call{line: "GET /", headers: []string{"host: a.test", "host: b.test"}}, "GET", "a.test,b.test", "/"},
		{"the absolute form names the host", s.bare, call{line: "GET http://evil.test/a", headers: []string{"host: a.test"}}, "GET",
			"evil.test", "/a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			http := s.ask(t, test.through, test.call).GetRequest().GetHttp()
			if http.GetMethod() != test.wantMethod || http.GetHost() != test.host || http.GetPath() != test.wantPath {
				t.Errorf("asked about %q %q %q, want %q %q %q", http.GetMethod(), http.GetHost(), http.GetPath(), test.wantMethod,
					test.host, test.wantPath)
			}
		})
	}
}

func TestCheckRequestHeadersComeInTwoForms(t *testing.T) {
	s := startScripted(t)
	c := call{line: "GET /", headers: []string{
		"x-token-twice: a", "X-Token-Twice: b", "authorization: Bearer A", "authorization: Bearer B", "cookie: a=1", "cookie: b=2",
		"x-token-bytes: caf\xe9\xff", "x-token-empty:",
	}}
	t.Run("encode_raw_headers, as shipped: header_map, duplicates apart, bytes whole", func(t *testing.T) {
		http := s.ask(t, s.shipped, c).GetRequest().GetHttp()
		if len(http.GetHeaders()) != 0 {
			t.Errorf("headers is filled too: %v", http.GetHeaders())
		}
		got := map[string][]string{}
		for _, h := range http.GetHeaderMap().GetHeaders() {
			if h.GetValue() != "" {
				t.Errorf("%s: value is set in addition to raw_value", h.GetKey())
			}
			got[h.GetKey()] = append(got[h.GetKey()], string(h.GetRawValue()))
		}
		want := map[string][]string{
			"x-token-twice": {"a", "b"}, "cookie": {"a=1", "b=2"}, "x-token-bytes": {"caf\xe9\xff"}, "x-token-empty": {""},
			"authorization": {"Bearer A,Bearer B"},                // still joined: two fields look like one with a comma
			":method":       nil, ":path": nil, ":authority": nil, // not in the list of headers to send
		}
		for name, values := range want {
			if !slices.Equal(got[name], values) {
				t.Errorf("%s: %q, want %q", name, got[name], values)
			}
		}
	})
	t.Run("by default: headers, duplicates joined, odd bytes replaced", func(t *testing.T) {
		http := s.ask(t, s.bare, c).GetRequest().GetHttp()
		if len(http.GetHeaderMap().GetHeaders()) != 0 {
			t.Error("header_map is filled too")
		}
		want := map[string]string{
			"x-token-twice": "a,b", "authorization": "Bearer A,Bearer B", "cookie": "a=1,b=2", "x-token-bytes": "caf!!",
			"x-token-empty": "", ":method": "GET", ":path": "/",
		}
		for name, value := range want {
			if got, there := http.GetHeaders()[name]; !there || got != value {
				t.Errorf("%s: %q (%v), want %q", name, got, there, value)
			}
		}
	})
}

func TestCheckRequestShowsEverySpellingByDefault(t *testing.T) {
	s := startScripted(t)
	spellings := []string{"x-user-id: a", "X_User_Id: b", "x-user_id: c", "x.user.id: d"}
	seen := func(through *envoyProxy) []string {
		http := s.ask(t, through, call{line: "GET /", headers: spellings}).GetRequest().GetHttp()
		var names []string
		for name := range http.GetHeaders() {
			names = append(names, name)
		}
		for _, h := range http.GetHeaderMap().GetHeaders() {
			names = append(names, h.GetKey())
		}
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.Contains(name, "user") })
		slices.Sort(names)
		return names
	}
	if got, want := seen(s.bare), []string{"x-user-id", "x-user_id", "x.user.id", "x_user_id"}; !slices.Equal(got, want) {
		t.Errorf("by default the gate sees %q, want %q", got, want)
	}
	if got := seen(s.shipped); len(got) != 0 {
		t.Errorf("as shipped the gate sees %q, want none", got)
	}
}

// TestCheckRequestSourceIsThePeer: the address is that of the connection, and not one from
// the client's headers.
func TestCheckRequestSourceIsThePeer(t *testing.T) {
	s := startScripted(t)
	for name, through := range map[string]*envoyProxy{"shipped": s.shipped, "bare": s.bare} {
		source := s.ask(t, through, call{line: "GET /", headers: []string{"x-forwarded-for: 192.0.2.7", "x-real-ip: 192.0.2.7"}}).GetSource()
		if got := source.GetAddress().GetSocketAddress().GetAddress(); got != "127.0.0.1" {
			t.Errorf("%s: source %q, want 127.0.0.1", name, got)
		}
	}
}

// TestCheckDeadlineIsTheTotal: the deadline of the call covers all attempts; its metadata
// has the timeout of one attempt, in milliseconds.
func TestCheckDeadlineIsTheTotal(t *testing.T) {
	s := startScripted(t)
	var mu sync.Mutex
	var left time.Duration
	var forOneTry []string
	s.gate.does(func(ctx context.Context) (*authv3.CheckResponse, error) {
		deadline, _ := ctx.Deadline()
		mu.Lock()
		defer mu.Unlock()
		left = time.Until(deadline)
		forOneTry = metadata.ValueFromIncomingContext(ctx, "x-envoy-expected-rq-timeout-ms")
		return allowing(&authv3.OkHttpResponse{}), nil
	})
	if got := http1(t, s.shipped.address, call{line: "GET /"}); got.Status != 200 {
		t.Fatalf("status %d", got.Status)
	}
	mu.Lock()
	defer mu.Unlock()
	if left <= 250*time.Millisecond || left > 800*time.Millisecond {
		t.Errorf("the gate is left %v, want more than one try's 250ms and at most 800ms", left)
	}
	if !slices.Equal(forOneTry, []string{"250"}) {
		t.Errorf("for one try there are %q ms, want 250", forOneTry)
	}
}

// TestASlowAttemptIsRetried: max_interval of the retry policy is the timeout of each
// attempt, so that Envoy retries when a gate hangs once. Envoy can therefore call Check
// several times for one request.
func TestASlowAttemptIsRetried(t *testing.T) {
	s := startScripted(t)
	s.gate.does(func(ctx context.Context) (*authv3.CheckResponse, error) {
		if len(s.gate.checks()) == 1 {
			<-ctx.Done() // Envoy gives this try up
			return nil, ctx.Err()
		}
		return allowing(&authv3.OkHttpResponse{}), nil
	})
	if got := http1(t, s.shipped.address, call{line: "GET /"}); got.Status != 200 {
		t.Fatalf("status %d, want 200 after a retry", got.Status)
	}
	if asked := len(s.gate.checks()); asked < 2 {
		t.Errorf("the gate was asked %d times, want a second try", asked)
	}
}

// TestCheckComesOnceForAnUpgrade: Envoy does not call Check for the messages of a
// WebSocket.
func TestCheckComesOnceForAnUpgrade(t *testing.T) {
	s := startScripted(t)
	s.gate.says(allowing(&authv3.OkHttpResponse{}))
	connection, reader, response := open(t, s.shipped.address,
		call{line: "GET /ws", headers: []string{"connection: Upgrade", "upgrade: websocket"}})
	defer connection.Close()
	if response.StatusCode != 101 {
		t.Fatalf("status %d, want 101", response.StatusCode)
	}
	for range 3 {
		fmt.Fprintln(connection, "hello")
		if line, err := reader.ReadString('\n'); err != nil || line != "echo hello\n" {
			t.Fatalf("the application sent %q, %v", line, err)
		}
	}
	headers := map[string]string{}
	for _, h := range s.gate.last(t).GetRequest().GetHttp().GetHeaderMap().GetHeaders() {
		headers[h.GetKey()] = string(h.GetRawValue())
	}
	if headers["upgrade"] != "websocket" {
		t.Errorf("the gate does not see the upgrade: %v", headers)
	}
}
