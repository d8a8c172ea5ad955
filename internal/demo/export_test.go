package demo

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
)

// The parts of the demo, for tests that hold each to its own promise.

// Rewrite is rewrite.
func Rewrite(source string, file []byte, keysOf func(string) (string, bool)) ([]byte, error) {
	at, err := pathsOf(source, file, nil)
	if err != nil {
		return nil, err
	}
	return rewrite(file, at, keysOf)
}

// RewriteAlone is rewrite, of a file that names no others.
func RewriteAlone(file []byte, keysOf func(string) (string, bool)) ([]byte, error) {
	return rewrite(file, paths{}, keysOf)
}

// ShippedConfig is the demo's own configuration.
func ShippedConfig() []byte { return shippedConfig }

// Ports returns what choosePorts chose, by part, and what it says about it.
func Ports() (map[string]string, string, error) {
	p, err := choosePorts()
	return map[string]string{
		"envoy": p.envoy, "envoyAdmin": p.envoyAdmin, "gate": p.gate,
		"gateAdmin": p.gateAdmin, "app": p.app, "issuer": p.issuer,
	}, p.moved, err
}

// Application is a running sample application.
type Application = application

// StartApplication is startApplication.
func StartApplication(address string) (*Application, error) { return startApplication(address) }

// Take is application.take.
func (a *application) Take(id string) (http.Header, bool) { return a.take(id) }

// Close is application.close.
func (a *application) Close() error { return a.close() }

// IdentityOf is identityOf.
func IdentityOf(received http.Header) map[string]string { return identityOf(received) }

// Steady lets a caller call path at base, without a token, and counts what
// comes out other than a page that sees nobody.
func Steady(ctx context.Context, base, path string, app *Application, n int, interval time.Duration, event func() error) (calls, refused int, first string, err error) {
	c := newCaller(base, app)
	prepare := func() (call, error) { return call{path: path}, nil }
	t, err := c.steady(ctx, n, interval, prepare, nobody(), event)
	c.http.CloseIdleConnections()
	return t.calls, t.refused, t.first.String(), err
}

// Readable is readable.
func Readable(response *http.Response, origin string) bool { return readable(response, origin) }

// StartChild starts a process and returns how to ask for its readiness and how
// to kill it.
func StartChild(name, dir, program string, args ...string) (pid int, ready func(context.Context, func(context.Context) error) error, kill func(), err error) {
	c, err := startChild(name, dir, program, args...)
	if err != nil {
		return 0, nil, nil, err
	}
	return c.cmd.Process.Pid, c.ready, c.kill, nil
}

// Quoted is quoted.
func Quoted(word string) string { return quoted(word) }

// PrintSteps prints a heading, a good step, and a bad one.
func PrintSteps(out io.Writer, color bool) {
	p := &printer{out: out, color: color}
	p.heading("Signed out", "GET /")
	p.good("no token", nobody().brief(), "a note")
	p.bad("x-user-id: root", nobody().String(), user().String())
}

// Host is host.
func Host(server *devidp.Server, issuers []config.Issuer) (map[string]*devidp.Issuer, error) {
	return host(server, issuers)
}

// EnvoyReady asks an Envoy with these addresses whether it is ready.
func EnvoyReady(ctx context.Context, listen, admin string) error {
	s := &stack{ports: ports{envoy: listen, envoyAdmin: admin}}
	return s.envoyReady(ctx)
}

// Outcome is an outcome, its fields by name.
type Outcome struct {
	Failure  string
	Status   int
	Reason   string
	Reached  bool
	Identity map[string]string
	Token    bool
	Readable bool
}

func (o Outcome) inner() outcome {
	return outcome{o.Failure, o.Status, o.Reason, o.Reached, o.Identity, o.Token, o.Readable}
}

// Equal is outcome.equal.
func (o Outcome) Equal(other Outcome) bool { return o.inner().equal(other.inner()) }

// String is outcome.String.
func (o Outcome) String() string { return o.inner().String() }

// Brief is outcome.brief.
func (o Outcome) Brief() string { return o.inner().brief() }
