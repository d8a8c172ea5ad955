package request

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/jwtgate/jwtgate/internal/denial"
)

// ErrHostRefused is the error of a host that the application could read differently.
var ErrHostRefused = errors.New("host refused")

// ParseHost returns a request's host in the form in which hosts are compared: lower case,
// without port and final dot. Anything that is not a host and port of RFC 3986 section 3.2
// (Envoy joins two Host fields with a comma) is [ErrHostRefused]. An empty host is valid,
// and matches no route that names hosts.
func ParseHost(host string) (string, error) {
	name := host
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		name = host[:colon]
		if strings.Trim(host[colon+1:], "0123456789") != "" {
			return "", refuseHost("the port is not a number")
		}
	}
	if address, ok := strings.CutPrefix(name, "["); ok {
		parsed, err := netip.ParseAddr(strings.TrimSuffix(address, "]"))
		if err != nil || !strings.HasSuffix(address, "]") || !parsed.Is6() || parsed.Zone() != "" {
			return "", refuseHost("invalid IPv6 address in brackets")
		}
		return "[" + parsed.String() + "]", nil // which has several spellings
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" && host != "" {
		return "", refuseHost("an empty name")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" && host != "" {
			return "", refuseHost("an empty label")
		}
		if strings.ContainsFunc(label, notHostByte) {
			return "", refuseHost("an invalid character")
		}
	}
	return strings.Map(Lower, name), nil
}

func refuseHost(why string) error {
	return denial.New(ErrHostRefused, why).Advise(denial.FixHost.With())
}

// notHostByte reports whether a host name cannot contain r. Some contain an underscore.
func notHostByte(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	return !letter && (r < '0' || r > '9') && r != '-' && r != '_'
}

// Lower returns the lower-case letter of an ASCII capital, and any other rune unchanged.
// Unicode folds other runes, such as U+212A, to ASCII letters; servers do not.
func Lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}
