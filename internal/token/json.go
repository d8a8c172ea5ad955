package token

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may be nested, the outermost object
// counted.
const maxDepth = 32

var (
	errJSONSyntax    = errors.New("invalid JSON")
	errJSONUTF8      = errors.New("invalid UTF-8")
	errJSONDuplicate = errors.New("duplicate name")
	errJSONDepth     = errors.New("nested too deep")
	errJSONTrailing  = errors.New("something behind the object")
	errJSONNotObject = errors.New("not an object")
)

// parseObject reads one JSON object (RFC 8259) and nothing else: every name
// once (RFC 7519 section 4), valid UTF-8 without lone surrogates, at most
// maxDepth deep. Values are nil, bool, string, json.Number (the number's text),
// []any or map[string]any. Strings of data may be shared with the result.
//
// encoding/json would take the last of two equal names, replace invalid UTF-8,
// and match names of a struct without regard to case; each lets two readers of
// one token see two users.
func parseObject(data string) (map[string]any, error) {
	p, err := begin(data)
	if err != nil {
		return nil, err
	}
	object, err := p.object(1)
	if err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return object, nil
}

// begin returns a parser that stands at the brace of an object.
func begin(data string) (parser, error) {
	if !utf8.ValidString(data) {
		return parser{}, errJSONUTF8
	}
	p := parser{data: data}
	p.space()
	if p.peek() != '{' {
		return parser{}, errJSONNotObject
	}
	return p, nil
}

// end says whether nothing but white space is left.
func (p *parser) end() error {
	p.space()
	if p.at != len(p.data) {
		return errJSONTrailing
	}
	return nil
}

// parser is a position in valid UTF-8.
type parser struct {
	data string
	at   int
}

// peek returns the next byte, or 0 at the end (0 begins no JSON token).
func (p *parser) peek() byte {
	if p.at < len(p.data) {
		return p.data[p.at]
	}
	return 0
}

// space passes over the four bytes that are white space in JSON.
func (p *parser) space() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// value reads any value; depth is that of the container it stands in.
func (p *parser) value(depth int) (any, error) {
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '"':
		return p.string()
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	case c == 't':
		return true, p.literal("true")
	case c == 'f':
		return false, p.literal("false")
	case c == 'n':
		return nil, p.literal("null")
	default:
		return nil, errJSONSyntax
	}
}

func (p *parser) literal(word string) error {
	if !strings.HasPrefix(p.data[p.at:], word) {
		return errJSONSyntax
	}
	p.at += len(word)
	return nil
}

func (p *parser) object(depth int) (map[string]any, error) {
	if depth > maxDepth {
		return nil, errJSONDepth
	}
	p.at++ // {
	object := make(map[string]any)
	p.space()
	if p.peek() == '}' {
		p.at++
		return object, nil
	}
	for {
		p.space()
		if p.peek() != '"' {
			return nil, errJSONSyntax
		}
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		if _, dup := object[name]; dup {
			return nil, errJSONDuplicate
		}
		p.space()
		if p.peek() != ':' {
			return nil, errJSONSyntax
		}
		p.at++
		p.space()
		if object[name], err = p.value(depth); err != nil {
			return nil, err
		}
		more, err := p.more('}')
		if err != nil {
			return nil, err
		}
		if !more {
			return object, nil
		}
	}
}

func (p *parser) array(depth int) ([]any, error) {
	if depth > maxDepth {
		return nil, errJSONDepth
	}
	p.at++ // [
	array := []any{}
	p.space()
	if p.peek() == ']' {
		p.at++
		return array, nil
	}
	for {
		p.space()
		item, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		array = append(array, item)
		more, err := p.more(']')
		if err != nil {
			return nil, err
		}
		if !more {
			return array, nil
		}
	}
}

// more passes over a comma (true) or the closing byte (false).
func (p *parser) more(closing byte) (bool, error) {
	p.space()
	switch p.peek() {
	case ',':
		p.at++
		return true, nil
	case closing:
		p.at++
		return false, nil
	default:
		return false, errJSONSyntax
	}
}

// number reads the grammar of RFC 8259 section 6 and keeps its text.
func (p *parser) number() (json.Number, error) {
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return "", errJSONSyntax
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return "", errJSONSyntax
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return "", errJSONSyntax
		}
	}
	return json.Number(p.data[start:p.at]), nil
}

// digits passes over digits and reports whether there was at least one.
func (p *parser) digits() bool {
	start := p.at
	for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
		p.at++
	}
	return p.at > start
}

// string reads a string; without escapes it shares the bytes of data.
func (p *parser) string() (string, error) {
	p.at++ // "
	start := p.at
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			p.at++
			return p.data[start : p.at-1], nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", errJSONSyntax
		default:
			p.at++
		}
	}
	return "", errJSONSyntax
}

// escaped reads the rest of a string that has an escape at p.at.
func (p *parser) escaped(start int) (string, error) {
	text := append(make([]byte, 0, 2*(p.at-start)+16), p.data[start:p.at]...)
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			p.at++
			return string(text), nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			text = utf8.AppendRune(text, r)
		case c < 0x20:
			return "", errJSONSyntax
		default:
			text = append(text, c)
			p.at++
		}
	}
	return "", errJSONSyntax
}

// escape reads one escape sequence; a lone surrogate is invalid UTF-8.
func (p *parser) escape() (rune, error) {
	p.at++ // \
	c := p.peek()
	p.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
	default:
		return 0, errJSONSyntax
	}
	r, err := p.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if !strings.HasPrefix(p.data[p.at:], `\u`) {
		return 0, errJSONUTF8
	}
	p.at += 2
	low, err := p.hex4()
	if err != nil {
		return 0, err
	}
	pair := utf16.DecodeRune(r, low)
	if pair == utf8.RuneError {
		return 0, errJSONUTF8
	}
	return pair, nil
}

func (p *parser) hex4() (rune, error) {
	if len(p.data)-p.at < 4 {
		return 0, errJSONSyntax
	}
	n, err := strconv.ParseUint(p.data[p.at:p.at+4], 16, 32)
	if err != nil {
		return 0, errJSONSyntax
	}
	p.at += 4
	return rune(n), nil
}
