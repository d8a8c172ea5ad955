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

// ServiceName is the name of the gRPC service that Envoy calls, and of its health
// (authv3.Authorization_ServiceDesc).
const ServiceName = "envoy.service.auth.v3.Authorization"

// APIVersion is the version of go-control-plane whose messages [scan] knows
// (TestAPIVersion).
const APIVersion = "v1.40.0"

// checker is the type of the service that the service description calls.
type checker interface {
	check(ctx context.Context, decode func(any) error) (*call, error)
}

// service answers Envoy's Check calls with the gate's decisions.
type service struct {
	gate    decider
	observe func(ctx context.Context, began time.Time, r *request.Request, d *gate.Decision)
	logger  *slog.Logger
	calls   *calls
	// oversized counts one message that is longer than maxMessageBytes.
	oversized func()
}

// decider is a [gate.Gate], or its replacement in a test.
type decider interface {
	Decide(context.Context, *request.Request) *gate.Decision
	Refuse(gate.Reason, string) *gate.Decision
}

// check reads one CheckRequest, lets the gate decide it, and renders the answer. It never
// panics, and every failure is a denial, except that a message which is compressed or longer
// than any message of Envoy is an RPC error.
func (s *service) check(ctx context.Context, decode func(any) error) (c *call, err error) {
	c = s.calls.begin(ctx)
	defer func() {
		if fault := recover(); fault != nil {
			s.logPanic(ctx, "check panicked", fault)
			err = s.answer(ctx, c, s.gate.Refuse(gate.ReasonInternal, "panic"))
		}
	}()
	err = c.decode(streamOf(ctx), decode)
	// After such an error grpc-go has already ended the stream, and with it often ctx.
	switch code := status.Code(err); {
	case err == nil:
	case code == codes.ResourceExhausted: // the message is too long
		s.oversized()
		return nil, err
	case code == codes.Internal, ctx.Err() == nil: // the message is compressed or incomplete
		return nil, err
	default:
		return c, s.answer(ctx, c, s.gate.Refuse(gate.ReasonDeadline, "the call ended before its CheckRequest was read"))
	}
	if c.err != nil {
		return c, s.answer(ctx, c, s.gate.Refuse(gate.ReasonRequestMalformed, c.err.Error()))
	}
	return c, s.answer(ctx, c, s.gate.Decide(&c.budget, &c.request))
}

func (s *service) answer(ctx context.Context, c *call, d *gate.Decision) error {
	s.record(ctx, c, d)
	err := c.render(d, s.calls)
	if err != nil {
		s.logger.ErrorContext(ctx, "encoding an answer failed", "decision", d.ID.String(), "error", err)
		err = c.render(s.gate.Refuse(gate.ReasonInternal, "encoding the answer failed"), s.calls)
	}
	return err
}

// record reports a decision to the observers. A panic there is logged and does not change
// the answer; grpc-go would let it end the process.
func (s *service) record(ctx context.Context, c *call, d *gate.Decision) {
	defer func() {
		if fault := recover(); fault != nil {
			s.logPanic(ctx, "recording a decision panicked", fault)
		}
	}()
	s.observe(ctx, c.budget.began, &c.request, d)
}

func (s *service) logPanic(ctx context.Context, message string, fault any) {
	s.logger.ErrorContext(ctx, message, "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
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
