package main

import (
	"context"

	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// openTraces has traces sent if the variables of OpenTelemetry say where to. They
// are often set for all programs of a host alike: what this one cannot make use of
// is said aloud, and stops nothing.
func (s *server) openTraces() {
	traces, err := telemetry.NewTraces(context.Background(), s.getenv, s.logger,
		telemetry.Service{Name: "jwtgate", Version: version, Instance: s.replica})
	switch {
	case err != nil:
		s.logger.Error("traces are not sent", "error", err)
	case traces != nil:
		s.traces = traces
		s.metrics.RegisterTraces(traces)
		s.logger.Info("traces are sent", "protocol", traces.Protocol())
	}
}
