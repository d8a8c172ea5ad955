package token

import "slices"

// skim reads one JSON object as strictly as [parseObject] and keeps only the
// members named in wanted: their text when they are strings, nil when they are
// anything else. It builds nothing of the rest, since whoever forges a token
// chooses what stands in it, and thousands of small values cost more to build
// than a signature to verify.
func skim(data string, wanted ...string) (map[string]any, error) {
	p, err := begin(data)
	if err != nil {
		return nil, err
	}
	s := skimmer{parser: p, wanted: wanted, kept: make(map[string]any, len(wanted))}
	if err := s.object(1); err != nil {
		return nil, err
	}
	return s.kept, s.end()
}

// skimmer is a parser that keeps next to nothing.
type skimmer struct {
	parser
	wanted []string
	kept   map[string]any
	// names are those of the objects that are open, the innermost last.
	names []string
}

// value passes over any value; depth is that of the container it stands in.
func (s *skimmer) value(depth int) error {
	switch c := s.peek(); c {
	case '{':
		return s.object(depth + 1)
	case '[':
		return s.array(depth + 1)
	case '"':
		_, err := s.string()
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	_, err := s.number()
	return err
}

func (s *skimmer) object(depth int) error {
	if depth > maxDepth {
		return errJSONDepth
	}
	first := len(s.names)
	s.at++ // {
	s.space()
	if s.peek() == '}' {
		s.at++
		return nil
	}
	for {
		if err := s.member(depth); err != nil {
			return err
		}
		more, err := s.more('}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if duplicates(s.names[first:]) {
		return errJSONDuplicate
	}
	s.names = s.names[:first]
	return nil
}

// member passes over one name and its value, and keeps it if it is wanted.
func (s *skimmer) member(depth int) error {
	s.space()
	if s.peek() != '"' {
		return errJSONSyntax
	}
	name, err := s.string()
	if err != nil {
		return err
	}
	s.names = append(s.names, name)
	s.space()
	if s.peek() != ':' {
		return errJSONSyntax
	}
	s.at++
	s.space()
	if depth > 1 || !slices.Contains(s.wanted, name) {
		return s.value(depth)
	}
	s.kept[name] = nil
	if s.peek() != '"' {
		return s.value(depth)
	}
	s.kept[name], err = s.string()
	return err
}

func (s *skimmer) array(depth int) error {
	if depth > maxDepth {
		return errJSONDepth
	}
	s.at++ // [
	s.space()
	if s.peek() == ']' {
		s.at++
		return nil
	}
	for {
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		more, err := s.more(']')
		if err != nil || !more {
			return err
		}
	}
}

// duplicates reports whether a name stands twice.
func duplicates(names []string) bool {
	const few = 24 // so many are compared faster than they are hashed
	if len(names) <= few {
		for i, name := range names {
			if slices.Contains(names[:i], name) {
				return true
			}
		}
		return false
	}
	seen := make(map[string]struct{}, len(names))
	for _, name := range names {
		seen[name] = struct{}{}
	}
	return len(seen) < len(names)
}
