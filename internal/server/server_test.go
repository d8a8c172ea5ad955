package server_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/server"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// homeYAML has one issuer, on loopback.
func homeYAML(home *devidp.Issuer) string {
	return `
server: {listen: 127.0.0.1:0, drain_delay: 0s}
admin: {listen: 127.0.0.1:0}
issuers: {home: {issuer: "` + home.ISS() + `", audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true}}
routes: [{name: open, match: /open, access: public}]
`
}

func TestServe(t *testing.T) {
	home := testbed.Issuer(t, testbed.Issuers(t), "home", devidp.IssuerConfig{Algorithm: "ES256"})
	s := serve(t, homeYAML(home))
	s.wait(t, "serving")
	for what, address := range map[string]string{"server": s.listen, "admin": s.admin} {
		if !strings.HasPrefix(address, "127.0.0.1:") || strings.HasSuffix(address, ":0") {
			t.Errorf("%s listens at %s", what, address)
		}
	}
	raw := mint(t, home, map[string]any{"aud": "orders-api", "sub": "alice"})
	for _, row := range [][3]string{
		{"/open", "", "public"}, {"/x", "", "credential_missing"}, {"/x", "Bearer " + raw, "allowed"},
		{"/x?" + raw, "Bearer null", "token_malformed"},
	} {
		if got := ask(t, s.listen, row[0], row[1]); got != row[2] {
			t.Errorf("%s: got %s; expected %s", row[0], got, row[2])
		}
	}
	t.Run("it logs what it trusts and relaxes", func(t *testing.T) {
		if trusted := s.log.Lines(t, "trusted issuer"); len(trusted) != 1 || trusted[0]["name"] != "home" || trusted[0]["audiences"] == nil {
			t.Errorf("trusted: %v", trusted)
		}
		var relaxed []string
		for _, line := range s.log.Lines(t, "relaxation active") {
			relaxed = append(relaxed, line["kind"].(string)+" "+line["where"].(string))
		}
		if !slices.Equal(relaxed, []string{"dangerously_allow_http issuers.home", "public open"}) {
			t.Errorf("relaxed: %v", relaxed)
		}
		warnings := s.log.Lines(t, "configuration warning")
		if len(warnings) != 1 || !strings.Contains(warnings[0]["warning"].(string), "dangerously_allow_http") {
			t.Errorf("warnings: %v", warnings)
		}
	})
	t.Run("it logs denials and no token", func(t *testing.T) {
		if got := s.log.Lines(t, "decision"); len(got) != 2 || got[0]["reason"] != "credential_missing" || got[1]["path"] != "/x" {
			t.Errorf("decisions: %v", got)
		}
		if strings.Contains(s.log.String(), raw[:40]) {
			t.Error("the log has a token")
		}
	})
	t.Run("its admin port", func(t *testing.T) { checkAdmin(t, s, home) })
}

// checkAdmin checks what the admin port shows.
func checkAdmin(t *testing.T, s *running, home *devidp.Issuer) {
	t.Helper()
	status, ready := s.readiness(t)
	start := s.log.Lines(t, "jwtgate test")[0]
	if status != http.StatusOK || !ready.Ready || ready.Config != start["config"] || ready.Replica != start["replica"] {
		t.Errorf("/readyz: %d %+v; the log has %v", status, ready, start)
	}
	if status, body := s.get(t, "/metrics", ""); status != http.StatusOK ||
		!strings.Contains(body, `jwtgate_checks_total{reason="allowed",route="default",verdict="allow"} 1`) ||
		!strings.Contains(body, `jwtgate_keys{issuer="home"} 1`) ||
		!strings.Contains(body, `jwtgate_key_fetches_total{issuer="home",result="ok"} 1`) ||
		!strings.Contains(body, `jwtgate_build_info{`) {
		t.Errorf("/metrics: %d\n%s", status, body)
	}
	_, body := s.get(t, "/issuers", "")
	if !strings.Contains(body, home.KeyID()) {
		t.Errorf("/issuers lacks the key:\n%s", body)
	}
	answer, err := http.Get(home.JWKSURL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var set struct{ Keys []map[string]string }
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("the key set: %v, %v", set, err)
	}
	for _, coordinate := range []string{"x", "y"} {
		if value := set.Keys[0][coordinate]; value == "" || strings.Contains(body, value) {
			t.Errorf("/issuers has the key's %s (%q)", coordinate, value)
		}
	}
}

