//go:build mutate

package house

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutants: with any one check disabled, some test of its own package or of the gate
// fails. Otherwise the check is not tested.
func TestMutants(t *testing.T) {
	for _, m := range mutants() {
		t.Run(m.check, func(t *testing.T) {
			overlay := m.write(t)
			packages := []string{"./" + filepath.Dir(m.file), "./internal/gate"}
			if out, err := run("build", overlay, packages...); err != nil {
				t.Fatalf("the mutant does not compile, so it shows nothing:\n%s", out)
			}
			out, err := run("test", overlay, packages...)
			if err == nil {
				t.Fatalf("%s: with %q in place of %q every test passes", m.file, m.new, m.old)
			}
			if !strings.Contains(out, "--- FAIL") && !strings.Contains(out, "panic:") {
				t.Errorf("it failed, and no test did:\n%s", out)
			}
		})
	}
}

// write writes the overlay with which the go command builds the mutant.
func (m mutant) write(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	text := m.original(t)
	dir := t.TempDir()
	mutated, overlay := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(mutated, []byte(strings.Replace(text, m.old, m.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": {file: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// run runs the go command with an overlay. Vet is off, since a mutant may have unreachable
// code.
func run(command, overlay string, packages ...string) (string, error) {
	arguments := []string{command, "-overlay", overlay}
	if command == "test" {
		arguments = append(arguments, "-vet=off", "-failfast", "-count=1")
	}
	cmd := exec.Command("go", append(arguments, packages...)...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	return string(out), err
}
