package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// admin is an admin server on loopback, with the results of its views.
type admin struct {
	metrics *telemetry.Metrics
	ready   telemetry.Readiness
	issuers any
	url     string
	client  *http.Client
}

// startAdmin starts an admin server with the name gate.example.
func startAdmin(t *testing.T) *admin {
	t.Helper()
	// The server must reject an empty host without calling this function.
	return startAdminNamed(t, func(host string) bool { return host == "gate.example" || host == "" })
}

func startAdminNamed(t *testing.T, named func(host string) bool) *admin {
	t.Helper()
	a := &admin{
		metrics: telemetry.NewMetrics(telemetry.Build{Version: "v1.2.3", Commit: "c0ffee", GoVersion: "go1.26"}),
		ready:   telemetry.Readiness{Ready: true, Replica: "replica", Config: "abc"},
		client:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := telemetry.NewAdmin(a.metrics, telemetry.Views{
		Ready: func() telemetry.Readiness { return a.ready }, Issuers: func() any { return a.issuers },
		Decision: func(id string) (any, bool) { return map[string]string{"decision": id}, id == "replica-1" },
	}, named)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	a.url = "http://" + listener.Addr().String()
	return a
}

// do sends a request, and returns the response with its body.
func (a *admin) do(t *testing.T, method, path string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := a.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return a.read(t, answer)
}

// read returns a response with its body.
func (a *admin) read(t *testing.T, answer *http.Response) (*http.Response, string) {
	t.Helper()
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestAdminIsReadOnly(t *testing.T) {
	a := startAdmin(t)
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/issuers", "/decisions/replica-1"} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			answer, _ := a.do(t, method, path)
			if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, answer.StatusCode, answer.Header.Get("Allow"))
			}
		}
		for _, method := range []string{"GET", "HEAD"} {
			answer, body := a.do(t, method, path)
			if answer.StatusCode != http.StatusOK || (body == "") != (method == "HEAD") {
				t.Errorf("%s %s: %d with %d bytes", method, path, answer.StatusCode, len(body))
			}
		}
	}
	for _, path := range []string{"/", "/livez/", "/config", "/debug/pprof/", "/decisions", "/quitquitquit", "/issuers/home"} {
		if answer, _ := a.do(t, "GET", path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %d, want 404", path, answer.StatusCode)
		}
	}
}

func TestProbes(t *testing.T) {
	for _, row := range []struct {
		name, path string
		ready      telemetry.Readiness
		issuers    any
		status     int
		want       string
	}{
		{"alive", "/livez", telemetry.Readiness{}, nil, 200, `{"live":true}`},
		{"ready", "/readyz", telemetry.Readiness{Ready: true, Replica: "r", Config: "abc"}, nil, 200,
			`{"ready":true,"replica":"r","config":"abc"}`},
		{"not ready", "/readyz", telemetry.Readiness{Detail: "no keys", Replica: "r", Config: "abc"}, nil, 503,
			`{"ready":false,"detail":"no keys","replica":"r","config":"abc"}`},
		{"issuers", "/issuers", telemetry.Readiness{}, []map[string]any{{"Issuer": "home", "Keys": 2}}, 200, `[{"Issuer":"home","Keys":2}]`},
		{"a decision", "/decisions/replica-1", telemetry.Readiness{}, nil, 200, `{"decision":"replica-1"}`},
		{"an unknown decision", "/decisions/replica-2", telemetry.Readiness{}, nil, 404,
			`{"error":"decision not found; this server keeps only recent decisions in memory"}`},
		{"no issuers", "/issuers", telemetry.Readiness{}, []string{}, 200, `[]`},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := startAdmin(t)
			a.ready, a.issuers = row.ready, row.issuers
			answer, body := a.do(t, "GET", row.path)
			if answer.StatusCode != row.status {
				t.Errorf("status %d, want %d", answer.StatusCode, row.status)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, []byte(body)); err != nil || compact.String() != row.want {
				t.Errorf("body %s (%v), want %s", compact.String(), err, row.want)
			}
			if answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("fields %v", answer.Header)
			}
		})
	}
}

// Each request calls the view again; nothing is cached.
func TestProbesAreLive(t *testing.T) {
	a := startAdmin(t)
	for _, ready := range []bool{true, false, true} {
		a.ready.Ready = ready
		if answer, _ := a.do(t, "GET", "/readyz"); (answer.StatusCode == 200) != ready {
			t.Errorf("ready %v: %d", ready, answer.StatusCode)
		}
	}
}

