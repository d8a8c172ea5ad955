package main

import (
	"fmt"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// judgement says what is wrong with the n-th call's answer.
type judgement func(n uint64, a load.Answer) error

// response reads the CheckResponse of an answer.
func response(a load.Answer) (*authv3.CheckResponse, error) {
	if a.Status != "200" || a.GRPCStatus != "0" {
		return nil, fmt.Errorf("status %q, grpc-status %q", a.Status, a.GRPCStatus)
	}
	const prefix = 5
	if len(a.Body) < prefix || len(a.Body)-prefix != int(a.Body[3])<<8|int(a.Body[4]) {
		return nil, fmt.Errorf("a body of %d bytes is no gRPC message", len(a.Body))
	}
	r := &authv3.CheckResponse{}
	if err := proto.Unmarshal(a.Body[prefix:], r); err != nil {
		return nil, fmt.Errorf("read the CheckResponse: %w", err)
	}
	return r, nil
}

// allowedPlainly wants a yes, and no identity.
func allowedPlainly(_ uint64, a load.Answer) error {
	r, err := response(a)
	if err != nil {
		return err
	}
	if r.GetStatus().GetCode() != 0 || r.GetOkResponse() == nil {
		return fmt.Errorf("it was not allowed: %d %s", r.GetStatus().GetCode(), r.GetStatus().GetMessage())
	}
	return nil
}

// allowedAs wants a yes, and the identity of the token that was sent.
func allowedAs(tokens sample.Tokens) judgement {
	return func(n uint64, a load.Answer) error {
		if err := allowedPlainly(n, a); err != nil {
			return err
		}
		r, err := response(a)
		if err != nil {
			return err
		}
		for _, h := range r.GetOkResponse().GetHeaders() {
			if h.GetHeader().GetKey() == "x-user-id" {
				if got, want := h.GetHeader().GetValue(), tokens.Subject(n); got != want {
					return fmt.Errorf("x-user-id is %q, want %q", got, want)
				}
				return nil
			}
		}
		return fmt.Errorf("it was allowed without x-user-id")
	}
}

// deniedFor wants a no with one of the reasons, of which there must be one.
func deniedFor(status int32, reasons ...string) judgement {
	return func(_ uint64, a load.Answer) error {
		r, err := response(a)
		if err != nil {
			return err
		}
		denied := r.GetDeniedResponse()
		if r.GetStatus().GetCode() == 0 || denied == nil {
			return fmt.Errorf("it was not denied: %v", r)
		}
		for _, reason := range reasons {
			if r.GetStatus().GetMessage() == reason && (status == 0 || int32(denied.GetStatus().GetCode()) == status) {
				return nil
			}
		}
		return fmt.Errorf("denied with %d for %q, want %d for %q", denied.GetStatus().GetCode(), r.GetStatus().GetMessage(), status, reasons)
	}
}

// passedAs wants Envoy to have let a call pass, with the token's identity.
func passedAs(tokens sample.Tokens) judgement {
	return func(n uint64, a load.Answer) error {
		if want := tokens.Subject(n); a.Status != "200" || a.Echo != want {
			return fmt.Errorf("status %q for %q, want 200 for %q", a.Status, a.Echo, want)
		}
		return nil
	}
}

// passedPlainly wants Envoy to have let a call pass, without an identity.
func passedPlainly(_ uint64, a load.Answer) error {
	if a.Status != "200" || a.Echo != "" && a.Echo != "-" {
		return fmt.Errorf("status %q for %q, want 200 for nobody", a.Status, a.Echo)
	}
	return nil
}
