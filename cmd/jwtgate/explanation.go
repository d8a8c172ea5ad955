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

// explanation is how a decision came about: its record and its steps, and of one that
// was made for the command also what becomes of the request.
type explanation struct {
	audit.Record
	Steps []gate.Step
	// recorded: the decision was made by a server, and is known from its record.
	recorded                 bool
	before                   *beforeJSON // nil: nothing that is known
	set, response            []request.Header
	remove, removeParameters []string
}

// explainDecision explains a decision that the gate has just made about a request.
func explainDecision(r *request.Request, e *gate.Explanation) *explanation {
	d := e.Decision
	made := &explanation{
		Record: audit.NewRecord(r, d, ""), Steps: e.Steps,
		set: d.Set, response: d.AddToResponse, remove: d.Remove, removeParameters: d.RemoveParameters,
	}
	made.Level, made.Message, made.DurationUS = "", "", 0
	if d.Answer != nil {
		made.response = d.Answer.Headers
	}
	return made
}

// writeExplanation renders an explanation for people.
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
	if e.before != nil {
		fmt.Fprintf(&text, "behind the shipped envoy.yaml: %s\n", e.before.Text)
	}
	if e.WouldDeny != "" {
		how := "let go on without identity; "
		if e.Reason == gate.ReasonAllowed {
			how = "a route in shadow would refuse it; "
		}
		fmt.Fprintf(&text, "%sit would have been denied: %s\n", how, e.WouldDeny)
	}
	if e.Detail != "" {
		fmt.Fprintf(&text, "the client is told: %s\n", e.Detail)
	}
	if e.Hint != "" {
		fmt.Fprintf(&text, "to allow: %s\n", e.Hint)
	}
	writeFields(&text, "the application gets", e.set)
	title := "the response gets, unless it has them"
	if e.Verdict == gate.VerdictAnswer {
		title = "the client gets"
	}
	writeFields(&text, title, e.response)
	if len(e.removeParameters) > 0 {
		fmt.Fprintf(&text, "without the parameters %s\n", strings.Join(e.removeParameters, ", "))
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

// writeRest writes what a record has beyond what its steps say.
func writeRest(text *strings.Builder, r *audit.Record) {
	for _, one := range []struct{ name, value string }{
		{"internal detail", r.InternalDetail}, {"issuer", r.Issuer}, {"subject", r.Subject}, {"kid", r.KeyID},
		{"request id", r.RequestID}, {"trace id", r.TraceID}, {"source", r.Source}, {"config", r.Config},
	} {
		if one.value != "" {
			fmt.Fprintf(text, "%s: %s\n", one.name, one.value)
		}
	}
	if r.Cached {
		text.WriteString("the token was remembered from an earlier request\n")
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

// explanationJSON is an explanation for programs: the record, and what goes beyond it.
type explanationJSON struct {
	audit.Record
	// Envoy is what the shipped Envoy does before it asks, if it is more than to ask.
	Envoy *beforeJSON `json:"envoy,omitempty"`
	Steps []gate.Step `json:"steps"`
	// Headers are set, Remove and RemoveParameters taken out, before the
	// application gets the request.
	Headers map[string]string `json:"headers,omitempty"`
	// ResponseHeaders are what the client gets beside the application's own, or in
	// an answer of the gate's.
	ResponseHeaders  map[string]string `json:"response_headers,omitempty"`
	Remove           []string          `json:"remove,omitempty"`
	RemoveParameters []string          `json:"remove_parameters,omitempty"`
}

func writeExplanationJSON(out io.Writer, e *explanation) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(explanationJSON{
		Record: e.Record, Envoy: e.before, Steps: e.Steps, Headers: fieldMap(e.set), ResponseHeaders: fieldMap(e.response),
		Remove: e.remove, RemoveParameters: e.removeParameters,
	})
}

// fieldMap is header fields by their names; nil without any.
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
