package demo

import (
	"fmt"
	"net"
	"strings"
)

// ports are the loopback addresses, host:port, on which the parts listen.
type ports struct {
	envoy, envoyAdmin, gate, gateAdmin, app, issuer string

	moved string // a line for the user about ports other than the default ones; may be empty
}

// IssuerURL is the URL of the demo's issuer, unless another process uses the port.
const IssuerURL = "http://127.0.0.1:9003"

// choosePorts returns the default ports, and free ones for those that other processes
// use. It does not keep them bound. If another process takes a port before its part
// starts, that part reports the error.
func choosePorts() (ports, error) {
	var p ports
	parts := []struct {
		what    string
		shipped string
		field   *string
	}{
		{"Envoy", "127.0.0.1:8080", &p.envoy},
		{"Envoy's admin", "127.0.0.1:9901", &p.envoyAdmin},
		{"jwtgate", "127.0.0.1:9001", &p.gate},
		{"jwtgate's admin", "127.0.0.1:9002", &p.gateAdmin},
		{"the application", "127.0.0.1:9090", &p.app},
		{"the issuer", strings.TrimPrefix(IssuerURL, "http://"), &p.issuer},
	}
	var bound []net.Listener // open until the end, so that no two parts get the same port
	defer func() {
		for _, l := range bound {
			_ = l.Close()
		}
	}()
	var moved []string
	for _, part := range parts {
		l, err := net.Listen("tcp", part.shipped)
		if err != nil {
			if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return ports{}, fmt.Errorf("find a free port for %s: %w", part.what, err)
			}
			moved = append(moved, fmt.Sprintf("%s listens on %s instead of %s",
				part.what, portOf(l.Addr().String()), portOf(part.shipped)))
		}
		bound = append(bound, l)
		*part.field = l.Addr().String()
	}
	if len(moved) > 0 {
		p.moved = "Ports in use: " + strings.Join(moved, ", ") + "."
	}
	return p, nil
}

// portOf returns the port of host:port.
func portOf(address string) string { return address[strings.LastIndex(address, ":")+1:] }
