//go:build deploy || release || scale

package deploy

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// commandTimeout bounds a program that is to end by itself. The longest builds
// the image or a release from a cold cache.
const commandTimeout = 10 * time.Minute

// outputOf runs a program to its end and returns what it printed on its standard
// output; the error holds what it printed on the other.
func outputOf(input string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	return finish(exec.CommandContext(ctx, name, args...), input)
}

// finish runs a command to its end.
func finish(cmd *exec.Cmd, input string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(stderr.String()+" "+stdout.String()))
	}
	return stdout.String(), nil
}

// must runs a program that has to succeed.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := outputOf("", name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}

// gotool is the path of a program that .setup/gotools builds.
func gotool(name string) string {
	path, err := filepath.Abs(filepath.Join(root, ".tools", "gotools", "bin", name))
	if err != nil {
		return name // and whoever runs it says so
	}
	return path
}

// process is a program that runs beside a test.
type process struct {
	name   string
	cmd    *exec.Cmd
	output *output
	exited chan struct{} // closed once it has ended
}

// start runs a program until the test ends, and logs what it printed if the
// test fails.
func start(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{name: name, cmd: cmd, output: &output{}, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	// The signal comes when the thread that started the program ends, so that
	// thread is kept for as long as the program runs.
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
		_ = cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, p.output.tail(20))
		}
	})
	return p
}

// stop asks the program to end, and returns its exit code.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stopping %s: %v", p.name, err)
	}
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // a Go program then prints where it stands
		select {
		case <-p.exited:
		case <-time.After(5 * time.Second):
		}
		t.Fatalf("%s did not end; it printed:\n%s", p.name, p.output.tail(400))
		return -1
	}
}

// eventually asks every so often until try returns nil; it fails the test with
// the last error.
func eventually(t *testing.T, within, often time.Duration, what string, try func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	every := time.NewTicker(often)
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

// Write adds what was printed.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// tail returns the last lines.
func (o *output) tail(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(strings.TrimRight(o.text.String(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// read returns a file's text.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
