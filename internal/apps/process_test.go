//go:build apps

package apps

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs until the test ends.
type process struct {
	cmd    *exec.Cmd
	log    string        // the file that it prints to
	exited chan struct{} // closed once it has ended
}

// start runs a program until the test ends. If the test fails, the end of what
// the program printed is logged.
func start(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p := &process{cmd: cmd, log: log.Name(), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = log, log
	// The program ends even if the tests are killed. The kernel sends the signal
	// when the thread that started the program ends, so the thread is kept.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // cmd.ProcessState has the result
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, p.lastLines(20))
		}
	})
	return p
}

// stop asks the program to end, so that it ends its own workers, and kills it if
// it does not end in time.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
		p.kill()
	}
}

// kill ends a program that has no workers.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// lastLines returns the end of what the program printed.
func (p *process) lastLines(n int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// eventually calls try until it returns nil. It fails the test with the last
// error, or as soon as the program has ended.
func (p *process) eventually(t *testing.T, within time.Duration, what string, try func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-p.exited:
			t.Fatalf("%s: the program ended by itself:\n%s", what, p.lastLines(20))
		case <-deadline.C:
			t.Fatalf("%s: not within %v: %v", what, within, err)
		case <-every.C:
		}
	}
}

// ports hands out loopback ports, each once. They are below the range that the
// system gives to outgoing connections, so no other program takes one between
// here and the program that is to listen on it.
var ports = struct {
	sync.Mutex
	next int
}{next: 12000 + os.Getpid()%4000*4}

// freeAddress returns a loopback host:port that no program listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for range 2000 {
		ports.next++
		if ports.next > 32000 {
			ports.next = 12000
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.next))
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// writeFile writes a file into the test's own folder and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// port returns the port of host:port.
func port(address string) string {
	_, number, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Sprint(err)
	}
	return number
}
