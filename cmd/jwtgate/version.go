package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Set by the linker: -X main.version=... -X main.commit=...
var (
	version = "dev"
	commit  = "unknown"
)

// envoyAPI is the module of Envoy's API types.
const envoyAPI = "github.com/envoyproxy/go-control-plane/envoy"

type versionCommand struct{}

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
