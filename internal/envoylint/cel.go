package envoylint

import (
	"regexp"
	"strings"
)

var (
	// celUnless and celOnly match conditions on the path at the beginning of an expression:
	// with that path, the expression is a literal.
	celUnless = regexp.MustCompile(`^request\.url_path == '([^'\\]*)' \? '[^'\\]*' : `)
	celOnly   = regexp.MustCompile(`^request\.url_path != '([^'\\]*)' \? ([^?]*) : '[^'\\]*'$`)
	// celHeaders matches the headers of a request or an answer, and the name of one.
	celHeaders = regexp.MustCompile(
		`\b(request|response)(?:\.headers\b|\[ ?["']headers["'] ?\])(?:\.([a-z_]+)\b|\[ ?["']([^"']+)["'] ?\])?`)
	// celQuery matches the path with its query, or the query.
	celQuery   = regexp.MustCompile(`\brequest(?:\.(?:path|query)\b|\[ ?["'](?:path|query)["'] ?\])`)
	celDetails = regexp.MustCompile(`\bcode_details\b(?:["'] ?\])?`)
	// celCompared matches what follows a value that an expression only compares.
	celCompared = regexp.MustCompile(`^ ?(?:==|!=|<|>|\.(?:contains|startsWith|endsWith|matches|size)\()`)
)

// celRecords returns what an expression of a format records. A value counts wherever the
// expression does more than compare it.
func celRecords(expression string) []record {
	text := strings.Join(strings.Fields(expression), " ")
	var unless []string
	for {
		found := celUnless.FindStringSubmatch(text)
		if found == nil {
			break
		}
		unless, text = append(unless, found[1]), text[len(found[0]):]
	}
	if found := celOnly.FindStringSubmatch(text); found != nil {
		unless, text = append(unless, found[1]), found[2]
	}
	var all []record
	add := func(r record, end int) {
		if !celCompared.MatchString(text[end:]) {
			r.unless = unless
			all = append(all, r)
		}
	}
	for _, at := range celHeaders.FindAllStringSubmatchIndex(text, -1) {
		if strings.HasSuffix(text[:at[0]], " in ") {
			continue
		}
		r := record{what: requestHeader, name: strings.ToLower(group(text, at, 2) + group(text, at, 3))}
		if group(text, at, 1) == "response" {
			r.what = responseHeader
		}
		add(r, at[1])
	}
	for _, at := range celQuery.FindAllStringIndex(text, -1) {
		add(record{what: requestHeader, name: pathHeader}, at[1])
	}
	for _, at := range celDetails.FindAllStringIndex(text, -1) {
		add(record{what: codeDetails}, at[1])
	}
	return all
}

// group returns a group of a match; empty if it did not take part.
func group(text string, match []int, n int) string {
	if match[2*n] < 0 {
		return ""
	}
	return text[match[2*n]:match[2*n+1]]
}
