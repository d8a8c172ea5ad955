package token_test

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/token"
)

// listIssuers are the issuers that the lists of these tests may name.
func listIssuers() []string { return []string{"api", "pool"} }

// wrongLines are the mistakes that a list is refused for.
func wrongLines(t *testing.T, list io.Reader) token.LineErrors {
	t.Helper()
	got, err := token.ParseRevocations(list, listIssuers())
	var wrong token.LineErrors
	if got != nil || !errors.As(err, &wrong) || len(wrong) == 0 {
		t.Fatalf("%v, %v, want mistakes", got, err)
	}
	return wrong
}

// TestParseRevocations: proper lists, and how many values are revoked by them.
func TestParseRevocations(t *testing.T) {
	const one, two = `{"issuer":"api","sub":"a"}`, `{"issuer":"api","sub":"b"}`
	long := `{"issuer":"api","sub":"` + strings.Repeat("x", 4096-25) + `"}`
	if len(long) != 4096 {
		t.Fatalf("%d bytes", len(long))
	}
	for _, row := range []struct {
		name, list string
		length     int
	}{
		{"nothing", "", 0},
		{"a line", one, 1},
		{"a line and its end", one + "\n", 1},
		{"two lines", one + "\n" + two, 2},
		{"CRLF", one + "\r\n" + two + "\r\n", 2},
		{"CR at the end", one + "\r", 1},
		{"blank lines", "\n\r\n \t\n" + one + "\n\n" + two + "\n\n", 2},
		{"white space", "  { \"issuer\" : \"api\" ,\t\"sub\" : \"a\" }  ", 1},
		{"the same twice", one + "\n" + one, 1},
		{"the same for two issuers", one + "\n" + `{"issuer":"pool","sub":"a"}`, 2},
		{"the same of two kinds", one + "\n" + `{"issuer":"api","client":"a"}`, 2},
		{"the same with and without a time", one + "\n" + `{"issuer":"api","sub":"a","issued_before":"2026-05-17T10:00:00.25+02:00"}`, 1},
		{"escapes", `{"issuer":"\u0061pi","sub":"a"}` + "\n" + one, 1},
		{"4 KiB", long, 1},
		{"4 KiB and CRLF", long + "\r\n" + one, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			// A byte at a time, as a slow disk may give them.
			for _, r := range []io.Reader{strings.NewReader(row.list), iotest.OneByteReader(strings.NewReader(row.list))} {
				list, err := token.ParseRevocations(r, listIssuers())
				if err != nil {
					t.Fatal(err)
				}
				if list.Len() != row.length {
					t.Errorf("%d values, want %d", list.Len(), row.length)
				}
			}
		})
	}
	if n := (*token.Revocations)(nil).Len(); n != 0 {
		t.Errorf("no list has %d values", n)
	}
}

