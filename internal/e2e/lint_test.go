//go:build !race

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// lintRow is one setting that `jwtgate lint-envoy` finds: an edit of the shipped
// Envoy file, and how the hole shows. With the edit it is open, without it is not,
// on a real Envoy; and the finding is there for the file, for what that Envoy says
// that it runs, and not for the mended one.
type lintRow struct {
	id, name string
	// edits are pairs of a text that stands in the shipped file once and what takes
	// its place; also are edits that the mended file has too; mend are edits that it
	// has in place of nothing.
	edits, also, mend []string
	// config is what the configuration that is linted with has beside two issuers.
	config string
	file   string // in place of both
	// beside are further findings that the edit cannot do without; always are those
	// of them that the mended file has too.
	beside, always []string
	// scripted puts a scripted gate in jwtgate's place; gate is another address.
	scripted bool
	redacted bool // Envoy does not tell the setting
	gate     func(w *lintWorld) string
	// finish changes a file that has its addresses.
	finish func(t *testing.T, w *lintWorld, file string) string
	open   func(t *testing.T, w *lintWorld, p *envoyProxy) bool
}

// lintWorld is what the rows share.
type lintWorld struct {
	configured
	scripted *scriptedGate
	other    *scriptedGate    // SERVING, and asked only by mistake
	away     [2]*scriptedGate // NOT_SERVING
	trailers *trailerApplication
	extra    string // an address that a row may listen on
	logFile  string
	allowed  string // the header of a good token
	// The shipped file, before jwtgate and before the scripted gate.
	shippedScripted *envoyProxy
}

func startLintWorld(t *testing.T) *lintWorld {
	t.Helper()
	w := &lintWorld{scripted: startScriptedGate(t), other: startScriptedGate(t), trailers: startTrailerApplication(t)}
	w.configured = configured{issuers: startIssuers(t), application: startApplication(t), file: writeFile(t, "jwtgate.yaml", twoIssuers+lintRoutes)}
	w.configured.gate = startServe(t, freeAddress(t), freeAddress(t), []string{"--config", w.file}, w.issuers.environment())
	w.configured.gate.waitServing(t)
	w.configured.gate.waitReady(t)
	for i := range w.away {
		w.away[i] = startScriptedGate(t)
		w.away[i].health.Shutdown()
	}
	w.extra = freeAddress(t)
	w.logFile = filepath.Join(t.TempDir(), "access.log")
	w.allowed = w.user(t, nil)
	for _, row := range []lintRow{{}, {scripted: true}} {
		p, ofFile, ofDump := w.start(t, row, nil)
		if len(ofFile)+len(ofDump) > 0 {
			t.Errorf("as shipped: found %q in the file and %q in the dump", ofFile, ofDump)
		}
		if row.scripted {
			w.shippedScripted = p
		} else {
			w.shipped = p
		}
	}
	return w
}

const lintRoutes = `routes:
  - {name: known, match: /known}
  - {match: /query, tokens_from: [bearer]}
  - {name: closed, access: deny}
`

