package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/envoyneeds"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/request"
)

// explainKeys bounds how long an explanation waits for the issuers' keys.
const explainKeys = 10 * time.Second

type explainCommand struct {
	Config    string      `help:"The configuration that decides." placeholder:"FILE" env:"JWTGATE_CONFIG" group:"A request:"`
	Method    string      `help:"The request's method." placeholder:"M" default:"GET" group:"A request:"`
	Path      string      `help:"Its path, with its query." placeholder:"/x" group:"A request:"`
	Host      string      `help:"Its host." placeholder:"H" group:"A request:"`
	Header    []string    `help:"A header field; may be repeated." placeholder:"'k: v'" sep:"none" group:"A request:"`
	TokenFile string      `help:"A file with the token, or - for standard input." placeholder:"F" group:"A request:"`
	Route     string      `help:"The route that Envoy selects (context_extensions jwtgate.route)." placeholder:"NAME" group:"A request:"`
	At        instantFlag `help:"The time: RFC 3339, or relative, such as 2h or --at=-2h." placeholder:"TIME" group:"A request:"`

	Decision  string   `help:"The ID of a decision." placeholder:"ID" group:"A decision:"`
	Server    []string `help:"Admin addresses of servers; by default ${default}." placeholder:"A" default:"127.0.0.1:9002" group:"A decision:"`
	AuditLine string   `help:"A file with its audit line, or - for standard input." placeholder:"F" group:"A decision:"`

	JSON bool `name:"json" help:"Print JSON."`
}

// instantFlag is a time, absolute or relative to now; the zero value is now.
type instantFlag struct {
	at    time.Time
	after time.Duration
}

// UnmarshalText reads a time.
func (i *instantFlag) UnmarshalText(text []byte) error {
	var err error
	if i.after, err = time.ParseDuration(string(text)); err == nil {
		return nil
	}
	if i.at, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("invalid time %q; expected RFC 3339 such as 2026-05-17T10:00:00Z, or a duration from now such as 2h or --at=-2h", text)
	}
	return nil
}

func (i instantFlag) time(now time.Time) time.Time {
	if !i.at.IsZero() {
		return i.at
	}
	return now.Add(i.after)
}

// Help is the command's longer help.
func (explainCommand) Help() string {
	return `Decides one request by the same code as the server, and prints each check, the decision, and what to change. ` +
		`It never prints the token. It exits with 0 if the request is allowed or answered by jwtgate itself, 1 if it is denied, ` +
		`and 2 if it could not be decided.

Examples:
  jwtgate explain --config jwtgate.yaml --path /api/admin/users --token-file token.jwt
  jwtgate explain --decision 3f2a9c01-5d41e8c2b7a90f36 --server 10.0.0.7:9002,10.0.0.8:9002
  grep 5d41e8c2b7a90f36 jwtgate.log | jwtgate explain --audit-line -
  jwtgate explain --decision 3f2a9c01-5d41e8c2b7a90f36 --audit-line jwtgate.log`
}

// Run explains one decision.
func (cmd explainCommand) Run(ctx context.Context, c console, parsed *kong.Context) error {
	explanation, err := cmd.explain(ctx, c, parsed)
	if err != nil {
		return err
	}
	if cmd.JSON {
		err = writeExplanationJSON(c.out, explanation)
	} else {
		err = writeExplanation(c.out, explanation)
	}
	switch {
	case err != nil:
		return err
	case explanation.Verdict == gate.VerdictAllow, explanation.Verdict == gate.VerdictAnswer:
		return nil
	case isOutage(explanation.Reason):
		return reported(errors.New("could not decide"))
	}
	return reported(exitError{exitNo, errors.New("denied")})
}

// isOutage reports whether a request was denied because its issuer was unreachable, or
// because jwtgate failed.
func isOutage(reason gate.Reason) bool {
	m, known := gate.LookupReason(reason)
	return known && (m.Outage || m.Fault == gate.FaultGate)
}

// explain explains a request, or a recorded decision. A flag that only another of these
// uses is an error, because it would have no effect.
func (cmd explainCommand) explain(ctx context.Context, c console, parsed *kong.Context) (*explanation, error) {
	ofRequest := given(parsed, "config", "method", "path", "host", "header", "token-file", "route", "at")
	server := given(parsed, "server")
	switch {
	case cmd.AuditLine != "" && len(ofRequest) > 0:
		return nil, misplaced(ofRequest, "a request", "--audit-line")
	case cmd.AuditLine != "" && len(server) > 0:
		return nil, misplaced(server, "a decision in the memory of a server", "--audit-line")
	case cmd.Decision != "" && len(ofRequest) > 0:
		return nil, misplaced(ofRequest, "a request", "--decision")
	case cmd.Decision == "" && cmd.Path != "" && len(server) > 0:
		return nil, misplaced(server, "a recorded decision (--decision)", "--path")
	}
	if len(given(parsed, "decision")) > 0 {
		if err := checkID(cmd.Decision); err != nil {
			return nil, err
		}
	}
	switch {
	case cmd.AuditLine != "":
		return c.readAuditLine(cmd.AuditLine, cmd.Decision)
	case cmd.Decision != "":
		return askServers(ctx, cmd.Decision, cmd.Server)
	case cmd.Path != "":
		return cmd.explainRequest(ctx, c)
	}
	return nil, errors.New("nothing to explain; " +
		"expected a request (--config and --path), a decision (--decision), or an audit line (--audit-line)")
}

