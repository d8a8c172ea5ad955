package route_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/route"
)

// faulty returns what is wrong with a route's condition.
func faulty(t testing.TB, match, when string) config.Mistakes {
	t.Helper()
	_, err := conditional(match, when)
	var mistakes config.Mistakes
	if err != nil && !errors.As(err, &mistakes) {
		t.Fatalf("%v is no list of mistakes", err)
	}
	return mistakes
}

// TestConditionMistakes: what CEL finds is said in the words of this program, with
// what to write instead.
func TestConditionMistakes(t *testing.T) {
	const tokenFields = "there are token.client, token.expires_at, token.groups, token.issued_at, token.issuer, token.kind, token.scopes, token.subject"
	const example = "write a condition in CEL such as token.subject == path.id"
	for _, row := range []struct{ name, when, want string }{
		{"an unknown field", "token.sub == path.id", `there is no "token.sub"; ` + tokenFields},
		{"an unknown field in another case", "token.Subject == path.id", `there is no "token.Subject"; ` + tokenFields},
		{"an unknown field of the request", "request.url == 'x'", `there is no "request.url"; there are request.headers, request.host, request.method, request.path, request.query`},
		{"an unknown field of the source", "source.ip == 'x'", `there is no "source.ip"; there are source.address, source.principal`},
		{"an unknown template variable", "token.subject == path.name", `there is no "path.name"; there are path.id, path.item`},
		{"a whole group", "token == 'x'", `"token" is no value by itself; ` + tokenFields},
		{"a field without its group", "subject == path.id", `there is no "subject"; did you mean token.subject?`},
		{"a template variable without its group", "token.subject == id", `there is no "id"; did you mean path.id?`},
		{"something else", "user.name == 'x'", `there is no "user.name"; there are claims, now, path.id, path.item, request.headers`},
		{"an unknown function", "lower(token.subject) == path.id", `there is no function "lower"; CEL's own are there, such as size,`},
		{"an unknown method", "token.subject.lower() == path.id", `there is no function "lower"; CEL's own are there`},
		{"has of a field", "has(token.groups)", "has() is for claims and headers, such as has(claims.email); the fields of token,"},
		{"has of an item", "has(claims['x'])", `has() takes a field, such as has(claims.email); for other names write "cognito:groups" in claims`},
		{"a text and a number", "token.subject == 3", "== does not take (string, int); write values that go together, or convert one,"},
		{"a number in texts", "1 in token.groups", "in does not take (int, list(string)); write values"},
		{"an index that is none", "token.groups['a'] == 'x'", "[] does not take (list(string), string); write values"},
		{"a choice of two types", "(claims.x == 1 ? 'a' : 1) == 1", "?: does not take (bool, string, int); write values"},
		{"no truth", "token.subject && true", "must be true or false here, and is of type string; compare it with something"},
		{"a field of a text", "token.subject.nope == 'x'", "has no fields, since it is of type string; compare it as a whole"},
		{"a walk through a text", "token.subject.exists(c, c == 'x')", "is of type string; only lists and maps can be walked through"},
		{"an expression that is none", "token.subject.matches('(')", "is no regular expression of RE2's syntax; write one such as"},
		{"an expression of a claim", "token.subject.matches(claims.pattern)", "is a regular expression that is not written out; write it as a text in quotes"},
		{"too large an expression", "token.subject.matches('((a{100}){10}){10}')", "is no regular expression of RE2's syntax"},
		{"a large expression", "token.subject.matches('[a-z]{999}[0-9]{999}[a-z]{999}')", "is too large a regular expression; write a shorter one"},
		{"no time", "now > timestamp('soon')", `"soon" is no time; write one such as timestamp("2026-01-02T15:04:05Z")`},
		{"no duration", "now - token.issued_at < duration('1 day')", `"1 day" is no duration; write one such as duration("1h30m")`},
		{"a claim", "token.email == 'x'", `there is no "token.email"; ` + tokenFields + "; a claim is written claims.email"},
		{"a method of a claim", "token.email.endsWith('@x')", `there is no "token.email"; ` + tokenFields + "; a claim is written claims.email"},
		{"a method of what is nearly a field", `token.scope.contains("a")`, `there is no "token.scope"; ` + tokenFields + "; a claim is written claims.scope"},
		{"a macro of a claim", "token.roles.exists(r, r == 'a')", `there is no "token.roles"; ` + tokenFields + "; a claim is written claims.roles"},
		{"a list that is a claim", "'admin' in token.roles", `there is no "token.roles"; ` + tokenFields + "; a claim is written claims.roles"},
		{"a claim in a claim", "token.address.country == 'x'", `there is no "token.address.country"; ` + tokenFields + "; a claim is written claims.address.country"},
		{"claims of the token", "token.claims.level >= 3", `there is no "token.claims.level"; ` + tokenFields + "; a claim is written claims.level"},
		{"all claims of the token", "token.claims == {}", `there is no "token.claims"; ` + tokenFields + "; a claim is written claims.email"},
		{"a list that is a text", "token.groups == 'admin'", `== does not take (list(string), string); write "admin" in token.groups to ask what is in a list`},
		{"a list that is a text, the other way", `"a" == token.scopes`, `== does not take (string, list(string)); write "a" in token.scopes to ask what is in a list`},
		{"a list that is no text", "true && token.groups != token.subject", `!= does not take (list(string), string); write !(token.subject in token.groups) to ask what is in a list`},
		{"a list that contains", `token.groups.contains("admin")`, `contains does not take list(string).(string); write "admin" in token.groups to ask what is in a list`},
		{"a list that contains, with spaces", "true && token.scopes.contains( 'a' )", `contains does not take list(string).(string); write "a" in token.scopes to ask what is in a list`},
		{"a list that is written out", "['a'] == 'a'", `== does not take (list(string), string); write "admin" in token.groups to ask what is in a list`},
		{"a list that is a number", "token.groups == 3", "== does not take (list(string), int); write values that go together"},
		{"a length of time", "now - 5m > token.issued_at", `a length of time is written duration("5m")`},
		{"a length of time of two units", "now - token.issued_at < 1h30m", `a length of time is written duration("1h30m")`},
		{"a length of time in days", "now - token.issued_at < 30d", `a length of time is written in hours, minutes and seconds, such as duration("24h")`},
		{"a duration of another unit", `now - token.issued_at < duration("5x")`, `"5x" is no duration; write one such as duration("1h30m")`},
		{"a text", "token.subject", "the condition must be true or false, and this is of type string; compare it with something"},
		{"a list", "token.groups", "the condition must be true or false, and this is of type list(string); compare"},
		{"a claim", " claims.admin", "a claim can be of any type and the condition must be true or false; compare it: claims.admin == true"},
		{"a claim by name", "claims['a']", "the condition must be true or false, and this can be of any type; compare it: (...) == true"},
		{"spaces alone", "  ", "is empty; " + example + ", or leave when out"},
		{"nothing behind an operator", "token.subject ==", "ends too early; " + example},
		{"one equals sign", "token.subject = 'x'", "= is no operator of CEL; write == to compare"},
		{"and", "claims.x == 1 and claims.y == 2", `"and" is no operator of CEL; write &&`},
		{"or", "claims.x == 1 or claims.y == 2", `"or" is no operator of CEL; write ||`},
		{"one ampersand", "claims.x == 1 & claims.y == 2", "write && for and, || for or"},
		{"an open quote", "'x", "a text begins here and does not fit in; look for an operator that is missing, or the quote at its end; " + example},
		{"two texts", "token.subject 'x'", "a text begins here and does not fit in"},
		{"no CEL", "claims.x == 1 ) else", `cannot be read from ") else" on; ` + example},
		{"a letter that no name has", "é == 1", `cannot be read from "é == 1" on; ` + example},
		{"a message", "Foo{a: 1} == 1", `there is no "Foo"; there are claims,`},
		{"nested too deep", strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300), "is nested too deep; write it with fewer brackets"},
		{"too long", "true" + strings.Repeat(" && true", 1100), "is longer than 8192 characters; write a shorter one"},
	} {
		t.Run(row.name, func(t *testing.T) {
			mistakes := faulty(t, "/users/{id}/{item}", row.when)
			text, placed := "", false
			if len(mistakes) == 1 {
				text, placed = strings.CutPrefix(mistakes[0].Text, "routes[0].when: ")
			}
			if !placed || !strings.HasPrefix(text, row.want) {
				t.Fatalf("got %q\nwant %q", mistakes, row.want)
			}
			for _, jargon := range []string{"container", "overload", "undeclared", "mismatched", "extraneous", "<EOF>", "Syntax", "_", "@"} {
				if text := strings.NewReplacer("issued_at", "", "expires_at", "").Replace(text); strings.Contains(text, jargon) {
					t.Errorf("%q speaks of %q", text, jargon)
				}
			}
			if strings.HasSuffix(mistakes[0].Text, ".") {
				t.Errorf("%q ends with a stop", mistakes[0].Text)
			}
		})
	}
}

