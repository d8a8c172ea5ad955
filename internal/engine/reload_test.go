package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/engine"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// TestReload: a changed file becomes active; a wrong one changes no decision, and is
// reported at /readyz and in metrics until a reload succeeds.
func TestReload(t *testing.T) {
	file := testutil.File(t, "jwtgate.yaml", openRoute)
	e := start(t, engine.Source{File: file}, "")
	first := e.ready().Config
	if got := e.reason(t, "/open"); got != gate.ReasonPublic {
		t.Fatalf("before: %s", got)
	}

	testutil.Replace(t, file, otherRoute)
	line := e.wait(t, reloaded)
	if got := e.reason(t, "/open"); got != gate.ReasonRouteDenied {
		t.Errorf("after the reload: %s", got)
	}
	second := e.ready()
	if second.Config == first || second.Refused != "" || line["config"] != second.Config || line["file"] != file {
		t.Errorf("after the reload: %+v, %v", second, line)
	}

	testutil.Replace(t, file, "routes: [{match: open}]\nbogus: 1\n")
	e.wait(t, failed)
	if got := e.reason(t, "/other"); got != gate.ReasonPublic {
		t.Errorf("after the failed reload: %s", got)
	}
	third := e.ready()
	if third.Config != second.Config || !strings.HasPrefix(third.Refused, "configuration: ") ||
		!strings.Contains(third.Refused, `:2:1: unknown key "bogus"`) || !strings.Contains(third.Refused, `"open" does not begin with /`) {
		t.Errorf("after the failed reload: %+v", third)
	}
	if missing := e.lacks(t,
		`jwtgate_config_reloads_total{result="ok"} 1`, `jwtgate_config_reloads_total{result="refused"} 1`,
		`jwtgate_config_info{sha256="`+second.Config+`"} 1`, `jwtgate_relaxations{kind="public"} 1`,
		`jwtgate_reload_refused{file="config"} 1`, `jwtgate_reload_refused{file="revoked"} 0`,
	); missing != nil {
		t.Errorf("the metrics lack %q", missing)
	}

	testutil.Replace(t, file, strings.Replace(openRoute, "/open", "/again", 1)+"tokens: {max_bytes: 4096}\n")
	e.until(t, "a second reload", func() bool { return len(e.log.Lines(t, reloaded)) == 2 })
	if got := e.reason(t, "/again"); got != gate.ReasonPublic || e.ready().Refused != "" {
		t.Errorf("after the recovery: %s, %+v", got, e.ready())
	}
	if missing := e.lacks(t, `jwtgate_reload_refused{file="config"} 0`); missing != nil {
		t.Errorf("the metrics lack %q", missing)
	}
}

// TestReloadOnRequest: the configuration is read again although no file has changed.
func TestReloadOnRequest(t *testing.T) {
	file := testutil.File(t, "jwtgate.yaml", openRoute)
	e := start(t, engine.Source{File: file}, "")
	e.reload <- syscall.SIGHUP
	e.wait(t, reloaded)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	e.wait(t, failed)
	if got := e.reason(t, "/open"); got != gate.ReasonPublic {
		t.Errorf("without its file: %s", got)
	}
}

// TestReloadOfListeners: settings that need a restart are logged.
func TestReloadOfListeners(t *testing.T) {
	for name, more := range map[string]string{
		"server": "server: {drain_delay: 1ms}\n", "admin": "admin: {hosts: [gate.example]}\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := testutil.File(t, "jwtgate.yaml", openRoute)
			e := start(t, engine.Source{File: file}, "")
			const msg = "server or admin has changed; the change takes effect after a restart"
			testutil.Replace(t, file, openRoute+"tokens: {max_bytes: 4096}\n")
			e.wait(t, reloaded)
			testutil.Replace(t, file, openRoute+more)
			e.wait(t, msg)
			if n := len(e.log.Lines(t, msg)); n != 1 {
				t.Errorf("logged %d times; expected once", n)
			}
		})
	}
}

