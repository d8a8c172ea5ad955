package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// numbered returns a decision ID with this number.
func numbered(n int) gate.ID { return gate.ID{Replica: "r", Number: uint64(n)} }

// remember writes decisions of these numbers.
func remember(t *testing.T, l *audit.Log, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		d := denied()
		d.ID = numbered(n)
		l.Write(t.Context(), newRequest(), d)
	}
}

// The memory keeps the most recent decisions and no others.
func TestMemoryIsBounded(t *testing.T) {
	const size = 5
	memory := audit.NewMemory(size)
	l := log(io.Discard, memory)
	if _, found := memory.Find(numbered(1).String()); found {
		t.Error("an empty memory remembers")
	}
	for last := range 3*size + 1 {
		if last == 0 {
			continue
		}
		remember(t, l, last, last)
		for n := 1; n <= last; n++ {
			record, found := find(t, memory, numbered(n).String())
			if want := n > last-size; found != want {
				t.Errorf("after %d, number %d: %v", last, n, found)
			}
			if found && record.Decision != numbered(n).String() {
				t.Errorf("number %d is %s", n, record.Decision)
			}
		}
	}
}

func TestMemoryIsShared(t *testing.T) {
	memory := audit.NewMemory(8)
	l := log(io.Discard, memory)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range 200 {
				remember(t, l, n, n)
				memory.Find(numbered(1).String())
			}
		})
	}
	all.Wait()
}

// TestMemoryHoldsCopies checks that a line in memory does not change when the memory of its
// request is reused, when another line is encoded, or when a caller changes what it found.
func TestMemoryHoldsCopies(t *testing.T) {
	space := []byte("reused")
	view := unsafe.String(&space[0], len(space))
	memory := audit.NewMemory(100)
	r, d := newRequest(), denied()
	r.Method, r.Authority, r.Target, r.Source, r.Headers[0].Value = view, view, view, view, view
	d.Subject, d.KeyID, d.InternalDetail = view, view, view
	l := log(io.Discard, memory)
	l.Write(t.Context(), r, d)
	want, _ := memory.Find(d.ID.String())
	copy(space, "XXXXXX")
	remember(t, l, 1, 50)
	got, _ := memory.Find(d.ID.String())
	if after, _ := find(t, memory, d.ID.String()); string(got) != string(want) || after.Method != "reused" {
		t.Errorf("it has become %s, and was %s", got, want)
	}
	clear(got)
	if again, _ := memory.Find(d.ID.String()); string(again) != string(want) {
		t.Errorf("what Find returned is the memory's own: %s", again)
	}
}

// TestMemoryShrinks checks that the memory of long lines is freed when short ones replace
// them.
func TestMemoryShrinks(t *testing.T) {
	const size = 512
	memory := audit.NewMemory(size)
	l := log(io.Discard, memory)
	write := func(text string) {
		for n := range size {
			r, d := newRequest(), denied()
			d.ID = numbered(n)
			r.Method, r.Authority, r.Target, r.Source, r.Headers[0].Value, d.Subject, d.InternalDetail = text, text, "/"+text, text, text, text, text
			l.Write(t.Context(), r, d)
		}
	}
	write("short")
	least := memory.Bytes()
	write(strings.Repeat("x", 1<<20))
	if most := memory.Bytes(); most > size*8*1024 {
		t.Errorf("long records take %d bytes", most)
	}
	write("short")
	if got := memory.Bytes(); got > 2*least+size*256 {
		t.Errorf("short records take %d bytes, and took %d before long ones came", got, least)
	}
}

