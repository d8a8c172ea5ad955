//go:build !race

package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// The lint guard: one Envoy takes one mutant of the shipped file after another. If a request without a token reaches the application
// and lint-envoy finds nothing in that file (exit code 0), lint-envoy has missed a hole.

// trial is what became of a mutant.
type trial struct {
	*mutant
	applied []bool // which operators changed it
	outcome outcome
	reached []string // requests that reached the application
	code    int      // of lint-envoy on the file, if a request did
	dump    int      // of lint-envoy on what this Envoy says that it runs
	found   string   // what lint-envoy printed about the file
}

// missed reports whether lint-envoy misses a hole.
func (r trial) missed() bool { return len(r.reached) > 0 && (r.code == 0 || r.dump == 0) }

// try runs a mutant.
func (g *lintGuard) try(t *testing.T, seed uint64, names []string) trial {
	t.Helper()
	r := trial{}
	r.mutant, r.applied = grow(t, seed, names)
	r.outcome, r.reached = g.run(t, r.root)
	if len(r.reached) > 0 {
		r.code, r.found = g.lint(t, r.text(t))
		r.dump, _ = g.lint(t, g.runs(t))
	}
	return r
}

// run lets Envoy take a file, and returns the requests that reached the application. Envoy 1.40 ends now and then while it replaces a
// listener that still has connections, so a file that Envoy ends with is tried once more.
func (g *lintGuard) run(t *testing.T, root *yaml.Node) (outcome, []string) {
	t.Helper()
	for range 2 {
		got := g.apply(t, root)
		if got == accepted {
			reached := g.reached(t, root)
			if !g.revive() {
				return accepted, reached
			}
			got = crashed
		}
		if got != crashed {
			return got, nil
		}
	}
	return crashed, nil
}

// runs is what Envoy says that it runs, with the shipped file's ports.
func (g *lintGuard) runs(t *testing.T) string {
	t.Helper()
	return g.unhome.Replace(g.adminText(t, "/config_dump"))
}

// lint runs lint-envoy on a file.
func (g *lintGuard) lint(t *testing.T, file string) (code int, printed string) {
	t.Helper()
	got := jwtgate(t, g.issuers.environment(), "lint-envoy", "--config", g.config, testutil.File(t, "envoy.yaml", file))
	return got.code, got.stdout + got.stderr
}

// chosen are mutants of each kind that lint-envoy finds. The seeds only choose among the variants of an operator.
func chosen() map[uint64][]string {
	return map[uint64][]string{
		1:  {"ext-authz-removed", "camel-case-all"},
		2:  {"second-listener", "json"},
		3:  {"second-chain", "quoted"},
		4:  {"default-chain", "flow"},
		5:  {"second-listener-bytes"},
		6:  {"internal-listener", "quoted-keys"},
		7:  {"scoped-routes"},
		8:  {"ext-authz-off", "bool-words"},
		9:  {"ext-authz-renamed-type"},
		10: {"filter-discovery"},
		11: {"match-delegate", "typed-struct"},
		12: {"composite"},
		13: {"composite-chain"},
		14: {"filter-enabled-none"},
		15: {"shadow"},
		16: {"allow-when-gone"},
		17: {"asks-by-http"},
		18: {"route-open", "any-prefix"},
		19: {"off-weighted"},
		20: {"off-but-on", "before-document"},
	}
}

// TestLintGuardFiles: lint-envoy finds the hole in files of each kind, and in each file in which it once missed one.
func TestLintGuardFiles(t *testing.T) {
	g := startLintGuard(t)
	if plain := g.try(t, 0, nil); plain.outcome != accepted || len(plain.reached) > 0 {
		t.Fatalf("the shipped file: %v, reached by %q", plain.outcome, plain.reached)
	}
	if code, found := g.lint(t, read(t, "../../envoy/envoy.yaml")); code != 0 {
		t.Fatalf("the shipped file: exit code %d\n%s", code, found)
	}
	all := chosen()
	for _, seed := range slices.Sorted(maps.Keys(all)) {
		names := all[seed]
		t.Run(fmt.Sprintf("seed=%d %s", seed, strings.Join(names, "+")), func(t *testing.T) {
			r := g.try(t, seed, names)
			if r.outcome != accepted || slices.Contains(r.applied, false) || len(r.reached) == 0 {
				t.Fatalf("Envoy's verdict: got %v (operators applied: %v), reached by %q; expected an accepted file that lets a request through",
					r.outcome, r.applied, r.reached)
			}
			if r.missed() {
				t.Errorf("lint-envoy: got exit code %d for the file, %d for Envoy's dump; expected no 0. The request that gets through: %s",
					r.code, r.dump, r.reached[0])
			}
		})
	}
	files, err := filepath.Glob("testdata/lintguard/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { g.fixture(t, read(t, file)) })
	}
}

// fixture fails the test unless a file lets a request through and lint-envoy finds that.
func (g *lintGuard) fixture(t *testing.T, file string) {
	t.Helper()
	root := parseTree(t, file)
	got, reached := g.run(t, root)
	if got != accepted {
		t.Fatalf("Envoy's verdict on the file: got %v; expected accepted", got)
	}
	if len(reached) == 0 {
		t.Error("no request without a token reaches the application; the file shows nothing")
	}
	if code, found := g.lint(t, g.runs(t)); code != 1 {
		t.Errorf("lint-envoy on Envoy's dump: got exit code %d; expected 1. The request that gets through: %q\n%s", code, reached, found)
	}
	if code, found := g.lint(t, file); code != 1 {
		t.Errorf("lint-envoy: got exit code %d; expected 1. The request that gets through: %q\n%s", code, reached, found)
	}
}
