package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// terminalPair opens a pseudo-terminal: the side of the user, and that of the program.
func terminalPair(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// TestLintEnvoyOnATerminal: a finding has three lines, with colors unless the user disables
// them.
func TestLintEnvoyOnATerminal(t *testing.T) {
	alone(t)
	file := testutil.File(t, "jwtgate.yaml", lintedYAML)
	shipped, err := os.ReadFile("../../envoy/envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	open := testutil.File(t, "envoy.yaml", strings.Replace(string(shipped), "failure_mode_allow: false", "failure_mode_allow: true", 1))
	three := regexp.MustCompile(`^\S+envoy\.yaml:\d+:\d+: static_resources\.\S+\.failure_mode_allow \(failure-mode-allow\)\n` +
		`  Envoy allows requests .*; while .*\n  write failure_mode_allow: false\n\S+: 1 hole \(.*\)\n$`)
	for name, plain := range map[string]string{"in colours": "", "in plain text": "1"} {
		t.Run(name, func(t *testing.T) {
			person, program := terminalPair(t)
			environment := map[string]string{"NO_COLOR": plain, "TERM": "xterm"}
			getenv := func(name string) (string, bool) { value, ok := environment[name]; return value, ok }
			code := run(t.Context(), []string{"lint-envoy", "--config", file, open}, console{
				in: strings.NewReader(""), out: program, err: io.Discard, getenv: getenv,
			})
			if code != exitNo {
				t.Errorf("exit code %d", code)
			}
			_ = program.Close()
			printed, err := io.ReadAll(person)
			if err != nil && !errors.Is(err, syscall.EIO) { // so a terminal ends
				t.Fatal(err)
			}
			text := strings.ReplaceAll(string(printed), "\r\n", "\n")
			if colors := strings.Contains(text, "\x1b[31m"); colors != (plain == "") {
				t.Errorf("colours: %v in\n%q", colors, text)
			}
			if text = regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(text, ""); !three.MatchString(text) {
				t.Errorf("printed\n%s", text)
			}
		})
	}
}
