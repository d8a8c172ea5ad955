package demo_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/demo"
)

// TestMain makes the test binary act as the programs that the demo starts. Their
// command lines tell which one.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "serve":
		playGate()
	case "--config-path":
		playEnvoy(os.Args[2])
	case "parent":
		playParent()
	case "block":
		select {}
	default:
		os.Exit(m.Run())
	}
}

// playGate acts as a jwtgate that is ready and receives no requests. It writes a copy
// of its configuration to PLAY_COPY. PLAY_GATE=ends makes it fail.
func playGate() {
	flags := map[string]string{}
	for i := 2; i+1 < len(os.Args); i += 2 {
		flags[os.Args[i]] = os.Args[i+1]
	}
	if os.Getenv("PLAY_GATE") == "ends" {
		fmt.Fprintln(os.Stderr, "cannot serve today")
		os.Exit(3)
	}
	if copyTo := os.Getenv("PLAY_COPY"); copyTo != "" {
		file, err := os.ReadFile(flags["--config"])
		if err != nil {
			panic(err)
		}
		note := fmt.Sprintf("# pid %d, from %s\n", os.Getpid(), flags["--config"])
		if err := os.WriteFile(copyTo, append([]byte(note), file...), 0o600); err != nil {
			panic(err)
		}
	}
	panic(http.ListenAndServe(flags["--admin-listen"], http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
}

// playEnvoy acts as an Envoy that does not call jwtgate: it passes every request to the
// application unchanged. PLAY_ENVOY=ends makes it end at the first request.
func playEnvoy(config string) {
	file, err := os.ReadFile(config)
	if err != nil {
		panic(err)
	}
	address := func(mark string) string {
		found := regexp.MustCompile(`address: ([^ ,]+), port_value: ([0-9]+).*# edit: ` + mark).FindSubmatch(file)
		return string(found[1]) + ":" + string(found[2])
	}
	go func() {
		panic(http.ListenAndServe(address("admin"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/stats" {
				fmt.Fprintln(w, "cluster.jwtgate.membership_healthy: 1")
			}
		})))
	}()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address("app")})
	panic(http.ListenAndServe(address("listen"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("PLAY_ENVOY") == "ends" {
			fmt.Fprintln(os.Stderr, "out of everything")
			os.Exit(4)
		}
		proxy.ServeHTTP(w, r)
	})))
}

// playParent starts a process as the demo does, prints its pid, and waits to be killed.
func playParent() {
	child, err := demo.StartChild("child", os.Args[2], os.Args[0], "block")
	if err != nil {
		panic(err)
	}
	fmt.Println(child.PID())
	select {}
}

// separateTemp sets a temporary directory for the demos of one test. left returns the
// directories of demos in it.
func separateTemp(t *testing.T) (left func() []string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "jwtgate-demo-*"))
		if err != nil {
			t.Error(err)
		}
		return found
	}
}

// program returns an executable that runs the test binary with variables set.
func program(t *testing.T, variables ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "program")
	script := fmt.Sprintf("#!/bin/sh\nexec env %s %s \"$@\"\n", strings.Join(variables, " "), demo.Quoted(self))
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// startAndReadLine starts a command and reads one line of its output.
func startAndReadLine(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
