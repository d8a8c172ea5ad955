//go:build providers

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// algorithmClients are the realm's clients, each with the alg of its tokens.
func algorithmClients() map[string]string {
	return map[string]string{"rs256": "RS256", "ps256": "PS256", "es256": "ES256", "eddsa": "EdDSA"}
}

// trusting is a gate that trusts the realm with these algorithms, and an Envoy
// before it.
func (k *keycloak) trusting(t *testing.T, algorithms string) (*gateProcess, *caller, *application) {
	t.Helper()
	gate := startGate(t, testutil.File(t, "jwtgate.yaml", fmt.Sprintf(`
issuers:
  shop:
    issuer: %s
    audiences: [orders-api]
    algorithms: [%s]
    dangerously_allow_http: true
    jwks: {refresh_interval: 5s, unknown_kid_cooldown: 1s}
routes:
  - {match: /admin/**, groups: [admin]}
  - {match: /staff/**, groups: [staff]}
`, k.ISS, algorithms)))
	gate.waitReady(t)
	application := startApplication(t)
	return gate, newCaller(t, startShippedEnvoy(t, gate.address, application.address)), application
}

// TestProviderKeycloak tests the gate with a real identity provider: its tokens, its key
// set, and a rotation by its admin API under traffic.
func TestProviderKeycloak(t *testing.T) {
	k := startKeycloak(t)
	t.Run("algorithms", func(t *testing.T) { keycloakAlgorithms(t, k) })
	gate, c, application := k.trusting(t, "RS256, PS256, ES256, EdDSA")
	t.Run("users and programs", func(t *testing.T) { keycloakIdentities(t, k, c, application) })
	t.Run("its encryption key is ignored", func(t *testing.T) { keycloakEncryptionKey(t, k, gate) })
	t.Run("rotation", func(t *testing.T) { keycloakRotation(t, k, gate, c) })
}

// keycloakAlgorithms: the gate accepts a token only if the issuer's configuration lists its
// alg.
func keycloakAlgorithms(t *testing.T, k *keycloak) {
	for _, listed := range []string{"RS256", "PS256, ES256, EdDSA", "EdDSA"} {
		_, c, _ := k.trusting(t, listed)
		for client, alg := range algorithmClients() {
			got := c.get(t, "/", k.machineToken(t, client))
			if strings.Contains(listed, alg) {
				if got.status != http.StatusOK {
					t.Errorf("%s where [%s] is listed: answered %v", alg, listed, got)
				}
			} else if err := want(got, 401, "alg_not_allowed"); err != nil {
				t.Errorf("%s where [%s] is listed: %v", alg, listed, err)
			}
		}
	}
}

func keycloakIdentities(t *testing.T, k *keycloak, c *caller, application *application) {
	for client := range algorithmClients() {
		tokens := k.userTokens(t, client)
		application.take()
		if got := c.get(t, "/admin/users", tokens.Access); got.status != http.StatusOK {
			t.Errorf("%s: the user's own group: %v", client, got)
			continue
		}
		header := application.only(t).Header
		for field, value := range map[string]string{
			"X-User-Name": "ann", "X-User-Email": "ann@example.org", "X-User-Groups": "admin", "X-User-Client": client, "X-User-Kind": "user",
			"X-User-Issuer": "shop", "Authorization": "",
		} {
			if header.Get(field) != value {
				t.Errorf("%s: the application received %s: %q, want %q", client, field, header.Get(field), value)
			}
		}
		if header.Get("X-User-Id") == "" {
			t.Errorf("%s: the application received no x-user-id", client)
		}
		if err := want(c.get(t, "/staff/users", tokens.Access), 403, "group_missing"); err != nil {
			t.Errorf("%s: another group: %v", client, err)
		}
		if err := want(c.get(t, "/", tokens.ID), 401, "audience_mismatch"); err != nil {
			t.Errorf("%s: an ID token: %v", client, err)
		}
		if got := c.get(t, "/", k.machineToken(t, client)); got.status != http.StatusOK {
			t.Errorf("%s: a program's token: %v", client, got)
		}
	}
}

