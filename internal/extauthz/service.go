package extauthz

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// ServiceName is the gRPC service that Envoy asks, and the name that its health
// is reported under (authv3.Authorization_ServiceDesc).
const ServiceName = "envoy.service.auth.v3.Authorization"

// APIVersion is the version of go-control-plane whose messages the scan knows
// (TestAPIVersion).
const APIVersion = "v1.40.0"

// checker is what the service description calls.
type checker interface {
	check(ctx context.Context, decode func(any) error) (*call, error)
}

// service answers Envoy's Check calls with the gate's decisions.
type service struct {
	gate    decider
	observe func(ctx context.Context, began time.Time, asked *request.Request, d *gate.Decision)
	logger  *slog.Logger
	calls   *calls
	// oversized counts a message that is longer than maxMessageBytes.
	oversized func()
}

// decider is the gate, or what a test puts in its place.
type decider interface {
	Decide(context.Context, *request.Request) *gate.Decision
	Refuse(gate.Reason, string) *gate.Decision
}

// check reads one CheckRequest, has it decided and renders the answer. It never
// panics, and whatever goes wrong is a denial, but for a message that is longer than
// any of Envoy's, or compressed: that is an error of the RPC.
func (s *service) check(ctx context.Context, decode func(any) error) (c *call, err error) {
	c = s.calls.begin(ctx)
	defer func() {
		if fault := recover(); fault != nil {
			s.panicked(ctx, "a check panicked", fault)
			err = s.answer(ctx, c, s.gate.Refuse(gate.ReasonInternal, "a panic"))
		}
	}()
	err = c.decode(begun(ctx), decode)
	if err != nil && ctx.Err() == nil { // its message is too long, or compressed
		if status.Code(err) == codes.ResourceExhausted {
			s.oversized()
		}
		return nil, err
	}
	if err != nil {
		return c, s.answer(ctx, c, s.gate.Refuse(gate.ReasonDeadline, "the call ended before its question was read"))
	}
	if c.err != nil {
		return c, s.answer(ctx, c, s.gate.Refuse(gate.ReasonRequestMalformed, c.err.Error()))
	}
	return c, s.answer(ctx, c, s.gate.Decide(&c.budget, &c.asked))
}

func (s *service) answer(ctx context.Context, c *call, d *gate.Decision) error {
	s.record(ctx, c, d)
	err := c.render(d, s.calls)
	if err != nil {
		s.logger.ErrorContext(ctx, "an answer cannot be sent", "decision", d.ID.String(), "error", err)
		err = c.render(s.gate.Refuse(gate.ReasonInternal, "an answer that cannot be sent"), s.calls)
	}
	return err
}

// record has a decision observed. A fault in that is told, and changes nothing
// of the decision: grpc-go would let a panic end the process.
func (s *service) record(ctx context.Context, c *call, d *gate.Decision) {
	defer func() {
		if fault := recover(); fault != nil {
			s.panicked(ctx, "a decision could not be recorded", fault)
		}
	}()
	s.observe(ctx, c.budget.began, &c.asked, d)
}

func (s *service) panicked(ctx context.Context, what string, fault any) {
	s.logger.ErrorContext(ctx, what, "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
}

// description is go-control-plane's description of the service with another handler. The
// generated one fails the RPC of a message that cannot be decoded; this one denies the
// request (see [codec]).
func description() *grpc.ServiceDesc {
	generated := authv3.Authorization_ServiceDesc
	generated.HandlerType = (*checker)(nil)
	generated.Methods = []grpc.MethodDesc{{
		MethodName: generated.Methods[0].MethodName,
		Handler: func(server any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			return server.(checker).check(ctx, decode)
		},
	}}
	return &generated
}
