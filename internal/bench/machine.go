package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// describe returns a run without results, with the machine and the programs.
func describe(o options, command string) Run {
	run := Run{
		Date: time.Now().UTC().Format(time.DateOnly), CPU: cpuModel(), Kernel: firstLine("uname", "-sr"),
		Go: runtime.Version(), Envoy: envoyVersion(firstLine(o.envoy, "--version")), Jwtgate: firstLine(o.gate, "version"),
		Command: command, Rounds: o.rounds, Results: Results{},
	}
	if o.against != "" {
		run.Other = firstLine(o.against, "version")
	}
	return run
}

func cpuModel() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return fmt.Sprintf("%s, %d cores", strings.TrimSpace(value), runtime.NumCPU())
		}
	}
	return "unknown"
}

// firstLine returns the first line that a program prints.
func firstLine(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.Join(strings.Fields(line), " ")
}

// envoyVersion returns the version from the output of `envoy --version`:
// PROGRAM version: COMMIT/VERSION/...
func envoyVersion(line string) string {
	_, version, _ := strings.Cut(line, "version: ")
	if parts := strings.Split(version, "/"); len(parts) > 1 {
		return parts[1]
	}
	return "unknown"
}

// readCPUTicks returns the first line of /proc/stat, or nothing.
func readCPUTicks() []byte {
	data, _ := os.ReadFile("/proc/stat") // without it the share is not known
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return line
}

// busyShare returns the share of all cores' time that was used between two lines
// of [readCPUTicks]; 0 if it is not known.
func busyShare(before, after []byte) float64 {
	from, to := bytes.Fields(before), bytes.Fields(after)
	var idle, total float64
	for i := 1; i < min(len(from), len(to)); i++ {
		a, _ := strconv.ParseFloat(string(from[i]), 64)
		b, _ := strconv.ParseFloat(string(to[i]), 64)
		total += b - a
		if i == 4 || i == 5 { // idle, iowait (proc(5))
			idle += b - a
		}
	}
	if total == 0 {
		return 0
	}
	return 1 - idle/total
}
