package condition_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/condition"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// TestConditionMistakes: the texts of mistakes say what to write instead, without the terms
// of CEL's implementation.
func TestConditionMistakes(t *testing.T) {
	const tokenFields = "expected one of token.client, token.expires_at, token.groups, token.issued_at, token.issuer, token.kind, " +
		"token.scopes, token.subject"
	const requestFields = "expected one of request.headers, request.host, request.method, request.path, request.query"
	const example = "write a CEL condition, such as token.subject == path.id"
	const convert = "convert one of the values, for example int(claims.level) or string(claims.level)"
	const search = `to search a list, write "admin" in token.groups`
	for _, row := range []struct{ name, when, want string }{
		{"an unknown field", "token.sub == path.id", `unknown field "token.sub"; ` + tokenFields},
		{"an unknown field in another case", "token.Subject == path.id", `unknown field "token.Subject"; ` + tokenFields},
		{"an unknown field of the request", "request.url == 'x'", `unknown field "request.url"; ` + requestFields},
		{"an unknown field of the source", "source.ip == 'x'", `unknown field "source.ip"; expected one of source.address, source.principal`},
		{"an unknown path variable", "token.subject == path.name", `unknown field "path.name"; expected one of path.id, path.item`},
		{"a whole group", "token == 'x'", `"token" is not a value; expected one of its fields: token.client,`},
		{"a field without its group", "subject == path.id", `unknown variable "subject"; did you mean token.subject?`},
		{"a path variable without its group", "token.subject == id", `unknown variable "id"; did you mean path.id?`},
		{"an unknown variable", "user.name == 'x'",
			`unknown variable "user.name"; expected one of claims, now, path.id, path.item, request.headers`},
		{"an unknown function", "lower(token.subject) == path.id",
			`unknown function "lower"; expected one of CEL's standard functions, such as size,`},
		{"an unknown method", "token.subject.lower() == path.id", `unknown function "lower"; expected one of CEL's standard functions`},
		{"has of a field", "has(token.groups)", "has() is for claims and headers, such as has(claims.email); the fields of token,"},
		{"has of an item", "has(claims['x'])",
			`has() accepts a field, such as has(claims.email); for other names, write "cognito:groups" in claims`},
		{"a string and a number", "token.subject == 3", "== does not accept (string, int); " + convert},
		{"a number in strings", "1 in token.groups", "in does not accept (int, list(string)); " + convert},
		{"an invalid index", "token.groups['a'] == 'x'", "[] does not accept (list(string), string); " + search},
		{"a choice of two types", "(claims.x == 1 ? 'a' : 1) == 1", "?: does not accept (bool, string, int); " + convert},
		{"a string as a boolean", "token.subject && true", "expected type 'bool' but found 'string'"},
		{"a field of a string", "token.subject.nope == 'x'", "type 'string' does not support field selection"},
		{"a loop over a string", "token.subject.exists(c, c == 'x')", "expression of type 'string' cannot be range of a comprehension"},
		{"an invalid regular expression", "token.subject.matches('(')", "invalid regular expression; expected RE2 syntax, such as"},
		{"a regular expression of a claim", "token.subject.matches(claims.pattern)",
			"computed regular expressions are not supported; write the expression as a quoted string"},
		{"a regular expression with too many repetitions", "token.subject.matches('((a{100}){10}){10}')", "invalid regular expression"},
		{"a large regular expression", "token.subject.matches('[a-z]{999}[0-9]{999}[a-z]{999}')", "regex program size"},
		{"an invalid timestamp", "now > timestamp('soon')", `invalid timestamp; expected for example timestamp("2026-01-02T15:04:05Z")`},
		{"an invalid duration", "now - token.issued_at < duration('1 day')", `invalid duration; expected for example duration("1h30m")`},
		{"a claim", "token.email == 'x'", `unknown field "token.email"; ` + tokenFields + "; to read a claim, write claims.email"},
		{"a method of a claim", "token.email.endsWith('@x')",
			`unknown field "token.email"; ` + tokenFields + "; to read a claim, write claims.email"},
		{"a method of an almost correct field", `token.scope.contains("a")`,
			`unknown field "token.scope"; ` + tokenFields + "; to read a claim, write claims.scope"},
		{"a macro of a claim", "token.roles.exists(r, r == 'a')",
			`unknown field "token.roles"; ` + tokenFields + "; to read a claim, write claims.roles"},
		{"a list that is a claim", "'admin' in token.roles",
			`unknown field "token.roles"; ` + tokenFields + "; to read a claim, write claims.roles"},
		{"a claim in a claim", "token.address.country == 'x'",
			`unknown field "token.address.country"; ` + tokenFields + "; to read a claim, write claims.address.country"},
		{"claims of the token", "token.claims.level >= 3",
			`unknown field "token.claims.level"; ` + tokenFields + "; to read a claim, write claims.level"},
		{"all claims of the token", "token.claims == {}",
			`unknown field "token.claims"; ` + tokenFields + "; to read a claim, write claims.email"},
		{"a list compared with a string", "token.groups == 'admin'", "== does not accept (list(string), string); " + search},
		{"a string compared with a list", `"a" == token.scopes`, "== does not accept (string, list(string)); " + search},
		{"contains of a list", `token.groups.contains("admin")`, "contains does not accept list(string).(string); " + search},
		{"a list compared with a number", "token.groups == 3", "== does not accept (list(string), int); " + convert},
		{"a string as the condition", "token.subject",
			"the condition must be true or false, and this has type string; compare it with something"},
		{"a list as the condition", "token.groups", "the condition must be true or false, and this has type list(string); compare"},
		{"a claim as the condition", " claims.admin",
			"a claim can have any type, and the condition must be true or false; compare it: claims.admin == true"},
		{"a claim by name as the condition", "claims['a']",
			"the condition must be true or false, and this can have any type; compare it: (...) == true"},
		{"only spaces", "  ", "is empty; " + example + ", or omit when"},
		{"an operator at the end", "token.subject ==", "ends too early; " + example},
		{"one equals sign", "token.subject = 'x'", "= is not a CEL operator; write == to compare"},
		{"and", "claims.x == 1 and claims.y == 2", `"and" is not a CEL operator; write &&`},
		{"or", "claims.x == 1 or claims.y == 2", `"or" is not a CEL operator; write ||`},
		{"one ampersand", "claims.x == 1 & claims.y == 2", "write && for and, || for or"},
		{"a missing quote", "'x", "unexpected string; check for a missing operator or a missing closing quote; " + example},
		{"two strings", "token.subject 'x'", "unexpected string; check for"},
		{"a length of time without duration()", "now - 5m > token.issued_at", `syntax error at "m > token.issued_at"; ` + example},
		{"not CEL", "claims.x == 1 ) else", `syntax error at ") else"; ` + example},
		{"a letter that names cannot contain", "é == 1", `syntax error at "é == 1"; ` + example},
		{"a message", "Foo{a: 1} == 1", `unknown variable "Foo"; expected one of claims,`},
		{"nested too deeply", strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300),
			"is nested too deeply; write it with fewer parentheses"},
		{"too long", "true" + strings.Repeat(" && true", 1100), "is longer than 8192 characters; write a shorter condition"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, mistakes := compile("/users/{id}/{item}", row.when)
			if len(mistakes) != 1 || !strings.HasPrefix(mistakes[0].Text, row.want) {
				t.Fatalf("got %+v\nwant %q", mistakes, row.want)
			}
			for _, jargon := range []string{"container", "overload", "undeclared", "mismatched", "extraneous", "<EOF>", "Syntax", "_", "@"} {
				if text := strings.NewReplacer("issued_at", "", "expires_at", "").Replace(mistakes[0].Text); strings.Contains(text, jargon) {
					t.Errorf("%q contains %q", text, jargon)
				}
			}
			if strings.HasSuffix(mistakes[0].Text, ".") {
				t.Errorf("%q ends with a full stop", mistakes[0].Text)
			}
		})
	}
}

