package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// The errors of the reader.
const (
	syntax    = "invalid JSON"
	badUTF8   = "invalid UTF-8"
	duplicate = "duplicate name"
	tooDeep   = "nested too deep"
	trailing  = "unexpected data after the object"
	notObject = "not an object"
)

// objectTexts are texts that the reader accepts or refuses. They are the table of
// the tests and the seeds of the fuzz targets.
func objectTexts() []struct{ name, text, wrong string } {
	return []struct{ name, text, wrong string }{
		{"empty object", `{}`, ""},
		{"white space", " \t\r\n{ \t\r\n} \t\r\n", ""},
		{"white space everywhere", ` { "a" : [ 1 , { } , [ ] ] , "b" : null } `, ""},
		{"every value", `{"s":"x","n":-1.5e+3,"t":true,"f":false,"z":null,"a":[],"o":{}}`, ""},
		{"numbers", `{"a":[0,-0,1,10,1.0,0.1,1e1,1E+1,1e-1,-1.25e2,12345678901234567890]}`, ""},
		{"escapes", `{"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac"}`, ""},
		{"hexadecimal digits of either case", `{"a":"\u00aF\u00Af"}`, ""},
		{"escaped name", `{"\u0061":1,"b\n":2}`, ""},
		{"surrogate pair", `{"a":"\ud83d\ude00"}`, ""},
		{"replacement character", `{"a":"\ufffd�"}`, ""},
		{"text behind an escape", `{"a":"x\nyz é"}`, ""},
		{"empty name", `{"":1}`, ""},
		{"names by case", `{"a":1,"A":2}`, ""},
		{"names that fold", `{"s":1,"ſ":2,"k":3,"K":4}`, ""},
		{"composed and decomposed name", "{\"é\":1,\"e\u0301\":2}", ""},
		{"NUL escaped", `{"a":"\u0000"}`, ""},
		{"delete", "{\"a\":\"\x7f\"}", ""},
		{"line separator", "{\"a\":\"\u2028\u2029\"}", ""},
		{"the same name at two depths", `{"a":{"a":[{"a":1},{"a":1}]}}`, ""},
		{"32 deep in objects", nested(`{"a":`, "1", "}", 32), ""},

		{"33 deep in objects", nested(`{"a":`, "1", "}", 33), tooDeep},
		{"33 deep in arrays", `{"a":` + nested("[", "", "]", 32) + "}", tooDeep},
		{"deep behind a proper member", `{"b":1,"a":` + nested("[", "", "]", 40) + "}", tooDeep},

		{"duplicate", `{"a":1,"a":1}`, duplicate},
		{"duplicate with one between", `{"a":1,"b":2,"a":3}`, duplicate},
		{"duplicate, the first null", `{"a":null,"a":1}`, duplicate},
		{"duplicate, the second escaped", `{"a":1,"\u0061":2}`, duplicate},
		{"duplicate, the first escaped", `{"\u0061":1,"a":2}`, duplicate},
		{"duplicate by an escaped solidus", `{"a/b":1,"a\/b":2}`, duplicate},
		{"duplicate by a surrogate pair", `{"😀":1,"\ud83d\ude00":2}`, duplicate},
		{"duplicate empty name", `{"":1,"":2}`, duplicate},
		{"duplicate in a nested object", `{"a":{"b":1,"b":2}}`, duplicate},
		{"duplicate in an array", `{"a":[{"b":1,"b":2}]}`, duplicate},

		{"invalid UTF-8 in a value", "{\"a\":\"\xff\"}", badUTF8},
		{"invalid UTF-8 in a name", "{\"\xff\":1}", badUTF8},
		{"invalid UTF-8 between tokens", "{\xff}", badUTF8},
		{"invalid UTF-8 behind the object", "{}\xff", badUTF8},
		{"overlong slash", "{\"a\":\"\xc0\xaf\"}", badUTF8},
		{"surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", badUTF8},
		{"beyond Unicode", "{\"a\":\"\xf4\x90\x80\x80\"}", badUTF8},
		{"character cut short", "{\"a\":\"\xe2\x82\"}", badUTF8},
		{"lone high surrogate", `{"a":"\ud800"}`, badUTF8},
		{"lone low surrogate", `{"a":"\udc00"}`, badUTF8},
		{"high surrogate twice", `{"a":"\ud800\ud800"}`, badUTF8},
		{"high surrogate and a letter", `{"a":"\ud800\u0041"}`, badUTF8},
		{"high surrogate and an escape", `{"a":"\ud800\n"}`, badUTF8},
		{"high surrogate at the end", `{"a":"\ud800`, badUTF8},
		{"lone surrogate in a name", `{"\ud800":1}`, badUTF8},

		{"nothing", ``, notObject},
		{"white space only", ` `, notObject},
		{"null", `null`, notObject},
		{"array", `[{}]`, notObject},
		{"string", `"{}"`, notObject},
		{"number", `1`, notObject},
		{"byte order mark", "\ufeff{}", notObject},
		{"no-break space in front", "\u00a0{}", notObject},
		{"form feed in front", "\f{}", notObject},
		{"NUL in front", "\x00{}", notObject},

		{"second object", `{}{}`, trailing},
		{"brace too many", `{}}`, trailing},
		{"comma behind", `{},`, trailing},
		{"NUL behind", "{}\x00", trailing},
		{"comment behind", `{} // x`, trailing},
		{"no-break space behind", "{}\u00a0", trailing},

		{"open object", `{`, syntax},
		{"open object behind a member", `{"a":1`, syntax},
		{"open object behind a comma", `{"a":1,`, syntax},
		{"open array", `{"a":[`, syntax},
		{"open array behind an item", `{"a":[1`, syntax},
		{"open string", `{"a":"`, syntax},
		{"open string behind an escape", `{"a":"\n`, syntax},
		{"open name", `{"a`, syntax},
		{"open escape", `{"a":"\`, syntax},
		{"open unicode escape", `{"a":"\u00`, syntax},
		{"open surrogate pair", `{"a":"\ud800\u`, syntax},
		{"name alone", `{"a"}`, syntax},
		{"name without a value", `{"a":}`, syntax},
		{"name without quotes", `{a:1}`, syntax},
		{"name in single quotes", `{'a':1}`, syntax},
		{"number as a name", `{1:1}`, syntax},
		{"comma first", `{,}`, syntax},
		{"comma last", `{"a":1,}`, syntax},
		{"comma twice", `{"a":1,,"b":2}`, syntax},
		{"no comma", `{"a":1 "b":2}`, syntax},
		{"semicolon", `{"a":1;"b":2}`, syntax},
		{"equals sign", `{"a"=1}`, syntax},
		{"array closed by a brace", `{"a":[1}`, syntax},
		{"object closed by a bracket", `{"a":1]`, syntax},
		{"comma last in an array", `{"a":[1,]}`, syntax},
		{"comma first in an array", `{"a":[,1]}`, syntax},
		{"literal in capitals", `{"a":True}`, syntax},
		{"literal cut short", `{"a":nul}`, syntax},
		{"literal false cut short", `{"a":fals`, syntax},
		{"literal too long", `{"a":truex}`, syntax},
		{"NaN", `{"a":NaN}`, syntax},
		{"infinity", `{"a":-Infinity}`, syntax},
		{"leading zero", `{"a":01}`, syntax},
		{"leading plus sign", `{"a":+1}`, syntax},
		{"leading dot", `{"a":.5}`, syntax},
		{"trailing dot", `{"a":1.}`, syntax},
		{"minus sign alone", `{"a":-}`, syntax},
		{"two minus signs", `{"a":--1}`, syntax},
		{"empty exponent", `{"a":1e}`, syntax},
		{"signed empty exponent", `{"a":1e+}`, syntax},
		{"hexadecimal number", `{"a":0x1}`, syntax},
		{"underscore in a number", `{"a":1_000}`, syntax},
		{"Arabic digits", `{"a":١}`, syntax},
		{"line feed in a string", "{\"a\":\"x\ny\"}", syntax},
		{"tab in a string", "{\"a\":\"x\ty\"}", syntax},
		{"NUL in a string", "{\"a\":\"x\x00y\"}", syntax},
		{"control byte behind an escape", "{\"a\":\"\\n\x01\"}", syntax},
		{"last control byte", "{\"a\":\"\x1f\"}", syntax},
		{"last control byte after an escape", "{\"a\":\"\\n\x1f\"}", syntax},
		{"duplicate among many", `{` + names(40) + `"b":1,"b":2}`, duplicate},
		{"unknown escape", `{"a":"\x41"}`, syntax},
		{"escaped single quote", `{"a":"\'"}`, syntax},
		{"escape in capitals", `{"a":"\N"}`, syntax},
		{"unicode escape with a sign", `{"a":"\u+041"}`, syntax},
		{"unicode escape with an underscore", `{"a":"\u0_41"}`, syntax},
		{"unicode escape with a space", `{"a":"\u 041"}`, syntax},
		{"unicode escape that is not hexadecimal", `{"a":"\u00g0"}`, syntax},
		{"second half that is not hexadecimal", `{"a":"\ud800\uzzzz"}`, syntax},
		{"comment", `{/* x */}`, syntax},
		{"form feed between tokens", "{\f}", syntax},
		{"no-break space between tokens", "{\u00a0}", syntax},
		{"NUL between tokens", "{\x00}", syntax},
	}
}

func nested(open, inner, shut string, depth int) string {
	return strings.Repeat(open, depth) + inner + strings.Repeat(shut, depth)
}

func TestObject(t *testing.T) {
	for _, row := range objectTexts() {
		t.Run(row.name, func(t *testing.T) {
			got, err := strictjson.Object(row.text)
			switch {
			case row.wrong == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case row.wrong == "":
				sameAsStandard(t, row.text, got)
			case err == nil:
				t.Fatalf("accepted as %v, want %q", got, row.wrong)
			case err.Error() != row.wrong:
				t.Fatalf("%q, want %q", err, row.wrong)
			case got != nil:
				t.Error("a refused text has a value")
			}
		})
	}
}

// Escapes are decoded in names and values, and a number keeps its digits.
func TestObjectValues(t *testing.T) {
	got, err := strictjson.Object(`{"\u0073ub":"\u00e9\ud83d\ude00\/\"","big":12345678901234567890.10,"list":[null,true,"a",[],{}]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"sub": "é😀/\"", "big": json.Number("12345678901234567890.10"),
		"list": []any{nil, true, "a", []any{}, map[string]any{}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
}

// sameAsStandard requires that encoding/json reads the same value, and that no
// name in the text occurs twice.
func sameAsStandard(t *testing.T, text string, got map[string]any) {
	t.Helper()
	want, err := standard(text)
	if err != nil {
		t.Fatalf("the reader accepts %q, encoding/json does not: %v", text, err)
	}
	if !reflect.DeepEqual(any(got), want) {
		t.Fatalf("%q is %#v, by encoding/json %#v", text, got, want)
	}
	if repeatsName(t, text, got) {
		t.Fatalf("a name occurs twice in %q", text)
	}
}

// standard is the value that encoding/json reads.
func standard(text string) (value any, err error) {
	if !json.Valid([]byte(text)) { // a decoder ignores what follows the first value
		return nil, errors.New("not valid")
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// repeatsName reports whether a name occurs twice in a text that has this value by
// encoding/json. The first of two equal names is lost, so that the text has more
// tokens than the value when it is written again.
func repeatsName(t *testing.T, text string, value any) bool {
	t.Helper()
	again, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("the value of %q cannot be written: %v", text, err)
	}
	n, _ := measure(t, text)
	m, _ := measure(t, string(again))
	return n != m
}

// measure counts the tokens of a valid text and returns how deep it is nested.
func measure(t *testing.T, text string) (tokens, deepest int) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	for depth := 0; ; tokens++ {
		read, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return tokens, deepest
		}
		switch read {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if err != nil {
			t.Fatalf("read the tokens of %q: %v", text, err)
		}
	}
}

// excused requires a reason for refusing what encoding/json accepts as this value.
func excused(t *testing.T, text string, value any, refused error) {
	t.Helper()
	good := false
	switch refused.Error() {
	case notObject:
		_, isObject := value.(map[string]any)
		good = !isObject
	case badUTF8: // encoding/json replaces it by U+FFFD
		good = !utf8.ValidString(text) || strings.Contains(fmt.Sprint(value), "\ufffd")
	case tooDeep:
		_, depth := measure(t, text)
		good = depth > 32
	case duplicate:
		good = repeatsName(t, text, value)
	}
	if !good {
		t.Fatalf("refused %q (%v), encoding/json accepts it", text, refused)
	}
}

// The reader and encoding/json are compared in both directions: what the reader
// accepts has the same value, and it refuses a valid object only because of a
// repeated name, UTF-8 or depth.
func FuzzObject(f *testing.F) {
	for _, row := range objectTexts() {
		f.Add(row.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := strictjson.Object(text)
		if err == nil {
			sameAsStandard(t, text, got)
			return
		}
		if got != nil {
			t.Fatalf("refused %q and returned %v", text, got)
		}
		if value, wrong := standard(text); wrong == nil {
			excused(t, text, value, err)
		}
	})
}
