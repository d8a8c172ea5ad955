package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// explanation is a decision with its record and its steps. Of a decision that the command
// made itself, it also has the changes of the request.
type explanation struct {
	audit.Record
	Steps                    []gate.Step
	recorded                 bool         // a server made the decision
	arrival                  *arrivalJSON // nil: Envoy changes nothing, or it is unknown what
	set, response            []request.Header
	remove, removeParameters []string
}

// explainDecision returns the explanation of a decision that the command made.
func explainDecision(r *request.Request, e *gate.Explanation) *explanation {
	d := e.Decision
	d.Redaction = nil // the request and its token are the user's own
	made := &explanation{
		Record: audit.NewRecord(r, d, ""), Steps: e.Steps,
		set: d.Set.List(), response: d.AddToResponse, remove: d.Remove, removeParameters: d.RemoveParameters,
	}
	made.Level, made.Message, made.DurationUS = "", "", 0
	if d.Answer != nil {
		made.response = d.Answer.Headers
	}
	return made
}

// writeExplanation writes an explanation as text.
func writeExplanation(out io.Writer, e *explanation) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, step := range e.Steps {
		fmt.Fprintf(table, "%2d %s\t%s\t%s\n", step.Number, step.Check, step.Outcome, step.Text)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&text, "\n%s: %s", e.Verdict, e.Reason)
	if e.Verdict != gate.VerdictAllow {
		fmt.Fprintf(&text, " (HTTP %d)", e.Status)
	}
	if len(e.Further) > 0 && e.Verdict == gate.VerdictDeny {
		fmt.Fprintf(&text, " by route %s", e.Route)
	}
	fmt.Fprintf(&text, ", decision %s at %s\n", e.Decision, e.Time.Format(time.RFC3339))
	if e.arrival != nil {
		fmt.Fprintf(&text, "with the shipped envoy.yaml: %s\n", e.arrival.Text)
	}
	if e.WouldDeny != "" {
		how := "allowed without identity; otherwise denied"
		if e.Reason == gate.ReasonAllowed {
			how = "a route in shadow mode would have denied it"
		}
		fmt.Fprintf(&text, "%s: %s\n", how, e.WouldDeny)
	}
	if e.Detail != "" {
		fmt.Fprintf(&text, "detail: %s\n", e.Detail)
	}
	if e.Hint != "" {
		fmt.Fprintf(&text, "hint: %s\n", e.Hint)
	}
	writeFields(&text, "headers to the application", e.set)
	title := "headers added to the response, unless it has them"
	if e.Verdict == gate.VerdictAnswer {
		title = "headers of the response"
	}
	writeFields(&text, title, e.response)
	if len(e.removeParameters) > 0 {
		fmt.Fprintf(&text, "removed query parameters: %s\n", strings.Join(e.removeParameters, ", "))
	}
	if e.recorded {
		writeRest(&text, &e.Record)
	}
	lines := strings.Split(text.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	_, err := io.WriteString(out, strings.Join(lines, "\n"))
	return err
}

// writeRest writes the fields of a record that its steps do not show.
func writeRest(text *strings.Builder, r *audit.Record) {
	for _, one := range []struct{ name, value string }{
		{"internal detail", r.InternalDetail}, {"issuer", r.Issuer}, {"subject", r.Subject}, {"kid", r.KeyID},
		{"request id", r.RequestID}, {"trace id", r.TraceID}, {"source", r.Source}, {"config", r.Config},
	} {
		if one.value != "" {
			fmt.Fprintf(text, "%s: %s\n", one.name, one.value)
		}
	}
	if len(r.Redacted) > 0 {
		fmt.Fprintf(text, "redacted by audit.redact: %v\n", r.Redacted)
	}
	if r.Cached {
		text.WriteString("the token was in the cache\n")
	}
	if r.DurationUS > 0 {
		fmt.Fprintf(text, "decided in %d µs\n", r.DurationUS)
	}
}

// writeFields writes header fields under a title; without fields nothing.
func writeFields(text *strings.Builder, title string, fields []request.Header) {
	for i, h := range fields {
		if i == 0 {
			text.WriteString(title + "\n")
		}
		fmt.Fprintf(text, "  %s: %s\n", h.Name, h.Value)
	}
}

// explanationJSON is an explanation as JSON: the record and more.
type explanationJSON struct {
	audit.Record
	// Envoy is what the shipped Envoy does before it asks jwtgate; absent: nothing.
	Envoy *arrivalJSON `json:"envoy,omitempty"`
	Steps []gate.Step  `json:"steps"`
	// Headers are set, and Remove and RemoveParameters removed, in the request to the
	// application.
	Headers map[string]string `json:"headers,omitempty"`
	// ResponseHeaders are added to the application's response, or are those of
	// jwtgate's own response.
	ResponseHeaders  map[string]string `json:"response_headers,omitempty"`
	Remove           []string          `json:"remove,omitempty"`
	RemoveParameters []string          `json:"remove_parameters,omitempty"`
}

func writeExplanationJSON(out io.Writer, e *explanation) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(explanationJSON{
		Record: e.Record, Envoy: e.arrival, Steps: e.Steps, Headers: fieldMap(e.set), ResponseHeaders: fieldMap(e.response),
		Remove: e.remove, RemoveParameters: e.removeParameters,
	})
}

// fieldMap returns header fields by name; nil: there are none.
func fieldMap(fields []request.Header) map[string]string {
	if len(fields) == 0 {
		return nil
	}
	all := make(map[string]string, len(fields))
	for _, h := range fields {
		all[h.Name] = h.Value
	}
	return all
}
