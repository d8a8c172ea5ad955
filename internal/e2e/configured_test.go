package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// twoIssuers is the beginning of the configurations of tests with routes of their own: a
// Cognito pool, whose names have no prefix, and a partner, whose names have one. The pool's
// tokens have no leeway.
const twoIssuers = `server: {drain_delay: 0s}
issuers:
  cruddur:
    cognito: us-west-1_6BpkgoczU
    prefix: ""
    clients: [3v5exampleclient]
    leeway: 0s
    dangerously_allow_http: true
    jwks: {uri: "${KEYS}/cruddur/.well-known/jwks.json"}
  partner:
    issuer: ${KEYS}/partner
    prefix: "partner:"
    audiences: [orders-api]
    algorithms: [RS256, ES256]
    dangerously_allow_http: true
`

// configured is a jwtgate with a test's own configuration, the shipped Envoy, and an
// application.
type configured struct {
	issuers     issuers
	gate        *gateProcess
	application *application
	shipped     *envoyProxy
	file        string // the configuration
}

// startConfigured runs jwtgate with [twoIssuers] and a test's part, and further flags of
// `serve`.
func startConfigured(t *testing.T, more string, flags ...string) configured {
	t.Helper()
	c := configured{issuers: startIssuers(t), application: startApplication(t), file: testutil.File(t, "jwtgate.yaml", twoIssuers+more)}
	c.gate = startServe(t, freeAddress(t), freeAddress(t), append([]string{"--config", c.file}, flags...), c.issuers.environment())
	c.gate.waitServing(t)
	c.gate.waitReady(t)
	c.shipped = startShippedEnvoy(t, c.gate.address, c.application.address)
	return c
}

// user returns the header with a token of the pool, with some claims replaced,
// and machine that with a partner's machine token.
func (c configured) user(t *testing.T, changes map[string]any) string {
	t.Helper()
	return bearer(mint(t, c.issuers.cruddur, access(changes)))
}

func (c configured) machine(t *testing.T, changes map[string]any) string {
	t.Helper()
	return bearer(mint(t, c.issuers.partner, merged(map[string]any{"sub": "robot-7", "client_id": "robot-7", "aud": "orders-api"}, changes)))
}

// routed is a request to one route, and its result.
type routed struct {
	name string
	call call
	// wantDenied is the denial; nil: allowed.
	wantDenied *denial
	// wantUser and wantKind are x-user-id and x-user-kind of an allowed request.
	wantUser, wantKind string
}

// check sends the row's request and compares the answer, and what the application received,
// with the row.
func (r routed) check(t *testing.T, c configured) {
	t.Helper()
	c.application.take()
	got := http1(t, c.shipped.address, r.call)
	if r.wantDenied != nil {
		r.wantDenied.check(t, got)
		if seen := c.application.take(); len(seen) != 0 {
			t.Errorf("the application received %v", seen)
		}
		return
	}
	if got.Status != http.StatusOK {
		t.Fatalf("status %d %s, want 200", got.Status, got.Body)
	}
	header := c.application.only(t).Header
	if header.Get("X-User-Id") != r.wantUser || header.Get("X-User-Kind") != r.wantKind {
		t.Errorf("the application received user %q of kind %q, want %q and %q", header.Get("X-User-Id"), header.Get("X-User-Kind"),
			r.wantUser, r.wantKind)
	}
}

// forbidden is a 403 for a missing scope.
func forbidden(reason string) *denial {
	return &denial{wantStatus: http.StatusForbidden, wantReason: reason, wantChallenge: insufficientScope}
}

// adminGet returns the body of a page of the admin server.
func (g *gateProcess) adminGet(t *testing.T, path string) (status int, body string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.admin+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// metric returns the value of a metric, named with its labels as in /metrics; 0 if it is
// missing.
func (g *gateProcess) metric(t *testing.T, name string) float64 {
	t.Helper()
	_, body, err := g.adminGet(t, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if line == nil {
		return 0
	}
	value, err := strconv.ParseFloat(line[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// waitMetric waits until a metric has a value.
func (g *gateProcess) waitMetric(t *testing.T, name string, want float64) {
	t.Helper()
	eventually(t, 5*time.Second, name, func() error {
		if got := g.metric(t, name); got != want {
			return fmt.Errorf("it is %v, want %v", got, want)
		}
		return nil
	})
}

// state is the body of /readyz.
type state struct {
	Ready   bool
	Replica string
	Config  string
	Refused string
}

func (g *gateProcess) state(t *testing.T) (s state, err error) {
	t.Helper()
	_, body, err := g.adminGet(t, "/readyz")
	if err == nil {
		err = json.Unmarshal([]byte(body), &s)
	}
	return s, err
}

// logged returns the log lines with this message.
func (g *gateProcess) logged(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	lines := bufio.NewScanner(strings.NewReader(g.Output.String()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == message {
			found = append(found, line)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// replaceFile replaces a file by a rename, as editors and deployments do.
func replaceFile(t *testing.T, path, text string) {
	t.Helper()
	fresh := filepath.Join(filepath.Dir(path), ".fresh-"+filepath.Base(path))
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
}
