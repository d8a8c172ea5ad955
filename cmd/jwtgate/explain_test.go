package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// The token can come from a file, standard input or a header, and the time can be past or
// future.
func TestExplainTokenAndTime(t *testing.T) {
	e := newExplainer(t)
	now := time.Now()
	raw := e.token(t, e.home, nil, object{"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix()})
	file := e.put(t, "token.jwt", "\n  "+raw+"\r\n")
	for _, row := range []struct {
		name string
		args []string
		in   string
		code int
		want string
	}{
		{"from a file", []string{"--token-file", file}, "", exitYes, "allow: allowed"},
		{"from standard input", []string{"--token-file", "-"}, raw + "\n", exitYes, "allow: allowed"},
		{"as a header", []string{"--header", "Authorization: Bearer " + raw}, "", exitYes, "allow: allowed"},
		{"later", []string{"--token-file", file, "--at", "2h"}, "", exitNo, "deny: expired (HTTP 401)"},
		{"earlier", []string{"--token-file", file, "--at=-2h"}, "", exitNo, "deny: issued_in_future (HTTP 401)"},
		{"in a year", []string{"--token-file", file, "--at", now.AddDate(1, 0, 0).Format(time.RFC3339)}, "", exitNo, "deny: expired (HTTP 401)"},
		{"by a route's name", []string{"--token-file", file, "--route", "team"}, "", exitYes, "named by Envoy"},
		{"by the name of another route", []string{"--token-file", file, "--route", "fresh"}, "", exitNo, "deny: route_mismatch (HTTP 503)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			args := append([]string{"explain", "--config", e.config, "--path", "/team"}, row.args...)
			code := run(t.Context(), args, console{in: strings.NewReader(row.in), out: &out, err: &errs, getenv: os.LookupEnv})
			outcome{code, out.String(), errs.String()}.holds(t, row.code, []string{row.want}, nil)
			holdsNoToken(t, raw, out.String())
		})
	}
}

// The token goes where the matched route reads one.
func TestExplainPutsTheTokenWhereTheRouteReadsIt(t *testing.T) {
	e := newExplainer(t)
	raw := e.token(t, e.home, nil, nil)
	e.ask(t, question{args: []string{"--path", "/page"}, token: raw}).
		holds(t, exitYes, []string{`a token in the cookie "session"`, "removes cookie"}, nil)
	e.ask(t, question{args: []string{"--path", "/team"}, token: raw}).
		holds(t, exitYes, []string{"a token in Authorization: Bearer", "removes authorization"}, nil)
}

// A path can have a token. Users may forward the output, so it must not have one.
func TestExplainHidesATokenInThePath(t *testing.T) {
	e := newExplainer(t)
	raw := e.token(t, e.home, nil, nil)
	got := e.ask(t, question{args: []string{"--path", "/open/" + raw + "/x?access_token=" + raw}})
	got.holds(t, exitYes, []string{"GET /open/(token)/x\n"}, nil)
	holdsNoToken(t, raw, got.out)
}

// TestExplainMistakes: what cannot be explained is an error in one line, with a hint. The
// exit code is 2, because nothing was decided.
func TestExplainMistakes(t *testing.T) {
	e := newExplainer(t)
	wrong := e.put(t, "wrong.yaml", "issuers: {home: {issuer: https://home.example/}}\nrotues: []\n")
	const one = "nothing to explain; expected a request (--config and --path), a decision (--decision), or an audit line (--audit-line)"
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, one},
		{
			"a request and a decision", []string{"--path", "/x", "--decision", "a-b"},
			"--path explains a request and cannot be used with --decision; omit it",
		},
		{
			"a decision and parts of a request",
			[]string{
				"--decision", "a-b", "--route", "x", "--host", "h", "--method", "GET", "--at", "1h", "--config", "c", "--host", "i",
			},
			"--route, --host, --method, --at, --config explain a request and cannot be used with --decision; omit them",
		},
		{
			"a line and a header", []string{"--audit-line", "-", "--header", "a: b", "--token-file", "x"},
			"--header, --token-file explain a request and cannot be used with --audit-line",
		},
		{
			"a line and a server", []string{"--audit-line", "-", "--server", "a:1"},
			"--server explains a decision in the memory of a server and cannot be used with --audit-line",
		},
		{
			"a request and a server", []string{"--config", e.config, "--path", "/x", "--server", "a:1"},
			"--server explains a recorded decision (--decision) and cannot be used with --path",
		},
		{
			"an invalid ID", []string{"--decision", "a-b"}, `invalid decision ID "a-b"; expected REPLICA-<16 hex digits> ` +
				`as in the response body and the audit line, such as 3f2a9c01-5d41e8c2b7a90f36`,
		},
		{"an invalid ID and a log", []string{"--decision", "A-5D41E8C2B7A90F36", "--audit-line", "-"}, "invalid decision ID"},
		{
			"an empty token file", []string{"--config", e.config, "--path", "/x", "--token-file", e.put(t, "empty.jwt", " \n\t")},
			e.dir + "/empty.jwt is empty; expected a token; for a request without a token, omit --token-file",
		},
		{
			"an empty standard input", []string{"--config", e.config, "--path", "/x", "--token-file", "-"},
			"standard input is empty; expected a token",
		},
		{"a token without a path", []string{"--config", e.config, "--token-file", "x"}, one},
		{
			"a header without a colon", []string{"--config", e.config, "--path", "/x", "--header", "x-user-id"},
			`--header: got "x-user-id"; expected 'name: value'`,
		},
		{"a header without a name", []string{"--config", e.config, "--path", "/x", "--header", ": x"}, `--header: got ": x"; expected`},
		{"a header after a space", []string{"--config", e.config, "--path", "/x", "--header", " a: x"}, `--header: got " a: x"; expected`},
		{
			"an invalid time", []string{"--config", e.config, "--path", "/x", "--at", "tomorrow"},
			`invalid time "tomorrow"; expected RFC 3339 such as 2026-05-17T10:00:00Z, or a duration from now such as 2h or --at=-2h`,
		},
		{
			"a time that looks like a flag", []string{"--config", e.config, "--path", "/x", "--at", "-2h"},
			`perhaps try --at="-2h"?; see jwtgate explain --help`,
		},
		{
			"a missing token file", []string{"--config", e.config, "--path", "/x", "--token-file", e.dir + "/nowhere"},
			"reading the token: open ",
		},
		{"a missing config", []string{"--config", e.dir + "/nowhere.yaml", "--path", "/x"}, "no such file"},
		{"a config with mistakes", []string{"--config", wrong, "--path", "/x"}, "wrong.yaml:2:1: "},
		{"no config", []string{"--path", "/x"}, "no configuration; name a file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			command(t, append([]string{"explain"}, row.args...)...).holds(t, exitFailure, nil, []string{row.want})
		})
	}
}