// TestReloadAfterAFix: a configuration that is wrong because of a file that it names is
// reloaded once that file is fixed, whatever file it is, also if it was missing.
func TestReloadAfterAFix(t *testing.T) {
	for name, row := range map[string]struct{ more, file, broken, fixed string }{
		"an included file": {
			"include: [routes.d/*.yaml]\n", "routes.d/a.yaml",
			"hosts: [a.example]\n", "hosts: [a.example]\nroutes: [{match: /x, access: public}]\n",
		},
		"a missing list":        {"revoked: {file: revoked.jsonl}\n", "revoked.jsonl", "", "\n"},
		"a list with a mistake": {"revoked: {file: revoked.jsonl}\n", "revoked.jsonl", "{}\n", "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			file := testutil.File(t, "jwtgate.yaml", openRoute)
			other := filepath.Join(filepath.Dir(file), row.file)
			if err := os.MkdirAll(filepath.Dir(other), 0o700); err != nil {
				t.Fatal(err)
			}
			e := start(t, engine.Source{File: file}, "")
			if row.broken != "" {
				testutil.Replace(t, other, row.broken)
			}
			testutil.Replace(t, file, otherRoute+row.more)
			e.wait(t, failed)
			if why := e.ready().Refused; !strings.HasPrefix(why, "configuration: ") || !strings.Contains(why, filepath.Base(row.file)) {
				t.Errorf("reported: %s", why)
			}
			testutil.Replace(t, other, row.fixed)
			e.wait(t, reloaded)
			if got := e.reason(t, "/other"); got != gate.ReasonPublic || e.ready().Refused != "" {
				t.Errorf("after the fix: %s, %+v", got, e.ready())
			}
		})
	}
}

// TestReloadOfTheAuditKey: a changed key of the hashes in audit lines is read again, and one
// that cannot be used changes nothing until it is corrected.
func TestReloadOfTheAuditKey(t *testing.T) {
	key := testutil.File(t, "audit.key", strings.Repeat("1", 32))
	file := testutil.File(t, "jwtgate.yaml", openRoute+"audit: {redact: {fields: [path], mode: hash, key_file: "+key+"}}\n")
	e := start(t, engine.Source{File: file}, "")
	hash := func() string {
		d := e.Gate.Decide(t.Context(), &request.Request{Method: "GET", Authority: "api.example", Target: "/open"})
		return d.Redaction.Of(config.RedactPath, "/open")
	}
	first := hash()
	testutil.Replace(t, key, strings.Repeat("2", 32))
	e.wait(t, reloaded)
	second := hash()
	if first == second {
		t.Errorf("the changed key is not in use: %s", second)
	}
	testutil.Replace(t, key, "short")
	e.wait(t, failed)
	if refused := e.ready().Refused; hash() != second || !strings.Contains(refused, "audit.redact.key_file has a key of the wrong length") {
		t.Errorf("after the failed reload: %s; expected %s; refused: %q", hash(), second, refused)
	}
	testutil.Replace(t, key, strings.Repeat("1", 32))
	e.until(t, "a second reload", func() bool { return len(e.log.Lines(t, reloaded)) == 2 })
	if hash() != first || e.ready().Refused != "" {
		t.Errorf("after the recovery: %s; expected %s; refused: %q", hash(), first, e.ready().Refused)
	}
}

// TestFailuresAreSeparate: failures of the live revocation list, of the candidate and of
// its list are reported separately. A list that the configuration no longer names is not
// reported.
func TestFailuresAreSeparate(t *testing.T) {
	dir := testutil.Files(t, map[string]string{
		"live.yaml": openRoute + "revoked: {file: live.jsonl}\n", "live.jsonl": "\n",
		"next.yaml": openRoute + "revoked: {file: next.jsonl}\n", "next.jsonl": "\n",
	})
	path := func(name string) string { return filepath.Join(dir, name) }
	e := start(t, engine.Source{File: path("live.yaml")}, path("next.yaml"))
	for _, row := range []struct{ file, broken, fixed, prefix string }{
		{"live.jsonl", "{}\n", "\n\n", "revocation list: "},
		{"next.jsonl", "{}\n", "\n\n", "candidate revocation list: "},
		{"next.yaml", "bogus: 1\n", openRoute, "candidate configuration: "},
	} {
		testutil.Replace(t, path(row.file), row.broken)
		e.until(t, row.prefix, func() bool { return strings.HasPrefix(e.ready().Refused, row.prefix) })
		testutil.Replace(t, path(row.file), row.fixed)
		e.until(t, "no failure", func() bool { return e.ready().Refused == "" })
	}
	testutil.Replace(t, path("live.jsonl"), "{}\n")
	e.until(t, "a failure of the list", func() bool { return e.ready().Refused != "" })
	testutil.Replace(t, path("live.yaml"), openRoute)
	e.until(t, "no failure", func() bool { return e.ready().Refused == "" })
}

