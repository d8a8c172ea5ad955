package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Run is all that came of one run, as -json writes it.
type Run struct {
	Date    string
	CPU     string
	Kernel  string
	Go      string
	Envoy   string
	Jwtgate string
	Command string
	Seconds float64
	Rounds  int
	Notes   []string // what the figures are to be read with
	Rows    []Row
	Results Results
}

// Row is one line of the table.
type Row struct {
	Section string
	Variant string
	Base    string // the variant that it is compared with
}

// grouped puts the rows of each section together, in the order in which the
// sections first appear.
func grouped(rows []Row) []Row {
	at := map[string]int{} // :: section -> its place
	for _, r := range rows {
		if _, known := at[r.Section]; !known {
			at[r.Section] = len(at)
		}
	}
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b Row) int { return at[a.Section] - at[b.Section] })
	return sorted
}

// describe says where and with what a run was made.
func describe(o options, args []string) Run {
	return Run{
		Date: time.Now().UTC().Format(time.DateOnly), CPU: cpuModel(), Kernel: firstLine("uname", "-sr"),
		Go: runtime.Version(), Envoy: envoyVersion(firstLine(o.envoy, "--version")), Jwtgate: firstLine(o.gate, "version"),
		Command: strings.Join(args, " "), Rounds: o.rounds, Results: Results{},
	}
}

func cpuModel() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return fmt.Sprintf("%s, %d cores", strings.TrimSpace(value), runtime.NumCPU())
		}
	}
	return "unknown"
}

// firstLine is the first line with text that a program prints.
func firstLine(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.Join(strings.Fields(line), " ")
}

// envoyVersion takes the number out of what `envoy --version` prints:
// PROGRAM version: COMMIT/NUMBER/...
func envoyVersion(line string) string {
	_, version, _ := strings.Cut(line, "version: ")
	if parts := strings.Split(version, "/"); len(parts) > 1 {
		return parts[1]
	}
	return "unknown"
}

// columns are what the table shows of a variant: the ratio first.
func columns() []string {
	return []string{"variant", "checks/s, x base [min-max]", "CPU, x base [min-max]", "CPU us", "checks/s", "p50 us", "p99 us", "generator us"}
}

// cells renders one row.
func (run Run) cells(r Row) []string {
	ratio := func(m Metric) string {
		s, ok := run.Results.ratio(m, r.Variant, r.Base)
		if !ok {
			return ""
		}
		return fmt.Sprintf("%.2f [%.2f-%.2f]", s.Median, s.Min, s.Max)
	}
	number := func(m Metric, format string) string {
		v := run.Results.median(r.Variant, m)
		if math.IsNaN(v) {
			return ""
		}
		return fmt.Sprintf(format, v)
	}
	if s, ok := run.Results.spread(r.Variant, Anonymous); ok && run.Results[r.Variant][Rate] == nil {
		return []string{r.Variant, fmt.Sprintf("RssAnon %.1f MB, RSS %.1f MB", s.Median/1e6, run.Results.median(r.Variant, Resident)/1e6), "", "", "", "", "", ""}
	}
	if s, ok := run.Results.spread(r.Variant, Storm); ok {
		return []string{r.Variant, fmt.Sprintf("p99 x before: %.2f [%.2f-%.2f]", s.Median, s.Min, s.Max),
			fmt.Sprintf("rotation seen after %.1f s", run.Results.median(r.Variant, Seconds)), "", "", "", "", ""}
	}
	return []string{
		r.Variant, ratio(Rate), ratio(CPU), number(CPU, "%.1f"), number(Rate, "%.0f"),
		number(P50, "%.0f"), number(P99, "%.0f"), number(Generator, "%.1f"),
	}
}

// writeTable prints the table for people.
func writeTable(out io.Writer, run Run) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	section := ""
	for _, r := range run.Rows {
		if r.Section != section {
			section = r.Section
			fmt.Fprintf(table, "\n%s (base: %s)\n%s\n", section, r.Base, strings.Join(columns(), "\t"))
		}
		fmt.Fprintf(table, "%s\n", strings.Join(run.cells(r), "\t"))
	}
	for _, note := range run.Notes {
		fmt.Fprintf(table, "note: %s\n", note)
	}
	fmt.Fprintf(table, "%s; %s; %s; Envoy %s; %s; %d rounds in %.0f s\n", run.CPU, run.Kernel, run.Go, run.Envoy, run.Jwtgate, run.Rounds, run.Seconds)
	return table.Flush()
}

// writeFiles writes what was asked for on the command line.
func writeFiles(run Run, o options) error {
	var faults []error
	if o.json != "" {
		data, err := json.MarshalIndent(run, "", "\t")
		if err == nil {
			err = os.WriteFile(o.json, append(data, '\n'), 0o644)
		}
		faults = append(faults, err)
	}
	if o.markdown != "" {
		faults = append(faults, writeMarkdown(o.markdown, markdown(run)))
	}
	return errors.Join(faults...)
}

// The marks between which a page carries the table.
const beginMark, endMark = "<!-- bench -->\n", "<!-- /bench -->\n"

// writeMarkdown writes the table to a file of its own, or into a page that has
// marks for it.
func writeMarkdown(path, table string) error {
	page, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before, rest, begins := strings.Cut(string(page), beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if begins && ends {
		table = before + beginMark + "\n" + table + "\n" + endMark + after
	}
	return os.WriteFile(path, []byte(table), 0o644)
}

// markdown renders the table for the documentation.
func markdown(run Run) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s with `%s`: %s; %s; %s; Envoy %s; %s; median of %d rounds, with the smallest and the largest.\n",
		run.Date, run.Command, run.CPU, run.Kernel, run.Go, run.Envoy, run.Jwtgate, run.Rounds)
	section := ""
	for _, r := range run.Rows {
		if r.Section != section {
			section = r.Section
			fmt.Fprintf(&b, "\n%s; the base is %s.\n\n| %s |\n|%s\n", section, r.Base, strings.Join(columns(), " | "), strings.Repeat("---|", len(columns())))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(run.cells(r), " | "))
	}
	for _, note := range run.Notes {
		fmt.Fprintf(&b, "\n- %s\n", note)
	}
	return b.String()
}
