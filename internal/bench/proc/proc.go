// Package proc runs the programs that the benchmark measures, each on one core,
// and reads their CPU time and memory from the operating system.
//
// It never ends a process that it did not start.
//
// Invariants:
//
//  1. Kill ends a program and waits for its end; on Linux the kernel also ends
//     it when this process ends (TestKill).
//  2. CPU time includes all threads of the process (TestCPU).
//  3. A stopped program uses no CPU until it is continued (TestStop).
//  4. A program runs only on its core (TestPinned).
package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a running program. Create one with [Start].
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
}

// Start starts a program on a core. Its output goes to the file log. env is added
// to the environment of this process.
func Start(name, log string, core int, env []string, program string, args ...string) (*Process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer func() { _ = file.Close() }()
	p := &Process{name: name, log: log, cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = file, file
	p.cmd.SysProcAttr = attributes()
	started := make(chan error)
	go func() {
		// The program inherits the thread's core, and the kernel ends the program
		// when the thread ends. So this goroutine keeps the thread until the program
		// has ended, and does not unlock it: then the runtime ends the thread too.
		runtime.LockOSThread()
		if err := pinThread(core); err != nil {
			started <- err
			return
		}
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		_ = p.cmd.Wait() // the log says why it ended
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process and waits until it has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// Stop stops the process (SIGSTOP) until the returned function is called.
func (p *Process) Stop() (resume func()) {
	_ = p.cmd.Process.Signal(syscall.SIGSTOP) // it may have ended already
	return func() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }
}

// Ready calls probe until it returns nil, for at most limit. The error contains
// the last error of probe and the end of the program's log.
func (p *Process) Ready(ctx context.Context, limit time.Duration, probe func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		err := probe()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s exited:\n%s", p.name, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w\n%s", p.name, err, context.Cause(ctx), p.tail())
		case <-every.C:
		}
	}
}

// tail returns the last lines of the program's log.
func (p *Process) tail() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// Memory is the memory of a process in bytes, from /proc/PID/status.
type Memory struct {
	Resident  int64 // VmRSS
	Anonymous int64 // RssAnon: without the pages of files
}

// Memory reads the process's memory.
func (p *Process) Memory() (Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return Memory{}, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	return ParseMemory(status)
}

// ParseMemory parses the contents of /proc/PID/status.
func ParseMemory(status []byte) (Memory, error) {
	var m Memory
	for line := range bytes.Lines(status) {
		name, rest, _ := strings.Cut(string(line), ":")
		var field *int64
		switch name {
		case "VmRSS":
			field = &m.Resident
		case "RssAnon":
			field = &m.Anonymous
		default:
			continue
		}
		text, unit, _ := strings.Cut(strings.TrimSpace(rest), " ")
		kib, err := strconv.ParseInt(text, 10, 64)
		if err != nil || unit != "kB" {
			return Memory{}, fmt.Errorf("%s is %q; expected a number of kB", name, strings.TrimSpace(rest))
		}
		*field = kib << 10
	}
	if m.Resident == 0 || m.Anonymous == 0 {
		return Memory{}, errors.New("VmRSS or RssAnon is missing in the status of the process")
	}
	return m, nil
}
