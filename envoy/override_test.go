package envoy_test

import (
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
)

// overridePattern is the expression of the shipped file for the headers that name
// another method, URL or host.
func overridePattern(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`regex: "(x\[\^a-z0-9\]\(http[^"]*)"`).FindSubmatch(shipped(t))
	if found == nil {
		t.Fatal("envoy.yaml has no expression for the override headers")
	}
	return string(found[1])
}

// TestTheOverridePatternIsTheListOfOverrides: the expression matches the names that
// jwtgate removes, in every spelling, and no other name.
func TestTheOverridePatternIsTheListOfOverrides(t *testing.T) {
	text := overridePattern(t)
	tree, err := syntax.Parse(strings.ReplaceAll(text, "[^a-z0-9]", "-"), syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	got := words(t, tree)
	slices.Sort(got)
	want := slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Values(config.OverrideHeaders()))...)))
	if !slices.Equal(got, want) {
		t.Errorf("envoy.yaml removes\n\t%q\nwant\n\t%q", got, want)
	}
	if names := slices.Sorted(slices.Values(envoy.OverrideNames())); !slices.Equal(names, want) {
		t.Errorf("OverrideNames are\n\t%q\nwant\n\t%q", names, want)
	}
	pattern := regexp.MustCompile("^(?:" + text + ")$")
	for _, name := range want {
		for _, separator := range []string{"-", "_", ".", "~", "+"} {
			if spelling := strings.ReplaceAll(name, "-", separator); !pattern.MatchString(spelling) {
				t.Errorf("%q is not removed", spelling)
			}
		}
	}
	for _, name := range []string{
		"host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-request-id", "x-real-ip", "x-forwarded", "x-forwarded-hosts",
		"x-original-urn", "x-path-info", "script", "path", "xforwarded-host", "x--host", "ax-host", "forwarded-for", "x-http", "x-http-host", "",
	} {
		if pattern.MatchString(name) {
			t.Errorf("%q is removed, and is not an override header", name)
		}
	}
}

// TestTheOverridePatternIsTheSameEverywhere: Envoy removes the same headers early and from
// trailers, sends them to the gate, and lets the gate remove them.
func TestTheOverridePatternIsTheSameEverywhere(t *testing.T) {
	text := overridePattern(t)
	for _, line := range []string{
		`              - remove_on_match: { key_matcher: { safe_regex: { regex: "` + text + `" } } } # edit: overrides`,
		`                - remove_on_match: { key_matcher: { safe_regex: { regex: "` + text + `" } } } # edit: trailer_overrides`,
		`                - safe_regex: { regex: "` + text + `" }`,
	} {
		if n := strings.Count(string(shipped(t)), "\n"+line+"\n"); n != 1 {
			t.Errorf("envoy.yaml contains this line %d times, want once:\n%s", n, line)
		}
	}
	if n := strings.Count(string(shipped(t)), text); n != 4 || !strings.Contains(string(shipped(t)), "|"+text+"|") {
		t.Errorf("envoy.yaml contains the expression %d times, want 4 times, including allow_expression", n)
	}
}

// words returns the texts that an expression matches, which must be finitely many.
func words(t *testing.T, tree *syntax.Regexp) []string {
	t.Helper()
	switch tree.Op {
	case syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpLiteral:
		return []string{string(tree.Rune)}
	case syntax.OpCharClass:
		var all []string
		for i := 0; i < len(tree.Rune); i += 2 {
			for c := tree.Rune[i]; c <= tree.Rune[i+1]; c++ {
				all = append(all, string(c))
			}
		}
		return all
	case syntax.OpCapture:
		return words(t, tree.Sub[0])
	case syntax.OpQuest:
		return append(words(t, tree.Sub[0]), "")
	case syntax.OpAlternate:
		var all []string
		for _, one := range tree.Sub {
			all = append(all, words(t, one)...)
		}
		return all
	case syntax.OpConcat:
		all := []string{""}
		for _, one := range tree.Sub {
			var longer []string
			for _, start := range all {
				for _, end := range words(t, one) {
					longer = append(longer, start+end)
				}
			}
			all = longer
		}
		return all
	}
	t.Fatalf("the expression contains %v, which this test does not support", tree)
	return nil
}
