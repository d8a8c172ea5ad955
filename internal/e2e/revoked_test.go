package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// revocations is a list that a test changes under load.
type revocations struct {
	configured
	list string // the file
	at   *caller
}

func startRevocations(t *testing.T, list string) revocations {
	t.Helper()
	path := testutil.File(t, "revoked.jsonl", list)
	c := startConfigured(t, "revoked: {file: "+path+"}\n")
	return revocations{configured: c, list: path, at: newCaller(t, c.shipped)}
}

// appendLine appends a line, as a job that revokes tokens does.
func (r revocations) appendLine(t *testing.T, line string) {
	t.Helper()
	file, err := os.OpenFile(r.list, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(line + "\n"); err != nil {
		t.Fatal(err)
	}
}

// refusedWithin waits until a valid token is denied as revoked, and fails if that is more
// than a second after changed.
func (r revocations) refusedWithin(t *testing.T, changed time.Time, token string) {
	t.Helper()
	eventually(t, 3*time.Second, "the token is revoked", func() error {
		switch got := r.at.get(t, "/", token); {
		case got.status == http.StatusOK:
			return fmt.Errorf("got %v", got)
		case got.reason != "token_revoked":
			t.Fatalf("got %v, want 401 token_revoked", got)
		}
		return nil
	})
	if took := time.Since(changed); took > time.Second {
		t.Errorf("it takes effect after %v, want at most 1s", took)
	}
}

// TestRevocationUnderLoad: however the file is changed, a line takes effect within a
// second, also for a token in constant use, and affects no other token. If the file is
// invalid, the gate keeps the previous list and logs that.
func TestRevocationUnderLoad(t *testing.T) {
	const others = `{"issuer": "partner", "sub": "somebody"}`
	r := startRevocations(t, others+"\n")
	subject := func(name string) string { return mint(t, r.issuers.cruddur, access(map[string]any{"sub": name})) }
	ann, bob, carol := subject("ann"), subject("bob"), subject("carol")
	dave := mint(t, r.issuers.partner, map[string]any{"sub": "ann", "aud": "orders-api", "jti": "d1"})
	for _, token := range []string{ann, bob, carol, dave} {
		if got := r.at.get(t, "/", token); got.status != http.StatusOK {
			t.Fatalf("before: %v", got)
		}
	}
	var running []*traffic
	for range 4 {
		running = append(running, startTraffic(t, r.at, 2*time.Millisecond, always(carol)))
	}

	began := time.Now()
	r.appendLine(t, `{"issuer": "cruddur", "sub": "ann"}`)
	r.refusedWithin(t, began, ann)
	for _, token := range []string{bob, dave} { // the same subject of another issuer too
		if got := r.at.get(t, "/", token); got.status != http.StatusOK {
			t.Errorf("another token is answered %v", got)
		}
	}

	began = time.Now()
	replaceFile(t, r.list, others+"\n"+`{"issuer": "cruddur", "sub": "bob"}`+"\n"+`{"issuer": "partner", "jti": "d1"}`+"\n")
	r.refusedWithin(t, began, bob)
	r.refusedWithin(t, began, dave)
	if got := r.at.get(t, "/", ann); got.status != http.StatusOK {
		t.Errorf("a token that is listed no more is answered %v", got)
	}

	r.appendLine(t, `{"issuer": "crudd`) // half a line
	r.gate.waitMetric(t, `jwtgate_revoked_reads_total{result="refused"}`, 1)
	if got := r.at.get(t, "/", bob); got.reason != "token_revoked" {
		t.Errorf("with a broken file a revoked token is answered %v", got)
	}
	if s, err := r.gate.state(t); err != nil || !s.Ready || !strings.Contains(s.Refused, r.list+":4:") {
		t.Errorf("with a broken file /readyz tells %+v, %v", s, err)
	}
	if got := r.gate.metric(t, "jwtgate_revoked_lines"); got != 3 {
		t.Errorf("with a broken file %v lines are in force, want 3", got)
	}
	began = time.Now()
	replaceFile(t, r.list, `{"issuer": "cruddur", "sub": "ann"}`+"\n")
	r.refusedWithin(t, began, ann)
	if s, err := r.gate.state(t); err != nil || s.Refused != "" {
		t.Errorf("once it is fixed, /readyz returns %+v, %v", s, err)
	}
	sent := 0
	for _, one := range running {
		one.stop()
		sent += one.sent()
	}
	if sent < 100 {
		t.Errorf("only %d requests went on meanwhile", sent)
	}
}
