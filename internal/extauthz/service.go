package extauthz

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// ServiceName is the gRPC service that Envoy asks, and the name that its health
// is reported under.
const ServiceName = "envoy.service.auth.v3.Authorization"

// checker is what the service description calls.
type checker interface {
	check(ctx context.Context, decode func(any) error) *authv3.CheckResponse
}

// service answers Envoy's Check calls with the gate's decisions.
type service struct {
	gate    decider
	observe func(context.Context, *gate.Request, *gate.Decision)
	logger  *slog.Logger
}

// decider is the gate, or what a test puts in its place.
type decider interface {
	Decide(context.Context, *gate.Request) *gate.Decision
	Refuse(gate.Reason, string) *gate.Decision
}

// check reads one CheckRequest, has it decided and renders the answer. It never
// fails and never panics: whatever goes wrong is a denial.
func (s *service) check(ctx context.Context, decode func(any) error) (answer *authv3.CheckResponse) {
	asked := &gate.Request{}
	defer func() {
		if fault := recover(); fault != nil {
			s.panicked(ctx, "a check panicked", fault)
			answer = s.answer(ctx, asked, s.gate.Refuse(gate.ReasonInternal, "a panic"))
		}
	}()
	var q question
	if err := decode(&q); err != nil || q.err != nil {
		return s.answer(ctx, asked, s.gate.Refuse(gate.ReasonRequestMalformed, "the CheckRequest cannot be decoded"))
	}
	read, err := request(&q.check)
	if err != nil {
		return s.answer(ctx, asked, s.gate.Refuse(gate.ReasonRequestMalformed, err.Error()))
	}
	asked = read
	return s.answer(ctx, asked, s.gate.Decide(withBudget(ctx, time.Now()), asked))
}

func (s *service) answer(ctx context.Context, asked *gate.Request, d *gate.Decision) *authv3.CheckResponse {
	s.record(ctx, asked, d)
	return response(d, fromGRPC(asked.Header("content-type")))
}

// record has a decision observed. A fault in that is told, and changes nothing
// of the decision: grpc-go would let a panic end the process.
func (s *service) record(ctx context.Context, asked *gate.Request, d *gate.Decision) {
	defer func() {
		if fault := recover(); fault != nil {
			s.panicked(ctx, "a decision could not be recorded", fault)
		}
	}()
	s.observe(ctx, asked, d)
}

func (s *service) panicked(ctx context.Context, what string, fault any) {
	s.logger.ErrorContext(ctx, what, "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
}

// description is the service as grpc-go wants it. The generated one would have
// no say in what becomes of a message that cannot be decoded; here that is a
// denial (see [codec]).
func description() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: ServiceName,
		HandlerType: (*checker)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Check",
			Handler: func(server any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				return server.(checker).check(ctx, decode), nil
			},
		}},
		Metadata: "envoy/service/auth/v3/external_auth.proto",
	}
}
