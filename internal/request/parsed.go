package request

import (
	"cmp"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// Parsed is a request whose method, host, path and query have been read once, for all
// who ask: routes, credentials and conditions. It shares the request's memory.
type Parsed struct {
	*Request
	Host  string // in the form of [ParseHost]
	Path  Path
	Query string // as it was sent, without its question mark
	// Overrides are the methods that the query names ([AppendOverrides]); none where
	// method_override is relaxed.
	Overrides []string
	Relaxed   config.Relaxed // for the host
}

// Parse reads a request. What p held before is gone; its memory is used again. An error
// is [ErrMethodRefused], [ErrPathRefused] or [ErrHostRefused]; then only Request, Host
// and Relaxed are set.
func (p *Parsed) Parse(r *Request, relax *config.Relax) error {
	p.Request, p.Overrides, p.Query = r, p.Overrides[:0], ""
	if err := CheckMethod(r.Method); err != nil {
		return err
	}
	host, hostErr := ParseHost(r.Authority)
	p.Host, p.Relaxed = host, relax.For(host)
	err := p.Path.Parse(r.Target, p.Relaxed)
	if err = cmp.Or(err, hostErr); err != nil {
		return err
	}
	if _, p.Query, _ = strings.Cut(r.Target, "?"); p.Relaxed.MethodOverride {
		return nil
	}
	p.Overrides, err = AppendOverrides(p.Overrides, r.Method, p.Query)
	return err
}

// Reset forgets the request and keeps the memory for another.
func (p *Parsed) Reset() {
	clear(p.Overrides)
	p.Path.reset()
	*p = Parsed{Path: p.Path, Overrides: p.Overrides[:0]}
}
