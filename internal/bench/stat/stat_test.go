package stat_test

import (
	"math"
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/bench/stat"
)

// upTo returns 1 to n.
func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

func TestPercentile(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []int
		p      float64
		want   int
	}{
		{"of no values", nil, 50, 0},
		{"of one value", []int{7}, 99, 7},
		{"the middle of an odd number", upTo(5), 50, 3},
		{"the middle of an even number is the lower of two", upTo(4), 50, 2},
		{"p99 of a hundred", upTo(100), 99, 99},
		{"p99 of a hundred and one has the next rank", upTo(101), 99, 100},
		{"p99 of fifty is the largest", upTo(50), 99, 50},
		{"p99.9 of a thousand, whose rank has a rounding error", upTo(1000), 99.9, 999},
		{"p0 is the smallest", upTo(10), 0, 1},
		{"p100 is the largest", upTo(10), 100, 10},
	} {
		if got := stat.Percentile(row.values, row.p); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []float64
		want   stat.Spread
		ok     bool
	}{
		{"no rounds", nil, stat.Spread{}, false},
		{"one round", []float64{2}, stat.Spread{Median: 2, Min: 2, Max: 2}, true},
		{"an odd number, out of order", []float64{9, 1, 4}, stat.Spread{Median: 4, Min: 1, Max: 9}, true},
		{"an even number", []float64{4, 1, 2, 9}, stat.Spread{Median: 3, Min: 1, Max: 9}, true},
		{"one value is NaN", []float64{1, math.NaN(), 3}, stat.Spread{}, false},
		{"one value is infinite", []float64{1, math.Inf(1)}, stat.Spread{}, false},
	} {
		if got, ok := stat.Over(row.values); got != row.want || ok != row.ok {
			t.Errorf("%s: %v %t, want %v %t", row.name, got, ok, row.want, row.ok)
		}
	}
}

func TestOverKeepsTheOrderOfTheRounds(t *testing.T) {
	rounds := []float64{3, 1, 2}
	stat.Over(rounds)
	if !slices.Equal(rounds, []float64{3, 1, 2}) {
		t.Errorf("the rounds were sorted in place: %v", rounds)
	}
}

// The machine is twice as fast in the second round. The ratio of each round is
// still two.
func TestRatios(t *testing.T) {
	ratios := stat.Ratios([]float64{20, 40, 22}, []float64{10, 20, 11})
	if got, ok := stat.Over(ratios); !ok || got != (stat.Spread{Median: 2, Min: 2, Max: 2}) {
		t.Errorf("%v %t", got, ok)
	}
	if got := stat.Ratios([]float64{6, 8, 9}, []float64{2, 4}); !slices.Equal(got, []float64{3, 2}) {
		t.Errorf("of unequal lengths: %v", got)
	}
	if got, ok := stat.Over(stat.Ratios([]float64{1, 1}, []float64{1, 0})); ok {
		t.Errorf("a base of zero gave %v", got)
	}
}