// explainRequest decides a request that the command line describes.
func (cmd explainCommand) explainRequest(ctx context.Context, c console) (*explanation, error) {
	policy, err := loadPolicy(cmd.Config, c.getenv)
	if err != nil {
		if err = reportMistakes(c.err, err); errors.As(err, new(exitError)) {
			return nil, reported(errors.New("the configuration has mistakes")) // exit code 2: nothing was decided
		}
		return nil, err
	}
	g := gate.New(policy, gate.Options{Replica: "explain", Logger: slog.New(slog.DiscardHandler)})
	defer g.Close()
	r, err := cmd.request(policy.Config())
	if err != nil {
		return nil, err
	}
	if cmd.TokenFile != "" {
		raw, err := c.readToken(cmd.TokenFile)
		if err != nil {
			return nil, err
		}
		g.AddToken(r, raw)
	}
	g.AwaitKeys(ctx, explainKeys)
	e := explainDecision(r, g.Explain(ctx, r, cmd.At.time(time.Now())))
	e.arrival = describeArrival(envoyneeds.Of(policy), r.Method, r.Target)
	if e.Reason == gate.ReasonKeysUnavailable {
		c.reportKeys(g.Issuers().Stats())
	}
	return e, nil
}

// reportKeys prints why keys could not be fetched, which a server shows at /issuers.
func (c console) reportKeys(issuers []issuer.Stats) {
	for _, keys := range issuers {
		if !keys.HasKeys && keys.LastError != "" {
			fmt.Fprintf(c.err, "jwtgate: fetching the keys of issuer %s failed: %s\n", keys.Issuer, keys.LastError)
		}
	}
}

// request returns the request that the command line describes, without its token.
func (cmd explainCommand) request(cfg *config.Config) (*request.Request, error) {
	r := &request.Request{Method: cmd.Method, Authority: cmd.Host, Target: cmd.Path, RawHeaders: true}
	for _, field := range cmd.Header {
		name, value, ok := strings.Cut(field, ":")
		if !ok || strings.TrimSpace(name) != name || name == "" {
			return nil, fmt.Errorf("--header: got %q; expected 'name: value'", field)
		}
		r.Headers = append(r.Headers, request.Header{Name: strings.ToLower(name), Value: strings.TrimSpace(value)})
	}
	if cmd.Route != "" {
		r.SetRoute(cmd.Route)
	}
	return r, nil
}

// maxRead bounds how much is read of a token or a server's response.
const maxRead = 1 << 20

// readToken reads a token, without the space around it.
func (c console) readToken(name string) (string, error) {
	text, err := c.read(name, maxRead)
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	if name == "-" {
		name = "standard input"
	}
	if raw := strings.TrimSpace(string(text)); raw != "" {
		return raw, tokenMistake(name, raw)
	}
	return "", fmt.Errorf("%s is empty; expected a token; for a request without a token, omit --token-file", name)
}

// askServers explains a decision that one of the servers has in memory.
func askServers(ctx context.Context, id string, servers []string) (*explanation, error) {
	client := &http.Client{Timeout: 5 * time.Second}
	var problems []string
	for _, server := range servers {
		record, problem := askServer(ctx, client, server, id)
		if problem == "" {
			return explainRecord(&record)
		}
		problems = append(problems, "  "+server+" "+problem)
	}
	replica, _, _ := strings.Cut(id, "-")
	return nil, fmt.Errorf("no server has decision %s of replica %s\n%s\n"+
		"hint: search the log of that replica: grep %s LOG | jwtgate explain --audit-line -", id, replica, strings.Join(problems, "\n"), id)
}

// adminPort is the hint for an address at which something else listens.
const adminPort = "hint: --server needs the address of admin.listen, by default port 9002"

// speaksFirst reports whether a server sent something else than an HTTP/1.1 response, as
// the gRPC port does. net/http has no type for it, and a second text if the bytes arrive
// before the request was sent.
func speaksFirst(err error) bool {
	text := err.Error()
	return strings.Contains(text, "malformed HTTP response") || strings.Contains(text, "readLoopPeekFailLocked")
}

// askServer asks one server for a decision. If it does not have it, problem says why.
func askServer(ctx context.Context, client *http.Client, server, id string) (record audit.Record, problem string) {
	base := server
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	status, err := getJSON(ctx, client, strings.TrimRight(base, "/")+"/decisions/"+id, &record)
	switch {
	case err == nil && status == http.StatusOK && record.Decision == id:
		return record, ""
	case err != nil && speaksFirst(err):
		return record, "does not answer in HTTP/1.1, so it may be the port for Envoy (server.listen, 9001); " + adminPort
	case err != nil:
		return record, "did not respond: " + err.Error()
	case status == http.StatusMisdirectedRequest:
		return record, "rejects this host name; use its IP address, or add the name to admin.hosts in its configuration and restart it"
	case status != http.StatusNotFound:
		return record, fmt.Sprintf("answered %d; is it the admin address? %s", status, adminPort)
	}
	var ready struct{ Replica string }
	if _, err := getJSON(ctx, client, strings.TrimRight(base, "/")+"/readyz", &ready); err == nil && ready.Replica != "" {
		return record, "is replica " + ready.Replica + " and does not have it"
	}
	return record, "does not have it"
}

func getJSON(ctx context.Context, client *http.Client, url string, into any) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	err = json.NewDecoder(io.LimitReader(response.Body, maxRead)).Decode(into)
	if response.StatusCode != http.StatusOK {
		err = nil // the status is enough
	}
	return response.StatusCode, err
}
