package proc_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/proc"
)

// start runs a shell script on the first core until the test ends.
func start(t *testing.T, script string) *proc.Process {
	t.Helper()
	return startOn(t, cores(t)[0], script)
}

func startOn(t *testing.T, core int, script string) *proc.Process {
	t.Helper()
	p, err := proc.Start("shell", filepath.Join(t.TempDir(), "log"), core, []string{"SAID=hello"}, "/bin/sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func cores(t *testing.T) []int {
	t.Helper()
	cores, err := proc.Cores()
	if err != nil || len(cores) == 0 {
		t.Fatal(cores, err)
	}
	return cores
}

func TestKill(t *testing.T) {
	p := start(t, "while :; do sleep 1; done")
	p.Kill()
	if _, err := p.Memory(); err == nil {
		t.Error("the process still exists")
	}
	p.Kill() // the second call does nothing
}

func TestCPU(t *testing.T) {
	p := start(t, "while :; do :; done")
	begin, err := p.CPU()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		now, err := p.CPU()
		if err != nil {
			t.Fatal(err)
		}
		if now >= begin+20*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a busy loop has used %v", now-begin)
		}
	}
	if self, err := proc.SelfCPU(); err != nil || self <= 0 {
		t.Errorf("this process has used %v, %v", self, err)
	}
}

func TestStop(t *testing.T) {
	p := start(t, "while :; do :; done")
	expect := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); ; {
			stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID()), "stat"))
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(stat), ") ")
			if rest[:1] == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the state of the process is %s; expected %s", rest[:1], want)
			}
		}
	}
	resume := p.Stop()
	expect("T")
	resume()
	expect("R")
}

func TestPinned(t *testing.T) {
	cores := cores(t)
	for _, core := range cores {
		p := startOn(t, core, "while :; do sleep 1; done")
		allowed, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID()), "status"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(allowed), "Cpus_allowed_list:\t"+strconv.Itoa(core)+"\n") {
			t.Errorf("on core %d: %s", core, allowed)
		}
	}
	if now, err := proc.Cores(); err != nil || !slices.Equal(now, cores) {
		t.Errorf("this process may use the cores %v now; before it could use %v", now, cores)
	}
}

func TestReady(t *testing.T) {
	p := start(t, `echo "$SAID" from the log`)
	probes := 0
	err := p.Ready(t.Context(), 5*time.Second, func() error { probes++; return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "exited:\nhello from the log") || probes == 0 {
		t.Errorf("after %d probes: %v", probes, err)
	}
	p = start(t, "while :; do sleep 1; done")
	err = p.Ready(t.Context(), time.Millisecond, func() error { return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "not ready: not yet") {
		t.Errorf("%v", err)
	}
	if err := p.Ready(t.Context(), time.Second, func() error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestAMissingProgram(t *testing.T) {
	_, err := proc.Start("missing", filepath.Join(t.TempDir(), "log"), cores(t)[0], nil, "/nowhere/missing")
	if err == nil || !strings.Contains(err.Error(), "start missing") {
		t.Errorf("%v", err)
	}
}

func TestParseMemory(t *testing.T) {
	m, err := proc.ParseMemory([]byte("Name:\tx\nVmRSS:\t   20480 kB\nRssAnon:\t    4096 kB\nRssFile:\t 1 kB\n"))
	if err != nil || m != (proc.Memory{Resident: 20 << 20, Anonymous: 4 << 20}) {
		t.Errorf("%+v, %v", m, err)
	}
	for _, status := range []string{"", "VmRSS: 1 kB\n", "VmRSS: 1 MB\nRssAnon: 1 kB\n", "VmRSS: x kB\nRssAnon: 1 kB\n"} {
		if m, err := proc.ParseMemory([]byte(status)); err == nil {
			t.Errorf("%q: %+v", status, m)
		}
	}
}
