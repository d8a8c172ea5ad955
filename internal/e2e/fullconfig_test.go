//go:build !race

package e2e

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// startFullIssuers serves the keys of the issuers of testdata/full.yaml, by https and from
// a file, and returns the file's variables.
func startFullIssuers(t *testing.T) (pool, partner *devidp.Issuer, env []string) {
	t.Helper()
	server := testbed.Issuers(t)
	add := func(name, iss string) *devidp.Issuer {
		return testbed.Issuer(t, server, name, devidp.IssuerConfig{ISS: iss})
	}
	pool = add("cruddur", "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU")
	partner = add("partner", "https://login.partner.example/")
	keys := func(issuer *devidp.Issuer) []byte {
		response, err := http.Get(issuer.JWKSURL())
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	sets := map[string][]byte{"/cruddur": keys(pool), "/partner": keys(partner)}
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(sets[r.URL.Path])
	}))
	t.Cleanup(secure.Close)
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	return pool, partner, []string{
		"KEY_SERVER=" + secure.URL, "KEY_SERVER_CA=" + testutil.File(t, "ca.pem", authority),
		"KEY_FILE=" + testutil.File(t, "keys.json", string(sets["/partner"])), "CACHE_DIR=" + t.TempDir(),
	}
}

// TestTheFullConfigurationServes: a file with every key is valid, starts, and its keys have
// their effects.
func TestTheFullConfigurationServes(t *testing.T) {
	pool, partner, env := startFullIssuers(t)
	servers, clients := newAuthority(t), newAuthority(t)
	env = append(env, "TLS_DIR="+newSide(t, servers.server(t), clients).dir)
	checked := jwtgate(t, env, "check", "--config", "testdata/full.yaml")
	if checked.code != 0 || !strings.Contains(checked.stdout, "testdata/full.yaml: valid (10 issuers, 7 routes, default required)") {
		t.Fatalf("check: exit code %d: %s%s", checked.code, checked.stdout, checked.stderr)
	}
	c := configured{gate: startGateUnready(t, "testdata/full.yaml", env...), application: startApplication(t)}
	c.gate.waitReady(t)
	c.shipped = startSecuredEnvoy(t, c.gate.address, c.application.address, newSide(t, clients.client(t, envoyName), servers))
	eventually(t, 10*time.Second, "Envoy asks the gate", func() error {
		return hasStatus(http1(t, c.shipped.address, call{line: "GET /api/health"}), http.StatusOK)
	})
	admin := func(changes map[string]any) string {
		return mint(t, pool, access(merged(map[string]any{
			"sub": "ann", "client_id": "billing", "cognito:groups": []string{"admin", "sales"}, "scope": "orders/read",
			"auth_time": time.Now().Unix(), "acr": "gold",
		}, changes)))
	}
	query := func(path, token string) call { return call{line: "GET " + path + "?a=1&access_token=" + token} }
	robot := mint(t, partner, map[string]any{
		"sub": "robot-7", "client_id": "robot-7", "aud": "orders-api", "scope": "orders/write",
		"org": "acme", "profile": map[string]any{"tier": 1},
	})
	post := func(host string) call {
		return call{line: "POST /shop/orders", headers: []string{"host: " + host, "content-length: 0", bearer(robot)}}
	}
	for _, row := range []routed{
		{name: "all that a route can ask for", call: query("/admin/ann/x", admin(nil)), wantUser: "ann", wantKind: "user"},
		{name: "revoked", call: query("/admin/mallory/x", admin(map[string]any{"sub": "mallory"})),
			wantDenied: &denial{wantStatus: 401, wantReason: "token_revoked", wantChallenge: invalidToken}},
		{name: "another's", call: query("/admin/bob/x", admin(nil)), wantDenied: forbidden("condition_false")},
		{name: "a group less", call: query("/admin/ann/x", admin(map[string]any{"cognito:groups": []string{"admin"}})),
			wantDenied: forbidden("group_missing")},
		{name: "public", call: call{line: "GET /api/health"}},
		{name: "optional", call: call{line: "GET /api/activities/home", headers: []string{"authorization: Bearer null"}}},
		{name: "closed", call: call{line: "DELETE /api/x", headers: []string{bearer(admin(nil))}},
			wantDenied: &denial{wantStatus: 403, wantReason: "route_denied"}},
		{name: "a cookie", call: call{line: "GET /any", headers: []string{"cookie: session=" + admin(nil)}}, wantUser: "ann", wantKind: "user"},
		{name: "an included file's route", call: post("shop.example"), wantUser: "partner:robot-7", wantKind: "client"},
		{name: "an included file's public route", call: call{line: "GET /shop/x", headers: []string{"host: shop.example"}}},
		{name: "its host alone", call: call{line: "GET /shop/x"},
			wantDenied: &denial{wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError}},
	} {
		t.Run(row.name, func(t *testing.T) { row.check(t, c) })
	}
}

// TestTheFullConfigurationIsFull: the file has each key of the reference.
func TestTheFullConfigurationIsFull(t *testing.T) {
	file, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stated := map[string]bool{}
	for path := range leaves(t, file) {
		path = strings.TrimPrefix(regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, "[]"), ".")
		path = regexp.MustCompile(`^issuers\.\w+`).ReplaceAllString(path, "issuers.*")
		for parent := path; parent != ""; parent = parent[:max(strings.LastIndexAny(parent, ".["), 0)] {
			stated[parent] = true
		}
	}
	// These stand for a whole map, for another form of a key that is there, or
	// for what a route would say instead of the file.
	other := regexp.MustCompile(`\.\*$|\.all$|^(routes\[\]\.any_of\[\]|tokens\.from\[\]|routes\[\]\.tokens_from\[\])\.|^routes\[\]\.audit\.`)
	for _, key := range config.Keys() {
		if !stated[key.Path] && !other.MatchString(key.Path) {
			t.Errorf("testdata/full.yaml does not state %s", key.Path)
		}
	}
}
