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

// Verdict is what becomes of a request.
type Verdict string

// The verdicts. The zero value is none of them, and is answered as a denial.
const (
	VerdictAllow Verdict = "allow" // it goes on to the application
	VerdictDeny  Verdict = "deny"
	// VerdictAnswer: the gate answers it in place of the application, and nothing
	// is wrong with it.
	VerdictAnswer Verdict = "answer"
)

const (
	// RouteNone stands for the route of a request that was refused, or answered,
	// before a route was looked for.
	RouteNone = "none"
	// RouteDefault is the route of requests that no configured one matches.
	RouteDefault = route.DefaultName
)

// Decision is the whole outcome of one request. [Gate.Decide] or [Gate.Refuse] makes it.
// It never changes, and must not be changed: decisions share lists with each other.
type Decision struct {
	ID      ID
	Time    time.Time // when it began
	Elapsed time.Duration
	// Route is the name of the rule that decided, or RouteNone: of a denial the first
	// one that refused, else the request's own. Further are the names of the further
	// rules that the request was held to, in file order.
	Route   string
	Further []string
	Verdict Verdict
	Reason  Reason
	// InternalDetail is for operators: what was found against what was due. It never
	// goes to the client, and never holds a token.
	InternalDetail string
	// Hint is for operators too: what to change so that it would be allowed.
	// Empty when it was.
	Hint string
	// WouldDeny is the reason for which the request would have been denied, had
	// a rule not let it go on (if_invalid, shadow); empty otherwise.
	WouldDeny Reason
	// ConfigHash is the hex SHA-256 of the config that decided.
	ConfigHash string

	// Issuer (its name) and Subject are set once a signature held; KeyID is
	// what the token named, cut to 80 bytes, and proves nothing.
	Issuer  string
	Subject string
	KeyID   string
	// Expires is the verified token's expiry, or zero.
	Expires time.Time

	// Set and Remove are the changes to an allowed request's headers. No name
	// stands in both.
	Set    []request.Header
	Remove []string
	// RemoveParameters are the query parameters to take out of an allowed
	// request.
	RemoveParameters []string

	// AddToResponse are the header fields that the response to an allowed request
	// gets unless it has them. The list is shared.
	AddToResponse []request.Header

	// Denial is what a denied request is answered, Answer what one is that the gate
	// answers in place of the application; nil otherwise.
	Denial *Denial
	Answer *Answer
	// PreflightChecked: the request that was denied is a CORS preflight, which the
	// config has treated as any other request.
	PreflightChecked bool

	// Identity is the value that all decisions share which allow this token under this
	// rule. Set and Remove are its lists. Nil: this decision shares nothing.
	Identity *Identity

	// Record: the config wants the decision written down, at To.
	Record bool
	To     config.AuditTarget
	// Presented: there was one token, and it was looked at. Cached: it was
	// remembered from an earlier request.
	Presented, Cached bool
}

// Status returns the HTTP status that the decision stands for: 200 when it is
// allowed.
func (d *Decision) Status() int {
	switch {
	case d.Denial != nil:
		return d.Denial.Status
	case d.Answer != nil:
		return d.Answer.Status
	}
	return http.StatusOK
}

// Answer is what a request is answered that does not reach the application. It may
// hold parts of the request that were checked for their form.
type Answer struct {
	Status  int // HTTP, 200 to 399
	Headers []request.Header
	Body    []byte // nil: none
}

// Denial is what a denied request is answered with. It holds fixed texts only.
type Denial struct {
	Status     int    // HTTP, 400 to 503
	Challenge  string // WWW-Authenticate, or empty
	RetryAfter int    // seconds, 1 to 30; 0 for none
	// CORS are the fields by which a browser lets its page read the denial;
	// empty where the config names no origins.
	CORS []request.Header
	// Title and Detail are those of a problem document (RFC 9457 section 3.1).
	Title  string
	Detail string
}

// realm is the protection space that every challenge names (RFC 9110 section
// 11.5).
const realm = "jwtgate"

// denial renders a reason's row for a client. A reason that has no row, or that
// of an allowed request, becomes internal: the row that is returned is the one
// that the denial is for.
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

// ID names a decision. It is unique for looking a decision up, and is no secret.
type ID struct {
	Replica string
	Number  uint64 // random
}

// idDigits is the width of an id's number in its text.
const idDigits = 16

// String returns the replica, a dash and 16 lower-case hex digits.
func (id ID) String() string {
	var space [64]byte
	return string(id.Append(space[:0]))
}

// Append appends the id's text.
func (id ID) Append(text []byte) []byte {
	const digits = "0123456789abcdef"
	text = append(append(text, id.Replica...), '-')
	for shift := 4 * (idDigits - 1); shift >= 0; shift -= 4 {
		text = append(text, digits[id.Number>>shift&0xf])
	}
	return text
}

// ParseID reads an id's text.
func ParseID(text string) (ID, bool) {
	at := len(text) - idDigits
	if at < 1 || text[at-1] != '-' {
		return ID{}, false
	}
	number, err := strconv.ParseUint(text[at:], 16, 64)
	id := ID{Replica: text[:at-1], Number: number}
	return id, err == nil && id.String() == text
}