// Each error is a mistake; of syntax errors only the first is reported.
func TestConditionMistakesAll(t *testing.T) {
	for when, want := range map[string]int{
		"token.sub == 'x' && token.grp == 'y' && request.url == 'z'": 3,
		"token.sub == 'x' &&\n token.sub == 'x'":                     2,
		"token.subject = 'x' and 'y":                                 1,
		"token.subject == 'x'":                                       0,
	} {
		if _, got := compile("/", when); len(got) != want {
			t.Errorf("%q: %d mistakes, want %d: %+v", when, len(got), want, got)
		}
	}
}

// The condition of a route without variables has no path variables.
func TestConditionWithoutVariables(t *testing.T) {
	const want = `unknown variable "path.id": the match of this route has no variables; add one, for example /users/{id}`
	if _, got := compile("/users/**", "path.id == 'x'"); len(got) != 1 || got[0].Text != want {
		t.Errorf("got %+v", got)
	}
	// A compiler that compiles several conditions keeps their variables apart.
	var compiler condition.Compiler
	for _, row := range []struct {
		variable string
		mistakes int
	}{{"id", 0}, {"name", 1}, {"id", 0}} {
		_, got := compiler.Compile("path.id == 'x'", map[string]int{row.variable: 1})
		if len(got) != row.mistakes || row.mistakes > 0 && !strings.Contains(got[0].Text, "expected one of path.name") {
			t.Errorf("with the variable %s: %+v", row.variable, got)
		}
	}
}

