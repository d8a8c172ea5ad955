package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// probeTimeout bounds one request: the application that is reached has the request at once.
const probeTimeout = 1 * time.Second

// probe is a request without a token. Over HTTP/2 it is sent with prior knowledge.
type probe struct {
	call
	http2  bool
	tunnel string // what is sent after a CONNECT or an upgrade was accepted
	before string // what is sent before the request, such as a PROXY protocol line
}

func (p probe) String() string {
	version := "HTTP/1.1"
	if p.http2 {
		version = "HTTP/2"
	}
	return fmt.Sprintf("%s %s %q", version, p.line, p.headers)
}

// What the mutations that match some requests only match: a request has one of these, or all.
const (
	openPath   = "/open"
	openHost   = "host: open.example"
	openHeader = "x-open: yes"
	openQuery  = "?open=yes"
	openCookie = "cookie: open=yes"
)

// probes are the requests for a file: those that every file gets, and those for what the file names.
func probes(root *yaml.Node) []probe {
	all := []probe{
		{call: call{line: "GET /"}},
		{call: call{line: "GET / HTTP/1.0"}},
		{call: call{line: "GET " + openPath}},
		{call: call{line: "GET /", headers: []string{openHost}}},
		{call: call{line: "GET /", headers: []string{openHeader}}},
		{call: call{line: "GET /" + openQuery, headers: []string{openCookie}}},
		{call: call{line: "GET " + openPath + openQuery, headers: []string{openHost, openHeader, openCookie}}},
		{call: call{line: "POST " + openPath, headers: []string{"content-length: 2"}, body: "{}"}},
		{call: call{line: "OPTIONS /", headers: []string{"origin: http://localhost:3000", "access-control-request-method: GET"}}},
		{call: call{line: "GET /", headers: []string{
			"x-forwarded-for: 127.0.0.1", "x-forwarded-proto: https", "x-envoy-internal: true", "x-cluster: app"}}},
		{call: call{line: "GET /"}, http2: true},
		{call: call{line: "GET " + openPath, headers: []string{openHeader}}, http2: true},
	}
	for _, header := range []string{"te: trailers", openHeader} {
		all = append(all, probe{http2: true, call: call{line: "POST /grpc.health.v1.Health/Check",
			headers: []string{"content-type: application/grpc", header}, body: "\x00\x00\x00\x00\x00"}})
	}
	names := namesIn(root)
	for _, path := range names.paths {
		all = append(all, probe{call: call{line: "GET " + path}}, probe{call: call{line: "GET " + path + "x"}})
	}
	for _, host := range names.hosts {
		all = append(all, probe{call: call{line: "GET /", headers: []string{"host: " + host}}})
	}
	for _, upgrade := range names.upgrades {
		if strings.EqualFold(upgrade, "CONNECT") {
			continue
		}
		for _, target := range []string{"/", openPath} {
			all = append(all, probe{call: call{line: "GET " + target, headers: []string{
				"connection: upgrade", "upgrade: " + upgrade, "sec-websocket-version: 13", "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA=="}}})
		}
	}
	if names.connects {
		through := "GET /tunnel HTTP/1.1\r\nhost: a\r\n%s\r\n\r\n"
		all = append(all, probe{call: call{line: "CONNECT 127.0.0.1:9090"}, tunnel: through},
			probe{call: call{line: "CONNECT open.example:80", headers: []string{"host: open.example:80", openHeader}}, tunnel: through})
	}
	if names.tools {
		body := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},` +
			`"clientInfo":{"name":"probe","version":"1"}}}`
		all = append(all, probe{call: call{line: "POST /mcp", body: body, headers: []string{"content-type: application/json",
			"accept: application/json, text/event-stream", fmt.Sprintf("content-length: %d", len(body))}}})
	}
	if names.proxied {
		all = append(all, probe{before: "PROXY TCP4 127.0.0.1 127.0.0.1 1000 2000\r\n",
			call: call{line: "GET " + openPath, headers: []string{openHeader}}})
	}
	return all
}

// named is what a file names that requests can have.
type named struct {
	paths, hosts, upgrades []string
	connects, proxied      bool
	tools                  bool // it routes the Model Context Protocol
}

func namesIn(root *yaml.Node) named {
	found := named{upgrades: []string{"websocket"}}
	add := func(to *[]string, value string) {
		if value != "" && !slices.Contains(*to, value) && len(*to) < 8 && !strings.ContainsAny(value, " \r\n") {
			*to = append(*to, value)
		}
	}
	eachNode(dig(root, "static_resources", "listeners"), func(n *yaml.Node) {
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i].Value, n.Content[i+1]
			switch key {
			case "prefix", "path", "path_separated_prefix", "pathSeparatedPrefix", "exact":
				if strings.HasPrefix(value.Value, "/") && value.Value != "/" && !strings.HasPrefix(value.Value, "/tmp") {
					add(&found.paths, value.Value)
				}
			case "domains":
				for _, domain := range append([]*yaml.Node{value}, value.Content...) {
					if domain.Value != "*" {
						add(&found.hosts, strings.ReplaceAll(domain.Value, "*", "any"))
					}
				}
			case "upgrade_type", "upgradeType":
				add(&found.upgrades, value.Value)
			case "connect_matcher", "connectMatcher", "connect_config", "connectConfig":
				found.connects = true
			case "@type":
				found.tools = found.tools || strings.HasSuffix(value.Value, ".McpRouter")
				found.proxied = found.proxied || strings.HasSuffix(value.Value, ".ProxyProtocol")
			}
			found.connects = found.connects || strings.EqualFold(value.Value, "CONNECT")
		}
	})
	return found
}

// mark is a header of each probe. It names the file that the probe was sent for.
func (g *lintGuard) mark() string { return fmt.Sprintf("x-probe: %d", g.applied) }

// reached sends every probe of a file to every address that Envoy listens on, and returns those of the requests that reached the
// application.
func (g *lintGuard) reached(t *testing.T, root *yaml.Node) []string {
	t.Helper()
	var group sync.WaitGroup
	g.application.take()
	for _, address := range g.addresses(t) {
		for i, p := range probes(root) {
			p.call = p.with(g.mark(), fmt.Sprintf("x-probe-number: %d", i))
			group.Go(func() { p.send(t.Context(), address[0], address[1]) })
		}
	}
	group.Wait()
	all := probes(root)
	var found []string
	for _, r := range g.application.take() {
		if mark := r.Header.Get("X-Probe"); mark != "" && "x-probe: "+mark != g.mark() {
			continue // a late request of another file
		}
		what := fmt.Sprintf("%s %s (%s)", r.Method, r.URI, r.Proto)
		var number int
		if n, _ := fmt.Sscan(r.Header.Get("X-Probe-Number"), &number); n == 1 && number < len(all) {
			what = all[number].String()
		}
		found = append(found, what)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// send sends the request and waits for the answer's header or the end of the connection. What comes back does not matter.
func (p probe) send(ctx context.Context, network, address string) {
	if p.http2 {
		p.sendHTTP2(ctx, network, address)
		return
	}
	connection, err := net.DialTimeout(network, address, probeTimeout)
	if err != nil {
		return
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(probeTimeout))
	request := p.bytes()
	if strings.HasSuffix(p.line, " HTTP/1.0") {
		request = strings.Replace(request, " HTTP/1.1", "", 1)
	}
	if _, err := io.WriteString(connection, p.before+request); err != nil {
		return
	}
	method, _, _ := strings.Cut(p.line, " ")
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err != nil || p.tunnel == "" || response.StatusCode != http.StatusOK {
		return
	}
	_, _ = fmt.Fprintf(connection, p.tunnel, strings.Join(p.headers, "\r\n"))
	_, _ = http.ReadResponse(bufio.NewReader(connection), nil)
}

func (p probe) sendHTTP2(ctx context.Context, network, address string) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	method, target, _ := strings.Cut(p.line, " ")
	request, err := http.NewRequestWithContext(ctx, method, "http://api.example"+target, strings.NewReader(p.body))
	if err != nil {
		return
	}
	for _, header := range p.headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err == nil {
		_ = response.Body.Close()
	}
}
