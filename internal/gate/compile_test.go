package gate_test

import (
	"context"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// newGate compiles a config and returns a gate that decides by it.
func newGate(cfg *config.Config, o gate.Options) (*gate.Gate, error) {
	p, err := gate.Compile(cfg, gate.CompileOptions{Logger: o.Logger, Now: o.Now})
	if err != nil {
		return nil, err
	}
	return gate.New(p, o), nil
}

// reload compiles a config and makes a gate decide by it.
func reload(ctx context.Context, g *gate.Gate, cfg *config.Config) error {
	p, err := gate.Compile(cfg, gate.CompileOptions{Keys: g})
	if err != nil {
		return err
	}
	g.Reload(ctx, p)
	return nil
}

// compiles returns the error of compiling a config.
func compiles(cfg *config.Config) error {
	p, err := gate.Compile(cfg, gate.CompileOptions{Logger: quiet()})
	if err == nil {
		p.Close()
	}
	return err
}
