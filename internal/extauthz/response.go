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
	"github.com/jwtgate/jwtgate/internal/request"
)

// MetadataKey is the key that holds the decision in the dynamic metadata of
// namespace envoy.filters.http.ext_authz.
const MetadataKey = "jwtgate"

// allowed reports whether a decision is an explicit allow. Nothing else lets a
// request pass.
func allowed(d *gate.Decision) bool {
	return d.Verdict == gate.VerdictAllow && d.Denial == nil && d.Answer == nil
}

// answered reports whether the gate explicitly answers the request itself, with a
// status that is not an error.
func answered(d *gate.Decision) bool {
	return d.Verdict == gate.VerdictAnswer && d.Denial == nil && d.Answer != nil &&
		d.Answer.Status >= http.StatusOK && d.Answer.Status < http.StatusBadRequest
}

// denialOf returns what a decision that is not allowed is answered with. It is never
// what Envoy would let pass: a denied_response with a status of OK.
func denialOf(d *gate.Decision) *gate.Denial {
	if d.Denial == nil || d.Denial.Status < http.StatusBadRequest {
		return &gate.Denial{Status: http.StatusServiceUnavailable, Title: http.StatusText(http.StatusServiceUnavailable)}
	}
	return d.Denial
}

// allowedResponse returns the answer of an allowed decision.
func allowedResponse(d *gate.Decision, id string) *authv3.CheckResponse {
	added := make([]*corev3.HeaderValueOption, len(d.AddToResponse))
	for i, h := range d.AddToResponse {
		added[i] = &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: h.Name, Value: h.Value}, AppendAction: corev3.HeaderValueOption_ADD_IF_ABSENT,
		}
	}
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers: overwrites(d.Set), HeadersToRemove: d.Remove, ResponseHeadersToAdd: added,
			QueryParametersToRemove: d.RemoveParameters, // Envoy compares the bytes of their names
		}},
		DynamicMetadata: dynamicMetadata(d, id),
	}
}

// deniedResponse returns the answer of a decision that is neither allowed nor answered.
func deniedResponse(d *gate.Decision, id string, grpcClient bool) *authv3.CheckResponse {
	denial := denialOf(d)
	fields := append([]request.Header{{Name: "cache-control", Value: "no-store"}}, denial.CORS...)
	if denial.Challenge != "" {
		fields = append(fields, request.Header{Name: "www-authenticate", Value: denial.Challenge})
	}
	if denial.RetryAfter > 0 {
		fields = append(fields, request.Header{Name: "retry-after", Value: strconv.Itoa(denial.RetryAfter)})
	}
	if grpcClient {
		// Envoy makes grpc-message of the body, byte for byte.
		body := denial.Detail + " (" + string(d.Reason) + ", decision " + id + ")"
		return localResponse(d, id, rpcCode(denial.Status), denial.Status, fields, body)
	}
	body, _ := json.Marshal(problem{denial.Status, denial.Title, denial.Detail, d.Reason, id}) // texts and a number: it cannot fail
	fields = append(fields, request.Header{Name: "content-type", Value: "application/problem+json"})
	return localResponse(d, id, rpcCode(denial.Status), denial.Status, fields, string(body))
}

// problem is the body of a denial (RFC 9457).
type problem struct {
	Status   int         `json:"status"`
	Title    string      `json:"title"`
	Detail   string      `json:"detail"`
	Reason   gate.Reason `json:"reason"`
	Decision string      `json:"decision"`
}

// answeredResponse returns the answer of a decision that the gate answers itself. For
// Envoy it is a denial with a status below 400.
func answeredResponse(d *gate.Decision, id string) *authv3.CheckResponse {
	fields := append([]request.Header{{Name: "cache-control", Value: "no-store"}}, d.Answer.Headers...)
	return localResponse(d, id, codes.PermissionDenied, d.Answer.Status, fields, string(d.Answer.Body))
}

// localResponse returns an answer that Envoy sends to the client. Both parts of it deny:
// Envoy lets a denied_response pass if the RPC's status is OK, and failure_mode_allow
// would let an error_response pass.
func localResponse(d *gate.Decision, id string, rpc codes.Code, status int, fields []request.Header, body string) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(rpc), Message: string(d.Reason)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode(status)}, Headers: overwrites(fields), Body: body,
		}},
		DynamicMetadata: dynamicMetadata(d, id),
	}
}

// rpcCode returns the code of google.rpc.Status for a denial. It is never OK.
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

// overwrites returns header fields that replace what is there. Envoy 1.40 reads append
// and overwrites if it is false. Later versions read append_action, whose default would
// append to what the client sent.
func overwrites(fields []request.Header) []*corev3.HeaderValueOption {
	options := make([]*corev3.HeaderValueOption, len(fields))
	for i, h := range fields {
		options[i] = &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: h.Name, Value: h.Value},
			//lint:ignore SA1019 deprecated, but the field that Envoy 1.40 reads
			Append:       wrapperspb.Bool(false),
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}
	}
	return options
}

// dynamicMetadata describes a decision for access logs, rate limits and RBAC. Issuer and
// subject are set only once the signature was verified. A request that goes on without
// identity has neither, although its token's signature may be good.
func dynamicMetadata(d *gate.Decision, id string) *structpb.Struct {
	fields := map[string]*structpb.Value{
		"decision": structpb.NewStringValue(id),
		"route":    structpb.NewStringValue(d.Route),
		"verdict":  structpb.NewStringValue(string(d.Verdict)),
		"reason":   structpb.NewStringValue(string(d.Reason)),
	}
	if d.Verdict == gate.VerdictDeny || d.Reason == gate.ReasonAllowed {
		if d.Issuer != "" {
			fields["issuer"] = structpb.NewStringValue(d.Issuer)
		}
		if d.Subject != "" {
			fields["subject"] = structpb.NewStringValue(d.Subject)
		}
		if !d.Expires.IsZero() {
			fields["expires"] = structpb.NewNumberValue(float64(d.Expires.Unix()))
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
