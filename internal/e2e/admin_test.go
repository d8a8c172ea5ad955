package e2e

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestSilenceOnTheAdminPort: of 300 connections that send nothing, the gate keeps 256; it
// continues to make decisions, and answers a probe within 5 seconds.
func TestSilenceOnTheAdminPort(t *testing.T) {
	const clients, most, patience = 300, 256, 5 * time.Second
	const others = 16 // files at most that other connections open or close meanwhile
	i := startIssuers(t)
	f := startFaulty(t, i, startGate(t, testutil.File(t, "jwtgate.yaml", replicasFile), i.environment()...))
	before := openFiles(t, f.gate)
	since := time.Now()
	for range clients {
		connection, err := net.DialTimeout("tcp", f.gate.admin, clientTimeout)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
	}
	eventually(t, patience, "the gate holds as many as it may", func() error {
		if held := openFiles(t, f.gate) - before; held < most-others {
			return fmt.Errorf("%d connections are held", held)
		}
		return nil
	})
	f.goesOn(t) // a second or more, in which it could take the rest
	if held := openFiles(t, f.gate) - before; held < most-others || held > most+others {
		t.Errorf("%d connections are held, want about %d", held, most)
	}

	client := http.Client{Timeout: clientTimeout, Transport: &http.Transport{DisableKeepAlives: true}} // a connection of its own
	response, err := client.Get("http://" + f.gate.admin + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	took := time.Since(since)
	t.Logf("a probe was answered %v after the first of %d silent connections", took.Round(time.Millisecond), clients)
	if response.StatusCode != http.StatusOK || took > patience+2*time.Second { // it is a busy machine
		t.Errorf("%d after %v, want 200 within %v", response.StatusCode, took, patience)
	}
	f.end(t)
}
