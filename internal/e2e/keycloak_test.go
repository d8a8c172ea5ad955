//go:build providers

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// keycloak is a running Keycloak with the realm of testdata/keycloak-realm.json.
type keycloak struct{ *programs.Keycloak }

// startKeycloak runs Keycloak until the test ends.
func startKeycloak(t *testing.T) *keycloak {
	t.Helper()
	home, err := filepath.Abs("../../.tools/keycloak/server")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(home); err != nil {
		t.Fatalf("Keycloak is not there: run `make test-providers` (%v)", err)
	}
	return &keycloak{programs.StartKeycloak(t, home, freeAddress(t), realm(t))}
}

// realm is the realm to import: it adds the audience and the groups of their tokens to the
// clients.
func realm(t *testing.T) map[string]any {
	t.Helper()
	var realm map[string]any
	if err := json.Unmarshal([]byte(read(t, "testdata/keycloak-realm.json")), &realm); err != nil {
		t.Fatal(err)
	}
	for _, client := range realm["clients"].([]any) {
		client.(map[string]any)["protocolMappers"] = []map[string]any{
			{"name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper", "config": map[string]string{
				"included.custom.audience": "orders-api", "access.token.claim": "true", "id.token.claim": "false",
			}},
			{"name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper", "config": map[string]string{
				"claim.name": "groups", "full.path": "false", "access.token.claim": "true", "id.token.claim": "true",
			}},
		}
	}
	return realm
}

// machineToken returns a new token of a client itself.
func (k *keycloak) machineToken(t *testing.T, client string) string {
	t.Helper()
	tokens, err := k.Grant("shop",
		url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {"secret-of-" + client}})
	if err != nil {
		t.Error(err) // not Fatal: the traffic asks on a goroutine of its own
	}
	return tokens.Access
}

// userTokens returns the tokens of the user ann at a client.
func (k *keycloak) userTokens(t *testing.T, client string) programs.GrantedTokens {
	t.Helper()
	tokens, err := k.Grant("shop", url.Values{
		"grant_type": {"password"}, "client_id": {client}, "client_secret": {"secret-of-" + client}, "scope": {"openid"},
		"username": {"ann"}, "password": {"Secret-123!"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// publishedKey is a key of the realm's key set.
type publishedKey struct{ Kid, Alg, Use string }

func (k *keycloak) publishedKeys(t *testing.T) []publishedKey {
	t.Helper()
	response, err := http.Get(k.ISS + "/protocol/openid-connect/certs")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var set struct{ Keys []publishedKey }
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	return set.Keys
}

// keyProvider is the id of the key provider of the realm that has this name.
func (k *keycloak) keyProvider(t *testing.T, name string) (id string) {
	t.Helper()
	path := "/admin/realms/shop/components?type=org.keycloak.keys.KeyProvider&name=" + url.QueryEscape(name)
	_, text := k.AdminAnswer(t, http.MethodGet, path, nil)
	var found []struct{ ID string }
	if err := json.Unmarshal(text, &found); err != nil || len(found) != 1 {
		t.Fatalf("key providers named %s: %s, %v", name, text, err)
	}
	return found[0].ID
}

// rsaProvider is a key provider whose key signs as RS256.
func rsaProvider(name string, priority int, active bool) map[string]any {
	return map[string]any{
		"name": name, "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
		"config": map[string][]string{
			"priority": {fmt.Sprint(priority)}, "algorithm": {"RS256"}, "keySize": {"2048"}, "enabled": {"true"}, "active": {fmt.Sprint(active)},
		},
	}
}
