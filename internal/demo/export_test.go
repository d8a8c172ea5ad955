package demo

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
)

// This file exports the parts of the demo for tests.

// Rewrite is rewrite.
func Rewrite(source string, file []byte, keysOf func(string) (string, bool)) ([]byte, error) {
	at, err := pathsOf(source, file, nil)
	if err != nil {
		return nil, err
	}
	return rewrite(file, at, keysOf)
}

// RewriteAlone is rewrite for a file that refers to no other files.
func RewriteAlone(file []byte, keysOf func(string) (string, bool)) ([]byte, error) {
	return rewrite(file, paths{}, keysOf)
}

// ShippedConfig returns the demo's own configuration.
func ShippedConfig() []byte { return shippedConfig }

// Ports returns the ports of choosePorts, by part, and its line for the user.
func Ports() (map[string]string, string, error) {
	p, err := choosePorts()
	return map[string]string{
		"envoy": p.envoy, "envoyAdmin": p.envoyAdmin, "gate": p.gate,
		"gateAdmin": p.gateAdmin, "app": p.app, "issuer": p.issuer,
	}, p.moved, err
}

// Application is a running sample application.
type Application = application

// StartApplication is startApplication without pages.
func StartApplication(address string) (*Application, error) { return startApplication(address, nil) }

// Denial is a denial.
type Denial = denial

// ReadDenials is readDenials.
func ReadDenials(path string) []Denial { return readDenials(path) }

// Explain is explain.
func Explain(ctx context.Context, program, admin, decision string) (string, error) {
	return explain(ctx, program, admin, decision)
}

// Pages returns the pages of the application behind an Envoy at localhost:8080, with these
// denials and explanations.
func Pages(denials []Denial, explain func(decision string) (string, error)) (http.Handler, error) {
	s := &site{port: "8080", denials: func() []denial { return denials }}
	s.explain = func(_ context.Context, decision string) (string, string, error) {
		text, err := explain(decision)
		return "jwtgate explain --decision " + decision, text, err
	}
	other := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	return s.routes(other), s.parse()
}

// Take is application.take.
func (a *application) Take(id string) (http.Header, bool) { return a.take(id) }

// Close is application.close.
func (a *application) Close() error { return a.close() }

// IdentityOf is identityOf.
func IdentityOf(received http.Header) map[string]string { return identityOf(received) }

// LoadResult is a loadResult.
type LoadResult struct {
	Calls, Refused int
	First          string
}

// RunLoad runs a load of calls without a token, whose expected outcome is nobody.
func RunLoad(
	ctx context.Context, base, path string, app *Application, n int, interval time.Duration, event func() error,
) (LoadResult, error) {
	c := newCaller(base, app)
	defer c.http.CloseIdleConnections()
	prepare := func() (call, error) { return call{path: path}, nil }
	r, err := c.run(ctx, load{calls: n, interval: interval, prepare: prepare, want: nobody(), event: event})
	return LoadResult{r.calls, r.refused, r.first.String()}, err
}

// Readable is readable.
func Readable(response *http.Response, origin string) bool { return readable(response, origin) }

// Child is a process of the demo.
type Child = child

// StartChild is startChild.
func StartChild(name, dir, program string, args ...string) (*Child, error) {
	return startChild(name, dir, program, args...)
}

// PID returns the process's id.
func (c *child) PID() int { return c.cmd.Process.Pid }

// Ready is child.ready.
func (c *child) Ready(ctx context.Context, probe func(context.Context) error) error {
	return c.ready(ctx, probe)
}

// Kill is child.kill.
func (c *child) Kill() { c.kill() }

// Quoted is quoted.
func Quoted(word string) string { return quoted(word) }

// PrintSteps prints a heading, a step that passed, and one that failed.
func PrintSteps(out io.Writer, color bool) {
	p := &printer{out: out, color: color}
	p.heading("Signed out", "GET /")
	p.good("no token", nobody().brief(), "a note")
	p.bad("x-user-id: root", nobody().String(), user().String())
}

// Host is host.
func Host(server *devidp.Server, issuers []config.Issuer) (map[string]*devidp.Issuer, error) {
	return host(server, issuers, nil)
}

// Sending is stack.sending.
func Sending(c *config.Config, page, token string) string {
	return (&stack{config: c}).sending(page, token)
}

// EnvoyReady is envoyReady for an Envoy with these addresses.
func EnvoyReady(ctx context.Context, listen, admin string) error {
	s := &stack{ports: ports{envoy: listen, envoyAdmin: admin}}
	return s.envoyReady(ctx)
}

// Outcome is an outcome with exported fields.
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
