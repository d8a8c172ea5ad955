//go:build apps

package apps

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// application is one framework on one server, with one configuration.
type application struct {
	name  string
	start func(t *testing.T, record string) (address string) // serves until the test ends
	// reachedBy are the attacks that reach a protected handler when no gate is in
	// front, in addition to those of anyApplication.
	reachedBy []string
}

// anyApplication has the attacks that reach a protected handler in every
// application. Many of their spellings are the same path by the standard.
func anyApplication() []string {
	return []string{hostSpelling, identity, encoded, parameters, characters, preflight, ownName}
}

// applications are all that the gate is put in front of. Where a guide of the
// framework says to believe a proxy's headers, there is a second configuration
// that does.
func applications() []application {
	return []application{
		{"express", express(), []string{letterCase, slashes, dots}},
		{"express-behind-proxy", express("--behind-proxy"), []string{letterCase, slashes, dots, hostHeader, methodQuery, methodHeader}},
		{"django-uvicorn", python("django", "", "-m uvicorn app:asgi --host 127.0.0.1 --port PORT"), []string{methodCase}},
		{"django-uvicorn-behind-proxy", python("django", "BEHIND_PROXY=1", "-m uvicorn app:asgi --host 127.0.0.1 --port PORT"),
			[]string{methodCase, hostHeader}},
		{"django-gunicorn", python("django", "", "-m gunicorn app:wsgi --bind 127.0.0.1:PORT"), []string{slashes, pathHeader}},
		{"django-runserver", python("django", "", "app.py runserver 127.0.0.1:PORT --noreload"), []string{methodCase, slashes}},
		// No worker process: one would survive tests that are killed.
		{"flask-hypercorn", python("flask", "", "-m hypercorn app:asgi --workers 0 --bind 127.0.0.1:PORT"), []string{methodCase, slashes}},
		{"flask-waitress", python("flask", "", "-m waitress --listen 127.0.0.1:PORT app:app"), []string{slashes}},
		{"flask-werkzeug", python("flask", "", "-m flask --app app run --port PORT"), []string{methodCase, slashes}},
		{"flask-werkzeug-behind-proxy", python("flask", "BEHIND_PROXY=1", "-m flask --app app run --port PORT"),
			[]string{methodCase, slashes, hostHeader}},
		{"go-reverseproxy", startGo(rewriting), []string{slashes}},
		{"go-reverseproxy-behind-proxy", startGo(singleHost), []string{slashes, hostHeader}},
		{"tomcat", startTomcat, []string{slashes, dots}},
	}
}

// express runs the Express application.
func express(options ...string) func(t *testing.T, record string) string {
	return func(t *testing.T, record string) string {
		t.Helper()
		address := freeAddress(t)
		cmd := exec.Command("node", append([]string{"testdata/express/app.js", port(address), record}, options...)...)
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "NODE_ENV=production", "NODE_PATH=" + filepath.Join(toolsDir, "apps-node", "node_modules"),
		}
		return serving(t, "express", cmd, address)
	}
}

// python runs the pinned Python in the folder of an application. In its
// arguments, PORT is replaced by the port to listen on.
func python(folder, variable, arguments string) func(t *testing.T, record string) string {
	return func(t *testing.T, record string) string {
		t.Helper()
		address := freeAddress(t)
		arguments := strings.Fields(strings.ReplaceAll(arguments, "PORT", port(address)))
		cmd := exec.Command(filepath.Join(toolsDir, "apps-python", "bin", "python"), arguments...)
		cmd.Dir = filepath.Join("testdata", folder)
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH=.", "RECORD=" + record, variable,
		}
		return serving(t, folder, cmd, address)
	}
}

// startTomcat compiles and runs the application on Tomcat.
func startTomcat(t *testing.T, record string) string {
	t.Helper()
	address := freeAddress(t)
	jars, err := filepath.Glob(filepath.Join(toolsDir, "apps-java", "*.jar"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.io.tmpdir="+t.TempDir(),
		"-cp", strings.Join(jars, ":"), "testdata/java/App.java", port(address), record)
	return serving(t, "tomcat", cmd, address)
}

// serving starts a program and waits until it answers requests at the address.
func serving(t *testing.T, name string, cmd *exec.Cmd, address string) string {
	t.Helper()
	p := testutil.Start(t, name, cmd)
	p.TerminateFirst(t) // so that it ends its own workers
	p.Eventually(t, 60*time.Second, name+" serves", func() error {
		if connection, err := net.DialTimeout("tcp", address, time.Second); err != nil {
			return err
		} else {
			_ = connection.Close()
		}
		_, err := get("http://" + address + "/api/health")
		return err
	})
	return address
}

// handlerRun is one run of a handler, as the application recorded it.
type handlerRun struct {
	Probe   string `json:"probe"` // the request's own x-probe
	Handler string `json:"handler"`
	User    string `json:"user"`   // x-user-id, or "nobody"
	Groups  string `json:"groups"` // x-user-groups
	Method  string `json:"method"`
	Path    string `json:"path"`
	ID      string `json:"id"` // of the user, post or message in the path
	Host    string `json:"host"`
}

// readRuns returns what an application recorded, by the request's probe.
func readRuns(t *testing.T, record string) map[string][]handlerRun {
	t.Helper()
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string][]handlerRun{}
	for line := range strings.Lines(string(text)) {
		var one handlerRun
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("the application recorded %q: %v", line, err)
		}
		runs[one.Probe] = append(runs[one.Probe], one)
	}
	return runs
}
