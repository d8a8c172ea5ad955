// Command jwtgate is the gate that Envoy asks about every request: it verifies JWTs and
// tells the application who the caller is. `jwtgate --help` lists its commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The first signal ends the command in order; a second one ends it at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], console{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.LookupEnv, reloadSignal: reloadSignal,
	}))
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, args []string, c console) int {
	err := execute(ctx, args, c)
	if err == nil {
		return exitYes
	}
	if !errors.As(err, new(reportedError)) {
		fmt.Fprintf(c.err, "jwtgate: %v\n", err)
	}
	return exitCode(err)
}
