package route

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// explainer says in the words of this program what CEL finds wrong with a
// condition, and what to write instead.
type explainer struct {
	text     string
	segments map[string]int
}

// faults renders CEL's errors. Of errors in the syntax it keeps the first: the
// others come of how the parser goes on behind it.
func (e explainer) faults(issues []*cel.Error) []fault {
	var found []fault
	for _, issue := range issues {
		one := fault{line: max(issue.Location.Line(), 1), column: max(issue.Location.Column(), 0)}
		if strings.HasPrefix(issue.Message, "Syntax error") || issue.ExprID == 0 {
			one.text = e.syntax(one.line, one.column, issue.Message)
			return append(found, one)
		}
		if rest, ok := strings.CutPrefix(issue.Message, "undeclared reference to "); ok {
			one.column, one.text = e.undeclared(one.line, one.column, rest)
		} else {
			one.text = e.otherwise(one.line, one.column, issue.Message)
		}
		if !slices.Contains(found, one) {
			found = append(found, one)
		}
	}
	return found
}

// syntax says what cannot be read.
func (e explainer) syntax(line, column int, message string) string {
	const example = "write a condition in CEL such as token.subject == path.id"
	switch {
	case strings.TrimSpace(e.text) == "":
		return "is empty; " + example + ", or leave when out"
	case len([]rune(e.text)) > maxCondition:
		return fmt.Sprintf("is longer than %d characters; write a shorter one", maxCondition)
	case strings.Contains(message, "recursion"):
		return "is nested too deep; write it with fewer brackets"
	}
	word, _ := e.wordAt(line, column)
	rest := e.rest(line, column)
	if mend := durationMend(word); mend != "" {
		return mend
	}
	switch {
	case word == "and" || word == "or" || word == "not":
		return fmt.Sprintf("%q is no operator of CEL; write %s", word, map[string]string{"and": "&&", "or": "||", "not": "!"}[word])
	case strings.HasPrefix(rest, "="):
		return "= is no operator of CEL; write == to compare"
	case strings.HasPrefix(rest, "&"), strings.HasPrefix(rest, "|"):
		return "write && for and, || for or"
	case strings.HasPrefix(rest, "'"), strings.HasPrefix(rest, `"`):
		return "a text begins here and does not fit in; look for an operator that is missing, or the quote at its end; " + example
	case strings.TrimSpace(rest) == "":
		return "ends too early; " + example
	}
	return fmt.Sprintf("cannot be read from %q on; %s", cut(strings.TrimSpace(rest), 24), example)
}

// undeclared says what is there instead of a name that is not, and where that
// name begins.
func (e explainer) undeclared(line, column int, rest string) (int, string) {
	name, _, _ := strings.Cut(strings.TrimPrefix(rest, "'"), "'")
	word, begin := e.wordAt(line, column)
	if !strings.Contains(word, name) {
		word, begin = name, column
	}
	known := append(slices.Collect(maps.Keys(variables())), slices.Collect(maps.Keys(e.segments))...)
	slices.Sort(known)
	if slices.Contains(known, word) && strings.HasSuffix(string(e.line(line)[:begin]), "has(") {
		return begin, "has() is for claims and headers, such as has(claims.email); the fields of token, request, source and path are always there"
	}
	if strings.HasPrefix(e.behind(line, begin, word), "(") {
		dot := strings.LastIndexByte(word, '.')
		short := word[dot+1:]
		if dot > 0 && name != short { // the method is there, and what it is called on is not
			return e.unknown(begin, word[:dot], known)
		}
		return begin, fmt.Sprintf("there is no function %q; CEL's own are there, such as size, contains, startsWith, endsWith, matches, exists, all, int, string, timestamp and duration", cut(short, 64))
	}
	return e.unknown(begin, word, known)
}

// unknown says what is there instead of a variable or field that is not.
func (e explainer) unknown(begin int, word string, known []string) (int, string) {
	group, field, dotted := strings.Cut(word, ".")
	own := slices.DeleteFunc(slices.Clone(known), func(one string) bool { return !strings.HasPrefix(one, group+".") })
	switch {
	case group == "path" && len(own) == 0:
		return begin, fmt.Sprintf("there is no %q, since the match of this route has no variable; write one into it, such as /users/{id}", cut(word, 64))
	case group == "token" && dotted && !slices.Contains(known, strings.ToLower(word)):
		claim := strings.TrimPrefix(field, "claims.")
		if claim == "claims" {
			claim = "email"
		}
		return begin, fmt.Sprintf("there is no %q; there are %s; a claim is written claims.%s", cut(word, 64), strings.Join(own, ", "), cut(claim, 64))
	case len(own) > 0 && dotted:
		return begin, fmt.Sprintf("there is no %q; there are %s", cut(word, 64), strings.Join(own, ", "))
	case len(own) > 0:
		return begin, fmt.Sprintf("%q is no value by itself; there are %s", group, strings.Join(own, ", "))
	}
	for _, one := range known {
		if strings.HasSuffix(one, "."+word) {
			return begin, fmt.Sprintf("there is no %q; did you mean %s?", cut(word, 64), one)
		}
	}
	return begin, fmt.Sprintf("there is no %q; there are %s", cut(word, 64), strings.Join(known, ", "))
}

