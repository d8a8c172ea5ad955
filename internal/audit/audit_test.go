package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// A JWT as it is sent. Its signature is not valid.
const (
	header    = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ"
	claims    = "eyJzdWIiOiJhbGljZSIsImVtYWlsIjoiYUBleGFtcGxlLmNvbSJ9"
	signature = "c2lnbmF0dXJlLXNpZ25hdHVyZS1zaWduYXR1cmUtc2lnbmF0dXJl"
	jwt       = header + "." + claims + "." + signature

	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
)

// write returns the line of a decision, as text and decoded.
func write(t *testing.T, r *request.Request, d *gate.Decision) (string, map[string]any) {
	t.Helper()
	var out bytes.Buffer
	log(&out, audit.NewMemory(1)).Write(t.Context(), r, d)
	if out.Len() == 0 {
		return "", nil
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%q is no JSON line: %v", out.String(), err)
	}
	return out.String(), line
}

// log returns a log with one target, which is out.
func log(out io.Writer, memory *audit.Memory) *audit.Log {
	return audit.New(audit.Targets{config.AuditStderr: out}, memory, func(context.Context) string { return traceID })
}

// denied returns a denial with most fields of a line.
func denied() *gate.Decision {
	return &gate.Decision{
		ID: gate.ID{Replica: "replica", Number: 0x0123456789abcdef}, Route: "admin", Verdict: gate.VerdictDeny, Reason: gate.ReasonGroupMissing,
		InternalDetail: "group missing", Hint: "add the user", Record: true, To: config.AuditStderr, ConfigHash: "c0ffee", Issuer: "home",
		Subject: "alice", KeyID: "key-1",
		Elapsed: 1234 * time.Microsecond, Denial: &gate.Denial{Status: 403, Detail: "you are not in the group"},
	}
}

func newRequest() *request.Request {
	return &request.Request{
		Method: "GET", Authority: "api.example", Target: "/admin/1?code=secret&token=" + jwt, Source: "192.0.2.7",
		Headers: []request.Header{
			{Name: "X-Request-ID", Value: "abc"}, {Name: "authorization", Value: "Bearer " + jwt},
			{Name: "cookie", Value: "session=" + jwt}, {Name: "user-agent", Value: "agent"},
		},
	}
}

func TestWrite(t *testing.T) {
	d := denied()
	d.Time = time.Now()
	_, line := write(t, newRequest(), d)
	at, err := time.Parse(time.RFC3339, line["time"].(string))
	if err != nil || time.Since(at) > time.Minute || !strings.HasSuffix(line["time"].(string), "Z") {
		t.Errorf("time %v", line["time"])
	}
	delete(line, "time")
	want := map[string]any{
		"level": "INFO", "msg": "decision",
		"decision": "replica-0123456789abcdef", "request_id": "abc", "route": "admin", "verdict": "deny",
		"reason": "group_missing", "status": float64(403), "detail": "you are not in the group", "internal_detail": "group missing",
		"hint":     "add the user",
		"trace_id": traceID, "issuer": "home", "subject": "alice", "kid": "key-1",
		"method": "GET", "host": "api.example", "path": "/admin/1", "source": "192.0.2.7",
		"duration_us": float64(1234), "config": "c0ffee",
	}
	if !maps.Equal(line, want) {
		t.Errorf("line\n\t%v\nwant\n\t%v", line, want)
	}
}

// The line has the further rules that were applied to a request, and so does the
// explanation.
func TestWriteOfFurtherRules(t *testing.T) {
	d := denied()
	d.Further = []string{"GET,HEAD /a", "admin"}
	_, line := write(t, newRequest(), d)
	if got := fmt.Sprint(line["further"]); got != "[GET,HEAD /a admin]" {
		t.Errorf("further is %s", got)
	}
	record := audit.Record{Verdict: d.Verdict, Reason: d.Reason, Route: "own", Further: d.Further}
	want := "own; an application may read the request differently, so it also has to pass GET,HEAD /a, admin"
	if text := record.Steps()[1].Text; !strings.Contains(text, want) {
		t.Errorf("explained as %q", text)
	}
}

