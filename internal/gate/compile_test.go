package gate_test

import (
	"context"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// newGate is a gate that decides by a config.
func newGate(cfg *config.Config, o gate.Options) (*gate.Gate, error) {
	p, err := gate.Compile(cfg, gate.CompileOptions{Logger: o.Logger, Now: o.Now})
	if err != nil {
		return nil, err
	}
	return gate.New(p, o), nil
}

// reload makes a gate decide by a config.
func reload(ctx context.Context, g *gate.Gate, cfg *config.Config) error {
	p, err := gate.Compile(cfg, gate.CompileOptions{Keys: g})
	if err != nil {
		return err
	}
	g.Reload(ctx, p)
	return nil
}

// compiles is the error of a config that does not compile.
func compiles(cfg *config.Config) error {
	p, err := gate.Compile(cfg, gate.CompileOptions{Logger: quiet()})
	if err == nil {
		p.Close()
	}
	return err
}