// Each thing that is wrong is a mistake of its own; of errors in the syntax only
// the first says anything.
func TestConditionMistakesAll(t *testing.T) {
	for when, want := range map[string]int{
		"token.sub == 'x' && token.grp == 'y' && request.url == 'z'": 3,
		"token.sub == 'x' &&\n token.sub == 'x'":                     2,
		"token.subject = 'x' and 'y":                                 1,
		"token.subject == 'x'":                                       0,
	} {
		if got := faulty(t, "/", when); len(got) != want {
			t.Errorf("%q: %d mistakes, want %d: %q", when, len(got), want, got)
		}
	}
}

// A route whose match has no variables, or which has no match, has none in its
// condition either.
func TestConditionWithoutVariables(t *testing.T) {
	const want = `routes[0].when: there is no "path.id", since the match of this route has no variable; write one into it, such as /users/{id}`
	for _, match := range []string{"/users/**", ""} {
		if got := faulty(t, match, "path.id == 'x'"); len(got) != 1 || got[0].Text != want {
			t.Errorf("%q: %q", match, got)
		}
	}
	// A variable of one route is none of another's.
	_, err := route.New(&config.Config{Routes: []config.Route{
		{Name: "a", Path: "routes[0]", Match: "/a/{id}", Requirement: config.Requirement{When: "path.id == 'x'"}},
		{Name: "b", Path: "routes[1]", Match: "/b/{name}", Requirement: config.Requirement{When: "path.id == 'x'"}},
		{Name: "c", Path: "routes[2]", Match: "/c/{id}", Requirement: config.Requirement{When: "path.id == 'x'"}},
	}})
	if err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), "there are path.name") {
		t.Errorf("got %v", err)
	}
}

