//go:build lintguard && !race

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// choose picks the operators for a seed. Seeds in sequence begin with each operator in turn; what else is chosen is random: holes
// in another form find what a reader misses, and two holes what one hides.
func choose(seed uint64) []string {
	rng := rand.New(rand.NewPCG(seed, 1<<32))
	var holes, forms []string
	for _, o := range operators() {
		if o.hole {
			holes = append(holes, o.name)
		} else {
			forms = append(forms, o.name)
		}
	}
	all := slices.Concat(holes, forms)
	first := all[int(seed)%len(all)]
	pick := func(from []string) string { return from[rng.IntN(len(from))] }
	isHole := slices.Contains(holes, first)
	names := []string{first}
	switch r := rng.IntN(10); {
	case r < 3 && isHole: // by itself
	case !isHole:
		names = []string{pick(holes), first}
		if r < 3 {
			names = []string{first, pick(forms)}
		}
		if r > 7 {
			names = append(names, pick(forms))
		}
	case r < 6:
		names = append(names, pick(forms))
	case r < 8:
		names = append(names, pick(forms), pick(forms))
	default:
		names = append(names, pick(holes), pick(forms))
	}
	return names
}

// masked reports whether, by the ids, lint-envoy found only other faults and not the hole.
func (r trial) masked() bool {
	if len(r.reached) == 0 || r.code != 1 {
		return false
	}
	holes := []string{"(ext-authz-", "(failure-mode-allow)", "(shadow-mode)", "(other-server)", "(tcp-bypass)", "(http-service)"}
	return !slices.ContainsFunc(holes, func(id string) bool { return strings.Contains(r.found, id) })
}

// smallest drops every operator without which lint-envoy still misses a hole. It returns nil if lint-envoy misses none.
func (g *lintGuard) smallest(t *testing.T, r trial) *trial {
	t.Helper()
	names := slices.Clone(r.operators)
	var least *trial
	if r.missed() {
		least = &r
	}
	for again := true; again; { // an operator may hide a hole from the first round
		again = false
		for i, name := range names {
			if name == "" {
				continue
			}
			names[i] = ""
			if without := g.try(t, r.seed, slices.Clone(names)); without.missed() {
				least, again = &without, true
				continue
			}
			names[i] = name
		}
	}
	return least
}

// confirm runs the file itself, in place of its listeners, and reports whether the request still gets through. Envoy reads some of
// the forms only there, and refuses others.
func (g *lintGuard) confirm(t *testing.T, r *trial) bool {
	t.Helper()
	file := r.text(t)
	pairs := []string{"9001", port(g.gate.address), "9090", port(g.application.address)}
	admin := freeAddress(t)
	pairs = append(pairs, "9901", port(admin))
	for _, shipped := range guardPorts() {
		pairs = append(pairs, shipped, port(freeAddress(t)))
	}
	file = strings.NewReplacer(pairs...).Replace(file)
	validate := exec.Command(envoyBinary, "--mode", "validate", "--log-level", "error", "--config-path", testutil.File(t, "envoy.yaml", file))
	if output, err := validate.CombinedOutput(); err != nil {
		t.Logf("as a file Envoy refuses it: %s", testutil.LastLines(string(output), 1))
		return false
	}
	whole := *g
	whole.envoy = startEnvoy(t, []byte(file), "", admin)
	return len(whole.reached(t, r.root)) > 0
}

// save writes a mutant that lint-envoy misses, as the shipped file is written: with its ports.
func (r trial) save(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprintf("seed-%d.yaml", r.seed))
	head := fmt.Sprintf("# %v\n# reached by: %s\n", r.mutant, r.reached[0])
	if r.file.before != "" || r.file.json {
		head = "" // it would be another file
	}
	if err := os.WriteFile(path, []byte(head+r.text(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
