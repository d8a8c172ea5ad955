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

// MetadataKey is the key of the decision in the dynamic metadata of the namespace
// envoy.filters.http.ext_authz.
const MetadataKey = "jwtgate"

// allowed reports whether a decision explicitly allows the request. Every other decision is
// sent as a denial.
func allowed(d *gate.Decision) bool {
	return d.Verdict == gate.VerdictAllow && d.Denial == nil && d.Answer == nil
}

// answered reports whether the gate explicitly answers the request itself, with a status
// that is not an error.
func answered(d *gate.Decision) bool {
	return d.Verdict == gate.VerdictAnswer && d.Denial == nil && d.Answer != nil &&
		d.Answer.Status >= http.StatusOK && d.Answer.Status < http.StatusBadRequest
}

// denialOf returns the denial of a decision that does not allow the request. Its status is
// always an error, because Envoy passes a denied_response with a status of OK.
func denialOf(d *gate.Decision) *gate.Denial {
	if d.Denial == nil || d.Denial.Status < http.StatusBadRequest {
		return &gate.Denial{Status: http.StatusServiceUnavailable, Title: http.StatusText(http.StatusServiceUnavailable)}
	}
	return d.Denial
}

// allowedResponse returns the answer for a decision that allows the request, without the
// headers to remove (see [templates.removalPart]).
func allowedResponse(d *gate.Decision, id string) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers: overwrites(d.Set.List()), ResponseHeadersToAdd: options(d.AddToResponse, nil, corev3.HeaderValueOption_ADD_IF_ABSENT),
			QueryParametersToRemove: d.RemoveParameters, // Envoy compares the bytes of their names
		}},
		DynamicMetadata: dynamicMetadata(d, id),
	}
}

// deniedResponse returns the answer for a decision that neither allows nor answers the
// request.
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
		// Envoy sends the body as grpc-message, byte for byte.
		body := denial.Detail + " (" + string(d.Reason) + ", decision " + id + ")"
		return localResponse(d, id, rpcCode(denial.Status), denial.Status, fields, body)
	}
	body, _ := json.Marshal(problem{denial.Status, denial.Title, denial.Detail, d.Reason, id}) // it cannot fail: texts and a number
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

// answeredResponse returns the answer for a decision that answers the request. For Envoy it
// is a denial with a status below 400.
func answeredResponse(d *gate.Decision, id string) *authv3.CheckResponse {
	fields := append([]request.Header{{Name: "cache-control", Value: "no-store"}}, d.Answer.Headers...)
	return localResponse(d, id, codes.PermissionDenied, d.Answer.Status, fields, string(d.Answer.Body))
}

// localResponse returns an answer with a response that Envoy sends to the client. Both its
// status and its denied_response deny the request, because Envoy ignores a denied_response
// if the status is OK. It is never an error_response, which failure_mode_allow would pass.
func localResponse(d *gate.Decision, id string, rpc codes.Code, status int, fields []request.Header, body string) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(rpc), Message: string(d.Reason)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode(status)}, Headers: overwrites(fields), Body: body,
		}},
		DynamicMetadata: dynamicMetadata(d, id),
	}
}

// rpcCode returns the code of google.rpc.Status for the HTTP status of a denial. It is never
// OK.
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

// overwrites returns header fields that replace those of the same name. Envoy 1.40 reads
// append, and overwrites if it is false. Later versions may read append_action, whose default
// would append to what the client sent.
func overwrites(fields []request.Header) []*corev3.HeaderValueOption {
	return options(fields, wrapperspb.Bool(false), corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD)
}

// options returns the options that change header fields in one way. All are parts of one
// block, because to allocate each of them would cost more than to encode it.
func options(fields []request.Header, add *wrapperspb.BoolValue, action corev3.HeaderValueOption_HeaderAppendAction,
) []*corev3.HeaderValueOption {
	block := make([]struct {
		option corev3.HeaderValueOption
		header corev3.HeaderValue
	}, len(fields))
	list := make([]*corev3.HeaderValueOption, len(fields))
	for i, h := range fields {
		header, option := &block[i].header, &block[i].option
		header.Key, header.Value = h.Name, h.Value
		option.Header, option.AppendAction = header, action
		//lint:ignore SA1019 deprecated, but the field that Envoy 1.40 reads
		option.Append = add
		list[i] = option
	}
	return list
}

// dynamicMetadata describes a decision for access logs, rate limits and RBAC. It has issuer
// and subject only if the signature was verified. A request that is allowed without identity
// has neither, even if its token has a valid signature.
func dynamicMetadata(d *gate.Decision, id string) *structpb.Struct {
	texts := [...]struct{ name, text string }{
		{"decision", id}, {"route", d.Route}, {"verdict", string(d.Verdict)}, {"reason", string(d.Reason)},
		{"issuer", d.Issuer}, {"subject", d.Subject},
	}
	const always = 4
	named := d.Verdict == gate.VerdictDeny || d.Reason == gate.ReasonAllowed
	fields := make(map[string]*structpb.Value, len(texts)+1)
	block := new([len(texts)]struct { // one allocation for all
		value structpb.Value
		kind  structpb.Value_StringValue
	})
	for i, one := range texts {
		if i < always || named && one.text != "" {
			value, kind := &block[i].value, &block[i].kind
			kind.StringValue, value.Kind = one.text, kind
			fields[one.name] = value
		}
	}
	if named && !d.Expires.IsZero() {
		fields["expires"] = structpb.NewNumberValue(float64(d.Expires.Unix()))
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		MetadataKey: structpb.NewStructValue(&structpb.Struct{Fields: fields}),
	}}
}

// isGRPC reports whether the content type is that of a gRPC client, which does not read the
// body of an HTTP response.
func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(contentType), "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}
