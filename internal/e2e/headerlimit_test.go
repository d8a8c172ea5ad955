//go:build !race

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// limitsReached and invalidAnswers are the counters of the shipped Envoy file for the
// requests that Envoy answers with 500 after the gate has allowed them: the first one
// counts only those whose headers exceed a limit.
const (
	limitsReached  = "http.edge.ext_authz.jwtgate.request_header_limits_reached"
	invalidAnswers = "http.edge.ext_authz.jwtgate.invalid"
)

// identityBytes returns the size of the names and values of the identity headers that the
// application received.
func identityBytes(got received) int {
	sum := 0
	for name, values := range got.Header {
		for _, value := range values {
			if strings.HasPrefix(name, "X-User-") {
				sum += len(name) + len(value)
			}
		}
	}
	return sum
}

// TestIdentityTooLarge: with the default configuration, identity headers of 16,384
// bytes arrive, and with one byte more the client gets a 403 whose reason operators
// can look up. Percent-encoding makes the headers larger than the token.
func TestIdentityTooLarge(t *testing.T) {
	c := startConfigured(t, "routes: [{match: GET /api/health, access: public}]\n")
	user := func(name int) call {
		groups, scopes := strings.Repeat("é", 1360), strings.Repeat("ü", 1320)
		return call{line: "GET /api/messages", headers: []string{c.user(t, map[string]any{
			"cognito:groups": []string{groups}, "scope": scopes, "username": strings.Repeat("n", name),
		})}}
	}
	if got := http1(t, c.shipped.address, user(1)); got.Status != http.StatusOK {
		t.Fatalf("got status %d %s; expected 200", got.Status, got.Body)
	}
	most := 1 + 16384 - identityBytes(c.application.only(t)) // of a user name
	got := http1(t, c.shipped.address, user(most))
	if arrived := identityBytes(c.application.only(t)); got.Status != http.StatusOK || arrived != 16384 {
		t.Errorf("got status %d and %d bytes at the application; expected 200 and 16384", got.Status, arrived)
	}

	got = http1(t, c.shipped.address, user(most+1))
	told := got.problem(t)
	if got.Status != http.StatusForbidden || told.Reason != "identity_too_large" || got.Header.Get("Www-Authenticate") != "" {
		t.Errorf("got status %d for %q; expected 403 for identity_too_large", got.Status, told.Reason)
	}
	if reached := c.application.take(); len(reached) != 0 {
		t.Errorf("the application received %v", reached)
	}
	line := c.shipped.accessLog(t, 3)[2]
	if line["status"] != 403.0 || line["details"] != "ext_authz_denied" || line["reason"] != "identity_too_large" {
		t.Errorf("Envoy logs %v; expected status 403, ext_authz_denied and identity_too_large", line)
	}
	const detail = "got 16385 bytes in 7 headers; expected at most 16384 (identity.max_total_bytes); " +
		"the largest: x-user-groups (8173), x-user-scopes (7933), x-user-name ("
	eventually(t, 2*time.Second, "the audit line", func() error {
		for _, line := range c.gate.logged(t, "decision") {
			if line["decision"] == told.Decision && line["reason"] == "identity_too_large" &&
				strings.Contains(fmt.Sprint(line["internal_detail"]), detail) {
				return nil
			}
		}
		return fmt.Errorf("no line of decision %s says %q", told.Decision, detail)
	})
	explained := jwtgate(t, nil, "explain", "--decision", told.Decision, "--server", c.gate.admin)
	for _, want := range []string{
		"10 identity       failed", detail, "hint: put less into the token's claims", "identity.max_total_bytes", "max_request_headers_kb",
	} {
		if !strings.Contains(explained.stdout, want) {
			t.Errorf("explain does not say %q:\n%s%s", want, explained.stdout, explained.stderr)
		}
	}
}

// TestRequestHeadersBeyondEnvoysLimit: a request that fits into Envoy's limit alone and
// not with the identity headers gets a 500 from Envoy, although the gate has allowed
// it. The access log and a counter tell it from every other 500, and a higher limit
// lets it pass.
func TestRequestHeadersBeyondEnvoysLimit(t *testing.T) {
	c := startConfigured(t, "audit: {allowed: all}\nroutes: [{match: GET /api/health, access: public}]\n")
	token := c.user(t, map[string]any{"cognito:groups": []string{strings.Repeat("g", 1000)}})
	filler := func(bytes int) string { return "x-filler: " + strings.Repeat("f", bytes) }
	// The request has less than 61,440 bytes both without the identity headers and, with
	// them, without its token. Envoy counts the two together.
	long := filler(60<<10 - len(token) - 700)
	for name, send := range map[string]sender{"HTTP/1.1": http1, "HTTP/2": http2} {
		t.Run(name, func(t *testing.T) {
			before := c.shipped.stat(t, limitsReached)
			if got := send(t, c.shipped.address, call{line: "GET /api/health", headers: []string{token, long}}); got.Status != http.StatusOK {
				t.Fatalf("the request gets status %d without identity headers; expected 200", got.Status)
			}
			c.application.take()
			got := send(t, c.shipped.address, call{line: "GET /api/messages", headers: []string{token, long}})
			if got.Status != http.StatusInternalServerError || got.Body != "" {
				t.Errorf("got status %d, %q; expected 500 and no body", got.Status, got.Body)
			}
			if reached := c.application.take(); len(reached) != 0 {
				t.Errorf("the application received %d requests", len(reached))
			}
			if more := c.shipped.stat(t, limitsReached) - before; more != 1 {
				t.Errorf("%s has counted %d; expected 1", limitsReached, more)
			}
		})
	}
	c.allowedAnd500(t, c.shipped.accessLog(t, 4)[3])
	// A token of the same size without the filler passes.
	shorter := call{line: "GET /api/messages", headers: []string{token, filler(40000)}}
	if got := http1(t, c.shipped.address, shorter); got.Status != http.StatusOK {
		t.Errorf("got status %d for 40,000 bytes; expected 200", got.Status)
	}

	// A gRPC client gets the same answer as grpc-status 2 (UNKNOWN).
	asGRPC := call{line: "POST /api/messages", headers: []string{token, long, "content-type: application/grpc"}}
	if got := http1(t, c.shipped.address, asGRPC); got.Status != http.StatusOK || got.Header.Get("Grpc-Status") != "2" {
		t.Errorf("got status %d, grpc-status %q; expected grpc-status 2", got.Status, got.Header.Get("Grpc-Status"))
	}

	raised := startEditedEnvoy(t, withLimit(t, "max_request_headers_kb: 60", "max_request_headers_kb: 96"), c.gate.address,
		c.application.address)
	if got := http1(t, raised.address, call{line: "GET /api/messages", headers: []string{token, long}}); got.Status != http.StatusOK {
		t.Errorf("got status %d with max_request_headers_kb: 96; expected 200", got.Status)
	}
}

