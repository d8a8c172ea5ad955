package main

import "testing"

func TestGCPercent(t *testing.T) {
	const mb = 1 << 20
	for live, want := range map[uint64]int{
		0: 100, mb: 800, 3 * mb: 800, 4 * mb: 700, 8 * mb: 300, 12 * mb: 166, 16 * mb: 125, 20 * mb: 100, 32 * mb: 62, 40 * mb: 50, 50 * mb: 40, 1000 * mb: 40,
	} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d MB live: %d %%, want %d", live/mb, got, want)
		}
	}
}
