package main

import (
	"os"
	"os/signal"
	"syscall"
)

// serverSignals takes over from the system the signals that would end a server
// for what is none of its decisions' business, and returns where SIGHUP is told.
func serverSignals() <-chan os.Signal {
	// A log whose reader is gone is an error where it is written, and counted
	// there: of itself Go would end the program. Other commands keep that way:
	// `jwtgate explain | head` ends with head.
	signal.Ignore(syscall.SIGPIPE)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGHUP)
	return told
}
