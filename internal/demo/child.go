package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The failures of a process of the demo. Their errors contain the last lines of the
// process's log and its path.
var (
	errEnded    = errors.New("ended unexpectedly")
	errNotReady = errors.New("not ready in time")
)

// readyWithin is how long a process may take to become ready.
const readyWithin = 15 * time.Second

// child is a process of the demo, whose output is in a file.
type child struct {
	name string
	log  string // path
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended and err is set
	err  error
}

// logOf returns the path of a process's log.
func logOf(dir, name string) string { return filepath.Join(dir, name+".log") }

// startChild starts a program in dir, which must be absolute. Its output goes to NAME.log
// there. On Linux, the process ends when this one ends, for any reason.
func startChild(name, dir, program string, args ...string) (*child, error) {
	c := &child{name: name, log: logOf(dir, name), done: make(chan struct{})}
	file, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer func() { _ = file.Close() }()
	if program, err = absolute(program); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.cmd = exec.Command(program, args...)
	c.cmd.Dir = dir
	c.cmd.Stdout, c.cmd.Stderr = file, file
	c.cmd.SysProcAttr = childAttributes()
	started := make(chan error)
	go func() {
		// The kernel sends the parent-death signal (this one, and the one that Envoy
		// requests) when the thread that started the process ends. So keep that
		// thread until the process ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := c.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return c, nil
}

// absolute returns the absolute path of a program; a name without a slash is one in PATH.
func absolute(program string) (string, error) {
	if !strings.Contains(program, "/") {
		return program, nil
	}
	return filepath.Abs(program)
}

// ready calls probe until it returns nil, for at most readyWithin. The error contains
// the last error of probe, or the exit status, and the end of the process's log.
func (c *child) ready(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.done:
			return c.ended()
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%s is %w: %w\n%s", c.name, errNotReady, err, c.tail())
		case <-every.C:
		}
	}
}

// ended returns the error of a process that ended unexpectedly. done must be closed.
func (c *child) ended() error {
	how := "exit status 0"
	if c.err != nil {
		how = c.err.Error()
	}
	return fmt.Errorf("%s %w, %s\n%s", c.name, errEnded, how, c.tail())
}

// kill kills the process and waits for it. A drain would not help Envoy or jwtgate
// here.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // fails if it has ended already
	<-c.done
}

// tail returns the last lines of the process's log, indented, and the log's path.
func (c *child) tail() string {
	data, err := os.ReadFile(c.log)
	if err != nil {
		return fmt.Sprintf("  (its log: %v)", err)
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	const shown = 6
	lines = lines[max(0, len(lines)-shown):]
	return "  " + strings.Join(lines, "\n  ") + "\n  (full log: " + c.log + ")"
}
