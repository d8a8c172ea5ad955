package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestShutdownIsGraceful: on SIGTERM the gate reports NOT_SERVING and makes decisions until
// drain_delay is over; it then answers the requests under way, and writes all decisions to
// the log and the traces before it exits.
func TestShutdownIsGraceful(t *testing.T) {
	issuers, sink := startIssuers(t), startSink(t)
	file := testutil.File(t, "jwtgate.yaml", strings.Replace(replicasFile, "issuers:\n", "server: {drain_delay: 2s}\nissuers:\n", 1))
	gate := startGate(t, file, append(issuers.environment(), "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP(), "OTEL_BSP_SCHEDULE_DELAY=600000")...)
	gate.waitReady(t)
	// With default settings Envoy has no health checks, and calls the gate until it exits.
	bare := startBareEnvoy(t, gate.address, startApplication(t).address)
	began := time.Now()
	gate.Terminate(t)
	eventually(t, time.Second, "NOT_SERVING", func() error {
		if err := gate.serving(t); err == nil || !strings.Contains(err.Error(), "NOT_SERVING") {
			return errors.Join(errors.New("it does not say so"), err)
		}
		return nil
	})
	last, answered := "", 0
	for time.Since(began) < 1500*time.Millisecond {
		got := http1(t, bare.address, call{line: "GET /orders"})
		if got.Status != http.StatusUnauthorized {
			t.Fatalf("%v into the drain: answered %d %s", time.Since(began), got.Status, got.Body)
		}
		last = got.problem(t).Decision
		answered++
	}
	if code := gate.Wait(t, 15*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("it ended after %v, before drain_delay", took)
	}
	var order []string
	for text := range strings.Lines(gate.Output.String()) {
		var line struct{ Msg, Decision string }
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		switch {
		case line.Decision == last:
			order = append(order, "the last decision")
		case line.Msg == "stopping", line.Msg == "stopped":
			order = append(order, line.Msg)
		}
	}
	if got := strings.Join(order, ", "); got != "stopping, the last decision, stopped" {
		t.Errorf("the log has %s", got)
	}
	traced := false
	for _, span := range sink.Spans() {
		traced = traced || span.Attributes["jwtgate.decision"] == last
	}
	if spans := sink.Spans(); len(spans) != answered || !traced {
		t.Errorf("%d of %d decisions are among the traces, the last one: %v", len(spans), answered, traced)
	}
}

// TestShutdownHasATimeout: a client that never reads its answers delays the shutdown by ten
// seconds, the timeout of calls under way, and no longer.
func TestShutdownHasATimeout(t *testing.T) {
	issuers := startIssuers(t)
	gate := startGate(t, testutil.File(t, "jwtgate.yaml", twoIssuers), issuers.environment()...)
	d := newDeaf(t, gate.address)
	defer d.Close()
	for range 10 {
		if !d.ask(nil) { // the empty message is a CheckRequest, too
			t.Fatal("the gate takes no Check")
		}
	}
	gate.waitMetric(t, `jwtgate_checks_total{reason="request_malformed",route="none",verdict="deny"}`, 10)
	began := time.Now()
	gate.Terminate(t)
	if code := gate.Wait(t, 25*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(began); took < 9*time.Second || took > 15*time.Second {
		t.Errorf("it ended after %v, want about 10s", took)
	}
	if err := says(gate, `"msg":"stopped"`); err != nil {
		t.Error(err)
	}
}
