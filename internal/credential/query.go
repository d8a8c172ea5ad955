package credential

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
)

// parameter reads a query parameter (RFC 6750 section 2.3). If its name is percent-encoded
// it is ambiguous: some servers decode it and others do not.
func parameter(r *request.Parsed, name string) (Credential, error) {
	var values []string
	for key, value := range parameters(r, name) {
		if key != name {
			return Credential{}, ambiguous("the token's query parameter is percent-encoded", denial.FixPlainParameter.With(name))
		}
		values = append(values, value)
	}
	return only(values, "two query parameters of that name")
}

// spellings returns the spellings of a parameter's name in the query, each once: Envoy
// removes parameters by these bytes.
func spellings(r *request.Parsed, name string) []string {
	seen := make(map[string]struct{})
	for key := range parameters(r, name) {
		seen[key] = struct{}{}
	}
	return slices.Sorted(maps.Keys(seen))
}

// parameters yields the query's parameters with that decoded name: the name as sent, and
// the value.
func parameters(r *request.Parsed, name string) iter.Seq2[string, string] {
	query := r.Query
	return func(yield func(key, value string) bool) {
		for more := true; more; {
			length, ok := spelled(query, name)
			pair := query
			if end := strings.IndexByte(query, '&'); end >= 0 {
				pair, query = query[:end], query[end+1:]
			} else {
				more = false
			}
			if ok && !yield(pair[:length], strings.TrimPrefix(pair[length:], "=")) {
				return
			}
		}
	}
}

// spelled reports whether the first parameter of a query has that name after decoding, and
// the length of the name as sent.
func spelled(query, name string) (length int, ok bool) {
	rest := query
	for i := range len(name) {
		switch {
		case rest == "":
			return 0, false
		case rest[0] == name[i]:
			rest = rest[1:]
		case len(rest) >= 3 && rest[0] == '%' && hexDigit(rest[1])<<4|hexDigit(rest[2]) == int(name[i]):
			rest = rest[3:]
		default:
			return 0, false
		}
	}
	return len(query) - len(rest), rest == "" || rest[0] == '=' || rest[0] == '&'
}

// hexDigit returns the value of a hexadecimal digit, or for any other byte a value that
// makes the result no byte.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return 1 << 8
}