func TestMetricNames(t *testing.T) {
	a := startAdmin(t)
	a.metrics.Check("admin", "deny", "expired", 3*time.Microsecond)
	a.metrics.Check("admin", "deny", "expired", 200*time.Millisecond)
	a.metrics.Check("open", "allow", "public", 2*time.Second)
	a.metrics.RegisterIssuers(func() []issuer.Stats {
		return []issuer.Stats{
			{
				Issuer: "home", Keys: make([]issuer.KeyStats, 2), Skipped: make([]issuer.Skipped, 1), Beyond: 20, Standard: 1,
				Age: 90 * time.Second, MaxStale: time.Hour, NextFetch: 9 * time.Second,
				UnknownKIDs: 5, WithdrawnInUse: 6, Fetches: map[string]uint64{"ok": 3, "unreachable": 1},
			},
			{Issuer: "dark", Stale: true, Age: time.Hour, Failures: 7, Fetches: map[string]uint64{"ok": 0, "unreachable": 7}},
		}
	})
	a.metrics.Reloaded("refused")
	a.metrics.CandidateReloaded("ok")
	a.metrics.RevokedRead("ok")
	a.metrics.CertificateRead("refused")
	a.metrics.HandshakeRefused()
	a.metrics.MessageRefused()
	a.metrics.ConnectionClosed("no_stream")
	a.metrics.RegisterConnections(func() int { return 3 }, 1000)
	a.metrics.Differ("admin", "allow", "deny", "group_missing")
	a.metrics.Token(true)
	a.metrics.Token(true)
	a.metrics.Token(false)
	a.metrics.RegisterSkipped(func() uint64 { return 8 })
	a.metrics.RegisterConfig(func() telemetry.ConfigSample {
		return telemetry.ConfigSample{
			Hash: "abc", Relaxations: map[string]int{"public": 2}, Revoked: 9, Remembered: 12,
			Refused: map[string]bool{"config": true, "revoked": false},
		}
	})
	a.metrics.RegisterDropped(func() uint64 { return 4 })
	a.metrics.RegisterCertificate(func() time.Time { return time.Unix(1764000000, 5) })
	answer, body := a.do(t, "GET", "/metrics")
	if kind := answer.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("content-type %q", kind)
	}
	var own []string
	types := map[string]string{}
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "# TYPE jwtgate_"):
			name, kind, _ := strings.Cut(strings.TrimPrefix(line, "# TYPE "), " ")
			types[name] = kind
		case strings.HasPrefix(line, "jwtgate_") && !strings.Contains(line, "_bucket{"):
			own = append(own, line)
		}
	}
	want := []string{
		`jwtgate_build_info{commit="c0ffee",goversion="go1.26",version="v1.2.3"} 1`,
		`jwtgate_check_duration_seconds_count 3`,
		`jwtgate_check_duration_seconds_sum 2.200003`,
		`jwtgate_checks_total{reason="expired",route="admin",verdict="deny"} 2`,
		`jwtgate_checks_total{reason="public",route="open",verdict="allow"} 1`,
		`jwtgate_config_info{sha256="abc"} 1`,
		`jwtgate_config_reloads_total{result="ok"} 0`,
		`jwtgate_config_reloads_total{result="refused"} 1`,
		`jwtgate_relaxations{kind="public"} 2`,
		`jwtgate_revoked_lines 9`,
		`jwtgate_reload_refused{file="config"} 1`,
		`jwtgate_reload_refused{file="revoked"} 0`,
		`jwtgate_audit_dropped_total 4`,
		`jwtgate_certificate_expiry_timestamp_seconds 1.764e+09`,
		`jwtgate_token_cache_entries 12`,
		`jwtgate_token_cache_total{result="hit"} 2`,
		`jwtgate_token_cache_total{result="miss"} 1`,
		`jwtgate_revoked_reads_total{result="ok"} 1`,
		`jwtgate_revoked_reads_total{result="refused"} 0`,
		`jwtgate_certificate_reads_total{result="ok"} 0`,
		`jwtgate_certificate_reads_total{result="refused"} 1`,
		"jwtgate_tls_handshakes_refused_total 1",
		"jwtgate_messages_refused_total 1",
		"jwtgate_connections 3", "jwtgate_connections_max 1000",
		`jwtgate_connections_closed_total{reason="no_message"} 0`,
		`jwtgate_connections_closed_total{reason="no_stream"} 1`,
		`jwtgate_connections_closed_total{reason="too_many"} 0`,
		`jwtgate_connections_closed_total{reason="too_many_streams"} 0`,
		`jwtgate_candidate_config_reloads_total{result="ok"} 1`,
		`jwtgate_candidate_config_reloads_total{result="refused"} 0`,
		`jwtgate_candidate_differences_total{from="allow",reason="group_missing",route="admin",to="deny"} 1`,
		`jwtgate_candidate_skipped_total 8`,
		`jwtgate_key_fetches_total{issuer="dark",result="ok"} 0`,
		`jwtgate_key_fetches_total{issuer="dark",result="unreachable"} 7`,
		`jwtgate_key_fetches_total{issuer="home",result="ok"} 3`,
		`jwtgate_key_fetches_total{issuer="home",result="unreachable"} 1`,
		`jwtgate_keys_age_seconds{issuer="home"} 90`, // the issuer dark has no keys and so no age
	}
	for name, values := range map[string][2]string{ // home, dark
		"jwtgate_keys":                        {"2", "0"},
		"jwtgate_keys_skipped":                {"1", "0"},
		"jwtgate_keys_beyond_max":             {"20", "0"},
		"jwtgate_keys_standard_base64":        {"1", "0"},
		"jwtgate_keys_stale":                  {"0", "1"},
		"jwtgate_keys_max_stale_seconds":      {"3600", "0"},
		"jwtgate_key_next_fetch_seconds":      {"9", "0"},
		"jwtgate_key_fetch_failures_in_row":   {"0", "7"},
		"jwtgate_unknown_kids":                {"5", "0"},
		"jwtgate_keys_withdrawn_in_use_total": {"6", "0"},
	} {
		want = append(want, name+`{issuer="home"} `+values[0], name+`{issuer="dark"} `+values[1])
	}
	slices.Sort(own)
	slices.Sort(want)
	if !slices.Equal(own, want) {
		t.Errorf("metrics\n\t%s\nwant\n\t%s", strings.Join(own, "\n\t"), strings.Join(want, "\n\t"))
	}
	kinds := map[string]string{
		"jwtgate_build_info": "gauge", "jwtgate_check_duration_seconds": "histogram", "jwtgate_checks_total": "counter",
		"jwtgate_key_fetches_total": "counter", "jwtgate_keys": "gauge", "jwtgate_keys_age_seconds": "gauge",
		"jwtgate_config_info": "gauge", "jwtgate_config_reloads_total": "counter", "jwtgate_relaxations": "gauge",
		"jwtgate_keys_beyond_max": "gauge", "jwtgate_keys_standard_base64": "gauge",
		"jwtgate_keys_skipped": "gauge", "jwtgate_keys_stale": "gauge", "jwtgate_keys_max_stale_seconds": "gauge",
		"jwtgate_key_next_fetch_seconds": "gauge", "jwtgate_key_fetch_failures_in_row": "gauge", "jwtgate_unknown_kids": "gauge",
		"jwtgate_keys_withdrawn_in_use_total": "counter",
		"jwtgate_revoked_lines":               "gauge", "jwtgate_revoked_reads_total": "counter",
		"jwtgate_reload_refused": "gauge", "jwtgate_audit_dropped_total": "counter",
		"jwtgate_certificate_expiry_timestamp_seconds": "gauge",
		"jwtgate_certificate_reads_total":              "counter",
		"jwtgate_tls_handshakes_refused_total":         "counter",
		"jwtgate_messages_refused_total":               "counter",
		"jwtgate_connections":                          "gauge",
		"jwtgate_connections_max":                      "gauge",
		"jwtgate_connections_closed_total":             "counter",
		"jwtgate_candidate_config_reloads_total":       "counter", "jwtgate_candidate_differences_total": "counter",
		"jwtgate_candidate_skipped_total": "counter",
		"jwtgate_token_cache_entries":     "gauge", "jwtgate_token_cache_total": "counter",
	}
	if !maps.Equal(types, kinds) {
		t.Errorf("types %v, want %v", types, kinds)
	}
	for name := range kinds {
		if !regexp.MustCompile(`(?m)^# HELP ` + name + ` [A-Z1].+\.$`).MatchString(body) {
			t.Errorf("the help of %s is missing or not a sentence", name)
		}
	}
	for _, other := range []string{"go_goroutines ", "process_resident_memory_bytes "} {
		if !strings.Contains(body, "\n"+other) {
			t.Errorf("%s is missing", other)
		}
	}
}

