package main

import (
	"math"

	"github.com/jwtgate/jwtgate/internal/bench/stat"
)

// Metric names a figure of a round.
type Metric string

// The metrics. What is added is what a variant costs above one without
// authentication, behind Envoy.
const (
	Rate      Metric = "rate"      // answers per second
	CPU       Metric = "cpu"       // microseconds per answer, of the servers
	Generator Metric = "generator" // microseconds per answer, of the load generator
	P50       Metric = "p50"       // microseconds
	P99       Metric = "p99"       // microseconds
	Added     Metric = "added"     // CPU above that of noAuth
	Resident  Metric = "resident"  // bytes
	Anonymous Metric = "anonymous" // bytes
	Seconds   Metric = "seconds"
	Storm     Metric = "storm" // p99 in the storm by p99 before it
)

// Results holds the figures by variant and metric, one for each round.
type Results map[string]map[Metric][]float64

// put notes a figure of the next round.
func (r Results) put(variant string, m Metric, value float64) {
	if r[variant] == nil {
		r[variant] = map[Metric][]float64{}
	}
	r[variant][m] = append(r[variant][m], value)
}

// values returns a figure's rounds; those of [Added] are made of two variants'
// of the same rounds.
func (r Results) values(variant string, m Metric) []float64 {
	if m != Added {
		return r[variant][m]
	}
	of, bare := r[variant][CPU], r[noAuth][CPU]
	added := make([]float64, min(len(of), len(bare)))
	for i := range added {
		added[i] = of[i] - bare[i]
	}
	return added
}

// ratio is a figure by another variant's, compared round by round.
func (r Results) ratio(m Metric, of, to string) (stat.Spread, bool) {
	return stat.Over(stat.Ratios(r.values(of, m), r.values(to, m)))
}

// spread is a figure over the rounds.
func (r Results) spread(variant string, m Metric) (stat.Spread, bool) {
	return stat.Over(r.values(variant, m))
}

// median is a figure's median, or no number.
func (r Results) median(variant string, m Metric) float64 {
	s, ok := r.spread(variant, m)
	if !ok {
		return math.NaN()
	}
	return s.Median
}
