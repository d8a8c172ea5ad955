//go:build !race

package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestALargeListOfRevocations: each line appended to 100,000 others takes effect within a
// second, while more are appended.
func TestALargeListOfRevocations(t *testing.T) {
	const length = 100_000
	var lines strings.Builder
	for n := range length {
		fmt.Fprintf(&lines, `{"issuer": "cruddur", "sub": "user-%d"}`+"\n", n)
	}
	r := startRevocations(t, lines.String())
	tokens := make([]string, 5)
	for n := range tokens {
		tokens[n] = mint(t, r.issuers.cruddur, access(map[string]any{"sub": fmt.Sprintf("late-%d", n)}))
	}
	var group sync.WaitGroup
	every := time.NewTicker(300 * time.Millisecond)
	defer every.Stop()
	for n, token := range tokens {
		if got := r.at.get(t, "/", token); got.status != http.StatusOK {
			t.Fatalf("before: %v", got)
		}
		<-every.C
		r.appendLine(t, fmt.Sprintf(`{"issuer": "cruddur", "sub": "late-%d"}`, n))
		written := time.Now()
		group.Go(func() {
			ask := time.NewTicker(20 * time.Millisecond) // leave the gate the machine
			defer ask.Stop()
			for r.at.get(t, "/", token).reason != "token_revoked" {
				if time.Since(written) > time.Second {
					t.Errorf("line %d is not in force after a second", n)
					return
				}
				<-ask.C
			}
		})
	}
	group.Wait()
	last := mint(t, r.issuers.cruddur, access(map[string]any{"sub": fmt.Sprintf("user-%d", length-1)}))
	if got := r.at.get(t, "/", last); got.reason != "token_revoked" {
		t.Errorf("a token of the list is answered %v", got)
	}
	r.gate.waitMetric(t, "jwtgate_revoked_lines", float64(length+len(tokens)))
}

// TestAListThatCannotBeReadStartsNothing: without its list the gate would accept
// revoked tokens.
func TestAListThatCannotBeReadStartsNothing(t *testing.T) {
	i := startIssuers(t)
	missing := filepath.Join(t.TempDir(), "revoked.jsonl")
	broken := testutil.File(t, "revoked.jsonl", `{"issuer": "cruddur", "sub": "ann"}`+"\n"+`{"issuer": "nobody", "sub": "ann"}`+"\n")
	for _, row := range []struct{ name, list, want string }{
		{"no such file", missing, ":16:17: revoked.file cannot be read"},
		{"a wrong line", broken, broken + ":2:1: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := testutil.File(t, "jwtgate.yaml", twoIssuers+"revoked: {file: "+row.list+"}\n")
			got := jwtgate(t, i.environment(), "serve", "--config", file, "--listen", freeAddress(t), "--admin-listen", freeAddress(t))
			if got.code != 1 || !strings.Contains(got.stderr, row.want) {
				t.Errorf("exit code %d, want 1 and %q:\n%s", got.code, row.want, got.stderr)
			}
		})
	}
}
