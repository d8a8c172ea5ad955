package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Record is one decision as it is logged, kept in memory and explained: the line of the
// log, the response of /decisions/ID and the output of `jwtgate explain` all come from it.
// It contains no token and no query. A value that a decision does not have is left out.
type Record struct {
	Time time.Time `json:"time"`
	// Level and Message are those of a line of the log.
	Level     string `json:"level,omitempty"`
	Message   string `json:"msg,omitempty"`
	Decision  string `json:"decision"`
	RequestID string `json:"request_id,omitempty"`
	// TraceID is the ID of the trace of the proxy's call (W3C Trace Context), 32 hex
	// digits.
	TraceID string `json:"trace_id,omitempty"`
	Route   string `json:"route"`
	// Further are the names of the further rules that were applied to the request.
	Further []string     `json:"further,omitempty"`
	Verdict gate.Verdict `json:"verdict"`
	Reason  gate.Reason  `json:"reason"`
	// Status is the HTTP status of the decision: 200 if the request is allowed, whatever
	// the application then responds.
	Status int `json:"status"`
	// WouldDeny is the reason for which the request would have been denied if shadow or
	// if_invalid had not let it pass.
	WouldDeny gate.Reason `json:"would_deny,omitempty"`
	// Detail is the text that the client received. InternalDetail and Hint, which says
	// what to change, are for operators only.
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
	// Cached reports whether the token was remembered from an earlier request.
	Cached bool   `json:"cached,omitempty"`
	Config string `json:"config"` // hex SHA-256
	// Redacted are the fields that the configuration leaves out or replaces by a hash.
	Redacted []config.RedactField `json:"redacted,omitempty"`
}

// NewRecord returns the record of a decision about a request. Texts that a client chose
// are truncated, and tokens in them are replaced.
func NewRecord(r *request.Request, d *gate.Decision, traceID string) Record {
	record := newBase(r, d, d.Redaction)
	record.TraceID, record.Source = traceID, redact(d.Redaction, config.RedactSource, r.Source)
	record.Further, record.Verdict, record.Status, record.WouldDeny = d.Further, d.Verdict, d.Status(), d.WouldDeny
	record.KeyID, record.Cached, record.DurationUS = clean(d.KeyID), d.Cached, d.Elapsed.Microseconds()
	if d.Denial != nil {
		record.Detail = d.Denial.Detail
	}
	return record
}

// newBase returns the part of a record that the line of a difference has too.
func newBase(r *request.Request, d *gate.Decision, redaction *gate.Redaction) Record {
	return Record{
		Time: d.Time.UTC(), Level: levelInfo, Message: "decision",
		Decision: d.ID.String(), RequestID: clean(r.Header("x-request-id")), Route: d.Route, Reason: d.Reason,
		InternalDetail: clean(withoutValues(redaction, d.InternalDetail, d.Revealed)),
		Hint:           clean(withoutValues(redaction, d.Hint, d.Revealed)),
		Issuer:         d.Issuer, Subject: redact(redaction, config.RedactSubject, d.Subject),
		Method: clean(r.Method), Host: clean(r.Authority), Path: redact(redaction, config.RedactPath, r.RawPath()),
		Config: d.ConfigHash, Redacted: redaction.Fields(),
	}
}

// redact returns what a line has for the value of a field. A hash is of the whole value.
func redact(redaction *gate.Redaction, field config.RedactField, value string) string {
	return clean(redaction.Of(field, value))
}

// withoutValues removes the parts of a text that show a subject or a path, if one of them
// is redacted: a part of a path is often the name of a user.
func withoutValues(redaction *gate.Redaction, text string, revealed []string) string {
	fields := redaction.Fields()
	if !slices.Contains(fields, config.RedactSubject) && !slices.Contains(fields, config.RedactPath) {
		return text
	}
	for _, part := range revealed {
		text = strings.ReplaceAll(text, part, "(redacted)")
	}
	return text
}

// Steps returns the checks of the recorded decision with their results, as far as the
// record has them: the checks before the one that decided passed.
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
		Verdict: r.Verdict, Reason: r.Reason, WouldDeny: r.WouldDeny, InternalDetail: r.InternalDetail,
		Issuer: r.Issuer, Subject: r.Subject, KeyID: r.KeyID, Cached: r.Cached,
	}, found)
}

// rules names the rules that were applied to the request.
func (r *Record) rules() string {
	if len(r.Further) == 0 {
		return r.Route
	}
	return r.Route + "; an application may read the request differently, so it also has to pass " + strings.Join(r.Further, ", ")
}
