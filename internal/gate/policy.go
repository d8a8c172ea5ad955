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
	tokens   *token.Memory // in front of verifier
	mapper   *identity.Mapper
	cors     *cors
	issuers  *issuer.Set
	removals removals
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

// Warnings says what of a config without mistakes is likely not meant, in the
// order of the file.
func Warnings(cfg *config.Config) []config.Mistake {
	routes, err := route.New(cfg)
	if err != nil {
		return nil
	}
	return routes.Warnings(cfg)
}

// compile builds a snapshot; nothing is started. Mistakes of all parts are
// reported together.
func compile(cfg *config.Config, options issuer.Options) (*policy, error) {
	p := &policy{cfg: cfg, mapper: identity.New(cfg.Identity), cors: newCORS(&cfg.CORS)}
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
	revoked, err := readRevoked(cfg)
	var atRevoked config.Mistakes
	if err != nil && !errors.As(err, &atRevoked) {
		return nil, err
	}
	mistakes = append(mistakes, atRevoked...)
	if len(mistakes) == 0 {
		err = p.verify(revoked)
	} else {
		err = mistakes
	}
	if err != nil && p.issuers != nil {
		p.issuers.Close()
	}
	return p, err
}

// verify makes the snapshot's verifier over its issuers' keys, and what is
// revoked.
func (p *policy) verify(revoked *token.Revocations) error {
	keys := make(map[string]token.KeySource)
	for _, i := range p.issuers.All() {
		keys[i.Name()] = i
	}
	var err error
	p.verifier, err = token.NewVerifier(p.cfg.Issuers, p.cfg.Tokens.MaxBytes, p.cfg.Identity.NamingClaims(), func(name string) token.KeySource { return keys[name] })
	if err != nil {
		return err
	}
	if p.tokens, err = token.NewMemory(p.verifier, p.cfg.Tokens.CacheBytes); err != nil {
		return err
	}
	p.verifier.SetRevocations(revoked)
	return nil
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
