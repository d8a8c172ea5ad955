package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// gateProcess is a running jwtgate.
type gateProcess struct {
	*testutil.Process
	address string // host:port that Envoy asks
	admin   string // host:port of its admin server
}

// startGate runs `jwtgate serve` until the test ends, with a configuration file or, if that
// is empty, with variables only. It waits until Envoy would call it.
func startGate(t *testing.T, configFile string, env ...string) *gateProcess {
	t.Helper()
	g := startGateUnready(t, configFile, env...)
	g.waitServing(t)
	return g
}

// waitServing waits until Envoy would call it.
func (g *gateProcess) waitServing(t *testing.T) {
	t.Helper()
	g.Eventually(t, 15*time.Second, "jwtgate serves", func() error {
		return g.serving(t)
	})
}

// startGateUnready is startGate without the wait.
func startGateUnready(t *testing.T, configFile string, env ...string) *gateProcess {
	t.Helper()
	var flags []string
	if configFile != "" {
		flags = append(flags, "--config", configFile)
	}
	return startServe(t, freeAddress(t), freeAddress(t), flags, env)
}

// startServe runs `jwtgate serve` at these addresses and with these flags until
// the test ends.
func startServe(t *testing.T, address, admin string, flags, env []string) *gateProcess {
	t.Helper()
	return startServeWhereConfigured(t, address, admin, append([]string{"--listen", address}, flags...), env)
}

// startServeWhereConfigured is startServe without the flag for the address, which the
// configuration has and address repeats.
func startServeWhereConfigured(t *testing.T, address, admin string, flags, env []string) *gateProcess {
	t.Helper()
	g := &gateProcess{address: address, admin: admin}
	cmd := exec.Command(jwtgateBinary, append([]string{"serve", "--admin-listen", g.admin}, flags...)...)
	cmd.Env = append(programs.Environment(), env...)
	g.Process = programs.Start(t, "jwtgate", cmd)
	return g
}

// serving returns nil once the gRPC health service reports SERVING to Envoy's check.
func (g *gateProcess) serving(t *testing.T) error {
	connection, err := grpc.NewClient(g.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	health, err := healthpb.NewHealthClient(connection).Check(ctx,
		&healthpb.HealthCheckRequest{Service: "envoy.service.auth.v3.Authorization"})
	if err != nil {
		return err
	}
	if health.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return errors.New(health.GetStatus().String())
	}
	return nil
}

// readyz returns the status of GET /readyz.
func (g *gateProcess) readyz(t *testing.T) (int, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.admin+"/readyz", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var document map[string]any
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		return 0, fmt.Errorf("/readyz is not JSON: %w", err)
	}
	return response.StatusCode, nil
}

// waitReady waits until /readyz succeeds: at least one issuer has keys.
func (g *gateProcess) waitReady(t *testing.T) {
	t.Helper()
	eventually(t, 15*time.Second, "jwtgate is ready", func() error {
		code, err := g.readyz(t)
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("status %d", code)
		}
		return err
	})
}

// issuers are the loopback issuers that testdata/jwtgate.yaml trusts, and one
// that it does not.
type issuers struct {
	server *devidp.Server

	cruddur, strict, idonly, partner *devidp.Issuer
	// foreign is a pool that is not configured and that signs with cruddur's keys, as all
	// pools of an emulator do.
	foreign *devidp.Issuer
	// silent is configured, and its keys are not available.
	silent *devidp.Issuer
}

// startIssuers starts them until the test ends.
func startIssuers(t *testing.T) issuers {
	t.Helper()
	var all issuers
	add := func(server *devidp.Server, name string, c devidp.IssuerConfig) *devidp.Issuer {
		return testbed.Issuer(t, server, name, c)
	}
	pool := func(id string) string { return "https://cognito-idp.us-west-1.amazonaws.com/" + id }
	all.server = testbed.Issuers(t)
	all.cruddur = add(all.server, "cruddur", devidp.IssuerConfig{ISS: pool("us-west-1_6BpkgoczU")})
	all.strict = add(all.server, "strict", devidp.IssuerConfig{ISS: pool("us-west-1_AccessOnly"), KeysOf: all.cruddur})
	all.idonly = add(all.server, "idonly", devidp.IssuerConfig{ISS: pool("us-west-1_IdOnly"), KeysOf: all.cruddur})
	all.foreign = add(all.server, "foreign", devidp.IssuerConfig{ISS: pool("us-west-1_Foreign"), KeysOf: all.cruddur})
	all.partner = add(all.server, "partner", devidp.IssuerConfig{Algorithm: "ES256"})
	silent := testbed.Issuers(t)
	all.silent = add(silent, "silent", devidp.IssuerConfig{})
	if err := silent.Pause(); err != nil {
		t.Fatal(err)
	}
	return all
}

// environment returns the variables of testdata/jwtgate.yaml.
func (i issuers) environment() []string {
	silent := i.silent.URL()
	return []string{"KEYS=" + i.server.URL(), "SILENT=" + silent[:len(silent)-len("/silent")]}
}

// access and id return the claims of cruddur's tokens as Cognito writes them, with some
// replaced.
func access(changes map[string]any) map[string]any {
	return merged(map[string]any{
		"sub": "4f0c5b8e-ann", "token_use": "access", "client_id": "3v5exampleclient", "username": "ann",
		"scope": "aws.cognito.signin.user.admin", "jti": "j1", "version": 2,
	}, changes)
}

func id(changes map[string]any) map[string]any {
	return merged(map[string]any{
		"sub": "4f0c5b8e-ann", "token_use": "id", "aud": "3v5exampleclient", "cognito:username": "ann",
		"email": "ann@example.org", "email_verified": true,
	}, changes)
}

func merged(base, changes map[string]any) map[string]any {
	for name, value := range changes {
		base[name] = value
	}
	return base
}

// mint signs claims; it omits a claim that is nil.
func mint(t *testing.T, issuer *devidp.Issuer, claims map[string]any) string {
	t.Helper()
	return mintFor(t, issuer, claims, time.Hour)
}

func mintFor(t *testing.T, issuer *devidp.Issuer, claims map[string]any, ttl time.Duration) string {
	t.Helper()
	token, err := issuer.Mint(claims, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// stack is everything: issuers, jwtgate, an application, and both Envoys.
type stack struct {
	issuers       issuers
	gate          *gateProcess
	application   *application
	shipped, bare *envoyProxy
}

func startStack(t *testing.T) stack {
	t.Helper()
	s := stack{issuers: startIssuers(t), application: startApplication(t)}
	s.gate = startGate(t, "testdata/jwtgate.yaml", s.issuers.environment()...)
	s.gate.waitReady(t)
	s.shipped = startShippedEnvoy(t, s.gate.address, s.application.address)
	s.bare = startBareEnvoy(t, s.gate.address, s.application.address)
	return s
}

// way is one way of a request to the application.
type way struct {
	name    string
	through *envoyProxy
	send    sender
	isHTTP2 bool
}

// ways returns the ways to the application, all of which must have the same result.
func (s stack) ways() []way {
	return []way{
		{"shipped, HTTP/1.1", s.shipped, http1, false},
		{"shipped, HTTP/2", s.shipped, http2, true},
		{"bare, HTTP/1.1", s.bare, http1, false},
	}
}

// read returns the text of a file.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
