package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// startUnder is startServe in a shell that sets limits or redirects its output: `ulimit -n
// 64; exec "$@"`.
func startUnder(t *testing.T, shell, config string, env []string) *gateProcess {
	t.Helper()
	g := &gateProcess{address: freeAddress(t), admin: freeAddress(t)}
	cmd := exec.Command("/bin/sh", "-c", shell, "sh", jwtgateBinary, "serve", "--listen", g.address, "--admin-listen", g.admin,
		"--config", config)
	cmd.Env = append(programs.Environment(), env...)
	g.Process = programs.Start(t, "jwtgate", cmd)
	return g
}

// faulty is a gate with a fault, under load.
type faulty struct {
	issuers issuers
	gate    *gateProcess
	shipped *envoyProxy
	load    *load
}

// startFaulty starts Envoy and a steady load for a gate that a test started.
func startFaulty(t *testing.T, i issuers, gate *gateProcess) faulty {
	t.Helper()
	gate.waitReady(t)
	gate.waitServing(t)
	f := faulty{issuers: i, gate: gate, shipped: startShippedEnvoy(t, gate.address, startMirror(t))}
	f.load = startLoad(t, f.shipped, 100, mixed(t, i))
	f.goesOn(t)
	return f
}

// goesOn waits for the requests of another second.
func (f faulty) goesOn(t *testing.T) {
	t.Helper()
	f.load.reaches(t, int(f.load.sent.Load())+100)
}

