//go:build !race

package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// The files of docs/existing-envoy.md.
const (
	existingPage = "../../docs/existing-envoy.md"
	existingDir  = "../../docs/existing-envoy/"
)

var updateExisting = flag.Bool("update-existing", false, "write docs/existing-envoy/after.yaml and the outputs on the page")

// existingStep is one step of the page: where one piece of `init --fragment` goes in
// before.yaml.
type existingStep struct {
	title           string // in the piece's first line
	before, instead string // the line that follows the piece, or that the piece replaces
	indent          int
	only            string // the beginning of the one line to take
	note            bool   // without the piece, lint-envoy has a note and no finding
}

func existingSteps() []existingStep {
	const idleTimeout = "the idle timeout of an application"
	const lastFilter = "                  - name: envoy.filters.http.router\n"
	return []existingStep{
		{title: "the limit for regular expressions", before: "static_resources:\n"},
		{title: "the connection manager's options", instead: "                use_remote_address: true\n", indent: 16},
		{title: "headers that clients must not send", before: "                route_config:\n", indent: 16},
		{title: "the port in Host", before: "                  virtual_hosts:\n", indent: 18, note: true},
		{title: "the filter for trailers", before: "                  - name: envoy.filters.http.cors\n", indent: 18},
		{title: "the filter that calls jwtgate", before: lastFilter, indent: 18},
		{title: "the cluster of jwtgate", before: "    - name: www\n      type", indent: 4},
		{title: idleTimeout, before: "    - name: api\n      type", indent: 6, note: true},
		{title: idleTimeout, before: "    - name: orders\n", indent: 6, note: true},
		{title: idleTimeout, before: "          explicit_http_config: { http2_protocol_options: {} }\n", indent: 10, note: true,
			only: "    common_http_protocol_options:"},
	}
}

// existingPieces returns the pieces that `init --fragment` prints, by their titles.
func existingPieces(t *testing.T) map[string]string {
	t.Helper()
	got := jwtgate(t, nil, "init", "--fragment", "--config", existingDir+"jwtgate.yaml")
	if got.code != 0 {
		t.Fatalf("init --fragment: %d %s", got.code, got.stderr)
	}
	pieces := map[string]string{}
	for document := range strings.SplitSeq(got.stdout, "\n---\n") {
		comment, piece, _ := strings.Cut(document, "\n\n")
		for _, step := range existingSteps() {
			if strings.HasPrefix(comment, "# Piece ") && strings.Contains(strings.ReplaceAll(comment, "\n#", ""), ", "+step.title+". It goes ") {
				pieces[step.title] = strings.TrimSuffix(piece, "\n") + "\n"
			}
		}
	}
	if n := strings.Count(got.stdout, "\n# Piece "); n != len(pieces) {
		t.Fatalf("%d pieces, of which the page knows %d", n, len(pieces))
	}
	return pieces
}

// existingWith returns before.yaml with the pieces of some steps.
func existingWith(t *testing.T, pieces map[string]string, steps []existingStep) string {
	t.Helper()
	text := read(t, existingDir+"before.yaml")
	// Both listeners have a connection manager; the second one forwards.
	redirect, rest, _ := strings.Cut(text, "    - name: https\n")
	for _, step := range steps {
		piece := indented(step.part(t, pieces), step.indent)
		part, at, with := &rest, step.before, piece+step.before
		if step.instead != "" {
			at, with = step.instead, piece
		}
		if step.indent == 0 {
			part, with = &redirect, piece+"\n"+step.before
		}
		if n := strings.Count(*part, at); n != 1 {
			t.Fatalf("%s: before.yaml contains %q %d times, want once", step.title, at, n)
		}
		*part = strings.Replace(*part, at, with, 1)
	}
	return redirect + "    - name: https\n" + rest
}

// part returns the part of a piece that a step adds.
func (s existingStep) part(t *testing.T, pieces map[string]string) string {
	t.Helper()
	if s.only == "" {
		return pieces[s.title]
	}
	for line := range strings.Lines(pieces[s.title]) {
		if strings.HasPrefix(line, s.only) {
			return strings.TrimLeft(line, " ")
		}
	}
	t.Fatalf("the piece %q has no line %q", s.title, s.only)
	return ""
}

