package route_test

import (
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/route"
)

// The rules that overlap a pattern are those that match some path that it matches.
func TestTreeOverlapping(t *testing.T) {
	matches := []string{"/a", "/{x}", "/a/**", "/b/c", "/{x}/c", "/**", "/a/", "/a/{y}"}
	rules := table(t, matches...).Rules()
	var tree route.Tree
	for i, r := range rules {
		tree.Insert(r.Pattern(), i)
	}
	for i, want := range [][]int{
		{0, 1, 2, 5}, {0, 1, 2, 5}, {0, 1, 2, 4, 5, 6, 7}, {3, 4, 5}, {2, 3, 4, 5, 7}, {0, 1, 2, 3, 4, 5, 6, 7}, {2, 5, 6}, {2, 4, 5, 7},
	} {
		budget := 1000
		if got := tree.Overlapping(rules[i].Pattern(), &budget); !slices.Equal(got, want) || budget >= 1000 {
			t.Errorf("%s overlaps %v, want %v", matches[i], got, want)
		}
	}
	none := 0
	if got := tree.Overlapping(rules[0].Pattern(), &none); len(got) > 0 || none >= 0 {
		t.Errorf("without a budget: %v, %d", got, none)
	}
}

// A rule without a match has no pattern, and only a route that reads nothing but
// Authorization is for Bearer tokens alone.
func TestRuleProperties(t *testing.T) {
	routes := compile(t, `
issuers: {shop: {issuer: https://shop.example/, audiences: [shop]}}
routes:
  - {name: a, match: /a, groups: [staff], when: 'true'}
  - {name: b, tokens_from: [bearer, {header: x-token}]}
`)
	a, _ := routes.Named("a")
	b, _ := routes.Named("b")
	if a.Pattern() == nil || b.Pattern() != nil || a.Condition() == nil || b.Condition() != nil {
		t.Errorf("patterns %v, %v; conditions %v, %v", a.Pattern(), b.Pattern(), a.Condition(), b.Condition())
	}
	if !a.BearerOnly() || b.BearerOnly() {
		t.Errorf("Bearer only: %t, %t", a.BearerOnly(), b.BearerOnly())
	}
	if got := a.Requirement().Groups.Any; !slices.Equal(got, []string{"staff"}) {
		t.Errorf("requires the groups %q", got)
	}
}
