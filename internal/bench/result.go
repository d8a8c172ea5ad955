package main

import "github.com/jwtgate/jwtgate/internal/bench/stat"

// Metric names a value that is measured in each round.
type Metric string

// The metrics.
const (
	Rate      Metric = "rate"      // answers per second
	CPU       Metric = "cpu"       // microseconds per answer, of all servers
	FirstCPU  Metric = "first cpu" // microseconds per answer, of the first server: Envoy where there is one
	Generator Metric = "generator" // microseconds per answer, of the load generator
	P50       Metric = "p50"       // microseconds
	P99       Metric = "p99"       // microseconds
	Resident  Metric = "resident"  // bytes
	Anonymous Metric = "anonymous" // bytes
	Storm     Metric = "storm"     // p99 during the storm by p99 before it
	Rotation  Metric = "rotation"  // seconds until a new key was used
)

// Results holds the values by variant and metric, one for each round.
type Results map[string]map[Metric][]float64

// put adds the value of the next round.
func (r Results) put(variant string, m Metric, value float64) {
	if r[variant] == nil {
		r[variant] = map[Metric][]float64{}
	}
	r[variant][m] = append(r[variant][m], value)
}

// ratio returns a variant's values divided by those of another in the same rounds.
func (r Results) ratio(m Metric, of, to string) (stat.Spread, bool) {
	return stat.Over(stat.Ratios(r[of][m], r[to][m]))
}

// spread returns the median and the range of a variant's values.
func (r Results) spread(variant string, m Metric) (stat.Spread, bool) {
	return stat.Over(r[variant][m])
}
