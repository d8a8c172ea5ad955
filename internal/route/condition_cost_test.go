package route_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token"
)

// dear are the dearest conditions that were found, for tokens with long claims.
func dear() []string {
	return []string{
		"claims.list.all(x, claims.list.all(y, x + y >= 0))",
		"claims.list.all(x, claims.big.contains('b') || true)",
		"claims.list.all(x, claims.big.matches('^(a|aa)*b$') || true)",
		"claims.list.all(x, claims.big.matches('^(a|b|aa|bb|[a-f]{1,20})*$') || true)",
		"claims.list.all(x, claims == claims)",
		"claims.list.all(x, claims in [claims.texts, claims])",
		"claims.list.all(x, [[claims, claims]] == [[claims, claims]])",
		"claims.list.all(x, claims != {})",
		"claims.list.all(x, 'zz' in claims.texts || true)",
		"claims.list.all(x, 'zz' in token.groups || true)",
		"claims.list.all(x, (claims.big + claims.big) != '')",
		"claims.list.all(x, size(claims.texts + claims.texts) > 0)",
		"claims.list.map(x, claims.list.map(y, claims.big + claims.big)).size() > 0",
		"claims.list.all(x, bytes(claims.big) != b'')",
		"claims.list.all(x, request.headers == request.headers)",
		"claims.list.all(x, now.getHours('Europe/Rome') >= 0 || true)",
	}
}

func dearToken(t testing.TB) *token.Token {
	list, texts := make([]any, 500), make([]string, 300)
	for i := range list {
		list[i] = i
	}
	for i := range texts {
		texts[i] = fmt.Sprintf("group-%d", i)
	}
	return verified(t, "shop", map[string]any{"list": list, "texts": texts, "groups": texts, "big": strings.Repeat("a", 6000)})
}

// TestConditionCostLimit: what would take long is stopped, by a measure that does
// not hang on the machine.
func TestConditionCostLimit(t *testing.T) {
	tok, facts := dearToken(t), factsOf(t, "/", config.Relaxed{})
	for i := range 20 {
		facts.Headers = append(facts.Headers, request.Header{Name: fmt.Sprintf("x-%d", i), Value: "v"})
	}
	for _, when := range dear() {
		if err := held(t, "/**", when, tok, facts); !errors.Is(err, route.ErrConditionError) || !strings.Contains(err.Error(), ": cost limit in ") {
			t.Errorf("%s: %v", when, err)
		}
	}
	// What people write is far from the limit, for large tokens too.
	for _, when := range []string{
		"token.groups.exists(g, g == 'group-299')", "'group-299' in token.groups", "claims.list.all(x, x >= 0)", "claims.texts == token.groups",
		"claims.big.matches('^a+$')", "size(claims.big) == 6000 && !claims.big.contains('b')",
	} {
		if err := held(t, "/**", when, tok, facts); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// TestRegexIsBoundedBeforehand: what would take seconds to match is not begun,
// however harmless its expression looks.
func TestRegexIsBoundedBeforehand(t *testing.T) {
	tok, facts := verified(t, "shop", nil), factsOf(t, "/", config.Relaxed{})
	facts.Headers = []request.Header{{Name: "x-long", Value: strings.Repeat("a", 50_000)}, {Name: "x-short", Value: "curl-8"}}
	for _, pattern := range []string{
		"[a-z0-9-]{1,255}$", "(a{1,40}){20}$", "^(a?){100}a{100}$", "^[a-zA-Z0-9._%+-]{1,64}@[a-zA-Z0-9.-]{1,255}$", "(a|aa|aaa|b{1,50})*$",
	} {
		err := held(t, "/**", "request.headers['x-long'].matches('"+pattern+"')", tok, facts)
		if !errors.Is(err, route.ErrConditionError) || !strings.Contains(err.Error(), "cost limit in ") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	for _, when := range []string{
		"request.headers['x-short'].matches('^[a-z0-9-]{1,255}$')", "request.headers['x-long'].matches('^a+$')", "matches(request.headers['x-short'], 'curl')",
	} {
		if err := held(t, "/**", when, tok, facts); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// A rule without a condition allocates nothing for it, and one with a condition
// little.
func TestConditionAllocations(t *testing.T) {
	tok, facts := verified(t, "shop", richClaims()), factsOf(t, "/u/alice", config.Relaxed{})
	for when, most := range map[string]float64{"": 0, "token.subject == path.id": 16, "claims.level >= 3 && 'dev' in token.groups": 20} {
		compiled, err := conditional("/u/{id}", when)
		if err != nil {
			t.Fatal(err)
		}
		rule, _ := compiled.Named("x")
		if got := testing.AllocsPerRun(100, func() {
			if rule.Authorize(tok, facts, instant()) != nil {
				t.Fail()
			}
		}); got > most {
			t.Errorf("%q: %v allocations, at most %v", when, got, most)
		}
	}
}

func BenchmarkCondition(b *testing.B) {
	tok, facts := verified(b, "shop", richClaims()), factsOf(b, "/u/alice", config.Relaxed{})
	for _, when := range []string{"", "token.subject == path.id", "claims.level >= 3 && 'dev' in token.groups", "request.headers['x-tenant'] == 'blue'"} {
		compiled, err := conditional("/u/{id}", when)
		if err != nil {
			b.Fatal(err)
		}
		rule, _ := compiled.Named("x")
		b.Run("when="+when, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if rule.Authorize(tok, facts, instant()) != nil {
					b.Fatal("denied")
				}
			}
		})
	}
}

func BenchmarkConditionAtTheLimit(b *testing.B) {
	tok, facts := dearToken(b), factsOf(b, "/", config.Relaxed{})
	for _, when := range dear() {
		compiled, err := conditional("/**", when)
		if err != nil {
			b.Fatal(err)
		}
		rule, _ := compiled.Named("x")
		b.Run(when, func(b *testing.B) {
			for b.Loop() {
				_ = rule.Authorize(tok, facts, instant())
			}
		})
	}
}
