//go:build !linux

package demo

import "syscall"

// childAttributes returns nil where the system has no parent-death signal. If a demo
// is killed there, its processes keep running.
func childAttributes() *syscall.SysProcAttr { return nil }
