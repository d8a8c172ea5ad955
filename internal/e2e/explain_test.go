//go:build !race

package e2e

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// request is the request as the gate gets it, with separate fields.
func (s sent) request() *request.Request {
	r := &request.Request{Method: s.method, Authority: s.host, Target: s.target, RawHeaders: true}
	for _, h := range s.headers {
		r.Headers = append(r.Headers, request.Header{Name: strings.ToLower(h[0]), Value: h[1]})
	}
	return r
}

// TestExplainCorpus explains every row of the corpus: the reason is the one that
// the running server gives (TestNothingHostileGetsThrough), the step that failed
// is the one of that reason, and no token is shown.
func TestExplainCorpus(t *testing.T) {
	i := startIssuers(t)
	g := corpusGate(t, i)
	for _, class := range readAttacks(t) {
		for _, row := range class.Rows {
			if row.Want == string(gate.ReasonRequestMalformed) {
				continue // nothing that could be put to the gate
			}
			t.Run(class.Class+"/"+row.Name, func(t *testing.T) {
				s, _ := row.fill(t, i)
				r := s.request()
				var e *gate.Explanation
				eventually(t, awaited, "the key is looked for", func() error {
					if e = g.Explain(t.Context(), r, time.Now()); e.Decision.Reason == gate.ReasonKeyPending && row.Want != "key_pending" {
						return fmt.Errorf("reason %s", e.Decision.Reason)
					}
					return nil
				})
				d := e.Decision
				if string(d.Reason) != row.Want || d.Status() != statuses()[row.Want] {
					t.Fatalf("%d %s (%s), want %d %s", d.Status(), d.Reason, d.InternalDetail, statuses()[row.Want], row.Want)
				}
				checkExplained(t, e)
			})
		}
	}
}

// corpusGate is a gate in this process with the corpus's configuration and keys.
func corpusGate(t *testing.T, i issuers) *gate.Gate {
	t.Helper()
	env := map[string]string{}
	for _, variable := range i.environment() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	cfg, err := config.Load("testdata/corpus.yaml", func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := gate.Compile(cfg, gate.CompileOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(policy, gate.Options{Replica: "explain", Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(g.Close)
	g.AwaitKeys(t.Context(), awaited)
	return g
}

// checkExplained compares the steps of an explanation with its decision.
func checkExplained(t *testing.T, e *gate.Explanation) {
	t.Helper()
	d := e.Decision
	reason := d.WouldDeny
	if d.Verdict == gate.VerdictDeny {
		reason = d.Reason
	}
	var failed []gate.Step
	for _, step := range e.Steps {
		if step.Outcome == gate.Failed {
			failed = append(failed, step)
		}
		if len(failed) > 0 && step.Outcome == gate.Passed && (step.Number != gate.StageIdentity || d.WouldDeny == "") {
			t.Errorf("%s passed after %s, which failed", step.Check, failed[0].Check)
		}
		if found := programs.Token(step.Text); found != "" {
			t.Errorf("%s shows a token: %.40s...", step.Check, found)
		}
	}
	if reason == "" {
		if len(failed) > 0 {
			t.Errorf("%s, and these failed: %+v", d.Reason, failed)
		}
		return
	}
	m, _ := gate.LookupReason(reason)
	early := reason == gate.ReasonClaimsMalformed && len(failed) == 1 && failed[0].Number == gate.StageIssuer && d.Issuer == ""
	if len(failed) != 1 || failed[0].Number != m.Stage && !early || failed[0].Text != d.InternalDetail {
		t.Errorf("%s (%s), and these failed: %+v", reason, d.InternalDetail, failed)
	}
}

// TestExplainCommandOverTheCorpus runs the program itself, for one row of each reason in
// each class.
func TestExplainCommandOverTheCorpus(t *testing.T) {
	i := startIssuers(t)
	asked := 0
	for _, class := range readAttacks(t) {
		// the last two need a server that keeps fetching keys
		seen := map[string]bool{"request_malformed": true, "key_pending": true, "key_unknown": true}
		for _, row := range class.Rows {
			if seen[row.Want] {
				continue
			}
			s, _ := row.fill(t, i)
			args, writable := s.commandLine()
			if !writable {
				continue
			}
			seen[row.Want] = true
			asked++
			t.Run(class.Class+"/"+row.Name, func(t *testing.T) {
				got := jwtgate(t, i.environment(), args...)
				var view struct {
					Verdict, Reason string
					Status          int
					Steps           []gate.Step
				}
				if err := json.Unmarshal([]byte(got.stdout), &view); err != nil {
					t.Fatalf("%v: %s%s", err, got.stdout, got.stderr)
				}
				if view.Reason != row.Want || view.Status != statuses()[row.Want] || len(view.Steps) != 10 {
					t.Errorf("%d %s in %d steps, want %d %s", view.Status, view.Reason, len(view.Steps), statuses()[row.Want], row.Want)
				}
				want := 0
				if view.Verdict == "deny" {
					want = 1
				}
				if got.code != want {
					t.Errorf("exit code %d of %s, want %d", got.code, view.Reason, want)
				}
				if found := programs.Token(got.stdout + got.stderr); found != "" {
					t.Errorf("it printed a token: %.40s...", found)
				}
			})
		}
	}
	if asked < 40 {
		t.Errorf("%d rows were asked about, want at least 40", asked)
	}
}

// commandLine returns the request as arguments of `jwtgate explain`, if they can express
// it.
func (s sent) commandLine() (args []string, writable bool) {
	args = []string{"explain", "--config", "testdata/corpus.yaml", "--json", "--method=" + s.method, "--path=" + s.target, "--host=" + s.host}
	size := 0
	for _, h := range s.headers {
		if h[0] != strings.TrimSpace(h[0]) || strings.Contains(h[0], ":") || h[1] != strings.TrimSpace(h[1]) {
			return nil, false
		}
		args = append(args, "--header="+h[0]+": "+h[1])
	}
	for _, arg := range args {
		size += len(arg)
		if strings.ContainsFunc(arg, func(r rune) bool { return r < ' ' || r == utf8.RuneError }) {
			return nil, false
		}
	}
	return args, s.target != "" && s.method != "" && size < 64<<10
}
