package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// keyServer serves an issuer's key set, or a test's fault instead. The issuer itself still
// signs tokens.
type keyServer struct {
	*devidp.Issuer
	url string

	mu    sync.Mutex
	fault http.HandlerFunc // nil: none
	asked int
}

// newKeyServer starts a server until the test ends.
func newKeyServer(t *testing.T, behind *devidp.Server, name string) *keyServer {
	t.Helper()
	issuer, err := behind.Add(name, devidp.IssuerConfig{ISS: "https://" + name + ".example", Algorithm: "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	k := &keyServer{Issuer: issuer}
	server := httptest.NewServer(k)
	k.url = server.URL + "/keys"
	t.Cleanup(func() {
		server.CloseClientConnections() // some faults never end by themselves
		server.Close()
	})
	return k
}

// ServeHTTP answers with the keys, or with the fault.
func (k *keyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	k.asked++
	fault := k.fault
	k.mu.Unlock()
	if fault != nil {
		fault(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, k.keys(r))
}

// keys returns the issuer's key set as served, empty if it is not available.
func (k *keyServer) keys(r *http.Request) string {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, k.JWKSURL(), nil)
	if err != nil {
		return ""
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return ""
	}
	return string(body)
}

// play starts a fault; nil ends it.
func (k *keyServer) play(fault http.HandlerFunc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fault = fault
}

// fetches returns how often the key set was fetched.
func (k *keyServer) fetches() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked
}

// publish adds a key, signs with it from now on, and returns its kid.
func (k *keyServer) publish(t *testing.T) string {
	t.Helper()
	kid, err := k.AddKey("")
	if err == nil {
		err = k.UseKey(kid)
	}
	if err != nil {
		t.Fatal(err)
	}
	return kid
}

// token returns a valid token of the current key.
func (k *keyServer) token(t *testing.T) string {
	t.Helper()
	return mint(t, k.Issuer, map[string]any{"sub": "s", "aud": "orders-api"})
}

// keysConfig returns a configuration that trusts these key servers; settings are further
// keys of jwks, in flow style. top is the rest of the file.
func keysConfig(t *testing.T, top, settings string, servers ...*keyServer) string {
	t.Helper()
	var text strings.Builder
	text.WriteString(top + "\nissuers:\n")
	for _, k := range servers {
		fmt.Fprintf(&text,
			"  %s: {issuer: %q, prefix: %q, audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true, jwks: {uri: %q, %s}}\n",
			k.Name(), k.ISS(), k.Name()+":", k.url, settings)
	}
	text.WriteString("routes:\n  - {match: GET /open, access: public}\n")
	return testutil.File(t, "jwtgate.yaml", text.String())
}
