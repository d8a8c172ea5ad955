package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/bench/sample"
	"github.com/jwtgate/jwtgate/internal/config"
)

// Every configuration that is measured is one that jwtgate takes.
func TestGateFilesAreValid(t *testing.T) {
	dir := t.TempDir()
	key, err := sample.NewKey("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := sample.JWKS(key)
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
	if text := (gateFile{noCache: true}).render("a", "b", true); !strings.Contains(text, "cache_bytes: 0}") {
		t.Error("no cache is not said")
	}
	if text := (gateFile{cache: 7}).render("a", "b", true); !strings.Contains(text, "cache_bytes: 14336}") {
		t.Error("the cache's size is not said")
	}
	if text := (gateFile{noCache: true}).render("a", "b", false); strings.Contains(text, "cache_bytes") {
		t.Error("a build that does not know the key is given it")
	}
}

func TestTheFilterIsTheShippedOne(t *testing.T) {
	full, err := authz("asked", false)
	if err != nil {
		t.Fatal(err)
	}
	slim, err := authz("asked", true)
	if err != nil {
		t.Fatal(err)
	}
	for name, filter := range map[string]string{"full": full, "slim": slim} {
		for _, part := range []string{"encode_raw_headers: true", "cluster_name: asked }", "validate_mutations: true", "failure_mode_allow: false"} {
			if strings.Count(filter, part) != 1 {
				t.Errorf("%s holds %q %d times", name, part, strings.Count(filter, part))
			}
		}
		if strings.Contains(filter, "http.router") {
			t.Errorf("%s holds the router too", name)
		}
	}
	if strings.Contains(full, "allowed_headers") || strings.Count(slim, "allowed_headers:") != 1 || !strings.Contains(slim, "{ exact: authorization }") {
		t.Error("allowed_headers stand in the wrong one")
	}
	if again := withoutAllowed(slim); again != full {
		t.Errorf("without its allowed_headers the slim one is\n%s", again)
	}
}

func TestTheTable(t *testing.T) {
	run := Run{Date: "2026-01-02", Command: "make bench", Rounds: 2, Results: Results{}, Notes: []string{"noisy"}, Rows: []Row{
		{"Direct", "base", "base"}, {"Direct", "fast", "base"}, {"Memory", memoryIdle, "none"}, {"Storms", storm, "before it"},
	}}
	for _, rate := range []float64{10, 20} {
		run.Results.put("base", Rate, rate)
		run.Results.put("fast", Rate, 3*rate)
	}
	run.Results.put(memoryIdle, Anonymous, 5e6)
	run.Results.put(memoryIdle, Resident, 2e7)
	run.Results.put(storm, Storm, 1.25)
	run.Results.put(storm, Seconds, 2)
	var out bytes.Buffer
	if err := writeTable(&out, run); err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"table": out.String(), "markdown": markdown(run)} {
		for _, part := range []string{"3.00 [3.00-3.00]", "RssAnon 5.0 MB, RSS 20.0 MB", "1.25 [1.25-1.25]", "rotation seen after 2.0 s", "noisy"} {
			if !strings.Contains(text, part) {
				t.Errorf("the %s lacks %q:\n%s", where, part, text)
			}
		}
	}
	if !strings.Contains(markdown(run), "Measured on 2026-01-02 with `make bench`") {
		t.Error("markdown does not say when and how")
	}
}

func TestRowsOfASectionStandTogether(t *testing.T) {
	var got []string
	for _, r := range grouped([]Row{{"A", "1", ""}, {"B", "2", ""}, {"A", "3", ""}, {"C", "4", ""}, {"B", "5", ""}}) {
		got = append(got, r.Variant)
	}
	if text := strings.Join(got, ""); text != "13254" {
		t.Error(text)
	}
}

func TestThePageKeepsItsText(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	for _, row := range []struct{ name, page, want string }{
		{"a page with marks", "above\n<!-- bench -->\nold\n<!-- /bench -->\nbelow\n", "above\n<!-- bench -->\n\nnew\n\n<!-- /bench -->\nbelow\n"},
		{"a file of its own", "old\n", "new\n"},
	} {
		if err := os.WriteFile(page, []byte(row.page), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := writeMarkdown(page, "new\n"); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(page); err != nil || string(got) != row.want {
			t.Errorf("%s: %q, %v", row.name, got, err)
		}
	}
}

func TestWordsOnTheCommandLine(t *testing.T) {
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"-only", "direct,nowhere"}, `no section "nowhere"`},
		{[]string{"-rounds", "-1"}, "at least one round"},
		{[]string{"direct"}, "usage"},
		{[]string{"-jwtgate", "/nowhere/jwtgate"}, "make bench"},
		{[]string{peerArgument, "odd", "127.0.0.1:0"}, `no server "odd"`},
		{[]string{peerArgument, "naive", "/nowhere/keys.json"}, "read the keys"},
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
		told string
	}{
		{nil, 0, ""},
		{errShort, 1, ""},
		{fmt.Errorf("wrapped: %w", errShort), 1, ""},
		{flag.ErrHelp, 2, ""},
		{errors.New("no core"), 2, "bench: no core\n"},
	} {
		var log bytes.Buffer
		if code := exitCode(row.err, &log); code != row.code || log.String() != row.told {
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
