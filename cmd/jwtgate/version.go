package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// Set by the linker: -X main.version=... -X main.commit=...
var (
	version = ""
	commit  = ""
)

// thisBuild describes the program. One that `go install MODULE@VERSION` built has the
// module's version and no commit.
func thisBuild() telemetry.Build {
	module := ""
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Sum != "" { // downloaded, not built in a checkout
		module = info.Main.Version
	}
	return telemetry.Build{
		Version: cmp.Or(version, module, "dev"), Commit: cmp.Or(commit, "unknown"), GoVersion: runtime.Version(),
	}
}

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
	b := thisBuild()
	fmt.Fprintf(c.out, "jwtgate    %s\ncommit     %s\ngo         %s\nenvoy api  %s\n", b.Version, b.Commit, b.GoVersion, extauthz.APIVersion)
	return nil
}
