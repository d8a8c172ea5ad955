package condition

import (
	"strings"

	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// costs returns what calls cost. CEL's own costs depend on the types that it knows. The
// type of a claim is unknown, so CEL charges one step for an operation on claims of any
// size. A thousand comparisons of all claims with all claims would cost little and take
// a second.
type costs struct {
	regexes map[string]int // :: expression -> the size of its program
}

// zoneCost is the cost of a time zone, as in now.getHours("Europe/Rome"): Go reads a file
// each time, which takes about 20 microseconds.
const zoneCost = 200

// CallCost charges a call for the size of all of its arguments. It returns nil, for CEL's
// own cost, if CEL charges more or if the call reads only a size.
func (c costs) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	switch function {
	case overloads.Matches:
		if total, ok := c.match(args); ok {
			return &total
		}
		return nil
	case overloads.Contains, overloads.Size, operators.Index:
		return nil
	}
	total := uint64(1)
	for _, arg := range args {
		total += extent(arg)
	}
	if strings.HasPrefix(function, "get") && len(args) == 2 {
		total += zoneCost
	}
	return &total
}

// match returns the cost of a match with a regular expression.
func (c costs) match(args []ref.Val) (total uint64, ok bool) {
	if len(args) != 2 {
		return 0, false
	}
	text, isText := args[0].Value().(string)
	pattern, _ := args[1].Value().(string)
	size, known := c.regexes[pattern]
	return 1 + uint64(len(text))*uint64(size)/workPerStep, isText && known
}

// extent returns the size of a value in steps: one for ten bytes of a string, as in CEL,
// and one for each item of a list or map, at every depth.
func extent(value ref.Val) uint64 {
	switch v := value.(type) {
	case types.String:
		return uint64(len(v)) / 10
	case types.Bytes:
		return uint64(len(v)) / 10
	case traits.Lister:
		total := uint64(1)
		if texts, ok := v.Value().([]string); ok {
			for _, text := range texts {
				total += 1 + uint64(len(text))/10
			}
			return total
		}
		for it := v.Iterator(); it.HasNext() == types.True; {
			total += 1 + extent(it.Next())
		}
		return total
	case traits.Mapper:
		total := uint64(1)
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			total += 1 + extent(key) + extent(v.Get(key))
		}
		return total
	}
	return 0
}

// noSizes estimates costs for strings and lists of any size.
type noSizes struct{}

// EstimateSize returns nil: the size is unknown.
func (noSizes) EstimateSize(cost.AstNode) *cost.SizeEstimate { return nil }

// EstimateCallCost returns nil, for CEL's own estimate.
func (noSizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
