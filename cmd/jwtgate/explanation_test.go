package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// traceID is the trace ID of a recorded call.
const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"

// recordedDecision returns a request and its decision, of which each field of the record
// has a value of its own.
func recordedDecision() (*request.Request, *gate.Decision) {
	r := &request.Request{
		Method: "PATCH", Authority: "api.example", Target: "/orders/7", Source: "192.0.2.7",
		Headers: []request.Header{{Name: "x-request-id", Value: "request-1"}},
	}
	// A field that no decision has: each other one keeps its value.
	redaction, err := gate.NewRedaction(config.Redact{Fields: []config.RedactField{"none"}, Mode: config.RedactOmit})
	if err != nil {
		panic(err)
	}
	return r, &gate.Decision{
		Redaction: redaction,
		ID:        gate.ID{Replica: "replica", Number: 0x0123456789abcdef}, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Elapsed: 1234 * time.Microsecond, Route: "orders", Further: []string{"further-rule"},
		Verdict: gate.VerdictDeny, Reason: gate.ReasonGroupMissing, WouldDeny: gate.ReasonExpired,
		InternalDetail: "the groups are [guests]", Hint: "add the user to the group", ConfigHash: "c0ffee",
		Issuer: "home", Subject: "alice", KeyID: "key-1", Cached: true, Record: true, To: config.AuditStderr,
		Denial: &gate.Denial{Status: 403, Detail: "you are not in the group"},
	}
}

// startAdmin serves the decisions in memory on an admin port of loopback, and returns its
// address.
func startAdmin(t *testing.T, memory *audit.Memory) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := telemetry.NewAdmin(telemetry.NewMetrics(telemetry.Build{}), telemetry.Views{
		Ready: func() telemetry.Readiness { return telemetry.Readiness{Ready: true} },
		Decision: func(id string) (any, bool) {
			line, found := memory.Find(id)
			return json.RawMessage(line), found
		},
	}, nil)
	served := make(chan error, 1)
	go func() { served <- admin.Serve(listener) }()
	t.Cleanup(func() {
		admin.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// document parses an output that is one JSON object.
func document(t *testing.T, text []byte) (all map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return all
}

// TestEveryOutputHasEveryField checks that each field of a record, which has a value of its
// own, is in the audit line, in the response of /decisions/ID, and in the text and the JSON
// of explain, both from a server and from an audit line. For the fifth output, the dynamic
// metadata, see TestMetadataOfEachField in internal/extauthz.
func TestEveryOutputHasEveryField(t *testing.T) {
	r, d := recordedDecision()
	var line bytes.Buffer
	memory := audit.NewMemory(1)
	log := audit.New(audit.Targets{config.AuditStderr: &line}, memory, func(context.Context) string { return traceID })
	log.Write(t.Context(), r, d)
	address, id := startAdmin(t, memory), d.ID.String()
	file := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(file, line.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	explained := func(args ...string) string {
		got := command(t, append([]string{"explain"}, args...)...)
		if got.code != exitNo {
			t.Fatalf("exit code %d: %s", got.code, got.err)
		}
		return got.out
	}
	documents := map[string]map[string]any{
		"the audit line":                 document(t, line.Bytes()),
		"/decisions/ID":                  document(t, []byte(fetch(t, "http://"+address+"/decisions/"+id))),
		"the JSON of explain, by ID":     document(t, []byte(explained("--decision", id, "--server", address, "--json"))),
		"the JSON of explain, by a line": document(t, []byte(explained("--audit-line", file, "--json"))),
		"the JSON of explain, in a log":  document(t, []byte(explained("--audit-line", file, "--decision", id, "--json"))),
	}
	texts := []string{explained("--decision", id, "--server", address), explained("--audit-line", file)}

	shown := map[string]string{ // :: key -> how the text of explain shows a value that it does not show as it is
		"time": "2026-01-02T03:04:05Z", "cached": "the token was in the cache", "further": "further-rule", "duration_us": "1234 µs",
		"status": "HTTP 403",
	}
	record := reflect.ValueOf(audit.NewRecord(r, d, traceID))
	for i := range record.NumField() {
		key, _, _ := strings.Cut(record.Type().Field(i).Tag.Get("json"), ",")
		value := record.Field(i)
		if value.IsZero() {
			t.Errorf("no decision sets %s: give it a value in audit.NewRecord and in recordedDecision", key)
		}
		ofTheLog := key == "level" || key == "msg"
		for name, all := range documents {
			if ofTheLog && strings.Contains(name, "explain") {
				continue
			}
			text, err := json.Marshal(all[key])
			back := reflect.New(value.Type())
			if err != nil || json.Unmarshal(text, back.Interface()) != nil || !reflect.DeepEqual(back.Elem().Interface(), value.Interface()) {
				t.Errorf("%s has %s as %s, want %v", name, text, key, value)
			}
		}
		want, special := shown[key]
		if !special {
			want = fmt.Sprint(value.Interface())
		}
		for _, text := range texts {
			if !ofTheLog && !strings.Contains(text, want) {
				t.Errorf("the text of explain has no %s (%s):\n%s", key, want, text)
			}
		}
	}
	got := command(t, "explain", "--decision", "other-0123456789abcdef", "--server", address)
	got.holds(t, exitFailure, nil, []string{"no server has decision other-0123456789abcdef"})
}
