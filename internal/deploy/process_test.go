//go:build deploy || release || scale

package deploy

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// commandTimeout is the timeout of a command. The longest builds the image or a release
// with an empty cache.
const commandTimeout = 10 * time.Minute

// outputOf runs a program until it ends and returns its standard output; the error contains
// its standard error.
func outputOf(input string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	return finish(exec.CommandContext(ctx, name, args...), input)
}

// finish runs a command until it ends.
func finish(cmd *exec.Cmd, input string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(stderr.String()+" "+stdout.String()))
	}
	return stdout.String(), nil
}

// must runs a program that has to succeed.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := outputOf("", name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}

// gotool returns the path of a program of .setup/gotools.
func gotool(name string) string {
	path, err := filepath.Abs(filepath.Join(root, ".tools", "gotools", "bin", name))
	if err != nil {
		return name // running it fails
	}
	return path
}

// read returns a file's text.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ports are those of all tests of this package.
var ports testutil.Ports

// freeAddress returns a loopback host:port that no program listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	return ports.FreeAddress(t)
}
