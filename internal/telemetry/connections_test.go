package telemetry_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/telemetry"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// pipes counts the connections that the server holds.
type pipes struct {
	*testutil.Pipes
	held, most atomic.Int64
}

func (p *pipes) Accept() (net.Conn, error) {
	conn, err := p.Pipes.Accept()
	if err != nil {
		return nil, err
	}
	p.most.Store(max(p.most.Load(), p.held.Add(1))) // one goroutine accepts
	return &pipe{Conn: conn, held: &p.held}, nil
}

// pipe is the server's side of a connection.
type pipe struct {
	net.Conn
	once sync.Once
	held *atomic.Int64
}

func (p *pipe) Close() error {
	p.once.Do(func() { p.held.Add(-1) })
	return p.Conn.Close()
}

// Clients that open connections and send no request, or no second one, delay a probe
// by at most 5 seconds, and the server holds at most 256 of them.
func TestAdminConnections(t *testing.T) {
	const clients, most, patience = 300, 256, 5 * time.Second
	for name, begin := range map[string]func(net.Conn) error{
		"silent": func(net.Conn) error { return nil },
		"silent inside a header": func(conn net.Conn) error {
			_, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\n")
			return err
		},
		"silent after a request": func(conn net.Conn) error {
			if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				return err
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, answer.Body)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pipes{Pipes: testutil.NewPipes()}
				server := telemetry.NewAdmin(telemetry.NewMetrics(telemetry.Build{}), telemetry.Views{}, nil)
				served := make(chan error, 1)
				go func() { served <- server.Serve(p) }()
				var wait sync.WaitGroup
				for range clients {
					wait.Go(func() {
						conn, err := p.Dial(t.Context(), "", "")
						if err != nil {
							t.Error(err)
							return
						}
						if err := begin(conn); err != nil {
							t.Error(err)
						}
						_, _ = io.Copy(io.Discard, conn) // until the server closes it
						_ = conn.Close()
					})
				}
				synctest.Wait()
				if held := p.held.Load(); held != most {
					t.Errorf("the server holds %d connections, want %d", held, most)
				}
				since := time.Now()
				client := &http.Client{Transport: &http.Transport{DialContext: p.Dial, DisableKeepAlives: true}}
				answer, err := client.Get("http://localhost/livez")
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Body.Close()
				if took := time.Since(since); answer.StatusCode != http.StatusOK || took > patience {
					t.Errorf("%d after %v, want 200 within %v", answer.StatusCode, took, patience)
				}
				wait.Wait()
				if held := p.most.Load(); held != most {
					t.Errorf("the server held %d connections at once, want %d", held, most)
				}
				server.Shutdown(t.Context())
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
