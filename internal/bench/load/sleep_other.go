//go:build !linux

package load

import "time"

// preciseSleep returns a sleep that is as precise as the runtime's timers.
func preciseSleep() (sleep func(time.Duration), release func()) {
	return time.Sleep, func() {}
}
