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
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// lintRow is one rule of `jwtgate lint-envoy`: an edit of the shipped Envoy file, and an
// observation of its effect. On a real Envoy the effect is there with the edit and not
// without it. The edited file and the Envoy's dump have the finding, the fixed file has
// none.
type lintRow struct {
	id, name string
	// edits are pairs of a text that occurs in the shipped file once and its replacement;
	// also are edits that the fixed file has too; fix are edits of the fixed file only.
	edits, also, fix []string
	// config is the part of the configuration after the two issuers.
	config string
	file   string // a whole configuration instead
	// further are other findings that the edit causes; always are those of them that the
	// fixed file has too.
	further, always []string
	// scripted replaces jwtgate by a scripted gate; gate is another address.
	scripted bool
	redacted bool // the dump does not show the setting
	gate     func(w *lintFixture) string
	// finish changes the file after its addresses.
	finish func(t *testing.T, w *lintFixture, file string) string
	open   observation
}

// observation reports whether the effect of a row's edit is there.
type observation func(t *testing.T, w *lintFixture, p *envoyProxy) bool

// lintFixture is what the rows share.
type lintFixture struct {
	configured
	scripted *scriptedGate
	other    *scriptedGate    // SERVING, and not the gate
	away     [2]*scriptedGate // NOT_SERVING
	trailers *trailerApplication
	extra    string // an address for a row's listener
	logFile  string
	allowed  string // the header of a valid token
	// Envoys with the shipped file, in front of jwtgate and of the scripted gate.
	shippedScripted *envoyProxy
}

