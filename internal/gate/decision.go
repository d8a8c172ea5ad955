package gate

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

// Verdict is the outcome of a decision.
type Verdict string

// The verdicts. The zero value is not a verdict, and the request is denied.
const (
	VerdictAllow Verdict = "allow" // Envoy forwards the request to the application
	VerdictDeny  Verdict = "deny"
	// VerdictAnswer: the gate answers the request instead of the application. It is not a
	// denial.
	VerdictAnswer Verdict = "answer"
)

const (
	// RouteNone is the route of a request that was denied or answered before a route was
	// matched.
	RouteNone = "none"
	// RouteDefault is the route of requests that match no configured route.
	RouteDefault = route.DefaultName
)

// Decision is the complete result for one request. [Gate.Decide] or [Gate.Refuse] makes it.
// It must not be changed: decisions share lists with each other.
type Decision struct {
	ID      ID
	Time    time.Time // when the gate began to decide
	Elapsed time.Duration
	// Route is the name of the rule that decided, or RouteNone: the first rule that denied
	// the request, or else the request's own. Further are the names of the further rules
	// that the request must pass, in file order.
	Route   string
	Further []string
	Verdict Verdict
	Reason  Reason
	// InternalDetail says what a check found and what it expected. It is for operators, is
	// never sent to the client, and never contains a token.
	InternalDetail string
	// Hint says what to change so that the request would be allowed. It is for operators
	// too, and empty if no check failed.
	Hint string
	// WouldDeny is the reason of a denial that a rule did not enforce (if_invalid, shadow).
	// Empty if there is none.
	WouldDeny Reason
	// ConfigHash is the hex SHA-256 of the config that decided.
	ConfigHash string

	// Issuer (its name) and Subject are set only if the signature was verified. KeyID is the
	// kid of the token, cut to 80 bytes, and proves nothing.
	Issuer  string
	Subject string
	KeyID   string
	// Expires is the verified token's expiry, or zero.
	Expires time.Time

	// Set and Remove are the changes to an allowed request's headers. No name is in both.
	Set    request.Packed
	Remove []string
	// RemoveParameters are the query parameters to remove from an allowed request.
	RemoveParameters []string

	// AddToResponse are the header fields to add to the response to an allowed request
	// unless the response has them.
	AddToResponse []request.Header

	// Denial is set if the verdict is deny, and Answer if it is answer.
	Denial *Denial
	Answer *Answer
	// PreflightChecked: the denied request is a CORS preflight, which the config treats like
	// any other request.
	PreflightChecked bool

	// Rendered is what KeepRendered kept when an earlier request with this token was allowed
	// under this rule, with the same Set, Remove and AddToResponse; empty if nothing was.
	Rendered string
	// KeepRendered lets a renderer keep what it made from the decision for such requests. It
	// must not contain anything else that differs between them. Nil: it cannot be kept, or
	// was.
	KeepRendered func(rendered string)

	// Record: the decision is written to the audit log, at To.
	Record bool
	To     config.AuditTarget
	// Redaction is what the record leaves out or replaces; nil: nothing. Revealed are the
	// parts of InternalDetail and Hint that show the subject or the path.
	Redaction *Redaction
	Revealed  []string
	// Presented: the request has one token, and it was verified or denied. Cached: it was
	// verified for an earlier request.
	Presented, Cached bool
}

// Status returns the HTTP status of the denial or the answer. It is 200 for an allowed
// request.
func (d *Decision) Status() int {
	switch {
	case d.Denial != nil:
		return d.Denial.Status
	case d.Answer != nil:
		return d.Answer.Status
	}
	return http.StatusOK
}

// Answer is the response to a request that the gate answers instead of the application. It
// can contain parts of the request whose form was checked.
type Answer struct {
	Status  int // HTTP, 200 to 399
	Headers []request.Header
	Body    []byte // nil: none
}

// Denial is the response to a denied request. Its texts are fixed.
type Denial struct {
	Status     int    // HTTP, 400 to 503
	Challenge  string // WWW-Authenticate; empty for none
	RetryAfter int    // seconds, 1 to 30; 0 for none
	// CORS are the fields that let a page of a listed origin read the denial. Empty if the
	// config lists no origins.
	CORS []request.Header
	// Title and Detail are members of a problem document (RFC 9457 section 3.1).
	Title  string
	Detail string
}

// realm is the protection space in every challenge (RFC 9110 section 11.5).
const realm = "jwtgate"

// denial returns the response for a reason, and the reason's row. A reason without a row,
// or of an allowed request, becomes [ReasonInternal].
func (r *reasons) denial(reason Reason, failure *denial.Error) (ReasonInfo, *Denial) {
	m, known := r.named[reason]
	if !known || m.Status < http.StatusBadRequest {
		m = r.named[ReasonInternal]
	}
	d := &Denial{Status: m.Status, Title: http.StatusText(m.Status), Detail: m.Text}
	if text := r.near[failure.Near]; text != "" {
		d.Detail = text
	}
	if m.Outage {
		d.RetryAfter = min(max(int(math.Ceil(failure.RetryAfter.Seconds())), 1), 30)
	}
	d.Challenge = challenge(m.Code, d.Detail, failure)
	return m, d
}

// challenge renders WWW-Authenticate (RFC 6750 section 3, RFC 9470 section 3).
func challenge(c Code, text string, failure *denial.Error) string {
	const scheme = `Bearer realm="` + realm + `"`
	switch c {
	case CodeNoChallenge:
		return ""
	case CodeNoError:
		return scheme
	case CodeInvalidToken:
		return scheme + `, error="` + string(c) + `", error_description="` + text + `"`
	}
	value := scheme + `, error="` + string(c) + `"`
	if len(failure.Scopes) > 0 {
		value += `, scope="` + strings.Join(failure.Scopes, " ") + `"`
	}
	if failure.MaxAge > 0 {
		value += ", max_age=" + strconv.FormatInt(int64(failure.MaxAge.Seconds()), 10)
	}
	if len(failure.ACRValues) > 0 {
		value += `, acr_values="` + strings.Join(failure.ACRValues, " ") + `"`
	}
	return value
}

// ID identifies a decision, so that it can be found in the log. It is not secret.
type ID struct {
	Replica string
	Number  uint64 // random
}

// idDigits is the number of digits in an ID's text.
const idDigits = 16

// String returns the replica, a dash and 16 lower-case hex digits.
func (id ID) String() string {
	var space [64]byte
	return string(id.Append(space[:0]))
}

// Append appends the ID's text.
func (id ID) Append(text []byte) []byte {
	const digits = "0123456789abcdef"
	text = append(append(text, id.Replica...), '-')
	for shift := 4 * (idDigits - 1); shift >= 0; shift -= 4 {
		text = append(text, digits[id.Number>>shift&0xf])
	}
	return text
}

// ParseID parses an ID's text.
func ParseID(text string) (ID, bool) {
	at := len(text) - idDigits
	if at < 1 || text[at-1] != '-' {
		return ID{}, false
	}
	number, err := strconv.ParseUint(text[at:], 16, 64)
	id := ID{Replica: text[:at-1], Number: number}
	return id, err == nil && id.String() == text
}
