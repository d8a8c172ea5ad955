package identity

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// encode renders a claim as a header value: text with every byte but 0x21 to
// 0x7e, '%', and spaces at the edges percent-encoded; numbers and booleans as
// their JSON text; objects as compact JSON; lists joined with ',', where a comma
// inside an item is %2C. What is absent, null or empty is "".
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

// plain renders one value, not yet percent-encoded.
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

// escape percent-encodes (RFC 3986 section 2.1) what may not stand in the value.
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