// TestParseRevocationsRefuses: what is wrong with a line is said with what to
// write instead, and no value stands there at length.
func TestParseRevocationsRefuses(t *testing.T) {
	const example = `; write it as {"issuer": "NAME", "sub": "VALUE"}`
	long := strings.Repeat("x", quote.Max+1)
	for _, row := range []struct{ name, line, text string }{
		{"no JSON", `api alice`, "is not one JSON object: not an object" + example},
		{"a list", `["api"]`, "is not one JSON object: not an object" + example},
		{"a text behind", `{"issuer":"api","sub":"a"} # gone`, "is not one JSON object: unexpected data after the object" + example},
		{"a comma behind", `{"issuer":"api","sub":"a"},`, "is not one JSON object: unexpected data after the object" + example},
		{"two objects", `{"issuer":"api","sub":"a"}{"issuer":"api","sub":"b"}`, "is not one JSON object: unexpected data after the object" + example},
		{"cut off", `{"issuer":"api","sub":"a"`, "is not one JSON object: invalid JSON" + example},
		{"a name twice", `{"issuer":"api","sub":"a","sub":"b"}`, "is not one JSON object: duplicate name" + example},
		{"a name twice, once escaped", `{"issuer":"api","sub":"a","\u0073ub":"b"}`, "is not one JSON object: duplicate name" + example},
		{"bytes that are no UTF-8", "{\"issuer\":\"api\",\"sub\":\"\xff\"}", "is not one JSON object: invalid UTF-8" + example},
		{"a byte order mark", "\ufeff" + `{"issuer":"api","sub":"a"}`, "is not one JSON object: not an object" + example},
		{"nothing in it", `{}`, `says not what is revoked; write one of "sub", "client", "jti", "origin_jti"`},
		{"an issuer alone", `{"issuer":"api"}`, `says not what is revoked; write one of "sub", "client", "jti", "origin_jti"`},
		{"two kinds", `{"issuer":"api","sub":"a","jti":"b"}`, `says "jti", "sub" at once; write one of them to a line`},
		{"a key that nobody knows", `{"issuer":"api","sub":"a","why":"left"}`, `has the key "why"; write "issuer", one of "sub", "client", "jti", "origin_jti", and "issued_before" only`},
		{"a key in capitals", `{"issuer":"api","SUB":"a"}`, `has the key "SUB"; write "issuer", one of "sub", "client", "jti", "origin_jti", and "issued_before" only`},
		{"a long key", `{"` + long + `":"a"}`, `has the key "` + long[:quote.Max] + `"...; write "issuer", one of "sub", "client", "jti", "origin_jti", and "issued_before" only`},
		{"no issuer", `{"sub":"a"}`, `has no "issuer"; write "issuer": "..."`},
		{"an issuer that is null", `{"issuer":null,"sub":"a"}`, `has a "issuer" that is no string; write it in quotes`},
		{"an issuer that is empty", `{"issuer":"","sub":"a"}`, `has an empty "issuer"; write what is meant`},
		{"an issuer of another config", `{"issuer":"partner","sub":"a"}`, `names the issuer "partner", which is not configured; write the name of one of "api", "pool"`},
		{"an issuer by its iss", `{"issuer":"https://api.example/","sub":"a"}`, `names the issuer "https://api.example/", which is not configured; write the name of one of "api", "pool"`},
		{"a long issuer", `{"issuer":"` + long + `","sub":"a"}`, `names the issuer "` + long[:quote.Max] + `"..., which is not configured; write the name of one of "api", "pool"`},
		{"a value that is empty", `{"issuer":"api","jti":""}`, `has an empty "jti"; write what is meant`},
		{"a value that is a number", `{"issuer":"api","client":5}`, `has a "client" that is no string; write it in quotes`},
		{"a value that is a list", `{"issuer":"api","sub":["a"]}`, `has a "sub" that is no string; write it in quotes`},
		{"a time that is a number", `{"issuer":"api","sub":"a","issued_before":1790000000}`, `has a "issued_before" that is no string; write it in quotes`},
		{"a time that is null", `{"issuer":"api","sub":"a","issued_before":null}`, `has a "issued_before" that is no string; write it in quotes`},
		{"a day", `{"issuer":"api","sub":"a","issued_before":"2026-05-17"}`, `has an "issued_before" of "2026-05-17", which is no RFC 3339 time; write it as 2026-05-17T10:00:00Z`},
		{"a day that is none", `{"issuer":"api","sub":"a","issued_before":"2026-02-30T10:00:00Z"}`, `has an "issued_before" of "2026-02-30T10:00:00Z", which is no RFC 3339 time; write it as 2026-05-17T10:00:00Z`},
		{"an hour of one digit", `{"issuer":"api","sub":"a","issued_before":"2026-05-17T9:00:00Z"}`, `has an "issued_before" of "2026-05-17T9:00:00Z", which is no RFC 3339 time; write it as 2026-05-17T10:00:00Z`},
		{"a comma in the time", `{"issuer":"api","sub":"a","issued_before":"2026-05-17T09:00:00,5Z"}`, `has an "issued_before" of "2026-05-17T09:00:00,5Z", which is no RFC 3339 time; write it as 2026-05-17T10:00:00Z`},
		{"no zone", `{"issuer":"api","sub":"a","issued_before":"2026-05-17T10:00:00"}`, `has an "issued_before" of "2026-05-17T10:00:00", which is no RFC 3339 time; write it as 2026-05-17T10:00:00Z`},
		{"a byte over 4 KiB", strings.Repeat(" ", 4097), "is longer than 4096 bytes; write one JSON object to a line"},
		{"a byte over 4 KiB behind the object", `{"issuer":"api","sub":"a"}` + strings.Repeat(" ", 4071), "is longer than 4096 bytes; write one JSON object to a line"},
		{"a megabyte", strings.Repeat("x", 1<<20), "is longer than 4096 bytes; write one JSON object to a line"},
	} {
		t.Run(row.name, func(t *testing.T) {
			const proper = `{"issuer":"api","sub":"proper"}`
			for list, line := range map[string]int{
				row.line:                   1,
				row.line + "\r\n" + proper: 1,
				proper + "\n\n" + row.line + "\n" + proper:        3,
				"\r\n" + proper + "\n" + proper + "\n" + row.line: 4,
			} {
				wrong := wrongLines(t, strings.NewReader(list))
				if want := (token.LineErrors{{Line: line, Text: row.text}}); !slices.Equal(wrong, want) {
					t.Errorf("got %v, want %v", wrong, want)
				}
			}
		})
	}
}

