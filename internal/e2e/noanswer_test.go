//go:build !race

package e2e

import (
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestClientsThatReadNoAnswer: clients send thousands of Checks and read no answer. The
// gate's memory for them is bounded, and it serves other clients.
func TestClientsThatReadNoAnswer(t *testing.T) {
	i := startIssuers(t)
	f := startFaulty(t, i, startGate(t, testutil.File(t, "jwtgate.yaml", replicasFile+"audit: {denied: 1/1000}\n"), i.environment()...))
	message, err := proto.Marshal(&authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Path: "/orders", Host: "api.example", Headers: map[string]string{"x-request-id": strings.Repeat("a", 1000)},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	// At a rate that does not use up the CPU: whatever delays other clients is then
	// the gate's behaviour.
	const clients, each, atOnce = 20, 1500, 20
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	before, peak, asked := f.gate.anonymousKiB(t), 0, 0
	var all []*deaf
	for range clients {
		d := newDeaf(t, f.gate.address)
		defer d.Close()
		all = append(all, d)
		for n := 0; n < each && d.ask(message); n++ {
			if asked++; asked%atOnce == 0 {
				<-pace.C
			}
		}
		peak = max(peak, f.gate.anonymousKiB(t)-before)
	}
	f.goesOn(t)
	peak = max(peak, f.gate.anonymousKiB(t)-before)
	t.Logf("%d clients put %d Checks and took no answer: memory %d %+d KiB", clients, asked, before, peak)
	if asked < 1000*clients {
		t.Errorf("only %d Checks were put", asked)
	}
	// A connection may have 1000 calls under way, and its window holds 1 MiB.
	wantMemory(t, peak, clients*12<<10)
	for _, d := range all { // or the end would wait for them
		_ = d.Close()
	}
	f.end(t)
}
