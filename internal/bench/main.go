// Package main is the benchmark: `make bench` measures what a Check costs, beside
// servers that do less and filters that do the same, and `make bench-check`
// holds it to the goals.
//
// All figures are ratios of what was measured in one run, round by round, since
// the speed of a machine changes from one minute to the next. It measures the
// built program from outside: what it takes of the CPU is what the operating
// system says. It listens on loopback only, ends what it started, and is never
// part of what serves.
//
// Invariants:
//
//  1. A figure whose answers were not as they should be is none: the run fails
//     (TestJudges, TestAFailedCellIsNoFigure).
//  2. A goal that was not measured is not met (TestGoals).
//  3. Goals are compared by the median of ratios within one round
//     (TestRatioOfOneRound).
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Exit codes.
const (
	exitMet     = 0
	exitShort   = 1 // a goal was not met
	exitFailure = 2 // it could not measure
)

// errShort says that a goal was not met, which has been told.
var errShort = errors.New("short of the goals")

// options are the command line's.
type options struct {
	check    bool
	quick    bool
	rounds   int
	only     string
	variants string
	gate     string
	envoy    string
	json     string
	markdown string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends at once; the programs end with this one
	os.Exit(exitCode(execute(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr))
}

// exitCode tells an error, unless that was done, and returns its code.
func exitCode(err error, log io.Writer) int {
	switch {
	case err == nil:
		return exitMet
	case errors.Is(err, errShort):
		return exitShort
	case !errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(log, "bench: %v\n", err)
	}
	return exitFailure
}

// execute runs one command line. The servers that jwtgate is compared with are
// this program as well, under another first argument.
func execute(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) > 1 && args[0] == peerArgument {
		return servePeer(ctx, args[1:])
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.BoolVar(&o.check, "check", false, "measure what the goals need, and fail short of them")
	flags.BoolVar(&o.quick, "quick", false, "shorter: coarser figures")
	flags.IntVar(&o.rounds, "rounds", 0, "how often each variant is measured (default 3, or 2 with -quick)")
	flags.StringVar(&o.only, "only", "", "a comma-separated list of sections: direct, rate, envoy, tokens, growth, memory, storm")
	flags.StringVar(&o.variants, "variants", "", "measure only variants whose names hold one of these texts, between semicolons, and what they are compared with")
	flags.StringVar(&o.gate, "jwtgate", "bin/jwtgate", "the program to measure")
	flags.StringVar(&o.envoy, "envoy", ".tools/envoy/bin/envoy", "the Envoy to measure it behind")
	flags.StringVar(&o.json, "json", "", "write all figures to this `file`")
	flags.StringVar(&o.markdown, "markdown", "", "write the table to this `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || o.rounds < 0 {
		return errors.New("usage: bench [flags], with at least one round; see -help")
	}
	if o.rounds == 0 && o.quick {
		o.rounds = 2
	}
	o.rounds = cmp.Or(o.rounds, 3)
	return measureAll(ctx, o, out, log)
}

// measureAll sets all up, measures, and tells.
func measureAll(ctx context.Context, o options, out, log io.Writer) error {
	begin := time.Now()
	b, err := newBench(ctx, o, log)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.prepare(); err != nil {
		return err
	}
	if err := b.rounds(); err != nil {
		return err
	}
	b.run.Rows = grouped(b.run.Rows)
	b.run.Seconds = time.Since(begin).Seconds()
	if err := writeFiles(b.run, o); err != nil {
		return err
	}
	if err := writeTable(out, b.run); err != nil {
		return err
	}
	judged := judge(goals(), b.run.Results)
	if err := writeGoals(out, judged, o.check); err != nil {
		return err
	}
	if o.check && short(judged) {
		return errShort
	}
	return nil
}
