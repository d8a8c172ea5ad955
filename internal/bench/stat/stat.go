// Package stat has the statistics of the benchmark: percentiles of latencies,
// and the median and range of the values of several rounds.
//
// It never measures anything, and it knows neither units nor names.
//
// Invariants:
//
//  1. A percentile is one of the measured values, by nearest rank
//     (TestPercentile).
//  2. A ratio is computed from two values of the same round, never from two
//     rounds or from two medians (TestRatios).
//  3. Without a value there is no spread: no rounds, or a base of zero, give none
//     (TestSpread, TestRatios).
package stat

import (
	"cmp"
	"math"
	"slices"
)

// Percentile returns the smallest value such that at least p percent of all
// values are not greater (nearest rank). sorted must be in ascending order. The
// percentile of an empty slice is the zero value.
func Percentile[T cmp.Ordered](sorted []T, p float64) T {
	if len(sorted) == 0 {
		var none T
		return none
	}
	// Without the subtraction a rounding error can make the rank one too high, as
	// for 99.9 percent of 1,000.
	rank := int(math.Ceil(p/100*float64(len(sorted)) - 1e-9))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Spread is the median and the range of one metric over the rounds.
type Spread struct{ Median, Min, Max float64 }

// Over returns the spread of values. The median of an even number of values is
// the mean of the middle two. ok is false if there are no values, or if one of
// them is not a finite number.
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

// Ratios divides the value of each round by the base of the same round. Rounds
// without both are ignored. A base of zero gives NaN, for which [Over] returns no
// spread.
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
