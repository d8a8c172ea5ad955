//go:build !nodemo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/demo"
	"github.com/jwtgate/jwtgate/internal/envoyneeds"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/policytest"
)

// demoCommands are the commands that the program in the image does not have: they sign
// tokens and run an issuer.
type demoCommands struct {
	Demo demoCommand `cmd:"" help:"Take a guided tour on this machine, with a sample application and a real Envoy."`
}

// tourUsage is the demo's line of the general help.
const tourUsage = "  jwtgate demo                            take the guided tour\n"

type demoCommand struct {
	Tour  tourCommand  `cmd:"" default:"withargs" help:"Start everything on this machine and take a guided tour."`
	Token tokenCommand `cmd:"" help:"Print a token that the running demo accepts."`
}

// Help is the command's longer help.
func (demoCommand) Help() string {
	return `Without a command, it starts everything and gives a guided tour:
  jwtgate demo [--once] [--config FILE] [--app HOST:PORT] [--envoy FILE]

  --once            end after the tour; otherwise the demo runs until Ctrl-C
  --config FILE     your own configuration, with the demo's keys for its issuers
  --app HOST:PORT   your own application, instead of the sample
  --envoy FILE      the Envoy binary`
}

type tourCommand struct {
	Once   bool   `help:"End after the tour; otherwise the demo runs until Ctrl-C."`
	Config string `help:"Your own configuration, with the demo's keys for its issuers." placeholder:"FILE"`
	App    string `help:"Your own application, instead of the sample." placeholder:"HOST:PORT"`
	Envoy  string `help:"The Envoy binary; by default .tools/envoy/bin/envoy, or else the one in PATH." placeholder:"FILE"`
}

// envoyEdit compiles a configuration and returns the edit of the shipped Envoy file that
// it needs.
func envoyEdit(cfg *config.Config) (envoy.Edit, error) {
	policy, err := gate.Compile(cfg, gate.CompileOptions{})
	if err != nil {
		return envoy.Edit{}, err
	}
	defer policy.Close()
	return envoyneeds.Of(policy).Edit(), nil
}

// Run runs the demo.
func (cmd tourCommand) Run(ctx context.Context, c console) error {
	// Closing the terminal ends the demo, as Ctrl-C does.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	err = demo.Run(ctx, demo.Options{
		Executable: executable, Command: os.Args[0], Envoy: cmd.Envoy, Once: cmd.Once,
		ConfigFile: cmd.Config, App: cmd.App, Compile: envoyEdit,
		Out: c.out, Color: colored(c.out, c.getenv), Getenv: c.getenv,
	})
	if errors.Is(err, demo.ErrSteps) || errors.As(err, new(config.Mistakes)) {
		return exitError{exitNo, reportMistakes(c.err, err)}
	}
	return err
}

type tokenCommand struct {
	Issuer  string        `required:"" help:"The issuer's name in the configuration." placeholder:"NAME"`
	Claims  string        `help:"Claims to add (JSON); null removes one, and times can be relative: \"-5m\"." placeholder:"JSON" default:"{}"`
	Expires time.Duration `help:"How long the token is valid; -1m: an expired one; by default ${default}." placeholder:"D" default:"1h"`
	Server  string        `help:"The address of the demo's issuers; by default ${default}." placeholder:"URL" default:"http://127.0.0.1:9003"`
}

// Run prints a token.
func (cmd tokenCommand) Run(ctx context.Context, c console) error {
	claims, err := demo.ParseClaims(cmd.Claims)
	if err != nil {
		return err
	}
	policytest.ResolveTimes(claims, time.Now())
	token, err := demo.Token(ctx, cmd.Server, cmd.Issuer, claims, cmd.Expires)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, token)
	return nil
}
