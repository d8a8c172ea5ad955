package envoylint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// trailerOverrides is the beginning of the line that removes override headers from
// trailers.
const trailerOverrides = `                - remove_on_match: { key_matcher: { safe_regex: { regex: "x[^a-z0-9](http`

// except returns the override headers except some.
func except(gone ...string) []string {
	return slices.DeleteFunc(envoy.OverrideNames(), func(name string) bool { return slices.Contains(gone, name) })
}

// relaxedRows returns needs that the shipped file meets only with the edits of
// [envoy.Needs.Edit].
func relaxedRows() []lintRow {
	return []lintRow{
		{name: "encoded slashes", gate: func(g *envoylint.Gate) { g.EncodedSlash = true }, want: []string{"relaxed-escaped-slash"}},
		{name: "double slashes", gate: func(g *envoylint.Gate) { g.DoubleSlash = true }, want: []string{"relaxed-double-slash"}},
		{name: "a header on some host", gate: func(g *envoylint.Gate) { g.Overrides = except("forwarded") },
			want: []string{"relaxed-header-removed"}},
		{name: "headers on every host", gate: func(g *envoylint.Gate) { g.Overrides, g.Removed = nil, nil },
			want: []string{"relaxed-header-removed", "relaxed-trailer-removed"}},
		{name: "all at once", gate: func(g *envoylint.Gate) {
			g.EncodedSlash, g.DoubleSlash, g.Overrides, g.Removed = true, true, except("x-host", "path-info"), except("x-host")
		}, want: []string{"relaxed-double-slash", "relaxed-escaped-slash", "relaxed-header-removed", "relaxed-trailer-removed"}},
	}
}

// TestRelaxationsThatEnvoyUndoes: on each platform the shipped file has a finding for each
// relaxation; the file that is rendered for the relaxation has none, nor has the shipped
// file without the relaxation.
func TestRelaxationsThatEnvoyUndoes(t *testing.T) {
	for _, row := range relaxedRows() {
		t.Run(row.name, func(t *testing.T) {
			gate := plainGate()
			row.gate(&gate)
			for _, platform := range []envoylint.Platform{envoylint.Plain, envoylint.Gateway, envoylint.Istio} {
				wantFindings(t, lint(t, shippedWith(t), gate, platform), row.want...)
			}
			file, err := envoy.Bootstrap(gate.Edit())
			if err != nil {
				t.Fatal(err)
			}
			wantFindings(t, lint(t, string(file), gate, envoylint.Plain))
		})
	}
}

// TestRelaxedVariants: other settings that undo a relaxation, and some that do not.
func TestRelaxedVariants(t *testing.T) {
	encoded := func(g *envoylint.Gate) { g.EncodedSlash = true }
	one := func(g *envoylint.Gate) { g.Overrides = except("x-host") }
	everywhere := func(g *envoylint.Gate) { g.Overrides, g.Removed = except("x-host"), except("x-host") }
	// Scripts can then read the gate's denials without Envoy's filter.
	passes := func(g *envoylint.Gate) { g.PassesPreflights, g.AnswersCORS = true, true }
	const last = "              - remove: x-envoy-auth-failure-mode-allowed\n"
	early := []string{last, last + "              - remove: X-Host\n"}
	edited := func(needs func(*envoylint.Gate), edits ...string) []string {
		gate := plainGate()
		needs(&gate)
		edit := gate.Edit()
		if edit.Overrides != nil {
			item, _ := envoy.Removal(edit.Overrides)
			edits = append(edits, between(t, "              # Some applications use these headers", "              # Envoy sets this header"),
				"              "+item+"\n")
		}
		if edit.TrailerOverrides != nil {
			item, _ := envoy.Removal(edit.TrailerOverrides)
			edits = append(edits, between(t, trailerOverrides, "          # Before ext_authz"), "                "+item+"\n")
		}
		return edits
	}
	toHTTP1 := []string{
		"        explicit_http_config: { http2_protocol_options: {} }", "        explicit_http_config: { http_protocol_options: {} }",
	}
	for _, row := range []lintRow{
		{name: "preflights for the application", gate: passes, want: []string{"relaxed-preflight"}},
		{name: "preflights for the application, after a filter without origins", gate: passes,
			edits: []string{`[ { exact: "http://localhost:3000" } ]`, "[]"}},
		{name: "preflights for the application, and no filter", gate: passes,
			edits: []string{between(t, "          - name: envoy.filters.http.cors\n", authzFilter), ""}},
		{name: "redirected slashes", gate: encoded, edits: []string{"REJECT_REQUEST", "UNESCAPE_AND_REDIRECT"},
			want: []string{"relaxed-escaped-slash"}},
		{name: "unescaped slashes, by number", gate: encoded, edits: []string{"action: REJECT_REQUEST", "action: 4"},
			want: []string{"relaxed-escaped-slash"}},
		{name: "slashes that Envoy keeps by default", gate: encoded,
			edits: []string{"          path_with_escaped_slashes_action: REJECT_REQUEST # edit: encoded_slash\n", ""}},
		{name: "the line that check prints", gate: one, edits: edited(one)},
		{name: "a removal elsewhere", gate: one, edits: edited(one, early...), want: []string{"relaxed-header-removed"}},
		{name: "trailers of hosts that do not relax it", gate: one, want: []string{"request-trailers"},
			edits: append(edited(one), edited(everywhere)[2:]...)},
		{name: "trailers", gate: everywhere, edits: edited(everywhere)[:2], want: []string{"relaxed-trailer-removed"}},
		{name: "trailers that no application is sent", gate: everywhere, edits: append(edited(everywhere)[:2], toHTTP1...)},
	} {
		t.Run(row.name, row.lints)
	}
}

// TestRelaxedNames: a finding names the headers, and its place is the removal.
func TestRelaxedNames(t *testing.T) {
	gate := plainGate()
	gate.Overrides, gate.Removed = except("forwarded", "x-host"), except("forwarded")
	report := lint(t, shippedWith(t), gate, envoylint.Plain)
	wantFindings(t, report, "relaxed-header-removed", "relaxed-trailer-removed")
	for i, want := range []string{
		"mutations[1].remove_on_match.key_matcher: this removes forwarded, x-host, which jwtgate forwards; ",
		"request_trailers_mutations[1].remove_on_match.key_matcher: this removes forwarded from trailers, which jwtgate forwards on every host; ",
	} {
		if text := report.Findings[i].String(); !strings.Contains(text, want) {
			t.Errorf("got the finding %s, want %q", text, want)
		}
	}
}
