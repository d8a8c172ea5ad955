package gate

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/revocation"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/routelint"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/tokencache"
)

// Policy is a compiled config. It does not change, except for the issuers' keys, which are
// refreshed, and the list of revoked tokens. It runs nothing before a gate takes it, with
// [New] or [Gate.Reload].
type Policy struct {
	cfg      *config.Config
	routes   *route.Table
	verifier *token.Verifier
	tokens   *tokencache.Cache[mapped] // verifies with verifier
	mapper   *identity.Mapper
	cors     *cors
	issuers  *issuer.Set
	// redaction is of recorded decisions; nil: none.
	redaction *Redaction
	// lastRemove is the list of removed headers of the most recent shared identity.
	lastRemove atomic.Pointer[[]string]
	// revokedReads is the gate's count of read revocation lists when this policy was
	// compiled.
	revokedReads uint64
}

// CompileOptions are the settings of [Compile].
type CompileOptions struct {
	// Logger reports changes of the issuers' keys, and Now is the clock. If they are nil,
	// the gate Keys has them; without it, they are slog's default and time.Now.
	Logger *slog.Logger
	Now    func() time.Time
	// Keys is a gate with which issuers share their keys if they fetch them from the same
	// URL or file. Nil: all keys are fetched again.
	Keys *Gate
	// Candidate: the policy is compared with the live one. It decides without side effects
	// on keys that it shares.
	Candidate bool
}

// Compile compiles a config. It reads the files that the config names, and starts and
// fetches nothing. If the config has mistakes, the error is [config.Mistakes], with the
// mistakes of all parts. [Policy.Close] closes a policy that no gate takes.
func Compile(cfg *config.Config, o CompileOptions) (*Policy, error) {
	options := issuer.Options{Logger: o.Logger, Now: o.Now}
	p := &Policy{cfg: cfg, mapper: identity.New(cfg.Identity), cors: newCORS(&cfg.CORS)}
	if g := o.Keys; g != nil {
		options.Previous, p.revokedReads = g.Issuers(), g.revokedReads.Load()
		options.Logger, options.Now = cmp.Or(o.Logger, g.options.Logger), o.Now
		if options.Now == nil {
			options.Now = g.options.Now
		}
	}
	var atRoutes, atIssuers, atRedaction error
	p.routes, atRoutes = route.New(cfg)
	p.issuers, atIssuers = issuer.NewSet(cfg, options)
	revoked, atRevoked := readRevoked(cfg)
	p.redaction, atRedaction = readRedaction(cfg)
	err := config.Together(atRoutes, atIssuers, atRevoked, atRedaction)
	if err == nil {
		err = p.verify(revoked, o.Candidate)
	}
	if err == nil {
		return p, nil
	}
	if p.issuers != nil {
		p.issuers.Close()
	}
	return nil, err
}

// Config returns the config. It must not be changed.
func (p *Policy) Config() *config.Config { return p.cfg }

// Warnings returns settings of the config that are probably not intended, in the order of
// the file. It compares routes with each other, which takes time if there are thousands.
func (p *Policy) Warnings() []config.Mistake { return routelint.Warnings(p.cfg, p.routes) }

// HeadersRead returns the names of the header fields that the routes' conditions
// read, and whether they may read any other.
func (p *Policy) HeadersRead() (names []string, all bool) { return p.routes.HeadersRead() }

// Close closes a policy that no gate has taken. [Gate.Close] closes the gate's policy.
func (p *Policy) Close() { p.issuers.Close() }

// verify makes the verifier, with the issuers' keys and the list of revoked tokens, and the
// cache of verified tokens.
func (p *Policy) verify(revoked *revocation.List, candidate bool) error {
	keys := make(map[string]token.KeySource)
	for _, i := range p.issuers.All() {
		keys[i.Name()] = i
		if candidate {
			keys[i.Name()] = issuer.Observer{Issuer: i}
		}
	}
	var err error
	of := func(issuer string) token.KeySource { return keys[issuer] }
	p.verifier, err = token.NewVerifier(p.cfg.Issuers, p.cfg.Tokens.MaxBytes, p.cfg.Identity.NamingClaims(), of)
	if err != nil {
		return err
	}
	if p.tokens, err = tokencache.New[mapped](p.verifier, p.cfg.Tokens.CacheBytes); err != nil {
		return err
	}
	p.verifier.SetRevocations(revoked)
	return nil
}

// awaitKeys waits until every issuer has keys or has failed its first fetch, but not longer
// than limit.
func (p *Policy) awaitKeys(ctx context.Context, limit time.Duration) {
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
