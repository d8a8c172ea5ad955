package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// preciseSleep returns a sleep that overshoots by microseconds only. The calling
// goroutine keeps its thread until release.
func preciseSleep() (sleep func(time.Duration), release func()) {
	runtime.LockOSThread()
	// By default the kernel lets a thread oversleep by 50 microseconds. If the
	// call fails, the sleep is only less precise.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	sleep = func(d time.Duration) {
		left := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&left, nil) // an interrupted sleep only sends one call early
	}
	release = func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) // 0 restores the default
		runtime.UnlockOSThread()
	}
	return sleep, release
}
