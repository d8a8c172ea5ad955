package testutil

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program that runs until a test ends.
type Process struct {
	Name   string
	Cmd    *exec.Cmd
	Output *Output
	Exited chan struct{} // closed once it has ended
}

// Start starts a program that is killed when the test ends, if it has not ended by
// then. Each check then reads all that it printed. If the test fails, the last lines of
// that are logged.
func Start(t testing.TB, name string, cmd *exec.Cmd, checks ...func(t testing.TB, name, output string)) *Process {
	t.Helper()
	p := &Process{Name: name, Cmd: cmd, Output: &Output{}, Exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Output, p.Output
	// The program ends even if the tests are killed. The kernel sends the signal when
	// the thread that started the program ends, so that thread is kept.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // cmd.ProcessState has the result
		}
		close(p.Exited)
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(func() {
		p.Kill()
		for _, check := range checks {
			check(t, name, p.Output.String())
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, p.Output.Tail(20))
		}
	})
	return p
}

// Kill ends the program at once. It may have ended already.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.Exited
}

// Signal sends the program a signal.
func (p *Process) Signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := p.Cmd.Process.Signal(signal); err != nil {
		t.Fatalf("sending %s the signal %v: %v", p.Name, signal, err)
	}
}

// Terminate asks the program to end.
func (p *Process) Terminate(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
}

// TerminateFirst makes the end of the test ask the program to end, so that it ends its own
// children and removes its files. It is killed if it has not ended 5 s later.
func (p *Process) TerminateFirst(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		_ = p.Cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.Exited:
		case <-time.After(5 * time.Second):
		}
	})
}

// Wait returns the exit code of a program that ends by itself. A Go program that does
// not end in time prints its goroutines.
func (p *Process) Wait(t testing.TB, within time.Duration) int {
	t.Helper()
	select {
	case <-p.Exited:
		return p.Cmd.ProcessState.ExitCode()
	case <-time.After(within):
	}
	_ = p.Cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.Exited:
	case <-time.After(5 * time.Second):
	}
	t.Fatalf("%s did not end within %v; it printed:\n%s", p.Name, within, p.Output.Tail(400))
	return -1
}

// Eventually is like [Eventually], and fails at once if the program has ended.
func (p *Process) Eventually(t testing.TB, within time.Duration, what string, try func() error) {
	t.Helper()
	eventually(t, p.Exited, within, what, func() error {
		select {
		case <-p.Exited:
			t.Fatalf("%s: %s has ended:\n%s", what, p.Name, p.Output.Tail(20))
		default:
		}
		return try()
	})
}

// Eventually calls try until it returns nil. It fails the test with the last error.
func Eventually(t testing.TB, within time.Duration, what string, try func() error) {
	t.Helper()
	eventually(t, nil, within, what, try)
}

// eventually calls try often if the wait is short, and at most every 300 ms if it is
// long; and at once when wake is closed.
func eventually(t testing.TB, wake <-chan struct{}, within time.Duration, what string, try func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	every := time.NewTicker(min(max(within/1000, 10*time.Millisecond), 300*time.Millisecond))
	defer every.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("%s: not within %v: %v", what, within, err)
		case <-every.C:
		case <-wake:
		}
	}
}

// Output collects what a program prints while it runs.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds what was printed.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns all that was printed.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Tail returns the last lines.
func (o *Output) Tail(n int) string { return LastLines(o.String(), n) }

// LastLines returns the last lines of a text.
func LastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Ports gives out ports of loopback, each once. They are below the range that the
// system gives to outgoing connections, so no other program takes one between here and
// the program that is to listen on it. One value serves all tests of a process.
type Ports struct {
	mu   sync.Mutex
	next int
}

// FreeAddress returns a loopback host:port that no program listens on.
func (p *Ports) FreeAddress(t testing.TB) string {
	t.Helper()
	const first, last = 12000, 32000
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == 0 {
		p.next = first + os.Getpid()%4000*4 // tests of other packages run at the same time
	}
	for range 2000 {
		if p.next++; p.next > last {
			p.next = first
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.next))
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
