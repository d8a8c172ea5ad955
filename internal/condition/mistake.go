package condition

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// explainer replaces the commonest errors of CEL with texts that say what to write
// instead.
type explainer struct {
	text     string
	segments map[string]int
}

// example ends a text about a condition that has no better hint.
const example = "write a CEL condition, such as token.subject == path.id"

// mistakes returns the mistakes for CEL's errors. Of syntax errors it keeps the first:
// the others follow from it.
func (e explainer) mistakes(issues []*cel.Error) []Mistake {
	var found []Mistake
	for _, issue := range issues {
		one := Mistake{Line: max(issue.Location.Line(), 1), Column: max(issue.Location.Column(), 0)}
		if strings.HasPrefix(issue.Message, "Syntax error") || issue.ExprID == 0 {
			one.Text = e.syntax(one.Line, one.Column, issue.Message)
			return append(found, one)
		}
		if rest, ok := strings.CutPrefix(issue.Message, "undeclared reference to "); ok {
			one.Column, one.Text = e.undeclared(one.Line, one.Column, rest)
		} else {
			one.Text = typeError(issue.Message)
		}
		if !slices.Contains(found, one) {
			found = append(found, one)
		}
	}
	return found
}

// syntax explains a syntax error.
func (e explainer) syntax(line, column int, message string) string {
	switch {
	case strings.TrimSpace(e.text) == "":
		return "is empty; " + example + ", or omit when"
	case len([]rune(e.text)) > maxLength:
		return fmt.Sprintf("is longer than %d characters; write a shorter condition", maxLength)
	case strings.Contains(message, "recursion"):
		return "is nested too deeply; write it with fewer parentheses"
	}
	word, _ := e.wordAt(line, column)
	rest := e.rest(line, column)
	switch {
	case word == "and" || word == "or" || word == "not":
		return fmt.Sprintf("%q is not a CEL operator; write %s", word, map[string]string{"and": "&&", "or": "||", "not": "!"}[word])
	case strings.HasPrefix(rest, "="):
		return "= is not a CEL operator; write == to compare"
	case strings.HasPrefix(rest, "&"), strings.HasPrefix(rest, "|"):
		return "write && for and, || for or"
	case strings.HasPrefix(rest, "'"), strings.HasPrefix(rest, `"`):
		return "unexpected string; check for a missing operator or a missing closing quote; " + example
	case strings.TrimSpace(rest) == "":
		return "ends too early; " + example
	}
	return fmt.Sprintf("syntax error at %q; %s", quote.Cut(strings.TrimSpace(rest), 24), example)
}

// undeclared explains an unknown name, and returns the column where the name begins.
func (e explainer) undeclared(line, column int, rest string) (int, string) {
	name, _, _ := strings.Cut(strings.TrimPrefix(rest, "'"), "'")
	word, begin := e.wordAt(line, column)
	if !strings.Contains(word, name) {
		word, begin = name, column
	}
	known := append(slices.Collect(maps.Keys(variables())), slices.Collect(maps.Keys(e.segments))...)
	slices.Sort(known)
	if slices.Contains(known, word) && strings.HasSuffix(string(e.line(line)[:begin]), "has(") {
		return begin, "has() is for claims and headers, such as has(claims.email); the fields of token, request, source and path are always set"
	}
	if strings.HasPrefix(strings.TrimPrefix(e.rest(line, begin), word), "(") {
		dot := strings.LastIndexByte(word, '.')
		function := word[dot+1:]
		if dot > 0 && name != function { // the method exists, its operand does not
			return begin, unknown(word[:dot], known)
		}
		return begin, fmt.Sprintf("unknown function %q; expected one of CEL's standard functions, such as size, contains, startsWith, "+
			"endsWith, matches, exists, all, int, string, timestamp and duration", quote.Cut(function, 64))
	}
	return begin, unknown(word, known)
}

