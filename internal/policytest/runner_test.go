package policytest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/policytest"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// watched is a context that calls back when [policytest.Run] checks whether it has
// ended. At that time the keys and the gate exist, and no case has been decided. If
// ended is set, the context ends right after this check.
type watched struct {
	context.Context
	asked    func()
	endAfter bool
	ended    chan struct{}
}

func watch(t *testing.T, endAfter bool, asked func()) *watched {
	return &watched{Context: t.Context(), asked: asked, endAfter: endAfter, ended: make(chan struct{})}
}

func (w *watched) Done() <-chan struct{} { return w.ended }

func (w *watched) Err() error {
	select {
	case <-w.ended:
		return context.Canceled
	default:
	}
	w.asked()
	if w.endAfter {
		close(w.ended)
	}
	return nil
}

// While cases run, the public keys are in a private directory, which is removed
// afterwards.
func TestRunLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	cfg := testbed.Config(t, twoIssuers+someRoutes+"cache_dir: "+filepath.Join(dir, "cache")+"\n")
	seen := 0
	ctx := watch(t, false, func() {
		err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || name == dir {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			if info.Mode().Perm()&0o077 != 0 || strings.HasPrefix(name, filepath.Join(dir, "cache")) {
				t.Errorf("%s has mode %s", name, info.Mode())
			}
			if !entry.IsDir() {
				seen++
				publicOnly(t, name)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	if _, err := policytest.Run(ctx, cfg, casesOf(t, cfg, one("request: GET /api/health", okay))); err != nil {
		t.Fatal(err)
	}
	if seen != 2 {
		t.Errorf("got %d key sets, want one for each issuer", seen)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// publicOnly checks that a key set has only public members (RFC 7518 section 6).
func publicOnly(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(data, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%s: %v", data, err)
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
		if _, there := set.Keys[0][private]; there {
			t.Errorf("%s contains %q", file, private)
		}
	}
}

// The keys that the config names are not read or fetched, and the config is not
// changed.
func TestConfigIsLeftAlone(t *testing.T) {
	const yaml = `
cache_dir: nowhere/at/all
issuers:
  filed: {issuer: "https://one.example/", prefix: "", audiences: [api], jwks: {file: not-there.json}}
  served: {issuer: "https://two.invalid/", prefix: "two:", audiences: [api],
      jwks: {uri: "https://two.invalid/keys", ca_file: not-there.pem, proxy: "http://proxy.invalid:3128"}}
`
	cfg, before := testbed.Config(t, yaml), testbed.Config(t, yaml)
	report := run(t, cfg, `
cases:
  - {request: GET /, token: {issuer: filed}, expect: {verdict: allow}}
  - {request: GET /, token: {issuer: served}, expect: {verdict: allow}}
`)
	if report.Failed() > 0 {
		t.Error(text(t, report))
	}
	if !reflect.DeepEqual(cfg, before) {
		t.Errorf("got %+v\nwant %+v", cfg, before)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	cfg := testbed.Config(t, twoIssuers+someRoutes)
	cases := casesOf(t, cfg, one("request: GET /admin/1", "expect: {verdict: deny}"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if report, err := policytest.Run(ctx, cfg, cases); !errors.Is(err, context.Canceled) || report != nil {
		t.Errorf("got %v, %v", report, err)
	}
	open := testbed.Config(t, "routes: [{match: /open, access: public}]\ndefault: deny\n")
	report, err := policytest.Run(ctx, open, casesOf(t, open, one("request: GET /open", okay)))
	if want := "stopped after 0 of 1 cases: context canceled"; err == nil || err.Error() != want || report != nil {
		t.Errorf("got %v, %v, want %s", report, err, want)
	}
}

// A case that times out is denied like any request, but it does not pass even if it
// expects a denial.
func TestUndecidedCaseFails(t *testing.T) {
	cfg := testbed.Config(t, oneIssuer+"routes: [{match: /shut, access: deny}]\n")
	cases := casesOf(t, cfg, one("request: GET /shut", "expect: {verdict: deny}"))
	report, err := policytest.Run(watch(t, true, func() {}), cfg, cases)
	want := "cases.yaml:2:5: the case could not be decided (deadline): the call ended before the request was decided"
	if err == nil || err.Error() != want || report != nil {
		t.Errorf("got %v, %v, want %s", report, err, want)
	}
}

func TestRunReportsMistakesOfTheConfig(t *testing.T) {
	cfg := testbed.Config(t, "issuers: {a: {issuer: 'https://one.example/', audiences: [api]}}\nroutes: [{match: GETT}]\n")
	_, err := policytest.Run(t.Context(), cfg, nil)
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 1 || mistakes[0].Pos.Line != 2 {
		t.Errorf("got %v, want the mistake of the route", err)
	}
}

func TestRunSaysThatItHasNoDirectory(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	_, err := policytest.Run(t.Context(), testbed.Config(t, twoIssuers), nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "creating a directory for the key sets: ") {
		t.Errorf("got %v", err)
	}
}

// Cases that were loaded for one config cannot be run with another.
func TestCasesOfAnotherConfig(t *testing.T) {
	first := testbed.Config(t, "issuers: {a: {issuer: 'https://one.example/', audiences: [api], algorithms: [ES256]}}\n")
	second := testbed.Config(t, "issuers: {b: {issuer: 'https://one.example/', audiences: [api], algorithms: [ES256]}}\n")
	_, err := policytest.Run(t.Context(), second, casesOf(t, first, one("request: GET /", "token: {issuer: a}", okay)))
	if want := `cases.yaml:2:5: the config has no issuer "a"; load the cases for this config`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Ten thousand cases run fast enough that nobody has to split them.
func TestManyCasesAreQuick(t *testing.T) {
	const limit = 30 * time.Second
	cfg := testbed.Config(t, "routes: [{name: open, match: /open, access: public}]\ndefault: deny\n")
	cases := casesOf(t, cfg, "cases:\n"+strings.Repeat("- {request: GET /open, expect: {verdict: allow}}\n", policytest.MaxCases))
	began := time.Now()
	report, err := policytest.Run(t.Context(), cfg, cases)
	if err != nil || report.Failed() > 0 || len(report.Results) != policytest.MaxCases {
		t.Fatalf("got %v, %v", report, err)
	}
	if took := time.Since(began); took > limit {
		t.Errorf("took %s", took)
	}
}
