package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// What `printf 'FIELD\0VALUE' | openssl dgst -sha256 -hmac "$(cat audit.key)"` prints, as
// far as a line has it, for the values of newRequest and denied.
const (
	redactionKey  = "0123456789abcdef0123456789abcdef"
	hashedSubject = "hmac-sha256:01fc6191a16db80a1306a3fbf0f59b34"
	hashedSource  = "hmac-sha256:06a1f254b8115b4214ff7ad8027919c3"
	hashedPath    = "hmac-sha256:6bc3e2d91a125a6010b04f583886e1db"
)

// TestRedact: a redacted field is omitted or is a hash, in the log, in memory and in the
// line of a difference, and no other text of the line contains its value.
func TestRedact(t *testing.T) {
	const subject, source, path = config.RedactSubject, config.RedactSource, config.RedactPath
	keyFile := testutil.File(t, "audit.key", redactionKey+"\n")
	for _, row := range []struct {
		name   string
		redact *gate.Redaction
		want   [3]string // subject, source, path
		detail string
	}{
		{"nothing", nil, [3]string{"alice", "192.0.2.7", "/admin/1"}, `a == b, with path.id "1"`},
		{"one field", redaction("omit", "", source), [3]string{"alice", "", "/admin/1"}, `a == b, with path.id "1"`},
		{"the subject", redaction("omit", "", subject), [3]string{"", "192.0.2.7", "/admin/1"}, `a == b, with (redacted)`},
		{"all fields", redaction("omit", "", subject, source, path), [3]string{}, `a == b, with (redacted)`},
		{"hashes", redaction("hash", keyFile, subject, source, path), [3]string{hashedSubject, hashedSource, hashedPath},
			`a == b, with (redacted)`},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, difference := denied(), difference()
			for _, one := range []*gate.Decision{d, difference.Candidate} {
				one.InternalDetail, one.Revealed = `a == b, with path.id "1"`, []string{`path.id "1"`}
				one.Hint = `make path.id "1" another`
			}
			d.Redaction, difference.Live.Redaction = row.redact, row.redact
			var out bytes.Buffer
			memory := audit.NewMemory(1)
			l := log(&out, memory)
			l.Write(t.Context(), newRequest(), d)
			remembered, _ := memory.Find(d.ID.String())
			if written := out.String(); string(remembered) != written {
				t.Errorf("in memory: %s\nwritten: %s", remembered, written)
			}
			l.Differ(newRequest(), difference)
			for n, text := range strings.Split(strings.TrimSpace(out.String()), "\n") {
				var line audit.Record
				if err := json.Unmarshal([]byte(text), &line); err != nil {
					t.Fatal(err)
				}
				want := row.want
				if n == 1 {
					want[1] = "" // a difference has no source
				}
				if got := [3]string{line.Subject, line.Source, line.Path}; got != want {
					t.Errorf("line %d: got %q; expected %q", n, got, want)
				}
				if line.InternalDetail != row.detail || strings.Contains(line.Hint, "(redacted)") != strings.Contains(row.detail, "(redacted)") {
					t.Errorf("line %d: detail %q, hint %q", n, line.InternalDetail, line.Hint)
				}
				if fmt.Sprint(line.Redacted) != fmt.Sprint(row.redact.Fields()) {
					t.Errorf("line %d: redacted %v", n, line.Redacted)
				}
			}
		})
	}
}

// TestRedactIsOfWholeValues: two long values that are cut to the same text have different
// hashes, and an absent value has none.
func TestRedactIsOfWholeValues(t *testing.T) {
	d := denied()
	d.Redaction = redaction("hash", testutil.File(t, "audit.key", redactionKey), config.RedactSubject)
	seen := map[any]bool{}
	for _, subject := range []string{"", strings.Repeat("a", 600), strings.Repeat("a", 601)} {
		d.Subject = subject
		_, line := write(t, newRequest(), d)
		if (line["subject"] == nil) != (subject == "") {
			t.Errorf("subject of %d bytes: %v", len(subject), line["subject"])
		}
		seen[line["subject"]] = true
	}
	if len(seen) != 3 {
		t.Errorf("got %v; expected three different subjects", seen)
	}
}