// Where the match cannot be read, nothing is said of the variables it may have.
func TestConditionOfAnUnreadableMatch(t *testing.T) {
	if got := faulty(t, "/users/{id", "path.id == 'x'"); len(got) != 1 || !strings.Contains(got[0].Text, "{id") {
		t.Errorf("got %q", got)
	}
}

// TestConditionCostsTooMuch: what costs more than the limit with any token is a
// mistake, what can cost less is none.
func TestConditionCostsTooMuch(t *testing.T) {
	const want = "routes[0].when: costs more than the 20000 steps that a condition may take, whatever the request; write a shorter one"
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", 150), ",") + "]"
	nested := fmt.Sprintf("%s.map(x, %[1]s.map(y, x + y)).size() > 0", list)
	if got := faulty(t, "/", nested); len(got) != 1 || got[0].Text != want {
		t.Errorf("got %q", got)
	}
	if got := faulty(t, "/", list+".map(x, x + 1).size() > 0"); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

// FuzzCondition: no text makes the compiler panic, and each mistake lies in the
// text.
func FuzzCondition(f *testing.F) {
	for _, when := range []string{
		"token.subject == path.id", "has(token.x)", "has(claims.x)", "'", "é == 1", "token.sub\n.x == foo(1)", "claims.a[0].b", "[1].map(x, y)", "a.b.c()",
		"token . sub == 1", "", "\n\n", "\r\nx", "1 in 2", "x and y", "\"\\u00e9\" == token.nope", "{1: 2}[3] == 4", "has(has)", "[[]][0]", "token.subject.matches('(')",
	} {
		f.Add(when)
	}
	tok, facts := verified(f, "shop", richClaims()), factsOf(f, "/u/alice", config.Relaxed{})
	f.Fuzz(func(t *testing.T, when string) {
		faults, rule := route.Condition(when, "/u/{id}")
		lines := strings.Split(when, "\n")
		for _, one := range faults {
			switch {
			case one.Line < 1 || one.Line > len(lines):
				t.Errorf("line %d of %d: %s", one.Line, len(lines), one.Text)
			case one.Column < 0 || one.Column > len([]rune(lines[one.Line-1])):
				t.Errorf("column %d of line %q: %s", one.Column, lines[one.Line-1], one.Text)
			case one.Text == "" || len(one.Text) > 1000:
				t.Errorf("text %q", one.Text)
			}
		}
		if (rule == nil) != (len(faults) > 0) {
			t.Fatalf("%d mistakes, rule %v", len(faults), rule)
		}
		if rule != nil {
			_ = rule.Authorize(tok, facts, instant())
		}
	})
}

// TestConditionPlaces: a mistake is where the name begins that is wrong.
func TestConditionPlaces(t *testing.T) {
	for _, row := range []struct {
		name, when   string
		line, column int
	}{
		{"a name", "token.sub == 'x'", 1, 0},
		{"a name further on", "true && token.sub == 'x'", 1, 8},
		{"a name on another line", "true &&\n  path.nope == 'x'", 2, 2},
		{"behind letters that take two bytes", "'éé' == token.sub", 1, 8},
		{"a function", "true && lower('x') == 'x'", 1, 8},
		{"a method", "token.subject.lower() == 'x'", 1, 0},
		{"has", "has(token.groups)", 1, 4},
		{"an operator", "token.subject == 3", 1, 14},
		{"an argument", "token.subject.matches('(')", 1, 22},
		{"the end", "token.subject ==", 1, 16},
		{"nothing", " ", 1, 1},
		{"a word", "claims.x == 1 and claims.y == 1", 1, 14},
	} {
		faults, _ := route.Condition(row.when, "/u/{id}")
		if len(faults) != 1 || faults[0].Line != row.line || faults[0].Column != row.column {
			t.Errorf("%s: %+v, want %d:%d", row.name, faults, row.line, row.column)
		}
	}
}
