package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// TestExplainGoldenEnvoy: the text and the JSON show what Envoy does before it asks
// jwtgate, and what jwtgate would decide. -update writes the golden files.
func TestExplainGoldenEnvoy(t *testing.T) {
	e := newExplainer(t)
	for name, path := range map[string]string{
		"envoy_normalises": "/open/./a/../b?c=d", "envoy_refuses": "/open/a%2Fb", "envoy_refuses_http1": "/open/caf\u00e9",
	} {
		t.Run(name, func(t *testing.T) {
			q := question{args: []string{"--path", path}}
			got := e.ask(t, q)
			golden(t, filepath.Join("testdata", "explain", name+".golden"), "$ jwtgate explain "+commandLine(q)+"\n"+e.normal(got.out))
			m, _ := gate.LookupReason(gate.ReasonPathRefused)
			e.checkJSON(t, q, m, got)
		})
	}
}

// normalised is the explanation of a path that Envoy changes.
func normalised(path string) arrivalJSON {
	return arrivalJSON{
		Text: "Envoy normalises this path to " + path + " before it asks jwtgate; hint: explain --path " + path, Path: path,
	}
}

// TestExplainShowsEnvoy: explain shows what an Envoy with the file that is rendered for
// the configuration does; nothing if that is unknown or if Envoy changes nothing.
func TestExplainShowsEnvoy(t *testing.T) {
	e := newExplainer(t)
	relaxed := e.put(t, "relaxed.yaml", explainedYAML+"relax: {hosts: {a.example: [encoded_slash, double_slash]}}\n")
	const token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl"
	for _, row := range []struct {
		config, method, path string
		want                 arrivalJSON
	}{
		{e.config, "GET", "/open/a/../b", normalised("/open/b")},
		{e.config, "GET", "//open/a", normalised("/open/a")},
		{e.config, "GET", "/open/" + token + "/.?t=" + token, normalised("/open/(token)/")},
		{e.config, "GET", "/open/a%5Cb", arrivalJSON{Text: "Envoy answers 400 itself (path_with_escaped_slashes_action)", Status: 400}},
		{e.config, "GET", "/open/a#b", arrivalJSON{Text: "Envoy answers 400 itself (a fragment in the path)", Status: 400}},
		{e.config, "GET", "/open/a%00", arrivalJSON{Text: "Envoy answers 400 itself (%00 in the path)", Status: 400}},
		{e.config, "get", "/open/a", arrivalJSON{
			Text: "over HTTP/1.1 Envoy answers 400 itself (a method that its HTTP/1.1 parser does not know)", Status: 400,
		}},
		{e.config, "GET", "/open/a?b=%2f", arrivalJSON{}},
		{e.config, "GET", "/open/a%", arrivalJSON{}},
		{e.config, "QUERY", "/open/a/../b", arrivalJSON{}},
		{relaxed, "GET", "/open/a%2Fb", arrivalJSON{}},
		{relaxed, "GET", "//open/a", arrivalJSON{}},
		{relaxed, "GET", "//open/../a", normalised("//a")},
	} {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			args := []string{"explain", "--config", row.config, "--at", explained.Format(time.RFC3339), "--method", row.method, "--path", row.path}
			text, encoded := command(t, args...), command(t, append(args, "--json")...)
			var view struct{ Envoy arrivalJSON }
			if err := json.Unmarshal([]byte(encoded.out), &view); err != nil {
				t.Fatalf("%v: %s", err, encoded.out)
			}
			if view.Envoy != row.want {
				t.Errorf("got %+v; expected %+v", view.Envoy, row.want)
			}
			line := "with the shipped envoy.yaml: " + row.want.Text + "\n"
			shown := strings.Contains(text.out, "with the shipped envoy.yaml")
			if shown != (row.want.Text != "") || shown && !strings.Contains(text.out, line) {
				t.Errorf("the text lacks %q:\n%s", line, text.out)
			}
			holdsNoToken(t, token, text.out+encoded.out)
		})
	}
}
