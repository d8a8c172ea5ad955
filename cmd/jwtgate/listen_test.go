package main

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServeWherePortsAreTaken(t *testing.T) {
	alone(t)
	file := write(t, "jwtgate.yaml", publicYAML)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	address := taken.Addr().String()
	socket := filepath.Join(t.TempDir(), "gate.sock")
	for name, row := range map[string]struct {
		args []string
		text string
	}{
		"the server's":      {[]string{"--listen", address}, "server.listen " + address + " is in use; end what listens there, or choose another address"},
		"the admin's":       {[]string{"--listen", "unix:" + socket, "--admin-listen", address}, "admin.listen " + address + " is in use; end what listens there, or choose another address"},
		"no address":        {[]string{"--listen", "9001"}, `server.listen is "9001", which is no host and port; write host:port`},
		"no admin address":  {[]string{"--admin-listen", "localhost"}, `admin.listen is "localhost", which is no host and port; write host:port`},
		"an admin socket":   {[]string{"--admin-listen", "unix:" + socket}, "admin.listen unix:" + socket + " is a Unix socket; write host:port"},
		"a host not ours":   {[]string{"--listen", "192.0.2.1:1"}, "server.listen: listen tcp 192.0.2.1:1"},
		"both the same one": {[]string{"--listen", "127.0.0.1:39517", "--admin-listen", "127.0.0.1:39517"}, "39517 is in use"},
	} {
		t.Run(name, func(t *testing.T) {
			got := command(t, append([]string{"serve", "--config", file}, row.args...)...)
			got.holds(t, exitFailure, nil, []string{"jwtgate: ", row.text})
		})
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the first listener was left open when the second one failed")
	}
}

func TestServeOnAUnixSocket(t *testing.T) {
	alone(t)
	socket := filepath.Join(t.TempDir(), "gate.sock")
	file := write(t, "jwtgate.yaml", strings.Replace(publicYAML, "127.0.0.1:0", "unix:"+socket, 1))
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("one in use is refused", func(t *testing.T) {
		command(t, "serve", "--config", file).holds(t, exitFailure, nil, []string{"server.listen unix:" + socket + ": in use; end what listens there, or choose another path"})
		if conn, err := net.Dial("unix", socket); err != nil {
			t.Errorf("it took the socket away: %v", err)
		} else {
			_ = conn.Close()
		}
	})
	stale.SetUnlinkOnClose(false) // as a process does that is killed
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("one that was left behind is replaced", func(t *testing.T) {
		s := serve(t, "--config", file)
		info, err := os.Lstat(socket)
		if err != nil || info.Mode()&fs.ModeSocket == 0 || info.Mode().Perm() != 0o660 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if got := ask(t, "unix:"+socket, "/open", ""); got != "public" {
			t.Errorf("%s, want public", got)
		}
		if code := s.stop(t); code != exitYes {
			t.Errorf("exit code %d", code)
		}
		if _, err := os.Lstat(socket); err == nil {
			t.Error("the socket is there after it stopped")
		}
	})
	t.Run("another file is not touched", func(t *testing.T) {
		if err := os.WriteFile(socket, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		command(t, "serve", "--config", file).holds(t, exitFailure, nil, []string{"server.listen unix:" + socket + ": there is a file that is no socket"})
		if data, err := os.ReadFile(socket); string(data) != "mine" {
			t.Errorf("the file is %q, %v", data, err)
		}
	})
	t.Run("a folder that is not there", func(t *testing.T) {
		command(t, "serve", "--config", file, "--listen", "unix:"+filepath.Join(t.TempDir(), "no", "gate.sock")).
			holds(t, exitFailure, nil, []string{"server.listen: ", "no such file or directory"})
	})
}
