//go:build !linux

package proc

import (
	"errors"
	"syscall"
	"time"
)

var errNotLinux = errors.New("the benchmark needs Linux, for CPU clocks of processes and for core affinity")

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func pinThread(int) error { return errNotLinux }

// PinSelf is implemented on Linux only.
func PinSelf(...int) error { return errNotLinux }

// Cores is implemented on Linux only.
func Cores() ([]int, error) { return nil, errNotLinux }

// CPU is implemented on Linux only.
func (p *Process) CPU() (time.Duration, error) { return 0, errNotLinux }

// SelfCPU is implemented on Linux only.
func SelfCPU() (time.Duration, error) { return 0, errNotLinux }
