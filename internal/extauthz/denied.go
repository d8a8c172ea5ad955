package extauthz

import "github.com/jwtgate/jwtgate/internal/gate"

// appendDenied appends the CheckResponse of a decision that is not allowed. Both
// halves of it say no: with a status of OK Envoy lets a denied_response pass, and
// an error_response would be let pass by failure_mode_allow. False: it cannot be
// sent.
func appendDenied(to []byte, d *gate.Decision, grpcClient bool) ([]byte, bool) {
	denial, id := denialOf(d), d.ID.String()
	var space struct {
		fields [8]gate.Header
		body   [1 << 10]byte
	}
	fields := appendFields(space.fields[:0], denial, grpcClient)
	body := appendBody(space.body[:0], d, denial, id, grpcClient)
	w := writer{bytes: to}

	code, httpCode := uint64(rpcCode(denial.Status)), uint64(denial.Status)
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
