//go:build providers

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// keycloak is a running Keycloak with the realm of testdata/keycloak-realm.json.
type keycloak struct {
	url string
	iss string
}

// startKeycloak runs Keycloak until the test ends, with an empty database in memory.
func startKeycloak(t *testing.T) *keycloak {
	t.Helper()
	home, err := filepath.Abs("../../.tools/keycloak/server")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(home); err != nil {
		t.Fatalf("Keycloak is not there: run `make test-providers` (%v)", err)
	}
	address := freeAddress(t)
	k := &keycloak{url: "http://" + address, iss: "http://" + address + "/realms/shop"}
	// Not by its script, which runs Java as a child that would not end with it.
	cmd := exec.Command("java", "-Xms64m", "-Xmx512m", "-XX:MaxMetaspaceSize=256m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
		"-Dkc.home.dir="+home, "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
		"-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
		"--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
		"--add-opens=java.base/java.security=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED",
		"-cp", filepath.Join(home, "lib", "quarkus-run.jar"), "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
		"start", "--optimized", "--http-enabled=true", "--http-host=127.0.0.1", "--http-port="+port(address), "--hostname="+k.url,
		"--cache=local", "--log-level=warn")
	cmd.Env = append(programs.Environment(), "KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD=admin")
	p := programs.Start(t, "Keycloak", cmd)
	began := time.Now()
	p.Eventually(t, 2*time.Minute, "Keycloak serves", func() error {
		response, err := http.Get(k.url + "/realms/master")
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	})
	k.admin(t, http.MethodPost, "/admin/realms", realm(t), http.StatusCreated)
	t.Logf("Keycloak serves %v after its start", time.Since(began).Round(time.Second))
	return k
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

// admin makes one request to the admin API, whose answer must have this status, and returns
// its Location.
func (k *keycloak) admin(t *testing.T, method, path string, body any, want int) (location string) {
	t.Helper()
	response, text := k.adminAnswer(t, method, path, body)
	if response.StatusCode != want {
		t.Fatalf("%s %s: %s %s", method, path, response.Status, text)
	}
	return response.Header.Get("Location")
}

func (k *keycloak) adminAnswer(t *testing.T, method, path string, body any) (*http.Response, []byte) {
	t.Helper()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, k.url+path, content)
	if err != nil {
		t.Fatal(err)
	}
	// It lives for a minute, so each request gets its own.
	tokens, err := k.grant("master",
		url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}})
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+tokens.Access)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, text
}

// grantedTokens is the answer of the token endpoint, RFC 6749 section 5.1.
type grantedTokens struct {
	Access string `json:"access_token"`
	ID     string `json:"id_token"`
}

// grant calls a realm's token endpoint.
func (k *keycloak) grant(realm string, form url.Values) (grantedTokens, error) {
	var tokens grantedTokens
	response, err := http.PostForm(k.url+"/realms/"+realm+"/protocol/openid-connect/token", form)
	if err != nil {
		return tokens, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return tokens, err
	}
	if response.StatusCode != http.StatusOK {
		return tokens, fmt.Errorf("the token endpoint answers %s %s", response.Status, body)
	}
	return tokens, json.Unmarshal(body, &tokens)
}

// machineToken returns a new token of a client itself.
func (k *keycloak) machineToken(t *testing.T, client string) string {
	t.Helper()
	tokens, err := k.grant("shop",
		url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {"secret-of-" + client}})
	if err != nil {
		t.Error(err) // not Fatal: the traffic asks on a goroutine of its own
	}
	return tokens.Access
}

// userTokens returns the tokens of the user ann at a client.
func (k *keycloak) userTokens(t *testing.T, client string) grantedTokens {
	t.Helper()
	tokens, err := k.grant("shop", url.Values{
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
	response, err := http.Get(k.iss + "/protocol/openid-connect/certs")
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
	_, text := k.adminAnswer(t, http.MethodGet, path, nil)
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
