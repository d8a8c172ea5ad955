package proc

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// attributes make the kernel end the program with this process, and put it into
// a process group of its own, so that Ctrl-C reaches only this process.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// pinThread restricts the calling thread, and the programs that it starts, to one
// core.
func pinThread(core int) error { return pin(0, core) }

func pin(thread int, cores ...int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	if err := unix.SchedSetaffinity(thread, &set); err != nil {
		return fmt.Errorf("pin to cores %v: %w", cores, err)
	}
	return nil
}

// PinSelf restricts all threads of this process to the cores. A new thread
// inherits the cores of the thread that creates it.
func PinSelf(cores ...int) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list the threads of this process: %w", err)
	}
	for _, entry := range threads {
		thread, err := strconv.Atoi(entry.Name())
		if err != nil {
			return fmt.Errorf("list the threads of this process: %w", err)
		}
		if err := pin(thread, cores...); err != nil && !errors.Is(err, unix.ESRCH) { // the thread has ended
			return err
		}
	}
	return nil
}

// Cores returns the cores that this process may use.
func Cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("read the cores of this process: %w", err)
	}
	var cores []int
	for core := 0; len(cores) < set.Count(); core++ {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

// CPU returns the CPU time of all threads of the process, user and system, from
// its CPU clock, whose number is computed from the process id
// (clock_getcpuclockid(3)).
func (p *Process) CPU() (time.Duration, error) { return cpu(p.PID()) }

// SelfCPU returns the CPU time of this process.
func SelfCPU() (time.Duration, error) { return cpu(os.Getpid()) }

func cpu(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED
	var now unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &now); err != nil {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(now.Nano()), nil
}
