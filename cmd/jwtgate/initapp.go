package main

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// noteApp prints a note if no process on this machine listens on the application's
// address. It does not connect to other machines.
func (c console) noteApp(app string) {
	host, port, err := net.SplitHostPort(app)
	ip := net.ParseIP(host)
	local := strings.EqualFold(host, "localhost")
	if err != nil || !local && (ip == nil || !ip.IsLoopback()) {
		return
	}
	if local { // as Envoy resolves it: dns_lookup_family V4_PREFERRED
		host = "127.0.0.1"
	}
	if listens(net.JoinHostPort(host, port)) {
		return
	}
	note := fmt.Sprintf("nothing listens on %s yet; until your application does, Envoy answers 503, \"upstream connect error\"", app)
	for _, other := range []string{"127.0.0.1", "::1"} {
		if at := net.JoinHostPort(other, port); other != host && listens(at) {
			note = fmt.Sprintf("nothing listens on %s, and a process listens on %s; if that is your application, write this address "+
				"on the lines of envoy.yaml marked `edit: app`", app, at)
		}
	}
	fmt.Fprintf(c.out, "\nnote   %s\n", note)
}

// listens reports whether a process accepts connections on a loopback address.
func listens(address string) bool {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}