// TestShutdown: a server whose context ended answers until the drain delay is over, and
// then closes its listeners.
func TestShutdown(t *testing.T) {
	s := serve(t, strings.Replace(publicYAML, "drain_delay: 0s", "drain_delay: 2s", 1))
	s.wait(t, "serving")
	s.cancel()
	stopping := time.Now()
	s.wait(t, "stopping")
	if got := ask(t, s.listen, "/open", ""); got != "public" {
		t.Errorf("while it drains: got %s; expected public", got)
	}
	s.stop(t)
	if took := time.Since(stopping); took < 2*time.Second {
		t.Errorf("it stopped after %s; expected the drain delay of 2s", took)
	}
	if n := len(s.log.Lines(t, "stopped")); n != 1 {
		t.Errorf("it logs \"stopped\" %d times:\n%s", n, s.log)
	}
	for _, address := range []string{s.listen, s.admin} {
		if _, err := net.Dial("tcp", address); err == nil {
			t.Errorf("%s is open", address)
		}
	}
}

// TestDecisionsHaveNoLevel: a log level that hides the server's own events does not hide
// the requests that it denies.
func TestDecisionsHaveNoLevel(t *testing.T) {
	socket := "unix:" + filepath.Join(t.TempDir(), "gate.sock")
	s := run(t, server.Config{
		ConfigFile: testutil.File(t, "jwtgate.yaml", publicYAML), Listen: socket, LogLevel: slog.LevelError,
	})
	if got := ask(t, socket, "/closed", ""); got != "route_denied" { // gRPC waits for the server
		t.Fatalf("got %q; expected route_denied\n%s", got, s.log)
	}
	if line := s.wait(t, "decision"); line["reason"] != "route_denied" || len(s.log.Lines(t, "serving")) > 0 {
		t.Errorf("the log:\n%s", s.log)
	}
}

func TestServeFromTheEnvironment(t *testing.T) {
	const pool = "us-west-1_6BpkgoczU"
	idp := testbed.Issuers(t)
	issuer := testbed.Issuer(t, idp, pool, devidp.IssuerConfig{ISS: "https://cognito-idp.us-west-1.amazonaws.com/" + pool})
	s := run(t, server.Config{Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", Getenv: environment(map[string]string{
		"COGNITO_USER_POOLS_ID": pool, "COGNITO_CLIENT_ID": "3v5exampleclient", "AWS_DEFAULT_REGION": "us-west-1",
		"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": idp.URL(),
	})})
	s.wait(t, "serving")
	if line := s.log.Lines(t, "jwtgate test")[0]; line["source"] != "environment" {
		t.Errorf("source %v", line["source"])
	}
	if len(s.log.Lines(t, "trusted issuer")) != 1 || strings.Contains(s.log.String(), "ignored") {
		t.Errorf("the log:\n%s", s.log)
	}
	for want, claims := range map[string]map[string]any{
		"allowed":            {"sub": "a", "token_use": "access", "client_id": "3v5exampleclient"},
		"client_mismatch":    {"sub": "a", "token_use": "access", "client_id": "another"},
		"token_use_mismatch": {"sub": "a", "token_use": "refresh", "client_id": "3v5exampleclient"},
	} {
		if got := ask(t, s.listen, "/any/path", "Bearer "+mint(t, issuer, claims)); got != want {
			t.Errorf("got %s; expected %s", got, want)
		}
	}
}

// TestServeIgnoresTheEnvironment: variables that a configuration file overrides are
// logged.
func TestServeIgnoresTheEnvironment(t *testing.T) {
	s := run(t, server.Config{ConfigFile: testutil.File(t, "jwtgate.yaml", publicYAML), Getenv: environment(map[string]string{
		"COGNITO_USER_POOLS_ID": "us-west-1_6BpkgoczU", "AWS_DEFAULT_REGION": "us-west-1",
	})})
	line := s.wait(t, "environment variables ignored, because there is a configuration file")
	names, _ := json.Marshal(line["variables"])
	if line["level"] != "WARN" || string(names) != `["COGNITO_USER_POOLS_ID","AWS_DEFAULT_REGION"]` {
		t.Errorf("%v", line)
	}
	if len(s.log.Lines(t, "trusted issuer")) > 0 {
		t.Errorf("the log:\n%s", s.log)
	}
}

