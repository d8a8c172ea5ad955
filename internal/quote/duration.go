package quote

import (
	"strconv"
	"strings"
	"time"
)

// Duration returns a duration in Go's notation without the zero parts that
// [time.Duration.String] writes: 1h instead of 1h0m0s.
func Duration(length time.Duration) string {
	text := length.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Age returns a duration in its largest unit, for a time that has passed or will
// pass: 45 days, 7h, 3m or 20s.
func Age(length time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case length >= 2*day:
		return strconv.Itoa(int(length/day)) + " days"
	case length >= time.Hour:
		return Duration(length.Truncate(time.Hour))
	case length >= time.Minute:
		return Duration(length.Truncate(time.Minute))
	}
	return Duration(length.Truncate(time.Second))
}
