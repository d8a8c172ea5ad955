//go:build !race

package e2e

// raceEnabled tells whether the tests, and so the gate that they build, have the
// race detector. It makes the gate several times slower: tests with a heavy load
// divide it by slowdown.
const (
	raceEnabled = false
	slowdown    = 1
)
