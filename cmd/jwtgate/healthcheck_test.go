package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

func TestHealthcheck(t *testing.T) {
	alone(t)
	s := serve(t, "--config", testutil.File(t, "jwtgate.yaml", publicYAML))
	s.wait(t, "serving")
	want := []string{s.listen + " is serving\n"}
	_, port, err := net.SplitHostPort(s.listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("by address", func(t *testing.T) { command(t, "healthcheck", "--addr", s.listen).holds(t, exitYes, want, nil) })
	t.Run("an unspecified host is this machine", func(t *testing.T) {
		for _, host := range []string{"0.0.0.0", "[::]", ""} {
			command(t, "healthcheck", "--addr", host+":"+port).holds(t, exitYes, want, nil)
		}
	})
	config := testutil.File(t, "asked.yaml", strings.Replace(publicYAML, "127.0.0.1:0", s.listen, 1))
	t.Run("by the configuration", func(t *testing.T) { command(t, "healthcheck", "--config", config).holds(t, exitYes, want, nil) })
	t.Run("address before configuration", func(t *testing.T) {
		command(t, "healthcheck", "--config", testutil.File(t, "other.yaml", publicYAML), "--addr", s.listen).holds(t, exitYes, want, nil)
	})
	t.Run("by variables", func(t *testing.T) {
		t.Setenv("JWTGATE_CONFIG", config)
		command(t, "healthcheck").holds(t, exitYes, want, nil)
		t.Setenv("JWTGATE_LISTEN", s.listen)
		t.Setenv("JWTGATE_CONFIG", filepath.Join(t.TempDir(), "missing.yaml"))
		command(t, "healthcheck").holds(t, exitYes, want, nil)
	})
	t.Run("no proxy is used", func(t *testing.T) {
		for _, name := range []string{"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
			t.Setenv(name, "http://127.0.0.1:1")
		}
		command(t, "healthcheck", "--addr", s.listen).holds(t, exitYes, want, nil)
	})
	t.Run("after it stopped", func(t *testing.T) {
		s.stop(t)
		command(t, "healthcheck", "--addr", s.listen).holds(t, exitFailure, nil, []string{"jwtgate: no answer from " + s.listen})
	})
}

func TestHealthcheckOnAUnixSocket(t *testing.T) {
	alone(t)
	socket := "unix:" + filepath.Join(t.TempDir(), "gate.sock")
	s := serve(t, "--config", testutil.File(t, "jwtgate.yaml", publicYAML), "--listen", socket)
	s.wait(t, "serving")
	command(t, "healthcheck", "--addr", socket).holds(t, exitYes, []string{socket + " is serving\n"}, nil)
}

// TestHealthcheckNotServing: a server is not serving while it waits for the first response
// of its issuer.
func TestHealthcheckNotServing(t *testing.T) {
	alone(t)
	asked, release := make(chan struct{}, 16), make(chan struct{})
	idp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	t.Cleanup(idp.Close)
	t.Cleanup(func() { close(release) }) // runs before idp.Close, which waits for the handler
	t.Setenv("ISS", idp.URL+"/")
	s := serve(t, "--config", testutil.File(t, "jwtgate.yaml", `
server: {listen: 127.0.0.1:0, drain_delay: 0s}
admin: {listen: 127.0.0.1:0}
issuers: {home: {issuer: "${ISS}", audiences: [a], dangerously_allow_http: true, jwks: {request_timeout: 1m}}}
`))
	<-asked
	command(t, "healthcheck", "--addr", s.listen).holds(t, exitNo, nil, []string{"jwtgate: " + s.listen + " reports NOT_SERVING"})
	ready, err := http.Get("http://" + s.admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	if _ = ready.Body.Close(); ready.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", ready.StatusCode)
	}
	if code := s.stop(t); code != exitYes || len(s.log.Lines(t, "serving")) > 0 {
		t.Errorf("%d:\n%s", code, s.log)
	}
}

func TestHealthcheckMistakes(t *testing.T) {
	alone(t)
	// By default it calls the default address of a server.
	if got := command(t, "healthcheck"); got.code == exitFailure && !strings.Contains(got.err, "no answer from 127.0.0.1:9001") {
		t.Errorf("without an address: %+v", got)
	}
	command(t, "healthcheck", "--addr", "127.0.0.1:1").holds(t, exitFailure, nil, []string{"no answer from 127.0.0.1:1"})
	command(t, "healthcheck", "--config", filepath.Join(t.TempDir(), "missing.yaml")).
		holds(t, exitFailure, nil, []string{"reading the config"})
	// A server that does not speak gRPC.
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	command(t, "healthcheck", "--addr", web.Listener.Addr().String()).
		holds(t, exitFailure, nil, []string{"no answer from " + web.Listener.Addr().String()})
}
