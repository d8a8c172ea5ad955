package strictjson_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// What is read of a token before its signature is verified is what is read of it
// afterwards: both functions accept the same texts and agree on the values.
func FuzzPick(f *testing.F) {
	for _, row := range objectTexts() {
		f.Add(row.text)
	}
	for _, text := range []string{
		`{"iss":"a","iss":"b"}`, `{"iss":"a","x":{"iss":"b"}}`, `{"i\u0073s":"a"}`, `{"iss":"a","i\u0073s":"b"}`, `{"iss":null}`,
		`{"iss":["a"]}`, `{"iss":{"iss":"a"}}`, `{"iss":["a"],"a":"b"}`,
		`{` + names(40) + `"a":1}`, `{` + names(40) + `"9":1}`, `{` + names(10) + `"9":1}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		whole, wrong := strictjson.Object(text)
		picked := []strictjson.Member{{Name: "iss"}, {Name: "a"}}
		err := strictjson.Pick(text, picked)
		if err != wrong {
			t.Fatalf("%q: Pick says %v, Object says %v", text, err, wrong)
		}
		if err != nil {
			return
		}
		for _, m := range picked {
			value, present := whole[m.Name]
			want, _ := value.(string)
			if m.Present != present || m.Text != want {
				t.Fatalf("%q: Pick has %+v, Object has %v (%t)", text, m, value, present)
			}
		}
	})
}

// Pick allocates one list of names and whatever the caller's members take, however
// many values a forged token has.
func TestPickBuildsNothing(t *testing.T) {
	text := `{"iss":"a","sub":"b","exp":1,"aud":[` + strings.Repeat(`{},[],0,null,{"x":true},`, 300) + `"c"]}`
	if n := testing.AllocsPerRun(10, func() {
		members := [...]strictjson.Member{{Name: "iss"}, {Name: "sub"}}
		if err := strictjson.Pick(text, members[:]); err != nil || members[0].Text != "a" {
			t.Errorf("got %+v and %v", members, err)
		}
	}); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

// names are members with different names.
func names(n int) string {
	var all strings.Builder
	for i := range n {
		all.WriteString(`"` + strings.Repeat("n", i/10) + string(rune('0'+i%10)) + `":0,`)
	}
	return all.String()
}
