//go:build !linux

package load

import "time"

// preciseSleep returns a sleep; here it is as precise as the runtime's.
func preciseSleep() (sleep func(time.Duration), release func()) {
	return time.Sleep, func() {}
}
