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

// What a process of the demo can do wrong. Either error ends in the last lines
// of the process's log and says where the rest is.
var (
	errEnded    = errors.New("ended by itself")
	errNotReady = errors.New("not ready in time")
)

// readyWithin bounds how long a part may take until it is ready.
const readyWithin = 15 * time.Second

// child is a process of the demo, its output in a file.
type child struct {
	name string
	log  string // path
	cmd  *exec.Cmd
	done chan struct{} // closed once the process has ended and err is set
	err  error
}

// startChild starts a program whose output goes to NAME.log in dir. The process
// ends with this one, however this one ends.
func startChild(name, dir, program string, args ...string) (*child, error) {
	c := &child{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	file, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer func() { _ = file.Close() }()
	c.cmd = exec.Command(program, args...)
	c.cmd.Stdout, c.cmd.Stderr = file, file
	c.cmd.SysProcAttr = childAttributes()
	started := make(chan error)
	go func() {
		// The kernel sends the parent-death signal (ours, and the one that Envoy
		// asks for itself) when the thread that started the process ends. So that
		// thread is kept, and does nothing else, for as long as the process lives.
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

// ready asks probe until it says nil, for at most readyWithin. The error says
// what probe said last, or how the process ended, and shows the end of its log.
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

// ended is the error of a process that ended by itself. It may be called once
// done is closed.
func (c *child) ended() error {
	how := "without an error"
	if c.err != nil {
		how = c.err.Error()
	}
	return fmt.Errorf("%s %w, %s\n%s", c.name, errEnded, how, c.tail())
}

// kill ends the process and waits for it. Neither Envoy nor jwtgate holds
// anything here that a drain would save.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended already
	<-c.done
}

// tail is the last lines of the process's log, indented, and where the rest is.
func (c *child) tail() string {
	data, err := os.ReadFile(c.log)
	if err != nil {
		return fmt.Sprintf("  (its log: %v)", err)
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	const shown = 6
	lines = lines[max(0, len(lines)-shown):]
	return "  " + strings.Join(lines, "\n  ") + "\n  (all of it: " + c.log + ")"
}
