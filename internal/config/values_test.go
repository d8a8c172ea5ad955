package config_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// TestWrongValues gives each kind of value what it does not take.
func TestWrongValues(t *testing.T) {
	const listen, long = "; write host:port or unix:PATH, such as 127.0.0.1:9001", "; write a duration with its unit, such as 3s, from 0s to 10m"
	const size = "a size such as 24MiB (a whole number of bytes, or with KiB, MiB or GiB) up to 4GiB"
	const total = "a whole number of bytes from 1024 to 1048576, without quotes"
	for _, row := range []struct{ yaml, want string }{
		{"server:", `2:1: server has no value; write a mapping such as {listen: 127.0.0.1:9001}, or leave the key out`},
		{"server: []", `2:1: server is a list; write a mapping such as {listen: 127.0.0.1:9001}`},
		{"server: x", `2:9: server is the single value "x"; write a mapping such as {listen: 127.0.0.1:9001}`},
		{"server: ''", `2:9: server is empty; write a mapping such as {listen: 127.0.0.1:9001}`},
		{"server: {listen: {}}", `2:10: server.listen is a mapping` + listen},
		{"server: {listen: ~}", `2:18: server.listen has no value` + listen + `, or leave the key out`},
		{"server: {listen: ''}", `2:18: server.listen is "", which is no host and port; write host:port, such as 127.0.0.1:9001`},
		{"server: {listen: gate}", `2:18: server.listen is "gate", which is no host and port; write host:port, such as 127.0.0.1:9001`},
		{"server: {listen: 'h:+1'}", `2:18: server.listen is "h:+1", whose port is no number from 0 to 65535; write host:port, such as 127.0.0.1:9001`},
		{"server: {listen: 'h:'}", `2:18: server.listen is "h:", whose port is no number from 0 to 65535; write host:port, such as 127.0.0.1:9001`},
		{"server: {listen: 'a_-:1'}", `2:18: server.listen is "a_-:1", whose host is neither a name nor an IP address; write host:port, such as 127.0.0.1:9001`},
		{"server: {listen: 'unix:'}", `2:18: server.listen is "unix:"; write unix:PATH with a path of 1 to 107 bytes`},
		{"server: {listen: 127.0.0.1:9002}", `2:18: server.listen is "127.0.0.1:9002", which server.listen and admin.listen cannot share; write another port`},
		{"admin: {listen: 127.0.0.1:9001}", `2:17: admin.listen is "127.0.0.1:9001", which server.listen and admin.listen cannot share; write another port`},
		{"admin: {listen: localhost}", `2:17: admin.listen is "localhost", which is no host and port; write host:port, such as 127.0.0.1:9002`},
		{"admin: {listen: 'unix:/a'}", `2:17: admin.listen is "unix:/a", whose port is no number from 0 to 65535; write host:port, such as 127.0.0.1:9002`},
		{"admin: {hosts: jwtgate}", `2:16: admin.hosts is the single value "jwtgate"; write a list such as [jwtgate, "*.jwtgate.svc"]`},
		{"admin: {hosts: ['*']}", `2:17: admin.hosts[0] is "*"; name each host, since any web page can choose a name of its own`},
		{"admin: {hosts: ['']}", `2:17: admin.hosts[0] is "", which is no host` +
			` (ASCII names, in xn-- form where they are not); write a host such as api.example or "*.example"`},
		{"admin: {hosts: ['gate:9002']}", `2:17: admin.hosts[0] is "gate:9002" with a port; write "gate"`},
		{"admin: {hosts: [gate.]}", `2:17: admin.hosts[0] is "gate."; write it without the final dot`},
		{"admin: {hosts: [gate, Gate]}", `2:23: admin.hosts[1] repeats an earlier item; remove it`},
		{"server: {drain_delay: 3}", `2:23: server.drain_delay is "3" without a unit` + long},
		{"server: {drain_delay: '0'}", `2:23: server.drain_delay is "0" without a unit` + long},
		{"server: {drain_delay: 1.5}", `2:23: server.drain_delay is "1.5" without a unit` + long},
		{"server: {drain_delay: soon}", `2:23: server.drain_delay is "soon", which is no duration (the units are ms, s, m and h)` + long},
		{"server: {drain_delay: ''}", `2:23: server.drain_delay is "", which is no duration (the units are ms, s, m and h)` + long},
		{"server: {drain_delay: 11m}", `2:23: server.drain_delay is "11m", out of its range` + long},
		{"server: {drain_delay: -1s}", `2:23: server.drain_delay is "-1s", out of its range` + long},
		{"server: {drain_delay: [1s]}", `2:10: server.drain_delay is a list` + long},
		{"tokens: {forward: 1}", `2:19: tokens.forward is "1"; write true or false, without quotes`},
		{"tokens: {forward: 'true'}", `2:19: tokens.forward is "true"; write true or false, without quotes`},
		{"tokens: {forward: }", `2:10: tokens.forward has no value; write true or false, without quotes, or leave the key out`},
		{"tokens: {max_bytes: 255}", `2:21: tokens.max_bytes is "255"; write a whole number of bytes from 256 to 65536, without quotes`},
		{"tokens: {max_bytes: 1e4}", `2:21: tokens.max_bytes is "1e4"; write a whole number of bytes from 256 to 65536, without quotes`},
		{"tokens: {max_bytes: 01000}", `2:21: tokens.max_bytes is "01000"; write a whole number of bytes from 256 to 65536, without quotes`},
		{"tokens: {max_bytes: 12k}", `2:21: tokens.max_bytes is "12k"; write a whole number of bytes from 256 to 65536, without quotes`},
		{"identity: {max_total_bytes: 1023}", `2:29: identity.max_total_bytes is "1023"; write ` + total},
		{"identity: {max_total_bytes: 1048577}", `2:29: identity.max_total_bytes is "1048577"; write ` + total},
		{"identity: {max_total_bytes: 16KiB}", `2:29: identity.max_total_bytes is "16KiB"; write ` + total},
		{"tokens: {cache_bytes: 24MB}", `2:23: tokens.cache_bytes is "24MB"; write ` + size},
		{"tokens: {cache_bytes: 1.5GiB}", `2:23: tokens.cache_bytes is "1.5GiB"; write ` + size},
		{"tokens: {cache_bytes: 24 MiB}", `2:23: tokens.cache_bytes is "24 MiB"; write ` + size},
		{"tokens: {cache_bytes: -1}", `2:23: tokens.cache_bytes is "-1"; write ` + size},
		{"tokens: {cache_bytes: 024MiB}", `2:23: tokens.cache_bytes is "024MiB"; write ` + size},
		{"tokens: {cache_bytes: MiB}", `2:23: tokens.cache_bytes is "MiB"; write ` + size},
		{"tokens: {cache_bytes: '24'}", `2:23: tokens.cache_bytes is "24"; write ` + size},
		{"tokens: {cache_bytes: 5GiB}", `2:23: tokens.cache_bytes is "5GiB"; write ` + size},
		{"tokens: {cache_bytes: 4294967297}", `2:23: tokens.cache_bytes is "4294967297"; write ` + size},
		{"tokens: {cache_bytes: 9999999999999999999GiB}", `2:23: tokens.cache_bytes is "9999999999999999999GiB"; write ` + size},
		{"tokens: {cache_bytes: 1KiBMiB}", `2:23: tokens.cache_bytes is "1KiBMiB"; write ` + size},
		{"tokens: {cache_entries: 20000}", `2:10: tokens.cache_entries has become cache_bytes, a size in memory; write cache_bytes: 24MiB, which holds about 20,000 ordinary tokens`},
		{"default: optional", `2:10: default is "optional"; write required or deny`},
		{"default: no", `2:10: default is "no"; write required or deny`},
		{"default: false", `2:10: default is false, which is no string; write required or deny`},
		{"cors: {preflight: skip}", `2:19: cors.preflight is "skip"; write answer, check or pass`},
		{"cache_dir: ''", `2:12: cache_dir is empty; write the path of a directory`},
		{"cache_dir: ' x'", `2:12: cache_dir is " x", with white space around it or a control character in it; write the path of a directory`},
		{"cache_dir: \"a\\0\"", `2:12: cache_dir is "a\x00", with white space around it or a control character in it; write the path of a directory`},
		{"cache_dir: 0x1F", `2:12: cache_dir is 0x1F, which is no string; write the path of a directory, in quotes where it looks like a number, true or false`},
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
		{"localhost:65536", "", "", `is "localhost:65536", whose port is no number from 0 to 65535; write host:port, such as 127.0.0.1:9001`},
		{"::1:9001", "", "", `is "::1:9001", which is no host and port; write host:port, such as 127.0.0.1:9001`},
		{"http://a:1", "", "", `is "http://a:1", which is no host and port; write host:port, such as 127.0.0.1:9001`},
		{"a b:1", "", "", `is "a b:1", whose host is neither a name nor an IP address; write host:port, such as 127.0.0.1:9001`},
		{"a..b:1", "", "", `is "a..b:1", whose host is neither a name nor an IP address; write host:port, such as 127.0.0.1:9001`},
		{"unix:a\x00b", "", "", `is "unix:a\x00b"; write unix:PATH with a path of 1 to 107 bytes`},
		{"unix:" + strings.Repeat("a", 108), "", "", fmt.Sprintf("is \"unix:%s\"...; write unix:PATH with a path of 1 to 107 bytes", strings.Repeat("a", 75))},
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
			`2:23: server.socket_mode is "` + text + `"; write three octal digits behind a zero in quotes, such as "0660"`})
	}
	same(t, mistakes(t, pool+"server: {socket_mode: 0660}\n"), []string{
		`2:23: server.socket_mode is 0660, which is no string; write three octal digits behind a zero in quotes, such as "0660"`})
}
