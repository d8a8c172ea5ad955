package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/signer"
)

// jwtgate accepts every configuration that is measured.
func TestGateFilesAreValid(t *testing.T) {
	dir := t.TempDir()
	key, err := signer.New("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := signer.KeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(dir, "keys.json")
	if err := os.WriteFile(keys, jwks, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]gateFile{
		"usual":          {keys: keys},
		"socket":         {keys: keys, socket: true},
		"audit":          {keys: keys, audit: true},
		"no cache":       {keys: keys, noCache: true},
		"cache":          {keys: keys, cache: 100},
		"routes":         {keys: keys, routes: 300},
		"issuers":        {keys: keys, issuers: 99, fillers: keys},
		"another issuer": {keys: keys, plain: plainIssuer},
		"fetched keys":   {keys: "http://127.0.0.1:9003/keys.json", plain: "http://127.0.0.1:9003"},
	} {
		path := filepath.Join(dir, "jwtgate.yaml")
		if err := os.WriteFile(path, []byte(file.render("127.0.0.1:9001", "127.0.0.1:9002", false)), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(path, os.LookupEnv)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(cfg.Routes) != file.routes+3 || len(cfg.Issuers) != file.issuers+1 {
			t.Errorf("%s: %d routes, %d issuers", name, len(cfg.Routes), len(cfg.Issuers))
		}
	}
	if text := (gateFile{noCache: true}).render("a", "b", false); !strings.Contains(text, "cache_bytes: 0}") {
		t.Error("cache_bytes: 0 is missing")
	}
	if text := (gateFile{cache: 7}).render("a", "b", false); !strings.Contains(text, "cache_bytes: 14336}") {
		t.Error("the size of the cache is missing")
	}
	if text := (gateFile{cache: 7}).render("a", "b", true); !strings.Contains(text, "cache_entries: 7}") {
		t.Error("the number of cached tokens is missing")
	}
}

func TestTheFilterIsTheShippedOne(t *testing.T) {
	full, err := extAuthz("called", false)
	if err != nil {
		t.Fatal(err)
	}
	slim, err := extAuthz("called", true)
	if err != nil {
		t.Fatal(err)
	}
	for name, filter := range map[string]string{"full": full, "slim": slim} {
		for _, part := range []string{
			"encode_raw_headers: true", "cluster_name: called }", "validate_mutations: true", "failure_mode_allow: false",
		} {
			if strings.Count(filter, part) != 1 {
				t.Errorf("%s contains %q %d times", name, part, strings.Count(filter, part))
			}
		}
		if strings.Contains(filter, "http.router") {
			t.Errorf("%s contains the router too", name)
		}
	}
	if strings.Contains(full, "allowed_headers") {
		t.Error("the full filter has allowed_headers")
	}
	if strings.Count(slim, "allowed_headers:") != 1 || !strings.Contains(slim, "{ exact: authorization }") {
		t.Error("the slim filter has no allowed_headers, or the wrong ones")
	}
	if again := withoutAllowedHeaders(slim); again != full {
		t.Errorf("without its allowed_headers the slim filter is\n%s", again)
	}
}

// twoBuilds returns results of two builds.
func twoBuilds() Run {
	run := Run{
		Date: "2026-01-02", Command: "make bench", Rounds: 2, Results: Results{}, Notes: []string{"noisy"},
		Jwtgate: "jwtgate new", Other: "jwtgate old",
		Rows: []Row{
			{"Direct", noop, noop, ""}, {"Direct", verified10k, noop, "old"}, {"Direct", "old", noop, ""},
			{memorySection, memoryIdle, "", ""}, {stormSection, storm, "", ""},
		},
	}
	for _, rate := range []float64{10, 20} {
		run.Results.put(noop, Rate, rate)
		run.Results.put(verified10k, Rate, 3*rate)
		run.Results.put(verified10k, CPU, 25)
		run.Results.put("old", Rate, 2*rate)
		run.Results.put(envoyNoop, FirstCPU, 90+rate)
		run.Results.put(noAuth, FirstCPU, 20+rate)
	}
	run.Results.put(memoryIdle, Anonymous, 5e6)
	run.Results.put(memoryIdle, Resident, 2e7)
	run.Results.put(storm, Storm, 1.25)
	run.Results.put(storm, Rotation, 2)
	return run
}

func TestTheTables(t *testing.T) {
	run := twoBuilds()
	verdicts := judge([]goal{{name: "faster", metric: Rate, of: verified10k, to: noop, limit: 2, suffix: "x"}}, run.Results)
	var out bytes.Buffer
	if err := writeText(&out, run, verdicts, true); err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"text": out.String(), "page": resultsPart(run)} {
		for _, part := range []string{
			"3.00 [3.00-3.00]", "5.00 [5.00-5.00]", "20.00 [20.00-20.00]", "1.25 [1.25-1.25]", "2.00 [2.00-2.00]", "noisy",
			"jwtgate new / jwtgate old (other)", "1.50 [1.50-1.50]",
		} {
			if !strings.Contains(text, part) {
				t.Errorf("the %s lacks %q:\n%s", where, part, text)
			}
		}
	}
	for where, row := range map[string][2]string{
		"results":  {resultsPart(run), "Measured on 2026-01-02 with `make bench`"},
		"goals":    {goalsPart(verdicts), "| faster | at least 2x | 3.00x |"},
		"CPU":      {capacityPart(run), "| a known token, saturated | 25 [25-25] | 0.025 | 45 |"},
		"Envoy":    {capacityPart(run), "| Envoy, more than without ext_authz | 70 [70-70] | 0.070 |  |"},
		"capacity": {capacityPart(run), "| idle | 5.00 [5.00-5.00] | 20.00 [20.00-20.00] |"},
	} {
		if !strings.Contains(row[0], row[1]) {
			t.Errorf("the %s part lacks %q:\n%s", where, row[1], row[0])
		}
	}
}

func TestRowsOfASectionStayTogether(t *testing.T) {
	var got []string
	for _, r := range grouped([]Row{{"A", "1", "", ""}, {"B", "2", "", ""}, {"A", "3", "", ""}, {"C", "4", "", ""}, {"B", "5", "", ""}}) {
		got = append(got, r.Variant)
	}
	if text := strings.Join(got, ""); text != "13254" {
		t.Error(text)
	}
}

func TestAPageIsWrittenOnlyIfTheGoalsAreMet(t *testing.T) {
	run := twoBuilds()
	met, short := []verdict{{met: true}}, []verdict{{met: true}, {}}
	page := filepath.Join(t.TempDir(), "page.md")
	const marked = "above\n<!-- bench goals -->\nold\n<!-- /bench goals -->\nbelow\n"
	for _, row := range []struct {
		name, page string
		verdicts   []verdict
		prefix     string // of the page afterwards
		fails      string
	}{
		{"a missed goal", marked, short, marked, "no page was written"},
		{"goals are met", marked, met, "above\n<!-- bench goals -->\n\n| goal | limit |", ""},
		{"no marks", "old\n", met, "old\n", "has no marks"},
	} {
		if err := os.WriteFile(page, []byte(row.page), 0o600); err != nil {
			t.Fatal(err)
		}
		err := writePages([]string{page}, run, row.verdicts)
		if (err == nil) != (row.fails == "") || err != nil && !strings.Contains(err.Error(), row.fails) {
			t.Errorf("%s: %v", row.name, err)
		}
		got, err := os.ReadFile(page)
		if text := string(got); err != nil || !strings.HasPrefix(text, row.prefix) || row.page == marked && !strings.HasSuffix(text, "below\n") {
			t.Errorf("%s: %q, %v", row.name, got, err)
		}
	}
}

// The pages have marks for what the benchmark writes.
func TestThePagesHaveMarks(t *testing.T) {
	for path, parts := range map[string][]string{"performance.md": {"bench", "bench goals"}, "capacity.md": {"bench capacity"}} {
		data, err := os.ReadFile(filepath.Join("../../docs", path))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			_, rest, begins := strings.Cut(string(data), "<!-- "+part+" -->\n")
			if !begins || !strings.Contains(rest, "<!-- /"+part+" -->\n") {
				t.Errorf("%s has no marks for %q", path, part)
			}
		}
	}
}

