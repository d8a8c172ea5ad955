//go:build !race

package e2e

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheKeysPageHolds: every test that docs/keys.md names exists, each row about a fault
// names at least one, and the program contains every log line, metric, reason and field on
// it.
func TestTheKeysPageHolds(t *testing.T) {
	faultsHold(t, read(t, "../../docs/keys.md"), 30, "{}", "if_invalid: anonymous") // an example each
}

// TestTheFaultsTableHolds: the same for the faults in docs/operating.md, except for terms
// of other programs.
func TestTheFaultsTableHolds(t *testing.T) {
	_, rest, found := strings.Cut(read(t, "../../docs/operating.md"), "\n## Faults\n")
	if !found {
		t.Fatal("the section about faults is missing")
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	faultsHold(t, section, 19, "envoy.yaml", "ulimit -n", "cluster.jwtgate.upstream_rq_retry", "membership_healthy",
		"ext_authz_error", "request_header_limits_reached",
		"JwtgateAbsent", "process_open_fds", "process_max_fds", "process_resident_memory_bytes")
}

// faultsHold compares a text about faults with the program and its tests; others are terms
// of other programs.
func faultsHold(t *testing.T, page string, least int, others ...string) {
	t.Helper()
	program, tested := sourcesOf(t, "../../cmd", "../../internal")
	tests := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(tested, -1) {
		tests[found[1]] = true
	}
	isTest := regexp.MustCompile(`^Test[A-Z]\w+$`)
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(page, -1) {
		span := found[1]
		switch {
		case isTest.MatchString(span):
			if !tests[span] {
				t.Errorf("the page names %s, which is not a test", span)
			}
		case slices.Contains(others, span):
		case !strings.Contains(program, span):
			t.Errorf("the page names %s, which is nowhere in the program", span)
		}
	}
	rows := 0
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 4 || strings.TrimSpace(cells[3]) == "shown by" {
			continue
		}
		rows++
		if !strings.Contains(cells[3], "`Test") {
			t.Errorf("no test is named for: %s", cells[0])
		}
	}
	if rows < least {
		t.Errorf("only %d rows were found on the page", rows)
	}
}

// sourcesOf returns the text of all Go files below some folders, without tests.
func sourcesOf(t *testing.T, folders ...string) (program, tests string) {
	t.Helper()
	var code, test strings.Builder
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(name) != ".go" {
				return err
			}
			if strings.HasSuffix(name, "_test.go") {
				test.WriteString(read(t, name))
			} else {
				code.WriteString(read(t, name))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return code.String(), test.String()
}