// lint runs `jwtgate lint-envoy` and returns the ids that it finds, sorted, each
// once; notes are marked so.
func (w *lintWorld) lint(t *testing.T, row lintRow, file string) []string {
	t.Helper()
	config := cmp.Or(row.file, w.file)
	if row.config != "" {
		config = writeFile(t, "jwtgate.yaml", twoIssuers+row.config)
	}
	got := jwtgate(t, w.issuers.environment(), "lint-envoy", "--config", config, file)
	if got.stderr != "" {
		t.Fatalf("lint-envoy: %d %s", got.code, got.stderr)
	}
	var ids []string
	failed := false
	for line := range strings.Lines(got.stdout) {
		if found := regexp.MustCompile(`^(\S+):\d+:\d+: (note: )?.*\(([a-z0-9-]+)\)\n$`).FindStringSubmatch(line); found != nil {
			ids = append(ids, found[3])
			failed = failed || found[2] == ""
		}
	}
	if failed != (got.code == 1) {
		t.Errorf("lint-envoy: exit code %d with\n%s", got.code, got.stdout)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// edited is the shipped file with edits, and with this world's addresses.
func (w *lintWorld) edited(t *testing.T, row lintRow, edits []string) (text, address, admin string) {
	t.Helper()
	text = read(t, "../../envoy/envoy.yaml")
	for i := 0; i < len(edits); i += 2 {
		if n := strings.Count(text, edits[i]); n != 1 {
			t.Fatalf("the shipped file has %d times, not once:\n%s", n, edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	gate := w.configured.gate.address
	switch {
	case row.gate != nil:
		gate = row.gate(w)
	case row.scripted:
		gate = w.scripted.address
	}
	address, admin = freeAddress(t), freeAddress(t)
	file, err := envoy.Apply([]byte(text), envoy.Edit{Listen: address, Admin: admin, Gate: gate, App: w.application.address})
	if err != nil {
		t.Fatal(err)
	}
	text = string(file)
	if row.finish != nil {
		text = row.finish(t, w, text)
	}
	return text, address, admin
}

// start runs a file and returns the ids that are found in it and in what the
// Envoy says of itself.
func (w *lintWorld) start(t *testing.T, row lintRow, edits []string) (p *envoyProxy, ofFile, ofDump []string) {
	t.Helper()
	text, address, admin := w.edited(t, row, edits)
	ofFile = w.lint(t, row, writeFile(t, "envoy.yaml", text))
	p = startEnvoy(t, []byte(text), address, admin)
	return p, ofFile, w.lint(t, row, writeFile(t, "dump.json", p.dump(t)))
}

// dump is what an Envoy answers at /config_dump.
func (p *envoyProxy) dump(t *testing.T) string {
	t.Helper()
	response, err := http.Get("http://" + p.admin + "/config_dump")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLintFindings: each rule of `jwtgate lint-envoy` is true of a real Envoy.
func TestLintFindings(t *testing.T) {
	w := startLintWorld(t)
	seen := map[string]bool{}
	for _, row := range slices.Concat(lintAskedRows(t), lintEdgeRows(t), lintRelaxedRows(t), lintHeaderRows(t), lintAnswerRows(t), lintServiceRows(t), lintClusterRows(t, w)) {
		seen[row.id] = true
		t.Run(strings.TrimSuffix(row.id+"/"+row.name, "/"), func(t *testing.T) {
			w.quiet()
			want := append([]string{row.id}, row.beside...)
			slices.Sort(want)
			edited, ofFile, ofDump := w.start(t, row, append(slices.Clone(row.also), row.edits...))
			told := want
			if row.redacted {
				told = nil
			}
			if !slices.Equal(ofFile, want) || !slices.Equal(ofDump, told) {
				t.Errorf("found %q in the file and %q in the dump, want %q", ofFile, ofDump, want)
			}
			if !row.open(t, w, edited) {
				t.Error("it is not open")
			}
			w.quiet()
			if row.open(t, w, w.mend(t, row)) {
				t.Error("mended it is still open")
			}
		})
	}
	for _, rule := range envoylint.Rules() {
		if why, elsewhere := lintElsewhere()[rule.ID]; seen[rule.ID] == elsewhere {
			t.Errorf("%s has a row: %v, and is shown elsewhere: %q", rule.ID, seen[rule.ID], why)
		}
	}
}

// mend is an Envoy with the row's mended file, in which nothing is found but what
// the row adds to both.
func (w *lintWorld) mend(t *testing.T, row lintRow) *envoyProxy {
	t.Helper()
	switch {
	case len(row.also)+len(row.mend) > 0 || row.gate != nil || row.finish != nil:
	case row.scripted:
		return w.shippedScripted
	default:
		return w.shipped
	}
	mended, ofFile, ofDump := w.start(t, row, append(slices.Clone(row.also), row.mend...))
	want := slices.DeleteFunc(slices.Clone(row.beside), func(id string) bool { return !slices.Contains(row.always, id) })
	if !slices.Equal(ofFile, want) || !slices.Equal(ofDump, want) {
		t.Errorf("mended: found %q in the file and %q in the dump, want %q", ofFile, ofDump, want)
	}
	return mended
}

// lintElsewhere are the rules that no running Envoy can show, and why.
func lintElsewhere() map[string]string {
	return map[string]string{
		"routes-elsewhere":       "about what is not in the file: TestLintDynamic",
		"gate-cluster-elsewhere": "about what is not in the file: Envoy does not start without the cluster, and a dump has it",
		"cluster-elsewhere":      "about what is not in the file: Envoy does not start without the cluster, and a dump has it",
		"not-read":               "about what the linter does not know: TestEveryBypassIsFound in envoylint",
		"tcp-unchecked":          "about what jwtgate does not check: TestEveryBypassIsFound in envoylint",
		"unknown":                "about what the linter does not know: TestEveryBypassIsFound in envoylint",
	}
}

// quiet lets every scripted gate allow, and forgets what was seen.
func (w *lintWorld) quiet() {
	yes := allowing(&authv3.OkHttpResponse{})
	for _, gate := range []*scriptedGate{w.scripted, w.other, w.away[0], w.away[1]} {
		gate.says(yes)
	}
	w.application.take()
	_ = os.Remove(w.logFile)
}

// reaches reports whether a call reaches the application.
func (w *lintWorld) reaches(t *testing.T, p *envoyProxy, c call) bool {
	t.Helper()
	w.application.take()
	http1(t, p.address, c)
	return len(w.application.take()) > 0
}

// received is what the application gets of a call; nil if it does not.
func (w *lintWorld) received(t *testing.T, p *envoyProxy, c call) *received {
	t.Helper()
	w.application.take()
	http1(t, p.address, c)
	seen := w.application.take()
	if len(seen) == 0 {
		return nil
	}
	return &seen[0]
}

// arrives reports whether the application gets a header of a call.
func arrives(name string, headers ...string) func(*testing.T, *lintWorld, *envoyProxy) bool {
	return func(t *testing.T, w *lintWorld, p *envoyProxy) bool {
		t.Helper()
		got := w.received(t, p, call{line: "GET /", headers: headers})
		return got != nil && len(got.Header[name]) > 0
	}
}

// refused reports whether a proper request is.
func refused(t *testing.T, w *lintWorld, p *envoyProxy) bool {
	t.Helper()
	return !w.reaches(t, p, call{line: "GET /", headers: []string{w.allowed}})
}

// unasked reports whether a request without a token reaches the application.
func unasked(path string) func(*testing.T, *lintWorld, *envoyProxy) bool {
	return func(t *testing.T, w *lintWorld, p *envoyProxy) bool {
		t.Helper()
		return w.reaches(t, p, call{line: "GET " + path})
	}
}

// answered reports whether the client gets a status.
func answered(status int) func(*testing.T, *lintWorld, *envoyProxy) bool {
	return func(t *testing.T, w *lintWorld, p *envoyProxy) bool {
		t.Helper()
		return http1(t, p.address, call{line: "GET /"}).Status == status
	}
}

// saying lets the scripted gate answer so before something is observed.
func saying(response *authv3.CheckResponse, open func(*testing.T, *lintWorld, *envoyProxy) bool) func(*testing.T, *lintWorld, *envoyProxy) bool {
	return func(t *testing.T, w *lintWorld, p *envoyProxy) bool {
		t.Helper()
		w.scripted.says(response)
		return open(t, w, p)
	}
}

// doing is saying, by a function of how often the gate has been asked.
func doing(answer func(ctx context.Context, asked int) (*authv3.CheckResponse, error), open func(*testing.T, *lintWorld, *envoyProxy) bool) func(*testing.T, *lintWorld, *envoyProxy) bool {
	return func(t *testing.T, w *lintWorld, p *envoyProxy) bool {
		t.Helper()
		w.scripted.does(func(ctx context.Context) (*authv3.CheckResponse, error) {
			return answer(ctx, len(w.scripted.checks()))
		})
		return open(t, w, p)
	}
}

// hangs reports whether Envoy waits for the rest of a request's headers longer
// than a second.
func hangs(t *testing.T, p *envoyProxy) bool {
	t.Helper()
	connection, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.Write([]byte("GET / HTTP/1.1\r\nhost: a\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := connection.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err = connection.Read(make([]byte, 1))
	return os.IsTimeout(err) || err != nil && strings.Contains(err.Error(), "timeout")
}

// hasText waits until a file holds something.
func hasText(t *testing.T, file string) {
	t.Helper()
	eventually(t, clientTimeout, file, func() error {
		info, err := os.Stat(file)
		if err == nil && info.Size() == 0 {
			err = fmt.Errorf("it is empty")
		}
		return err
	})
}
