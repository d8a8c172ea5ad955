package condition_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jwtgate/jwtgate/internal/condition"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// compile compiles the condition of a route with this path.
func compile(path, when string) (*condition.Condition, []condition.Mistake) {
	variables := map[string]int{}
	for i, segment := range strings.Split(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			variables[strings.TrimSuffix(name, "}")] = i - 1
		}
	}
	return new(condition.Compiler).Compile(when, variables)
}

// mustCompile is compile for a condition without mistakes.
func mustCompile(t testing.TB, path, when string) *condition.Condition {
	t.Helper()
	compiled, mistakes := compile(path, when)
	if len(mistakes) > 0 {
		t.Fatalf("%s: %v", when, mistakes)
	}
	return compiled
}

// check compiles a condition and evaluates it.
func check(t testing.TB, path, when string, tok *token.Token, r *request.Parsed) error {
	t.Helper()
	return mustCompile(t, path, when).Check(tok, r, tokentest.Now())
}

// verified returns a token with these claims.
func verified(t testing.TB, claims map[string]any) *token.Token {
	t.Helper()
	return tokentest.Verified(t, config.Issuer{Name: "shop"}, claims)
}

// requestTo returns a request with this target.
func requestTo(t testing.TB, target string, relaxed config.Relaxed) *request.Parsed {
	t.Helper()
	path, err := request.ParsePath(target, relaxed)
	if err != nil {
		t.Fatal(err)
	}
	return &request.Parsed{
		Host: "api.example", Path: path, Query: "a=1&b=%20",
		Request: &request.Request{Method: "PUT", Headers: []request.Header{
			{Name: ":path", Value: "/secret"}, {Name: "X-Tenant", Value: "blue"}, {Name: "accept", Value: "a"}, {Name: "Accept", Value: "b"},
		}, Source: "192.0.2.7", Principal: "spiffe://mesh/ns/web"},
	}
}

// richClaims are claims of every kind.
func richClaims() map[string]any {
	return map[string]any{
		"client_id": "site", "groups": []string{"staff", "dev"}, "scope": "read write", "iat": tokentest.Now().Unix() - 30,
		"exp":   tokentest.Now().Unix() + 600,
		"level": 3, "ratio": 0.5, "whole": 3.0, "big": uint64(1<<63 + 1), "huge": 1e300, "negative": -7, "zero": 0, "yes": true, "nothing": nil,
		"cognito:groups": []string{"a"}, "address": map[string]any{"city": "Rome", "codes": []any{1, "2", 3.5}}, "email": "a@shop.example",
	}
}

// TestConditionSees: each variable has the value in the token or the request.
func TestConditionSees(t *testing.T) {
	tok := verified(t, richClaims())
	for _, row := range []struct{ name, when string }{
		{"nothing", "true"},
		{"issuer", "token.issuer == 'shop'"},
		{"subject", "token.subject == 'alice'"},
		{"client", "token.client == 'site'"},
		{"kind", "token.kind == 'user'"},
		{"groups", "token.groups == ['staff', 'dev']"},
		{"a group", "'dev' in token.groups && !('admin' in token.groups)"},
		{"scopes", "token.scopes == ['read', 'write']"},
		{"issued at", "token.issued_at == timestamp('2026-05-17T09:59:30Z')"},
		{"expires at", "token.expires_at == timestamp('2026-05-17T10:10:00Z')"},
		{"now", "now == timestamp('2026-05-17T10:00:00Z')"},
		{"reckoning with time", "now - token.issued_at < duration('1m') && now - token.issued_at > duration('29s')"},
		{"a template variable", "path.id == 'alice'"},
		{"two template variables", "path.item == 'shoes'"},
		{"the subject's own", "token.subject == path.id"},
		{"method", "request.method == 'PUT'"},
		{"host", "request.host == 'api.example'"},
		{"path", "request.path == '/users/alice/shoes'"},
		{"query", "request.query == 'a=1&b=%20'"},
		{"a header by its name in lower case", "request.headers['x-tenant'] == 'blue'"},
		{"two headers of one name", "request.headers.accept == 'a,b'"},
		{"no header in another case", "!('X-Tenant' in request.headers) && !('Accept' in request.headers)"},
		{"no pseudo-header", "request.headers.all(name, !name.startsWith(':')) && size(request.headers) == 2"},
		{"no such header", "!has(request.headers.cookie)"},
		{"source", "source.address == '192.0.2.7'"},
		{"principal", "source.principal.startsWith('spiffe://mesh/')"},

		{"a claim", "claims.sub == 'alice'"},
		{"a claim by its whole name", "claims['cognito:groups'] == ['a']"},
		{"a claim that is there", "has(claims.email) && 'cognito:groups' in claims"},
		{"a claim that is not there", "!has(claims.nope) && !('nope' in claims)"},
		{"a claim within one", "claims.address.city == 'Rome'"},
		{"a list within one", "claims.address.codes[0] == 1 && claims.address.codes[1] == '2' && claims.address.codes[2] == 3.5"},
		{"the size of a list", "size(claims.address.codes) == 3 && size(claims.address) == 2"},
		{"a null claim", "claims.nothing == null && has(claims.nothing)"},
		{"a truth", "claims.yes == true"},
		{"an integer", "claims.level >= 3 && claims.level < 4 && claims.level == 3 && claims.level != 4"},
		{"an integer and a double", "claims.level == 3.0 && claims.level > 2.5 && claims.level < 3.5"},
		{"an integer is an int", "type(claims.level) == int && claims.level + 1 == 4"},
		{"a negative integer", "claims.negative == -7 && claims.negative < 0"},
		{"an integer that no int holds",
			"type(claims.big) == uint && claims.big == 9223372036854775809u && claims.big != 9223372036854775808u && claims.big > 0"},
		{"a double", "type(claims.ratio) == double && claims.ratio == 0.5"},
		{"a double that is large", "claims.huge > 1e299"},
		{"a number in a list", "claims.level in [1, 3] && !(claims.level in [1, 2]) && claims.level in [3.0]"},
		{"a text is no number", "claims.address.codes[1] != 2"},
		{"static types may differ in comparisons", "1 < 2.5"},
		{"an error that does not matter", "claims.nope == 1 || true"},
		{"a regular expression", "claims.email.matches('^[a-z]+@shop[.]example$')"},
		{"a walk", "token.groups.exists(g, g.startsWith('st')) && token.groups.all(g, g != '')"},
		{"a choice", "(claims.yes ? claims.level : 0) == 3"},
		{"over lines", "token.subject ==\n  path.id &&\ttrue"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := requestTo(t, "/users/alice/shoes?x", config.Relaxed{})
			if err := check(t, "/users/{id}/{item}", row.when, tok, r); err != nil {
				t.Error(err)
			}
			err := check(t, "/users/{id}/{item}", "!("+row.when+")", tok, r)
			if !errors.Is(err, condition.ErrFalse) {
				t.Errorf("its opposite: %v", err)
			}
		})
	}
}

