package demo

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// outcome is what became of one request, as the client and the application saw
// it. A step of the tour holds the outcome that it expects against the one that
// came.
type outcome struct {
	failure string // why there was no answer at all; the rest is then zero

	status  int
	reason  string // of a denial's problem body
	reached bool   // the application got the request
	// identity is what the application was told, by every header that it could
	// take for one of the gate's :: lower-case name -> value.
	identity map[string]string
	token    bool // the application got a credential
	readable bool // a page of the calling origin may read status and challenge
}

// equal says whether two outcomes are the same in everything.
func (o outcome) equal(other outcome) bool {
	return o.failure == other.failure && o.status == other.status && o.reason == other.reason &&
		o.reached == other.reached && o.token == other.token && o.readable == other.readable &&
		maps.Equal(o.identity, other.identity)
}

// String tells all of it, for a step that came out wrong.
func (o outcome) String() string {
	if o.failure != "" {
		return "no answer: " + o.failure
	}
	told := []string{strconv.Itoa(o.status)}
	if o.reason != "" {
		told[0] += " " + o.reason
	}
	if o.reached {
		told = append(told, "the application sees "+o.who(nil))
		if o.token {
			told = append(told, "and a token")
		}
	} else {
		told = append(told, "the application is not called")
	}
	if o.readable {
		told = append(told, "the page may read it")
	}
	return strings.Join(told, ", ")
}

// brief tells what matters most, for a step that came out right: the status,
// and why the request was denied or whom the application sees.
func (o outcome) brief() string {
	if o.reason != "" {
		return fmt.Sprintf("%d  %s", o.status, o.reason)
	}
	return fmt.Sprintf("%d  %s", o.status, o.who([]string{"x-user-id", "x-user-name"}))
}

// who lists the identity headers: those named, or all.
func (o outcome) who(names []string) string {
	if len(o.identity) == 0 {
		return "nobody"
	}
	if names == nil {
		names = slices.Sorted(maps.Keys(o.identity))
	}
	var told []string
	for _, name := range names {
		if value, ok := o.identity[name]; ok {
			told = append(told, name+": "+value)
		}
	}
	return strings.Join(told, ", ")
}
