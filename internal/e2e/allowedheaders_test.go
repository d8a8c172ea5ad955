//go:build !race

package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/jwtgate/jwtgate/envoy"
)

// sentFields are fields that the gate reads, some of them twice with different values: two
// copies must arrive as two. With or without the list, Envoy joins those that it knows
// itself (authorization, origin, content-type, access-control-request-method), and removes
// transfer-encoding.
func sentFields() []string {
	fields := []string{
		"authorization: Bearer a", "cookie: a=1", "cookie: b=2", "sec-websocket-protocol: jwt, a", "sec-websocket-protocol: b",
		"x-access-token: a", "x-access-token: b", "my_token.1: a",
		"origin: https://a.example", "sec-fetch-site: none", "sec-fetch-site: cross-site",
		"access-control-request-method: PUT", "access-control-request-headers: x-a", "content-type: a/b", "trailer: a", "content-length: 0",
		"x-http-method-override: DELETE", "x_http_method: DELETE", "x.method.override: DELETE", "x-original-url: /a",
		"x-rewrite_url: /a", "x~rewrite~url: /a",
		"forwarded: host=a", "x-forwarded-host: a", "SCRIPT_NAME: /a", "path.info: /a", "x~host: a",
	}
	for _, name := range envoy.IdentityNames() { // no more than Envoy's hundred fields in all
		fields = append(fields, name+": a", strings.ReplaceAll(name, "-", "_")+": b", strings.Replace(name, "-", ".", 1)+": c")
	}
	return append(fields, "x-user-id: d", "X+User+Id: e")
}

// otherFields are other headers of browsers, proxies and applications, and names that are
// similar to those that the gate reads.
func otherFields() []string {
	return []string{
		"user-agent: Mozilla/5.0", "accept: */*", "accept-language: en", "accept-encoding: gzip", "referer: https://a.example/",
		"cache-control: no-cache",
		"sec-fetch-mode: cors", "sec-fetch-dest: empty", "sec-ch-ua: a", "if-none-match: a", "range: bytes=0-1",
		"priority: u=1", "dnt: 1", "via: a", "forwarded-for: a", "x-forwarded-hosts: a", "x-real-ip: 192.0.2.1", "x-csrf: a", "traceparent: 00-a",
		"x-user: a", "x-user-agent: a", "x-userid: a", "x-user-idx: a", "ax-user-id: a", "x-tenant: a", "x-http-methods: a",
		"x-original-uris: a", "x-path-info: a",
		"cookies: a", "cookie2: a", "authorizations: a", "originator: a", "content-types: a", "x-request-ids: a",
	}
}

// TestEnvoySendsWhatTheGateReads: of a request with many headers, Envoy sends exactly the
// listed ones to the gate, in every copy and spelling. The removal of headers before it is
// off, so that the list alone has an effect.
func TestEnvoySendsWhatTheGateReads(t *testing.T) {
	gate, application := startScriptedGate(t), startApplication(t)
	s := scripted{gate: gate, application: application}
	slim := startUnguardedEnvoy(t, gate.address, application.address)
	full := startUnguardedEnvoy(t, gate.address, application.address, allowedHeaders(t), "")
	every := call{line: "GET /", headers: append(append([]string{"host: api.example"}, otherFields()...), sentFields()...)}

	want := append(sentFields(), "x-request-id: (Envoy's own)")
	for i, field := range want {
		name, value, _ := strings.Cut(field, ": ")
		want[i] = strings.ToLower(name) + ": " + value
	}
	slices.Sort(want)
	if got := s.fields(t, slim, every); !slices.Equal(got, want) {
		t.Errorf("the gate is sent\n\t%q\nwant\n\t%q", got, want)
	}
	// The same request without the list, which shows that only the list withheld the
	// others.
	sent := s.fields(t, full, every)
	for _, field := range append(otherFields(), want...) {
		if !slices.Contains(sent, field) {
			t.Errorf("without the list the gate is not sent %q", field)
		}
	}
	if reached := application.take(); len(reached) != 2 || reached[0].Header.Get("User-Agent") != "Mozilla/5.0" {
		t.Errorf("the application received %v, want both requests with all that was not sent to the gate", reached)
	}
}

// TestEnvoySendsUpgrades: Envoy forwards the Connection header of a handshake, with every
// name in it, and of no other request.
func TestEnvoySendsUpgrades(t *testing.T) {
	s := startScripted(t)
	const websocket = "upgrade: websocket"
	for _, row := range []struct {
		name       string
		headers    []string
		want       []string // the gate is sent
		wantStatus int
	}{
		{"a handshake", []string{"connection: Upgrade", websocket, "sec-websocket-key: a"},
			[]string{"connection: Upgrade", websocket}, http.StatusSwitchingProtocols},
		{"a handshake that names a header", []string{"connection: Upgrade, X-User-Id", websocket},
			[]string{"connection: Upgrade, X-User-Id", websocket}, http.StatusSwitchingProtocols},
		{"a handshake with two fields", []string{"connection: Upgrade", "connection: x-user-id", websocket},
			[]string{"connection: Upgrade,x-user-id", websocket}, http.StatusSwitchingProtocols},
		{"no handshake", []string{"connection: x-user-id"}, nil, http.StatusOK},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.gate.says(allowing(&authv3.OkHttpResponse{}))
			connection, _, response := open(t, s.shipped.address, call{line: "GET /ws", headers: row.headers})
			_ = connection.Close()
			if response.StatusCode != row.wantStatus {
				t.Fatalf("status %d, want %d", response.StatusCode, row.wantStatus)
			}
			want := append(row.want, "x-request-id: (Envoy's own)")
			if got := seenFields(s.gate.last(t).GetRequest().GetHttp().GetHeaderMap()); !slices.Equal(got, want) {
				t.Errorf("the gate is sent %q, want %q", got, want)
			}
			received := s.application.only(t)
			if forwarded := received.Header.Get("Connection"); (forwarded != "") != (len(row.want) > 0) {
				t.Errorf("the application received the connection header %q", forwarded)
			}
		})
	}
}

// fields sends a call and returns the fields that Envoy sent to the gate, sorted.
func (s scripted) fields(t *testing.T, through *envoyProxy, c call) []string {
	t.Helper()
	return seenFields(s.ask(t, through, c).GetRequest().GetHttp().GetHeaderMap())
}

func seenFields(headers *corev3.HeaderMap) []string {
	var fields []string
	for _, h := range headers.GetHeaders() {
		value := string(h.GetRawValue())
		if h.GetKey() == "x-request-id" {
			value = "(Envoy's own)"
		}
		fields = append(fields, h.GetKey()+": "+value)
	}
	slices.Sort(fields)
	return fields
}