// TestCompilesOnce: a start and a reload compile the live and the candidate
// configuration once each.
func TestCompilesOnce(t *testing.T) {
	file, candidate := testutil.File(t, "jwtgate.yaml", openRoute), testutil.File(t, "candidate.yaml", otherRoute)
	var compiled sync.Map // :: hash of the config -> *atomic.Int64
	count := func(cfg *config.Config, o gate.CompileOptions) (*gate.Policy, error) {
		n, _ := compiled.LoadOrStore(cfg.Hash, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		return gate.Compile(cfg, o)
	}
	check := func(what string) {
		t.Helper()
		configs := 0
		compiled.Range(func(hash, n any) bool {
			configs++
			if n := n.(*atomic.Int64).Load(); n != 1 {
				t.Errorf("%s compiles %v %d times; expected once", what, hash, n)
			}
			return true
		})
		compiled.Clear()
		if configs != 2 {
			t.Errorf("%s compiles %d configurations; expected 2", what, configs)
		}
	}
	e := start(t, engine.Source{File: file, Compile: count}, candidate)
	check("a start")
	e.reload <- syscall.SIGHUP
	e.wait(t, reloaded)
	e.wait(t, "candidate configuration reloaded")
	check("a reload")
}

// TestChangeDuringTheStart: a file that changes while it is read for the first time is
// read again.
func TestChangeDuringTheStart(t *testing.T) {
	file := testutil.File(t, "jwtgate.yaml", openRoute)
	var once sync.Once
	e := start(t, engine.Source{File: file, Compile: func(cfg *config.Config, o gate.CompileOptions) (*gate.Policy, error) {
		once.Do(func() { testutil.Replace(t, file, otherRoute) })
		return gate.Compile(cfg, o)
	}}, "")
	e.wait(t, reloaded)
	if got := e.reason(t, "/other"); got != gate.ReasonPublic {
		t.Errorf("got %s; expected the changed file to be active", got)
	}
}

// TestStaysReady: an engine that had keys stays ready when a reload leaves it without.
func TestStaysReady(t *testing.T) {
	home := testbed.Issuer(t, testbed.Issuers(t), "home", devidp.IssuerConfig{Algorithm: "ES256"})
	file := testutil.File(t, "jwtgate.yaml", "issuers: {home: {issuer: '"+home.ISS()+"', "+
		"audiences: [a], algorithms: [ES256], dangerously_allow_http: true}}\n")
	e := start(t, engine.Source{File: file}, "")
	e.Gate.AwaitKeys(t.Context(), keysTimeout)
	if state := e.ready(); !state.Ready || state.Detail != "" {
		t.Fatalf("with keys: %+v", state)
	}
	testutil.Replace(t, file, "issuers: {other: {issuer: 'https://127.0.0.1:1/', audiences: [a]}}\n")
	e.wait(t, reloaded)
	if state := e.ready(); !state.Ready || state.Detail != "no issuer has keys; see /issuers" {
		t.Errorf("without keys: %+v", state)
	}
}

// TestMistakes: a wrong configuration, or a wrong candidate, is not served.
func TestMistakes(t *testing.T) {
	wrong := testutil.File(t, "wrong.yaml", openRoute+"bogus: 1\n")
	for name, row := range map[string]struct{ file, candidate string }{
		"configuration": {wrong, ""}, "candidate": {testutil.File(t, "jwtgate.yaml", openRoute), wrong},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, engine.Source{File: row.file}, testutil.NewLog(), row.candidate)
			mistakes, ok := errors.AsType[config.Mistakes](err)
			if !ok || len(mistakes) != 1 || !strings.Contains(err.Error(), wrong+":3:1: ") {
				t.Errorf("got %v", err)
			}
		})
	}
}
