package server_test

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/server"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

func TestListenErrors(t *testing.T) {
	file := testutil.File(t, "jwtgate.yaml", publicYAML)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	address := taken.Addr().String()
	socket := filepath.Join(t.TempDir(), "gate.sock")
	for name, row := range map[string]struct{ listen, admin, want string }{
		"gRPC port in use": {
			address, "", "server.listen: " + address + " is in use; stop the process that listens there, or choose another address",
		},
		"admin port in use": {
			"unix:" + socket, address, "admin.listen: " + address + " is in use; stop the process that listens there, or choose another address",
		},
		"invalid address":       {"9001", "", `server.listen is not a host and port: got "9001"`},
		"invalid admin address": {"", "localhost", `admin.listen is not a host and port: got "localhost"`},
		"admin socket":          {"", "unix:" + socket, "admin.listen: unix:" + socket + " is a Unix socket; expected host:port"},
		"host of another":       {"192.0.2.1:1", "", "server.listen: listen tcp 192.0.2.1:1"},
		"the same for both":     {"127.0.0.1:39517", "127.0.0.1:39517", "39517 is in use"},
		"missing directory":     {"unix:" + filepath.Join(socket, "gate.sock"), "", "server.listen: listen unix"},
	} {
		t.Run(name, func(t *testing.T) {
			_, log, err := open(t, server.Config{ConfigFile: file, Listen: row.listen, AdminListen: row.admin})
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v; expected %q", err, row.want)
			}
			if log.String() != "" {
				t.Errorf("logged:\n%s", log)
			}
		})
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the first listener stays open when the second one fails")
	}
}

func TestUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "gate.sock")
	file := testutil.File(t, "jwtgate.yaml", strings.Replace(publicYAML, "127.0.0.1:0", "unix:"+socket, 1))
	expectError := func(t *testing.T, want string) {
		t.Helper()
		if _, _, err := open(t, server.Config{ConfigFile: file}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; expected %q", err, want)
		}
	}
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("in use", func(t *testing.T) {
		expectError(t, "server.listen: unix:"+socket+": in use; stop the process that listens there, or choose another path")
		if conn, err := net.Dial("unix", socket); err != nil {
			t.Errorf("the socket was taken away: %v", err)
		} else {
			_ = conn.Close()
		}
	})
	old.SetUnlinkOnClose(false) // as when a process is killed
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("left behind", func(t *testing.T) {
		s := run(t, server.Config{ConfigFile: file})
		info, err := os.Lstat(socket)
		if err != nil || info.Mode()&fs.ModeSocket == 0 || info.Mode().Perm() != 0o660 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if got := ask(t, "unix:"+socket, "/open", ""); got != "public" {
			t.Errorf("got %s; expected public", got)
		}
		s.stop(t)
		if _, err := os.Lstat(socket); err == nil {
			t.Error("the socket exists after the server stopped")
		}
	})
	t.Run("another file", func(t *testing.T) {
		if err := os.WriteFile(socket, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		expectError(t, "server.listen: unix:"+socket+": the file is not a socket")
		if data, err := os.ReadFile(socket); string(data) != "mine" {
			t.Errorf("the file is %q, %v", data, err)
		}
	})
}
