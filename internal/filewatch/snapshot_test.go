package filewatch_test

import (
	"path/filepath"
	"testing"

	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestReplacedIsNotWritten: a file that was read during a write, when its size and time
// were still the old ones, does not count as replaced.
func TestReplacedIsNotWritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "gate.yaml")
	testutil.Write(t, name, "whole")
	before := filewatch.SnapshotOf(name)
	if before.WithContent(name, "half of it").Replaced(before) {
		t.Error("an incomplete file counts as replaced")
	}
	rename(t, name, "other")
	if !filewatch.SnapshotOf(name).Replaced(before) {
		t.Error("a replaced file counts as written to")
	}
}
