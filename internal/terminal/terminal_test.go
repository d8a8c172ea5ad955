package terminal_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/terminal"
)

func TestPaint(t *testing.T) {
	for _, row := range []struct {
		palette    terminal.Palette
		color      terminal.Color
		text, want string
	}{
		{true, terminal.Red, "no", "\x1b[31mno\x1b[0m"},
		{true, terminal.Bold, "", ""},
		{true, "", "plain", "plain"},
		{false, terminal.Red, "no", "no"},
	} {
		if got := row.palette.Paint(row.color, row.text); got != row.want {
			t.Errorf("%v of %q in %q is %q, want %q", row.palette, row.text, row.color, got, row.want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 routes", 1: "1 route", 2: "2 routes"} {
		if got := terminal.Count(n, "route"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
