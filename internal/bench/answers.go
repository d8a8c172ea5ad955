package main

import (
	"errors"
	"fmt"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// validator returns what is wrong with the answer to the n-th call.
type validator func(n uint64, a load.Answer) error

// response decodes the CheckResponse of an answer.
func response(a load.Answer) (*authv3.CheckResponse, error) {
	if a.Status != "200" || a.GRPCStatus != "0" {
		return nil, fmt.Errorf("status %q, grpc-status %q", a.Status, a.GRPCStatus)
	}
	const prefix = 5
	if len(a.Body) < prefix || len(a.Body)-prefix != int(a.Body[3])<<8|int(a.Body[4]) {
		return nil, fmt.Errorf("the body of %d bytes is not one gRPC message", len(a.Body))
	}
	r := &authv3.CheckResponse{}
	if err := proto.Unmarshal(a.Body[prefix:], r); err != nil {
		return nil, fmt.Errorf("read the CheckResponse: %w", err)
	}
	return r, nil
}

// allowed expects an allowed request.
func allowed(_ uint64, a load.Answer) error {
	r, err := response(a)
	if err != nil {
		return err
	}
	if r.GetStatus().GetCode() != 0 || r.GetOkResponse() == nil {
		return fmt.Errorf("not allowed: %d %s", r.GetStatus().GetCode(), r.GetStatus().GetMessage())
	}
	return nil
}

// allowedAs expects an allowed request with the identity of the call's token.
func allowedAs(tokens sample.Tokens) validator {
	return func(n uint64, a load.Answer) error {
		if err := allowed(n, a); err != nil {
			return err
		}
		r, err := response(a)
		if err != nil {
			return err
		}
		for _, h := range r.GetOkResponse().GetHeaders() {
			if h.GetHeader().GetKey() != "x-user-id" {
				continue
			}
			if got, want := h.GetHeader().GetValue(), tokens.Subject(n); got != want {
				return fmt.Errorf("x-user-id is %q; expected %q", got, want)
			}
			return nil
		}
		return errors.New("allowed without x-user-id")
	}
}

// deniedFor expects a denied request with one of the reasons, and with the HTTP
// status unless it is 0.
func deniedFor(status int32, reasons ...string) validator {
	return func(_ uint64, a load.Answer) error {
		r, err := response(a)
		if err != nil {
			return err
		}
		denied := r.GetDeniedResponse()
		if r.GetStatus().GetCode() == 0 || denied == nil {
			return fmt.Errorf("not denied: %v", r)
		}
		for _, reason := range reasons {
			if r.GetStatus().GetMessage() == reason && (status == 0 || int32(denied.GetStatus().GetCode()) == status) {
				return nil
			}
		}
		return fmt.Errorf("denied with %d %q; expected %d %q",
			denied.GetStatus().GetCode(), r.GetStatus().GetMessage(), status, reasons)
	}
}

// forwardedAs expects that Envoy forwarded the request with the identity of the
// call's token.
func forwardedAs(tokens sample.Tokens) validator {
	return func(n uint64, a load.Answer) error {
		if want := tokens.Subject(n); a.Status != "200" || a.Echo != want {
			return fmt.Errorf("status %q for user %q; expected 200 for %q", a.Status, a.Echo, want)
		}
		return nil
	}
}

// forwarded expects that Envoy forwarded the request without an identity.
func forwarded(_ uint64, a load.Answer) error {
	if a.Status != "200" || a.Echo != "" && a.Echo != "-" {
		return fmt.Errorf("status %q for user %q; expected 200 without a user", a.Status, a.Echo)
	}
	return nil
}