// unknown explains an unknown variable or field.
func unknown(word string, known []string) string {
	group, field, dotted := strings.Cut(word, ".")
	fields := slices.DeleteFunc(slices.Clone(known), func(one string) bool { return !strings.HasPrefix(one, group+".") })
	shown := quote.Cut(word, 64)
	switch {
	case group == "path" && len(fields) == 0:
		return fmt.Sprintf("unknown variable %q: the match of this route has no variables; add one, for example /users/{id}", shown)
	case group == "token" && dotted && !slices.Contains(known, strings.ToLower(word)):
		claim := strings.TrimPrefix(field, "claims.")
		if claim == "claims" {
			claim = "email"
		}
		return fmt.Sprintf("unknown field %q; expected one of %s; to read a claim, write claims.%s",
			shown, strings.Join(fields, ", "), quote.Cut(claim, 64))
	case len(fields) > 0 && dotted:
		return fmt.Sprintf("unknown field %q; expected one of %s", shown, strings.Join(fields, ", "))
	case len(fields) > 0:
		return fmt.Sprintf("%q is not a value; expected one of its fields: %s", group, strings.Join(fields, ", "))
	}
	for _, one := range known {
		if strings.HasSuffix(one, "."+word) {
			return fmt.Sprintf("unknown variable %q; did you mean %s?", shown, one)
		}
	}
	return fmt.Sprintf("unknown variable %q; expected one of %s", shown, strings.Join(known, ", "))
}

// typeError explains an error of the type checker. CEL's other texts are clear enough.
func typeError(message string) string {
	switch {
	case strings.HasPrefix(message, "found no matching overload for "):
		parts := strings.Split(message, "'")
		if len(parts) < 4 {
			return "has operands of the wrong types"
		}
		hint := "convert one of the values, for example int(claims.level) or string(claims.level)"
		if strings.Contains(parts[3], "list(string)") && strings.Count(parts[3], "string") > 1 {
			hint = `to search a list, write "admin" in token.groups`
		}
		return fmt.Sprintf("%s does not accept %s; %s", operatorName(parts[1]), strings.TrimSpace(parts[3]), hint)
	case strings.Contains(message, "has() macro"):
		return `has() accepts a field, such as has(claims.email); for other names, write "cognito:groups" in claims`
	case message == "invalid matches argument":
		return `invalid regular expression; expected RE2 syntax, such as "^/[a-z]+$"`
	case message == "invalid timestamp argument":
		return `invalid timestamp; expected for example timestamp("2026-01-02T15:04:05Z")`
	case message == "invalid duration argument":
		return `invalid duration; expected for example duration("1h30m")`
	}
	return message
}

// notBool explains a condition that is not a boolean.
func notBool(text string, kind *cel.Type) Mistake {
	text = strings.TrimSpace(text)
	switch {
	case kind.Kind() == types.DynKind && len(text) <= 64 && !strings.ContainsFunc(text, func(r rune) bool { return !wordRune(r) }):
		return Mistake{1, 0, fmt.Sprintf("a claim can have any type, and the condition must be true or false; compare it: %s == true", text)}
	case kind.Kind() == types.DynKind:
		return Mistake{1, 0, "the condition must be true or false, and this can have any type; compare it: (...) == true"}
	}
	return Mistake{1, 0, "the condition must be true or false, and this has type " + cel.FormatCELType(kind) + "; compare it with something"}
}

// operatorName returns a function's name as it is written in a condition.
func operatorName(name string) string {
	switch name {
	case operators.Index:
		return "[]"
	case operators.Conditional:
		return "?:"
	}
	if shown, ok := operators.FindReverse(name); ok && shown != "" {
		return shown
	}
	return name
}

// line returns the characters of a line, counted from 1.
func (e explainer) line(line int) []rune {
	lines := strings.Split(e.text, "\n")
	if line > len(lines) {
		return nil
	}
	return []rune(lines[line-1])
}

// rest returns a line from a column on.
func (e explainer) rest(line, column int) string {
	text := e.line(line)
	return string(text[min(column, len(text)):])
}

// wordAt returns the name, dots included, that a column is in or at the end of, and where
// it begins: CEL reports the place of a name's dot or bracket.
func (e explainer) wordAt(line, column int) (word string, begin int) {
	text := e.line(line)
	begin = min(column, len(text))
	end := begin
	for begin > 0 && wordRune(text[begin-1]) {
		begin--
	}
	for end < len(text) && wordRune(text[end]) {
		end++
	}
	return string(text[begin:end]), begin
}

// wordRune reports whether a name can contain r.
func wordRune(r rune) bool {
	return r == '_' || r == '.' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
