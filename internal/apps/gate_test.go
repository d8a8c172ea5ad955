//go:build apps

package apps

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// caller is who sends a request. The zero value has no token.
type caller struct {
	subject, groups, token string
}

// name returns the caller's name in messages.
func (c caller) name() string {
	if c.token == "" {
		return "no token"
	}
	return c.subject
}

// callers are the users whose tokens the tests send.
type callers struct {
	nobody  caller
	mallory caller // a valid token, in no group
	victim  caller // a valid token, in no group
	alice   caller // in the group admin
}

// startIssuer returns the path of a file with the issuer's public keys, and
// tokens that it signed. The issuer is the user pool that the README names.
func startIssuer(t *testing.T) (keys string, all callers) {
	t.Helper()
	issuer := testbed.Issuer(t, testbed.Issuers(t), "cruddur",
		devidp.IssuerConfig{ISS: "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU"})
	mint := func(subject string, groups ...string) caller {
		claims := map[string]any{
			"sub": subject, "username": subject, "token_use": "access", "client_id": "3v5exampleclient", "jti": subject,
		}
		if len(groups) > 0 {
			claims["cognito:groups"] = groups
		}
		token, err := issuer.Mint(claims, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return caller{subject: subject, groups: strings.Join(groups, ","), token: token}
	}
	set, err := get(issuer.JWKSURL())
	if err != nil {
		t.Fatal(err)
	}
	return testutil.File(t, "keys.json", set), callers{mallory: mint("mallory"), victim: mint("victim"), alice: mint("alice", "admin")}
}

// get returns the body of a 200 answer.
func get(url string) (string, error) {
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", response.StatusCode, body)
	}
	return string(body), err
}

// readmeConfiguration returns the first configuration of the README's section
// "The configuration". Only the place of the keys is added to it, so the tests
// fail if the README's example becomes weaker.
func readmeConfiguration(t *testing.T, keys string) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)\n## The configuration\n.*?\n```yaml\n(.*?)```\n").FindSubmatch(readme)
	if found == nil {
		t.Fatal("README.md: the section \"The configuration\" has no YAML block")
	}
	return withKeys(t, string(found[1]), keys)
}

// withKeys says where the keys of the one issuer are.
func withKeys(t *testing.T, configuration, keys string) string {
	t.Helper()
	const clients = "clients: [3v5exampleclient]}"
	if strings.Count(configuration, clients) != 1 {
		t.Fatalf("the configuration does not have exactly one issuer with %q:\n%s", clients, configuration)
	}
	return strings.Replace(configuration, clients, fmt.Sprintf("clients: [3v5exampleclient], jwks: {file: %q}}", keys), 1)
}

// probesConfiguration has the rules that a different reading of method, path or
// host could lead around.
func probesConfiguration(t *testing.T, keys string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/probes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return withKeys(t, string(text), keys)
}

// startGate runs `jwtgate serve` and returns the address that Envoy calls.
func startGate(t *testing.T, name, configuration string) string {
	t.Helper()
	file := testutil.File(t, name+".yaml", configuration)
	address := freeAddress(t)
	programs.StartGate(t, jwtgateBinary, file, address, freeAddress(t))
	return address
}

// startEnvoy runs the shipped Envoy file with other addresses, and returns the
// address that clients call.
func startEnvoy(t *testing.T, gate, application string) string {
	t.Helper()
	address, admin := freeAddress(t), freeAddress(t)
	bootstrap, err := envoy.Bootstrap(envoy.Edit{
		Listen: address, Admin: admin, Gate: gate, App: application, Origins: []string{"http://localhost:3000"},
	})
	if err != nil {
		t.Fatal(err)
	}
	programs.StartEnvoy(t, filepath.Join(toolsDir, "envoy", "bin", "envoy"), bootstrap, admin)
	return address
}
