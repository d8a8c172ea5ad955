package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/jwtgate/jwtgate/internal/bench/stat"
)

// Run is everything that one run produced, as -json writes it.
type Run struct {
	Date    string
	CPU     string
	Kernel  string
	Go      string
	Envoy   string
	Jwtgate string
	Other   string // version of the build of -against
	Command string
	Seconds float64
	Rounds  int
	Notes   []string // what a reader of the results must know
	Rows    []Row
	Results Results
}

// Row is one line of a table.
type Row struct {
	Section string
	Variant string
	Base    string // the variant that it is compared with
	Other   string // the same variant of the other build
}

// Sections with columns of their own.
const (
	memorySection = "Memory"
	stormSection  = "Unknown key ids"
)

// grouped puts the rows of each section together, in the order in which the
// sections first appear.
func grouped(rows []Row) []Row {
	place := map[string]int{} // :: section -> its place
	for _, r := range rows {
		if _, known := place[r.Section]; !known {
			place[r.Section] = len(place)
		}
	}
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b Row) int { return place[a.Section] - place[b.Section] })
	return sorted
}

// table is a rendered table.
type table struct {
	title string
	head  []string
	rows  [][]string
}

// column is a column of a table of results.
type column struct {
	head string
	cell func(r Results, row Row) string
}

// columns returns the columns of a section, except the first one.
func columns(section string) []column {
	switch section {
	case memorySection:
		return []column{
			{"anonymous, MB [min-max]", spread(Anonymous, 1e6)}, {"resident, MB [min-max]", spread(Resident, 1e6)},
		}
	case stormSection:
		return []column{
			{"p99, x before [min-max]", spread(Storm, 1)}, {"p99 us", median(P99, 0)}, {"new key used after, s", spread(Rotation, 1)},
		}
	}
	return []column{
		{"checks/s, x base [min-max]", ratio(Rate)}, {"CPU, x base [min-max]", ratio(CPU)}, {"CPU us", median(CPU, 1)},
		{"checks/s", median(Rate, 0)}, {"p50 us", median(P50, 0)}, {"p99 us", median(P99, 0)}, {"generator us", median(Generator, 1)},
	}
}

// comparison returns the columns that compare two builds.
func comparison() []column {
	return []column{
		{"checks/s [min-max]", versus(Rate)}, {"CPU [min-max]", versus(CPU)}, {"p99 [min-max]", versus(P99)},
		{"anonymous memory [min-max]", versus(Anonymous)},
	}
}

func ratio(m Metric) func(Results, Row) string {
	return func(r Results, row Row) string { return render(1)(r.ratio(m, row.Variant, row.Base)) }
}

func versus(m Metric) func(Results, Row) string {
	return func(r Results, row Row) string { return render(1)(r.ratio(m, row.Variant, row.Other)) }
}

func spread(m Metric, unit float64) func(Results, Row) string {
	return func(r Results, row Row) string { return render(unit)(r.spread(row.Variant, m)) }
}

func median(m Metric, decimals int) func(Results, Row) string {
	return func(r Results, row Row) string {
		s, ok := r.spread(row.Variant, m)
		if !ok {
			return ""
		}
		return fmt.Sprintf("%.*f", decimals, s.Median)
	}
}

// render renders a spread, or nothing if there is none.
func render(unit float64) func(s stat.Spread, ok bool) string {
	return func(s stat.Spread, ok bool) string {
		if !ok {
			return ""
		}
		return fmt.Sprintf("%.2f [%.2f-%.2f]", s.Median/unit, s.Min/unit, s.Max/unit)
	}
}

// tables renders the results: a table for each section, and one that compares the
// two builds.
func (run Run) tables() []table {
	var tables []table
	compared := table{title: fmt.Sprintf("Ratios of two builds: %s / %s (other)", run.Jwtgate, run.Other), head: heads(comparison())}
	for i, r := range run.Rows {
		list := columns(r.Section)
		if i == 0 || r.Section != run.Rows[i-1].Section {
			title := r.Section
			if r.Base != "" {
				title += "; the base is " + r.Base
			}
			tables = append(tables, table{title: title, head: heads(list)})
		}
		last := &tables[len(tables)-1]
		last.rows = append(last.rows, run.row(r, list))
		if r.Other != "" {
			compared.rows = append(compared.rows, run.row(r, comparison()))
		}
	}
	if len(compared.rows) > 0 {
		tables = append(tables, compared)
	}
	return tables
}

func heads(columns []column) []string {
	list := []string{"variant"}
	for _, c := range columns {
		list = append(list, c.head)
	}
	return list
}

func (run Run) row(r Row, columns []column) []string {
	cells := []string{r.Variant}
	for _, c := range columns {
		cells = append(cells, c.cell(run.Results, r))
	}
	return cells
}

// writeText prints the results and the goals.
func writeText(out io.Writer, run Run, verdicts []verdict, all bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range append(run.tables(), goalTable(verdicts, all)) {
		fmt.Fprintf(w, "\n%s\n", t.title)
		for _, row := range append([][]string{t.head}, t.rows...) {
			fmt.Fprintf(w, "%s\n", strings.Join(row, "\t"))
		}
	}
	for _, note := range run.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	fmt.Fprintf(w, "%s; %d rounds in %.0f s\n", run.environment(), run.Rounds, run.Seconds)
	return w.Flush()
}

// environment describes the machine and the programs.
func (run Run) environment() string {
	return fmt.Sprintf("%s; %s; %s; Envoy %s; %s", run.CPU, run.Kernel, run.Go, run.Envoy, run.Jwtgate)
}

// writeJSON writes the run, unless path is empty.
func writeJSON(run Run, path string) error {
	if path == "" {
		return nil
	}
	data, err := json.MarshalIndent(run, "", "\t")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
