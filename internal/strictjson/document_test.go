package strictjson_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/jwtgate/jwtgate/internal/strictjson"
)

func TestDocument(t *testing.T) {
	ambiguous := strictjson.Ambiguous{Name: "b"}
	for _, row := range []struct {
		name, text, wrong string
		value             any // of a
	}{
		{"a repeated name in a member", `{"a":{"b":1,"b":2}}`, "", ambiguous},
		{"a repeated name, once escaped", `{"a":{"b":1,"\u0062":2}}`, "", ambiguous},
		{"a repeated name among many", `{"a":{` + names(40) + `"b":1,"b":2}}`, "", ambiguous},
		{"one element of an array", `{"a":[{"b":1},{"b":1,"b":2},{"b":3}]}`, "", []any{
			map[string]any{"b": json.Number("1")}, ambiguous, map[string]any{"b": json.Number("3")},
		}},
		{"an ambiguous object in an ambiguous object", `{"a":{"b":{"c":1,"c":2},"b":1}}`, "", ambiguous},
		{"the same name after an ambiguous object", `{"a":[{"b":1,"b":2}],"b":1}`, "", []any{ambiguous}},

		{"a repeated name in the outermost object", `{"a":1,"a":2}`, "duplicate name at byte 13", nil},
		{"a syntax error after a repeated name", `{"a":{"b":1,"b":2},}`, "invalid JSON at byte 19", nil},
		{"HTML", `<html>`, "not an object at byte 0", nil},
		{"cut short", `{"a":[`, "invalid JSON at byte 6", nil},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "invalid UTF-8", nil},
		{"data after the object", `{"a":1}x`, "unexpected data after the object at byte 7", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := strictjson.Document(row.text)
			switch {
			case row.wrong == "" && (err != nil || !reflect.DeepEqual(got["a"], row.value)):
				t.Errorf("got %#v and %v, want %#v", got["a"], err, row.value)
			case row.wrong != "" && (got != nil || err == nil || err.Error() != row.wrong):
				t.Errorf("got %v and %v, want %q", got, err, row.wrong)
			}
		})
	}
}

// Both functions agree, except about a repeated name in a nested object.
func FuzzDocument(f *testing.F) {
	for _, row := range objectTexts() {
		f.Add(row.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		object, wrong := strictjson.Object(text)
		document, err := strictjson.Document(text)
		switch {
		case wrong == nil && !reflect.DeepEqual(document, object):
			t.Fatalf("%q is %v by Object, %v by Document", text, object, document)
		case wrong != nil && err == nil && !holdsAmbiguous(document):
			t.Fatalf("%q is %v by Document, and Object says %v", text, document, wrong)
		case wrong == nil && (err != nil || holdsAmbiguous(document)):
			t.Fatalf("%q is %v by Object, %v by Document: %v", text, object, document, err)
		}
	})
}

func holdsAmbiguous(value any) bool {
	switch v := value.(type) {
	case strictjson.Ambiguous:
		return true
	case []any:
		for _, item := range v {
			if holdsAmbiguous(item) {
				return true
			}
		}
	case map[string]any:
		for _, item := range v {
			if holdsAmbiguous(item) {
				return true
			}
		}
	}
	return false
}
