package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jwtgate/jwtgate/internal/devidp"
)

// ask has a request decided by what listens at address, and returns the reason.
func ask(t *testing.T, address, path, token string) string {
	t.Helper()
	conn, err := grpc.NewClient(target(address), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	answer, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Host: "api.example", Path: path, Headers: map[string]string{"authorization": token},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	metadata, _ := answer.GetDynamicMetadata().AsMap()["jwtgate"].(map[string]any)
	reason, _ := metadata["reason"].(string)
	return reason
}

func TestServe(t *testing.T) {
	alone(t)
	idp := startIDP(t)
	home := addIssuer(t, idp, "home", devidp.IssuerConfig{Algorithm: "ES256"})
	t.Setenv("HOME_ISS", home.ISS())
	s := serve(t, "--config", write(t, "jwtgate.yaml", publicYAML[:strings.Index(publicYAML, "default")]+`
issuers: {home: {issuer: "${HOME_ISS}", audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true}}
routes: [{name: open, match: /open, access: public}]
`))
	s.wait(t, "serving")
	for what, address := range map[string]string{"server": s.listen, "admin": s.admin} {
		if !strings.HasPrefix(address, "127.0.0.1:") || strings.HasSuffix(address, ":0") {
			t.Errorf("%s listens at %s", what, address)
		}
	}
	raw, err := home.Mint(map[string]any{"aud": "orders-api", "sub": "alice"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range [][3]string{
		{"/open", "", "public"}, {"/x", "", "credential_missing"}, {"/x", "Bearer " + raw, "allowed"}, {"/x?" + raw, "Bearer null", "token_malformed"},
	} {
		if got := ask(t, s.listen, row[0], row[1]); got != row[2] {
			t.Errorf("%s: %s, want %s", row[0], got, row[2])
		}
	}
	t.Run("it says what it trusts and what is open", func(t *testing.T) {
		if trusted := s.log.lines(t, "trusted issuer"); len(trusted) != 1 || trusted[0]["name"] != "home" || trusted[0]["audiences"] == nil {
			t.Errorf("trusted: %v", trusted)
		}
		var open []string
		for _, line := range s.log.lines(t, "open by configuration") {
			open = append(open, line["kind"].(string)+" "+line["where"].(string))
		}
		if !slices.Equal(open, []string{"dangerously_allow_http issuers.home", "public open"}) {
			t.Errorf("open: %v", open)
		}
		if warned := s.log.lines(t, "configuration"); len(warned) != 1 || !strings.Contains(warned[0]["warning"].(string), "dangerously_allow_http") {
			t.Errorf("warnings: %v", warned)
		}
	})
	t.Run("it records denials and no token", func(t *testing.T) {
		if got := s.log.lines(t, "decision"); len(got) != 2 || got[0]["reason"] != "credential_missing" || got[1]["path"] != "/x" {
			t.Errorf("decisions: %v", got)
		}
		if strings.Contains(s.log.String(), raw[:40]) {
			t.Error("a token stands in the log")
		}
	})
	t.Run("its admin server", func(t *testing.T) { checkAdmin(t, s, home) })
	t.Run("a signal", func(t *testing.T) {
		if code := s.stop(t); code != exitYes {
			t.Errorf("exit code %d\n%s", code, s.log)
		}
		if len(s.log.lines(t, "stopping")) != 1 || len(s.log.lines(t, "stopped")) != 1 {
			t.Errorf("it does not say that it stops:\n%s", s.log)
		}
		for _, address := range []string{s.listen, s.admin} {
			if _, err := net.Dial("tcp", address); err == nil {
				t.Errorf("%s is open", address)
			}
		}
	})
}

// checkAdmin asks everything of the admin server of one that serves.
func checkAdmin(t *testing.T, s *served, home *devidp.Issuer) {
	t.Helper()
	status, body := s.get(t, "/readyz")
	var ready map[string]any
	if err := json.Unmarshal([]byte(body), &ready); err != nil || status != 200 || ready["ready"] != true {
		t.Errorf("/readyz: %d %s", status, body)
	}
	start := s.log.lines(t, "jwtgate "+version)[0]
	if ready["config"] != start["config"] || ready["replica"] != start["replica"] {
		t.Errorf("/readyz says %v and the log %v", ready, start)
	}
	if status, body := s.get(t, "/metrics"); status != 200 ||
		!strings.Contains(body, `jwtgate_checks_total{reason="allowed",route="default",verdict="allow"} 1`) ||
		!strings.Contains(body, `jwtgate_keys{issuer="home"} 1`) ||
		!strings.Contains(body, `jwtgate_key_fetches_total{issuer="home",result="ok"} 1`) ||
		!strings.Contains(body, `jwtgate_build_info{`) {
		t.Errorf("/metrics: %d\n%s", status, body)
	}
	_, body = s.get(t, "/issuers")
	if !strings.Contains(body, home.KeyID()) {
		t.Errorf("/issuers does not name the key:\n%s", body)
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
			t.Errorf("/issuers holds the key's %s (%q)", coordinate, value)
		}
	}
}

// The file is one of four places; each is before the next: flag, variable,
// file, default.
func TestServeSettings(t *testing.T) {
	alone(t)
	ports := func(n int) []string { // that are free, or were a moment ago
		var free []string
		for range n {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			free = append(free, l.Addr().String())
		}
		return free
	}
	free := ports(6)
	file := write(t, "jwtgate.yaml", strings.Replace(strings.Replace(publicYAML, "127.0.0.1:0", free[0], 1), "127.0.0.1:0", free[1], 1))
	listens := func(t *testing.T, want [2]string, args ...string) {
		t.Helper()
		s := serve(t, args...)
		if got := [2]string{s.listen, s.admin}; got != want {
			t.Errorf("listens at %v, want %v", got, want)
		}
		if code := s.stop(t); code != exitYes {
			t.Errorf("exit code %d", code)
		}
	}
	t.Run("file", func(t *testing.T) { listens(t, [2]string{free[0], free[1]}, "--config", file) })
	t.Setenv("JWTGATE_CONFIG", file)
	t.Run("file named by a variable", func(t *testing.T) { listens(t, [2]string{free[0], free[1]}) })
	t.Setenv("JWTGATE_LISTEN", free[2])
	t.Setenv("JWTGATE_ADMIN_LISTEN", free[3])
	t.Run("variable before file", func(t *testing.T) { listens(t, [2]string{free[2], free[3]}) })
	t.Run("flag before variable", func(t *testing.T) {
		listens(t, [2]string{free[4], free[5]}, "--listen", free[4], "--admin-listen", free[5])
	})
	t.Run("empty variables", func(t *testing.T) {
		for _, name := range []string{"JWTGATE_LISTEN", "JWTGATE_ADMIN_LISTEN", "JWTGATE_LOG_LEVEL"} {
			t.Setenv(name, "")
		}
		listens(t, [2]string{free[0], free[1]})
	})
}

func TestServeDefaultAddresses(t *testing.T) {
	alone(t)
	file := write(t, "jwtgate.yaml", "server: {drain_delay: 0s}\ndefault: deny\n")
	for other, want := range map[string]string{"--admin-listen": "127.0.0.1:9001", "--listen": "127.0.0.1:9002"} {
		s := begin(t, "--config", file, other, "127.0.0.1:0")
		// It may be taken on this machine; an error names it just as well.
		s.until(t, want, func() bool { return strings.Contains(s.log.String(), want) })
		s.stop(t)
	}
}

func TestLogLevel(t *testing.T) {
	alone(t)
	file := write(t, "jwtgate.yaml", publicYAML)
	var log strings.Builder
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it starts, and stops at once
	if code := run(ctx, []string{"serve", "--config", file, "--log-level", "ERROR"}, console{err: &log, getenv: os.LookupEnv}); code != exitYes || log.Len() > 0 {
		t.Errorf("%d: %s", code, log.String())
	}
	t.Setenv("JWTGATE_LOG_LEVEL", "warn")
	if code := run(ctx, []string{"serve", "--config", file}, console{err: &log, getenv: os.LookupEnv}); code != exitYes ||
		!strings.Contains(log.String(), "open by configuration") || strings.Contains(log.String(), `"INFO"`) {
		t.Errorf("%d: %s", code, log.String())
	}
}

// TestDecisionsHaveNoLevel: who wants to hear less of the program still hears of
// each request that it denies.
func TestDecisionsHaveNoLevel(t *testing.T) {
	alone(t)
	socket := "unix:" + filepath.Join(t.TempDir(), "gate.sock")
	s := begin(t, "--config", write(t, "jwtgate.yaml", publicYAML), "--listen", socket, "--log-level", "ERROR")
	var asked string
	for range 200 { // it says nothing before it is asked: the socket shows that it is there
		if _, err := os.Stat(strings.TrimPrefix(socket, "unix:")); err == nil {
			asked = ask(t, socket, "/closed", "")
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	if asked != "route_denied" {
		t.Fatalf("asked: %q\n%s", asked, s.log)
	}
	if line := s.wait(t, "decision"); line["reason"] != "route_denied" || len(s.log.lines(t, "serving")) > 0 {
		t.Errorf("it says:\n%s", s.log)
	}
}

func TestServeFromTheEnvironment(t *testing.T) {
	alone(t)
	const pool = "us-west-1_6BpkgoczU"
	idp := startIDP(t)
	issuer := addIssuer(t, idp, pool, devidp.IssuerConfig{ISS: "https://cognito-idp.us-west-1.amazonaws.com/" + pool})
	t.Setenv("COGNITO_USER_POOLS_ID", pool)
	t.Setenv("COGNITO_CLIENT_ID", "3v5exampleclient")
	t.Setenv("AWS_DEFAULT_REGION", "us-west-1")
	t.Setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", idp.URL())
	s := serve(t, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	s.wait(t, "serving")
	if line := s.log.lines(t, "jwtgate "+version)[0]; line["source"] != "environment" {
		t.Errorf("source %v", line["source"])
	}
	if len(s.log.lines(t, "trusted issuer")) != 1 || strings.Contains(s.log.String(), "ignored") {
		t.Errorf("it says:\n%s", s.log)
	}
	for want, claims := range map[string]map[string]any{
		"allowed":            {"sub": "a", "token_use": "access", "client_id": "3v5exampleclient"},
		"client_mismatch":    {"sub": "a", "token_use": "access", "client_id": "another"},
		"token_use_mismatch": {"sub": "a", "token_use": "refresh", "client_id": "3v5exampleclient"},
	} {
		raw, err := issuer.Mint(claims, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, s.listen, "/any/path", "Bearer "+raw); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if code := s.stop(t); code != exitYes {
		t.Errorf("exit code %d", code)
	}
}

func TestServeFromHalfOfAnEnvironment(t *testing.T) {
	alone(t)
	command(t, "serve").holds(t, exitFailure, nil, []string{"there is nothing to start with", "--config FILE", "COGNITO_USER_POOLS_ID and COGNITO_WEB_CLIENT_ID"})
	t.Setenv("COGNITO_USER_POOL_ID", "us-west-1_6BpkgoczU")
	command(t, "serve").holds(t, exitNo, nil, []string{"COGNITO_WEB_CLIENT_ID (or COGNITO_CLIENT_ID) is missing", "1 mistake\n"})
	t.Setenv("AWS_DEFAULT_REGION", "eu-central-1")
	command(t, "serve").holds(t, exitNo, nil, []string{"COGNITO_WEB_CLIENT_ID", "AWS_DEFAULT_REGION is", "2 mistakes\n"})
}

func TestServeIgnoresTheEnvironmentBesideAFile(t *testing.T) {
	alone(t)
	t.Setenv("COGNITO_USER_POOLS_ID", "us-west-1_6BpkgoczU")
	t.Setenv("AWS_DEFAULT_REGION", "us-west-1")
	s := serve(t, "--config", write(t, "jwtgate.yaml", publicYAML))
	line := s.wait(t, "ignored, since there is a configuration file: COGNITO_USER_POOLS_ID, AWS_DEFAULT_REGION")
	if line["level"] != "WARN" || len(s.log.lines(t, "trusted issuer")) > 0 {
		t.Errorf("it says:\n%s", s.log)
	}
}

func TestServeMistakes(t *testing.T) {
	alone(t)
	file := write(t, "jwtgate.yaml", "server: {listen: 9001}\nroutes: [{match: orders}]\ndefualt: deny\n")
	got := command(t, "serve", "--config", file)
	got.holds(t, exitNo, nil, []string{file + ":1:", file + ":2:", `write "/orders"`, file + ":3:", " mistakes\n"})
	if strings.Contains(got.err, `"level"`) {
		t.Errorf("something was started:\n%s", got.err)
	}
	command(t, "serve", "--config", filepath.Join(t.TempDir(), "missing.yaml")).holds(t, exitFailure, nil, []string{"jwtgate: reading the config: open"})
}

// An issuer that cannot be reached is no reason not to serve: public requests
// go on, others are told that it is an outage, and /readyz waits.
func TestServeWithoutKeys(t *testing.T) {
	alone(t)
	idp := startIDP(t)
	home := addIssuer(t, idp, "home", devidp.IssuerConfig{Algorithm: "ES256"})
	if err := idp.Pause(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME_ISS", home.ISS())
	s := serve(t, "--config", write(t, "jwtgate.yaml", `
server: {listen: 127.0.0.1:0, drain_delay: 0s}
admin: {listen: 127.0.0.1:0}
issuers: {home: {issuer: "${HOME_ISS}", audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true}}
routes: [{match: /open, access: public}]
`))
	s.wait(t, "serving")
	raw, err := home.Mint(map[string]any{"aud": "orders-api", "sub": "alice"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, s.listen, "/open", ""); got != "public" {
		t.Errorf("%s, want public", got)
	}
	if got := ask(t, s.listen, "/x", "Bearer "+raw); got != "keys_unavailable" {
		t.Errorf("%s, want keys_unavailable", got)
	}
	if status, body := s.get(t, "/readyz"); status != 503 || !strings.Contains(body, `"detail": "no issuer has keys; see /issuers"`) {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, _ := s.get(t, "/livez"); status != 200 {
		t.Errorf("/livez: %d", status)
	}
	if len(s.log.lines(t, "key fetch failed")) == 0 {
		t.Errorf("the outage is not in the log:\n%s", s.log)
	}
}

func TestReplicaName(t *testing.T) {
	one, again, other := replicaName("127.0.0.1:9001"), replicaName("127.0.0.1:9001"), replicaName("127.0.0.1:9002")
	if one != again || one == other || len(one) != 8 || strings.Trim(one, "0123456789abcdef") != "" {
		t.Errorf("%q, %q and %q", one, again, other)
	}
	if host, err := os.Hostname(); err == nil && host != "" && strings.Contains(one, host) {
		t.Errorf("%q names the host", one)
	}
}
