//go:build !race

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
)

// TestLoginLimitsCallsToTheIssuer: requests with a cookie that looks like a refresh token
// make at most 20 connections to an issuer that hangs.
func TestLoginLimitsCallsToTheIssuer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepted atomic.Int64
	go func() { // ends when the listener is closed; answers nothing
		var all []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				for _, one := range all {
					_ = one.Close()
				}
				return
			}
			accepted.Add(1)
			all = append(all, conn)
		}
	}()
	s := startLogin(t, time.Hour, loginLintRow{rewrite: func(file string) string {
		edited, err := envoy.Apply([]byte(file), envoy.Edit{Login: &envoy.Login{Token: "http://" + listener.Addr().String() + "/token"}})
		if err != nil {
			t.Fatal(err)
		}
		return string(edited)
	}})
	const clients = 60
	var public atomic.Int64
	var group sync.WaitGroup
	for range clients {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.envoy.address+"/public", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Cookie", "__Host-RefreshToken=junk")
		group.Go(func() {
			client := http.Client{Timeout: clientTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
			if response, err := client.Do(request); err == nil {
				_ = response.Body.Close()
				if response.StatusCode == http.StatusOK {
					public.Add(1)
				}
			}
		})
	}
	eventually(t, 10*time.Second, "calls beyond 40 fail at once", func() error {
		if n := public.Load(); n < clients-40 {
			return fmt.Errorf("%d answers, %d connections", n, accepted.Load())
		}
		return nil
	})
	if n := accepted.Load(); n != 20 {
		t.Errorf("%d connections to the issuer, want 20", n)
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	group.Wait()
	if n := public.Load(); n != clients || strings.Contains(s.envoy.Output.String(), "junk") {
		t.Errorf("%d of %d public answers", n, clients)
	}
}