func startLintWorld(t *testing.T) *lintFixture {
	t.Helper()
	w := &lintFixture{scripted: startScriptedGate(t), other: startScriptedGate(t), trailers: startTrailerApplication(t)}
	w.configured = configured{issuers: startIssuers(t), application: startApplication(t),
		file: testutil.File(t, "jwtgate.yaml", twoIssuers+lintRoutes)}
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

// lint runs `jwtgate lint-envoy` and returns the ids of its findings, sorted, each once.
func (w *lintFixture) lint(t *testing.T, row lintRow, file string, flags ...string) []string {
	t.Helper()
	config := cmp.Or(row.file, w.file)
	if row.config != "" {
		config = testutil.File(t, "jwtgate.yaml", twoIssuers+row.config)
	}
	got := jwtgate(t, w.issuers.environment(), append([]string{"lint-envoy", "--config", config, file}, flags...)...)
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

// edited returns the shipped file with edits and with the fixture's addresses.
func (w *lintFixture) edited(t *testing.T, row lintRow, edits []string) (text, address, admin string) {
	t.Helper()
	text = shippedWithOrigin(t)
	for i := 0; i < len(edits); i += 2 {
		if n := strings.Count(text, edits[i]); n != 1 {
			t.Fatalf("the shipped file contains this text %d times, want once:\n%s", n, edits[i])
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

// start runs a file and returns the ids of the findings in the file and in the Envoy's
// dump.
func (w *lintFixture) start(t *testing.T, row lintRow, edits []string) (p *envoyProxy, ofFile, ofDump []string) {
	t.Helper()
	text, address, admin := w.edited(t, row, edits)
	ofFile = w.lint(t, row, testutil.File(t, "envoy.yaml", text))
	p = startEnvoy(t, []byte(text), address, admin)
	return p, ofFile, w.lint(t, row, testutil.File(t, "dump.json", p.dump(t)))
}

// dump returns an Envoy's /config_dump.
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

// TestLintFindings: each rule of `jwtgate lint-envoy` holds on a real Envoy.
func TestLintFindings(t *testing.T) {
	w := startLintWorld(t)
	seen := map[string]bool{}
	for _, row := range slices.Concat(lintBypassRows(t), lintEdgeRows(t), lintRelaxedRows(t), lintHeaderRows(t), lintAnswerRows(t),
		lintServiceRows(t), lintClusterRows(t, w), lintReleaseRows()) {
		seen[row.id] = true
		t.Run(strings.TrimSuffix(row.id+"/"+row.name, "/"), func(t *testing.T) {
			w.quiet()
			want := append([]string{row.id}, row.further...)
			slices.Sort(want)
			edited, ofFile, ofDump := w.start(t, row, append(slices.Clone(row.also), row.edits...))
			wantDump := want
			if row.redacted {
				wantDump = nil
			}
			if !slices.Equal(ofFile, want) || !slices.Equal(ofDump, wantDump) {
				t.Errorf("found %q in the file and %q in the dump, want %q", ofFile, ofDump, want)
			}
			if !row.open(t, w, edited) {
				t.Error("the effect of the edit is not there")
			}
			w.quiet()
			if row.open(t, w, w.fixed(t, row)) {
				t.Error("the effect is there in the fixed file too")
			}
		})
	}
	for _, rule := range envoylint.Rules() {
		if why, elsewhere := lintElsewhere()[rule.ID]; seen[rule.ID] == elsewhere {
			t.Errorf("%s has a row: %v, and another test: %q", rule.ID, seen[rule.ID], why)
		}
	}
}

// fixed starts an Envoy with the row's fixed file, which has no findings except those in
// row.always.
func (w *lintFixture) fixed(t *testing.T, row lintRow) *envoyProxy {
	t.Helper()
	switch {
	case len(row.also)+len(row.fix) > 0 || row.gate != nil || row.finish != nil:
	case row.scripted:
		return w.shippedScripted
	default:
		return w.shipped
	}
	fixed, ofFile, ofDump := w.start(t, row, append(slices.Clone(row.also), row.fix...))
	want := slices.DeleteFunc(slices.Clone(row.further), func(id string) bool { return !slices.Contains(row.always, id) })
	if !slices.Equal(ofFile, want) || !slices.Equal(ofDump, want) {
		t.Errorf("fixed: found %q in the file and %q in the dump, want %q", ofFile, ofDump, want)
	}
	return fixed
}

const olderEnvoy = "about older releases of Envoy: TestLintReleases, with `make test-lint`"

// lintElsewhere returns the rules that no running Envoy can show, and the reasons.
func lintElsewhere() map[string]string {
	return map[string]string{
		"routes-elsewhere":         "about what is not in the file: TestLintDynamic",
		"cluster-elsewhere":        "about what is not in the file: a dump has it",
		"cluster-missing":          "Envoy does not start: TestLintStart",
		"duplicate":                "Envoy does not start: TestLintStart",
		"regex-rejected":           "Envoy does not start: TestLintStart",
		"router-not-last":          "Envoy does not start: TestLintStart",
		"regex-near-limit":         "Envoy may not start: TestRE2Sizes",
		"not-read":                 "about what the linter does not know: TestEveryBypassIsFound in envoylint",
		"tcp-unchecked":            "about what jwtgate does not check: TestEveryBypassIsFound in envoylint",
		"unknown":                  "about what the linter does not know: TestEveryBypassIsFound in envoylint",
		"path-parameters":          olderEnvoy,
		"header-values":            olderEnvoy,
		"override-crash":           olderEnvoy,
		"connect-crash":            olderEnvoy,
		"oauth2-after-ext-authz":   signInRow,
		"oauth2-off":               signInRow,
		"oauth2-forwards-token":    signInRow,
		"oauth2-token-unread":      signInRow,
		"oauth2-cookies-forwarded": signInRow,
		"oauth2-cookies-plain":     signInRow,
		"oauth2-cookie-names":      signInRow,
		"oauth2-same-site":         signInRow,
		"oauth2-pass-through":      signInRow,
		"oauth2-redirect-uri":      signInRow,
		"oauth2-sign-out":          signInRow,
		"oauth2-sign-out-here":     signInRow,
		"redirect-by-client":       signInRow,
		"page-of-request":          signInRow,
		"oauth2-redirects-all":     signInRow,
		"oauth2-drops-bearer":      signInRow,
		"oauth2-cookie-dropped":    signInRow,
		"oauth2-cookie-domain":     signInRow,
		"oauth2-callback":          signInRow,
		"oauth2-issuer-plain":      signInRow,
		"oauth2-issuer-missing":    signInRow,
		"oauth2-code-logged":       signInRow,
		"envoy-version":            "about a version, which has no effect of its own: TestUnknownReleases in envoylint",
	}
}

// quiet makes every scripted gate allow, and forgets all requests.
func (w *lintFixture) quiet() {
	yes := allowing(&authv3.OkHttpResponse{})
	for _, gate := range []*scriptedGate{w.scripted, w.other, w.away[0], w.away[1]} {
		gate.says(yes)
	}
	w.application.take()
	_ = os.Remove(w.logFile)
}

// reaches reports whether a call reaches the application.
func (w *lintFixture) reaches(t *testing.T, p *envoyProxy, c call) bool {
	t.Helper()
	w.application.take()
	http1(t, p.address, c)
	return len(w.application.take()) > 0
}

// received returns the call as the application gets it; nil if it does not.
func (w *lintFixture) received(t *testing.T, p *envoyProxy, c call) *received {
	t.Helper()
	w.application.take()
	http1(t, p.address, c)
	seen := w.application.take()
	if len(seen) == 0 {
		return nil
	}
	return &seen[0]
}

// arrives observes whether the application gets a header of a call.
func arrives(name string, headers ...string) observation {
	return func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
		t.Helper()
		got := w.received(t, p, call{line: "GET /", headers: headers})
		return got != nil && len(got.Header[name]) > 0
	}
}

// refused observes whether a valid request does not reach the application.
func refused(t *testing.T, w *lintFixture, p *envoyProxy) bool {
	t.Helper()
	return !w.reaches(t, p, call{line: "GET /", headers: []string{w.allowed}})
}

// unchecked observes whether a request without a token reaches the application.
func unchecked(path string) observation {
	return func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
		t.Helper()
		return w.reaches(t, p, call{line: "GET " + path})
	}
}

// answered observes whether the client gets a status.
func answered(status int) observation {
	return func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
		t.Helper()
		return http1(t, p.address, call{line: "GET /"}).Status == status
	}
}

// saying makes an observation while the scripted gate gives an answer.
func saying(response *authv3.CheckResponse, open observation) observation {
	return func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
		t.Helper()
		w.scripted.says(response)
		return open(t, w, p)
	}
}

// doing is saying with a function of the number of earlier calls.
func doing(answer func(ctx context.Context, calls int) (*authv3.CheckResponse, error), open observation) observation {
	return func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
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

// hasText waits until a file is not empty.
func hasText(t *testing.T, file string) {
	t.Helper()
	eventually(t, clientTimeout, file, func() error {
		info, err := os.Stat(file)
		if err == nil && info.Size() == 0 {
			err = fmt.Errorf("the file is empty")
		}
		return err
	})
}
