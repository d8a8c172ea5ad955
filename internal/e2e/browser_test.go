//go:build !race

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestABrowserCanReadItsDenial: a script of the allowed origin can read a 401 and its
// reason; one of another origin cannot.
func TestABrowserCanReadItsDenial(t *testing.T) {
	s := startStack(t)
	tests := []struct{ name, origin, wantAllowed string }{
		{"the allowed origin", "http://localhost:3000", "http://localhost:3000"},
		{"another origin", "https://evil.example", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := http1(t, s.shipped.address,
				call{line: "GET /api/messages", headers: []string{"origin: " + test.origin, "authorization: Bearer null"}})
			if got.Status != http.StatusUnauthorized || got.problem(t).Reason != "token_malformed" {
				t.Errorf("answer %d %s", got.Status, got.Body)
			}
			if allowed := got.Header.Get("Access-Control-Allow-Origin"); allowed != test.wantAllowed {
				t.Errorf("access-control-allow-origin %q, want %q", allowed, test.wantAllowed)
			}
			exposed := got.Header.Get("Access-Control-Expose-Headers")
			if strings.Contains(exposed, "www-authenticate") != (test.wantAllowed != "") {
				t.Errorf("access-control-expose-headers %q", exposed)
			}
			if len(s.application.take()) != 0 {
				t.Error("the request reached the application")
			}
		})
	}
}

// TestPreflights: Envoy answers preflights of the allowed origin; others need the token
// that their route needs.
func TestPreflights(t *testing.T) {
	s := startStack(t)
	preflight := func(origin, method string, more ...string) call {
		return call{line: "OPTIONS /api/messages/7",
			headers: append([]string{"origin: " + origin, "access-control-request-method: " + method}, more...)}
	}
	t.Run("from the allowed origin", func(t *testing.T) {
		got := http1(t, s.shipped.address, preflight("http://localhost:3000", "POST"))
		if got.Status != http.StatusOK || got.Header.Get("Access-Control-Allow-Origin") != "http://localhost:3000" ||
			!strings.Contains(got.Header.Get("Access-Control-Allow-Headers"), "authorization") {
			t.Errorf("answer %d %v", got.Status, got.Header)
		}
		if len(s.application.take()) != 0 {
			t.Error("the preflight reached the application")
		}
	})
	t.Run("from another origin, of a page that is public to GET alone", func(t *testing.T) {
		got := http1(t, s.shipped.address,
			call{line: "OPTIONS /only-here",
				headers: []string{"host: docs.example", "origin: https://other.example", "access-control-request-method: GET"}})
		if got.problem(t).Reason != "credential_missing" || len(s.application.take()) != 0 {
			t.Errorf("answer %d %s", got.Status, got.Body)
		}
	})
	denied := []struct {
		name string
		call call
		want string
	}{
		{"from another origin", preflight("https://other.example", "POST"), "credential_missing"},
		{"from another origin, of an admin's page",
			call{line: "OPTIONS /api/admin/report",
				headers: []string{"origin: https://other.example", "access-control-request-method: GET"}}, "credential_missing"},
		{"with a body", preflight("https://other.example", "POST", "content-length: 2"), "credential_missing"},
		{"without an origin", call{line: "OPTIONS /api/messages/7", headers: []string{"access-control-request-method: POST"}},
			"credential_missing"},
		{"that asks for nothing", call{line: "OPTIONS /api/messages/7", headers: []string{"origin: https://other.example"}},
			"credential_missing"},
	}
	for _, test := range denied {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "with a body" {
				test.call.body = "{}"
			}
			if got := http1(t, s.shipped.address, test.call); got.problem(t).Reason != test.want {
				t.Errorf("answer %d %s, want %s", got.Status, got.Body, test.want)
			}
			if len(s.application.take()) != 0 {
				t.Error("the request reached the application")
			}
		})
	}
	t.Run("with an override header, through a bare Envoy", func(t *testing.T) {
		got := http1(t, s.bare.address, preflight("https://other.example", "POST", "x-http-method-override: DELETE"))
		if got.problem(t).Reason != "credential_missing" || len(s.application.take()) != 0 {
			t.Errorf("answer %d %s", got.Status, got.Body)
		}
	})
}