// An issuer's prefix is part of token.subject and token.groups, and not of claims.
func TestConditionSeesThePrefix(t *testing.T) {
	tok := tokentest.Verified(t, config.Issuer{Name: "shop", Prefix: "p:"}, map[string]any{"groups": []string{"g"}})
	when := "token.subject == 'p:alice' && claims.sub == 'alice' && token.groups == ['p:g'] && claims.groups == ['g']"
	if err := check(t, "/**", when, tok, requestTo(t, "/", config.Relaxed{})); err != nil {
		t.Error(err)
	}
}

// The token of a program has another kind than that of a user.
func TestConditionSeesTheKind(t *testing.T) {
	tok := verified(t, map[string]any{"client_id": "alice"})
	if err := check(t, "/**", "token.kind == 'client'", tok, requestTo(t, "/", config.Relaxed{})); err != nil {
		t.Error(err)
	}
}

// TestConditionPath: request.path is the path as matched. A slash that a relaxation permits
// inside a segment differs from a separator.
func TestConditionPath(t *testing.T) {
	tok := verified(t, nil)
	open := config.Relaxed{EncodedSlash: true, EncodedPercent: true}
	for _, row := range []struct{ target, path, id string }{
		{"/u/a", "/u/a", "a"},
		{"/u/%61", "/u/a", "a"},
		{"/u/a%20b", "/u/a b", "a b"},
		{"/u/a%2Fb", "/u/a%2Fb", "a/b"},
		{"/u/a%252Fb", "/u/a%252Fb", "a%2Fb"},
		{"/u/%25", "/u/%25", "%"},
	} {
		when := fmt.Sprintf("request.path == %q && path.id == %q", row.path, row.id)
		if err := check(t, "/u/{id}", when, tok, requestTo(t, row.target, open)); err != nil {
			t.Errorf("%s: %v", row.target, err)
		}
	}
	if got := (request.Path{}).String(); got != "" {
		t.Errorf("the zero path is %q", got)
	}
}

