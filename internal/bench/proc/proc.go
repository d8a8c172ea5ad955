// Package proc runs the programs that the benchmark measures: each on a core of
// its own, its CPU time and memory as the operating system has them.
//
// It never ends a process that it did not start.
//
// Invariants:
//
//  1. A program that was started is ended and waited for by Kill, and ends with
//     this process however that one ends (TestKill).
//  2. CPU time is that of all threads of the process (TestCPU).
//  3. A program that is frozen uses no CPU until it is thawed (TestFreeze).
//  4. A program runs on its core and nowhere else, where the system can be told
//     so (TestPinned).
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

// Process is a program that runs. Make one with [Start].
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
}

// Anywhere is no core in particular.
const Anywhere = -1

// Start starts a program on a core, or [Anywhere]; what it prints goes to the
// file log. env is added to this process's own. The program is killed when this
// process ends, where the system can do that.
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
		// The thread is kept while the program runs, since the program is tied to
		// it, and given up with its affinity, which the program inherits: a locked
		// goroutine that ends takes its thread along.
		runtime.LockOSThread()
		if core != Anywhere {
			if err := pinThread(core); err != nil {
				started <- err
				return
			}
		}
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		_ = p.cmd.Wait() // how it ended is in the log
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process and waits until it has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// Freeze stops the process where it is, until the returned function is called.
func (p *Process) Freeze() (thaw func()) {
	_ = p.cmd.Process.Signal(syscall.SIGSTOP) // it may have ended already
	return func() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }
}

// Ready asks probe until it says nil, for at most limit. The error says what
// probe said last and how the program's log ends.
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
			return fmt.Errorf("%s ended by itself:\n%s", p.name, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w\n%s", p.name, err, context.Cause(ctx), p.tail())
		case <-every.C:
		}
	}
}

// tail is the end of the program's log.
func (p *Process) tail() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// Memory is a process's, in bytes, as /proc/PID/status has it.
type Memory struct {
	Resident  int64 // VmRSS
	Anonymous int64 // RssAnon: without what the system can drop and read again
}

// Memory reads the process's memory.
func (p *Process) Memory() (Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return Memory{}, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	return ParseMemory(status)
}

// ParseMemory reads what /proc/PID/status says.
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
			return Memory{}, fmt.Errorf("%s is %q, not a number of kB", name, strings.TrimSpace(rest))
		}
		*field = kib << 10
	}
	if m.Resident == 0 || m.Anonymous == 0 {
		return Memory{}, errors.New("the status holds no VmRSS or no RssAnon")
	}
	return m, nil
}
