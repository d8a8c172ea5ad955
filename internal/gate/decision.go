package gate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/token"
)

// Verdict is what becomes of a request.
type Verdict string

// The two verdicts. The zero value is neither, and is answered as a denial.
const (
	VerdictAllow Verdict = "allow"
	VerdictDeny  Verdict = "deny"
)

// RouteNone stands for the route of a request that was refused before a route
// was looked for.
const RouteNone = "none"

// Decision is the whole outcome of one request. It is made by [Gate.Decide] or
// [Gate.Refuse] and not changed after; what its slices hold may be shared.
type Decision struct {
	// ID names the decision: the replica, a dash and 16 lower-case hex digits.
	ID      string
	Time    time.Time // when it began
	Elapsed time.Duration
	Route   string // the rule's name, or RouteNone
	Verdict Verdict
	Reason  Reason
	// Detail is for operators: what was found against what was due. It never
	// goes to the client, and never holds a token.
	Detail string
	// ConfigHash is the hex SHA-256 of the config that decided.
	ConfigHash string

	// Issuer (its name) and Subject are set once a signature held; KeyID is
	// what the token named, cut to 64 bytes, and proves nothing.
	Issuer  string
	Subject string
	KeyID   string
	// Expires is the verified token's expiry, or zero.
	Expires time.Time

	// Set and Remove are the changes to an allowed request's headers. No name
	// stands in both.
	Set    []Header
	Remove []string
	// RemoveParameters are the query parameters to take out of an allowed
	// request.
	RemoveParameters []string

	// Denial is what a denied request is answered; nil when it is allowed.
	Denial *Denial
}

// Denial is what a denied request is answered with. It holds fixed texts only.
type Denial struct {
	Status     int    // HTTP, 400 to 503
	Challenge  string // WWW-Authenticate, or empty
	RetryAfter int    // seconds, 1 to 30; 0 for none
	// Title and Detail are those of a problem document (RFC 9457 section 3.1).
	Title  string
	Detail string
}

// realm is the protection space that every challenge names (RFC 9110 section
// 11.5).
const realm = "jwtgate"

// particulars are what a denial says beyond its reason's row.
type particulars struct {
	near       token.NearMiss // picks a closer text
	scopes     []string       // those that the route asks for
	maxAge     time.Duration  // of the login; 0: any
	acrValues  []string       // of the login; empty: any
	retryAfter time.Duration  // when an outage may be over; 0: not known
}

// denial renders a reason's row for a client. A reason that has no row, or that
// of an allowed request, becomes internal: the reason that is returned is the
// one that the denial is for.
func (r reasons) denial(reason Reason, more particulars) (Reason, *Denial) {
	m, known := r.table[reason]
	if !known || m.status < http.StatusBadRequest {
		reason, m = ReasonInternal, r.table[ReasonInternal]
	}
	d := &Denial{Status: m.status, Title: http.StatusText(m.status), Detail: m.text}
	if text := r.near[more.near]; text != "" {
		d.Detail = text
	}
	if m.outage {
		d.RetryAfter = min(max(int(math.Ceil(more.retryAfter.Seconds())), 1), 30)
	}
	d.Challenge = challenge(m.code, d.Detail, more)
	return reason, d
}

// challenge renders WWW-Authenticate (RFC 6750 section 3, RFC 9470 section 3).
func challenge(c code, text string, more particulars) string {
	const scheme = `Bearer realm="` + realm + `"`
	switch c {
	case codeNoChallenge:
		return ""
	case codeNoError:
		return scheme
	case codeInvalidToken:
		return scheme + `, error="` + string(c) + `", error_description="` + text + `"`
	}
	value := scheme + `, error="` + string(c) + `"`
	if len(more.scopes) > 0 {
		value += `, scope="` + strings.Join(more.scopes, " ") + `"`
	}
	if more.maxAge > 0 {
		value += ", max_age=" + strconv.FormatInt(int64(more.maxAge.Seconds()), 10)
	}
	if len(more.acrValues) > 0 {
		value += `, acr_values="` + strings.Join(more.acrValues, " ") + `"`
	}
	return value
}

// newID returns a decision id. It is unique for looking a decision up, and is
// no secret.
func newID(replica string) string { return fmt.Sprintf("%s-%016x", replica, rand.Uint64()) }