// Every wrong line is named at once, the first 20 of them, and the rest counted.
func TestParseRevocationsNamesEveryLine(t *testing.T) {
	wrong := wrongLines(t, strings.NewReader("x\n\n"+`{"issuer":"api","sub":"a"}`+"\n{}\n"+strings.Repeat("y", 5000)+"\nz"))
	if lines := numbers(wrong); !slices.Equal(lines, []int{1, 4, 5, 6}) {
		t.Errorf("lines %v", lines)
	}
	if text := wrong.Error(); !strings.HasPrefix(text, "line 1: is not one JSON object") || strings.Count(text, "; line ") != 3 {
		t.Error(text)
	}

	if wrong := wrongLines(t, strings.NewReader(strings.Repeat("x\n", 20))); len(wrong) != 20 || strings.Contains(wrong.Error(), "rest") {
		t.Errorf("%d mistakes: %v", len(wrong), wrong)
	}
	wrong = wrongLines(t, strings.NewReader(strings.Repeat("x\n", 20)+"\n"+strings.Repeat("x\n", 13)))
	if last := wrong[len(wrong)-1]; len(wrong) != 21 || last != (token.LineError{Line: 22, Text: "begins the rest of the wrong lines, 13 more"}) {
		t.Errorf("%d mistakes, the last is %v", len(wrong), last)
	}
}

func numbers(wrong token.LineErrors) []int {
	lines := make([]int, len(wrong))
	for i, one := range wrong {
		lines[i] = one.Line
	}
	return lines
}

// blank is a reader of blank lines without end.
type blank struct{}

func (blank) Read(to []byte) (int, error) {
	for i := range to {
		to[i] = '\n'
	}
	return len(to), nil
}

// A list has 10 million lines, and no more of one that never ends are read.
func TestParseRevocationsEnds(t *testing.T) {
	const most = 10_000_000
	wrong := wrongLines(t, blank{})
	if want := (token.LineErrors{{Line: most + 1, Text: "is one too many; a list has at most 10000000 lines"}}); !slices.Equal(wrong, want) {
		t.Errorf("got %v, want %v", wrong, want)
	}
}

// What keeps a list from being read is told as it is, and no list is returned.
func TestParseRevocationsUnreadable(t *testing.T) {
	for name, before := range map[string]string{
		"at once": "", "behind a line": `{"issuer":"api","sub":"a"}` + "\n", "inside a line": `{"issuer":"api","sub":"a"}`, "inside a long line": strings.Repeat("x", 9000),
	} {
		list, err := token.ParseRevocations(io.MultiReader(strings.NewReader(before), iotest.ErrReader(io.ErrUnexpectedEOF)), listIssuers())
		var wrong token.LineErrors
		if list != nil || !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &wrong) {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

// FuzzParseRevocations: a list is taken whole or refused by its lines, and no
// mistake fills a log.
func FuzzParseRevocations(f *testing.F) {
	for _, seed := range []string{
		`{"issuer":"api","sub":"a"}`, "\r\n", `{"issuer":"api","jti":"a","issued_before":"2026-05-17T10:00:00Z"}` + "\r\nx\n\n{}",
		strings.Repeat(" ", 4097), `{"issuer":"api","sub":"a","why":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := token.ParseRevocations(strings.NewReader(text), listIssuers())
		if err == nil {
			if most := strings.Count(text, "\n") + 1; list.Len() > most {
				t.Errorf("%d values of %d lines", list.Len(), most)
			}
			return
		}
		var wrong token.LineErrors
		if list != nil || !errors.As(err, &wrong) || len(wrong) == 0 || !slices.IsSorted(numbers(wrong)) {
			t.Fatalf("%v, %v", list, err)
		}
		for _, one := range wrong {
			fitForALog(t, one.Text)
		}
	})
}

// BenchmarkParseRevocations is what it costs to read a list of UUIDs, in time and
// in memory that stays.
func BenchmarkParseRevocations(b *testing.B) {
	for name, n := range map[string]int{"100 thousand": 100_000, "million": 1_000_000} {
		text := must(io.ReadAll(manyRevoked(n)))
		b.Run(name, func(b *testing.B) {
			var list *token.Revocations
			var before, after runtime.MemStats
			for b.Loop() {
				list = nil
				runtime.GC()
				runtime.ReadMemStats(&before)
				list = must(token.ParseRevocations(strings.NewReader(string(text)), []string{"api"}))
				runtime.GC()
				runtime.ReadMemStats(&after)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "bytes/line")
			runtime.KeepAlive(list)
		})
	}
}