// The line of a request that could not be read has the keys that every decision has.
func TestWriteOfWhatCouldNotBeRead(t *testing.T) {
	_, empty := write(t, &request.Request{}, &gate.Decision{Record: true, To: config.AuditStderr})
	want := []string{"config", "decision", "duration_us", "level", "msg", "reason", "route", "status", "time", "trace_id", "verdict"}
	if got := slices.Sorted(maps.Keys(empty)); !slices.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
}

// The configuration selects what is written. Decisions that a user may ask about are kept
// in memory even if they are not written.
func TestWhichDecisionsAreKept(t *testing.T) {
	const id = "replica-0123456789abcdef"
	for _, row := range []struct {
		name                string
		decision            gate.Decision
		written, remembered bool
	}{
		{"allowed", gate.Decision{Verdict: gate.VerdictAllow}, false, false},
		{"answered", gate.Decision{Verdict: gate.VerdictAnswer}, false, false},
		{"allowed, and recorded", gate.Decision{Verdict: gate.VerdictAllow, Record: true}, true, true},
		{"excused", gate.Decision{Verdict: gate.VerdictAllow, WouldDeny: gate.ReasonExpired}, false, true},
		{"denied", gate.Decision{Verdict: gate.VerdictDeny}, false, true},
		{"denied, and recorded", gate.Decision{Verdict: gate.VerdictDeny, Record: true}, true, true},
		{"no verdict", gate.Decision{}, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			memory := audit.NewMemory(4)
			row.decision.ID, row.decision.To = denied().ID, config.AuditStderr
			log(&out, memory).Write(t.Context(), newRequest(), &row.decision)
			if written := out.Len() > 0; written != row.written {
				t.Errorf("written: %q", out.String())
			}
			if _, found := memory.Find(id); found != row.remembered {
				t.Errorf("remembered: %v", found)
			}
		})
	}
}

// A decision is written to the target of its configuration, and nowhere else.
func TestTargets(t *testing.T) {
	var stderr, stdout bytes.Buffer
	l := audit.New(audit.Targets{
		config.AuditStderr: &stderr,
		config.AuditStdout: &stdout,
	}, audit.NewMemory(1), nil)
	d := denied()
	d.To = config.AuditStdout
	l.Write(t.Context(), newRequest(), d)
	if stderr.Len() > 0 || stdout.Len() == 0 {
		t.Errorf("stderr %q, stdout %q", stderr.String(), stdout.String())
	}
}

// Clients put tokens into the wrong places: a path, a request ID, a method. Many people can
// read the log.
func TestWriteHoldsNoToken(t *testing.T) {
	places := map[string]func(r *request.Request, d *gate.Decision, text string){
		"query":      func(r *request.Request, _ *gate.Decision, text string) { r.Target = "/a?" + text },
		"path":       func(r *request.Request, _ *gate.Decision, text string) { r.Target = "/reset/" + text + "/x" },
		"method":     func(r *request.Request, _ *gate.Decision, text string) { r.Method = text },
		"host":       func(r *request.Request, _ *gate.Decision, text string) { r.Authority = text },
		"request id": func(r *request.Request, _ *gate.Decision, text string) { r.Headers[0].Value = text },
		"subject":    func(_ *request.Request, d *gate.Decision, text string) { d.Subject = text },
		"kid":        func(_ *request.Request, d *gate.Decision, text string) { d.KeyID = text },
		"detail":     func(_ *request.Request, d *gate.Decision, text string) { d.InternalDetail = "iss " + text },
		"header":     func(r *request.Request, _ *gate.Decision, text string) { r.Headers[1].Value = text },
		"source":     func(r *request.Request, _ *gate.Decision, text string) { r.Source = text },
	}
	for place, put := range places {
		for name, text := range map[string]string{
			"a token":                jwt,
			"behind its scheme":      "Bearer " + jwt,
			"behind other text":      strings.Repeat("x", 480) + jwt,
			"two of them":            jwt + "," + jwt,
			"its head":               header + "." + claims,
			"its claims":             claims,
			"the shortest header":    "eyJhbGciOiJub25lIn0.e30.",
			"with a slash before it": "token=/" + jwt,
		} {
			t.Run(place+"/"+name, func(t *testing.T) {
				r, d := newRequest(), denied()
				put(r, d, text)
				line, _ := write(t, r, d)
				// The shortest parts of a token that carry information.
				for _, part := range []string{header[:16], claims[:16], signature[:16], "eyJhbGciOiJub25lIn0", "e30."} {
					if strings.Contains(line, part) {
						t.Errorf("it holds %s: %s", part, line)
					}
				}
			})
		}
	}
	t.Run("other text stays", func(t *testing.T) {
		for _, text := range []string{
			"/eyes/eyJ", "/keyJournal/entries", "/a.b.c", "/v1.2.3/file-name_x.tar.gz", "/9d1f0a7e-7a55-4f5c-8f3e-1a2b3c4d5e6f",
		} {
			r := newRequest()
			r.Target = text
			if _, line := write(t, r, denied()); line["path"] != text {
				t.Errorf("path %q was written as %q", text, line["path"])
			}
		}
	})
}

