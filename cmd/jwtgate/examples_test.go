package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// examples are the configurations under deploy/examples, without their tests.
func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../deploy/examples/*.yaml")
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, ".cases.yaml") })
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	return files
}

// TestExamplesKeepTheirPromises: each example has policy tests, which pass and cover every
// route, and has no warnings.
func TestExamplesKeepTheirPromises(t *testing.T) {
	for _, name := range examples(t) {
		cases := strings.TrimSuffix(name, ".yaml") + ".cases.yaml"
		tested := command(t, "test", "--config", name, cases)
		tested.holds(t, exitYes, []string{" 0 failed; "}, nil)
		if strings.Contains(tested.out, "not matched") {
			t.Errorf("%s:\n%s", cases, tested.out)
		}
		if checked := command(t, "check", "--config", name); checked.code != exitYes || strings.Contains(checked.out, "warning") {
			t.Errorf("%s:\n%s", name, checked.out)
		}
	}
}

// TestExamplesAreValid: every configuration in the repository is valid.
func TestExamplesAreValid(t *testing.T) {
	files := examples(t)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) == 0 {
		t.Fatal("README.md shows no configuration")
	}
	for _, block := range blocks {
		name := filepath.Join(t.TempDir(), "jwtgate.yaml")
		if err := os.WriteFile(name, block[1], 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	for _, name := range files {
		if _, err := loadPolicy(name, func(string) (string, bool) { return "", false }); err != nil {
			t.Errorf("%s:\n%v", name, err)
		}
	}
}
