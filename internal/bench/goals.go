package main

import "fmt"

// goal is a limit of one result: of a ratio of two variants, or of one variant's
// value.
type goal struct {
	name   string
	metric Metric
	of, to string // variants; to may be empty
	limit  float64
	lower  bool    // the result must be at most the limit; else at least
	best   bool    // the best round counts, not the median: what must not change allows for noise
	target bool    // wanted, but not required
	unit   float64 // of a value of one variant; 0: 1
	suffix string
}

// noise is the ratio up to which the best of several rounds counts as no change.
const noise = 1.1

// goals returns all goals that the benchmark measures; other adds those that
// compare with the other build. Two more goals are tests:
// TestKnownTokenAllocations limits the allocations for a known token, and
// TestTokensFit the memory for many long tokens.
func goals(other bool) []goal {
	const mb = 1e6
	list := []goal{
		{name: "verified token: checks/s vs no-op", metric: Rate, of: verified10k, to: noop, limit: 1.2, suffix: "x"},
		{name: "first-seen RS256 token: checks/s vs no-op", metric: Rate, of: firstSeen, to: noop, limit: 0.33, suffix: "x"},
		{name: "no credential: checks/s vs no-op", metric: Rate, of: noCredential, to: noop, limit: 0.9, suffix: "x"},
		{name: "through Envoy: requests/s vs ext_authz to no-op", metric: Rate, of: envoyGate, to: envoyNoop, limit: 0.9, suffix: "x"},
		{name: "anonymous memory, idle", metric: Anonymous, of: memoryIdle, limit: 8, lower: true, unit: mb, suffix: " MB"},
		{name: "anonymous memory, 10,000 tokens", metric: Anonymous, of: memoryHeld, limit: 48, lower: true, unit: mb, suffix: " MB"},
		{
			name: "p99 while 10,000 unknown key ids arrive vs before", metric: Storm, of: storm, limit: 1.5,
			lower: true, target: true, suffix: "x",
		},
		flat("10,000 routes", routesName(10_000), routesName(1)),
		flat("100 issuers", issuersName(100), issuersName(1)),
		flat("100,000 cached tokens", cachedName(100_000), cachedName(1)),
	}
	if other {
		list = append(list, goal{
			name:   "p99 while 10,000 unknown key ids arrive vs the other build (best round)",
			metric: P99, of: storm, to: otherPrefix + storm, limit: noise, lower: true, best: true, suffix: "x",
		})
	}
	return list
}

// flat is the goal that a larger number of something does not cost more CPU.
func flat(what, of, to string) goal {
	return goal{
		name: what + ": CPU at 4,000/s vs one (best round)", metric: CPU, of: atRate + of, to: atRate + to,
		limit: noise, lower: true, best: true, suffix: "x",
	}
}

// verdict is a goal with its result.
type verdict struct {
	goal
	value    float64
	measured bool
	met      bool
}

// judge compares the results with the goals.
func judge(goals []goal, r Results) []verdict {
	verdicts := make([]verdict, 0, len(goals))
	for _, g := range goals {
		v := verdict{goal: g}
		spread, ok := r.spread(g.of, g.metric)
		if g.to != "" {
			spread, ok = r.ratio(g.metric, g.of, g.to)
		}
		if ok {
			v.measured, v.value = true, spread.Median
			if g.best {
				v.value = spread.Min // such goals are all of the kind "lower"
			}
			if g.unit != 0 {
				v.value /= g.unit
			}
			v.met = g.lower && v.value <= g.limit || !g.lower && v.value >= g.limit
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// missed reports whether a required goal was not met or not measured.
func missed(verdicts []verdict) bool {
	for _, v := range verdicts {
		if !v.met && !v.target {
			return true
		}
	}
	return false
}

// wanted renders the limit.
func (v verdict) wanted() string {
	than := "at least"
	if v.lower {
		than = "at most"
	}
	return fmt.Sprintf("%s %.4g%s", than, v.limit, v.suffix)
}

// goalTable renders the goals and their results. all includes the goals that were
// not measured, which are missed.
func goalTable(verdicts []verdict, all bool) table {
	t := table{title: "Goals", head: []string{"goal", "limit", "measured", "result"}}
	for _, v := range verdicts {
		value, result := "not measured", "MISSED"
		if !v.measured && !all {
			continue
		}
		if v.measured {
			value = fmt.Sprintf("%.2f%s", v.value, v.suffix)
		}
		switch {
		case v.met:
			result = "met"
		case v.target:
			result = "missed, not required"
		}
		t.rows = append(t.rows, []string{v.name, v.wanted(), value, result})
	}
	return t
}
