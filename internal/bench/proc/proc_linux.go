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

// attributes ties a process to this one, and keeps the terminal's Ctrl-C from
// it, so that this process ends it in its own time.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// pinThread keeps the calling thread, and what it starts, on one core.
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

// PinSelf keeps all threads of this process on the cores. Those that are made
// later are on the core of the thread that makes them.
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
		if err := pin(thread, cores...); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
			return err
		}
	}
	return nil
}

// Cores lists the cores that this process may use.
func Cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("ask which cores there are: %w", err)
	}
	var cores []int
	for core := 0; len(cores) < set.Count(); core++ {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

// CPU is the time that all threads of the process have run, user and system, to
// the nanosecond: the process's CPU clock (clock_getcpuclockid(3)), whose number
// the kernel makes of the process id.
func (p *Process) CPU() (time.Duration, error) { return cpu(p.PID()) }

// SelfCPU is the time that this process has run.
func SelfCPU() (time.Duration, error) { return cpu(os.Getpid()) }

func cpu(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED: the clock of what was scheduled
	var now unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &now); err != nil {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(now.Nano()), nil
}