// libraryHeaders are the request headers of common browser libraries that make a browser
// send a preflight: axios and jQuery (x-requested-with), Django's forms (x-csrf-token),
// OpenTelemetry and Sentry (traceparent, tracestate, baggage), the AWS SDK
// (x-amz-user-agent).
func libraryHeaders() []string {
	return []string{"authorization", "content-type", "x-requested-with", "x-csrf-token",
		"traceparent", "tracestate", "baggage", "x-amz-user-agent"}
}

// TestPreflightsOfLibraries: the headers of common libraries pass a preflight, whether
// Envoy or the gate answers it. Envoy lets no other header pass.
func TestPreflightsOfLibraries(t *testing.T) {
	const origin = "http://localhost:3000"
	c := startConfigured(t, "cors: {origins: [\""+origin+"\"]}\n")
	answeredByGate := derivedEnvoy(t, c.gate.address, c.application.address, `[ { exact: "`+origin+`" } ]`, "[]")
	for name, p := range map[string]*envoyProxy{"Envoy answers": c.shipped, "the gate answers": answeredByGate} {
		for _, header := range append(libraryHeaders(), strings.Join(libraryHeaders(), ","), "x-other") {
			t.Run(name+"/"+header, func(t *testing.T) {
				got := http1(t, p.address, call{line: "OPTIONS /api/messages", headers: []string{
					"origin: " + origin, "access-control-request-method: POST", "access-control-request-headers: " + header}})
				passes := passesPreflight(got, origin, header)
				if want := header != "x-other" || p == answeredByGate; passes != want || len(c.application.take()) != 0 {
					t.Errorf("the browser sends the request: %v, want %v: %d %v", passes, want, got.Status, got.Header)
				}
			})
		}
	}
}

// passesPreflight reports whether a browser sends a request with these headers after this
// answer to its preflight (Fetch standard, CORS-preflight fetch).
func passesPreflight(got answer, origin, headers string) bool {
	allowed := strings.Split(strings.ToLower(strings.ReplaceAll(got.Header.Get("Access-Control-Allow-Headers"), " ", "")), ",")
	for header := range strings.SplitSeq(headers, ",") {
		if !slices.Contains(allowed, header) {
			return false
		}
	}
	return got.Status == http.StatusOK && got.Header.Get("Access-Control-Allow-Origin") == origin
}

func TestWebSocketUpgrade(t *testing.T) {
	s := startStack(t)
	upgrade := call{line: "GET /ws", headers: []string{"connection: Upgrade", "upgrade: websocket", "x-user-id: forged"}}
	t.Run("without a token", func(t *testing.T) {
		if got := http1(t, s.shipped.address, call{line: upgrade.line, headers: upgrade.headers}); got.Status != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", got.Status)
		}
		if len(s.application.take()) != 0 {
			t.Error("the upgrade reached the application")
		}
	})
	t.Run("with a token", func(t *testing.T) {
		connection, reader, response := open(t, s.shipped.address, upgrade.with(bearer(mint(t, s.issuers.cruddur, access(nil)))))
		defer connection.Close()
		if response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("status %d, want 101", response.StatusCode)
		}
		fmt.Fprintln(connection, "hello")
		if line, err := reader.ReadString('\n'); err != nil || line != "echo hello\n" {
			t.Errorf("the application sent %q, %v", line, err)
		}
		if received := s.application.only(t); received.Header.Get("X-User-Id") != "4f0c5b8e-ann" || received.Header.Get("Authorization") != "" {
			t.Errorf("the application received %v", received.Header)
		}
	})
}
