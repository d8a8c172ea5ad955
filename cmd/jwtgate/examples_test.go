package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestExamplesAreValid: what the repository shows as a configuration is one.
func TestExamplesAreValid(t *testing.T) {
	files, err := filepath.Glob("../../deploy/examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
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
		if _, err := loadConfig(name, func(string) (string, bool) { return "", false }); err != nil {
			t.Errorf("%s:\n%v", name, err)
		}
	}
}
