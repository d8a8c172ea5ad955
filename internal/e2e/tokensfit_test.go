//go:build !race

package e2e

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestTokensFit: with 20,000 tokens of 170 groups each, the gate stays within a container
// of 128 MiB, no request fails, and the garbage collector does not run all the time. The
// gate remembers at least 15,000 ordinary tokens.
func TestTokensFit(t *testing.T) {
	long := make([]string, 170)
	for n := range long {
		long[n] = fmt.Sprintf("%08x-0000-4000-8000-00000000abcd", n)
	}
	for name, row := range map[string]struct {
		tokens, rounds, remembered int
		claims                     map[string]any
	}{
		"170 groups": {20_000, 2, 1000, map[string]any{"groups": long}},
		"ordinary": {20_000, 1, 15_000, map[string]any{
			"groups": []string{"staff", "orders", "billing"}, "scope": "openid profile orders/read orders/list", "client_id": "3v5exampleclient",
			"preferred_username": "ann.example", "email": "ann@example.org", "email_verified": true,
		}},
	} {
		t.Run(name, func(t *testing.T) { tokensFit(t, row.tokens, row.rounds, row.remembered, row.claims) })
	}
}

func tokensFit(t *testing.T, tokens, rounds, remembered int, claims map[string]any) {
	const container = 128 << 10 // KiB
	i := startIssuers(t)
	// The memory limit that the gate derives from the container's.
	environment := append(i.environment(), fmt.Sprintf("GOMEMLIMIT=%d", container<<10*9/10))
	gate := startDirect(t, testutil.File(t, "jwtgate.yaml", replicasFile), environment...)
	all := make([]string, tokens)
	for n := range all {
		all[n] = mint(t, i.partner, merged(claims, map[string]any{"aud": "orders-api", "sub": fmt.Sprint("0d3c6a1e-0000-4000-8000-", n)}))
	}
	var failed, peak atomic.Int64
	for range rounds {
		next := atomic.Int64{}
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				for n := next.Add(1) - 1; n < int64(tokens); n = next.Add(1) - 1 {
					ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
					answer, err := gate.client.Check(ctx, &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
						Request: &authv3.AttributeContext_Request{Http: sent{
							method: "GET", host: "api.example", target: "/orders", headers: [][2]string{{"authorization", "Bearer " + all[n]}},
						}.raw()},
					}})
					cancel()
					if err != nil || answer.GetStatus().GetCode() != 0 {
						failed.Add(1)
					}
					if n%500 == 0 {
						peak.Store(max(peak.Load(), int64(gate.anonymousKiB(t))))
					}
				}
			})
		}
		workers.Wait()
	}
	collections, entries := gate.metric(t, "go_gc_duration_seconds_count"), gate.metric(t, "jwtgate_token_cache_entries")
	t.Logf("%d bytes a token, %d requests, %d failed; memory %d KiB at most, %s s of CPU, %v collections, %v tokens remembered",
		len(all[0]), rounds*tokens, failed.Load(), peak.Load(), cpuSeconds(t, gate.gateProcess), collections, entries)
	if failed.Load() > 0 {
		t.Errorf("%d requests failed", failed.Load())
	}
	wantMemory(t, int(peak.Load()), container)
	if collections > float64(rounds*tokens/50) {
		t.Errorf("%v collections for %d requests", collections, rounds*tokens)
	}
	if entries < float64(remembered) {
		t.Errorf("%v are remembered, want at least %d", entries, remembered)
	}
}

// cpuSeconds returns the CPU time of the gate.
func cpuSeconds(t *testing.T, g *gateProcess) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", g.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return fmt.Sprintf("%.1f", float64(user+system)/100)
}
