package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

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

// commands is the command line. The fields of each command define its flags: name,
// environment variable, default and help.
type commands struct {
	Serve       serveCommand       `cmd:"" help:"Run the server that Envoy asks about each request."`
	Init        initCommand        `cmd:"" help:"Write jwtgate.yaml, envoy.yaml and compose.yaml for your own project."`
	Explain     explainCommand     `cmd:"" help:"Explain why a request is allowed or denied, check by check, and what to change."`
	Test        testCommand        `cmd:"" help:"Run your own policy tests: requests with generated tokens, and the expected decisions."`
	Schema      schemaCommand      `cmd:"" help:"Print the JSON Schema of the configuration, for editors."`
	Check       checkCommand       `cmd:"" help:"Validate a configuration and report every mistake in it."`
	LintEnvoy   lintEnvoyCommand   `cmd:"" help:"Find settings of an Envoy file that open a security hole or break availability."`
	Healthcheck healthcheckCommand `cmd:"" help:"Check whether a running server is serving; for container health checks."`
	demoCommands
	Version     versionCommand `cmd:"" help:"Print the version."`
	ShowVersion versionFlag    `name:"version" help:"Print the version."`
}

const description = `The gate that Envoy asks about every request: it verifies the JWT, enforces the requirement of the route, ` +
	`and tells your application who the caller is.

` + tourUsage + `  jwtgate init --cognito POOL --client-id ID --app HOST:PORT
  jwtgate serve --config jwtgate.yaml     run the server

Exit codes: 0 yes; 1 the answer is no; 2 the command failed.`

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
	if args[0] == "help" { // help for the command that follows, if there is one
		args = append(slices.Clone(args[1:]), "--help")
	}
	if flag := withoutValue(args); flag != "" {
		return fmt.Errorf("%s: the value is empty; expected a value; a variable of the shell may be unset; see jwtgate %s--help",
			flag, commandOf(parser.Model.Node, args))
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited: // --help or --version has been printed
		return nil
	case err != nil:
		return fmt.Errorf("%w; see jwtgate %s--help", err, commandOf(parser.Model.Node, args))
	}
	return parsed.Run()
}

// withoutValue returns a flag before an empty argument, which the parser would report as
// the end of the line; empty: there is none.
func withoutValue(args []string) string {
	for i, arg := range args {
		if arg == "" && i > 0 && strings.HasPrefix(args[i-1], "--") {
			return args[i-1]
		}
	}
	return ""
}

// commandOf returns the command that an invalid command line names, followed by a space;
// empty: it names none.
func commandOf(at *kong.Node, args []string) string {
	path := ""
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

// given returns which of these flags are on the command line, as --NAME. Flags that have
// their value from a variable or by default are not.
func given(parsed *kong.Context, names ...string) []string {
	var found []string
	for _, step := range parsed.Path {
		if step.Flag != nil && !step.Resolved && slices.Contains(names, step.Flag.Name) && !slices.Contains(found, "--"+step.Flag.Name) {
			found = append(found, "--"+step.Flag.Name)
		}
	}
	return found
}
