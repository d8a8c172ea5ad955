package demo

import "syscall"

// childAttributes ties a process to this one: it is killed when we end, even by
// SIGKILL. It has a process group of its own, or the terminal's Ctrl-C would
// end it before we do and look like a fault.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
