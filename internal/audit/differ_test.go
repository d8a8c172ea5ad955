package audit_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// difference returns the difference for a request that a candidate would deny.
func difference() gate.Difference {
	return gate.Difference{
		Live: &gate.Decision{ID: gate.ID{Replica: "replica", Number: 1}, Route: "old", Verdict: gate.VerdictAllow,
			Reason: gate.ReasonAllowed, ConfigHash: "live", To: config.AuditStderr},
		Candidate: &gate.Decision{
			ID: gate.ID{Replica: "candidate", Number: 2}, Route: "new", Verdict: gate.VerdictDeny, Reason: gate.ReasonGroupMissing,
			InternalDetail: "group missing", Hint: "add the user",
			Issuer: "home", Subject: "alice", ConfigHash: "next", To: config.AuditStdout, Denial: &gate.Denial{Status: 403},
		},
	}
}

// A difference is one line with the ID that the client received and the reasons of both
// decisions. It has no verdict, so that it is not read as a decision.
func TestDiffer(t *testing.T) {
	var out bytes.Buffer
	log(&out, audit.NewMemory(1)).Differ(newRequest(), difference())
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	delete(line, "time")
	want := map[string]any{
		"level": "INFO", "msg": "candidate difference", "decision": "replica-0000000000000001", "request_id": "abc", "route": "old",
		"from": "allow", "to": "deny",
		"reason": "group_missing", "live_reason": "allowed", "candidate_route": "new", "internal_detail": "group missing", "hint": "add the user",
		"issuer": "home", "subject": "alice", "method": "GET", "host": "api.example", "path": "/admin/1", "config": "live", "candidate": "next",
	}
	if !maps.Equal(line, want) {
		t.Errorf("line\n\t%v\nwant\n\t%v", line, want)
	}
}

// The line goes to the target of the live configuration, is one line, and contains no
// token.
func TestDifferIsCleaned(t *testing.T) {
	var stderr, stdout bytes.Buffer
	l := audit.New(audit.Targets{
		config.AuditStderr: &stderr, config.AuditStdout: &stdout,
	}, audit.NewMemory(1), nil)
	r, d := newRequest(), difference()
	r.Target, r.Method, r.Authority, r.Headers[0].Value = "/reset/"+jwt+"?"+jwt, jwt, jwt, jwt+"\n"
	d.Candidate.Subject, d.Candidate.InternalDetail, d.Candidate.Hint = jwt, jwt, jwt
	l.Differ(r, d)
	if stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("stderr %q, stdout %q", stderr.String(), stdout.String())
	}
	for _, part := range []string{header[:16], claims[:16], signature[:16]} {
		if strings.Contains(stderr.String(), part) {
			t.Errorf("it holds %s: %s", part, stderr.String())
		}
	}
	// A target without a writer is not an error.
	d.Live.To = "nowhere"
	l.Differ(r, d)
	if strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("a line for no place: %s", stderr.String())
	}
}

// The steps of each kind of decision show what is known, and nothing else.
func TestRecordExplainsEachKind(t *testing.T) {
	for _, row := range []struct {
		name            string
		change          func(*gate.Decision)
		passed, skipped []gate.Stage
		failed          gate.Stage
	}{
		{"a near miss", func(d *gate.Decision) { d.Reason = gate.ReasonAudienceMismatch }, []gate.Stage{1, 2, 6, 7}, []gate.Stage{9, 10}, 8},
		{"claims that are no JSON", func(d *gate.Decision) { d.Reason, d.Issuer = gate.ReasonClaimsMalformed, "" },
			[]gate.Stage{4}, []gate.Stage{6, 7, 8}, 5},
		{"claims that are wrong", func(d *gate.Decision) { d.Reason = gate.ReasonClaimsMalformed }, []gate.Stage{5, 7}, []gate.Stage{9}, 8},
		{"no check", func(d *gate.Decision) { d.Reason = gate.ReasonDeadline }, nil, []gate.Stage{1, 5, 10}, gate.StageNone},
		{"excused", func(d *gate.Decision) {
			d.Verdict, d.Reason, d.WouldDeny = gate.VerdictAllow, gate.ReasonShadowed, gate.ReasonExpired
		},
			[]gate.Stage{1, 7, 10}, []gate.Stage{9}, 8},
		{"public", func(d *gate.Decision) { d.Verdict, d.Reason = gate.VerdictAllow, gate.ReasonPublic }, []gate.Stage{1, 2, 10},
			[]gate.Stage{3, 9}, gate.StageNone},
		{"a reason of another version", func(d *gate.Decision) { d.Reason = "newer" }, nil, []gate.Stage{1, 10}, gate.StageNone},
	} {
		t.Run(row.name, func(t *testing.T) {
			memory := audit.NewMemory(1)
			d := denied()
			row.change(d)
			log(io.Discard, memory).Write(t.Context(), newRequest(), d)
			record, _ := find(t, memory, d.ID.String())
			want := map[gate.Stage]gate.Outcome{row.failed: gate.Failed}
			for _, stage := range row.passed {
				want[stage] = gate.Passed
			}
			for _, stage := range row.skipped {
				want[stage] = gate.Skipped
			}
			for _, step := range record.Steps() {
				if due, known := want[step.Number]; known && step.Outcome != due {
					t.Errorf("%s %s, want %s", step.Check, step.Outcome, due)
				}
			}
		})
	}
}
