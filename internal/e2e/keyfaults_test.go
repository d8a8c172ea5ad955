package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// keyFault is one fault of a key server.
type keyFault struct {
	name   string
	play   func(k *keyServer) http.HandlerFunc
	result string // what the fetches that meet it are counted as
}

// keyFaults returns the faults in an answer.
func keyFaults() []keyFault {
	status := func(code int, headers ...string) func(*keyServer) http.HandlerFunc {
		return func(*keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				for _, header := range headers {
					name, value, _ := strings.Cut(header, ": ")
					w.Header().Set(name, value)
				}
				w.WriteHeader(code)
			}
		}
	}
	body := func(text string) func(*keyServer) http.HandlerFunc {
		return func(*keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
		}
	}
	plain := func(handler http.HandlerFunc) func(*keyServer) http.HandlerFunc {
		return func(*keyServer) http.HandlerFunc { return handler }
	}
	return []keyFault{
		{"status-500", status(http.StatusInternalServerError), issuer.FetchStatus},
		{"status-429", status(http.StatusTooManyRequests, "Retry-After: 2"), issuer.FetchStatus},
		{"status-404", status(http.StatusNotFound), issuer.FetchStatus},
		{"html", body("<!doctype html><title>We will be back soon</title>"), issuer.FetchInvalid},
		{"empty-object", body(`{}`), issuer.FetchInvalid},
		{"no-keys", body(`{"keys":[]}`), issuer.FetchInvalid},
		{"error-object", body(`{"error":"temporarily_unavailable"}`), issuer.FetchInvalid},
		{"null", body(`null`), issuer.FetchInvalid},
		{"nothing", body(``), issuer.FetchInvalid},
		{"only-unusable-keys",
			body(`{"keys":[{"kty":"oct","kid":"a","k":"AAAA"},{"kty":"RSA","kid":"b","use":"enc","n":"AA","e":"AQAB"}]}`), issuer.FetchInvalid},
		{"truncated", func(k *keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				whole := k.keys(r)
				_, _ = io.WriteString(w, whole[:len(whole)/2])
			}
		}, issuer.FetchInvalid},
		{"huge", plain(huge), issuer.FetchInvalid},
		{"slow-drip", plain(drip), issuer.FetchTimeout},
		{"hang", plain(hang), issuer.FetchTimeout},
		{"cut-off", plain(cutOff), issuer.FetchUnreachable},
		{"redirect", func(k *keyServer) http.HandlerFunc {
			// The same keys, from another address than the configured one.
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, k.JWKSURL(), http.StatusFound) }
		}, issuer.FetchInvalid},
	}
}

// huge answers with 64 MB.
func huge(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"keys":[{"kid":"`)
	block := strings.Repeat("a", 1<<20)
	for range 64 {
		if _, err := io.WriteString(w, block); err != nil {
			return
		}
	}
}

// drip answers with a byte at a time and never ends.
func drip(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// hang never answers.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// cutOff closes the connection instead of an answer.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = connection.Close()
	}
}

// issuerState is the part of an issuer at /issuers that tests use.
type issuerState struct {
	Issuer        string            `json:"issuer"`
	Stale         bool              `json:"stale"`
	AgeSeconds    float64           `json:"age_seconds"`
	Fetches       map[string]uint64 `json:"fetches"`
	FailuresInRow int               `json:"failures_in_row"`
	LastError     string            `json:"last_error"`
	Keys          []struct {
		KID string `json:"kid"`
	} `json:"keys"`
	Skipped []struct {
		KID    string `json:"kid"`
		Reason string `json:"reason"`
	} `json:"skipped"`
	WithdrawnInUse uint64 `json:"withdrawn_in_use"`
	Withdrawn      []struct {
		KID string `json:"kid"`
	} `json:"withdrawn"`
}

// issuerStates returns the issuers at /issuers, by name.
func (g *gateProcess) issuerStates(t *testing.T) map[string]issuerState {
	t.Helper()
	response, err := http.Get("http://" + g.admin + "/issuers")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var list []issuerState
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		t.Fatalf("/issuers: %v", err)
	}
	states := map[string]issuerState{}
	for _, one := range list {
		states[one.Issuer] = one
	}
	return states
}

// TestKeyServerFaults: sixteen issuers have different faults at the same time. The gate
// denies no valid request, reports each fault, and accepts a rotated key once the fault is
// over.
func TestKeyServerFaults(t *testing.T) {
	behind, faults := testbed.Issuers(t), keyFaults()
	var servers []*keyServer
	var tokens []string
	for _, fault := range faults {
		k := newKeyServer(t, behind, fault.name)
		servers = append(servers, k)
		tokens = append(tokens, k.token(t))
	}
	gate := startGate(t, keysConfig(t, "", "refresh_interval: 1s, unknown_kid_cooldown: 500ms, request_timeout: 500ms", servers...))
	c := newCaller(t, startShippedEnvoy(t, gate.address, startApplication(t).address))
	for i, token := range tokens {
		eventually(t, 10*time.Second, faults[i].name+" has keys", func() error { return want(c.get(t, "/", token), 200, "") })
	}
	turn := 0
	proper := startTraffic(t, c, 5*time.Millisecond, func() string { turn++; return tokens[turn%len(tokens)] })

	for i, fault := range faults {
		servers[i].play(fault.play(servers[i]))
	}
	eventually(t, 10*time.Second, "every fault is noticed", func() error {
		states := gate.issuerStates(t)
		for _, fault := range faults {
			if s := states[fault.name]; s.Fetches[fault.result] == 0 || s.LastError == "" || s.FailuresInRow == 0 {
				return fmt.Errorf("%s is reported as %v, %q, want a fetch with result %q", fault.name, s.Fetches, s.LastError, fault.result)
			}
		}
		return nil
	})
	fresh := make([]string, len(faults))
	var group sync.WaitGroup
	for i, fault := range faults {
		servers[i].publish(t)
		fresh[i] = servers[i].token(t)
		group.Go(func() {
			if err := want(c.get(t, "/", fresh[i]), 503, "key_pending"); err != nil {
				t.Errorf("%s, a token of a key that cannot be fetched yet: %v", fault.name, err)
			}
		})
	}
	group.Wait()
	for _, k := range servers {
		k.play(nil)
	}
	for i, fault := range faults {
		eventually(t, 10*time.Second, fault.name+": the new key is accepted", func() error {
			got := c.get(t, "/", fresh[i])
			if got.status == http.StatusUnauthorized {
				t.Fatalf("%s: a token of a new key is answered %v", fault.name, got)
			}
			return want(got, 200, "")
		})
	}
	proper.stop()
	took := proper.lap()
	t.Logf("%d proper requests, p99 %v", len(took), took.percentile(99))
	if text := gate.Output.String(); strings.Count(text, `"key fetch failed"`) < len(faults) {
		t.Errorf("the log does not tell of each fault:\n%s", text)
	}
}

