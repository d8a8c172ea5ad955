package condition_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/condition"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// expensive returns the most expensive conditions that we know, for tokens with long claims.
func expensive() []string {
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

// longToken returns a token with long claims.
func longToken(t testing.TB) *token.Token {
	list, texts := make([]any, 500), make([]string, 300)
	for i := range list {
		list[i] = i
	}
	for i := range texts {
		texts[i] = fmt.Sprintf("group-%d", i)
	}
	return verified(t, map[string]any{"list": list, "texts": texts, "groups": texts, "big": strings.Repeat("a", 6000)})
}

// TestConditionCostLimit: an expensive evaluation is stopped, by a measure that does not
// depend on the machine.
func TestConditionCostLimit(t *testing.T) {
	tok, r := longToken(t), requestTo(t, "/", config.Relaxed{})
	for i := range 20 {
		r.Headers = append(r.Headers, request.Header{Name: fmt.Sprintf("x-%d", i), Value: "v"})
	}
	for _, when := range expensive() {
		if err := check(t, "/**", when, tok, r); !errors.Is(err, condition.ErrEvaluation) || !strings.Contains(err.Error(), ": cost limit in ") {
			t.Errorf("%s: %v", when, err)
		}
	}
	// Typical conditions are far below the limit, also for large tokens.
	for _, when := range []string{
		"token.groups.exists(g, g == 'group-299')", "'group-299' in token.groups", "claims.list.all(x, x >= 0)", "claims.texts == token.groups",
		"claims.big.matches('^a+$')", "size(claims.big) == 6000 && !claims.big.contains('b')",
	} {
		if err := check(t, "/**", when, tok, r); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// TestRegexIsBoundedBeforehand: a match that would take seconds is not started, even if its
// expression looks harmless.
func TestRegexIsBoundedBeforehand(t *testing.T) {
	tok, r := verified(t, nil), requestTo(t, "/", config.Relaxed{})
	r.Headers = []request.Header{{Name: "x-long", Value: strings.Repeat("a", 50_000)}, {Name: "x-short", Value: "curl-8"}}
	begin := time.Now()
	for _, pattern := range []string{
		"[a-z0-9-]{1,255}$", "(a{1,40}){20}$", "^(a?){100}a{100}$", "^[a-zA-Z0-9._%+-]{1,64}@[a-zA-Z0-9.-]{1,255}$", "(a|aa|aaa|b{1,50})*$",
	} {
		err := check(t, "/**", "request.headers['x-long'].matches('"+pattern+"')", tok, r)
		if !errors.Is(err, condition.ErrEvaluation) || !strings.Contains(err.Error(), "cost limit in ") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	if took := time.Since(begin); took > time.Second { // it takes milliseconds
		t.Errorf("it took %v", took)
	}
	for _, when := range []string{
		"request.headers['x-short'].matches('^[a-z0-9-]{1,255}$')", "request.headers['x-long'].matches('^a+$')",
		"matches(request.headers['x-short'], 'curl')",
	} {
		if err := check(t, "/**", when, tok, r); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// TestConditionAllocations bounds the memory of one evaluation.
func TestConditionAllocations(t *testing.T) {
	tok, r := verified(t, richClaims()), requestTo(t, "/u/alice", config.Relaxed{})
	for when, most := range map[string]float64{"token.subject == path.id": 16, "claims.level >= 3 && 'dev' in token.groups": 20} {
		compiled := mustCompile(t, "/u/{id}", when)
		if got := testing.AllocsPerRun(100, func() {
			if compiled.Check(tok, r, tokentest.Now()) != nil {
				t.Fail()
			}
		}); got > most {
			t.Errorf("%q: %v allocations, at most %v", when, got, most)
		}
	}
}

func BenchmarkCondition(b *testing.B) {
	tok, r := verified(b, richClaims()), requestTo(b, "/u/alice", config.Relaxed{})
	for _, when := range []string{
		"token.subject == path.id", "claims.level >= 3 && 'dev' in token.groups", "request.headers['x-tenant'] == 'blue'",
	} {
		compiled := mustCompile(b, "/u/{id}", when)
		b.Run("when="+when, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if compiled.Check(tok, r, tokentest.Now()) != nil {
					b.Fatal("denied")
				}
			}
		})
	}
}

func BenchmarkConditionAtTheLimit(b *testing.B) {
	tok, r := longToken(b), requestTo(b, "/", config.Relaxed{})
	for _, when := range expensive() {
		compiled := mustCompile(b, "/**", when)
		b.Run(when, func(b *testing.B) {
			for b.Loop() {
				_ = compiled.Check(tok, r, tokentest.Now())
			}
		})
	}
}
