package server_test

import (
	"context"
	"encoding/binary"
	"syscall"
	"testing"

	"github.com/jwtgate/jwtgate/internal/server"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestCertificatesAreReadOnce: a start reads each file of server.tls once, so that what it
// serves is what it checked.
func TestCertificatesAreReadOnce(t *testing.T) {
	cert, key := testutil.LoopbackCertificate(t)
	watch, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(watch) }()
	files := map[int32]string{}
	for _, file := range []string{cert, key} {
		id, err := syscall.InotifyAddWatch(watch, file, syscall.IN_CLOSE_NOWRITE)
		if err != nil {
			t.Fatal(err)
		}
		files[int32(id)] = file
	}
	s, _, err := open(t, server.Config{ConfigFile: testutil.File(t, "jwtgate.yaml", tlsYAML(cert, key))})
	if err != nil {
		t.Fatal(err)
	}
	data, opened := make([]byte, 64<<10), map[string]int{}
	n, err := syscall.Read(watch, data)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < n; at += syscall.SizeofInotifyEvent {
		opened[files[int32(binary.NativeEndian.Uint32(data[at:]))]]++
	}
	if opened[cert] != 2 || opened[key] != 2 { // by the server, and by the watcher of changes
		t.Errorf("got %v", opened)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.Run(ended); err != nil { // releases what open opened
		t.Error(err)
	}
}
