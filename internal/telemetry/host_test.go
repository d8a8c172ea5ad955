package telemetry_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// send sends the bytes of one request, and returns the response's status.
func (a *admin) send(t *testing.T, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// The rows differ in Host only, so that nothing else can be the reason for a 421.
func TestAdminHost(t *testing.T) {
	const allowed, refused = http.StatusOK, http.StatusMisdirectedRequest
	a := startAdmin(t)
	for host, want := range map[string]int{
		"127.0.0.1": allowed, "127.0.0.1:9002": allowed, "10.1.2.3:9002": allowed, "203.0.113.9": allowed, "127.0.0.1.": allowed,
		"[::1]": allowed, "[::1]:9002": allowed, "[2001:DB8::7]:9002": allowed, "[::ffff:127.0.0.1]": allowed,
		"localhost": allowed, "localhost:9002": allowed, "LocalHost.": allowed, "gate.localhost": allowed, "a.b.localhost.:80": allowed,
		"gate.example": allowed, "gate.example:9002": allowed, "GATE.Example.": allowed, "gate.example.:1": allowed, "gate.example:": allowed,

		"rebound.attacker.example": refused, "rebound.attacker.example:9002": refused, "attacker": refused, "xlocalhost": refused,
		"localhost.attacker.example": refused, "127.0.0.1.attacker.example": refused, "gate.example.attacker.example": refused,
		"a.gate.example": refused, "xgate.example": refused, "example": refused, "gate.example..": refused, "localhost..": refused,
		"": refused, ".": refused, ":9002": refused, "::1": refused,
		"[::1": refused, "[]": refused, "[localhost]": refused, "[gate.example]": refused,
		"[127.0.0.1]": refused, "[::1%]x": refused, "127.1": refused, "2130706433": refused, "0x7f.0.0.1": refused, "127.0.0.1:http": refused,
		"localhost:9002:attacker.example": refused, "gate.example,attacker.example": refused, "attacker.example:gate.example": refused,
	} {
		if got := a.send(t, "GET /livez HTTP/1.1\r\nHost: "+host+"\r\n\r\n"); got != want {
			t.Errorf("Host %q: %d, want %d", host, got, want)
		}
	}
}

func TestAdminWithoutNames(t *testing.T) {
	a := startAdminNamed(t, nil)
	for host, want := range map[string]int{"127.0.0.1": http.StatusOK, "gate.example": http.StatusMisdirectedRequest} {
		if got := a.send(t, "GET /livez HTTP/1.1\r\nHost: "+host+"\r\n\r\n"); got != want {
			t.Errorf("Host %q: %d, want %d", host, got, want)
		}
	}
}

func TestAdminHostIsForEveryPage(t *testing.T) {
	a := startAdmin(t)
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/issuers", "/decisions/replica-1"} {
		for _, method := range []string{"GET", "HEAD"} {
			for host, want := range map[string]int{"gate.example": http.StatusOK, "attacker.example": http.StatusMisdirectedRequest} {
				if got := a.send(t, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, host)); got != want {
					t.Errorf("%s %s of %s: %d, want %d", method, path, host, got, want)
				}
			}
		}
	}
	// A 421 does not depend on whether the page and the method exist.
	for _, line := range []string{"GET /", "POST /livez", "OPTIONS *"} {
		if got := a.send(t, line+" HTTP/1.1\r\nHost: attacker.example\r\n\r\n"); got != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d, want 421", line, got)
		}
	}
}

// The host of a request can also be in an absolute target, and a request of HTTP/1.0
// may have none.
func TestAdminHostElsewhere(t *testing.T) {
	a := startAdmin(t)
	for _, row := range []struct {
		name, request string
		want          int
	}{
		{"HTTP/1.0 with a host", "GET /livez HTTP/1.0\r\nHost: gate.example\r\n\r\n", 200},
		{"HTTP/1.0 without a host", "GET /livez HTTP/1.0\r\n\r\n", 421},
		{"an absolute target", "GET http://gate.example/livez HTTP/1.1\r\nHost: gate.example\r\n\r\n", 200},
		{"an absolute target with another host", "GET http://attacker.example/livez HTTP/1.1\r\nHost: gate.example\r\n\r\n", 421},
		{"two hosts", "GET /livez HTTP/1.1\r\nHost: gate.example\r\nHost: attacker.example\r\n\r\n", 400},
		{"HTTP/1.1 without a host", "GET /livez HTTP/1.1\r\n\r\n", 400},
	} {
		if got := a.send(t, row.request); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}

// The 421 response has a hint, and closes the connection.
func TestAdminWrongHostSaysWhatToDo(t *testing.T) {
	a := startAdmin(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "attacker.example"
	client := &http.Client{Transport: &http.Transport{}}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_, body := a.read(t, answer)
	const want = `"the name in Host is not allowed: use an IP address or localhost, or add the name to admin.hosts and restart jwtgate"`
	if answer.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(body, want) || strings.Contains(body, "attacker") {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	if !answer.Close || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("close %v, fields %v", answer.Close, answer.Header)
	}
}
