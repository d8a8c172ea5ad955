package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// goal is one thing that is promised of what a Check costs: the figure of one
// variant, as a ratio to another's unless there is no other.
type goal struct {
	name    string
	metric  Metric
	of, to  string // variants; to may be empty
	atLeast float64
	aim     float64
	lower   bool    // the less, the better
	unit    float64 // of a goal without another variant; 0: 1
	suffix  string
}

// goals are all that is promised. A verified token's Check makes no allocation
// of its own either, which tests hold it to (testing.AllocsPerRun).
func goals() []goal {
	const mb = 1e6
	return []goal{
		{name: "verified, checks/s vs no-op", metric: Rate, of: verified10k, to: nothing, atLeast: 2.3, aim: 3, suffix: "x"},
		{name: "first seen RS256, checks/s vs no-op", metric: Rate, of: firstSeen, to: nothing, atLeast: 0.55, aim: 0.75, suffix: "x"},
		{name: "verified, checks/s vs naive", metric: Rate, of: verified10k, to: naive, atLeast: 6, aim: 7, suffix: "x"},
		{name: "first seen, checks/s vs naive", metric: Rate, of: firstSeen, to: naive, atLeast: 1.6, aim: 2, suffix: "x"},
		{name: "verified at 4,000/s, CPU per Check vs no-op", metric: CPU, of: atRate + verified10k, to: atRate + nothing, atLeast: 0.65, aim: 0.5, lower: true, suffix: "x"},
		{name: "Envoy, one token, req/s vs jwt_authn as shipped", metric: Rate, of: envoyFull, to: jwtAuthn, atLeast: 0.85, aim: 1.3, suffix: "x"},
		{name: "Envoy, one token, slim, req/s vs the same", metric: Rate, of: envoySlim, to: jwtAuthn, atLeast: 1.05, aim: 1.3, suffix: "x"},
		{name: "Envoy, one token, CPU added vs the same", metric: Added, of: envoyFull, to: jwtAuthn, atLeast: 1.5, aim: 0.9, lower: true, suffix: "x"},
		{name: "Envoy, one token, slim, CPU added vs the same", metric: Added, of: envoySlim, to: jwtAuthn, atLeast: 1.15, aim: 0.9, lower: true, suffix: "x"},
		{name: "Envoy, req/s vs ext_authz to no-op", metric: Rate, of: envoyFull, to: envoyNothing, atLeast: 1.3, aim: 1.8, suffix: "x"},
		{name: "Envoy, slim, req/s vs ext_authz to no-op, slim", metric: Rate, of: envoySlim, to: envoyNothingSlim, atLeast: 1.3, aim: 1.8, suffix: "x"},
		{name: "anonymous memory, idle", metric: Anonymous, of: memoryIdle, atLeast: 8, aim: 6, lower: true, unit: mb, suffix: " MB"},
		{name: "anonymous memory, 10,000 tokens held", metric: Anonymous, of: memoryHeld, atLeast: 48, aim: 32, lower: true, unit: mb, suffix: " MB"},
		{name: "resident memory, idle", metric: Resident, of: memoryIdle, atLeast: 32, aim: 24, lower: true, unit: mb, suffix: " MB"},
		{name: "10,000 unknown kids: p99 of proper tokens vs before", metric: Storm, of: storm, atLeast: 1.5, aim: 1.2, lower: true, suffix: "x"},
		{name: "rotation seen during it", metric: Seconds, of: storm, atLeast: stormCooldown.Seconds() + 1, aim: stormCooldown.Seconds(), lower: true, suffix: " s"},
	}
}

// verdict is how a goal came out.
type verdict struct {
	goal
	measured float64
	there    bool // it was measured
	met, hit bool // the at-least, the aim
}

// judge compares the medians with the goals.
func judge(goals []goal, r Results) []verdict {
	verdicts := make([]verdict, 0, len(goals))
	for _, g := range goals {
		v := verdict{goal: g}
		spread, ok := r.spread(g.of, g.metric)
		if g.to != "" {
			spread, ok = r.ratio(g.metric, g.of, g.to)
		}
		if ok {
			v.there, v.measured = true, spread.Median
			if g.unit != 0 {
				v.measured /= g.unit
			}
			v.met, v.hit = g.reached(v.measured, g.atLeast), g.reached(v.measured, g.aim)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func (g goal) reached(measured, wanted float64) bool {
	if g.lower {
		return measured <= wanted
	}
	return measured >= wanted
}

// short reports whether a goal was not met; one that was not measured was not.
func short(verdicts []verdict) bool {
	for _, v := range verdicts {
		if !v.met {
			return true
		}
	}
	return false
}

// writeGoals tells how the goals came out; those that were not measured only
// when all had to be.
func writeGoals(out io.Writer, verdicts []verdict, all bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\ngoal\tmeasured\tat least\taim\t\n")
	for _, v := range verdicts {
		than := ">= "
		if v.lower {
			than = "<= "
		}
		result := "SHORT"
		switch {
		case !v.there && !all:
			continue
		case !v.there:
			fmt.Fprintf(table, "%s\tnot measured\t%s%.4g%s\t%.4g%s\tSHORT\n", v.name, than, v.atLeast, v.suffix, v.aim, v.suffix)
			continue
		case v.hit:
			result = "aim"
		case v.met:
			result = "met"
		}
		fmt.Fprintf(table, "%s\t%.2f%s\t%s%.4g%s\t%.4g%s\t%s\n", v.name, v.measured, v.suffix, than, v.atLeast, v.suffix, v.aim, v.suffix, result)
	}
	return table.Flush()
}
