// Package main is the benchmark. `make bench` measures the cost of a Check and
// compares it with servers that do less and with filters that do the same.
// `make bench-check` also fails if a goal is missed. With -against it measures a
// second build of jwtgate in the same rounds.
//
// All results are ratios of values that were measured in the same round of one
// run, since the speed of a machine changes from one minute to the next. The
// benchmark runs the built programs and reads their CPU time from the operating
// system. It listens on loopback only, ends every program that it started, and is
// never part of the server.
//
// Invariants:
//
//  1. A variant with a wrong answer has no result: the run fails
//     (TestAnswers, TestAWrongAnswerIsNoResult).
//  2. A goal that was not measured is missed (TestGoals).
//  3. Goals and comparisons use ratios within one round (TestRatioOfOneRound).
//  4. A documentation page is written only if every goal is met
//     (TestAPageIsWrittenOnlyIfTheGoalsAreMet).
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Exit codes.
const (
	exitMet     = 0
	exitMissed  = 1 // a goal was missed
	exitFailure = 2 // the measurement failed
)

// errMissed reports a missed goal, which the output shows already.
var errMissed = errors.New("a goal was missed")

// options are the command line's.
type options struct {
	check    bool
	quick    bool
	rounds   int
	only     string
	variants string
	gate     string
	against  string
	envoy    string
	json     string
	from     string
	markdown string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends this process, and the kernel ends the programs with it
	os.Exit(exitCode(execute(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr))
}

// exitCode prints the error, if it was not printed yet, and returns the exit code.
func exitCode(err error, log io.Writer) int {
	switch {
	case err == nil:
		return exitMet
	case errors.Is(err, errMissed):
		return exitMissed
	case !errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(log, "bench: %v\n", err)
	}
	return exitFailure
}

// execute runs one command line. The servers that jwtgate is compared with are
// also this program, with another first argument.
func execute(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) > 1 && args[0] == peerArgument {
		return servePeer(ctx, args[1:])
	}
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	if o.from != "" {
		run, err := readRun(o.from)
		if err != nil {
			return err
		}
		return report(run, o, out)
	}
	run, err := measure(ctx, o, log)
	if err != nil {
		return err
	}
	return report(run, o, out)
}

func parse(args []string, log io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.BoolVar(&o.check, "check", false, "measure what the goals need, and fail if a goal is missed")
	flags.BoolVar(&o.quick, "quick", false, "measure for a shorter time, with less precise results")
	flags.IntVar(&o.rounds, "rounds", 0, "how `often` to measure each variant (default 3, or 2 with -quick)")
	flags.StringVar(&o.only, "only", "", "measure only these `sections`, separated by commas: "+strings.Join(sections(), ", "))
	flags.StringVar(&o.variants, "variants", "",
		"measure only the variants whose names contain one of these `texts`, separated by semicolons, and their bases")
	flags.StringVar(&o.gate, "jwtgate", "bin/jwtgate", "the `program` to measure")
	flags.StringVar(&o.against, "against", "",
		"another build of jwtgate: measure this `program` in the same rounds with the same configuration, and print the ratios")
	flags.StringVar(&o.envoy, "envoy", ".tools/envoy/bin/envoy", "the Envoy `program`")
	flags.StringVar(&o.json, "json", "", "write all results to this `file`")
	flags.StringVar(&o.from, "from", "", "do not measure; read the results from this `file`, which -json wrote")
	flags.StringVar(&o.markdown, "markdown", "",
		"write the tables into these documentation `pages`, separated by commas, if every goal is met")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 0 {
		return o, errors.New("usage: bench [flags], with at least one round; see -help")
	}
	for _, section := range strings.Split(o.only, ",") {
		if o.only != "" && !slices.Contains(sections(), section) {
			return o, fmt.Errorf("unknown section %q; expected one of %s", section, strings.Join(sections(), ", "))
		}
	}
	if o.rounds == 0 && o.quick {
		o.rounds = 2
	}
	o.rounds = cmp.Or(o.rounds, 3)
	return o, nil
}

// readRun reads the results of an earlier run.
func readRun(path string) (run Run, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return run, err
	}
	if err := json.Unmarshal(data, &run); err != nil {
		return run, fmt.Errorf("read %s: %w", path, err)
	}
	return run, nil
}

// measure sets up all servers and measures all rounds.
func measure(ctx context.Context, o options, log io.Writer) (Run, error) {
	begin := time.Now()
	b, err := newBench(ctx, o, log)
	if err != nil {
		return Run{}, err
	}
	defer b.close()
	if err := b.prepare(); err != nil {
		return Run{}, err
	}
	if err := b.rounds(); err != nil {
		return Run{}, err
	}
	b.run.Rows = grouped(b.run.Rows)
	b.run.Seconds = time.Since(begin).Seconds()
	return b.run, nil
}

// report prints the results and writes the files that the command line names.
func report(run Run, o options, out io.Writer) error {
	verdicts := judge(goals(run.Other != ""), run.Results)
	if err := writeJSON(run, o.json); err != nil {
		return err
	}
	if err := writeText(out, run, verdicts, o.check); err != nil {
		return err
	}
	if o.markdown != "" {
		if err := writePages(strings.Split(o.markdown, ","), run, verdicts); err != nil {
			return err
		}
	}
	if o.check && missed(verdicts) {
		return errMissed
	}
	return nil
}
