//go:build browser

package browser

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// compose is the folder of the Compose example, whose files the tests of its front end run.
const compose = "../../deploy/compose/"

// board is the Compose example's front end in a browser, and what it calls. The programs
// are those of the Compose files, on the ports of the test.
type board struct {
	*chromium
	application *programs.Requests // between Envoy and application.py
	cognito     *cognito           // between the browser and the emulator
}

// startBoard runs the example with a flow of sign-in.
func startBoard(t *testing.T, flow string) board {
	t.Helper()
	override := read(t, compose+"compose.override.yaml")
	pool, client := match(t, override, `\n      POOL: (\S+)`), match(t, override, `\n      CLIENT: (\S+)`)
	emulator := startEmulator(t)
	configuration := strings.NewReplacer("http://cognito:5000", "http://"+emulator, "${POOL}", pool, "${CLIENT}", client).
		Replace(read(t, compose+"jwtgate.emulator.yaml"))

	b := board{application: &programs.Requests{}, cognito: &cognito{refresh: true}}
	recorder := startProxy(t, startPython(t, "application.py"), func(r *http.Request, body []byte) { b.application.Add(r, string(body)) }, nil)
	envoy := serveWritten(t, configuration, read(t, compose+"envoy.yaml"), recorder)
	pages := startPython(t, "frontend/serve.py", "FOLDER="+absolute(t, compose+"frontend/dist"), "API=http://localhost:4567",
		"POOL="+pool, "CLIENT="+client, "COGNITO_ENDPOINT=http://localhost:5000", "AUTH_FLOW="+flow)
	b.chromium = startChromium(t, map[string]string{
		"localhost:3000": pages,
		"localhost:4567": envoy,
		"localhost:5000": startProxy(t, emulator, b.cognito.request, b.cognito.answer),
	})
	return b
}

// startEmulator runs the emulator with the pool of the Compose example, and returns its
// address.
func startEmulator(t *testing.T) string {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	moto := exec.Command(motoPython, "-m", "moto.server", "-H", "127.0.0.1", "-p", port)
	moto.Env = append(programs.Environment(), "MOTO_COGNITO_IDP_USER_POOL_ID_STRATEGY=HASH",
		"MOTO_COGNITO_IDP_USER_POOL_CLIENT_ID_STRATEGY=HASH")
	programs.Start(t, "moto", moto).Eventually(t, 30*time.Second, "the emulator serves", func() error {
		return programs.Ask(t, http.MethodGet, "http://"+address+"/moto-api/data.json", "")
	})
	pool := exec.Command(motoPython, compose+"pool.py")
	pool.Env = append(programs.Environment(), "COGNITO=http://"+address)
	if output, err := pool.CombinedOutput(); err != nil {
		t.Fatalf("pool.py: %v\n%s", err, output)
	}
	return address
}

// startPython runs a program of the example, and returns its address.
func startPython(t *testing.T, name string, environment ...string) string {
	t.Helper()
	address := freeAddress(t)
	cmd := exec.Command(motoPython, "-B", absolute(t, compose+name))
	cmd.Env = append(append(programs.Environment(), "LISTEN="+address), environment...)
	programs.Start(t, name, cmd).Eventually(t, 10*time.Second, name+" serves", func() error {
		return programs.Ask(t, http.MethodGet, "http://"+address+"/", "")
	})
	return address
}

// absolute returns the absolute path of a file.
func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startProxy forwards requests until the test ends, and returns its address. It shows each
// request with its body to a function, and each answer to another one.
func startProxy(t *testing.T, to string, see func(*http.Request, []byte), answer func(*http.Response) error) string {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: to}); r.Out.Host = r.In.Host },
		ModifyResponse: answer,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		see(r, body)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// cognito records what the browser asks the emulator. It is also the user's mailbox: the
// emulator sends no e-mail, and puts the code of a recovery into a header.
type cognito struct {
	mu      sync.Mutex
	refresh bool // make up for the operation that the emulator lacks
	calls   []operation
	code    string
}

// operation is one request to Cognito.
type operation struct{ name, body string }

// request records a request. The emulator lacks GetTokensFromRefreshToken, which Amplify
// uses since 6.14; the same with its older form is InitiateAuth (TestEmulator).
func (c *cognito) request(r *http.Request, body []byte) {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if name == "" {
		return // a preflight
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, operation{name: name, body: string(body)})
	if name != "GetTokensFromRefreshToken" || !c.refresh {
		return
	}
	var asked struct{ ClientId, RefreshToken string }
	if json.Unmarshal(body, &asked) != nil {
		return
	}
	older, _ := json.Marshal(map[string]any{
		"ClientId": asked.ClientId, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": map[string]string{"REFRESH_TOKEN": asked.RefreshToken},
	})
	r.Header.Set("X-Amz-Target", strings.Replace(r.Header.Get("X-Amz-Target"), name, "InitiateAuth", 1))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(older)), int64(len(older))
}

// answer reads the code of a recovery.
func (c *cognito) answer(response *http.Response) error {
	if code := response.Header.Get("X-Moto-Forgot-Password-Confirmation-Code"); code != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.code = code
	}
	return nil
}

// translates says whether to make up for the operation that the emulator lacks.
func (c *cognito) translates(refresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refresh = refresh
}

// take returns the names of the operations since the last take, and their bodies as one
// text. Amplify retries RevokeToken, which the emulator lacks: it counts once.
func (c *cognito) take() (names, bodies string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := ""
	for _, call := range c.calls {
		if call.name != "RevokeToken" || last != call.name {
			names += call.name + " "
		}
		bodies += call.body + "\n"
		last = call.name
	}
	c.calls = nil
	return strings.TrimSpace(names), bodies
}

// mail returns the code that the user got.
func (c *cognito) mail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code
}
