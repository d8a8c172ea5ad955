package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/jwtgate/jwtgate/internal/server"
)

type serveCommand struct {
	Config          string   `help:"The configuration; default: the environment (Cognito)." placeholder:"FILE" env:"JWTGATE_CONFIG"`
	Listen          string   `help:"The gRPC address: host:port or unix:PATH; overrides server.listen." placeholder:"A" env:"JWTGATE_LISTEN"`
	AdminListen     string   `help:"The admin address: host:port; overrides admin.listen." placeholder:"A" env:"JWTGATE_ADMIN_LISTEN"`
	CandidateConfig string   `help:"Compare the decisions of this configuration; no answer changes." placeholder:"FILE"`
	LogLevel        logLevel `help:"DEBUG, INFO, WARN or ERROR." placeholder:"L" default:"INFO" env:"JWTGATE_LOG_LEVEL"`
}

// logLevel is a level of slog. An empty one, from a variable that is set to an empty
// value, is INFO.
type logLevel struct{ slog.Level }

// UnmarshalText reads a level by its name.
func (l *logLevel) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if err := l.Level.UnmarshalText(text); err != nil {
		return fmt.Errorf("invalid log level %q; expected DEBUG, INFO, WARN or ERROR", text)
	}
	return nil
}

// Help is the command's longer help.
func (serveCommand) Help() string {
	return `Writes JSON log lines to standard error: its own events, and each request that it denies.

Examples:
  jwtgate serve --config jwtgate.yaml
  COGNITO_USER_POOLS_ID=us-west-1_6BpkgoczU COGNITO_WEB_CLIENT_ID=3v5exampleclient jwtgate serve`
}

// Run serves until ctx ends.
func (cmd serveCommand) Run(ctx context.Context, c console) error {
	var reload <-chan os.Signal
	if c.reloadSignal != nil { // before anything is written
		reload = c.reloadSignal()
	}
	s, err := server.New(ctx, server.Config{
		ConfigFile: cmd.Config, CandidateFile: cmd.CandidateConfig,
		Listen: cmd.Listen, AdminListen: cmd.AdminListen, LogLevel: cmd.LogLevel.Level,
		Stderr: c.err, Stdout: c.out, Getenv: c.getenv, Reload: reload, Compile: c.compile,
		Build: thisBuild(),
	})
	if err != nil {
		return reportMistakes(c.err, err)
	}
	return s.Run(ctx)
}

// reloadSignal returns a channel that receives SIGHUP. It also ignores SIGPIPE: when the
// reader of the log has gone, writing a line fails and is counted, and the server goes on.
// By default, Go would end the program, which is right for `jwtgate explain | head`.
func reloadSignal() <-chan os.Signal {
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals
}