// deny sends an authorization request that is denied, and returns the audit line.
func (s *served) deny(t *testing.T, path string) map[string]any {
	t.Helper()
	before := len(s.log.Lines(t, "decision"))
	ask(t, s.listen, path)
	s.log.Until(t, s.ended, "decision", func() bool { return len(s.log.Lines(t, "decision")) > before })
	return s.log.Lines(t, "decision")[before]
}

// TestExplainDecision: the ID of a denial's decision is enough to explain it, by the memory
// of the server or by its log.
func TestExplainDecision(t *testing.T) {
	alone(t)
	s := serve(t, "--config", testutil.File(t, "jwtgate.yaml", publicYAML))
	other := serve(t, "--config", testutil.File(t, "jwtgate.yaml", publicYAML))
	line := s.deny(t, "/admin")
	id := line["decision"].(string)
	want := []string{
		"deny: route_denied (HTTP 403), decision " + id, " 1 path and host  passed   GET /admin on host api.example", " 2 route          failed ",
		"detail: the route denies all requests", "hint: add a route that allows the request",
	}

	t.Run("a server that remembers", func(t *testing.T) {
		command(t, "explain", "--decision", id, "--server", s.admin).holds(t, exitNo, want, nil)
	})
	t.Run("by its URL", func(t *testing.T) {
		command(t, "explain", "--decision", id, "--server", "http://"+s.admin+"/").holds(t, exitNo, want, nil)
	})
	t.Run("one of several", func(t *testing.T) {
		command(t, "explain", "--decision", id, "--server", "127.0.0.1:1,"+other.admin+","+s.admin).holds(t, exitNo, want, nil)
	})
	t.Run("as JSON", func(t *testing.T) {
		got := command(t, "explain", "--decision", id, "--server", s.admin, "--json")
		var view explanationJSON
		if err := json.Unmarshal([]byte(got.out), &view); err != nil || got.code != exitNo {
			t.Fatalf("%d, %v", got.code, err)
		}
		if view.Decision != id || view.Reason != "route_denied" || view.Status != 403 || view.Config != line["config"] || view.Time.IsZero() {
			t.Errorf("%+v", view)
		}
	})
	t.Run("none that remembers", func(t *testing.T) {
		const forgotten = "0123-0123456789abcdef"
		command(t, "explain", "--decision", forgotten, "--server", s.admin+","+other.admin+",127.0.0.1:1").holds(t, exitFailure, nil, []string{
			"no server has decision " + forgotten + " of replica 0123\n",
			s.admin + " is replica " + strings.Split(id, "-")[0] + " and does not have it", other.admin + " is replica ",
			"127.0.0.1:1 did not respond: ", "grep " + forgotten + " LOG | jwtgate explain --audit-line -",
		})
	})
	t.Run("by a name that it does not allow", func(t *testing.T) {
		proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: s.admin})
			r.Out.Host = "gate.example"
		}})
		defer proxy.Close()
		command(t, "explain", "--decision", id, "--server", proxy.URL).holds(t, exitFailure, nil, []string{
			proxy.URL + " rejects this host name; use its IP address, or add the name to admin.hosts in its configuration",
		})
	})
	t.Run("another kind of server", func(t *testing.T) {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
		defer web.Close()
		command(t, "explain", "--decision", id, "--server", web.URL).
			holds(t, exitFailure, nil, []string{web.URL + " answered 418; is it the admin address?"})
	})
	t.Run("a server that answers with something else", func(t *testing.T) {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
		defer web.Close()
		command(t, "explain", "--decision", id, "--server", web.URL).holds(t, exitFailure, nil, []string{web.URL + " did not respond: "})
	})
	t.Run("from its log", func(t *testing.T) {
		command(t, "explain", "--audit-line", testutil.File(t, "jwtgate.log", s.log.String())).holds(t, exitNo, want, nil)
	})
}

