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

// server is a program that answers.
type server struct {
	process          *proc.Process
	network, address string
}

const readyWithin = 30 * time.Second

// freeAddress is a port of loopback that nobody uses now. It can be lost before
// its user has it, which then ends the run.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// probe asks the gate whether it knows the key that its cache is set by. One
// that does not remembers no token.
func (b *bench) probe() error {
	name := filepath.Join(b.dir, "probe.yaml")
	file := gateFile{keys: b.keyFile, noCache: true}.render("127.0.0.1:1", "127.0.0.1:2", true)
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		return err
	}
	b.knowsCache = exec.CommandContext(b.ctx, b.options.gate, "check", "--config", name).Run() == nil
	if !b.knowsCache {
		b.note("this jwtgate has no tokens.cache_bytes: it verifies every token anew, and \"verified\" is \"first seen\" once more")
	}
	return nil
}

// peer starts, or finds, one of the servers that jwtgate is compared with.
func (b *bench) peer(kind string, core int) (*server, error) {
	name := fmt.Sprintf("%s-%d", kind, core)
	if s, running := b.servers[name]; running {
		return s, nil
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := proc.Start(name, filepath.Join(b.dir, name+".log"), core, []string{"GOMAXPROCS=1"}, b.self, peerArgument, kind, address, b.keyFile)
	if err != nil {
		return nil, err
	}
	s := &server{process: p, network: "tcp", address: address}
	b.servers[name] = s
	return s, p.Ready(b.ctx, readyWithin, func() error { return dial(s) })
}

// gate starts jwtgate with a configuration, or finds it by its name.
func (b *bench) gate(name string, core int, file gateFile) (*server, error) {
	if s, running := b.servers[name]; running {
		return s, nil
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress()
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
	path := filepath.Join(b.dir, name+".yaml")
	if err := os.WriteFile(path, []byte(file.render(listen, admin, b.knowsCache)), 0o600); err != nil {
		return nil, err
	}
	s.process, err = proc.Start(name, filepath.Join(b.dir, name+".log"), core, []string{"GOMAXPROCS=1"}, b.options.gate, "serve", "--config", path)
	if err != nil {
		return nil, err
	}
	b.servers[name] = s
	return s, s.process.Ready(b.ctx, readyWithin, func() error {
		if err := answers("http://" + admin + "/readyz"); err != nil {
			return err
		}
		return dial(s)
	})
}

// stop ends a server before the run does.
func (b *bench) stop(name string) {
	if s, running := b.servers[name]; running {
		s.process.Kill()
		delete(b.servers, name)
	}
}

func dial(s *server) error {
	c, err := net.DialTimeout(s.network, s.address, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// answers wants a 200 of a URL on loopback.
func answers(url string) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", response.Status)
	}
	return nil
}
