package token

import (
	"slices"
	"sync"
)

// maxWanted is how many members a skim keeps at most.
const maxWanted = 7

// skimmers read JSON without building it. They are safe for concurrent use; the
// zero value is ready.
type skimmers struct {
	pool sync.Pool // of *skimmer
}

// skim reads one JSON object as strictly as [parseObject] and keeps only the
// members named in wanted, each in its place. It builds nothing of the rest, since
// whoever forges a token chooses what stands in it, and thousands of small values
// cost more to build than a signature to verify.
func (r *skimmers) skim(data string, wanted []string) (kept [maxWanted]member, err error) {
	p, err := begin(data)
	if err != nil {
		return kept, err
	}
	s, reused := r.pool.Get().(*skimmer)
	if !reused {
		s = new(skimmer)
	}
	defer r.release(s)
	s.parser, s.wanted = p, wanted
	if err := s.object(1); err != nil {
		return kept, err
	}
	return s.kept, s.end()
}

// member is what is kept of a member: its text if that is a string.
type member struct {
	there, isText bool
	text          string
}

// skimmer is a parser that keeps next to nothing.
type skimmer struct {
	parser
	wanted []string
	kept   [maxWanted]member
	// names are those of the objects that are open, the innermost last.
	names []string
}

// release takes a skimmer back, without anything of what it has read.
func (r *skimmers) release(s *skimmer) {
	const most = 64 // names
	names := s.names[:cap(s.names)]
	if len(names) > most {
		names = nil
	}
	clear(names)
	*s = skimmer{names: names[:0]}
	r.pool.Put(s)
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
	at := slices.Index(s.wanted, name)
	if depth > 1 || at < 0 {
		return s.value(depth)
	}
	kept := &s.kept[at]
	if kept.there, kept.isText = true, s.peek() == '"'; !kept.isText {
		return s.value(depth)
	}
	kept.text, err = s.string()
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
