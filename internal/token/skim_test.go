package token_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/token"
)

// Two readers of one text must never disagree on it: what is skimmed before the
// signature is what is read behind it.
func FuzzSkim(f *testing.F) {
	for _, text := range []string{
		fuzzClaims, `{}`, `{"iss":"a","iss":"b"}`, `{"iss":"a","x":{"iss":"b"}}`, `{"i\u0073s":"a"}`, `{"iss":"a","i\u0073s":"b"}`,
		`{"iss":null}`, `{"iss":["a"]}`, `{"iss":{"iss":"a"}}`, `{"a":[1,-0.5e+3,true,false,null,"x",[],{}]} `, `{"a":{"b":1,"b":2}}`,
		`[]`, `{"a":1}x`, `{"a":tru}`, `{"a":01}`, `{"a":}`, `{"a":"\ud800"}`, `{"a":[1,]}`, `{,}`, `{"a":-}`, `{"a":1`, "{\"a\":\"\xff\"}",
		`{"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, `{"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
		`{` + names(40) + `"a":1}`, `{` + names(40) + `"9":1}`, `{` + names(10) + `"9":1}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		whole, wrong := token.ParseObject(text)
		skimmed, err := token.Skim(text, "iss", "a")
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%q: skimmed with %v, read with %v", text, err, wrong)
		}
		if err != nil {
			return
		}
		for _, name := range []string{"iss", "a"} {
			want, there := whole[name]
			got, kept := skimmed[name]
			if _, isText := want.(string); !isText {
				want = nil
			}
			if there != kept || got != want {
				t.Fatalf("%q: %s is %v (%t) skimmed and %v (%t) read", text, name, got, kept, want, there)
			}
		}
		if len(skimmed) > 2 {
			t.Fatalf("%q: kept %v", text, skimmed)
		}
	})
}

// names are members with names of their own.
func names(n int) string {
	var all strings.Builder
	for i := range n {
		all.WriteString(`"` + strings.Repeat("n", i/10) + string(rune('0'+i%10)) + `":0,`)
	}
	return all.String()
}
