package route

import "slices"

// tree holds rules by the segments of their patterns, so that those which meet a
// pattern are found without a look at all others.
type tree struct {
	literals map[string]*tree
	variable *tree // nil: no rule has a variable here
	ends     []int // the rules whose pattern ends here, by their number
	rests    []int // the rules that take all from here on
}

func (n *tree) insert(p *pattern, rule int) {
	for _, one := range p.segments {
		switch {
		case one.variable == "":
			if n.literals == nil {
				n.literals = map[string]*tree{}
			}
			if n.literals[one.literal] == nil {
				n.literals[one.literal] = &tree{}
			}
			n = n.literals[one.literal]
		default:
			if n.variable == nil {
				n.variable = &tree{}
			}
			n = n.variable
		}
	}
	if p.rest {
		n.rests = append(n.rests, rule)
		return
	}
	n.ends = append(n.ends, rule)
}

// meeting returns the rules whose patterns have a path in common with p, in
// their order. It lowers left by the work that it has been, and stops below 0.
func (n *tree) meeting(p *pattern, left *int) []int {
	var found []int
	n.walk(p.segments, p.rest, left, &found)
	slices.Sort(found)
	return found
}

func (n *tree) walk(segments []segment, rest bool, left *int, found *[]int) {
	if n == nil {
		return
	}
	if *left -= 1 + len(n.rests); *left < 0 {
		return
	}
	*found = append(*found, n.rests...)
	if len(segments) == 0 {
		*left -= len(n.ends)
		*found = append(*found, n.ends...)
		if !rest {
			return
		}
	}
	next := segments[min(1, len(segments)):]
	anything := len(segments) == 0 // of a rest, which takes an empty segment too
	if !anything && segments[0].variable == "" {
		n.literals[segments[0].literal].walk(next, rest, left, found)
		if segments[0].literal != "" {
			n.variable.walk(next, rest, left, found)
		}
		return
	}
	for literal, below := range n.literals {
		if literal != "" || anything {
			below.walk(next, rest, left, found)
		}
	}
	n.variable.walk(next, rest, left, found)
}
