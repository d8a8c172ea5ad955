//go:build !race

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
)

// relaxedRequest is a request that a relaxation allows.
type relaxedRequest struct {
	relaxation string
	call       call   // without a token
	uri        string // as the application receives it
	header     string // that the application receives
	shipped    bool   // it also arrives behind the shipped file: Envoy leaves it alone
}

// relaxedRequests returns at least one row for each relaxation.
func relaxedRequests() []relaxedRequest {
	rows := []relaxedRequest{
		{relaxation: "encoded_slash", call: call{line: "GET /a%2Fb"}, uri: "/a%2Fb"},
		{relaxation: "encoded_slash", call: call{line: "GET /group%2fproject/x?y=%2F"}, uri: "/group%2fproject/x?y=%2F"},
		{relaxation: "double_slash", call: call{line: "GET //a///b//"}, uri: "//a///b//"},
		{relaxation: "encoded_percent", call: call{line: "GET /100%25/a%2541"}, uri: "/100%25/a%2541", shipped: true},
		{relaxation: "semicolon", call: call{line: "GET /a;v=1/b;c=d"}, uri: "/a;v=1/b;c=d", shipped: true},
		{relaxation: "semicolon", call: call{line: "GET /a%3Bv=1"}, uri: "/a%3Bv=1", shipped: true},
		{relaxation: "ignore_case", call: call{line: "GET /Open/X"}, uri: "/Open/X", shipped: true},
		{relaxation: "case_sensitive", call: call{line: "GET /Open"}, uri: "/Open", shipped: true},
		{relaxation: "slash_sensitive", call: call{line: "GET /open/"}, uri: "/open/", shipped: true},
		{relaxation: "method_override", call: call{line: "POST /x?_method=DELETE"}, uri: "/x?_method=DELETE", shipped: true},
		{relaxation: "unverified_email", call: call{line: "GET /mail"}, uri: "/mail", header: "x-user-email", shipped: true},
	}
	for relaxation, names := range config.OverrideHeaders() {
		for _, name := range names {
			with := call{line: "POST /x", headers: []string{name + ": value"}}
			rows = append(rows, relaxedRequest{relaxation: string(relaxation), call: with, uri: "/x", header: name})
		}
	}
	return rows
}

// TestRelaxationsBehindEnvoy: a request that is relaxed on its host reaches the application
// unchanged with the file that `init --config` renders, and with the shipped file only if
// Envoy does not undo the relaxation. On other hosts jwtgate denies it, or removes the
// header, with both files.
func TestRelaxationsBehindEnvoy(t *testing.T) {
	// Those that contradict each other have hosts of their own.
	const relax = `routes: [{match: 'DELETE /x', access: deny}, {match: '/**'}]
relax:
  hosts:
    open.example: [encoded_slash, encoded_percent, semicolon, double_slash, ignore_case, slash_sensitive,
      method_override, original_url, forwarded_host, unverified_email]
    case.example: [case_sensitive]
`
	c := startConfigured(t, relax)
	fitting := startFitting(t, c)
	token := bearer(mint(t, c.issuers.cruddur, id(map[string]any{"email_verified": false})))
	covered := map[string]bool{}
	for _, row := range relaxedRequests() {
		covered[row.relaxation] = true
		host := "open.example"
		if row.relaxation == "case_sensitive" {
			host = "case.example"
		}
		asked := row.call.with(token, "host: "+host)
		other := row.call.with(token, "host: strict.example")
		for _, way := range []struct {
			name    string
			through *envoyProxy
			send    sender
			arrives bool
		}{
			{"rendered, HTTP/1.1", fitting, http1, true},
			{"rendered, HTTP/2", fitting, http2, true},
			{"shipped, HTTP/1.1", c.shipped, http1, row.shipped},
			{"shipped, HTTP/2", c.shipped, http2, row.shipped},
		} {
			t.Run(fmt.Sprintf("%s/%s %s/%s", row.relaxation, row.call.line, row.header, way.name), func(t *testing.T) {
				c.application.take()
				got := way.send(t, way.through.address, asked)
				if arrived := row.arrives(c.application.take()); arrived != way.arrives {
					t.Errorf("it arrives as it was sent: %v, want %v (%d %s)", arrived, way.arrives, got.Status, got.Body)
				}
				way.send(t, way.through.address, other)
				seen := c.application.take()
				strictly := slices.Contains([]string{"ignore_case", "case_sensitive", "slash_sensitive"}, row.relaxation)
				if !strictly && row.arrives(seen) {
					t.Error("it arrives on a host that does not relax it")
				}
			})
		}
	}
	for _, one := range config.Relaxations() {
		if !covered[string(one)] {
			t.Errorf("%s has no row", one)
		}
	}
}

// arrives reports whether the application received the request unchanged.
func (r relaxedRequest) arrives(seen []received) bool {
	return len(seen) == 1 && seen[0].URI == r.uri && (r.header == "" || seen[0].Header.Get(r.header) != "")
}

// startFitting runs the Envoy file that `init --config` renders for a configuration, which
// has no findings of lint-envoy.
func startFitting(t *testing.T, c configured) *envoyProxy {
	t.Helper()
	dir := t.TempDir()
	if got := jwtgate(t, c.issuers.environment(), "init", "--config", c.file, "--app", "127.0.0.1:3000", "--out", dir); got.code != 0 {
		t.Fatalf("init: %s%s", got.stdout, got.stderr)
	}
	file := filepath.Join(dir, "envoy.yaml")
	if got := jwtgate(t, c.issuers.environment(), "lint-envoy", "--config", c.file, file); got.code != 0 ||
		!strings.Contains(got.stdout, "nothing found") {
		t.Errorf("lint-envoy: %s%s", got.stdout, got.stderr)
	}
	address, admin := freeAddress(t), freeAddress(t)
	text, err := envoy.Apply([]byte(read(t, file)),
		envoy.Edit{Listen: address, Admin: admin, Gate: c.gate.address, App: c.application.address})
	if err != nil {
		t.Fatal(err)
	}
	return startEnvoy(t, text, address, admin)
}

// TestRelaxationsInTrailers: a relaxation on one host allows no override header in
// trailers, which jwtgate does not see; one on every host does.
func TestRelaxationsInTrailers(t *testing.T) {
	trailers := startTrailerApplication(t)
	for _, row := range []struct {
		relax string
		want  []string
	}{
		{"hosts: {api.example: [method_override]}", []string{"x-checksum"}},
		{"all: [method_override]", []string{"x-checksum", "x-http-method-override"}},
	} {
		t.Run(row.relax, func(t *testing.T) {
			c := startConfigured(t, "routes: [{match: '/**', access: public}]\nrelax: {"+row.relax+"}\n")
			c.application = &application{address: trailers.address}
			got := trailers.trailers(t, startFitting(t, c), "application/grpc", "x-http-method-override", "x-original-url",
				"x-user-id", "x-checksum")
			if !slices.Equal(got, row.want) {
				t.Errorf("the trailers %q arrive, want %q", got, row.want)
			}
		})
	}
}
