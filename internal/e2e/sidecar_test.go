//go:build !race

package e2e

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// startSidecar runs the shipped Envoy file with jwtgate's Unix socket as its address, and
// fails the test if anything else differs.
func startSidecar(t *testing.T, socket, application string) *envoyProxy {
	t.Helper()
	address, admin := freeAddress(t), freeAddress(t)
	edit := envoy.Edit{Listen: address, Admin: admin, App: application}
	beside, err := envoy.Bootstrap(edit)
	if err != nil {
		t.Fatal(err)
	}
	edit.Gate = "unix:" + socket
	file, err := envoy.Bootstrap(edit)
	if err != nil {
		t.Fatal(err)
	}
	const cluster = ".static_resources.clusters[0]."
	before, after := leaves(t, beside), leaves(t, file)
	if before[cluster+"name"] != "jwtgate" || after[cluster+"type"] != "STATIC" {
		t.Fatalf("cluster %q is of type %q", before[cluster+"name"], after[cluster+"type"])
	}
	for _, tree := range []map[string]string{before, after} {
		maps.DeleteFunc(tree, func(path, _ string) bool {
			return path == cluster+"type" || strings.HasPrefix(path, cluster+"load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.")
		})
	}
	if !maps.Equal(before, after) {
		t.Fatal("something other than jwtgate's address is changed")
	}
	path := testutil.File(t, "envoy.yaml", string(file))
	validate(t, path)
	return startEnvoy(t, file, address, admin)
}

// TestASidecarOnAUnixSocket: a Unix socket works like an address; only its owner and group
// can open it; after jwtgate was killed, the next one replaces its socket, and Envoy
// reconnects.
func TestASidecarOnAUnixSocket(t *testing.T) {
	issuers, application := startIssuers(t), startApplication(t)
	socket := filepath.Join(t.TempDir(), "gate.sock")
	config := testutil.File(t, "jwtgate.yaml", strings.Replace(twoIssuers, "server: {", `server: {listen: "unix:`+socket+`", `, 1))
	serve := func() *gateProcess {
		g := startServeWhereConfigured(t, "unix:"+socket, freeAddress(t), []string{"--config", config}, issuers.environment())
		g.waitServing(t)
		g.waitReady(t)
		return g
	}
	gate := serve()
	info, err := os.Lstat(socket)
	if err != nil || info.Mode()&fs.ModeSocket == 0 || info.Mode().Perm() != 0o660 {
		t.Fatalf("the socket: %v, %v, want one of mode 0660", info.Mode(), err)
	}
	proxy := startSidecar(t, socket, application.address)
	user := call{line: "GET /orders", headers: []string{bearer(mint(t, issuers.cruddur, access(nil))), "x-user-id: forged"}}
	works := func() {
		t.Helper()
		eventually(t, 10*time.Second, "Envoy asks jwtgate", func() error {
			return proxy.ask(t, "GET", "/stats?filter=^cluster.jwtgate.membership_healthy$", "membership_healthy: 1")
		})
		application.take()
		if got := http1(t, proxy.address, user); got.Status != 200 {
			t.Fatalf("status %d %s, want 200", got.Status, got.Body)
		}
		if id := application.only(t).Header.Values("X-User-Id"); len(id) != 1 || id[0] != "4f0c5b8e-ann" {
			t.Errorf("the application received x-user-id %q", id)
		}
		denial{wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError}.check(t,
			http1(t, proxy.address, call{line: "GET /orders"}))
	}
	works()

	gate.Kill() // as the OOM killer does, so that the socket remains
	if _, err := os.Lstat(socket); err != nil {
		t.Fatalf("the socket of a killed jwtgate: %v", err)
	}
	if got := http1(t, proxy.address, user); got.Status != 503 {
		t.Errorf("without jwtgate: status %d, want 503", got.Status)
	}
	if reached := application.take(); len(reached) != 0 {
		t.Errorf("without jwtgate the application received %v", reached)
	}
	gate = serve()
	works()

	gate.Terminate(t)
	if code := gate.Wait(t, 10*time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is there after an orderly end")
	}
	serve()
	works()
}

// TestTheSidecarsEditIsDocumented: the comments of the shipped file and the documentation
// describe the edit.
func TestTheSidecarsEditIsDocumented(t *testing.T) {
	file, err := envoy.Bootstrap(envoy.Edit{Gate: "unix:/run/jwtgate/gate.sock"})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"type: STATIC", `pipe: { path: "/run/jwtgate/gate.sock" }`} {
		if !bytes.Contains(file, []byte(line)) {
			t.Errorf("the edited file does not hold %q", line)
		}
		if page := read(t, "../../docs/configuration.md"); !strings.Contains(page, line) {
			t.Errorf("docs/configuration.md does not say %q", line)
		}
	}
	if !strings.Contains(read(t, "../../envoy/envoy.yaml"), `#   pipe: { path: "/run/jwtgate/gate.sock" }`) {
		t.Error("the comment in envoy.yaml says otherwise")
	}
}
