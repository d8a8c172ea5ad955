package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// noSocket is the mode of a listener that cannot be a Unix socket.
const noSocket fs.FileMode = 0

// listen opens a TCP address, or a Unix socket with these permission bits. Errors name
// the setting.
func listen(setting, address string, mode fs.FileMode) (net.Listener, error) {
	network, name, err := config.ParseListen(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %w", setting, err)
	case network == "unix" && mode == noSocket:
		return nil, fmt.Errorf("%s: %s is a Unix socket; expected host:port, such as 127.0.0.1:9002", setting, address)
	case network == "unix":
		return listenUnix(setting, name, mode)
	}
	listener, err := net.Listen(network, name)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use; stop the process that listens there, or choose another address", setting, address)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return listener, nil
}

func listenUnix(setting, path string, mode fs.FileMode) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("%s: unix:%s: %w", setting, path, err)
	}
	// The umask makes the socket with its mode. A chmod afterwards would leave it open
	// for a moment, and could change another file that replaced it.
	before := syscall.Umask(int(fs.ModePerm &^ mode))
	listener, err := net.Listen("unix", path)
	syscall.Umask(before)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return listener, nil
}

// removeStale removes a socket that a process left behind. It is an error if the file is
// not a socket, or if a process serves it.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return errors.New("the file is not a socket; move it away, or choose another path")
	}
	connection, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		return errors.Join(errors.New("in use; stop the process that listens there, or choose another path"), connection.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("connecting to the existing socket: %w", err)
	}
	return os.Remove(path)
}
