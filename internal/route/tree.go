package route

import "slices"

// Tree holds patterns by their segments, each with the number of its rule, so that the
// rules of a path are found without a comparison with each pattern. The zero value is an
// empty tree.
type Tree struct {
	literals map[string]*Tree
	variable *Tree // nil: no pattern has a variable here
	ends     []int // the rules whose pattern ends here
	rests    []int // the rules whose pattern ends here with **
}

// Insert adds the pattern of a rule. Rules are added in ascending order of their numbers.
func (n *Tree) Insert(p *Pattern, rule int) {
	for _, segment := range p.Segments {
		switch {
		case segment.Variable == "":
			if n.literals == nil {
				n.literals = map[string]*Tree{}
			}
			if n.literals[segment.Literal] == nil {
				n.literals[segment.Literal] = &Tree{}
			}
			n = n.literals[segment.Literal]
		default:
			if n.variable == nil {
				n.variable = &Tree{}
			}
			n = n.variable
		}
	}
	if p.Rest {
		n.rests = append(n.rests, rule)
		return
	}
	n.ends = append(n.ends, rule)
}

// Overlapping returns the rules whose patterns match some path that p matches, in
// ascending order. It subtracts its work from budget, and stops when that is below 0.
func (n *Tree) Overlapping(p *Pattern, budget *int) []int {
	var found []int
	n.overlapping(p.Segments, p.Rest, budget, &found)
	slices.Sort(found)
	return found
}

func (n *Tree) overlapping(segments []Segment, rest bool, budget *int, found *[]int) {
	if n == nil {
		return
	}
	if *budget -= 1 + len(n.rests); *budget < 0 {
		return
	}
	*found = append(*found, n.rests...)
	if len(segments) == 0 {
		*budget -= len(n.ends)
		*found = append(*found, n.ends...)
		if !rest {
			return
		}
	}
	next := segments[min(1, len(segments)):]
	inRest := len(segments) == 0 // ** matches any segment, also an empty one
	if !inRest && segments[0].Variable == "" {
		n.literals[segments[0].Literal].overlapping(next, rest, budget, found)
		if segments[0].Literal != "" {
			n.variable.overlapping(next, rest, budget, found)
		}
		return
	}
	for literal, below := range n.literals {
		if literal != "" || inRest {
			below.overlapping(next, rest, budget, found)
		}
	}
	n.variable.overlapping(next, rest, budget, found)
}

// first returns the first of the rules before best that match the method and the
// segments, or best.
func (n *Tree) first(rules []*Rule, method string, segments []string, best int) int {
	if n == nil {
		return best
	}
	best = earliest(rules, n.rests, method, best)
	if len(segments) == 0 {
		return earliest(rules, n.ends, method, best)
	}
	best = n.literals[segments[0]].first(rules, method, segments[1:], best)
	if segments[0] != "" {
		best = n.variable.first(rules, method, segments[1:], best)
	}
	return best
}

// earliest returns the first of the numbers, which ascend, that is before best and whose
// rule matches the method, or best.
func earliest(rules []*Rule, numbers []int, method string, best int) int {
	for _, number := range numbers {
		if number >= best {
			break
		}
		if rules[number].pattern.matchMethod(method) {
			return number
		}
	}
	return best
}
