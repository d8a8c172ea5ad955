package envoylint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
)

// json reads JSON with a JSON decoder: YAML's rejects some JSON (tabs, escaped
// surrogates), and is slow for a dump of megabytes.
func (r *reader) json() (*value, error) {
	r.mark = mark{line: 1, column: 1}
	decoder := json.NewDecoder(bytes.NewReader(r.data))
	decoder.UseNumber()
	return r.token(nil, "", decoder, 0)
}

// token reads the next value of valid JSON.
func (r *reader) token(in *value, from string, decoder *json.Decoder, depth int) (*value, error) {
	if err := r.count(depth); err != nil {
		return nil, err
	}
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.file, err)
	}
	v := &value{in: in, step: from, at: r.position(decoder.InputOffset(), token)}
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			v.kind = list
			for i := 0; decoder.More(); i++ {
				item, err := r.token(v, index(i), decoder, depth+1)
				if err != nil {
					return nil, err
				}
				v.items = append(v.items, item)
			}
		} else {
			v.kind = mapping
			if err := r.object(v, decoder, depth); err != nil {
				return nil, err
			}
		}
		_, err = decoder.Token() // the closing bracket
		return v, err
	case string:
		v.kind, v.text, v.quoted = scalar, t, true
	case nil:
		v.kind, v.text = scalar, "null"
	default:
		v.kind, v.text = scalar, fmt.Sprint(t)
	}
	return v, nil
}

func (r *reader) object(v *value, decoder *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("%s: %w", r.file, err)
		}
		name, _ := token.(string)
		at := r.position(decoder.InputOffset(), token)
		if seen[name] {
			return fmt.Errorf("%s: the name %q is repeated in one object; parsers differ in which value they use", at, name)
		}
		seen[name] = true
		one, err := r.token(v, step(name), decoder, depth+1)
		if err != nil {
			return err
		}
		one.at = at
		v.fields = append(v.fields, field{name, one})
	}
	return nil
}

// position is where a token begins that ends at an offset.
func (r *reader) position(end int64, token json.Token) config.Pos {
	begin := int(end) - 1
	switch t := token.(type) {
	case string:
		begin = r.quote(int(end))
	case json.Number:
		begin = int(end) - len(t)
	case bool:
		begin = int(end) - len(fmt.Sprint(t))
	case nil:
		begin = int(end) - len("null")
	}
	r.mark.move(r.data, begin)
	return r.pos(r.mark.line, r.mark.column)
}

// mark is a counted position. Counting continues from the previous token: a dump is
// often one line of megabytes, which counting from its beginning would read once for
// each token.
type mark struct {
	offset, line, column int
	walked               int // how many bytes were counted, for the test
}

// move continues to a later offset.
func (m *mark) move(data []byte, to int) {
	part := data[m.offset:to]
	if lines := bytes.Count(part, []byte("\n")); lines > 0 {
		m.line, m.column = m.line+lines, 1
		part = part[bytes.LastIndexByte(part, '\n')+1:]
	}
	m.column += utf8.RuneCount(part)
	m.walked += to - m.offset
	m.offset = to
}

// quote is the offset of the opening quote of a string that ends at end.
func (r *reader) quote(end int) int {
	for i := end - 2; i >= 0; i-- {
		if r.data[i] != '"' {
			continue
		}
		slashes := 0
		for i-slashes-1 >= 0 && r.data[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
	return 0
}