// find reads the remembered line of a decision.
func find(t *testing.T, memory *audit.Memory, decision string) (record audit.Record, found bool) {
	t.Helper()
	line, found := memory.Find(decision)
	if found {
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return record, found
}

// allFields is a request and its decision, of which each field of the record has a value of
// its own.
func allFields() (*request.Request, *gate.Decision) {
	d := denied()
	d.Time = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	d.Further, d.WouldDeny, d.Cached = []string{"GET,HEAD /a", "b"}, gate.ReasonExpired, true
	d.Redaction = redaction("omit", "", "host") // which is not a field, so that all have values
	return newRequest(), d
}

// redaction returns a redaction of these fields.
func redaction(mode config.RedactMode, keyFile string, fields ...config.RedactField) *gate.Redaction {
	r, err := gate.NewRedaction(config.Redact{Fields: fields, Mode: mode, KeyFile: keyFile})
	if err != nil {
		panic(err)
	}
	return r
}

// TestEveryFieldIsWritten checks that each field of a record has a value in the record of a
// decision that has everything, and that this value is in the line that is written, in the
// line in memory, and in the record that is read from it, under a key of its own.
func TestEveryFieldIsWritten(t *testing.T) {
	r, d := allFields()
	var out bytes.Buffer
	memory := audit.NewMemory(1)
	log(&out, memory).Write(t.Context(), r, d)
	remembered, found := memory.Find(d.ID.String())
	if !found {
		t.Fatal("the decision is not in memory")
	}
	want := reflect.ValueOf(audit.NewRecord(r, d, traceID))
	seen := map[string]string{} // :: value -> key
	for name, text := range map[string][]byte{"written": out.Bytes(), "remembered": remembered} {
		var line map[string]any
		var back audit.Record
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		clear(seen)
		for i := range want.NumField() {
			key, _, _ := strings.Cut(want.Type().Field(i).Tag.Get("json"), ",")
			value := want.Field(i)
			if value.IsZero() {
				t.Errorf("no decision sets %s: give it a value in NewRecord and in allFields", key)
			}
			if got := reflect.ValueOf(back).Field(i); line[key] == nil || !reflect.DeepEqual(got.Interface(), value.Interface()) {
				t.Errorf("the %s line has %v as %s, want %v: %s", name, got, key, value, text)
			}
			if other, twice := seen[fmt.Sprint(value)]; twice {
				t.Errorf("%s and %s have the same value %v", key, other, value)
			}
			seen[fmt.Sprint(value)] = key
			delete(line, key)
		}
		if len(line) > 0 {
			t.Errorf("the %s line has further keys: %v", name, line)
		}
	}
}

// TestAbsentValuesAreLeftOut checks that a line has only the keys that every decision has,
// and those whose field has a value.
func TestAbsentValuesAreLeftOut(t *testing.T) {
	always := strings.Fields("time decision route verdict reason status duration_us config")
	r, d := allFields()
	full := reflect.ValueOf(audit.NewRecord(r, d, traceID))
	for i := range full.NumField() {
		key, _, _ := strings.Cut(full.Type().Field(i).Tag.Get("json"), ",")
		var one audit.Record
		reflect.ValueOf(&one).Elem().Field(i).Set(full.Field(i))
		text, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		var line map[string]any
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatal(err)
		}
		for name := range line {
			if name != key && !slices.Contains(always, name) {
				t.Errorf("with only %s the line has %s: %s", key, name, text)
			}
		}
	}
}

// The line in memory is the line that is written.
func TestRecordIsTheLine(t *testing.T) {
	memory := audit.NewMemory(1)
	var out strings.Builder
	log(&out, memory).Write(t.Context(), newRequest(), denied())
	line, found := memory.Find(denied().ID.String())
	if !found || string(line) != out.String() {
		t.Errorf("remembered\n\t%s\nwritten\n\t%s", line, out.String())
	}
	if strings.Contains(string(line), "secret") || strings.Contains(string(line), header) {
		t.Errorf("it holds the query or the token: %s", line)
	}
}

// In the steps of a record, the checks before the failed one passed, and those after it
// were skipped.
func TestRecordExplains(t *testing.T) {
	memory := audit.NewMemory(1)
	log(io.Discard, memory).Write(t.Context(), newRequest(), denied())
	record, _ := find(t, memory, denied().ID.String())
	if record.Reason != gate.ReasonGroupMissing || record.Hint != "add the user" || record.Status != 403 ||
		record.Detail != "you are not in the group" {
		t.Errorf("record %+v", record)
	}
	for _, step := range record.Steps() {
		want := gate.Passed
		switch {
		case step.Number == gate.StageRequirement:
			want = gate.Failed
			if step.Text != "group missing" {
				t.Errorf("text %q", step.Text)
			}
		case step.Number > gate.StageRequirement:
			want = gate.Skipped
		}
		if step.Outcome != want {
			t.Errorf("%d %s %s, want %s", step.Number, step.Check, step.Outcome, want)
		}
	}
}
