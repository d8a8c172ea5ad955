//go:build nodemo

package main

import "errors"

// demoCommands has no demo. The Dockerfile builds the program in this way, so that the
// image contains no issuer.
type demoCommands struct {
	Demo noDemoCommand `cmd:"" hidden:"" passthrough:""`
}

const tourUsage = ""

type noDemoCommand struct {
	Args []string `arg:"" optional:""`
}

// Run says where the demo is.
func (noDemoCommand) Run() error {
	return errors.New("this program was built without the demo (-tags nodemo), as the image has it; " +
		"use a binary of the release, or run `make demo` in the source")
}
