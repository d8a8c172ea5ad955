//go:build !linux

package proc

import (
	"errors"
	"syscall"
	"time"
)

var errNotLinux = errors.New("the benchmark needs Linux: CPU time by process, and cores to pin to")

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func pinThread(int) error { return errNotLinux }

// PinSelf is for Linux only.
func PinSelf(...int) error { return errNotLinux }

// Cores is for Linux only.
func Cores() ([]int, error) { return nil, errNotLinux }

// CPU is for Linux only.
func (p *Process) CPU() (time.Duration, error) { return 0, errNotLinux }

// SelfCPU is for Linux only.
func SelfCPU() (time.Duration, error) { return 0, errNotLinux }
