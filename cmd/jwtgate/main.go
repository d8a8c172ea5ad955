// Command jwtgate is the gate that Envoy asks about every request: it verifies
// JWTs and tells the application who calls. `jwtgate --help` lists what it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitYes     = 0
	exitNo      = 1 // the answer is no: mistakes, a request denied, a file in the way
	exitFailure = 2 // it could not run: usage, an unreadable file, a port in use
)

// answerNo is an error that is the command's answer rather than its failure.
type answerNo struct{ error }

func (a answerNo) Unwrap() error { return a.error }

// told is an error that the command has told its user already.
type told struct{ error }

func (t told) Unwrap() error { return t.error }

func main() {
	// The first signal ends what runs in good order; a second one ends at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], console{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.LookupEnv, hangup: serverSignals}))
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, args []string, c console) int {
	err := execute(ctx, args, c)
	if err == nil {
		return exitYes
	}
	if !errors.As(err, new(told)) {
		fmt.Fprintf(c.err, "jwtgate: %v\n", err)
	}
	if errors.As(err, new(answerNo)) {
		return exitNo
	}
	return exitFailure
}
