//go:build !race

package e2e

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// keptAliveLine is the shipped file's idle timeout for an application that speaks
// HTTP/1.1, with the line after it, which makes it unique.
const keptAliveLine = `        common_http_protocol_options: { idle_timeout: 1s } # edit: keep-alive
        explicit_http_config: { http_protocol_options: {} }
`

// TestIdleConnectionsOfTheApplication: if the idle timeout on the line marked `edit:
// keep-alive` is shorter than that of the application, Envoy sends no request on a
// connection that the application is closing. Without the line it does.
func TestIdleConnectionsOfTheApplication(t *testing.T) {
	gate := startScriptedGate(t)
	gate.says(allowing(&authv3.OkHttpResponse{}))
	app := startClosingApplication(t, 400*time.Millisecond)
	with := derivedEnvoy(t, gate.address, app.address, keptAliveLine, strings.Replace(keptAliveLine, "1s", "0.1s", 1))
	if lost := app.aroundTheClosing(t, with.address, 11); lost != 0 {
		t.Errorf("with the line, %d of 2,000 requests at the time of the closing were answered with 503; expected 0", lost)
	}
	without := derivedEnvoy(t, gate.address, app.address, keptAliveLine, strings.Replace(keptAliveLine, "idle_timeout: 1s", "", 1))
	if lost := app.aroundTheClosing(t, without.address, 5); lost == 0 {
		t.Error("without the line, none of 800 requests was answered with 503: the test does not hit the moment of the closing")
	} else {
		t.Logf("without the line, %d of 800 requests were answered with 503", lost)
	}
}

// closingApplication is a server that closes connections that were idle for a time.
type closingApplication struct {
	address string
	idle    time.Duration
	closing chan struct{} // a connection was idle for that time; has a buffer of 1
}

const (
	// farAway is the time after which Envoy learns that the application closes a
	// connection. With the time that loopback takes, a test would not hit it.
	farAway = 50 * time.Millisecond
	// busy is the time that the application needs for a request. Simultaneous requests
	// would otherwise share a connection.
	busy = 30 * time.Millisecond
)

func startClosingApplication(t *testing.T, idle time.Duration) *closingApplication {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &closingApplication{address: listener.Addr().String(), idle: idle, closing: make(chan struct{}, 1)}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			group.Go(func() {
				defer connection.Close()
				a.serve(t, connection)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		group.Wait()
	})
	return a
}

// serve answers the requests of a connection until none arrives for a time.
func (a *closingApplication) serve(t *testing.T, connection net.Conn) {
	reader := bufio.NewReader(connection)
	for connection.SetReadDeadline(time.Now().Add(a.idle)) == nil {
		request, err := http.ReadRequest(reader)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			select {
			case a.closing <- struct{}{}:
			default:
			}
			wait(t.Context(), farAway) // what arrives now is not read
		}
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
		wait(t.Context(), busy)
		if _, err := io.WriteString(connection, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

// aroundTheClosing sends rounds of 200 simultaneous requests. The first one opens
// connections; each other one begins when the application begins to close those of the
// round before, or would if Envoy had not closed them. It returns how many requests were
// answered with 503.
func (a *closingApplication) aroundTheClosing(t *testing.T, address string, rounds int) int64 {
	t.Helper()
	const each = 200
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: each}, Timeout: clientTimeout}
	defer client.CloseIdleConnections()
	var lost atomic.Int64
	for round := range rounds {
		var group sync.WaitGroup
		for range each {
			group.Go(func() {
				response, err := client.Get("http://" + address + "/")
				if err != nil {
					t.Error(err)
					return
				}
				defer response.Body.Close()
				_, _ = io.Copy(io.Discard, response.Body)
				switch response.StatusCode {
				case http.StatusOK:
				case http.StatusServiceUnavailable:
					lost.Add(1)
				default:
					t.Errorf("status %d", response.StatusCode)
				}
			})
		}
		group.Wait()
		select {
		case <-a.closing: // a connection of an earlier round
		default:
		}
		if round == rounds-1 {
			break
		}
		select {
		case <-a.closing:
		case <-time.After(a.idle):
		}
	}
	return lost.Load()
}