// want is nil if the verdict is this one.
func want(got verdict, status int, reason string) error {
	if got.status != status || got.reason != reason {
		return fmt.Errorf("answered %v, want %d %s", got, status, reason)
	}
	return nil
}

// TestBadKeyAmongGoodOnes: the gate skips and reports keys that it cannot use, and uses the
// others.
func TestBadKeyAmongGoodOnes(t *testing.T) {
	k := newKeyServer(t, testbed.Issuers(t), "mixed")
	k.play(func(w http.ResponseWriter, r *http.Request) {
		bad := `{"kty":"RSA","kid":"for-encryption","use":"enc","alg":"RSA-OAEP","n":"AA","e":"AQAB"},` +
			`{"kty":"oct","kid":"shared-secret","k":"AAAA"},`
		_, _ = io.WriteString(w, strings.Replace(k.keys(r), `"keys":[`, `"keys":[`+bad, 1))
	})
	gate := startGate(t, keysConfig(t, "", "", k))
	gate.waitReady(t)
	c := newCaller(t, startShippedEnvoy(t, gate.address, startApplication(t).address))
	if got := c.get(t, "/", k.token(t)); got.status != http.StatusOK {
		t.Errorf("a token of the good key is answered %v", got)
	}
	if state := gate.issuerStates(t)["mixed"]; len(state.Keys) != 1 || len(state.Skipped) != 2 {
		t.Errorf("/issuers tells of keys %v and skipped ones %v, want 1 and 2", state.Keys, state.Skipped)
	}
	for _, kid := range []string{"for-encryption", "shared-secret"} {
		if !strings.Contains(gate.Output.String(), `"a published key cannot be used","issuer":"mixed","kid":"`+kid+`"`) {
			t.Errorf("the log does not name %s:\n%s", kid, gate.Output.String())
		}
	}
}

// TestFaultsFromTheStart: if some issuers fail, jwtgate still answers within a second of
// its start, accepts the other issuers' tokens, and reports an outage for tokens of the
// failed ones.
func TestFaultsFromTheStart(t *testing.T) {
	behind := testbed.Issuers(t)
	well := newKeyServer(t, behind, "well")
	hung, slow, refusing := newKeyServer(t, behind, "hung"), newKeyServer(t, behind, "slow"), newKeyServer(t, behind, "refusing")
	hung.play(hang)
	slow.play(drip)
	refusing.url = "http://" + freeAddress(t) + "/keys"
	file := keysConfig(t, "", "request_timeout: 2s", well, hung, slow, refusing)

	began := time.Now()
	gate := startGateUnready(t, file)
	eventually(t, 5*time.Second, "jwtgate answers", func() error { return gate.answers(t) })
	took := time.Since(began)
	t.Logf("answered %v after its start", took)
	if most := slowdown * time.Second; took > most {
		t.Errorf("jwtgate answered %v after its start, want at most %v", took, most)
	}
	gate.waitReady(t)
	eventually(t, 10*time.Second, "jwtgate serves", func() error { return gate.serving(t) })
	c := newCaller(t, startShippedEnvoy(t, gate.address, startApplication(t).address))
	for range 20 {
		if got := c.get(t, "/", well.token(t)); got.status != http.StatusOK {
			t.Fatalf("the issuer that is well: %v", got)
		}
		for _, k := range []*keyServer{hung, slow, refusing} {
			got := c.get(t, "/", k.token(t))
			if err := want(got, 503, "keys_unavailable"); err != nil {
				t.Fatalf("%s: %v", k.Name(), err)
			}
			if seconds, err := strconv.Atoi(got.retryAfter); err != nil || seconds < 1 || seconds > 30 {
				t.Fatalf("%s: retry-after is %q, want 1 to 30", k.Name(), got.retryAfter)
			}
		}
	}
	hung.play(nil)
	slow.play(nil)
	for _, k := range []*keyServer{hung, slow} {
		eventually(t, 15*time.Second, k.Name()+" is well again", func() error { return want(c.get(t, "/", k.token(t)), 200, "") })
	}
}

// answers returns nil once the gate has answered a call of Envoy.
func (g *gateProcess) answers(t *testing.T) error {
	connection, err := grpc.NewClient(g.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = authv3.NewAuthorizationClient(connection).Check(ctx, &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/open", Host: "api.example"}},
	}})
	return err
}
