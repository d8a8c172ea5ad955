package filewatch_test

import (
	"path/filepath"
	"testing"

	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestReplacedIsNotWritten: a file that was read just while it was written to, whose
// size and time are still those from before, is not one that was put in its place.
func TestReplacedIsNotWritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "gate.yaml")
	testutil.Write(t, name, "whole")
	before := filewatch.SnapshotOf(name)
	if before.WithContent(name, "half of it").Replaced(before) {
		t.Error("half a file is taken for one that was put in place")
	}
	rename(t, name, "other")
	if !filewatch.SnapshotOf(name).Replaced(before) {
		t.Error("a file that was put in place is taken for one that is written to")
	}
}