func TestResultsAreReadBack(t *testing.T) {
	run := twoBuilds()
	path := filepath.Join(t.TempDir(), "run.json")
	if err := writeJSON(run, path); err != nil {
		t.Fatal(err)
	}
	if again, err := readRun(path); err != nil || !reflect.DeepEqual(again, run) {
		t.Errorf("%+v, %v", again, err)
	}
	var out bytes.Buffer
	err := execute(t.Context(), []string{"-from", path, "-check"}, &out, &bytes.Buffer{})
	if !errors.Is(err, errMissed) || !strings.Contains(out.String(), "not measured") {
		t.Errorf("goals of a stored run: %v\n%s", err, out.String())
	}
}

func TestBusyShare(t *testing.T) {
	for _, row := range []struct {
		name, before, after string
		want                float64
	}{
		{"half", "cpu 100 0 0 100 0 0 0 0", "cpu 150 0 0 140 10 0 0 0", 0.5},
		{"stolen time is busy", "cpu 0 0 0 0 0 0 0 0", "cpu 0 0 0 75 0 0 0 25", 0.25},
		{"unknown", "", "", 0},
	} {
		if got := busyShare([]byte(row.before), []byte(row.after)); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

func TestCommandLines(t *testing.T) {
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"-only", "direct,nowhere"}, `unknown section "nowhere"`},
		{[]string{"-rounds", "-1"}, "at least one round"},
		{[]string{"direct"}, "usage"},
		{[]string{"-jwtgate", "/nowhere/jwtgate"}, "make bench"},
		{[]string{"-jwtgate", "main.go", "-against", "/nowhere/jwtgate"}, "/nowhere/jwtgate"},
		{[]string{"-from", "/nowhere/run.json"}, "/nowhere/run.json"},
		{[]string{peerArgument, "odd", "127.0.0.1:0", ""}, `unknown kind of server "odd"`},
		{[]string{peerArgument, peerNaive, "127.0.0.1:0", "/nowhere/keys.json"}, "read the keys"},
	} {
		err := execute(t.Context(), row.args, &bytes.Buffer{}, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q: %v, want %q", row.args, err, row.want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, row := range []struct {
		err  error
		code int
		log  string
	}{
		{nil, 0, ""},
		{errMissed, 1, ""},
		{fmt.Errorf("wrapped: %w", errMissed), 1, ""},
		{flag.ErrHelp, 2, ""},
		{errors.New("no core"), 2, "bench: no core\n"},
	} {
		var log bytes.Buffer
		if code := exitCode(row.err, &log); code != row.code || log.String() != row.log {
			t.Errorf("%v: %d %q", row.err, code, log.String())
		}
	}
}

func TestEnvoyVersion(t *testing.T) {
	if v := envoyVersion("/opt/bin/envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL"); v != "1.40.0" {
		t.Error(v)
	}
	if v := envoyVersion("unknown"); v != "unknown" {
		t.Error(v)
	}
}
