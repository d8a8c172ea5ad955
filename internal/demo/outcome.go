package demo

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// outcome is the outcome of one request, for the client and for the application. A
// step of the tour compares it with the expected one.
type outcome struct {
	failure string // why there was no response; the other fields are then zero

	status  int
	reason  string // of a denial's problem body
	reached bool   // the application received the request
	// identity is every header received by the application that it could take for an
	// identity header of the gate :: lower-case name -> value.
	identity map[string]string
	token    bool // the application received a credential
	readable bool // a page of the calling origin may read the status and the challenge
}

// equal reports whether two outcomes are equal.
func (o outcome) equal(other outcome) bool {
	return o.failure == other.failure && o.status == other.status && o.reason == other.reason &&
		o.reached == other.reached && o.token == other.token && o.readable == other.readable &&
		maps.Equal(o.identity, other.identity)
}

// String returns all of the outcome, for a step that failed.
func (o outcome) String() string {
	if o.failure != "" {
		return "no response: " + o.failure
	}
	parts := []string{strconv.Itoa(o.status)}
	if o.reason != "" {
		parts[0] += " " + o.reason
	}
	if o.reached {
		parts = append(parts, "the application sees "+o.who(nil))
		if o.token {
			parts = append(parts, "and a token")
		}
	} else {
		parts = append(parts, "the application is not called")
	}
	if o.readable {
		parts = append(parts, "the page may read it")
	}
	return strings.Join(parts, ", ")
}

// brief returns the status, and the reason for a denial or the user that the
// application sees, for a step that passed.
func (o outcome) brief() string {
	if o.reason != "" {
		return fmt.Sprintf("%d  %s", o.status, o.reason)
	}
	return fmt.Sprintf("%d  %s", o.status, o.who([]string{"x-user-id", "x-user-name"}))
}

// who returns the identity headers with these names, or all of them for nil.
func (o outcome) who(names []string) string {
	if len(o.identity) == 0 {
		return "nobody"
	}
	if names == nil {
		names = slices.Sorted(maps.Keys(o.identity))
	}
	var headers []string
	for _, name := range names {
		if value, ok := o.identity[name]; ok {
			headers = append(headers, name+": "+value)
		}
	}
	return strings.Join(headers, ", ")
}
