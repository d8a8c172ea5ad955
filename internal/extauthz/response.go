package extauthz

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"

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

// answered reports whether a decision is explicitly answered by the gate, with a
// status that is no error's.
func answered(d *gate.Decision) bool {
	return d.Verdict == gate.VerdictAnswer && d.Denial == nil && d.Answer != nil &&
		d.Answer.Status >= http.StatusOK && d.Answer.Status < http.StatusBadRequest
}

// denialOf is what a decision that is not allowed is answered with: never what
// Envoy would let pass, which a denied_response with a status of OK is.
func denialOf(d *gate.Decision) *gate.Denial {
	if d.Denial == nil || d.Denial.Status < http.StatusBadRequest {
		return &gate.Denial{Status: http.StatusServiceUnavailable, Title: http.StatusText(http.StatusServiceUnavailable)}
	}
	return d.Denial
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

// appendFields appends the header fields of a denial.
func appendFields(to []request.Header, denial *gate.Denial, grpcClient bool) []request.Header {
	to = append(append(to, request.Header{Name: "cache-control", Value: "no-store"}), denial.CORS...)
	if denial.Challenge != "" {
		to = append(to, request.Header{Name: "www-authenticate", Value: denial.Challenge})
	}
	if denial.RetryAfter > 0 {
		to = append(to, request.Header{Name: "retry-after", Value: strconv.Itoa(denial.RetryAfter)})
	}
	if !grpcClient {
		to = append(to, request.Header{Name: "content-type", Value: "application/problem+json"})
	}
	return to
}

// appendBody appends the body of a denial: a problem document (RFC 9457), or for
// a client that speaks gRPC one line of text, since Envoy makes grpc-message of
// it, byte for byte.
func appendBody(to []byte, d *gate.Decision, denial *gate.Denial, id string, grpcClient bool) []byte {
	if grpcClient {
		to = append(append(to, denial.Detail...), " ("...)
		to = append(append(to, d.Reason...), ", decision "...)
		return append(append(to, id...), ')')
	}
	to = strconv.AppendInt(append(to, `{"status":`...), int64(denial.Status), 10)
	to = appendJSON(append(to, `,"title":`...), denial.Title)
	to = appendJSON(append(to, `,"detail":`...), denial.Detail)
	to = appendJSON(append(to, `,"reason":`...), string(d.Reason))
	to = appendJSON(append(to, `,"decision":`...), id)
	return append(to, '}')
}

// appendJSON appends a text as encoding/json writes it. Nearly all are plain, and
// are between their quotes what they are.
func appendJSON(to []byte, text string) []byte {
	for _, c := range []byte(text) {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(text) // no text fails
			return append(to, quoted...)
		}
	}
	return append(append(append(to, '"'), text...), '"')
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

// fromGRPC reports whether a client speaks gRPC, and so reads no HTTP body.
func fromGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(contentType), "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}
