package request

import (
	"cmp"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// Parsed is a request with its host, path and query in the form that routes, credentials
// and conditions read. It shares the request's memory.
type Parsed struct {
	*Request
	Host  string // in the form of [ParseHost]
	Path  Path
	Query string // as sent, without the question mark
	// Overrides are the methods that the query names ([AppendOverrides]). There are none
	// if method_override is relaxed.
	Overrides []string
	Relaxed   config.Relaxed // for this host
}

// Parse parses a request into p and reuses p's memory. The error is [ErrMethodRefused],
// [ErrPathRefused] or [ErrHostRefused]; then fields other than Request may be empty.
func (p *Parsed) Parse(r *Request, relax *config.Relax) error {
	p.Reset()
	p.Request = r
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

// Reset removes the request from p and keeps the memory for another.
func (p *Parsed) Reset() {
	clear(p.Overrides)
	p.Path.reset()
	*p = Parsed{Path: p.Path, Overrides: p.Overrides[:0]}
}