// A cached token, a signature and a wait for a key are in different buckets.
func TestDurationBuckets(t *testing.T) {
	a := startAdmin(t)
	for _, elapsed := range []time.Duration{0, 4 * time.Microsecond, 90 * time.Microsecond, 200 * time.Millisecond, time.Minute} {
		a.metrics.Check("r", "allow", "allowed", elapsed)
	}
	_, body := a.do(t, "GET", "/metrics")
	for _, want := range []string{`le="1e-06"} 1`, `le="5e-06"} 2`, `le="0.0001"} 3`, `le="0.25"} 4`, `le="1"} 4`, `le="+Inf"} 5`} {
		if !strings.Contains(body, "jwtgate_check_duration_seconds_bucket{"+want+"\n") {
			t.Errorf("bucket %s is missing", want)
		}
	}
}

// Two Metrics share nothing, such as a global registry.
func TestMetricsAreIndependent(t *testing.T) {
	one, other := startAdmin(t), startAdmin(t)
	one.metrics.Check("r", "allow", "allowed", 0)
	if _, body := other.do(t, "GET", "/metrics"); strings.Contains(body, "jwtgate_checks_total{") {
		t.Error("the other metrics have the check")
	}
}

// Shutdown closes the connection of a request that does not end in time.
func TestAdminShutdown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	server := telemetry.NewAdmin(telemetry.NewMetrics(telemetry.Build{}), telemetry.Views{Ready: func() telemetry.Readiness {
		close(entered)
		<-release
		return telemetry.Readiness{}
	}}, nil)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	answered := make(chan error, 1)
	go func() {
		answer, err := http.Get("http://" + listener.Addr().String() + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
		}
		answered <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	server.Shutdown(ctx)
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := <-answered; err == nil {
		t.Error("the hanging request got a response")
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("the listener is open")
	}
}

