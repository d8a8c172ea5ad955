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

// ErrSteps says that everything ran but at least one step of the tour came out
// other than it should. Any other error of [Run] means that the demo could not
// run.
var ErrSteps = errors.New("not every step came out as it should")

// Options says what [Run] is to start and how it speaks.
type Options struct {
	// Executable is the jwtgate program that is started as the server.
	Executable string
	// Command is how the user calls that program, for lines to be copied;
	// empty: Executable.
	Command string
	// Envoy is the Envoy binary; empty: what [FindEnvoy] finds.
	Envoy string
	// Once ends the demo after the tour; otherwise it stays up until the
	// context ends.
	Once bool
	// ConfigFile is the user's own configuration, used with loopback keys;
	// empty: the demo's. With either this or App there is no tour.
	ConfigFile string
	// App is HOST:PORT of the user's own application; empty: the sample.
	App string
	// Compile compiles a configuration, and returns what of the shipped Envoy file has
	// to differ for it. Its mistakes come as config.Mistakes. Nil: nothing is compiled,
	// and nothing differs.
	Compile func(*config.Config) (envoy.Edit, error)
	// Out is where the tour is told.
	Out io.Writer
	// Color marks the tour's lines by terminal colours.
	Color bool
	// Getenv looks up variables, as os.LookupEnv does: PATH for Envoy, and
	// those that the configuration names.
	Getenv func(string) (string, bool)
}

// guided says whether the tour can be given: it knows only its own
// configuration and its own application.
func (o Options) guided() bool { return o.ConfigFile == "" && o.App == "" }

// command is how the user calls jwtgate.
func (o Options) command() string { return cmp.Or(o.Command, o.Executable) }

// Run starts everything, gives the tour (or, with the user's own configuration
// or application, says how to use it), and stays up until ctx ends unless
// o.Once. It returns when every process and goroutine of the demo has ended.
//
// The error is [ErrSteps] when a step of the tour came out wrong, and nil when
// the user ended a demo that was up. A configuration with mistakes comes back
// as config.Mistakes, wrapped.
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
	p.line("On the right: the answer, and whom the application sees. A request that is denied never reaches it.")
	t := newTour(s, p)
	if err := t.give(ctx); err != nil {
		return err
	}
	p.line("")
	p.line("%d of %d as they should be, %.0f s after the start", t.good, t.steps, time.Since(began).Seconds())
	if t.good < t.steps {
		p.line("The configurations and logs are in %s", s.dir)
	}
	s.nowYours(p, o)
	err = s.stay(ctx, p, o)
	if t.good < t.steps {
		err = errors.Join(ErrSteps, err)
	}
	return err
}

// stay keeps the demo up until the user or a broken part ends it.
func (s *stack) stay(ctx context.Context, p *printer, o Options) error {
	if o.Once {
		return nil
	}
	p.line("Up until Ctrl-C.")
	<-ctx.Done()
	if err := context.Cause(ctx); errors.Is(err, errEnded) {
		return err
	}
	return nil
}

// interrupted is the error of a tour that ctx ended.
func interrupted(ctx context.Context) error {
	return fmt.Errorf("the tour was cut short: %w", context.Cause(ctx))
}
