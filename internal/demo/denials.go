package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"time"
)

// The limits of the list of denied requests.
const (
	denialsShown = 5
	logRead      = 256 << 10 // bytes at the end of the log
)

// readDenials returns the last denied requests in jwtgate's log, newest first.
func readDenials(path string) []denial {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() > logRead {
		if _, err := file.Seek(-logRead, io.SeekEnd); err != nil {
			return nil
		}
	}
	var found []denial
	for lines := bufio.NewScanner(file); lines.Scan(); { // it ends at a line that is too long for one of the log
		var line struct {
			Msg, Decision, Verdict, Method, Path, Reason, Detail string
			Status                                               int
		}
		if !bytes.HasPrefix(lines.Bytes(), []byte("{")) || json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		if line.Msg == "decision" && line.Verdict == "deny" {
			found = append(found, denial{line.Decision, line.Method, line.Path, line.Reason, line.Detail, line.Status})
		}
	}
	slices.Reverse(found)
	return found[:min(len(found), denialsShown)]
}

// decisionID is the form of the ID of a decision.
var decisionID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{16}$`)

// explain runs `jwtgate explain` for a decision of the server at an admin address.
func explain(ctx context.Context, program, admin, decision string) (string, error) {
	if !decisionID.MatchString(decision) {
		return "", errors.New("this is not the ID of a decision")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "explain", "--decision", decision, "--server", admin).CombinedOutput()
	// It exits with 1 for a denied request.
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) {
		return "", fmt.Errorf("jwtgate explain: %w: %s", err, out)
	}
	return string(out), nil
}
