//go:build !race

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
)

// lintRelaxedRows are about relaxations of jwtgate that Envoy undoes. The shipped file
// undoes them, so that some rows need no edit.
func lintRelaxedRows(t *testing.T) []lintRow {
	const (
		escaped = "path_with_escaped_slashes_action: REJECT_REQUEST"
		merged  = "merge_slashes: true"
	)
	lost := func(sent string) observation {
		return func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
			got := w.received(t, p, call{line: "GET " + sent})
			return got == nil || got.URI != sent
		}
	}
	removed := func(header string) observation {
		return func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
			return !arrives(header, header+": a")(t, w, p)
		}
	}
	early := between(t, `              - remove_on_match: { key_matcher: { safe_regex: { regex: "x[^a-z0-9](http`,
		"              # Envoy sets this header")
	trailers := between(t, `                - remove_on_match: { key_matcher: { safe_regex: { regex: "x[^a-z0-9](http`,
		"          # Before ext_authz")
	without := func(line, gone string) string {
		item, err := envoy.Removal(slices.DeleteFunc(envoy.OverrideNames(), func(name string) bool { return strings.Contains(name, gone) }))
		if err != nil {
			t.Fatal(err)
		}
		return line[:strings.Index(line, "- ")] + item + "\n"
	}
	return []lintRow{
		{id: "relaxed-escaped-slash", name: "refused", scripted: true, config: "relax: {hosts: {a.example: [encoded_slash]}}\n",
			fix: []string{escaped, envoy.EscapedKept}, open: lost("/a%2Fb")},
		{id: "relaxed-escaped-slash", name: "unescaped", scripted: true, config: "relax: {all: [encoded_slash]}\n",
			edits: []string{"REJECT_REQUEST", "UNESCAPE_AND_FORWARD"}, fix: []string{escaped, envoy.EscapedKept}, open: lost("/a%2Fb")},
		{id: "relaxed-double-slash", scripted: true, config: "relax: {hosts: {a.example: [double_slash]}}\n",
			fix: []string{merged, envoy.SlashesKept}, open: lost("/a//b")},
		{id: "relaxed-header-removed", name: "for a host", scripted: true, config: "relax: {hosts: {a.example: [method_override]}}\n",
			fix: []string{early, without(early, "method")}, open: removed("X-Http-Method-Override")},
		{id: "relaxed-header-removed", name: "for every host", scripted: true, config: "relax: {all: [method_override]}\n",
			also: []string{trailers, without(trailers, "method")},
			fix:  []string{early, without(early, "method")}, open: removed("X-Http-Method-Override")},
		{id: "relaxed-trailer-removed", scripted: true, config: "relax: {all: [method_override]}\n",
			also: []string{early, without(early, "method")}, fix: []string{trailers, without(trailers, "method")},
			finish: func(_ *testing.T, w *lintFixture, file string) string {
				return strings.ReplaceAll(file, "port_value: "+port(w.application.address), "port_value: "+port(w.trailers.address))
			},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				return !slices.Contains(w.trailers.trailers(t, p, "application/grpc", "x-method-override", "x-checksum"), "x-method-override")
			}},
		{id: "relaxed-preflight", scripted: true, config: "cors: {preflight: pass}\n",
			fix: []string{`[ { exact: "http://localhost:3000" } ] # edit`, "[] # edit"},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				return !w.reaches(t, p,
					call{line: "OPTIONS /", headers: []string{"origin: http://localhost:3000", "access-control-request-method: GET"}})
			}},
		// A relaxation on one host does not apply to trailers.
		{id: "request-trailers", name: "of a host that does not relax it", scripted: true,
			config: "relax: {hosts: {a.example: [method_override]}}\n",
			also:   []string{early, without(early, "method")}, edits: []string{trailers, without(trailers, "method")},
			finish: func(_ *testing.T, w *lintFixture, file string) string {
				return strings.ReplaceAll(file, "port_value: "+port(w.application.address), "port_value: "+port(w.trailers.address))
			},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				return slices.Contains(w.trailers.trailers(t, p, "application/grpc", "x-method-override", "x-checksum"), "x-method-override")
			}},
	}
}
