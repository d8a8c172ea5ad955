package re2size_test

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/re2size"
)

// TestOf: the computed sizes are those that Envoy printed for testdata/sizes.txt.
func TestOf(t *testing.T) {
	data, err := os.ReadFile("testdata/sizes.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows, exact := 0, 0
	for line := range strings.Lines(string(data)) {
		text, expression, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		want, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := re2size.Of(expression)
		if !ok || math.Abs(float64(got-want)) > re2size.Margin*float64(want) {
			t.Errorf("%s: got %d, %v; want %d", expression, got, ok, want)
		}
		rows++
		if got == want {
			exact++
		}
	}
	if rows < 150 || exact < rows*90/100 {
		t.Errorf("of %d sizes %d are exact", rows, exact)
	}
}

// TestOfInvalid: an expression that is not valid has no size.
func TestOfInvalid(t *testing.T) {
	for _, expression := range []string{"(", "[a", "a{2,1}", `\`, "a**"} {
		if size, ok := re2size.Of(expression); ok {
			t.Errorf("%s has the size %d", expression, size)
		}
	}
}

// TestMost: a program that is too large is not compiled.
func TestMost(t *testing.T) {
	for _, expression := range []string{
		"((abcdefghij){10}){100}", strings.Repeat("a", 1<<14), "((a{10}){10}b){0,10}", "(([a-z]{10}){10}){0,10}",
	} {
		size, ok := re2size.Of(strings.Repeat(expression, 20))
		if !ok || size != re2size.Most {
			t.Errorf("%.20s: got %d, %v; want %d", expression, size, ok, re2size.Most)
		}
	}
	if size, ok := re2size.Of(strings.Repeat("a", 1000)); !ok || size != 1004 {
		t.Errorf("1,000 characters: got %d, %v", size, ok)
	}
}

// FuzzOf: any text has a size or none.
func FuzzOf(f *testing.F) {
	for _, seed := range []string{"", "^$", "a|b", "(?i)x[^a-z0-9]user", "(?s).*", "a{3,10}", "^abc", "(a*)*", "(|a)*", `\xff`, "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		if size, ok := re2size.Of(expression); ok && size < 2 {
			t.Errorf("%q has the size %d", expression, size)
		}
	})
}
