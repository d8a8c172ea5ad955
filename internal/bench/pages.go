package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/jwtgate/jwtgate/internal/bench/stat"
)

// writePages replaces the generated parts of documentation pages. It writes
// nothing if a goal is missed: the pages must not state it then.
func writePages(paths []string, run Run, verdicts []verdict) error {
	if missed(verdicts) {
		return fmt.Errorf("no page was written: %w", errMissed)
	}
	parts := map[string]string{
		"bench":          resultsPart(run),
		"bench goals":    goalsPart(verdicts),
		"bench capacity": capacityPart(run),
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		page, marks := string(data), 0
		for name, text := range parts {
			begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
			before, rest, begins := strings.Cut(page, begin)
			_, after, ends := strings.Cut(rest, end)
			if begins && ends {
				page = before + begin + "\n" + text + "\n" + end + after
				marks++
			}
		}
		if marks == 0 {
			return fmt.Errorf("%s has no marks such as <!-- bench --> and <!-- /bench -->", path)
		}
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// resultsPart renders all tables of results.
func resultsPart(run Run) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; median of %d rounds, with the minimum and the maximum.\n", run.origin(), run.Rounds)
	for _, t := range run.tables() {
		fmt.Fprintf(&b, "\n%s.\n\n%s", t.title, t.markdown())
	}
	for _, note := range run.Notes {
		fmt.Fprintf(&b, "\n- %s\n", note)
	}
	return b.String()
}

// origin says when and how the run was measured.
func (run Run) origin() string {
	return fmt.Sprintf("Measured on %s with `%s`: %s", run.Date, run.Command, run.environment())
}

// markdown renders the table.
func (t table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(t.head, " | "), strings.Repeat("---|", len(t.head)))
	for _, row := range t.rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// goalsPart renders the goals that were met.
func goalsPart(verdicts []verdict) string {
	t := table{head: []string{"goal", "limit", "measured"}}
	for _, v := range verdicts {
		if v.met {
			t.rows = append(t.rows, []string{v.name, v.wanted(), fmt.Sprintf("%.2f%s", v.value, v.suffix)})
		}
	}
	return t.markdown()
}

// capacityPart renders what a plan needs: CPU for each request, and memory.
func capacityPart(run Run) string {
	cpu := table{head: []string{"what", "CPU a request, us [min-max]", "cores for 1,000 requests/s", "one core carries, requests/s"}}
	add := func(what string, values, rates []float64) {
		s, ok := stat.Over(values)
		if !ok {
			return
		}
		carries := ""
		if r, ok := stat.Over(rates); ok {
			carries = fmt.Sprintf("%.0f", r.Median)
		}
		cpu.rows = append(cpu.rows, []string{
			what, fmt.Sprintf("%.0f [%.0f-%.0f]", s.Median, s.Min, s.Max), fmt.Sprintf("%.3f", s.Median/1000), carries,
		})
	}
	r := run.Results
	add("a known token, at 4,000 requests/s", r[atRate+verified10k][CPU], nil)
	for _, row := range []struct{ what, variant string }{
		{"a known token, saturated", verified10k}, {"a token seen first, RS256", firstSeen},
		{"a denial: no credential", noCredential}, {"a denial: expired token", expiredToken},
		{"a known token, with a `when`", withWhen}, {"a known token, with `audit: {allowed: all}`", withAudit},
	} {
		add(row.what, r[row.variant][CPU], r[row.variant][Rate])
	}
	add("Envoy, more than without ext_authz", differences(r[envoyNoop][FirstCPU], r[noAuth][FirstCPU]), nil)

	memory := table{head: []string{"memory", "anonymous, MB [min-max]", "resident, MB [min-max]"}}
	for _, row := range []struct{ what, variant string }{
		{"idle", memoryIdle}, {"10,000 cached tokens", memoryHeld},
		{"100,000 cached tokens, without a memory limit", memoryOf(cachedName(100_000))},
	} {
		memory.rows = append(memory.rows, []string{
			row.what, spread(Anonymous, 1e6)(r, Row{Variant: row.variant}), spread(Resident, 1e6)(r, Row{Variant: row.variant}),
		})
	}
	return run.origin() + ".\n\n" + cpu.markdown() + "\n" + memory.markdown()
}

// differences subtracts values of the same rounds.
func differences(of, minus []float64) []float64 {
	list := make([]float64, min(len(of), len(minus)))
	for i := range list {
		list[i] = of[i] - minus[i]
	}
	return list
}
