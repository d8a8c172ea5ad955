package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("jwtgate.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// What is in shadow is counted once: the whole gate, or each route that could
// deny a token.
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
			cfg := parse(t, row.text)
			var got []string
			for _, open := range relaxations(cfg) {
				if open.kind == "shadow" {
					got = append(got, open.where)
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("in shadow %q, want %q", got, row.want)
			}
			if n := relaxationCounts(cfg)["shadow"]; n != len(row.want) {
				t.Errorf("%d are counted, want %d", n, len(row.want))
			}
		})
	}
}

// What `check` warns of is logged too, unless there are so many routes that a
// reload would wait for it.
func TestWarningsAreAnnounced(t *testing.T) {
	text := "default: deny\nroutes:\n  - {name: all, match: /**, access: public}\n  - {name: never, match: /a, access: public}\n"
	said := func(text string) string {
		var log bytes.Buffer
		announce(slog.New(slog.NewTextHandler(&log, nil)), compiled(t, parse(t, text)))
		return log.String()
	}
	const at = "msg=configuration at=jwtgate.yaml:4:"
	if got := said(text); strings.Count(got, at) != 1 {
		t.Errorf("there is not one %q in\n%s", at, got)
	}
	for i := range mostCompared - 1 {
		text += fmt.Sprintf("  - {name: r%d, match: /r%d, access: public}\n", i, i)
	}
	if got := said(text); strings.Contains(got, at) {
		t.Errorf("%d routes were compared", mostCompared+1)
	}
}