// keycloakEncryptionKey: the key set contains an encryption key, which has no effect.
func keycloakEncryptionKey(t *testing.T, k *keycloak, gate *gateProcess) {
	state := gate.issuerStates(t)["shop"]
	signing := 0
	for _, key := range k.publishedKeys(t) {
		if key.Use == "sig" {
			signing++
			continue
		}
		if key.Use != "enc" || len(state.Skipped) != 1 || state.Skipped[0].KID != key.Kid {
			t.Errorf("/issuers tells of skipped keys %v, want the published %v alone", state.Skipped, key)
		}
	}
	if signing != len(algorithmClients()) || len(state.Keys) != signing || len(state.Skipped) == 0 {
		t.Errorf("%d signing keys are published, /issuers tells of %v and of skipped %v", signing, state.Keys, state.Skipped)
	}
}

// keycloakRotation rotates the realm's RSA key as administrators do: a new provider signs,
// the old one becomes passive and is then deleted. Meanwhile the gate denies no new token
// of any algorithm; it accepts the old key's tokens until the key is deleted, and rejects
// them soon after.
func keycloakRotation(t *testing.T, k *keycloak, gate *gateProcess, c *caller) {
	const kinds = "rs256 rs256 rs256 es256 ps256 eddsa" // the rotating key's most of all
	turn := 0
	proper := startTraffic(t, c, 25*time.Millisecond, func() string {
		clients := strings.Fields(kinds)
		turn++
		return k.machineToken(t, clients[turn%len(clients)])
	})
	old, retired := k.machineToken(t, "rs256"), k.keyProvider(t, "rs256")
	oldStays := startTraffic(t, c, 100*time.Millisecond, always(old))
	calls := func(n int, when string) {
		t.Helper()
		proper.lap()
		eventually(t, 30*time.Second, when, func() error {
			if sent := proper.sent(); sent < n {
				return fmt.Errorf("%d proper requests so far", sent)
			}
			return nil
		})
	}
	calls(40, "before the rotation")
	k.Admin(t, http.MethodPost, "/admin/realms/shop/components", rsaProvider("rs256-next", 200, true), http.StatusCreated)
	fresh := k.machineToken(t, "rs256")
	if kidOf(t, fresh) == kidOf(t, old) {
		t.Fatal("Keycloak still signs with the old key")
	}
	if got := c.get(t, "/", fresh); got.status != http.StatusOK {
		t.Errorf("a token of the new key is answered %v", got)
	}
	calls(80, "after the new key")
	k.Admin(t, http.MethodPut, "/admin/realms/shop/components/"+retired, rsaProvider("rs256", 100, false), http.StatusNoContent)
	calls(80, "after the old key was made passive")
	oldStays.stop() // from now on it is proper no longer
	k.Admin(t, http.MethodDelete, "/admin/realms/shop/components/"+retired, nil, http.StatusNoContent)
	deleted := time.Now()
	eventually(t, 15*time.Second, "the deleted key is refused", func() error {
		got := c.get(t, "/", old)
		if got.status != http.StatusOK && got.status != http.StatusServiceUnavailable && got.reason != "key_unknown" {
			t.Fatalf("a token of the deleted key is answered %v", got)
		}
		return want(got, 401, "key_unknown")
	})
	// The next refresh misses it, and a second answer confirms that.
	took, most := time.Since(deleted), 5*time.Second+3*time.Second+2*time.Second
	if took > most {
		t.Errorf("a token of the deleted key was refused %v after it went, want at most %v", took, most)
	}
	calls(80, "after the old key was deleted")
	proper.stop()
	state := gate.issuerStates(t)["shop"]
	t.Logf("refused %v after it was deleted; fetches %v; the last proper requests' p99 %v", took.Round(time.Millisecond),
		state.Fetches, proper.lap().percentile(99))
	if err := says(gate, `"a key was withdrawn while tokens were still signed with it"`); err != nil {
		t.Error(err)
	}
}

// kidOf returns the kid of a token.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	var header struct{ Kid string }
	part, _, _ := strings.Cut(token, ".")
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &header); err != nil {
		t.Fatal(err)
	}
	return header.Kid
}
