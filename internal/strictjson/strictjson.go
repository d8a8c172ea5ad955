package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may be nested, including the outermost
// object.
const maxDepth = 32

var (
	errSyntax    = errors.New("invalid JSON")
	errUTF8      = errors.New("invalid UTF-8")
	errDuplicate = errors.New("duplicate name")
	errDepth     = errors.New("nested too deep")
	errTrailing  = errors.New("unexpected data after the object")
	errNotObject = errors.New("not an object")
)

// Object reads one JSON object and returns its members. Values are nil, bool,
// string, json.Number (the number's text), []any or map[string]any. Strings may
// share the memory of text.
func Object(text string) (map[string]any, error) {
	r := reader{text: text, build: true}
	return r.read()
}

// Ambiguous is the value of an object in which a name occurs twice.
type Ambiguous struct{ Name string }

// Document reads like [Object], but a repeated name in a nested object does not
// make the whole text invalid: the value of that object is [Ambiguous]. Its errors
// name the byte at which reading stopped, except for invalid UTF-8, which is found
// before reading begins.
func Document(text string) (map[string]any, error) {
	r := reader{text: text, build: true, tolerant: true}
	object, err := r.read()
	if err != nil && err != errUTF8 {
		err = fmt.Errorf("%w at byte %d", err, r.at)
	}
	return object, err
}

// Member is a member of the outermost object that the caller of [Pick] requests by
// its name.
type Member struct {
	Name    string
	Present bool
	Text    string // empty unless the value is a string
	First   byte   // of the value's JSON text; 0 if the member is missing
}

// Pick reads one JSON object as strictly as [Object] and fills in the requested
// members. It builds none of the other values: the author of a forged token
// chooses its contents, and building thousands of small values costs more than
// verifying a signature.
func Pick(text string, members []Member) error {
	r := reader{text: text, members: members}
	_, err := r.read()
	return err
}

// reader is a position in valid UTF-8.
type reader struct {
	text     string
	at       int
	build    bool     // whether values are built
	tolerant bool     // whether a nested object may be Ambiguous
	members  []Member // to fill in
	last     string   // the last string that was read
	names    []string // of the objects that are open, the innermost last
}

func (r *reader) read() (map[string]any, error) {
	if !utf8.ValidString(r.text) {
		return nil, errUTF8
	}
	r.names = make([]string, 0, 16) // most tokens have fewer
	r.space()
	if r.peek() != '{' {
		return nil, errNotObject
	}
	value, err := r.object(1)
	if err != nil {
		return nil, err
	}
	r.space()
	if r.at != len(r.text) {
		return nil, errTrailing
	}
	object, _ := value.(map[string]any)
	return object, nil
}

// value reads any value and returns it if values are built; depth is that of the
// container that holds it.
func (r *reader) value(depth int) (any, error) {
	switch r.peek() {
	case '{':
		return r.object(depth + 1)
	case '[':
		return r.array(depth + 1)
	case '"':
		text, err := r.string()
		if r.last = text; !r.build || err != nil {
			return nil, err
		}
		return text, nil
	case 't':
		return true, r.literal("true")
	case 'f':
		return false, r.literal("false")
	case 'n':
		return nil, r.literal("null")
	}
	number, err := r.number()
	if !r.build || err != nil {
		return nil, err
	}
	return json.Number(number), nil
}

func (r *reader) object(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	var built map[string]any
	if r.build {
		built = make(map[string]any)
	}
	if r.empty('}') {
		return built, nil
	}
	first := len(r.names)
	for more := true; more; {
		name, err := r.name()
		if err != nil {
			return nil, err
		}
		r.names = append(r.names, name)
		start := r.at
		value, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		if r.build {
			built[name] = value
		}
		if depth == 1 {
			r.pick(name, r.text[start])
		}
		if more, err = r.more('}'); err != nil {
			return nil, err
		}
	}
	repeated, found := repeats(r.names[first:])
	if found && (depth == 1 || !r.tolerant) {
		return nil, errDuplicate
	}
	r.names = r.names[:first]
	if found {
		return Ambiguous{Name: repeated}, nil
	}
	return built, nil
}

// name reads a member's name and stops at its value.
func (r *reader) name() (string, error) {
	r.space()
	if r.peek() != '"' {
		return "", errSyntax
	}
	name, err := r.string()
	if err != nil {
		return "", err
	}
	r.space()
	if r.peek() != ':' {
		return "", errSyntax
	}
	r.at++
	r.space()
	return name, nil
}

// pick fills in a requested member. Its value begins with that byte and was read
// last.
func (r *reader) pick(name string, begin byte) {
	for i := range r.members {
		if m := &r.members[i]; m.Name == name {
			m.First = begin
			if m.Present = true; begin == '"' {
				m.Text = r.last
			}
		}
	}
}

func (r *reader) array(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	var built []any
	if r.build {
		built = []any{}
	}
	if r.empty(']') {
		return built, nil
	}
	for more := true; more; {
		r.space()
		item, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		if r.build {
			built = append(built, item)
		}
		if more, err = r.more(']'); err != nil {
			return nil, err
		}
	}
	return built, nil
}

// repeats returns a name that occurs twice.
func repeats(names []string) (name string, found bool) {
	const few = 24 // so many are compared faster than they are hashed
	if len(names) <= few {
		for i, name := range names {
			if slices.Contains(names[:i], name) {
				return name, true
			}
		}
		return "", false
	}
	seen := make(map[string]struct{}, len(names))
	for n, name := range names {
		if seen[name] = struct{}{}; len(seen) <= n {
			return name, true
		}
	}
	return "", false
}

// empty passes over the opening byte of an object or array, and over its closing
// byte if that follows.
func (r *reader) empty(closing byte) bool {
	r.at++
	r.space()
	if r.peek() != closing {
		return false
	}
	r.at++
	return true
}

// more passes over a comma (true) or the closing byte (false).
func (r *reader) more(closing byte) (bool, error) {
	r.space()
	switch r.peek() {
	case ',':
		r.at++
		return true, nil
	case closing:
		r.at++
		return false, nil
	}
	return false, errSyntax
}

func (r *reader) literal(word string) error {
	if !strings.HasPrefix(r.text[r.at:], word) {
		return errSyntax
	}
	r.at += len(word)
	return nil
}

// peek returns the next byte, or 0 at the end; no JSON token begins with 0.
func (r *reader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

// space passes over the four bytes that are white space in JSON.
func (r *reader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}
