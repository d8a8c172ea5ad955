package engine_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/engine"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// TestShadowIsCountedOnce: either the whole gate, or each route that could deny a token.
func TestShadowIsCountedOnce(t *testing.T) {
	const routes = `issuers: {home: {issuer: "https://home.example/", audiences: [api]}}
routes:
  - {name: strict,  match: /strict, shadow: true}
  - {name: lenient, match: /lenient, access: optional, shadow: true}
  - {name: public,  match: /public, access: public, shadow: true}
  - {name: closed,  match: /closed, access: deny, shadow: true}
  - {name: other,   match: /other}
`
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"routes", routes, []string{"strict", "lenient"}},
		{"the gate", routes + "shadow: true\n", []string{"the whole gate"}},
		{"nothing", strings.ReplaceAll(routes, ", shadow: true", ""), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := testbed.Config(t, row.text)
			var got []string
			for _, r := range engine.Relaxations(cfg) {
				if r.Kind() == "shadow" {
					got = append(got, r.Where())
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("in shadow mode: got %q; expected %q", got, row.want)
			}
			if n := engine.CountRelaxations(cfg)["shadow"]; n != len(row.want) {
				t.Errorf("counted: got %d; expected %d", n, len(row.want))
			}
		})
	}
}

// TestWarningsAreLogged: what `check` warns of is also logged, except warnings about
// routes when there are so many routes that a reload would have to wait.
func TestWarningsAreLogged(t *testing.T) {
	text := "default: deny\nroutes:\n  - {name: all, match: /**, access: public}\n  - {name: never, match: /a, access: public}\n"
	logged := func(text string) string {
		policy, err := gate.Compile(testbed.Config(t, text), gate.CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer policy.Close()
		var log bytes.Buffer
		engine.LogPolicy(slog.New(slog.NewTextHandler(&log, nil)), policy)
		return log.String()
	}
	const at = `msg="configuration warning" at=jwtgate.yaml:4:`
	if got := logged(text); strings.Count(got, at) != 1 {
		t.Errorf("expected %q once:\n%s", at, got)
	}
	for i := range engine.MaxCompared - 1 {
		text += fmt.Sprintf("  - {name: r%d, match: /r%d, access: public}\n", i, i)
	}
	if got := logged(text); strings.Contains(got, at) {
		t.Errorf("%d routes were compared", engine.MaxCompared+1)
	}
}