// Serve returns the listener's error.
func TestAdminReturnsTheListenersError(t *testing.T) {
	listener := httptest.NewUnstartedServer(nil).Listener
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	server := telemetry.NewAdmin(telemetry.NewMetrics(telemetry.Build{}), telemetry.Views{}, nil)
	if err := server.Serve(listener); err == nil {
		t.Error("no error")
	}
}

func TestLogHandler(t *testing.T) {
	var out bytes.Buffer
	var level slog.LevelVar
	logger := slog.New(telemetry.NewHandler(&out, &level))
	lines := func() []map[string]any {
		var all []map[string]any
		for line := range strings.Lines(out.String()) {
			var one map[string]any
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			all = append(all, one)
		}
		out.Reset()
		return all
	}
	t.Run("one JSON line, in UTC", func(t *testing.T) {
		logger.With("a", 1).Warn("two\nlines", "b", "x")
		all := lines()
		if len(all) != 1 || all[0]["level"] != "WARN" || all[0]["msg"] != "two\nlines" || all[0]["a"] != float64(1) || all[0]["b"] != "x" {
			t.Fatalf("%v", all)
		}
		text := all[0]["time"].(string)
		if at, err := time.Parse(time.RFC3339Nano, text); err != nil || !strings.HasSuffix(text, "Z") || time.Since(at) > time.Minute {
			t.Errorf("time %v (%v)", text, err)
		}
	})
	t.Run("another attribute named time stays", func(t *testing.T) {
		logger.WithGroup("g").Info("m", "time", "noon")
		logger.Info("m", "time", "noon")
		if all := lines(); len(all) != 2 || all[0]["g"].(map[string]any)["time"] != "noon" || all[1]["time"] != "noon" {
			t.Errorf("%v", all)
		}
	})
	t.Run("at its level and above", func(t *testing.T) {
		for at, want := range map[slog.Level]int{slog.LevelDebug: 4, slog.LevelInfo: 3, slog.LevelWarn: 2, slog.LevelError: 1} {
			level.Set(at)
			logger.Debug("m")
			logger.Info("m")
			logger.Warn("m")
			logger.Error("m")
			if got := len(lines()); got != want {
				t.Errorf("%s: %d lines, want %d", at, got, want)
			}
		}
	})
}

// Durations are readable; slog itself writes nanoseconds.
func TestLogDurations(t *testing.T) {
	var out bytes.Buffer
	slog.New(telemetry.NewHandler(&out, slog.LevelInfo)).Info("x", "age", 90*time.Second)
	if !strings.Contains(out.String(), `"age":"1m30s"`) {
		t.Errorf("got %s", out.String())
	}
}
