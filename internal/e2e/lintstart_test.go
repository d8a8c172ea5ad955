//go:build !race

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/re2size"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// startRow is a rule about files with which Envoy does not start: an edit of the shipped
// file, and what Envoy says.
type startRow struct {
	id, name string
	edits    []string
	says     string
}

func lintStartRows() []startRow {
	const router = "            typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }\n"
	return []startRow{
		{"regex-rejected", "too large", []string{"re2.max_program_size.error_level: 1000", "other: 1"},
			"> max program size of 100 set for the error level"},
		{"regex-rejected", "not valid", []string{firstRoute,
			firstRoute + "              - { match: { safe_regex: { regex: \"/(a\" } }, route: { cluster: app } }\n"},
			"missing ): /(a"},
		{"router-not-last", "", []string{router, router + "          - { name: a, typed_config: { \"@type\": " +
			"type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors } }\n"}, "must be the last filter in a http filter chain"},
		{"router-not-last", "none", []string{routerFilter + router, ""}, "is the last filter in a http filter chain"},
		{"duplicate", "layers", []string{"  - { name: static, ", "  - { name: static, admin_layer: {} }\n  - { name: static, "},
			"Duplicate layer name: static"},
		{"duplicate", "domains", []string{vhostOptions, strings.Replace(vhostOptions, `"*"`, `a.example, A.EXAMPLE, "*"`, 1)},
			"Only unique values for domains are permitted"},
		{"duplicate", "listeners", []string{"  listeners:\n", "  listeners:\n" + redirecting},
			"to check if the listener has duplicated addresses"},
		{"cluster-missing", "", []string{firstRoute, firstRoute + "              - { match: { prefix: /other }, route: { cluster: other } }\n"},
			"route: unknown cluster 'other'"},
	}
}

// redirecting is a listener at the address of the shipped one.
const redirecting = `  - name: redirecting
    address: { socket_address: { address: 127.0.0.1, port_value: 8080 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: redirecting
          route_config:
            virtual_hosts: [ { name: a, domains: [ "*" ], routes: [ { match: { prefix: / }, redirect: { https_redirect: true } } ] } ]
          http_filters: [ { name: r, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } } ]
`

// TestLintStart: with each edit Envoy does not start, and lint-envoy says so.
func TestLintStart(t *testing.T) {
	w := &lintFixture{configured: configured{issuers: startIssuers(t), file: testutil.File(t, "jwtgate.yaml", twoIssuers+lintRoutes)}}
	seen := map[string]bool{}
	for _, row := range lintStartRows() {
		seen[row.id] = true
		t.Run(strings.TrimSuffix(row.id+"/"+row.name, "/"), func(t *testing.T) {
			text := shippedWithOrigin(t)
			for i := 0; i < len(row.edits); i += 2 {
				if n := strings.Count(text, row.edits[i]); n != 1 {
					t.Fatalf("the shipped file contains this text %d times, want once:\n%s", n, row.edits[i])
				}
				text = strings.Replace(text, row.edits[i], row.edits[i+1], 1)
			}
			file := testutil.File(t, "envoy.yaml", text)
			if says, ok := starts(file); ok || !strings.Contains(says, row.says) {
				t.Errorf("Envoy starts: %v, and says\n%s\nwant %q", ok, says, row.says)
			}
			if got := w.lint(t, lintRow{}, file); !slices.Equal(got, []string{row.id}) {
				t.Errorf("found %q, want %q", got, row.id)
			}
		})
	}
	for id, why := range lintElsewhere() {
		if strings.Contains(why, "TestLintStart") != seen[id] {
			t.Errorf("%s has a row: %v, and another test: %s", id, seen[id], why)
		}
	}
}

// starts reports whether Envoy accepts a file, and what it says.
func starts(file string) (says string, ok bool) {
	output, err := exec.Command(envoyBinary, "--mode", "validate", "--config-path", file, "--log-level", "error").CombinedOutput()
	return string(output), err == nil
}

// TestRE2Sizes: Envoy prints the sizes of testdata/sizes.txt of package re2size.
func TestRE2Sizes(t *testing.T) {
	var routes []any
	want := map[string]string{}
	for line := range strings.Lines(read(t, "../re2size/testdata/sizes.txt")) {
		size, expression, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		want[expression] = size
		routes = append(routes, map[string]any{
			"match": map[string]any{"safe_regex": map[string]any{"regex": expression}}, "direct_response": map[string]any{"status": 200},
		})
	}
	list, err := json.Marshal(routes)
	if err != nil {
		t.Fatal(err)
	}
	// Envoy prints the size of each program above the level of a warning.
	file := testutil.File(t, "envoy.yaml", fmt.Sprintf(sizesFile, strings.Replace(redirecting,
		"{ match: { prefix: / }, redirect: { https_redirect: true } }", string(list[1:len(list)-1]), 1)))
	output, err := exec.Command(envoyBinary, "--mode", "validate", "--config-path", file, "--log-level", "warning").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	found := regexp.MustCompile(`regex '(.*)' RE2 program size of ([0-9]+) >`).FindAllStringSubmatch(string(output), -1)
	for _, one := range found {
		if want[one[1]] != one[2] {
			t.Errorf("%s: Envoy says %s, and the file %q", one[1], one[2], want[one[1]])
		}
		size, err := strconv.Atoi(one[2])
		if computed, ok := re2size.Of(one[1]); err != nil || !ok || math.Abs(float64(computed-size)) > re2size.Margin*float64(size) {
			t.Errorf("%s: Envoy says %d, and the package %d, %v", one[1], size, computed, ok)
		}
	}
	if len(found) != len(want) {
		t.Errorf("Envoy printed %d sizes, want %d", len(found), len(want))
	}
}

const sizesFile = `layered_runtime:
  layers: [ { name: static, static_layer: { re2.max_program_size.error_level: 100000, re2.max_program_size.warn_level: 0 } } ]
static_resources:
  listeners:
%s`
