//go:build !linux

package demo

import "syscall"

// childAttributes has nothing to say where no signal tells a process that its
// parent has died: there, a demo that is killed leaves its processes behind.
func childAttributes() *syscall.SysProcAttr { return nil }