// auditLine is a line as a server writes it.
const auditLine = `{"time":"2026-05-17T10:00:00Z","level":"INFO","msg":"decision","decision":"3f2a9c01-5d41e8c2b7a90f36",` +
	`"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","route":"admin",` +
	`"verdict":"deny","reason":"group_missing","status":403,"detail":"the subject is not in a group that may do this",` +
	`"internal_detail":"group missing: has groups \"staff\"","hint":"add this user to group \"admin\"","issuer":"home",` +
	`"subject":"alice","kid":"key-1","method":"GET","host":"api.example","path":"/admin/1",` +
	`"source":"192.0.2.7","duration_us":120,"cached":true,"config":"c0ffee"}`

// TestExplainAuditLine: the line is found among others, and after text that a log
// collector added.
func TestExplainAuditLine(t *testing.T) {
	const difference = `{"time":"2026-05-17T10:00:00Z","level":"INFO","msg":"candidate difference",` +
		`"decision":"3f2a9c01-0000000000000000","from":"allow","to":"deny"}` + "\n"
	want := []string{
		"deny: group_missing (HTTP 403), decision 3f2a9c01-5d41e8c2b7a90f36 at 2026-05-17T10:00:00Z",
		" 1 path and host  passed   GET /admin/1 on host api.example\n",
		" 4 header         passed   kid \"key-1\"\n", " 5 issuer         passed   home\n",
		" 8 claims         passed   subject \"alice\"\n",
		" 9 requirement    failed   group missing: has groups \"staff\"\n", "10 identity       skipped\n",
		"detail: the subject is not in a group that may do this\n", "hint: add this user to group \"admin\"\n",
		"\nissuer: home\n", "\nsubject: alice\n", "\nkid: key-1\n",
		"\ntrace id: 4bf92f3577b34da6a3ce929d0e0e4736\n", "\nsource: 192.0.2.7\n", "\nconfig: c0ffee\n",
		"\nthe token was in the cache\ndecided in 120 µs\n",
	}
	for name, text := range map[string]string{
		"alone":                   auditLine,
		"with a line feed":        auditLine + "\r\n",
		"behind a container":      "jwtgate-1  | " + auditLine + "\n",
		"behind a Kubernetes log": "2026-05-17T10:00:00.1Z stderr F " + auditLine + "\n",
		"among others":            "starting\n{\"msg\":\"jwtgate 1\"}\n{broken\n" + difference + auditLine + "\nbehind\n",
		"twice":                   auditLine + "\n" + auditLine + "\n",
		"behind a long line":      "{" + strings.Repeat("x", 3*maxLine) + "\n" + auditLine + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"explain", "--audit-line", "-"}, console{
				in: strings.NewReader(text), out: &out, err: &errs, getenv: os.LookupEnv,
			})
			outcome{code, out.String(), errs.String()}.holds(t, exitNo, want, nil)
		})
	}
	for name, text := range map[string]string{
		"nothing": "", "other lines": "starting\n{\"msg\":\"x\"}\n" + difference, "half a line": auditLine[:200],
	} {
		t.Run(name, func(t *testing.T) {
			command(t, "explain", "--audit-line", testutil.File(t, "log", text)).
				holds(t, exitFailure, nil, []string{"found no audit line; expected"})
		})
	}
	t.Run("allowed", func(t *testing.T) {
		line := strings.NewReplacer(`"deny"`, `"allow"`, "group_missing", "shadowed",
			`"status":403,"detail":"the subject is not in a group that may do this"`, `"status":200,"would_deny":"expired"`,
		).Replace(auditLine)
		command(t, "explain", "--audit-line", testutil.File(t, "log", line)).holds(t, exitYes, []string{
			"allow: shadowed, decision ", "allowed without identity; otherwise denied: expired\n",
			" 8 claims         failed ", "10 identity       passed",
		}, nil)
	})
	command(t, "explain", "--audit-line", "nowhere.log").holds(t, exitFailure, nil, []string{"reading the audit line: open nowhere.log"})
}

