package identity

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// encode formats a claim as a header value. In text, '%', spaces at the beginning and
// the end, and bytes outside of 0x20 to 0x7e are percent-encoded. Numbers and booleans
// are their JSON text, and objects are compact JSON. Lists are joined with ',', and a
// comma inside an item is %2C. An absent, null or empty claim is "".
func encode(value any) (string, error) {
	switch v := value.(type) {
	case []string:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = escape(item, true)
		}
		return strings.Join(items, ","), nil
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			text, err := plain(item)
			if err != nil {
				return "", err
			}
			items[i] = escape(text, true)
		}
		return strings.Join(items, ","), nil
	default:
		text, err := plain(value)
		return escape(text, false), err
	}
}

// plain formats one value without percent-encoding.
func plain(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case json.Number:
		return v.String(), nil
	case map[string]any:
		if len(v) == 0 {
			return "", nil
		}
	}
	var compact bytes.Buffer
	encoder := json.NewEncoder(&compact)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return strings.TrimSuffix(compact.String(), "\n"), nil
}

// escape percent-encodes (RFC 3986 section 2.1) the bytes that a value may not contain.
func escape(text string, item bool) string {
	needed := 0
	for i := range len(text) {
		if mustEscape(text, i, item) {
			needed++
		}
	}
	if needed == 0 {
		return text
	}
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(text) + 2*needed)
	for i := range len(text) {
		c := text[i]
		if mustEscape(text, i, item) {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func mustEscape(text string, i int, item bool) bool {
	switch c := text[i]; {
	case c < 0x20 || c > 0x7e || c == '%':
		return true
	case c == ' ':
		return i == 0 || i == len(text)-1
	case c == ',':
		return item
	}
	return false
}
