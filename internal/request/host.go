package request

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ErrHostRefused is why a host is not matched at all.
var ErrHostRefused = errors.New("host refused")

// ParseHost returns a request's host in the form in which hosts are compared:
// lower case, without port and final dot. What is no host and port of RFC 3986
// section 3.2 (Envoy joins two Host fields with a comma) is [ErrHostRefused]:
// the application could read it as another host than the gate. An empty host is
// none, and matches no route that names hosts.
func ParseHost(host string) (string, error) {
	name := host
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		name = host[:colon]
		if strings.Trim(host[colon+1:], "0123456789") != "" {
			return "", fmt.Errorf("%w: its port is no number", ErrHostRefused)
		}
	}
	if address, ok := strings.CutPrefix(name, "["); ok {
		parsed, err := netip.ParseAddr(strings.TrimSuffix(address, "]"))
		if err != nil || !strings.HasSuffix(address, "]") || !parsed.Is6() || parsed.Zone() != "" {
			return "", fmt.Errorf("%w: no IPv6 address in its brackets", ErrHostRefused)
		}
		return "[" + parsed.String() + "]", nil // one of its many spellings
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" && host != "" {
		return "", fmt.Errorf("%w: there is no name", ErrHostRefused)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" && host != "" {
			return "", fmt.Errorf("%w: an empty label", ErrHostRefused)
		}
		if strings.ContainsFunc(label, notHostByte) {
			return "", fmt.Errorf("%w: a character that no host has", ErrHostRefused)
		}
	}
	return strings.Map(Lower, name), nil
}

// notHostByte reports whether r stands in no host name. The underscore does in
// some that are served.
func notHostByte(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	return !letter && (r < '0' || r > '9') && r != '-' && r != '_'
}

// Lower folds the letters of host names, which are ASCII. Unicode has others
// (U+212A) that fold into these, and no server takes them for the same.
func Lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}
