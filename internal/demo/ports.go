package demo

import (
	"fmt"
	"net"
	"strings"
)

// ports is where each part listens, host:port on loopback.
type ports struct {
	envoy, envoyAdmin, gate, gateAdmin, app, issuer string

	moved string // what listens elsewhere than shipped, in words; empty: nothing
}

// IssuerURL is where the demo's issuer listens unless another process has taken
// the port.
const IssuerURL = "http://127.0.0.1:9003"

// choosePorts returns the ports as shipped, and free ones in place of those
// that are taken. Nothing is kept bound: a port can be lost again before its
// user starts, which then says so itself.
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
	var bound []net.Listener // until the end, so that no two parts get one port
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

// portOf is what follows the last colon of host:port.
func portOf(address string) string { return address[strings.LastIndex(address, ":")+1:] }
