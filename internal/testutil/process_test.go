package testutil_test

import (
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestStartEndsWithTheTest: a program that would run for a minute ends with the test,
// and the check has all that it printed.
func TestStartEndsWithTheTest(t *testing.T) {
	var p *testutil.Process
	printed := ""
	t.Run("starter", func(t *testing.T) {
		p = testutil.Start(t, "sleeper", exec.Command("sh", "-c", "echo begins; exec sleep 60"),
			func(_ testing.TB, _, output string) { printed = output })
		testutil.Eventually(t, 10*time.Second, "it prints", func() error {
			if p.Output.String() == "" {
				return errors.New("nothing")
			}
			return nil
		})
	})
	select {
	case <-p.Exited:
	default:
		t.Error("the program runs on")
	}
	if printed != "begins\n" {
		t.Errorf("the check read %q", printed)
	}
}

// startWaiter runs a program that ends with 7 when it is asked to end.
func startWaiter(t *testing.T) *testutil.Process {
	t.Helper()
	p := testutil.Start(t, "waiter", exec.Command("sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"))
	p.Eventually(t, 10*time.Second, "it is ready", func() error {
		if !strings.Contains(p.Output.String(), "ready") {
			return errors.New("it has not printed that")
		}
		return nil
	})
	return p
}

// TestTerminateFirst: the program can end itself before it would be killed.
func TestTerminateFirst(t *testing.T) {
	var p *testutil.Process
	t.Run("starter", func(t *testing.T) {
		p = startWaiter(t)
		p.TerminateFirst(t)
	})
	if code := p.Cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("it ended with %d", code)
	}
}

func TestWait(t *testing.T) {
	p := startWaiter(t)
	p.Terminate(t)
	if code := p.Wait(t, 10*time.Second); code != 7 {
		t.Errorf("it ended with %d", code)
	}
	p.Kill() // again
}

func TestLastLines(t *testing.T) {
	for text, want := range map[string]string{"": "", "a\n": "a", "a\nb\nc\n": "b\nc", "b\nc": "b\nc"} {
		if got := testutil.LastLines(text, 2); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestFreeAddress(t *testing.T) {
	var ports testutil.Ports
	seen := map[string]bool{}
	for range 20 {
		address := ports.FreeAddress(t)
		if seen[address] {
			t.Errorf("%s was given out twice", address)
		}
		seen[address] = true
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
	}
}
