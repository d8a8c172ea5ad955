package extauthz

import (
	"google.golang.org/grpc/codes"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// appendDenied appends the CheckResponse of a decision that is neither allowed nor
// answered. False: it cannot be sent.
func appendDenied(to []byte, d *gate.Decision, grpcClient bool) ([]byte, bool) {
	denial, id := denialOf(d), d.ID.String()
	var space struct {
		fields [8]request.Header
		body   [1 << 10]byte
	}
	fields := appendFields(space.fields[:0], denial, grpcClient)
	body := appendBody(space.body[:0], d, denial, id, grpcClient)
	return appendLocal(to, d, id, rpcCode(denial.Status), denial.Status, fields, body)
}

// appendAnswered appends the CheckResponse of a decision that the gate answers in
// place of the application. To Envoy it is a denial with a status below 400.
func appendAnswered(to []byte, d *gate.Decision) ([]byte, bool) {
	var space [8]request.Header
	fields := append(append(space[:0], request.Header{Name: "cache-control", Value: "no-store"}), d.Answer.Headers...)
	return appendLocal(to, d, d.ID.String(), codes.PermissionDenied, d.Answer.Status, fields, d.Answer.Body)
}

// appendLocal appends a CheckResponse by which Envoy answers by itself. Both halves
// of it say no: with a status of OK Envoy lets a denied_response pass, and an
// error_response would be let pass by failure_mode_allow. False: it cannot be sent.
func appendLocal(to []byte, d *gate.Decision, id string, rpc codes.Code, status int, fields []request.Header, body []byte) ([]byte, bool) {
	w := writer{bytes: to}
	code, httpCode := uint64(rpc), uint64(status)
	w.begin(statusField, numberSize(code)+sized(len(d.Reason)))
	w.number(codeField, code)
	w.text(messageField, string(d.Reason))

	size := sized(numberSize(httpCode)) + sized(len(body))
	for _, h := range fields {
		size += sized(optionSize(h))
	}
	w.begin(deniedResponseField, size)
	w.begin(httpStatusField, numberSize(httpCode))
	w.number(httpCodeField, httpCode)
	for _, h := range fields {
		w.option(h)
	}
	w.octets(bodyField, body)
	w.metadata(d, id)
	return w.bytes, !w.invalid
}
