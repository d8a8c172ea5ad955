package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that a test runs, with all that it printed.
type process struct {
	name   string
	cmd    *exec.Cmd
	output *output
	exited chan struct{} // closed once it has ended
}

// start runs a program until the test ends. When the test fails, its output is
// logged; and no test may pass in which it printed a token or a data race.
func start(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{name: name, cmd: cmd, output: &output{}, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	// Nothing may outlive the tests, even when they are killed. The signal comes
	// when the thread that started the program ends, so that thread is kept for
	// as long as the program runs.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in cmd.ProcessState
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(func() {
		p.kill()
		text := p.output.String()
		if token := tokenShaped.FindString(text); token != "" {
			t.Errorf("%s printed a token: %.40s...", name, token)
		}
		if strings.Contains(text, "DATA RACE") {
			t.Errorf("%s has a data race", name)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, lastLines(text, 20))
		}
	})
	return p
}

// tokenShaped takes what looks like a JWT: its header begins with `{"`.
var tokenShaped = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`)

// kill ends the program at once; it may have ended already.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// terminate asks the program to end.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stopping %s: %v", p.name, err)
	}
}

// wait returns the exit code of a program that ends by itself.
func (p *process) wait(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		t.Fatalf("%s did not end within %v", p.name, within)
		return -1
	}
}

// result is how a short run of jwtgate ended.
type result struct {
	code           int
	stdout, stderr string
}

// jwtgate runs the program to its end, with these variables and no others but
// those that any program needs.
func jwtgate(t *testing.T, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, jwtgateBinary, args...)
	cmd.Env = append(bareEnvironment(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("running jwtgate %q: %v", args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("jwtgate %q did not end; it printed\n%s%s", args, stdout.String(), stderr.String())
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// bareEnvironment is what a program needs to run and nothing that configures
// jwtgate, whatever the tests were started with.
func bareEnvironment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}
}

// eventually asks until try returns nil; it fails the test with the last error.
func eventually(t *testing.T, within time.Duration, what string, try func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	every := time.NewTicker(10 * time.Millisecond)
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
		}
	}
}

// output collects what a program prints while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*output)(nil)

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// ports hands out ports of loopback, each once. They lie below those that the
// system gives to outgoing connections, so nobody takes one between here and
// the program that is to listen on it.
var ports = struct {
	sync.Mutex
	next int
}{next: 12000 + os.Getpid()%4000*4}

// freeAddress returns a loopback host:port that nobody listens on.
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
