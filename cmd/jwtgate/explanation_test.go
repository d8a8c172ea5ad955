package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// TestExplanationHasEveryField: each field of a record, set to a value of its own, is in
// the explanation, both as text and as JSON.
func TestExplanationHasEveryField(t *testing.T) {
	record := audit.Record{
		Verdict: gate.VerdictDeny, Reason: gate.ReasonGroupMissing, WouldDeny: gate.ReasonExpired, Decision: "r-0123456789abcdef",
	}
	value := reflect.ValueOf(&record).Elem()
	want := map[string]string{} // :: key -> its text
	for i := range value.NumField() {
		key, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
		f := value.Field(i)
		if key == "level" || key == "msg" {
			continue // of the log line
		}
		switch {
		case f.Kind() == reflect.String && f.String() == "":
			f.SetString("text-of-" + key)
		case f.Kind() == reflect.Int, f.Kind() == reflect.Int64:
			f.SetInt(int64(1000 + i))
		case f.Kind() == reflect.Slice:
			f.Set(reflect.ValueOf([]string{"text-of-" + key}))
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		case f.Type() == reflect.TypeFor[time.Time]():
			f.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
		}
		want[key] = strings.Trim(fmt.Sprint(f.Interface()), "[]")
	}
	want["time"], want["cached"] = "2026-01-02T03:04:05Z", "the token was in the cache"
	e := &explanation{Record: record, Steps: record.Steps(), recorded: true}
	var text, asJSON bytes.Buffer
	if err := writeExplanation(&text, e); err != nil {
		t.Fatal(err)
	}
	if err := writeExplanationJSON(&asJSON, e); err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(asJSON.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	for key, value := range want {
		if !strings.Contains(text.String(), value) {
			t.Errorf("the text has no %s (%s):\n%s", key, value, text.String())
		}
		if document[key] == nil {
			t.Errorf("the JSON has no %s:\n%s", key, asJSON.String())
		}
	}
}
