package route

import (
	"strings"

	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// costs tells CEL what calls cost. CEL knows it for calls whose types are known;
// claims can be of any type, and what is done with those it takes to cost one
// step, whatever their size: comparing all claims with all claims a thousand
// times would be cheap, and takes a second.
type costs struct {
	regexes map[string]int // :: expression -> the size of its program
}

// zoneCost is what it takes to find a time zone, as in now.getHours("Europe/Rome"):
// Go reads its file each time, some 20 microseconds.
const zoneCost = 200

// CallCost charges a call for all that it is given. What CEL
// charges more for, or what looks at no more than a size, is left to CEL.
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
	for _, one := range args {
		total += extent(one)
	}
	if strings.HasPrefix(function, "get") && len(args) == 2 {
		total += zoneCost
	}
	return &total
}

// match is what matching a text costs by the work that it is.
func (c costs) match(args []ref.Val) (total uint64, ok bool) {
	if len(args) != 2 {
		return 0, false
	}
	text, isText := args[0].Value().(string)
	pattern, _ := args[1].Value().(string)
	size, known := c.regexes[pattern]
	return 1 + uint64(len(text))*uint64(size)/workPerStep, isText && known
}

// extent is the size of a value: of texts a step for ten bytes, as CEL has it, of
// lists and maps a step for each thing in them, however deep.
func extent(value ref.Val) uint64 {
	switch v := value.(type) {
	case types.String:
		return uint64(len(v)) / 10
	case types.Bytes:
		return uint64(len(v)) / 10
	case traits.Lister:
		if texts, ok := v.Value().([]string); ok {
			total := uint64(1 + len(texts))
			for _, one := range texts {
				total += uint64(len(one)) / 10
			}
			return total
		}
		total := uint64(1)
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

// noSizes estimates costs for texts and lists of any size.
type noSizes struct{}

// EstimateSize says that the size is not known.
func (noSizes) EstimateSize(cost.AstNode) *cost.SizeEstimate { return nil }

// EstimateCallCost leaves functions at CEL's own estimate.
func (noSizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
