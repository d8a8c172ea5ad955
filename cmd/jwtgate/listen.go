package main

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

// noSocket is the mode of a listener that may be no Unix socket.
const noSocket fs.FileMode = 0

// listen opens a TCP address, or a Unix socket with those permission bits. what
// names the setting in errors.
func listen(what, address string, mode fs.FileMode) (net.Listener, error) {
	network, name, err := config.ParseListen(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %w", what, err)
	case network == "unix" && mode == noSocket:
		return nil, fmt.Errorf("%s %s is a Unix socket; write host:port, such as 127.0.0.1:9002", what, address)
	case network == "unix":
		return listenUnix(what, name, mode)
	}
	listener, err := net.Listen(network, name)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s %s is in use; end what listens there, or choose another address", what, address)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return listener, nil
}

func listenUnix(what, path string, mode fs.FileMode) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("%s unix:%s: %w", what, path, err)
	}
	// Made with its mode, so that it is never open wider, and nothing that took its
	// place meanwhile is opened.
	before := syscall.Umask(int(fs.ModePerm &^ mode))
	listener, err := net.Listen("unix", path)
	syscall.Umask(before)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return listener, nil
}

// removeStale removes a socket that a process left behind. A file that is no
// socket, or a socket that somebody answers on, is an error.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return errors.New("there is a file that is no socket; move it away, or choose another path")
	}
	connection, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		return errors.Join(errors.New("in use; end what listens there, or choose another path"), connection.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("there is a socket that cannot be asked: %w", err)
	}
	return os.Remove(path)
}

// dialable turns an address to listen at into one to call: an unspecified host
// is this machine.
func dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