// TestExplainAuditLineOfMany: the ID selects one of several decisions in a log.
func TestExplainAuditLineOfMany(t *testing.T) {
	line := func(number int) string {
		return strings.NewReplacer("5d41e8c2b7a90f36", fmt.Sprintf("%016x", number), "group_missing", "expired").Replace(auditLine) + "\n"
	}
	var text strings.Builder
	for number := range 5000 { // more than is held of it at once
		text.WriteString(line(number))
	}
	log := testutil.File(t, "jwtgate.log", text.String()+auditLine+"\n"+line(5000))
	const id = "3f2a9c01-5d41e8c2b7a90f36"
	t.Run("the one that is asked for", func(t *testing.T) {
		command(t, "explain", "--decision", id, "--audit-line", log).
			holds(t, exitNo, []string{"deny: group_missing (HTTP 403), decision " + id + " at "}, nil)
	})
	t.Run("none is asked for", func(t *testing.T) {
		command(t, "explain", "--audit-line", log).holds(t, exitFailure, nil, []string{
			"found audit lines of more than one decision (5002 lines; the first is 3f2a9c01-0000000000000000); " +
				"hint: select one: jwtgate explain --decision ID --audit-line " + log})
	})
	t.Run("one that is not there", func(t *testing.T) {
		command(t, "explain", "--decision", "0123-0123456789abcdef", "--audit-line", log).holds(t, exitFailure, nil, []string{
			"found no audit line of decision 0123-0123456789abcdef"})
	})
	t.Run("an endless one", func(t *testing.T) {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"explain", "--audit-line", "-"}, console{in: endless{}, out: &out, err: &errs, getenv: os.LookupEnv})
		outcome{code, out.String(), errs.String()}.holds(t, exitFailure, nil, []string{"the log is longer than 64 MiB; hint: grep ID LOG"})
	})
}

