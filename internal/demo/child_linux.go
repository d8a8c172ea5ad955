package demo

import "syscall"

// childAttributes makes the kernel kill a child when this process ends, even by
// SIGKILL. The child has its own process group. Otherwise Ctrl-C in the terminal
// would end it first, which would look like a failure.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
