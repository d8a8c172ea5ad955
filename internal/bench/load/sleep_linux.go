package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// preciseSleep returns a sleep that is late by microseconds, of the calling
// goroutine alone, which keeps its thread until release.
func preciseSleep() (sleep func(time.Duration), release func()) {
	runtime.LockOSThread()
	// By default the kernel lets a thread oversleep by 50 microseconds. Without
	// the call the sleep is only less precise.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	sleep = func(d time.Duration) {
		left := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&left, nil) // interrupted is early, and the next call is due all the same
	}
	release = func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) // 0 is the default again
		runtime.UnlockOSThread()
	}
	return sleep, release
}
