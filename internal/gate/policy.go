package gate

import (
	"context"
	"errors"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token"
)

// policy is one config compiled: an immutable snapshot, but for the keys, which
// the issuers' key sets refresh.
type policy struct {
	cfg      *config.Config
	routes   *route.Table
	verifier *token.Verifier
	mapper   *identity.Mapper
	issuers  *issuer.Set
}

// Check compiles a config and throws the result away. Nothing is fetched. The
// error is [config.Mistakes] when the config is at fault.
func Check(cfg *config.Config) error {
	p, err := compile(cfg, issuer.Options{})
	if err != nil {
		return err
	}
	p.issuers.Close()
	return nil
}

// compile builds a snapshot; nothing is started. Mistakes of all parts are
// reported together.
func compile(cfg *config.Config, options issuer.Options) (*policy, error) {
	p := &policy{cfg: cfg, mapper: identity.New(cfg.Identity)}
	var mistakes config.Mistakes
	var err error
	if p.routes, err = route.New(cfg); err != nil && !errors.As(err, &mistakes) {
		return nil, err
	}
	var atIssuers issuer.Mistakes
	if p.issuers, err = issuer.NewSet(cfg.Issuers, options); err != nil && !errors.As(err, &atIssuers) {
		return nil, err
	}
	for _, m := range atIssuers {
		mistakes = append(mistakes, cfg.Mistake(m.Path, "%s", m.Text))
	}
	if len(mistakes) == 0 {
		err = p.verify()
	} else {
		err = mistakes
	}
	if err != nil && p.issuers != nil {
		p.issuers.Close()
	}
	return p, err
}

// verify makes the snapshot's verifier over its issuers' keys.
func (p *policy) verify() error {
	keys := make(map[string]token.KeySource)
	for _, i := range p.issuers.All() {
		keys[i.Name()] = i
	}
	var err error
	p.verifier, err = token.NewVerifier(p.cfg.Issuers, p.cfg.Tokens.MaxBytes, func(name string) token.KeySource { return keys[name] })
	return err
}

// awaitKeys waits until every issuer has keys or has failed a first fetch, for
// limit at most.
func (p *policy) awaitKeys(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		changed := p.issuers.Changed()
		if p.issuers.Healthy() {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