// end stops the load, of which no request may have failed, and then the gate, which must
// stop gracefully.
func (f faulty) end(t *testing.T) {
	t.Helper()
	f.goesOn(t)
	f.load.stop()
	f.load.lostNone(t)
	t.Logf("%d sent, %d failed, %d wrong, slowest %v", f.load.sent.Load(), f.load.failed.Load(), f.load.wrong.Load(),
		f.load.slowest.Round(time.Millisecond))
	f.gate.Terminate(t)
	if code := f.gate.Wait(t, 15*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestKeysThatCannotBeCached: if no file can grow, as on a full disk, the gate uses keys
// without caching them, leaves no partial file, and reports the reason at /issuers. It
// continues to make decisions.
func TestKeysThatCannotBeCached(t *testing.T) {
	i, dir := startIssuers(t), filepath.Join(t.TempDir(), "keys")
	file := testutil.File(t, "jwtgate.yaml", fmt.Sprintf("cache_dir: %q\n", dir)+replicasFile)
	gate := startUnder(t, `ulimit -f 0; exec "$@"`, file, i.environment())
	f := startFaulty(t, i, gate)
	eventually(t, 10*time.Second, "the log says so", func() error { return says(gate, "writing keys to cache_dir failed") })
	if _, body, err := gate.adminGet(t, "/issuers"); err != nil || !strings.Contains(body, `"cache_error"`) ||
		!strings.Contains(body, "file too large") {
		t.Errorf("/issuers does not say why: %v\n%s", err, body)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	f.end(t)
}

// TestALogWithoutReader: the reader of standard error is gone. The gate drops and counts
// lines, continues to make decisions, and stops gracefully.
func TestALogWithoutReader(t *testing.T) {
	i, pipe := startIssuers(t), filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	gate := startUnder(t, fmt.Sprintf(`exec "$@" 2>%q`, pipe), testutil.File(t, "jwtgate.yaml", replicasFile), i.environment())
	reader, err := os.OpenFile(pipe, os.O_RDONLY, 0) // once the shell writes there
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	f := startFaulty(t, i, gate)
	if lost := gate.metric(t, "jwtgate_audit_dropped_total"); lost < 10 {
		t.Errorf("%v lost lines are counted", lost)
	}
	f.end(t)
}

// TestAuditOnAFullDisk: the gate counts decisions that it cannot write, and continues to
// make decisions.
func TestAuditOnAFullDisk(t *testing.T) {
	i := startIssuers(t)
	gate := startUnder(t, `exec "$@" >/dev/full`, testutil.File(t, "jwtgate.yaml", replicasFile+"audit: {allowed: all, to: stdout}\n"),
		i.environment())
	f := startFaulty(t, i, gate)
	if lost := gate.metric(t, "jwtgate_audit_dropped_total"); lost < 50 {
		t.Errorf("%v lost lines are counted", lost)
	}
	f.end(t)
	if text := gate.Output.String(); strings.Contains(text, `"msg":"decision"`) || !strings.Contains(text, `"msg":"stopped"`) {
		t.Errorf("the rest of the log is not as it was:\n%s", testutil.LastLines(text, 5))
	}
}

// TestFewOpenFiles: other clients use up the connections that the process can have. Further
// clients wait; the gate still answers on Envoy's open connection; once some connections
// end, it accepts new ones.
func TestFewOpenFiles(t *testing.T) {
	i := startIssuers(t)
	gate := startUnder(t, `ulimit -n 64; exec "$@"`, testutil.File(t, "jwtgate.yaml", replicasFile), i.environment())
	f := startFaulty(t, i, gate)
	var strangers []net.Conn
	defer func() {
		for _, connection := range strangers {
			_ = connection.Close()
		}
	}()
	for range 200 {
		connection, err := net.DialTimeout("tcp", gate.address, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		strangers = append(strangers, connection)
		if _, err := connection.Write([]byte(greeting)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 10*time.Second, "no file is left", func() error {
		if n := openFiles(t, gate); n < 64 {
			return fmt.Errorf("%d are open", n)
		}
		return nil
	})
	for range 3 {
		f.goesOn(t)
	}
	for _, connection := range strangers {
		_ = connection.Close()
	}
	strangers = nil
	eventually(t, 20*time.Second, "new connections are served", func() error { return gate.serving(t) })
	if _, err := gate.readyz(t); err != nil {
		t.Error(err)
	}
	f.end(t)
}

// greeting is the beginning of an HTTP/2 connection (RFC 9113 section 3.4).
const greeting = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// openFiles returns how many files the program has open.
func openFiles(t *testing.T, g *gateProcess) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestACertificateThatCannotBeRead: the files of server.tls are removed, or become invalid.
// The gate keeps the previous certificate, and reports the failure; it loads the files that
// replace them.
func TestACertificateThatCannotBeRead(t *testing.T) {
	ca, i := newAuthority(t), startIssuers(t)
	dir := t.TempDir()
	certificate, key := testutil.CertificatePEM(t, ca.server(t))
	names := [3]string{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "ca.crt")}
	for n, text := range []string{certificate, key, ca.pem()} {
		if err := os.WriteFile(names[n], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	gate := startGateUnready(t, tlsConfig(t, side{&mounted{dir: dir}}, envoyName), i.environment()...)
	gate.waitReady(t)
	works := func(when string) {
		t.Helper()
		if err := shakesHands(gate.address, ca, ca.client(t, envoyName)); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	works("before")
	refused := func(when, file string) {
		t.Helper()
		eventually(t, 20*time.Second, when, func() error {
			if s, err := gate.state(t); err != nil || !s.Ready || !strings.Contains(s.Refused, file) {
				return fmt.Errorf("/readyz tells %+v, %v", s, err)
			}
			return nil
		})
		works(when)
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	refused("without a certificate", "tls.crt")
	if err := os.Mkdir(names[0], 0o700); err != nil { // not readable, even by root
		t.Fatal(err)
	}
	if err := os.Remove(names[1]); err != nil {
		t.Fatal(err)
	}
	refused("with a folder in its place, and no key", "tls.key")
	certificate, key = testutil.CertificatePEM(t, ca.server(t))
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	replaceFile(t, names[0], certificate)
	replaceFile(t, names[1], key)
	eventually(t, 20*time.Second, "the new one is taken up", func() error {
		if s, err := gate.state(t); err != nil || s.Refused != "" {
			return fmt.Errorf("/readyz tells %+v, %v", s, err)
		}
		return nil
	})
	works("with the new one")
}

// TestAPortInUse: a second gate on the gRPC or admin port of the first ends immediately
// with a hint, and the first is not affected.
func TestAPortInUse(t *testing.T) {
	i, file := startIssuers(t), testutil.File(t, "jwtgate.yaml", replicasFile)
	gate := startGate(t, file, i.environment()...)
	for what, args := range map[string][]string{
		"server.listen: " + gate.address: {"--listen", gate.address, "--admin-listen", freeAddress(t)},
		"admin.listen: " + gate.admin:    {"--listen", freeAddress(t), "--admin-listen", gate.admin},
	} {
		got := jwtgate(t, i.environment(), append([]string{"serve", "--config", file}, args...)...)
		want := what + " is in use; stop the process that listens there, or choose another address"
		if got.code != 2 || !strings.Contains(got.stderr, want) {
			t.Errorf("exit code %d, want 2 and %q:\n%s", got.code, want, got.stderr)
		}
		if err := gate.serving(t); err != nil {
			t.Error(err)
		}
	}
}

// TestAdminUnderLoad: hundreds of requests a second to the admin port do not affect
// decisions.
func TestAdminUnderLoad(t *testing.T) {
	i := startIssuers(t)
	f := startFaulty(t, i, startGate(t, testutil.File(t, "jwtgate.yaml", replicasFile), i.environment()...))
	done := make(chan struct{})
	var asked, failed atomic.Int64
	client := http.Client{Timeout: clientTimeout}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		pages := []string{"/metrics", "/readyz", "/issuers", "/livez", "/decisions/none"}
		places := make(chan struct{}, 4)
		pace := time.NewTicker(3 * time.Millisecond)
		defer pace.Stop()
		for n := 0; ; n++ {
			<-pace.C
			select {
			case <-done:
				for range cap(places) {
					places <- struct{}{}
				}
				return
			case places <- struct{}{}:
			}
			go func() {
				defer func() { <-places }()
				response, err := client.Get("http://" + f.gate.admin + pages[n%len(pages)])
				if err != nil {
					failed.Add(1)
					return
				}
				_ = response.Body.Close()
				asked.Add(1)
			}()
		}
	}()
	for range 4 {
		f.goesOn(t)
	}
	close(done)
	<-stopped
	if asked.Load() < 200 || failed.Load() != 0 {
		t.Errorf("%d pages were read, %d were not", asked.Load(), failed.Load())
	}
	t.Logf("%d pages of the admin port", asked.Load())
	f.end(t)
}
