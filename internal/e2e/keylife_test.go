package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// TestRestartDuringAnOutage: with cache_dir the gate uses the last good keys immediately;
// without it, tokens get an outage until the issuer is available again.
func TestRestartDuringAnOutage(t *testing.T) {
	k := newKeyServer(t, testbed.Issuers(t), "kept")
	token := k.token(t)
	dir := filepath.Join(t.TempDir(), "keys")
	kept := keysConfig(t, fmt.Sprintf("cache_dir: %q", dir), "", k)
	first := startGate(t, kept)
	// The gate uses keys immediately and then writes them.
	eventually(t, 10*time.Second, "the keys are kept", func() error {
		files, err := filepath.Glob(filepath.Join(dir, "keys-*.json"))
		if err == nil && len(files) != 1 {
			err = fmt.Errorf("%d files", len(files))
		}
		return err
	})
	first.Kill()
	k.play(cutOff)

	again := startGate(t, kept)
	if code, err := again.readyz(t); err != nil || code != http.StatusOK {
		t.Errorf("with cache_dir /readyz is %d, %v, want 200 at once", code, err)
	}
	with := newCaller(t, startShippedEnvoy(t, again.address, startApplication(t).address))
	for range 20 {
		if got := with.get(t, "/", token); got.status != http.StatusOK {
			t.Fatalf("with cache_dir a token is answered %v", got)
		}
	}
	if text := again.Output.String(); !strings.Contains(text, `"keys restored"`) {
		t.Errorf("the log does not tell where the keys are from:\n%s", text)
	}

	bare := startGate(t, keysConfig(t, "", "", k))
	without := newCaller(t, startShippedEnvoy(t, bare.address, startApplication(t).address))
	if err := want(without.get(t, "/", token), 503, "keys_unavailable"); err != nil {
		t.Errorf("without cache_dir: %v", err)
	}
	k.play(nil)
	eventually(t, 10*time.Second, "without cache_dir, the issuer is back", func() error { return want(without.get(t, "/", token), 200, "") })
}

// TestKeysPastMaxStale: an issuer's outage has no effect until the keys are older than
// max_stale; before that, the gate logs warnings.
func TestKeysPastMaxStale(t *testing.T) {
	k := newKeyServer(t, testbed.Issuers(t), "ageing")
	gate := startGate(t, keysConfig(t, "", "refresh_interval: 1s, max_stale: 3s", k))
	gate.waitReady(t)
	c := newCaller(t, startShippedEnvoy(t, gate.address, startApplication(t).address))
	token := k.token(t)
	proper := startTraffic(t, c, 10*time.Millisecond, always(token))
	k.play(cutOff)
	eventually(t, 10*time.Second, "a warning that keys grow stale", func() error { return says(gate, `"keys are becoming stale"`) })
	proper.stop()
	eventually(t, 10*time.Second, "keys past max_stale", func() error {
		got := c.get(t, "/", token)
		if got.status != http.StatusOK && got.status != http.StatusServiceUnavailable {
			t.Fatalf("an outage is answered %v", got)
		}
		return want(got, 503, "keys_stale")
	})
	eventually(t, 2*time.Second, "the log says so", func() error { return says(gate, `"keys are past max_stale and no longer trusted"`) })
	if state := gate.issuerStates(t)["ageing"]; !state.Stale || state.AgeSeconds < 3 {
		t.Errorf("/issuers says stale %v, age %v s", state.Stale, state.AgeSeconds)
	}
	k.play(nil)
	eventually(t, 10*time.Second, "the issuer is back", func() error { return want(c.get(t, "/", token), 200, "") })
}

// TestWithdrawnKeyIsRejected: the gate stops trusting a key that the issuer withdraws, in
// use or not, and other tokens are not affected.
func TestWithdrawnKeyIsRejected(t *testing.T) {
	k := newKeyServer(t, testbed.Issuers(t), "withdrawing")
	withdrawn, old := k.KeyID(), k.token(t)
	k.publish(t)
	gate := startGate(t, keysConfig(t, "", "refresh_interval: 1s, unknown_kid_cooldown: 1s", k))
	gate.waitReady(t)
	c := newCaller(t, startShippedEnvoy(t, gate.address, startApplication(t).address))
	if got := c.get(t, "/", old); got.status != http.StatusOK {
		t.Fatalf("before its withdrawal: %v", got)
	}
	startTraffic(t, c, 10*time.Millisecond, always(k.token(t)))
	if err := k.RemoveKey(withdrawn); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, 15*time.Second, "the withdrawn key is refused", func() error { return want(c.get(t, "/", old), 401, "key_unknown") })
	t.Logf("refused %v after it was withdrawn, in use until then", time.Since(began).Round(time.Millisecond))
	for _, line := range []string{`"a key in use is missing from the issuer's key set; a second fetch will confirm its removal"`,
		`"a key was withdrawn while tokens were still signed with it"`} {
		if err := says(gate, line); err != nil {
			t.Error(err)
		}
	}
	if state := gate.issuerStates(t)["withdrawing"]; state.WithdrawnInUse != 1 || len(state.Withdrawn) != 1 ||
		state.Withdrawn[0].KID != withdrawn {
		t.Errorf("/issuers tells of %d keys withdrawn in use, %v, want %s", state.WithdrawnInUse, state.Withdrawn, withdrawn)
	}
}

// says returns nil once the gate's log contains the text.
func says(gate *gateProcess, text string) error {
	if log := gate.Output.String(); !strings.Contains(log, text) {
		return fmt.Errorf("the log has no %s:\n%s", text, testutil.LastLines(log, 10))
	}
	return nil
}
