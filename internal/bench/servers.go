package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/proc"
)

// server is a running server.
type server struct {
	process          *proc.Process
	network, address string
}

const startTimeout = 30 * time.Second

// freeAddress returns a free port of loopback, another one each time. If another program
// takes it before the server does, the run fails.
func (b *bench) freeAddress() (string, error) {
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("find a free port: %w", err)
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil || !b.addresses[address] {
			b.addresses[address] = true
			return address, err
		}
	}
}

// probe finds out by which key a build limits its cache.
func (b *bench) probe(g *build) error {
	path, err := b.write("probe.yaml", []byte(gateFile{keys: b.keyFile, noCache: true}.render("127.0.0.1:1", "127.0.0.1:2", true)))
	if err != nil {
		return err
	}
	g.entries = exec.CommandContext(b.ctx, g.program, "check", "--config", path).Run() == nil
	return nil
}

// start starts a program and waits until it is ready.
func (b *bench) start(name string, core int, s *server, ready func() error, program string, args ...string) (*server, error) {
	var err error
	s.process, err = proc.Start(name, filepath.Join(b.logs(), name+".log"), core, []string{"GOMAXPROCS=1"}, program, args...)
	if err != nil {
		return nil, err
	}
	b.servers[name] = s
	return s, s.process.Ready(b.ctx, startTimeout, ready)
}

// peer returns one of the servers that jwtgate is compared with, and starts it
// if it does not run yet.
func (b *bench) peer(kind string, core int) (*server, error) {
	name := fmt.Sprintf("%s-%d", kind, core)
	if s, running := b.servers[name]; running {
		return s, nil
	}
	address, err := b.freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{network: "tcp", address: address}
	return b.start(name, core, s, func() error { return dial(s) }, b.self, peerArgument, kind, address, b.keyFile)
}

// gate returns the jwtgate of a build with that name, and starts it with the
// configuration if it does not run yet.
func (b *bench) gate(g build, name string, core int, file gateFile) (*server, error) {
	name = fileName(g.prefix + name)
	if s, running := b.servers[name]; running {
		return s, nil
	}
	listen, err := b.freeAddress()
	if err != nil {
		return nil, err
	}
	admin, err := b.freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{network: "tcp", address: listen}
	if file.socket {
		s.network, s.address = "unix", filepath.Join(b.dir, name+".sock")
		listen = "unix:" + s.address
	}
	if file.keys == "" {
		file.keys = b.keyFile
	}
	path, err := b.write(name+".yaml", []byte(file.render(listen, admin, g.entries)))
	if err != nil {
		return nil, err
	}
	ready := func() error {
		if err := getOK("http://" + admin + "/readyz"); err != nil {
			return err
		}
		return dial(s)
	}
	return b.start(name, core, s, ready, g.program, "serve", "--config", path)
}

// end ends the gate of a build before the run ends.
func (b *bench) end(g build, name string) {
	name = fileName(g.prefix + name)
	if s, running := b.servers[name]; running {
		s.process.Kill()
		delete(b.servers, name)
	}
}

// fileName replaces the characters of a variant's name that file names and names
// of Envoy's clusters should not have.
func fileName(name string) string {
	plain := []byte(name)
	for i, c := range plain {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			plain[i] = '-'
		}
	}
	return string(plain)
}

// write writes a file into the directory of the run.
func (b *bench) write(name string, data []byte) (path string, err error) {
	path = filepath.Join(b.dir, name)
	return path, os.WriteFile(path, data, 0o600)
}

func dial(s *server) error {
	c, err := net.DialTimeout(s.network, s.address, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// getOK returns nil if the URL answers 200.
func getOK(url string) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: got %s; expected 200", url, response.Status)
	}
	return nil
}
