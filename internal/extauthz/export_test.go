package extauthz

import (
	"context"
	"log/slog"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/mem"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// NewServerFor is NewServer for another decider than a gate; nothing is
// observed.
func NewServerFor(d interface {
	Decide(context.Context, *gate.Request) *gate.Decision
	Refuse(gate.Reason, string) *gate.Decision
}) *Server {
	return newServer(&service{
		gate: d, logger: slog.New(slog.DiscardHandler),
		observe: func(context.Context, *gate.Request, *gate.Decision) {},
	})
}

// Response is response.
func Response(d *gate.Decision, grpcClient bool) *authv3.CheckResponse {
	return response(d, grpcClient)
}

// Answer answers the CheckRequest that data holds as the server does.
func Answer(ctx context.Context, g *gate.Gate, data []byte) *authv3.CheckResponse {
	s := &service{
		gate: g, logger: slog.New(slog.DiscardHandler),
		observe: func(context.Context, *gate.Request, *gate.Decision) {},
	}
	return s.check(ctx, func(v any) error { return newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, v) })
}

// WithBudget is withBudget.
func WithBudget(ctx context.Context, now time.Time) context.Context { return withBudget(ctx, now) }
