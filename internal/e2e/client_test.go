package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// call is a request in the client's bytes, so that tests can send requests that no HTTP
// library would.
type call struct {
	line    string   // METHOD TARGET
	headers []string // name: value, in this order; without a host: api.example
	body    string
}

// with returns the call with more headers.
func (c call) with(headers ...string) call {
	c.headers = append(append([]string{}, c.headers...), headers...)
	return c
}

// bearer returns the header with a token.
func bearer(token string) string { return "authorization: Bearer " + token }

// answer is the answer to a call.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// problem returns the body of jwtgate's denial.
type problem struct {
	Status   int    `json:"status"`
	Title    string `json:"title"`
	Detail   string `json:"detail"`
	Reason   string `json:"reason"`
	Decision string `json:"decision"`
}

func (a answer) problem(t *testing.T) problem {
	t.Helper()
	var p problem
	decoder := json.NewDecoder(strings.NewReader(a.Body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("the answer (%d) is not a problem document: %v: %q", a.Status, err, a.Body)
	}
	return p
}

// sender sends one call to an address.
type sender func(t *testing.T, address string, c call) answer

// clientTimeout is the timeout of one exchange.
const clientTimeout = 10 * time.Second

// http1 sends the call over HTTP/1.1, byte for byte.
func http1(t *testing.T, address string, c call) answer {
	t.Helper()
	connection, _, response := open(t, address, c.with("connection: close"))
	defer connection.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%s: reading the answer: %v", c.line, err)
	}
	return answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

// open sends the call over HTTP/1.1 and keeps the connection open after the answer's
// header.
func open(t *testing.T, address string, c call) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	connection, err := net.DialTimeout("tcp", address, clientTimeout)
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.SetDeadline(time.Now().Add(clientTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, c.bytes()); err != nil {
		t.Fatalf("%s: sending: %v", c.line, err)
	}
	method, _, _ := strings.Cut(c.line, " ")
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: reading the answer: %v", c.line, err)
	}
	return connection, reader, response
}

// bytes returns the call's bytes on the wire.
func (c call) bytes() string {
	lines := []string{c.line + " HTTP/1.1"}
	if !c.names("host") {
		lines = append(lines, "host: api.example")
	}
	lines = append(lines, c.headers...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + c.body
}

func (c call) names(name string) bool {
	for _, header := range c.headers {
		if key, _, _ := strings.Cut(header, ":"); strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// http2 sends the call over HTTP/2 with prior knowledge, as Envoy's peers inside
// a network do.
func http2(t *testing.T, address string, c call) answer {
	t.Helper()
	method, target, _ := strings.Cut(c.line, " ")
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "api.example"
	for _, header := range c.headers {
		name, value, _ := strings.Cut(header, ":")
		value = strings.TrimSpace(value)
		if strings.EqualFold(name, "host") {
			request.Host = value
			continue
		}
		key := strings.ToLower(name)
		request.Header[key] = append(request.Header[key], value)
	}
	request.URL.Opaque = "//" + request.Host + target // the target as it is written
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatalf("%s over HTTP/2: %v", c.line, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s over HTTP/2: reading the answer: %v", c.line, err)
	}
	if response.ProtoMajor != 2 {
		t.Fatalf("%s: answered over %s", c.line, response.Proto)
	}
	return answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}
