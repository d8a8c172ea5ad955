package deploy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/deploy"
)

func TestResource(t *testing.T) {
	for _, name := range []string{"envoy-gateway/securitypolicy.yaml", "istio/mesh.yaml"} {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := deploy.Resource(name); err != nil || string(got) != string(want) {
			t.Errorf("%s: %d bytes, %v; want %d bytes", name, len(got), err, len(want))
		}
	}
	if _, err := deploy.Resource("istio/gateway.yaml"); err == nil || !strings.Contains(err.Error(), "istio/gateway.yaml") {
		t.Errorf("a file that is not printed: %v", err)
	}
}
