package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// envoyProxy is a running Envoy.
type envoyProxy struct {
	*testutil.Process
	address string // host:port that clients call
	admin   string // host:port of its admin interface
}

// startShippedEnvoy runs envoy/envoy.yaml with an origin, in front of the gate and the
// application at these addresses.
func startShippedEnvoy(t *testing.T, gate, application string) *envoyProxy {
	t.Helper()
	return startEditedEnvoy(t, []byte(shippedWithOrigin(t)), gate, application)
}

// shippedWithOrigin returns the shipped file with an origin whose pages may read answers.
// Without one, which is as it is shipped, the CORS filter does nothing.
func shippedWithOrigin(t *testing.T) string {
	t.Helper()
	const none, one = "allow_origin_string_match: []", `allow_origin_string_match: [ { exact: "http://localhost:3000" } ]`
	text := read(t, "../../envoy/envoy.yaml")
	if strings.Count(text, none) != 1 {
		t.Fatalf("the shipped file does not contain %q once", none)
	}
	return strings.Replace(text, none, one, 1)
}

// startEditedEnvoy runs a marked Envoy file with other addresses and ports, and fails the
// test if the edit changes anything else.
func startEditedEnvoy(t *testing.T, file []byte, gate, application string) *envoyProxy {
	t.Helper()
	address, admin := freeAddress(t), freeAddress(t)
	edited, err := envoy.Apply(file, envoy.Edit{Listen: address, Admin: admin, Gate: gate, App: application})
	if err != nil {
		t.Fatal(err)
	}
	onlyAddressesDiffer(t, file, edited)
	return startEnvoy(t, edited, address, admin)
}

// startBareEnvoy runs testdata/bare.yaml, with Envoy's default settings and a minimal
// ext_authz filter.
func startBareEnvoy(t *testing.T, gate, application string) *envoyProxy {
	t.Helper()
	file, err := os.ReadFile("testdata/bare.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return startBareFile(t, file, gate, application)
}

// startBareFile runs a file with the addresses of testdata/bare.yaml.
func startBareFile(t *testing.T, file []byte, gate, application string) *envoyProxy {
	t.Helper()
	address, admin := freeAddress(t), freeAddress(t)
	edited, err := envoy.Apply(file, envoy.Edit{Listen: address, Admin: admin, Gate: gate})
	if err != nil {
		t.Fatal(err)
	}
	// One cluster: the bare file has one place for the application, not two.
	edited = []byte(strings.Replace(string(edited), "port_value: 9090", "port_value: "+port(application), 1))
	onlyAddressesDiffer(t, file, edited)
	return startEnvoy(t, edited, address, admin)
}

// startEnvoy runs a bootstrap until the test ends, with further flags, and waits
// until it serves.
func startEnvoy(t *testing.T, bootstrap []byte, address, admin string, flags ...string) *envoyProxy {
	t.Helper()
	return &envoyProxy{Process: programs.StartEnvoy(t, envoyBinary, bootstrap, admin, flags...), address: address, admin: admin}
}

// ask calls Envoy's admin interface; the error describes an unexpected answer.
func (p *envoyProxy) ask(t *testing.T, method, path, want string) error {
	return programs.Ask(t, method, "http://"+p.admin+path, want)
}

// accessLog waits for the first n lines of the shipped file's access log.
func (p *envoyProxy) accessLog(t *testing.T, n int) []map[string]any {
	t.Helper()
	var lines []map[string]any
	eventually(t, 12*time.Second, "the access log", func() error {
		lines = nil
		for text := range strings.Lines(p.Output.String()) {
			var line map[string]any
			if json.Unmarshal([]byte(text), &line) == nil {
				lines = append(lines, line)
			}
		}
		if len(lines) < n {
			return fmt.Errorf("%d lines of %d", len(lines), n)
		}
		return nil
	})
	return lines[:n]
}

// onlyAddressesDiffer fails the test unless the two YAML trees are the same except for
// addresses and ports.
func onlyAddressesDiffer(t *testing.T, before, after []byte) {
	t.Helper()
	old, edited := leaves(t, before), leaves(t, after)
	for path := range edited {
		if _, ok := old[path]; !ok {
			t.Fatalf("the edit of the Envoy file adds %s", path)
		}
	}
	for path, value := range old {
		now, ok := edited[path]
		if !ok {
			t.Fatalf("the edit of the Envoy file removes %s", path)
		}
		isAddress := strings.HasSuffix(path, ".socket_address.address") || strings.HasSuffix(path, ".socket_address.port_value")
		if now != value && !isAddress {
			t.Fatalf("the edit of the Envoy file changes %s from %s to %s", path, value, now)
		}
	}
}

// leaves returns every scalar of a YAML document by its path.
func leaves(t *testing.T, file []byte) map[string]string {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal(file, &tree); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(path string, node any)
	walk = func(path string, node any) {
		switch node := node.(type) {
		case map[string]any:
			for key, value := range node {
				walk(path+"."+key, value)
			}
		case []any:
			for i, value := range node {
				walk(fmt.Sprintf("%s[%d]", path, i), value)
			}
		default:
			found[path] = fmt.Sprint(node)
		}
	}
	walk("", tree)
	return found
}

// port is the port of host:port.
func port(address string) string {
	return address[strings.LastIndexByte(address, ':')+1:]
}