// allowedAnd500 checks that a line of Envoy's access log shows a 500 after an allowed
// decision, and that the gate explains this decision as allowed.
func (c configured) allowedAnd500(t *testing.T, line map[string]any) {
	t.Helper()
	if line["status"] != 500.0 || line["details"] != "ext_authz_invalid" || line["flags"] != "UAEX" ||
		line["verdict"] != "allow" || line["upstream"] != nil {
		t.Errorf("Envoy logs %v; expected status 500, ext_authz_invalid, UAEX, verdict allow and no upstream", line)
	}
	got := jwtgate(t, nil, "explain", "--decision", fmt.Sprint(line["decision"]), "--server", c.gate.admin)
	if !strings.Contains(got.stdout, "allow: allowed") {
		t.Errorf("explain says\n%s%s; expected allow", got.stdout, got.stderr)
	}
}

// withLimit returns the shipped Envoy file with one text replaced.
func withLimit(t *testing.T, old, now string) []byte {
	t.Helper()
	file, err := os.ReadFile("../../envoy/envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(file)
	if strings.Count(text, old) != 1 {
		t.Fatalf("envoy.yaml does not have %q once", old)
	}
	return []byte(strings.Replace(text, old, now, 1))
}

// TestManyRequestHeaders: the answer is the same 500 if a request has fewer than 100
// headers without the identity headers and more with them.
func TestManyRequestHeaders(t *testing.T) {
	c := startConfigured(t, "audit: {allowed: all}\n")
	headers := []string{c.user(t, nil)}
	for n := range 88 {
		headers = append(headers, fmt.Sprintf("x-h-%d: a", n))
	}
	got := http1(t, c.shipped.address, call{line: "GET /api/messages", headers: headers})
	if got.Status != http.StatusInternalServerError || c.shipped.stat(t, limitsReached) != 1 {
		t.Errorf("got status %d, %d counted; expected 500 and 1", got.Status, c.shipped.stat(t, limitsReached))
	}
	c.allowedAnd500(t, c.shipped.accessLog(t, 1)[0])
	if got := http1(t, c.shipped.address, call{line: "GET /api/messages", headers: headers[:70]}); got.Status != http.StatusOK {
		t.Errorf("got status %d for 70 headers; expected 200", got.Status)
	}
	file := withLimit(t, "            headers_with_underscores_action: DROP_HEADER\n",
		"            headers_with_underscores_action: DROP_HEADER\n            max_headers_count: 200\n")
	raised := startEditedEnvoy(t, file, c.gate.address, c.application.address)
	if got := http1(t, raised.address, call{line: "GET /api/messages", headers: headers}); got.Status != http.StatusOK {
		t.Errorf("got status %d with max_headers_count: 200; expected 200", got.Status)
	}
}

// TestAHeaderThatEnvoyRejects: the other 500 after an allowed decision, for a header that
// Envoy does not let the gate change, has the same details and another counter.
func TestAHeaderThatEnvoyRejects(t *testing.T) {
	c := startConfigured(t, "audit: {allowed: all}\nidentity: {headers: {x-team: username}}\n")
	got := http1(t, c.shipped.address, call{line: "GET /api/messages", headers: []string{c.user(t, nil)}})
	if got.Status != http.StatusInternalServerError {
		t.Errorf("got status %d; expected 500", got.Status)
	}
	c.allowedAnd500(t, c.shipped.accessLog(t, 1)[0])
	if limits, invalid := c.shipped.stat(t, limitsReached), c.shipped.stat(t, invalidAnswers); limits != 0 || invalid != 1 {
		t.Errorf("%s is %d and %s is %d; expected 0 and 1", limitsReached, limits, invalidAnswers, invalid)
	}
}

// TestTheDefaultsFitEnvoy: with the default configuration the largest token and the
// largest identity leave half of Envoy's limit to the other headers.
func TestTheDefaultsFitEnvoy(t *testing.T) {
	cfg, err := config.Parse("test.yaml", []byte("issuers: {a: {issuer: https://a.example, audiences: [b]}}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if both := cfg.Tokens.MaxBytes + cfg.Identity.MaxTotalBytes; both > 30<<10 {
		t.Errorf("a token and its identity can have %d bytes; expected at most %d", both, 30<<10)
	}
}