// indented puts a number of spaces before each line that is not empty.
func indented(text string, by int) string {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			line = strings.Repeat(" ", by) + line
		}
		lines.WriteString(line)
	}
	return lines.String()
}

// lintExisting runs `lint-envoy` on a file of the page.
func lintExisting(t *testing.T, name string) result {
	t.Helper()
	got := jwtgate(t, nil, "lint-envoy", "--config", existingDir+"jwtgate.yaml", name)
	got.stdout = strings.ReplaceAll(got.stdout, existingDir, "")
	return got
}

// TestExistingEnvoyPage: after.yaml is before.yaml with the pieces of init, and the page
// shows what lint-envoy reports on the two.
func TestExistingEnvoyPage(t *testing.T) {
	after := existingWith(t, existingPieces(t), existingSteps())
	if *updateExisting {
		if err := os.WriteFile(existingDir+"after.yaml", []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, existingDir+"after.yaml") != after {
		t.Error("after.yaml is out of date; run: go test ./internal/e2e -run TestExistingEnvoyPage -update-existing")
	}
	page := read(t, existingPage)
	for _, row := range []struct {
		file string
		code int
	}{{"before.yaml", 1}, {"after.yaml", 0}} {
		got := lintExisting(t, existingDir+row.file)
		if got.code != row.code {
			t.Errorf("%s: exit code %d, want %d", row.file, got.code, row.code)
		}
		from := "$ jwtgate lint-envoy --config jwtgate.yaml " + row.file + "\n"
		begin, rest, found := strings.Cut(page, from)
		_, end, closed := strings.Cut(rest, "```")
		if !found || !closed {
			t.Fatalf("the page does not show %q", from)
		}
		now := begin + from + got.stdout + "```" + end
		if *updateExisting {
			if err := os.WriteFile(existingPage, []byte(now), 0o644); err != nil {
				t.Fatal(err)
			}
			page = now
		}
		if page != now {
			t.Errorf("the page shows another report on %s; run: go test ./internal/e2e -run TestExistingEnvoyPage -update-existing", row.file)
		}
	}
	if !strings.Contains(page, "after.yaml: nothing found (1 HTTP connection manager checked, 1 without an application)\n") {
		t.Error("after.yaml has findings")
	}
	if !strings.Contains(page, "```yaml\n"+read(t, existingDir+"jwtgate.yaml")+"```") {
		t.Error("the page shows another jwtgate.yaml")
	}
}

// TestExistingEnvoyPieces: without any one of the pieces, and with each number of the
// first and the last ones, lint-envoy has findings, and one of them is that Envoy does
// not start if it does not.
func TestExistingEnvoyPieces(t *testing.T) {
	pieces, steps := existingPieces(t), existingSteps()
	certificate, key := testutil.LoopbackCertificate(t)
	var rows [][]existingStep
	for i := range steps {
		rows = append(rows, slices.Delete(slices.Clone(steps), i, i+1), steps[:i], steps[i+1:])
	}
	for _, row := range rows {
		text := strings.NewReplacer("/etc/envoy/tls.crt", certificate, "/etc/envoy/tls.key", key).Replace(existingWith(t, pieces, row))
		file := testutil.File(t, "envoy.yaml", text)
		says, ok := starts(file)
		got := lintExisting(t, file)
		code := 0 // if only pieces are missing without which lint-envoy has notes
		for _, step := range steps {
			if !step.note && !slices.Contains(row, step) {
				code = 1
			}
		}
		clean := strings.Contains(got.stdout, "nothing found")
		if got.code != code || clean != (len(row) == len(steps)) || strings.Contains(got.stdout, "(regex-rejected)") == ok {
			t.Errorf("with %d pieces %v Envoy starts: %v, and lint-envoy finds\n%s%s\n%s", len(row), row, ok, got.stdout, got.stderr, says)
		}
	}
}

// existingEnvoy is an Envoy with a file of the page.
type existingEnvoy struct {
	*envoyProxy
	http   string // the address of the redirect listener
	client *http.Client
}

func startExisting(t *testing.T, name, gate, application string) existingEnvoy {
	t.Helper()
	authority := testutil.NewAuthority(t)
	certificate, key := testutil.CertificateFiles(t, authority.Sign(t, &x509.Certificate{
		DNSNames: []string{"*.shop.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}))
	address, admin, plain := freeAddress(t), freeAddress(t), freeAddress(t)
	at := func(address string) string { return "{ address: 127.0.0.1, port_value: " + port(address) + " }" }
	text := strings.NewReplacer("/etc/envoy/tls.crt", certificate, "/etc/envoy/tls.key", key,
		"{ address: 0.0.0.0, port_value: 8080 }", at(plain), "{ address: 0.0.0.0, port_value: 8443 }", at(address),
		"{ address: 127.0.0.1, port_value: 9901 }", at(admin), "{ address: 127.0.0.1, port_value: 9001 }", at(gate),
		"{ address: www.internal, port_value: 3000 }", at(application), "{ address: api.internal, port_value: 8000 }", at(application),
		"{ address: orders.internal, port_value: 50051 }", at(application)).Replace(read(t, existingDir+name))
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	return existingEnvoy{startEnvoy(t, []byte(text), address, admin), plain, &http.Client{Transport: transport, Timeout: clientTimeout}}
}

// get sends a request by TLS.
func (e existingEnvoy) get(t *testing.T, url string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	response, err := e.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

// TestExistingEnvoyServes: with before.yaml a client chooses who it is; with after.yaml
// jwtgate does, and everything else works as before.
func TestExistingEnvoyServes(t *testing.T) {
	application, issuers := startApplication(t), startIssuers(t)
	config := read(t, existingDir+"jwtgate.yaml")
	const clients = "clients: [3v5exampleclient]"
	if strings.Count(config, clients) != 1 {
		t.Fatalf("jwtgate.yaml has no %q", clients)
	}
	gate := startGate(t, testutil.File(t, "jwtgate.yaml", strings.Replace(config, clients,
		clients+", dangerously_allow_http: true, jwks: {uri: '"+issuers.cruddur.JWKSURL()+"'}", 1)))
	gate.waitReady(t)
	before := startExisting(t, "before.yaml", gate.address, application.address)
	after := startExisting(t, "after.yaml", gate.address, application.address)

	forged := []string{"x-user-id: root", "x.user.id: root", "x-tenant-id: other", "x-http-method-override: DELETE",
		"origin: https://www.shop.example"}
	before.get(t, "https://api.shop.example/orders", forged...)
	if got := application.only(t).Header; got.Get("x-user-id") != "root" {
		t.Errorf("before, the application receives %v", got)
	}
	denied := after.get(t, "https://api.shop.example/orders", forged...)
	denial{wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError}.check(t, denied)
	if denied.Header.Get("Access-Control-Allow-Origin") != "https://www.shop.example" {
		t.Errorf("a script cannot read the denial: %v", denied.Header)
	}
	token := bearer(mint(t, issuers.cruddur, access(map[string]any{"custom:tenant": "acme"})))
	if got := after.get(t, "https://api.shop.example/admin/users", token); got.Status != 403 || !strings.Contains(got.Body, "group_missing") {
		t.Errorf("without the group: %d %s", got.Status, got.Body)
	}
	if got := application.take(); len(got) > 0 {
		t.Errorf("denied requests reached the application: %v", got)
	}
	if got := after.get(t, "https://api.shop.example/orders", append(slices.Clone(forged), token)...); got.Status != 200 {
		t.Fatalf("with a token: %d %s", got.Status, got.Body)
	}
	got := application.only(t).Header
	if got.Get("x-user-id") != "4f0c5b8e-ann" || got.Get("x-tenant-id") != "acme" || got.Get("authorization") != "" ||
		got.Get("x.user.id") != "" || got.Get("x-http-method-override") != "" {
		t.Errorf("the application receives %v", got)
	}
	if got := after.get(t, "https://www.shop.example/", forged...); got.Status != 200 || application.only(t).Header.Get("x-user-id") != "" {
		t.Errorf("the public website: %d, or a forged header", got.Status)
	}
	for _, e := range []existingEnvoy{before, after} {
		if got := http1(t, e.http, call{line: "GET /a?b=c", headers: []string{"host: www.shop.example:8080"}}); got.Status != 301 ||
			got.Header.Get("Location") != "https://www.shop.example:8443/a?b=c" {
			t.Errorf("the redirect listener: %d %v", got.Status, got.Header)
		}
	}
}
