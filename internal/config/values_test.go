package config_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// TestWrongValues: each kind of value rejects an invalid one.
func TestWrongValues(t *testing.T) {
	const listen, long = "; expected host:port or unix:PATH, such as 127.0.0.1:9001",
		"; expected a duration with its unit, such as 3s, from 0s to 10m"
	const size = "a size such as 24MiB (a whole number of bytes, or with KiB, MiB or GiB) up to 4GiB"
	const total = "a whole number of bytes from 1024 to 1048576, without quotes"
	for _, row := range []struct{ yaml, want string }{
		{"server:", `2:1: server has no value; set it to a mapping such as {listen: 127.0.0.1:9001}, or remove the key`},
		{"server: []", `2:1: server is a list; expected a mapping such as {listen: 127.0.0.1:9001}`},
		{"server: x", `2:9: server is the single value "x"; expected a mapping such as {listen: 127.0.0.1:9001}`},
		{"server: ''", `2:9: server is empty; expected a mapping such as {listen: 127.0.0.1:9001}`},
		{"server: {listen: {}}", `2:10: server.listen is a mapping` + listen},
		{"server: {listen: ~}", `2:18: server.listen has no value; set it to host:port or unix:PATH, such as 127.0.0.1:9001, or remove the key`},
		{"server: {listen: ''}", `2:18: server.listen is not a host and port: got ""; expected host:port, such as 127.0.0.1:9001`},
		{"server: {listen: gate}", `2:18: server.listen is not a host and port: got "gate"; expected host:port, such as 127.0.0.1:9001`},
		{"server: {listen: 'h:+1'}",
			`2:18: server.listen has a port that is not a number from 0 to 65535: got "h:+1"; expected host:port, such as 127.0.0.1:9001`},
		{"server: {listen: 'h:'}",
			`2:18: server.listen has a port that is not a number from 0 to 65535: got "h:"; expected host:port, such as 127.0.0.1:9001`},
		{"server: {listen: 'a_-:1'}",
			`2:18: server.listen has a host that is neither a name nor an IP address: got "a_-:1"; expected host:port, such as 127.0.0.1:9001`},
		{"server: {listen: 'unix:'}", `2:18: server.listen is invalid: got "unix:"; expected unix:PATH with a path of 1 to 107 bytes`},
		{"server: {listen: 127.0.0.1:9002}",
			`2:18: server.listen is used by both server.listen and admin.listen: got "127.0.0.1:9002"; expected two different addresses`},
		{"admin: {listen: 127.0.0.1:9001}",
			`2:17: admin.listen is used by both server.listen and admin.listen: got "127.0.0.1:9001"; expected two different addresses`},
		{"admin: {listen: localhost}", `2:17: admin.listen is not a host and port: got "localhost"; expected host:port, such as 127.0.0.1:9002`},
		{"admin: {listen: 'unix:/a'}",
			`2:17: admin.listen has a port that is not a number from 0 to 65535: got "unix:/a"; expected host:port, such as 127.0.0.1:9002`},
		{"admin: {hosts: jwtgate}", `2:16: admin.hosts is the single value "jwtgate"; expected a list such as [jwtgate, "*.jwtgate.svc"]`},
		{"admin: {hosts: ['*']}",
			`2:17: admin.hosts[0] is "*", which is not supported; list each host, because any web page can choose its own host name`},
		{"admin: {hosts: ['']}", `2:17: admin.hosts[0] is not a host (names outside of ASCII need their xn-- form): got ""; ` +
			`expected a host such as api.example or "*.example"`},
		{"admin: {hosts: ['gate:9002']}", `2:17: admin.hosts[0] has a port: got "gate:9002"; expected "gate"`},
		{"admin: {hosts: [gate.]}", `2:17: admin.hosts[0] ends with a dot: got "gate."; remove the dot`},
		{"admin: {hosts: [gate, Gate]}", `2:23: admin.hosts[1] repeats an earlier item; remove it`},
		{"server: {drain_delay: 3}", `2:23: server.drain_delay has no unit: got "3"` + long},
		{"server: {drain_delay: '0'}", `2:23: server.drain_delay has no unit: got "0"` + long},
		{"server: {drain_delay: 1.5}", `2:23: server.drain_delay has no unit: got "1.5"` + long},
		{"server: {drain_delay: soon}", `2:23: server.drain_delay is not a duration (the units are ms, s, m and h): got "soon"` + long},
		{"server: {drain_delay: ''}", `2:23: server.drain_delay is not a duration (the units are ms, s, m and h): got ""` + long},
		{"server: {drain_delay: 11m}", `2:23: server.drain_delay is out of range: got "11m"` + long},
		{"server: {drain_delay: -1s}", `2:23: server.drain_delay is out of range: got "-1s"` + long},
		{"server: {drain_delay: [1s]}", `2:10: server.drain_delay is a list` + long},
		{"tokens: {forward: 1}", `2:19: tokens.forward is invalid: got "1"; expected true or false, without quotes`},
		{"tokens: {forward: 'true'}", `2:19: tokens.forward is invalid: got "true"; expected true or false, without quotes`},
		{"tokens: {forward: }", `2:10: tokens.forward has no value; set it to true or false, without quotes, or remove the key`},
		{"tokens: {max_bytes: 255}",
			`2:21: tokens.max_bytes is invalid: got "255"; expected a whole number of bytes from 256 to 65536, without quotes`},
		{"tokens: {max_bytes: 1e4}",
			`2:21: tokens.max_bytes is invalid: got "1e4"; expected a whole number of bytes from 256 to 65536, without quotes`},
		{"tokens: {max_bytes: 01000}",
			`2:21: tokens.max_bytes is invalid: got "01000"; expected a whole number of bytes from 256 to 65536, without quotes`},
		{"tokens: {max_bytes: 12k}",
			`2:21: tokens.max_bytes is invalid: got "12k"; expected a whole number of bytes from 256 to 65536, without quotes`},
		{"identity: {max_total_bytes: 1023}", `2:29: identity.max_total_bytes is invalid: got "1023"; expected ` + total},
		{"identity: {max_total_bytes: 1048577}", `2:29: identity.max_total_bytes is invalid: got "1048577"; expected ` + total},
		{"identity: {max_total_bytes: 16KiB}", `2:29: identity.max_total_bytes is invalid: got "16KiB"; expected ` + total},
		{"tokens: {cache_bytes: 24MB}", `2:23: tokens.cache_bytes is invalid: got "24MB"; expected ` + size},
		{"tokens: {cache_bytes: 1.5GiB}", `2:23: tokens.cache_bytes is invalid: got "1.5GiB"; expected ` + size},
		{"tokens: {cache_bytes: 24 MiB}", `2:23: tokens.cache_bytes is invalid: got "24 MiB"; expected ` + size},
		{"tokens: {cache_bytes: -1}", `2:23: tokens.cache_bytes is invalid: got "-1"; expected ` + size},
		{"tokens: {cache_bytes: 024MiB}", `2:23: tokens.cache_bytes is invalid: got "024MiB"; expected ` + size},
		{"tokens: {cache_bytes: MiB}", `2:23: tokens.cache_bytes is invalid: got "MiB"; expected ` + size},
		{"tokens: {cache_bytes: '24'}", `2:23: tokens.cache_bytes is invalid: got "24"; expected ` + size},
		{"tokens: {cache_bytes: 5GiB}", `2:23: tokens.cache_bytes is invalid: got "5GiB"; expected ` + size},
		{"tokens: {cache_bytes: 4294967297}", `2:23: tokens.cache_bytes is invalid: got "4294967297"; expected ` + size},
		{"tokens: {cache_bytes: 9999999999999999999GiB}", `2:23: tokens.cache_bytes is invalid: got "9999999999999999999GiB"; expected ` + size},
		{"tokens: {cache_bytes: 1KiBMiB}", `2:23: tokens.cache_bytes is invalid: got "1KiBMiB"; expected ` + size},
		{"tokens: {cache_entries: 20000}",
			`2:10: tokens.cache_entries was replaced by cache_bytes, a size in memory; write cache_bytes: 24MiB, enough for about 20,000 typical ` +
				`tokens`},
		{"default: optional", `2:10: default is invalid: got "optional"; expected required or deny`},
		{"default: no", `2:10: default is invalid: got "no"; expected required or deny`},
		{"default: false", `2:10: default is not a string: got false; expected required or deny`},
		{"cors: {preflight: skip}", `2:19: cors.preflight is invalid: got "skip"; expected answer, check or pass`},
		{"cache_dir: ''", `2:12: cache_dir is empty; expected the path of a directory`},
		{"cache_dir: ' x'", `2:12: cache_dir has white space around it or a control character in it: got " x"; expected the path of a directory`},
		{"cache_dir: \"a\\0\"",
			`2:12: cache_dir has white space around it or a control character in it: got "a\x00"; expected the path of a directory`},
		{"cache_dir: 0x1F",
			`2:12: cache_dir is not a string: got 0x1F; expected the path of a directory, in quotes if it looks like a number, true or false`},
	} {
		t.Run(row.yaml, func(t *testing.T) { same(t, mistakes(t, pool+row.yaml+"\n"), []string{row.want}) })
	}
}

