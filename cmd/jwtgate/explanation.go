package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// explanation is one of the gate's, and what happens before the gate is asked.
type explanation struct {
	*gate.Explanation
	before *beforeJSON // nil: nothing that is known
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
	d := e.Decision
	fmt.Fprintf(&text, "\n%s: %s", d.Verdict, d.Reason)
	if d.Denial != nil || d.Answer != nil {
		fmt.Fprintf(&text, " (HTTP %d)", d.Status())
	}
	if len(d.Further) > 0 && d.Denial != nil {
		fmt.Fprintf(&text, " by route %s", d.Route)
	}
	fmt.Fprintf(&text, ", decision %s at %s\n", d.ID, d.Time.UTC().Format(time.RFC3339))
	if e.before != nil {
		fmt.Fprintf(&text, "behind the shipped envoy.yaml: %s\n", e.before.Text)
	}
	if d.Excused != "" {
		how := "let go on without identity; "
		if d.Reason == gate.ReasonAllowed {
			how = "a route in shadow would refuse it; "
		}
		fmt.Fprintf(&text, "%sit would have been denied: %s\n", how, d.Excused)
	}
	switch texts := clientTexts(d); len(texts) {
	case 0:
	case 1:
		fmt.Fprintf(&text, "the client is told: %s\n", texts[0])
	default:
		fmt.Fprintf(&text, "the client is told: one of\n  %s\n", strings.Join(texts, "\n  "))
	}
	if d.Mend != "" {
		fmt.Fprintf(&text, "to allow: %s\n", d.Mend)
	}
	writeFields(&text, "the application gets", d.Set)
	writeFields(&text, "the response gets, unless it has them", d.AddToResponse)
	if d.Answer != nil {
		writeFields(&text, "the client gets", d.Answer.Headers)
	}
	if len(d.RemoveParameters) > 0 {
		fmt.Fprintf(&text, "without the parameters %s\n", strings.Join(d.RemoveParameters, ", "))
	}
	lines := strings.Split(text.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	_, err := io.WriteString(out, strings.Join(lines, "\n"))
	return err
}

// writeFields writes header fields under a title; without fields nothing.
func writeFields(text *strings.Builder, title string, fields []gate.Header) {
	for i, h := range fields {
		if i == 0 {
			text.WriteString(title + "\n")
		}
		fmt.Fprintf(text, "  %s: %s\n", h.Name, h.Value)
	}
}

// explanationJSON is an explanation for programs.
type explanationJSON struct {
	Decision string       `json:"decision"`
	Time     time.Time    `json:"time"`
	Verdict  gate.Verdict `json:"verdict"`
	Reason   gate.Reason  `json:"reason"`
	Shadow   gate.Reason  `json:"shadow,omitempty"`
	Route    string       `json:"route"`
	Further  []string     `json:"further,omitempty"`
	Status   int          `json:"status,omitempty"`
	Text     string       `json:"text,omitempty"` // what the client is told
	Detail   string       `json:"detail,omitempty"`
	Mend     string       `json:"mend,omitempty"`
	Issuer   string       `json:"issuer,omitempty"`
	Subject  string       `json:"subject,omitempty"`
	KeyID    string       `json:"kid,omitempty"`
	Config   string       `json:"config"`
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
	d := e.Decision
	view := explanationJSON{
		Decision: d.ID.String(), Time: d.Time.UTC(), Verdict: d.Verdict, Reason: d.Reason, Shadow: d.Excused, Route: d.Route, Further: d.Further,
		Detail: d.Detail, Mend: d.Mend, Issuer: d.Issuer, Subject: d.Subject, KeyID: d.KeyID, Config: d.ConfigHash,
		Envoy: e.before, Steps: e.Steps, Remove: d.Remove, RemoveParameters: d.RemoveParameters,
	}
	if d.Denial != nil {
		view.Status, view.Text = d.Denial.Status, d.Denial.Detail
	} else if d.Verdict == gate.VerdictAllow || d.Answer != nil {
		view.Status = d.Status()
	}
	view.Headers, view.ResponseHeaders = fieldMap(d.Set), fieldMap(d.AddToResponse)
	if d.Answer != nil {
		view.ResponseHeaders = fieldMap(d.Answer.Headers)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(view)
}

// fieldMap is header fields by their names; nil without any.
func fieldMap(fields []gate.Header) map[string]string {
	if len(fields) == 0 {
		return nil
	}
	all := make(map[string]string, len(fields))
	for _, h := range fields {
		all[h.Name] = h.Value
	}
	return all
}
