package audit_test

import (
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// numbered is the id of a decision of that number.
func numbered(n int) gate.ID { return gate.ID{Replica: "r", Number: uint64(n)} }

// remember writes decisions of these numbers.
func remember(t *testing.T, l *audit.Log, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		d := denied()
		d.ID = numbered(n)
		l.Write(t.Context(), request(), d)
	}
}

// The memory holds the last ones and no more, however many there were.
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
			record, found := memory.Find(numbered(n).String())
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

// TestMemoryHoldsCopies: the memory of a request is used again for another.
func TestMemoryHoldsCopies(t *testing.T) {
	space := []byte("reused")
	view := unsafe.String(&space[0], len(space))
	memory := audit.NewMemory(1)
	r, d := request(), denied()
	r.Method, r.Host, r.Target, r.Source, r.Headers[0].Value = view, view, view, view, view
	d.Subject, d.KeyID, d.Detail = view, view, view
	log(io.Discard, memory).Write(t.Context(), r, d)
	before, _ := memory.Find(d.ID.String())
	want, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	copy(space, "XXXXXX")
	after, _ := memory.Find(d.ID.String())
	if got, err := json.Marshal(after); err != nil || string(got) != string(want) || after.Method != "reused" {
		t.Errorf("it has become %s (%v), and was %s", got, err, want)
	}
}

// TestMemoryShrinks: what long records took is given back once short ones come.
func TestMemoryShrinks(t *testing.T) {
	const size = 512
	memory := audit.NewMemory(size)
	l := log(io.Discard, memory)
	write := func(text string) {
		for n := range size {
			r, d := request(), denied()
			d.ID = numbered(n)
			r.Method, r.Host, r.Target, r.Source, r.Headers[0].Value, d.Subject, d.Detail = text, text, "/"+text, text, text, text, text
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

// TestRecordIsPackedWhole: each field on its own, and all of them.
func TestRecordIsPackedWhole(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	var all audit.Record
	for i := range reflect.TypeFor[audit.Record]().NumField() {
		var one audit.Record
		for _, r := range []*audit.Record{&one, &all} {
			switch f := reflect.ValueOf(r).Elem().Field(i); f.Kind() {
			case reflect.String:
				f.SetString(strings.Repeat("text", i*i))
			case reflect.Int64:
				f.SetInt(-7)
			case reflect.Slice:
				f.Set(reflect.ValueOf([]string{"GET,HEAD /a", "b"}))
			case reflect.Bool:
				f.SetBool(true)
			default:
				f.Set(reflect.ValueOf(at))
			}
		}
		if got := audit.Repacked(one); !reflect.DeepEqual(got, one) {
			t.Errorf("got  %+v\nwant %+v", got, one)
		}
	}
	if got := audit.Repacked(all); !reflect.DeepEqual(got, all) {
		t.Errorf("got  %+v\nwant %+v", got, all)
	}
}

// What is remembered is what is written: one record, in both places.
func TestRecordIsTheLine(t *testing.T) {
	memory := audit.NewMemory(1)
	var out strings.Builder
	log(&out, memory).Write(t.Context(), request(), denied())
	record, found := memory.Find(denied().ID.String())
	if !found {
		t.Fatal("not remembered")
	}
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	var remembered, line map[string]any
	for text, into := range map[string]*map[string]any{string(text): &remembered, out.String(): &line} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	for _, ofTheLog := range []string{"level", "msg", "time"} {
		delete(line, ofTheLog)
	}
	delete(remembered, "time")
	if !reflect.DeepEqual(remembered, line) {
		t.Errorf("remembered\n\t%v\nwritten\n\t%v", remembered, line)
	}
	var back audit.Record
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back.Decision != denied().ID.String() || back.Reason != gate.ReasonGroupMissing {
		t.Errorf("the line reads back as %+v: %v", back, err)
	}
	if strings.Contains(string(text), "secret") || strings.Contains(string(text), header) {
		t.Errorf("it holds the query or the token: %s", text)
	}
}

// A record explains itself: what came before the failed check passed, and what
// would have come after was not looked at.
func TestRecordExplains(t *testing.T) {
	memory := audit.NewMemory(1)
	log(io.Discard, memory).Write(t.Context(), request(), denied())
	record, _ := memory.Find(denied().ID.String())
	e := record.Explain()
	if e.Decision.Reason != gate.ReasonGroupMissing || e.Decision.Mend != "add the user" || e.Decision.Denial.Status != 403 {
		t.Errorf("decision %+v", e.Decision)
	}
	for _, step := range e.Steps {
		want := gate.Passed
		switch {
		case step.Number == gate.CheckRequirement:
			want = gate.Failed
			if step.Text != "group missing" {
				t.Errorf("text %q", step.Text)
			}
		case step.Number > gate.CheckRequirement:
			want = gate.Skipped
		}
		if step.Outcome != want {
			t.Errorf("%d %s %s, want %s", step.Number, step.Check, step.Outcome, want)
		}
	}
}