// TestConditionErrors: a condition that cannot be evaluated denies, and says why by a fixed text.
func TestConditionErrors(t *testing.T) {
	rich, bare := verified(t, richClaims()), verified(t, nil)
	const twelve = "[1,2,3,4,5,6,7,8,9,10,11,12]"
	const expensive = twelve + ".all(a, " + twelve + ".all(b, " + twelve + ".all(c, " + twelve + ".all(d, a+b+c+d > claims.negative))))"
	for _, row := range []struct {
		name, when string
		token      *token.Token
		kind       string
		hint       string
	}{
		{"a claim that is not there", "claims.nope == 'x'", rich, "no such key", "has(claims.email)"},
		{"a claim in one that is not there", "claims.nope.deeper == 'x'", rich, "no such key", "has("},
		{"a claim by name that is not there", "claims['a:b'] == 'x'", rich, "no such key", "has("},
		{"a header that is not there", "request.headers.nope == 'x'", rich, "no such key", "has("},
		{"an index beyond", "claims.address.codes[3] == 1", rich, "no such index", "size(list)"},
		{"an index below", "claims.address.codes[-1] == 1", rich, "no such index", "size(list)"},
		{"no truth", "claims.email && true", rich, "type", "type(claims.level)"},
		{"a text and a number", "claims.email + 1 == 2", rich, "type", "type("},
		{"a text is not less than a number", "claims.email < 1", rich, "type", "type("},
		{"no list", "claims.level.exists(x, x == 1)", rich, "type", "type("},
		{"a dynamic answer that is no truth", "(claims.yes ? claims.level : claims.yes) == true || claims.level", rich, "type", "type("},
		{"division by zero", "1 / claims.zero == 1", rich, "number", "division by zero"},
		{"a rest by zero", "1 % claims.zero == 1", rich, "number", "division by zero"},
		{"too large a sum", "9223372036854775807 + claims.level > 0", rich, "number", "division by zero"},
		{"no iat", "token.issued_at < now", bare, "no iat", "write iat"},
		{"cost", expensive, rich, "cost limit", "cheaper"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := check(t, "/**", row.when, row.token, requestTo(t, "/", config.Relaxed{}))
			var failure *denial.Error
			if !errors.As(err, &failure) || !errors.Is(err, condition.ErrEvaluation) {
				t.Fatalf("got %v", err)
			}
			if !strings.HasPrefix(failure.Internal, row.kind+" in \"") || !strings.Contains(failure.Hint(), row.hint) {
				t.Errorf("got %q, hint %q, want %q, %q", failure.Internal, failure.Hint(), row.kind, row.hint)
			}
		})
	}
}

// A panic during an evaluation denies too.
func TestConditionPanics(t *testing.T) {
	err := mustCompile(t, "/**", "request.host == 'x'").Check(verified(t, nil), nil, tokentest.Now())
	if !errors.Is(err, condition.ErrEvaluation) || !strings.Contains(err.Error(), ": evaluation in ") {
		t.Errorf("got %v", err)
	}
}

// A number that is larger than any double is an error.
func TestConditionNumberOutOfRange(t *testing.T) {
	tok := verified(t, map[string]any{"big": json.RawMessage("1e999")})
	err := check(t, "/**", "claims.big > 3", tok, requestTo(t, "/", config.Relaxed{}))
	if !errors.Is(err, condition.ErrEvaluation) || !strings.Contains(err.Error(), ": number in ") {
		t.Errorf("got %v", err)
	}
}

// A path that the template does not match has no variables.
func TestConditionWithoutItsPath(t *testing.T) {
	for _, target := range []string{"/", "/users"} {
		err := check(t, "/users/{id}", "path.id == 'x' || true", verified(t, nil), requestTo(t, target, config.Relaxed{}))
		if err != nil {
			t.Errorf("%s: %v", target, err)
		}
		err = check(t, "/users/{id}", "path.id == ''", verified(t, nil), requestTo(t, target, config.Relaxed{}))
		if !errors.Is(err, condition.ErrEvaluation) {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// TestConditionDenialsQuoteNothing: a denial shows the text of the condition and no claim.
func TestConditionDenialsQuoteNothing(t *testing.T) {
	const secret = "sesame"
	tok := verified(t, map[string]any{"secret": secret, "key": map[string]any{secret: 1}, "list": []any{secret}})
	for _, when := range []string{
		"claims.secret == 'x'", "claims[claims.secret] == 1", "int(claims.secret) == 1", "timestamp(claims.secret) < now",
		"claims.secret.nope == 1", "claims.key[claims.secret + 'x'] == 1", "claims.list[claims.secret] == 1",
		"duration(claims.secret) == duration('1s')",
		"claims.secret < 1", "bool(claims.secret)", "now.getHours(claims.secret) == 1",
	} {
		err := check(t, "/**", when, tok, requestTo(t, "/", config.Relaxed{}))
		var failure *denial.Error
		if !errors.As(err, &failure) {
			t.Errorf("%s: %v", when, err)
			continue
		}
		if all := fmt.Sprintf("%+v %s", *failure, err); strings.Contains(all, secret) {
			t.Errorf("%s: %s", when, all)
		}
		if !strings.Contains(failure.Internal, strings.ReplaceAll(when, `"`, `\"`)) {
			t.Errorf("%s: its text is not in %s", when, failure.Internal)
		}
	}
}

// TestConditionConcurrent: requests share a condition.
func TestConditionConcurrent(t *testing.T) {
	compiled := mustCompile(t, "/u/{id}", "token.subject == path.id && request.headers['x-tenant'] == 'blue' && claims.level > 2")
	tok := verified(t, richClaims())
	own, other := requestTo(t, "/u/alice", config.Relaxed{}), requestTo(t, "/u/bob", config.Relaxed{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				if err := compiled.Check(tok, own, tokentest.Now()); err != nil {
					t.Error(err)
				}
				if err := compiled.Check(tok, other, tokentest.Now()); !errors.Is(err, condition.ErrFalse) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}