// durationMend says how to write what reads as a length of time, such as 5m.
func durationMend(word string) string {
	const says = "a length of time is written "
	days := strings.TrimSuffix(word, "d")
	switch _, err := time.ParseDuration(word); {
	case err == nil && strings.ContainsAny(word, "hms"):
		return fmt.Sprintf("%sduration(%q)", says, word)
	case days != word && days != "" && strings.Trim(days, "0123456789") == "":
		return says + `in hours, minutes and seconds, such as duration("24h")`
	}
	return ""
}

// otherwise renders what else the type-checker finds.
func (e explainer) otherwise(line, column int, message string) string {
	switch {
	case strings.HasPrefix(message, "found no matching overload for "):
		parts := strings.Split(message, "'")
		if len(parts) < 4 {
			break
		}
		if mend := e.membership(line, column, parts[1], parts[3]); mend != "" {
			return fmt.Sprintf("%s does not take %s; write %s to ask what is in a list", operatorName(parts[1]), strings.TrimSpace(parts[3]), mend)
		}
		return fmt.Sprintf("%s does not take %s; write values that go together, or convert one, such as int(claims.level) or string(claims.level)",
			operatorName(parts[1]), strings.TrimSpace(parts[3]))
	case strings.HasPrefix(message, "expected type 'bool' but found "):
		return fmt.Sprintf("must be true or false here, and is of type %s; compare it with something", between(message, "found '"))
	case strings.HasPrefix(message, "expected type "):
		return fmt.Sprintf("must be of type %s here, and is of type %s", between(message, "type '"), between(message, "found '"))
	case strings.HasSuffix(message, "does not support field selection"):
		return fmt.Sprintf("has no fields, since it is of type %s; compare it as a whole", between(message, "type '"))
	case strings.HasPrefix(message, "expression of type ") && strings.Contains(message, "range of a comprehension"):
		return fmt.Sprintf("is of type %s; only lists and maps can be walked through", between(message, "type '"))
	case strings.Contains(message, "has() macro"):
		return `has() takes a field, such as has(claims.email); for other names write "cognito:groups" in claims`
	case message == "invalid matches argument":
		return `is no regular expression of RE2's syntax; write one such as "^/[a-z]+$"`
	case message == "invalid timestamp argument":
		return e.literal(line, column) + `is no time; write one such as timestamp("2026-01-02T15:04:05Z")`
	case message == "invalid duration argument":
		return e.literal(line, column) + `is no duration; write one such as duration("1h30m")`
	case strings.Contains(message, "regex program"):
		return "is too large a regular expression; write a shorter one"
	}
	return "does not fit together here; write a condition in CEL such as token.subject == path.id"
}

// membership returns what to write where a list of texts is taken for a text,
// made of what stands around the operator at a column, or nothing.
func (e explainer) membership(line, column int, function, taken string) string {
	const operand = `("[^"\\]*"|'[^'\\]*'|[A-Za-z_][A-Za-z0-9_.]*)`
	text := e.line(line)
	before, after := string(text[:min(column, len(text))]), e.rest(line, column)
	equality := function == operators.Equals || function == operators.NotEquals
	switch {
	case equality && (taken == "(list(string), string)" || taken == "(string, list(string))"):
		after = after[min(len("=="), len(after)):]
	case function == "contains" && taken == "list(string).(string)":
		before, after = strings.TrimSuffix(strings.TrimSpace(before), ".contains"), strings.TrimPrefix(after, "(")
	default:
		return ""
	}
	list := regexp.MustCompile(operand + `\s*$`).FindStringSubmatch(before)
	item := regexp.MustCompile(`^\s*` + operand).FindStringSubmatch(after)
	if strings.HasPrefix(taken, "(string") {
		list, item = item, list
	}
	mend := `"admin" in token.groups`
	if list != nil && item != nil {
		one := item[1]
		if inner := strings.Trim(one, "'"); inner != one && !strings.Contains(inner, `"`) {
			one = `"` + inner + `"`
		}
		mend = cut(one, 64) + " in " + cut(list[1], 64)
	}
	if function == operators.NotEquals {
		return "!(" + mend + ")"
	}
	return mend
}

// literal returns the text between quotes that begins at a column, as it is
// written and with a space behind it, or nothing.
func (e explainer) literal(line, column int) string {
	written := regexp.MustCompile(`^("[^"]*"|'[^']*')`).FindString(e.rest(line, column))
	if written == "" {
		return ""
	}
	return quote.Text(written[1:len(written)-1]) + " "
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

// between returns what stands in message behind begin, up to the next quote.
func between(message, begin string) string {
	_, rest, _ := strings.Cut(message, begin)
	inner, _, _ := strings.Cut(rest, "'")
	return inner
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

// behind returns what follows a word that begins at a column.
func (e explainer) behind(line, begin int, word string) string {
	return strings.TrimPrefix(e.rest(line, begin), word)
}

// wordAt returns the name that stands at a column or ends there, dots included,
// and where it begins: CEL places what is wrong with a name at its dot or at its
// bracket.
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

// wordRune reports whether r may stand in a name.
func wordRune(r rune) bool {
	return r == '_' || r == '.' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