// TestConditionCostsTooMuch: a condition that costs more than the limit with every token is
// a mistake.
func TestConditionCostsTooMuch(t *testing.T) {
	const want = "always costs more than the limit of 20000 steps; write a shorter condition"
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", 150), ",") + "]"
	nested := fmt.Sprintf("%s.map(x, %[1]s.map(y, x + y)).size() > 0", list)
	if _, got := compile("/", nested); len(got) != 1 || got[0].Text != want {
		t.Errorf("got %+v", got)
	}
	if _, got := compile("/", list+".map(x, x + 1).size() > 0"); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

// FuzzCondition: no text makes the compiler panic, and the place of each mistake is in the
// text.
func FuzzCondition(f *testing.F) {
	for _, when := range []string{
		"token.subject == path.id", "has(token.x)", "has(claims.x)", "'", "é == 1", "token.sub\n.x == foo(1)", "claims.a[0].b",
		"[1].map(x, y)", "a.b.c()",
		"token . sub == 1", "", "\n\n", "\r\nx", "1 in 2", "x and y", "\"\\u00e9\" == token.nope", "{1: 2}[3] == 4", "has(has)", "[[]][0]",
		"token.subject.matches('(')",
	} {
		f.Add(when)
	}
	tok, r := verified(f, richClaims()), requestTo(f, "/u/alice", config.Relaxed{})
	f.Fuzz(func(t *testing.T, when string) {
		compiled, mistakes := compile("/u/{id}", when)
		lines := strings.Split(when, "\n")
		for _, one := range mistakes {
			switch {
			case one.Line < 1 || one.Line > len(lines):
				t.Errorf("line %d of %d: %s", one.Line, len(lines), one.Text)
			case one.Column < 0 || one.Column > len([]rune(lines[one.Line-1])):
				t.Errorf("column %d of line %q: %s", one.Column, lines[one.Line-1], one.Text)
			case one.Text == "" || len(one.Text) > 1000:
				t.Errorf("text %q", one.Text)
			}
		}
		if (compiled == nil) != (len(mistakes) > 0) {
			t.Fatalf("%d mistakes, condition %v", len(mistakes), compiled)
		}
		if compiled != nil {
			_ = compiled.Check(tok, r, tokentest.Now())
		}
	})
}

// TestConditionPlaces: the place of a mistake is the beginning of the wrong name.
func TestConditionPlaces(t *testing.T) {
	for _, row := range []struct {
		name, when   string
		line, column int
	}{
		{"a name", "token.sub == 'x'", 1, 0},
		{"a name further on", "true && token.sub == 'x'", 1, 8},
		{"a name on another line", "true &&\n  path.nope == 'x'", 2, 2},
		{"after letters of two bytes", "'éé' == token.sub", 1, 8},
		{"a function", "true && lower('x') == 'x'", 1, 8},
		{"a method", "token.subject.lower() == 'x'", 1, 0},
		{"has", "has(token.groups)", 1, 4},
		{"an operator", "token.subject == 3", 1, 14},
		{"an argument", "token.subject.matches('(')", 1, 22},
		{"the end", "token.subject ==", 1, 16},
		{"nothing", " ", 1, 1},
		{"a word", "claims.x == 1 and claims.y == 1", 1, 14},
	} {
		_, got := compile("/u/{id}", row.when)
		if len(got) != 1 || got[0].Line != row.line || got[0].Column != row.column {
			t.Errorf("%s: %+v, want %d:%d", row.name, got, row.line, row.column)
		}
	}
}
