package programs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Keycloak is a running Keycloak with one realm.
type Keycloak struct {
	URL   string
	Realm string // its name
	ISS   string // of the realm's tokens
}

// StartKeycloak runs the Keycloak of a folder until the test ends, with an empty database in
// memory, and imports a realm. address is host:port.
func StartKeycloak(t testing.TB, home, address string, realm map[string]any) *Keycloak {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprint(realm["realm"])
	k := &Keycloak{URL: "http://" + address, Realm: name, ISS: "http://" + address + "/realms/" + name}
	// Not by its script, which runs Java as a child that would not end with it.
	cmd := exec.Command("java", "-Xms64m", "-Xmx512m", "-XX:MaxMetaspaceSize=256m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
		"-Dkc.home.dir="+home, "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
		"-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
		"--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
		"--add-opens=java.base/java.security=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED",
		"-cp", filepath.Join(home, "lib", "quarkus-run.jar"), "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
		"start", "--optimized", "--http-enabled=true", "--http-host=127.0.0.1", "--http-port="+port, "--hostname="+k.URL,
		"--cache=local", "--log-level=warn")
	cmd.Env = append(Environment(), "KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD=admin")
	p := Start(t, "Keycloak", cmd)
	began := time.Now()
	p.Eventually(t, 4*time.Minute, "Keycloak serves", func() error {
		response, err := http.Get(k.URL + "/realms/master") // the first answer takes long
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	})
	k.Admin(t, http.MethodPost, "/admin/realms", realm, http.StatusCreated)
	t.Logf("Keycloak serves %v after its start", time.Since(began).Round(time.Second))
	return k
}

// Admin makes one request to the admin API, whose answer must have this status, and returns
// its Location.
func (k *Keycloak) Admin(t testing.TB, method, path string, body any, want int) (location string) {
	t.Helper()
	response, text := k.AdminAnswer(t, method, path, body)
	if response.StatusCode != want {
		t.Fatalf("%s %s: %s %s", method, path, response.Status, text)
	}
	return response.Header.Get("Location")
}

// AdminAnswer makes one request to the admin API, and returns the answer and its body.
func (k *Keycloak) AdminAnswer(t testing.TB, method, path string, body any) (*http.Response, []byte) {
	t.Helper()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, k.URL+path, content)
	if err != nil {
		t.Fatal(err)
	}
	// It lives for a minute, so each request gets its own.
	tokens, err := k.Grant("master",
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
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, text
}

// GrantedTokens is the answer of the token endpoint, RFC 6749 section 5.1.
type GrantedTokens struct {
	Access string `json:"access_token"`
	ID     string `json:"id_token"`
}

// Grant calls a realm's token endpoint.
func (k *Keycloak) Grant(realm string, form url.Values) (GrantedTokens, error) {
	var tokens GrantedTokens
	response, err := http.PostForm(k.URL+"/realms/"+realm+"/protocol/openid-connect/token", form)
	if err != nil {
		return tokens, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return tokens, err
	}
	if response.StatusCode != http.StatusOK {
		return tokens, fmt.Errorf("the token endpoint answers %s %s", response.Status, body)
	}
	return tokens, json.Unmarshal(body, &tokens)
}
