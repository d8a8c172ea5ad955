package envoylint_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// plainGate returns what a configuration with one issuer and nothing else needs.
func plainGate() envoylint.Gate {
	overrides := slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Values(config.OverrideHeaders()))...)))
	return envoylint.Gate{
		Identity: []string{"x-user-id", "x-user-name", "x-user-email", "x-user-groups", "x-user-scopes", "x-user-client",
			"x-user-kind", "x-user-issuer"},
		Overrides: overrides, Removed: overrides,
		Tokens: []string{"authorization"}, TakenOut: []string{"authorization"},
		Reads: []string{
			"authorization", "origin", "sec-fetch-site", "upgrade", "access-control-request-method",
			"content-length", "content-type", "transfer-encoding", "trailer", "connection", "x-request-id",
		},
		Routes: []string{"known"}, Port: "9001",
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// shippedWith returns the shipped file with edits: pairs of a text that occurs once and
// its replacement.
func shippedWith(t *testing.T, edits ...string) string {
	t.Helper()
	return edit(t, withOrigin(read(t, "../../envoy/envoy.yaml")), edits)
}

// loginWith returns login.yaml with edits.
func loginWith(t *testing.T, edits ...string) string {
	t.Helper()
	return edit(t, read(t, "../../envoy/login.yaml"), edits)
}

func edit(t *testing.T, text string, edits []string) string {
	t.Helper()
	for i := 0; i < len(edits); i += 2 {
		if n := strings.Count(text, edits[i]); n != 1 {
			t.Fatalf("the file contains this text %d times, want once:\n%s", n, edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return text
}

// withOrigin returns the shipped file with an origin that its CORS filter allows.
func withOrigin(file string) string {
	return strings.Replace(file, "allow_origin_string_match: []", `allow_origin_string_match: [ { exact: "http://localhost:3000" } ]`, 1)
}

// between returns the part of the shipped file from one text to before another.
func between(t *testing.T, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(withOrigin(read(t, "../../envoy/envoy.yaml")), from)
	part, _, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("the shipped file has no part from %q to %q", from, to)
	}
	return from + part
}

func lint(t *testing.T, text string, gate envoylint.Gate, platform envoylint.Platform) *envoylint.Report {
	t.Helper()
	report, err := envoylint.Lint("envoy.yaml", []byte(text), gate, platform)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// ids returns the rules of the findings, sorted, each once; notes end with a question
// mark.
func ids(report *envoylint.Report) []string {
	var all []string
	for _, f := range report.Findings {
		id := f.Rule.ID
		if f.Note {
			id += "?"
		}
		all = append(all, id)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// wantFindings compares the rules of the findings.
func wantFindings(t *testing.T, report *envoylint.Report, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := ids(report); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
		for _, f := range report.Findings {
			t.Log(f)
		}
	}
}
