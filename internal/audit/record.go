package audit

import (
	"fmt"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Record is one decision as it is logged, remembered and explained: the line of the
// log, the answer of /decisions/ID and what `jwtgate explain` prints are this one
// value, and its JSON form is the one form. It holds no token and no query. A value
// that a decision does not have is left out.
type Record struct {
	Time time.Time `json:"time"`
	// Level and Message are those of a line of the log.
	Level     string `json:"level,omitempty"`
	Message   string `json:"msg,omitempty"`
	Decision  string `json:"decision"`
	RequestID string `json:"request_id,omitempty"`
	// TraceID is that of the proxy's call (W3C Trace Context), 32 hex digits.
	TraceID string `json:"trace_id,omitempty"`
	Route   string `json:"route"`
	// Further are the names of the further rules that the request was held to.
	Further []string     `json:"further,omitempty"`
	Verdict gate.Verdict `json:"verdict"`
	Reason  gate.Reason  `json:"reason"`
	// Status is the HTTP status that the decision stands for: 200 when it is allowed,
	// whatever the application answers then.
	Status int `json:"status"`
	// WouldDeny is the reason for which the request would have been denied, had shadow
	// or if_invalid not let it go on.
	WouldDeny gate.Reason `json:"would_deny,omitempty"`
	// Detail is the text that the client received. InternalDetail and Hint, what to
	// change, are for operators alone.
	Detail         string `json:"detail,omitempty"`
	InternalDetail string `json:"internal_detail,omitempty"`
	Hint           string `json:"hint,omitempty"`
	Issuer         string `json:"issuer,omitempty"`
	Subject        string `json:"subject,omitempty"`
	KeyID          string `json:"kid,omitempty"`
	Method         string `json:"method,omitempty"`
	Host           string `json:"host,omitempty"`
	Path           string `json:"path,omitempty"`
	Source         string `json:"source,omitempty"`
	DurationUS     int64  `json:"duration_us"`
	// Cached: the token was remembered from an earlier request.
	Cached bool   `json:"cached,omitempty"`
	Config string `json:"config"` // hex SHA-256
}

// NewRecord returns the record of a decision about a request. What a client wrote is
// cut and cleaned.
func NewRecord(r *request.Request, d *gate.Decision, traceID string) Record {
	record := Record{
		Time: d.Time.UTC(), Level: levelInfo, Message: "decision", Decision: d.ID.String(), RequestID: clean(r.Header("x-request-id")), TraceID: traceID,
		Route: d.Route, Further: d.Further, Verdict: d.Verdict, Reason: d.Reason, Status: d.Status(), WouldDeny: d.WouldDeny,
		InternalDetail: clean(d.InternalDetail), Hint: clean(d.Hint),
		Issuer: d.Issuer, Subject: clean(d.Subject), KeyID: clean(d.KeyID),
		Method: clean(r.Method), Host: clean(r.Authority), Path: clean(r.RawPath()), Source: clean(r.Source),
		DurationUS: d.Elapsed.Microseconds(), Cached: d.Cached, Config: d.ConfigHash,
	}
	if d.Denial != nil {
		record.Detail = d.Denial.Detail
	}
	return record
}

// Steps says how the recorded decision came about, as far as the record tells: the
// checks before the one that decided passed.
func (r *Record) Steps() []gate.Step {
	found := map[gate.Stage]string{
		gate.StageTarget: gate.DescribeTarget(r.Method, r.Host, r.Path),
		gate.StageRoute:  r.rules(),
		gate.StageIssuer: r.Issuer,
	}
	if r.KeyID != "" {
		found[gate.StageHeader] = fmt.Sprintf("kid %q", r.KeyID)
	}
	if r.Subject != "" {
		found[gate.StageClaims] = fmt.Sprintf("subject %q", r.Subject)
	}
	return gate.Steps(&gate.Decision{
		Verdict: r.Verdict, Reason: r.Reason, WouldDeny: r.WouldDeny, InternalDetail: r.InternalDetail, Issuer: r.Issuer, Subject: r.Subject,
		KeyID: r.KeyID, Cached: r.Cached,
	}, found)
}

// rules names the rules that the request was held to.
func (r *Record) rules() string {
	if len(r.Further) == 0 {
		return r.Route
	}
	return r.Route + "; held to " + strings.Join(r.Further, ", ") + " too, since an application may read the request otherwise"
}
