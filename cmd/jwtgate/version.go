package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// Set by the linker: -X main.version=... -X main.commit=...
var (
	version = "dev"
	commit  = "unknown"
)

// envoyAPI is the module of Envoy's API types.
const envoyAPI = "github.com/envoyproxy/go-control-plane/envoy"

type versionCommand struct{}

// versionFlag is the command's other spelling, which many programs have.
type versionFlag bool

// BeforeReset prints the versions in place of a command.
func (versionFlag) BeforeReset(app *kong.Kong, c console) error {
	err := versionCommand{}.Run(c)
	app.Exit(exitYes)
	return err
}

// Run prints the versions.
func (versionCommand) Run(c console) error {
	fmt.Fprintf(c.out, "jwtgate    %s\ncommit     %s\ngo         %s\nenvoy api  %s\n", version, commit, runtime.Version(), moduleVersion(envoyAPI))
	return nil
}

// moduleVersion returns the version of a module that the program was built with.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return module.Version
		}
	}
	return "unknown"
}
