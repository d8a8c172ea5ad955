package extauthz

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// MetadataKey is the key that holds the decision in the dynamic metadata of
// namespace envoy.filters.http.ext_authz.
const MetadataKey = "jwtgate"

// allowed reports whether a decision is an explicit allow. Nothing else lets a
// request pass.
func allowed(d *gate.Decision) bool { return d.Verdict == gate.VerdictAllow && d.Denial == nil }

// deny is the one constructor of denials. Both halves must say no: with a
// status of OK Envoy lets a denied_response pass, and an error_response would
// be let pass by failure_mode_allow.
func deny(d *gate.Decision, grpcClient bool) *authv3.CheckResponse {
	denial := d.Denial
	if denial == nil || denial.Status < http.StatusBadRequest {
		denial = &gate.Denial{Status: http.StatusServiceUnavailable, Title: http.StatusText(http.StatusServiceUnavailable)}
	}
	fields := append([]gate.Header{{Name: "cache-control", Value: "no-store"}}, denial.CORS...)
	if denial.Challenge != "" {
		fields = append(fields, gate.Header{Name: "www-authenticate", Value: denial.Challenge})
	}
	if denial.RetryAfter > 0 {
		fields = append(fields, gate.Header{Name: "retry-after", Value: strconv.Itoa(denial.RetryAfter)})
	}
	var body string
	if grpcClient {
		// Envoy makes grpc-message of the body, byte for byte.
		body = denial.Detail + " (" + string(d.Reason) + ", decision " + d.ID.String() + ")"
	} else {
		body = problem(d, denial)
		fields = append(fields, gate.Header{Name: "content-type", Value: "application/problem+json"})
	}
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(rpcCode(denial.Status)), Message: string(d.Reason)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(denial.Status)},
			Headers: options(fields),
			Body:    body,
		}},
		DynamicMetadata: dynamicMetadata(d),
	}
}

// rpcCode gives google.rpc.Status of a denial: never OK.
func rpcCode(status int) codes.Code {
	switch status {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	default:
		return codes.Unavailable
	}
}

// problem renders the body of a denial (RFC 9457).
func problem(d *gate.Decision, denial *gate.Denial) string {
	body, err := json.Marshal(struct {
		Status   int         `json:"status"`
		Title    string      `json:"title"`
		Detail   string      `json:"detail"`
		Reason   gate.Reason `json:"reason"`
		Decision string      `json:"decision"`
	}{denial.Status, denial.Title, denial.Detail, d.Reason, d.ID.String()})
	if err != nil {
		return "{}"
	}
	return string(body)
}

// options renders header fields that overwrite. Envoy 1.40 reads append alone
// and overwrites when it is false; later ones read append_action, whose zero
// value appends to what the client sent. Both are set, so that both overwrite.
func options(fields []gate.Header) []*corev3.HeaderValueOption {
	list := make([]*corev3.HeaderValueOption, len(fields))
	for i, h := range fields {
		list[i] = &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: h.Name, Value: h.Value},
			//lint:ignore SA1019 deprecated, and yet the one that Envoy 1.40 reads
			Append:       wrapperspb.Bool(false),
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}
	}
	return list
}

// fact is one thing that the dynamic metadata says: a text, or a number.
type fact struct {
	name, text string
	number     float64
}

// facts are all that it says of a decision, the id first.
type facts struct {
	all   [7]fact
	count int
}

func (f *facts) list() []fact { return f.all[:f.count] }

func (f *facts) add(one fact) {
	f.all[f.count] = one
	f.count++
}

// factsOf tells a decision to access logs, rate limits and RBAC. Issuer and subject
// are there only once a signature held.
func factsOf(d *gate.Decision, id string) (f facts) {
	f.add(fact{name: "decision", text: id})
	f.add(fact{name: "route", text: d.Route})
	f.add(fact{name: "verdict", text: string(d.Verdict)})
	f.add(fact{name: "reason", text: string(d.Reason)})
	// A request that goes on without identity says nobody's name here either,
	// although its token's signature held.
	if d.Verdict != gate.VerdictDeny && d.Reason != gate.ReasonAllowed {
		return f
	}
	if d.Issuer != "" {
		f.add(fact{name: "issuer", text: d.Issuer})
	}
	if d.Subject != "" {
		f.add(fact{name: "subject", text: d.Subject})
	}
	if !d.Expires.IsZero() {
		f.add(fact{name: "expires", number: float64(d.Expires.Unix())})
	}
	return f
}

// dynamicMetadata is what a denial says of itself.
func dynamicMetadata(d *gate.Decision) *structpb.Struct {
	facts := factsOf(d, d.ID.String())
	fields := make(map[string]*structpb.Value, facts.count)
	for _, f := range facts.list() {
		fields[f.name] = structpb.NewStringValue(f.text)
		if f.number != 0 {
			fields[f.name] = structpb.NewNumberValue(f.number)
		}
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		MetadataKey: structpb.NewStructValue(&structpb.Struct{Fields: fields}),
	}}
}

// fromGRPC reports whether a client speaks gRPC, and so reads no HTTP body.
func fromGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(contentType), "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}