// endless is a stream of empty lines.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

// TestExplainAuditLineRefuses: a line that this version cannot have written is an error.
func TestExplainAuditLineRefuses(t *testing.T) {
	for _, row := range []struct{ name, old, new, want string }{
		{
			"an unknown reason", "group_missing", "bad_mood",
			`decision 3f2a9c01-5d41e8c2b7a90f36 has the unknown reason "bad_mood"; it may be of another version of jwtgate`,
		},
		{"no reason", "group_missing", "", `has the unknown reason ""`},
		{"an unknown reason in shadow mode", `"status":403`, `"would_deny":"bad_mood"`, `has the unknown reason "bad_mood"`},
		{
			"an unknown verdict", `"deny"`, `"perhaps"`,
			`has verdict "perhaps", but the verdict of reason group_missing is deny; the line was edited`,
		},
		{"the other verdict", `"deny"`, `"allow"`, `has verdict "allow", but the verdict of reason group_missing is deny`},
		{"no id", "3f2a9c01-5d41e8c2b7a90f36", "seven", `invalid decision ID "seven"`},
		{"an id in capitals", "5d41e8c2b7a90f36", "5D41E8C2B7A90F36", "invalid decision ID"},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := testutil.File(t, "log", strings.Replace(auditLine, row.old, row.new, 1))
			command(t, "explain", "--audit-line", file).holds(t, exitFailure, nil, []string{row.want})
		})
	}
}

// TestConfigByVariable: the server's variable also names the configuration. A flag has
// precedence, and the variable does not count as a flag next to a decision.
func TestConfigByVariable(t *testing.T) {
	e := newExplainer(t)
	t.Setenv("JWTGATE_CONFIG", e.config)
	command(t, "explain", "--path", "/nowhere").holds(t, exitNo, []string{"deny: credential_missing"}, nil)
	command(t, "explain", "--path", "/nowhere", "--config", e.put(t, "open.yaml", publicYAML)).
		holds(t, exitNo, []string{"deny: route_denied"}, nil)
	command(t, "explain", "--audit-line", testutil.File(t, "log", auditLine)).holds(t, exitNo, []string{"group_missing"}, nil)
	command(t, "check").holds(t, exitYes, []string{e.config + ": valid"}, nil)
	other := testutil.File(t, "other.yaml", publicYAML)
	command(t, "check", "--config", other).holds(t, exitYes, []string{other + ": valid"}, nil)
	command(t, "check", other).holds(t, exitYes, []string{other + ": valid"}, nil)
	cases := testutil.File(t, "cases.yaml", "cases: [{request: GET /open/x, expect: {reason: public}}]\n")
	command(t, "test", cases).holds(t, exitYes, []string{"1 case, 0 failed"}, nil)
	command(t, "test", "--config", e.dir+"/nowhere.yaml", cases).holds(t, exitFailure, nil, []string{"nowhere.yaml"})
}
