// Package stat holds the arithmetic of the benchmark: percentiles of latencies,
// and the spread of what was measured in several rounds.
//
// It never measures anything and knows neither units nor names.
//
// Invariants:
//
//  1. A percentile is a value that was measured, by nearest rank, and never one
//     that lies above a value of its rank (TestPercentile).
//  2. A ratio compares two values of one round with each other, never of two
//     rounds, nor two medians (TestRatios).
//  3. What was not measured is no number: no rounds, or a base of zero, give no
//     spread (TestSpread, TestRatios).
package stat

import (
	"cmp"
	"math"
	"slices"
)

// Percentile returns the value at p percent of what was measured, by nearest
// rank: the smallest value that at least p percent of all are not above. sorted
// must be in ascending order; of nothing the percentile is the zero value.
func Percentile[T cmp.Ordered](sorted []T, p float64) T {
	if len(sorted) == 0 {
		var none T
		return none
	}
	// The product can lie a rounding error above a whole rank, as 99.9 percent of
	// 1,000 does.
	rank := int(math.Ceil(p/100*float64(len(sorted)) - 1e-9))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Spread is what one measure came to over the rounds.
type Spread struct{ Median, Min, Max float64 }

// Over returns the spread of values, of which there must be one: else ok is
// false. The median of an even number of values is the mean of the middle two.
// A value that is no finite number makes the spread none as well.
func Over(values []float64) (s Spread, ok bool) {
	if len(values) == 0 || slices.ContainsFunc(values, unusable) {
		return Spread{}, false
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	median := sorted[half]
	if len(sorted)%2 == 0 {
		median = (sorted[half-1] + sorted[half]) / 2
	}
	return Spread{Median: median, Min: sorted[0], Max: sorted[len(sorted)-1]}, true
}

func unusable(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// Ratios divides each round's value by the same round's base. Rounds that both
// have are compared; a base of zero makes that round's ratio no number, and so
// [Over] refuses it.
func Ratios(of, base []float64) []float64 {
	ratios := make([]float64, min(len(of), len(base)))
	for i := range ratios {
		ratios[i] = math.NaN()
		if base[i] != 0 {
			ratios[i] = of[i] / base[i]
		}
	}
	return ratios
}
