package config

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// The addresses that mistakes suggest.
const (
	exampleListen = "127.0.0.1:9001"
	exampleAdmin  = "127.0.0.1:9002"
)

func serverObject(s *Server) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {listen: 127.0.0.1:9001}",
		Synonyms: map[string]string{"port": "listen", "address": "listen"},
		Rows: []yamlform.Row{
			yamlform.Field("listen", "the address that Envoy sends authorization requests to",
				listenCodec("host:port or unix:PATH, such as "+exampleListen, ParseListen), &s.Listen).WithDefault("127.0.0.1:9001"),
			yamlform.Field("tls", "certificates of the gate and of its clients; without this key, TLS is off", yamlform.Mapping(tlsObject), &s.TLS),
			yamlform.Field("socket_mode", "permissions of a Unix socket", modeCodec(), &s.SocketMode).WithDefault(`"0660"`),
			yamlform.Field("drain_delay", "time between reporting NOT_SERVING and closing connections on shutdown",
				yamlform.Duration("3s", 0, 10*time.Minute), &s.DrainDelay).WithDefault("3s"),
			yamlform.Field("max_connections", "maximum number of connections; a new one replaces the oldest without a stream, or is closed",
				yamlform.Integer("connections", 1, 100_000), &s.MaxConnections).WithDefault("1000"),
		},
	}
}

func adminObject(a *Admin) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {listen: 127.0.0.1:9002}",
		Rows: []yamlform.Row{
			yamlform.Field("listen", "the address for operators and probes",
				listenCodec("host:port, such as "+exampleAdmin, parseAdmin), &a.Listen).WithDefault("127.0.0.1:9002"),
			yamlform.Field("hosts", "host names by which clients reach the admin port; IP addresses and localhost need not be listed",
				yamlform.Set(`a list such as [jwtgate, "*.jwtgate.svc"]`,
					hostCodec("list each host, because any web page can choose its own host name")), &a.Hosts),
		},
	}
}

// modeCodec is the permission bits of a file in octal.
func modeCodec() yamlform.Codec[fs.FileMode] {
	const expected = `a zero and three octal digits in quotes, such as "0660"`
	octal := yamlform.String(expected, func(text string) string {
		_, err := strconv.ParseUint(text, 8, 9)
		return unless(err == nil && len(text) == 4 && text[0] == '0', "is invalid", text, expected)
	})
	return yamlform.Then(octal, func(_ *yamlform.Decoder, _ yamlform.Place, text string) (fs.FileMode, bool) {
		bits, err := strconv.ParseUint(text, 8, 9)
		return fs.FileMode(bits), err == nil
	})
}

func listenCodec(expected string, parse func(string) (string, string, error)) yamlform.Codec[string] {
	return yamlform.String(expected, func(text string) string {
		if _, _, err := parse(text); err != nil {
			return err.Error()
		}
		return ""
	})
}

// ParseListen splits a listen address, host:port or unix:PATH, into the arguments of
// net.Listen. An empty host means every interface, and port 0 any free port. It does
// not prove that the program can listen on the address. The text of the error begins
// with "is": the caller puts the name of the flag or key before it.
func ParseListen(text string) (network, address string, err error) {
	path, unix := strings.CutPrefix(text, "unix:")
	if !unix {
		return parseHostPort(text, exampleListen)
	}
	const limit = 107 // sockaddr_un.sun_path, less its final NUL (unix(7))
	if path == "" || len(path) > limit || strings.ContainsFunc(path, unicode.IsControl) {
		return "", "", fmt.Errorf("is invalid: got %s; expected unix:PATH with a path of 1 to %d bytes", yamlform.Quote(text), limit)
	}
	return "unix", path, nil
}

func parseAdmin(text string) (network, address string, err error) {
	return parseHostPort(text, exampleAdmin)
}

func parseHostPort(text, example string) (network, address string, err error) {
	expected := "host:port, such as " + example
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", "", fmt.Errorf("is not a host and port: got %s; expected %s", yamlform.Quote(text), expected)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", "", fmt.Errorf("has a port that is not a number from 0 to 65535: got %s; expected %s", yamlform.Quote(text), expected)
	}
	if host != "" && !hostName(host) {
		if _, err := netip.ParseAddr(host); err != nil {
			return "", "", fmt.Errorf("has a host that is neither a name nor an IP address: got %s; expected %s", yamlform.Quote(text), expected)
		}
	}
	return "tcp", text, nil
}

// anyPort reports whether the system chooses the port of a listen address.
func anyPort(listen string) bool { return strings.HasSuffix(listen, ":0") }

// loopbackListen reports whether only this machine can reach a listen address. Without
// a host, the address is that of every interface.
func loopbackListen(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && LoopbackHost(host)
}

// hostName reports whether name consists of DNS labels (RFC 1123 section 2.1).
// Underscores are allowed too, because some resolvers serve such names.
func hostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if !yamlform.ASCIIWord(label, "-_") {
			return false
		}
	}
	return true
}
