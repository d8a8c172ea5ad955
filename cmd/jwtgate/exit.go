package main

import "errors"

// Exit codes.
const (
	exitYes     = 0
	exitNo      = 1 // the answer is no: mistakes, a denied request, a file that exists
	exitFailure = 2 // the command failed: usage, an unreadable file, a port in use
)

// exitError is an error with an exit code other than exitFailure.
type exitError struct {
	code int
	error
}

func (e exitError) Unwrap() error { return e.error }

// reportedError is an error that the command has printed.
type reportedError struct{ error }

func (e reportedError) Unwrap() error { return e.error }

func reported(err error) error { return reportedError{err} }

// exitCode returns the exit code of a command that ended with an error.
func exitCode(err error) int {
	if exit, ok := errors.AsType[exitError](err); ok {
		return exit.code
	}
	return exitFailure
}
