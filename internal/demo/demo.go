package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
)

// ErrSteps means that at least one step of the tour failed. Any other error of [Run]
// means that the demo could not run.
var ErrSteps = errors.New("at least one step of the tour failed")

// Options configures [Run].
type Options struct {
	// Executable is the jwtgate program, which is started as the server.
	Executable string
	// Command is the program as the user calls it, for the commands that the demo
	// prints; empty: Executable.
	Command string
	// Envoy is the Envoy binary; empty: the result of [FindEnvoy].
	Envoy string
	// Once ends the demo after the tour; otherwise it runs until the context ends.
	Once bool
	// ConfigFile is the user's own configuration, used with loopback keys;
	// empty: the demo's. With ConfigFile or App, the demo gives no tour.
	ConfigFile string
	// App is HOST:PORT of the user's own application; empty: the sample.
	App string
	// Compile compiles a configuration, and returns the changes to the shipped Envoy
	// file that it needs. Its errors are config.Mistakes. Nil: nothing is compiled or
	// changed.
	Compile func(*config.Config) (envoy.Edit, error)
	// Out is the output of the tour.
	Out io.Writer
	// Color enables terminal colours.
	Color bool
	// Getenv looks up variables, as os.LookupEnv does: PATH for Envoy, and those in
	// the configuration.
	Getenv func(string) (string, bool)
}

// guided reports whether the tour can be given, which needs the demo's own
// configuration and application.
func (o Options) guided() bool { return o.ConfigFile == "" && o.App == "" }

// command returns jwtgate as the user calls it.
func (o Options) command() string { return cmp.Or(o.Command, o.Executable) }

// Run starts everything and gives the tour, or, with the user's own configuration or
// application, prints how to use it. Unless o.Once is set, it then runs until ctx
// ends. It returns when all processes and goroutines of the demo have ended.
//
// The error is [ErrSteps] if a step of the tour failed, and nil if the user ended a
// running demo. For an invalid configuration it wraps config.Mistakes.
func Run(ctx context.Context, o Options) (err error) {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &stack{fail: cancel}
	defer func() { err = errors.Join(err, s.close(err)) }()
	if err := s.start(ctx, o); err != nil {
		return err
	}
	p := &printer{out: o.Out, color: o.Color}
	if s.ports.moved != "" {
		p.line("%s", s.ports.moved)
	}
	p.line("Up in %.1f s: Envoy http://%s, application %s, jwtgate %s, issuer %s",
		time.Since(began).Seconds(), s.ports.envoy, s.appAddress, s.ports.gate, s.issuers.URL())
	if !o.guided() {
		s.greet(p, o)
		return s.stay(ctx, p, o)
	}
	p.line("On the right: the response, and the user that the application sees. A denied request does not reach it.")
	t := newTour(s, p)
	if err := t.give(ctx); err != nil {
		return err
	}
	p.line("")
	p.line("%d of %d steps passed, %.0f s after the start", t.good, t.steps, time.Since(began).Seconds())
	if t.good < t.steps {
		p.line("The configurations and logs are in %s", s.dir)
	}
	s.nextSteps(p, o)
	err = s.stay(ctx, p, o)
	if t.good < t.steps {
		err = errors.Join(ErrSteps, err)
	}
	return err
}

// stay waits until the user ends the demo or a process fails.
func (s *stack) stay(ctx context.Context, p *printer, o Options) error {
	if o.Once {
		return nil
	}
	p.line("Press Ctrl-C to stop.")
	<-ctx.Done()
	if err := context.Cause(ctx); errors.Is(err, errEnded) {
		return err
	}
	return nil
}

// interrupted returns the error of a tour that ctx ended.
func interrupted(ctx context.Context) error {
	return fmt.Errorf("the tour was interrupted: %w", context.Cause(ctx))
}
