package main

import (
	"fmt"
	"runtime"

	"github.com/alecthomas/kong"

	"github.com/jwtgate/jwtgate/internal/extauthz"
)

// Set by the linker: -X main.version=... -X main.commit=...
var (
	version = "dev"
	commit  = "unknown"
)

type versionCommand struct{}

// versionFlag is --version, the same as the command.
type versionFlag bool

// BeforeReset prints the versions instead of running a command.
func (versionFlag) BeforeReset(app *kong.Kong, c console) error {
	err := versionCommand{}.Run(c)
	app.Exit(exitYes)
	return err
}

// Run prints the versions.
func (versionCommand) Run(c console) error {
	fmt.Fprintf(c.out, "jwtgate    %s\ncommit     %s\ngo         %s\nenvoy api  %s\n", version, commit, runtime.Version(), extauthz.APIVersion)
	return nil
}
