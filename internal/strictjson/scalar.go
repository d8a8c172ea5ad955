package strictjson

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// number reads a number by the grammar of RFC 8259 section 6 and returns its text.
func (r *reader) number() (string, error) {
	start := r.at
	if r.peek() == '-' {
		r.at++
	}
	if r.peek() == '0' {
		r.at++
	} else if !r.digits() {
		return "", errSyntax
	}
	if r.peek() == '.' {
		r.at++
		if !r.digits() {
			return "", errSyntax
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.at++
		if c := r.peek(); c == '+' || c == '-' {
			r.at++
		}
		if !r.digits() {
			return "", errSyntax
		}
	}
	return r.text[start:r.at], nil
}

// digits passes over digits and reports whether there was at least one.
func (r *reader) digits() bool {
	start := r.at
	for c := r.peek(); '0' <= c && c <= '9'; c = r.peek() {
		r.at++
	}
	return r.at > start
}

// string reads a string. Without escapes it shares the memory of the text.
func (r *reader) string() (string, error) {
	r.at++ // "
	start := r.at
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return r.text[start : r.at-1], nil
		case c == '\\':
			return r.escaped(start)
		case c < 0x20:
			return "", errSyntax
		default:
			r.at++
		}
	}
	return "", errSyntax
}

// escaped reads the rest of a string that has an escape at r.at.
func (r *reader) escaped(start int) (string, error) {
	text := append(make([]byte, 0, 2*(r.at-start)+16), r.text[start:r.at]...)
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return string(text), nil
		case c == '\\':
			decoded, err := r.escape()
			if err != nil {
				return "", err
			}
			text = utf8.AppendRune(text, decoded)
		case c < 0x20:
			return "", errSyntax
		default:
			text = append(text, c)
			r.at++
		}
	}
	return "", errSyntax
}

// escape reads one escape sequence. An unpaired surrogate is invalid UTF-8.
func (r *reader) escape() (rune, error) {
	r.at++ // \
	c := r.peek()
	r.at++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return 0, errSyntax
	}
	high, err := r.hex4()
	if err != nil || !utf16.IsSurrogate(high) {
		return high, err
	}
	if !strings.HasPrefix(r.text[r.at:], `\u`) {
		return 0, errUTF8
	}
	r.at += 2
	low, err := r.hex4()
	if err != nil {
		return 0, err
	}
	pair := utf16.DecodeRune(high, low)
	if pair == utf8.RuneError {
		return 0, errUTF8
	}
	return pair, nil
}

func (r *reader) hex4() (rune, error) {
	if len(r.text)-r.at < 4 {
		return 0, errSyntax
	}
	n, err := strconv.ParseUint(r.text[r.at:r.at+4], 16, 32)
	if err != nil {
		return 0, errSyntax
	}
	r.at += 4
	return rune(n), nil
}
