//go:build deploy

package deploy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// readFile returns a file's text.
func readFile(name string) (string, error) {
	text, err := os.ReadFile(name)
	return string(text), err
}

// TestCompose: the compose files satisfy their rules.
func TestCompose(t *testing.T) {
	for _, finding := range append(composeRules(root), composeConfigs(root)...) {
		t.Error(finding)
	}
}

// words returns a list of strings at a path.
func (o object) words(path string) []string {
	var all []string
	items, _ := o.at(path).([]any)
	for _, item := range items {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

// environment returns a service's environment.
func environment(s object) []string {
	var all []string
	for key, value := range s.within("environment") {
		all = append(all, fmt.Sprintf("%s=%v", key, value))
	}
	return all
}

// program returns the program of a service: jwtgate from the image itself, the others from
// this machine.
func (l *lab) program(t *testing.T, service string, args ...string) *exec.Cmd {
	t.Helper()
	s := l.project.within("services").within(service)
	if service == "jwtgate" {
		built, err := theImage()
		if err != nil {
			t.Fatal(err)
		}
		if len(args) == 0 {
			args = slices.Concat(built.config.Entrypoint, s.words("command"))
		}
		return l.command(t, service, l.rootOf(t, built, s), append(slices.Clone(built.config.Env), environment(s)...), args...)
	}
	if len(args) == 0 {
		args = slices.Concat(s.words("entrypoint"), s.words("command"))
	}
	args = onHost(s, args)
	switch moto := filepath.Join(tools, "moto/bin/python"); args[0] {
	case "moto_server":
		args = append([]string{moto, "-m", "moto.server"}, args[1:]...)
	case "python3":
		args[0] = moto // any Python; this one is there
	case "envoy":
		// Several Envoys on one machine would share memory by their base id.
		args = append([]string{envoyBinary, "--disable-hot-restart"}, args[1:]...)
	}
	return l.command(t, service, "", onHost(s, environment(s)), args...)
}

// rootOf returns the image's root with the mount points that an engine adds, and with the
// service's files.
func (l *lab) rootOf(t *testing.T, built *image, s object) string {
	t.Helper()
	folder := filepath.Join(l.folder, "root")
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	must(t, "cp", "-a", built.folder, folder)
	if err := errors.Join(os.MkdirAll(folder+"/proc", 0o755), os.WriteFile(folder+"/etc/hosts", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, v := range s.list("volumes") {
		must(t, "install", "-DTm644", v.text("source"), folder+v.text("target"))
	}
	return folder
}

// up starts the services in order, each when its dependencies satisfy their conditions by
// the file's health checks.
func (l *lab) up(t *testing.T) map[string]*testutil.Process {
	t.Helper()
	running := map[string]*testutil.Process{}
	services := l.project.within("services")
	for len(running) < len(services) {
		before := len(running)
		for _, name := range keys(services) {
			s := services.within(name)
			waits := slices.ContainsFunc(keys(s.within("depends_on")), func(other string) bool { return running[other] == nil })
			if running[name] != nil || waits {
				continue
			}
			began := time.Now()
			running[name] = testutil.Start(t, name, l.program(t, name))
			if s["restart"] == nil { // it ends by itself
				<-running[name].Exited
				if code := running[name].Cmd.ProcessState.ExitCode(); code != 0 {
					t.Fatalf("%s ended with %d", name, code)
				}
				continue
			}
			l.healthy(t, name, running[name])
			t.Logf("%s is healthy after %v", name, time.Since(began).Round(time.Millisecond))
		}
		if len(running) == before {
			t.Fatal("the dependencies of services have a cycle")
		}
	}
	return running
}

// healthy waits for a service's own health check.
func (l *lab) healthy(t *testing.T, name string, p *testutil.Process) {
	t.Helper()
	test := l.project.within("services").within(name).words("healthcheck.test")
	if name == "jwtgate" && test == nil {
		built, err := theImage()
		if err != nil {
			t.Fatal(err)
		}
		test = built.config.Healthcheck.Test
	}
	if len(test) < 2 || test[0] != "CMD" {
		t.Fatalf("%s has the health check %q", name, test)
	}
	testutil.Eventually(t, 60*time.Second, name+" is healthy", func() error {
		select {
		case <-p.Exited:
			t.Fatalf("%s exited", name)
		default:
		}
		_, err := finish(l.program(t, name, test[1:]...), "")
		return err
	})
}

// get sends one request to Envoy from outside.
func (l *lab) get(t *testing.T, path string, headers ...string) (int, string) {
	t.Helper()
	response, body := l.ask(t, path, headers...)
	return response.StatusCode, body
}

// page sends one request to the front end from outside.
func (l *lab) page(t *testing.T, path string) (int, string) {
	t.Helper()
	response, body := l.askAt(t, l.places["frontend"]["pages"].String()+":3000", path)
	return response.StatusCode, body
}

// ask sends one request to Envoy, on a connection that the client would keep.
func (l *lab) ask(t *testing.T, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	return l.askAt(t, l.places["envoy"]["edge"].String()+":8080", path, headers...)
}

// askAt is ask for any address.
func (l *lab) askAt(t *testing.T, address, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	connection, err := l.dial(world, address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	lines := append([]string{"GET " + path + " HTTP/1.1", "host: api.example"}, headers...)
	if err := errors.Join(connection.SetDeadline(time.Now().Add(10*time.Second)),
		second(io.WriteString(connection, strings.Join(lines, "\r\n")+"\r\n\r\n"))); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func second(_ int, err error) error { return err }

// TestComposeIsolates runs the programs and networks of the compose files: a request with a
// token of the emulator's pool passes with its identity, one without is denied, and Envoy
// is the only way to the application. The front end answers outside, with the IDs of the
// pool.
func TestComposeIsolates(t *testing.T) {
	project, err := composed(root, "compose.yaml", "compose.override.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, project)
	running := l.up(t)
	restricted(t, running["jwtgate"])

	token, err := finish(l.program(t, "pool", append(project.within("services.pool").words("entrypoint"), "token")...), "")
	if err != nil {
		t.Fatal(err)
	}
	token = strings.TrimSpace(token)
	status, body := l.get(t, "/orders", "authorization: Bearer "+token, "x-user-id: forged")
	if status != 200 || !strings.Contains(body, `"x-user-groups": "admin"`) || strings.Contains(body, "forged") ||
		strings.Contains(body, "authorization") {
		t.Errorf("with a token: %d %s", status, body)
	}
	if status, body := l.get(t, "/orders", "x-user-id: forged"); status != 401 || !strings.Contains(body, `"reason":"credential_missing"`) {
		t.Errorf("without a token: %d %s", status, body)
	}
	if status, body := l.get(t, "/orders", "authorization: Bearer "+forge(token)); status != 401 ||
		!strings.Contains(body, `"reason":"signature_invalid"`) {
		t.Errorf("with a forged token: %d %s", status, body)
	}

	if status, body := l.get(t, "/api/home", "x-user-id: forged"); status != 200 || !strings.Contains(body, `"given": {}`) {
		t.Errorf("the optional page without a token: %d %s", status, body)
	}
	jwtgate := project.within("services.jwtgate.environment")
	if status, body := l.page(t, "/config.json"); status != 200 || !strings.Contains(body, jwtgate.text("POOL")) ||
		!strings.Contains(body, jwtgate.text("CLIENT")) {
		t.Errorf("the front end's configuration: %d %s", status, body)
	}
	if status, body := l.page(t, "/"); status != 200 || !strings.Contains(body, `src="app.js"`) {
		t.Errorf("the front end: %d %s", status, body)
	}

	isolationTest(t, l)
	onlyEnvoyReaches(t, l)
	drains(t, l, token)
	running["jwtgate"].Terminate(t)
	if code := running["jwtgate"].Wait(t, 30*time.Second); code != 0 {
		t.Errorf("jwtgate's exit code is %d", code)
	}
	if status, body := l.get(t, "/orders", "authorization: Bearer "+token); status != 503 {
		t.Errorf("without jwtgate: %d %s", status, body)
	}
}

// onlyEnvoyReaches tries every way to the application, and to jwtgate's gRPC port.
func onlyEnvoyReaches(t *testing.T, l *lab) {
	t.Helper()
	application := l.places["application"]["inside"].String() + ":9090"
	for _, from := range append(keys(l.project.within("services")), world) {
		err := l.reach(from, application)
		switch own := from == "envoy" || from == "application"; {
		case own && err != nil:
			t.Errorf("%s does not reach the application: %v", from, err)
		case !own && !unreachable(err):
			t.Errorf("from %s the application is reached: %v", from, err)
		}
	}
	gate := l.places["jwtgate"]["gate"].String() + ":9001"
	for _, from := range []string{"application", "cognito", world} {
		if err := l.reach(from, gate); !unreachable(err) {
			t.Errorf("from %s jwtgate is reached on the network that it shares with Envoy: %v", from, err)
		}
	}
}

// forge changes one character in the middle of a token's signature.
func forge(token string) string {
	at := strings.LastIndex(token, ".") + 20
	other := "A"
	if token[at] == 'A' {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}

// restricted compares the restrictions of a running program, as the kernel reports them,
// with the compose file.
func restricted(t *testing.T, p *testutil.Process) {
	t.Helper()
	status := read(t, fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	for _, line := range []string{"Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532",
		"CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(status, line+"\n") {
			t.Errorf("%s: its status has no line %q:\n%s", p.Name, line, status)
		}
	}
}
