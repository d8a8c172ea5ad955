package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/alecthomas/kong"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// console is what a command talks to.
type console struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) (string, bool)
	// reloadSignal makes a server survive its signals, and returns the channel of those
	// that ask for a reload; nil: there are none.
	reloadSignal func() <-chan os.Signal
	// compile compiles a configuration for check and serve; nil: gate.Compile.
	compile func(*config.Config, gate.CompileOptions) (*gate.Policy, error)
}

// commands is the command line: each flag's name, variable, default and help
// stand here and nowhere else.
type commands struct {
	Serve       serveCommand       `cmd:"" help:"Answer Envoy's questions: the server."`
	Init        initCommand        `cmd:"" help:"Write jwtgate.yaml, envoy.yaml and compose.yaml for your own project."`
	Explain     explainCommand     `cmd:"" help:"Say why a request is allowed or denied, check by check, and what to change."`
	Test        testCommand        `cmd:"" help:"Run your own policy tests: requests with minted tokens, and what you expect of them."`
	Schema      schemaCommand      `cmd:"" help:"Print the JSON Schema of the configuration, for editors."`
	Check       checkCommand       `cmd:"" help:"Validate a configuration and name every mistake in it."`
	LintEnvoy   lintEnvoyCommand   `cmd:"" help:"Find what in an Envoy file opens a hole or breaks availability."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running server whether it is serving; for a container's health check."`
	Demo        demoCommand        `cmd:"" help:"See it work: an issuer, a sample application, jwtgate and a real Envoy on this machine."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
	ShowVersion versionFlag        `name:"version" help:"Print the version."`
}

const description = `The gate that Envoy asks about every request: it verifies the JWT, holds the request to its route's requirement, and tells your application who calls.

  jwtgate demo                            see it work
  jwtgate init --cognito POOL --client-id ID --app HOST:PORT
  jwtgate serve --config jwtgate.yaml     run it

Exit codes: 0 yes; 1 the answer is no; 2 it could not run.`

// execute parses and runs one command line.
func execute(ctx context.Context, args []string, c console) error {
	var all commands
	var exited bool
	parser, err := kong.New(&all,
		kong.Name("jwtgate"), kong.Description(description),
		kong.Writers(c.out, c.err), kong.Exit(func(int) { exited = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(c),
	)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"help"}
	}
	if args[0] == "help" { // of the command that follows, if one does
		args = append(slices.Clone(args[1:]), "--help")
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited: // --help or --version has been printed
		return nil
	case err != nil:
		return fmt.Errorf("%w; see jwtgate %s--help", err, commandOf(args))
	}
	return parsed.Run()
}

// commandOf returns the command that a wrong command line seems to mean, with a
// space behind it, or nothing.
func commandOf(args []string) string {
	parser, err := kong.New(&commands{}, kong.Writers(io.Discard, io.Discard))
	if err != nil {
		return ""
	}
	path := ""
	at := parser.Model.Node
	for _, name := range args {
		i := slices.IndexFunc(at.Children, func(command *kong.Node) bool { return command.Name == name })
		if i < 0 {
			break
		}
		at = at.Children[i]
		path += name + " "
	}
	return path
}

// stated returns which of these flags stand on the command line itself, rather
// than having their value from a variable or by default, as --NAME.
func stated(parsed *kong.Context, names ...string) []string {
	var found []string
	for _, step := range parsed.Path {
		if step.Flag != nil && !step.Resolved && slices.Contains(names, step.Flag.Name) && !slices.Contains(found, "--"+step.Flag.Name) {
			found = append(found, "--"+step.Flag.Name)
		}
	}
	return found
}
