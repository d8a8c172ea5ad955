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
	v := &value{in: in, step: from, at: r.next(decoder)}
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.file, err)
	}
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
		at := r.next(decoder)
		token, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("%s: %w", r.file, err)
		}
		name, _ := token.(string)
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

// next is where the next token begins.
func (r *reader) next(decoder *json.Decoder) config.Pos {
	rest := bytes.TrimLeft(r.data[decoder.InputOffset():], " \t\r\n,:") // what may precede it
	r.mark.move(r.data, len(r.data)-len(rest))
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
