package envoylint_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// TestWriteText: there is a line for each finding, or three on a terminal, and a summary
// line; colours only if requested.
func TestWriteText(t *testing.T) {
	report := lint(t, shippedWith(t, "failure_mode_allow: false", "failure_mode_allow: true", ", max_retries: 1000", "",
		option, option+"              with_request_body: { max_request_bytes: 1 }\n"), plainGate(), envoylint.Plain)
	var plain, colored bytes.Buffer
	if err := report.WriteText(&plain, envoylint.Layout{}); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteText(&colored, envoylint.Layout{Terminal: true, Color: true}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(plain.String(), "\n"), "\n")
	if len(lines) != 4 || lines[3] != "envoy.yaml: 1 hole, 1 outage, 1 note (1 HTTP connection manager checked)" || !report.Failed() {
		t.Errorf("printed\n%s", &plain)
	}
	for i, f := range report.Findings {
		if lines[i] != f.String() {
			t.Errorf("printed %q, want %q", lines[i], f)
		}
	}
	if !strings.Contains(lines[0], "note: static_resources.") || strings.Contains(plain.String(), "\x1b") {
		t.Errorf("printed\n%s", &plain)
	}
	var blocks bytes.Buffer
	if err := report.WriteText(&blocks, envoylint.Layout{Terminal: true}); err != nil {
		t.Fatal(err)
	}
	if got := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(colored.String(), ""); got != blocks.String() {
		t.Errorf("in colours\n%s\nand without\n%s", got, &blocks)
	}
	three := strings.Split(strings.TrimSuffix(blocks.String(), "\n"), "\n")
	if len(three) != 10 || three[9] != lines[3] {
		t.Fatalf("printed\n%s", &blocks)
	}
	for i, f := range report.Findings {
		note := ""
		if f.Note {
			note = "note: "
		}
		for j, want := range []string{
			fmt.Sprintf("%s: %s%s (%s)", f.Pos, note, f.Path, f.Rule.ID),
			"  " + f.Text + "; " + f.Rule.Why,
			"  " + f.Fix,
		} {
			if three[3*i+j] != want {
				t.Errorf("printed %q, want %q", three[3*i+j], want)
			}
		}
	}
	for _, text := range []string{"\x1b[31mEnvoy allows requests that the gate cannot check\x1b[0m; while",
		"\x1b[33mEnvoy retries at most 3 requests", "\x1b[2mnote: \x1b[0m", "\x1b[2m(max-retries)\x1b[0m"} {
		if !strings.Contains(colored.String(), text) {
			t.Errorf("%q is missing in\n%s", text, &colored)
		}
	}
}

// TestWriteTextOfHostileNames: text from the file can neither forge nor hide a line of a
// report or of an error.
func TestWriteTextOfHostileNames(t *testing.T) {
	const hostile = "a\\n-: nothing found\\u001b[2J\\r\\u007f\\u0085\\u202e\\ue0001\\U000E0001é" // in YAML's escapes
	const shown = `a\x0a-: nothing found\x1b[2J\x0d\x7f\x85\u202e\ue0001\U000e0001é`
	route := firstRoute + `              - name: "` + hostile + `"` +
		"\n                match: { prefix: /a }\n                route: { cluster: app }\n" +
		`                typed_per_filter_config: { envoy.filters.http.ext_authz: { ` + perRoute + ", disabled: true } }\n"
	text := shippedWith(t, firstRoute, route, "failure_mode_allow: false", `failure_mode_allow: true`)
	report, err := envoylint.Lint("en\x1bvoy\n\xff.yaml", []byte(text), plainGate(), envoylint.Plain)
	if err != nil {
		t.Fatal(err)
	}
	wantFindings(t, report, "ext-authz-disabled", "failure-mode-allow")
	report.Findings = append(report.Findings, envoylint.Finding{Path: "a\x00b", Fix: "c\td"})
	for name, layout := range map[string]envoylint.Layout{"piped": {}, "on a terminal": {Terminal: true},
		"in colours": {Terminal: true, Color: true}} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.WriteText(&out, layout); err != nil {
				t.Fatal(err)
			}
			got := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(out.String(), "")
			for _, want := range []string{"ext_authz is off for the route " + shown, `en\x1bvoy\x0a\xff.yaml:`, `a\x00b`, `c\x09d`} {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing in\n%q", want, got)
				}
			}
			lines := len(report.Findings) + 1
			if layout.Terminal {
				lines = 3*len(report.Findings) + 1
			}
			if n := strings.Count(got, "\n"); n != lines || !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\r\x7f\u0085\u202e\x00\t") {
				t.Errorf("%d lines, want %d: %q", n, lines, got)
			}
		})
	}
	_, err = envoylint.Lint("envoy\x1b.yaml", []byte(`{apiVersion: a, kind: "`+hostile+`"}`), plainGate(), envoylint.Plain)
	if want := `envoy\x1b.yaml:1:1: got a Kubernetes manifest (` + shown + `)`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%q, want %q", err, want)
	}
}
