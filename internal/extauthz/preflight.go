package extauthz

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// preflightHintInterval is how often a refused preflight is logged, for each route.
const preflightHintInterval = time.Minute

// preflightHints logs preflights that were refused since the config treats them as
// any other request. Who sees no more than a page that fails in a browser does not
// think of that. It is safe for concurrent use; make one with [newPreflightHints].
type preflightHints struct {
	logger *slog.Logger

	mu   sync.Mutex
	last map[string]time.Time // :: route -> when one was logged; routes are those of configs
}

func newPreflightHints(logger *slog.Logger) *preflightHints {
	return &preflightHints{logger: logger, last: make(map[string]time.Time)}
}

// observe logs a decision if it is such a denial and none of its route was logged
// within the last minute, by the decisions' own times.
func (p *preflightHints) observe(ctx context.Context, d *gate.Decision) {
	if !d.PreflightChecked || !p.due(d.Route, d.Time) {
		return
	}
	p.logger.WarnContext(ctx, "a CORS preflight was refused, so the browser does not send the request that follows it",
		"route", d.Route, "reason", string(d.Reason), "decision", d.ID.String(),
		"hint", "list the page's origin under cors.origins, so that the gate answers its preflights, or let Envoy's CORS filter answer them before the gate is asked")
}

func (p *preflightHints) due(route string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last, logged := p.last[route]; logged && now.Sub(last) < preflightHintInterval && now.Sub(last) > -preflightHintInterval {
		return false
	}
	p.last[route] = now
	return true
}