func TestParseListen(t *testing.T) {
	for _, row := range []struct{ text, network, address, wrong string }{
		{"127.0.0.1:9001", "tcp", "127.0.0.1:9001", ""},
		{":9001", "tcp", ":9001", ""},
		{"[::]:0", "tcp", "[::]:0", ""},
		{"localhost:65535", "tcp", "localhost:65535", ""},
		{"gate_1.example:1", "tcp", "gate_1.example:1", ""},
		{"unix:/run/gate.sock", "unix", "/run/gate.sock", ""},
		{"unix:gate.sock", "unix", "gate.sock", ""},
		{"localhost:65536", "", "",
			`has a port that is not a number from 0 to 65535: got "localhost:65536"; expected host:port, such as 127.0.0.1:9001`},
		{"::1:9001", "", "", `is not a host and port: got "::1:9001"; expected host:port, such as 127.0.0.1:9001`},
		{"http://a:1", "", "", `is not a host and port: got "http://a:1"; expected host:port, such as 127.0.0.1:9001`},
		{"a b:1", "", "", `has a host that is neither a name nor an IP address: got "a b:1"; expected host:port, such as 127.0.0.1:9001`},
		{"a..b:1", "", "", `has a host that is neither a name nor an IP address: got "a..b:1"; expected host:port, such as 127.0.0.1:9001`},
		{"unix:a\x00b", "", "", `is invalid: got "unix:a\x00b"; expected unix:PATH with a path of 1 to 107 bytes`},
		{"unix:" + strings.Repeat("a", 108), "", "",
			fmt.Sprintf("is invalid: got \"unix:%s\"...; expected unix:PATH with a path of 1 to 107 bytes", strings.Repeat("a", 75))},
	} {
		network, address, err := config.ParseListen(row.text)
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if network != row.network || address != row.address || problem != row.wrong {
			t.Errorf("%q is %q %q %q, want %q %q %q", row.text, network, address, problem, row.network, row.address, row.wrong)
		}
	}
}

func TestSocketMode(t *testing.T) {
	for text, want := range map[string]fs.FileMode{"0660": 0o660, "0600": 0o600, "0777": 0o777} {
		if got := parse(t, pool+"server: {socket_mode: '"+text+"'}\n").Server.SocketMode; got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"660", "0888", "01777", "rw-rw----", ""} {
		same(t, mistakes(t, pool+"server: {socket_mode: '"+text+"'}\n"), []string{
			`2:23: server.socket_mode is invalid: got "` + text + `"; expected a zero and three octal digits in quotes, such as "0660"`})
	}
	same(t, mistakes(t, pool+"server: {socket_mode: 0660}\n"), []string{
		`2:23: server.socket_mode is not a string: got 0660; expected a zero and three octal digits in quotes, such as "0660"`})
}