// The request has line breaks of every kind, quotes and terminal controls. The log has one
// line, which decodes to what was sent or to a part of it.
func TestWriteIsOneLine(t *testing.T) {
	for name, text := range map[string]string{
		"a line feed":            "a\nb",
		"a carriage return":      "a\r\nb",
		"the end of a string":    `a","reason":"allowed","x":"`,
		"a backslash":            `a\`,
		"a NUL":                  "a\x00b",
		"a terminal's escape":    "a\x1b[2Kb",
		"DEL":                    "a\x7fb",
		"next line":              "a\u0085b",
		"a C1 control":           "a\u009b2Kb",
		"a line separator":       "a\u2028b\u2029c",
		"bytes that are no text": "a\xff\xfe\xc3b",
		"half of a character":    strings.Repeat("x", 511) + "ü",
	} {
		t.Run(name, func(t *testing.T) {
			r, d := newRequest(), denied()
			r.Method, r.Authority, r.Target, r.Source, r.Headers[0].Value = text, text, "/"+text, text, text
			d.Subject, d.KeyID, d.InternalDetail = text, text, text
			out, line := write(t, r, d)
			if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "}\n") {
				t.Errorf("more than one line: %q", out)
			}
			if !utf8.ValidString(out) {
				t.Errorf("no UTF-8: %q", out)
			}
			body := strings.TrimSuffix(out, "\n")
			at := strings.IndexFunc(body, func(r rune) bool {
				return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
			})
			if at >= 0 {
				t.Errorf("a control character at %d: %q", at, body)
			}
			if line["reason"] != "group_missing" || len(line) != 22 {
				t.Errorf("the request wrote into the line: %v", line)
			}
			if got := line["method"].(string); !strings.HasPrefix(got, text[:1]) {
				t.Errorf("method %q", got)
			}
		})
	}
	t.Run("what can be escaped stays", func(t *testing.T) {
		r := newRequest()
		r.Method = "a\r\n\x1b\"\\ü"
		if _, line := write(t, r, denied()); line["method"] != r.Method {
			t.Errorf("%q was written as %q", r.Method, line["method"])
		}
	})
}

// A client cannot fill the log with long texts.
func TestWriteIsBounded(t *testing.T) {
	const most = 512
	for _, size := range []int{most - 1, most, most + 1, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			long := strings.Repeat("x", size)
			r, d := newRequest(), denied()
			r.Method, r.Authority, r.Target, r.Source, r.Headers[0].Value = long, long, long, long, long
			d.Subject, d.KeyID, d.InternalDetail = long, long, long
			_, line := write(t, r, d)
			for _, key := range []string{"method", "host", "path", "source", "request_id", "subject", "kid", "internal_detail"} {
				if got := len(line[key].(string)); got != min(size, most) {
					t.Errorf("%s has %d bytes of %d, want at most %d", key, got, size, most)
				}
			}
		})
	}
}
