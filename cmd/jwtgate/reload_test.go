package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// open and shut are two configurations that differ in one route.
const (
	openRoute = `
server: {listen: "127.0.0.1:0", drain_delay: 0s}
admin: {listen: "127.0.0.1:0"}
routes: [{name: open, match: /open, access: public}]
default: deny
`
	shutRoute = `
server: {listen: "127.0.0.1:0", drain_delay: 0s}
admin: {listen: "127.0.0.1:0"}
routes: [{name: shut, match: /other, access: public}]
default: deny
`
)

const (
	reloaded = "the configuration was reloaded"
	refused  = "the configuration was not reloaded: it is refused and the live one stays"
)

// replace puts text in a file's place, as editors do.
func replace(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func (s *served) readiness(t *testing.T) telemetry.Readiness {
	t.Helper()
	_, body := s.get(t, "/readyz")
	var state telemetry.Readiness
	if err := json.Unmarshal([]byte(body), &state); err != nil {
		t.Fatal(err)
	}
	return state
}

func TestReload(t *testing.T) {
	alone(t)
	file := write(t, "jwtgate.yaml", openRoute)
	s := serve(t, "--config", file)
	first := s.readiness(t).Config
	if got := ask(t, s.listen, "/open", ""); got != "public" {
		t.Fatalf("before: %s", got)
	}

	replace(t, file, shutRoute)
	s.wait(t, reloaded)
	if got := ask(t, s.listen, "/open", ""); got != "route_denied" {
		t.Errorf("after the reload: %s", got)
	}
	second := s.readiness(t)
	if second.Config == first || second.Refused != "" || s.wait(t, reloaded)["config"] != second.Config {
		t.Errorf("after the reload: %+v", second)
	}

	replace(t, file, "routes: [{match: open}]\nbogus: 1\n")
	s.wait(t, refused)
	if got := ask(t, s.listen, "/other", ""); got != "public" {
		t.Errorf("a refused configuration changed what is decided: %s", got)
	}
	third := s.readiness(t)
	if third.Config != second.Config || !strings.Contains(third.Refused, `:2:1: the key "bogus" is unknown`) || !strings.Contains(third.Refused, `"open" does not begin with /`) {
		t.Errorf("after the refusal: %+v", third)
	}
	if _, metrics := s.get(t, "/metrics"); !strings.Contains(metrics, `jwtgate_config_reloads_total{result="ok"} 1`) ||
		!strings.Contains(metrics, `jwtgate_config_reloads_total{result="refused"} 1`) ||
		!strings.Contains(metrics, `jwtgate_config_info{sha256="`+second.Config+`"} 1`) ||
		!strings.Contains(metrics, `jwtgate_reload_refused{file="config"} 1`) ||
		!strings.Contains(metrics, `jwtgate_reload_refused{file="revoked"} 0`) ||
		!strings.Contains(metrics, `jwtgate_relaxations{kind="public"} 1`) {
		t.Errorf("metrics:\n%s", metrics)
	}

	replace(t, file, strings.Replace(openRoute, "/open", "/again", 1)+"tokens: {max_bytes: 4096}\n")
	s.until(t, "a second reload", func() bool { return len(s.log.lines(t, reloaded)) == 2 })
	if got := ask(t, s.listen, "/again", ""); got != "public" || s.readiness(t).Refused != "" {
		t.Errorf("after the recovery: %s, %+v", got, s.readiness(t))
	}
	if _, metrics := s.get(t, "/metrics"); !strings.Contains(metrics, `jwtgate_reload_refused{file="config"} 0`) {
		t.Errorf("metrics after the recovery:\n%s", metrics)
	}
}

// TestReloadOnHangup reads the configuration again although no file has changed.
func TestReloadOnHangup(t *testing.T) {
	alone(t)
	s := serve(t, "--config", write(t, "jwtgate.yaml", openRoute))
	s.hangup <- syscall.SIGHUP
	s.wait(t, reloaded)
	if err := os.Remove(filepath.Clean(s.log.lines(t, reloaded)[0]["file"].(string))); err != nil {
		t.Fatal(err)
	}
	s.wait(t, refused)
	if got := ask(t, s.listen, "/open", ""); got != "public" {
		t.Errorf("without its file: %s", got)
	}
}

// TestReloadOfAddresses says that they need a start.
func TestReloadOfAddresses(t *testing.T) {
	alone(t)
	file := write(t, "jwtgate.yaml", openRoute)
	s := serve(t, "--config", file)
	replace(t, file, strings.Replace(openRoute, `server: {listen: "127.0.0.1:0", drain_delay: 0s}`, `server: {listen: "127.0.0.1:0", drain_delay: 1ms}`, 1))
	s.wait(t, reloaded)
	s.wait(t, "server and admin have changed, and take effect at the next start only")
}

// TestReloadOfAdminHosts: the list of names is the one that the server started
// with, and a change is logged.
func TestReloadOfAdminHosts(t *testing.T) {
	alone(t)
	named := func(name string) string {
		return strings.Replace(openRoute, `admin: {listen: "127.0.0.1:0"}`, `admin: {listen: "127.0.0.1:0", hosts: [`+name+`]}`, 1)
	}
	file := write(t, "jwtgate.yaml", named("Gate.example"))
	s := serve(t, "--config", file)
	check := func(when string) {
		t.Helper()
		for host, want := range map[string]int{"gate.example": http.StatusOK, "other.example": http.StatusMisdirectedRequest} {
			if got := s.livez(t, host); got != want {
				t.Errorf("%s, %s: %d, want %d", when, host, got, want)
			}
		}
	}
	check("at the start")
	replace(t, file, named("other.example"))
	s.wait(t, reloaded)
	s.wait(t, "server and admin have changed, and take effect at the next start only")
	check("after the change")
}

// livez returns the status of /livez, asked by this host name.
func (s *served) livez(t *testing.T, host string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.admin+"/livez", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host, request.Close = host, true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// TestCompilesOnce: `check`, a start and a reload compile the configuration once each,
// and a candidate configuration once each too.
func TestCompilesOnce(t *testing.T) {
	alone(t)
	file := write(t, "jwtgate.yaml", openRoute)
	candidate := write(t, "candidate.yaml", shutRoute)
	var compiled sync.Map // :: hash of the config -> *atomic.Int64
	count := func(cfg *config.Config, o gate.CompileOptions) (*gate.Policy, error) {
		n, _ := compiled.LoadOrStore(cfg.Hash, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		return gate.Compile(cfg, o)
	}
	took := func(what string, configs int) {
		t.Helper()
		compiled.Range(func(hash, n any) bool {
			configs--
			if n := n.(*atomic.Int64).Load(); n != 1 {
				t.Errorf("%s compiles %v %d times, want once", what, hash, n)
			}
			return true
		})
		compiled.Clear()
		if configs != 0 {
			t.Errorf("%s compiles %d configurations too few", what, configs)
		}
	}
	if code := run(t.Context(), []string{"check", "--config", file}, console{out: io.Discard, err: io.Discard, getenv: os.LookupEnv, compile: count}); code != exitYes {
		t.Fatalf("check: exit code %d", code)
	}
	took("check", 1)
	s := serveBy(t, count, "--config", file, "--candidate-config", candidate)
	s.wait(t, "serving")
	took("a start", 2)
	s.hangup <- syscall.SIGHUP
	s.wait(t, reloaded)
	s.wait(t, "the candidate configuration was reloaded")
	took("a reload", 2)
}