// TestMistakes: a wrong configuration, with wrong certificates, is not served, and all its
// mistakes are known together.
func TestMistakes(t *testing.T) {
	file := testutil.File(t, "jwtgate.yaml", "server: {listen: 9001, tls: {cert_file: missing.pem, key_file: missing.key}}\n"+
		"routes: [{match: orders}]\ndefualt: deny\n")
	_, log, err := open(t, server.Config{ConfigFile: file})
	if _, ok := errors.AsType[config.Mistakes](err); !ok {
		t.Fatalf("got %v; expected mistakes", err)
	}
	for _, text := range []string{file + ":1:", "server.tls.cert_file", "server.tls.key_file", file + ":2:", `write "/orders"`, file + ":3:"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q is missing:\n%v", text, err)
		}
	}
	if log.String() != "" {
		t.Errorf("something was started:\n%s", log)
	}
	_, _, err = open(t, server.Config{ConfigFile: testutil.File(t, "jwtgate.yaml", publicYAML), CandidateFile: file})
	if _, ok := errors.AsType[config.Mistakes](err); !ok || !strings.Contains(err.Error(), file+":2:") {
		t.Errorf("a wrong candidate: %v", err)
	}
}

// TestServeWithoutKeys: a server starts although an issuer is unreachable. It answers
// public requests, reports an outage to others, and is not ready.
func TestServeWithoutKeys(t *testing.T) {
	idp := testbed.Issuers(t)
	home := testbed.Issuer(t, idp, "home", devidp.IssuerConfig{Algorithm: "ES256"})
	if err := idp.Pause(); err != nil {
		t.Fatal(err)
	}
	s := serve(t, homeYAML(home))
	s.wait(t, "serving")
	raw := mint(t, home, map[string]any{"aud": "orders-api", "sub": "alice"})
	if got := ask(t, s.listen, "/open", ""); got != "public" {
		t.Errorf("got %s; expected public", got)
	}
	if got := ask(t, s.listen, "/x", "Bearer "+raw); got != "keys_unavailable" {
		t.Errorf("got %s; expected keys_unavailable", got)
	}
	if status, state := s.readiness(t); status != http.StatusServiceUnavailable || state.Detail != "no issuer has keys; see /issuers" {
		t.Errorf("/readyz: %d %+v", status, state)
	}
	if status, _ := s.get(t, "/livez", ""); status != http.StatusOK {
		t.Errorf("/livez: %d", status)
	}
	if len(s.log.Lines(t, "key fetch failed")) == 0 {
		t.Errorf("the log lacks the outage:\n%s", s.log)
	}
}

// TestAdminHosts: the names of the admin port are those of the configuration that the
// server started with.
func TestAdminHosts(t *testing.T) {
	named := func(name string) string {
		return strings.Replace(publicYAML, "admin: {listen: 127.0.0.1:0}", "admin: {listen: 127.0.0.1:0, hosts: ["+name+"]}", 1)
	}
	file := testutil.File(t, "jwtgate.yaml", named("Gate.example"))
	s := run(t, server.Config{ConfigFile: file})
	check := func(when string) {
		t.Helper()
		for host, want := range map[string]int{"gate.example": http.StatusOK, "other.example": http.StatusMisdirectedRequest} {
			if got, _ := s.get(t, "/livez", host); got != want {
				t.Errorf("%s, %s: got %d; expected %d", when, host, got, want)
			}
		}
	}
	check("at the start")
	testutil.Replace(t, file, named("other.example"))
	s.wait(t, "server or admin has changed; the change takes effect after a restart")
	check("after the change")
}

func TestReplicaName(t *testing.T) {
	one, again, other := server.ReplicaName("127.0.0.1:9001"), server.ReplicaName("127.0.0.1:9001"), server.ReplicaName("127.0.0.1:9002")
	if one != again || one == other || len(one) != 8 || strings.Trim(one, "0123456789abcdef") != "" {
		t.Errorf("%q, %q and %q", one, again, other)
	}
	if host, err := os.Hostname(); err == nil && host != "" && strings.Contains(one, host) {
		t.Errorf("%q has the host's name", one)
	}
}

// TestReplicaNameByHand: the command of docs/operating.md prints the replica name of a pod,
// whose host name is the pod's name.
func TestReplicaNameByHand(t *testing.T) {
	page, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^printf .* POD .*$`).FindString(string(page))
	out, err := exec.Command("sh", "-c", strings.Replace(command, "POD", host, 1)).Output()
	if got, want := strings.TrimSpace(string(out)), server.ReplicaName("[::]:9001"); err != nil || got != want {
		t.Errorf("%s: %q, %v; expected %q", command, got, err, want)
	}
}
