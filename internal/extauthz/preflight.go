package extauthz

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// preflightHintInterval is the minimum time between two log lines about refused preflights
// of one route.
const preflightHintInterval = time.Minute

// preflightHints logs preflights that were refused because the configuration treats them
// like any other request. In the browser, only a page that fails is visible, which does not
// suggest this cause. It is safe for concurrent use. Make one with [newPreflightHints].
type preflightHints struct {
	logger *slog.Logger

	mu   sync.Mutex
	last map[string]time.Time // :: route of a configuration -> time of the last log line; guarded by mu
}

func newPreflightHints(logger *slog.Logger) *preflightHints {
	return &preflightHints{logger: logger, last: make(map[string]time.Time)}
}

// observe logs a decision if it refused such a preflight, and if none of the same route was
// logged in the minute before the decision's time.
func (p *preflightHints) observe(ctx context.Context, d *gate.Decision) {
	if !d.PreflightChecked || !p.mayLog(d.Route, d.Time) {
		return
	}
	p.logger.WarnContext(ctx, "CORS preflight refused; the browser does not send the actual request",
		"route", d.Route, "reason", string(d.Reason), "decision", d.ID.String(),
		"hint", "add the page's origin to cors.origins, so that the gate answers its preflights, or let Envoy's CORS filter answer them "+
			"before ext_authz")
}

// mayLog reports whether a preflight of a route may be logged now, and records that it is.
func (p *preflightHints) mayLog(route string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last, logged := p.last[route]; logged && now.Sub(last).Abs() < preflightHintInterval {
		return false
	}
	p.last[route] = now
	return true
}
