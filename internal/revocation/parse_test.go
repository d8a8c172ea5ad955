package revocation_test

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/revocation"
)

// issuers returns the names of the issuers that the lists of these tests may have.
func issuers() []string { return []string{"api", "pool"} }

// lineErrors returns the errors of an invalid list.
func lineErrors(t *testing.T, list io.Reader) revocation.LineErrors {
	t.Helper()
	got, err := revocation.Parse(list, issuers())
	var invalid revocation.LineErrors
	if got != nil || !errors.As(err, &invalid) || len(invalid) == 0 {
		t.Fatalf("got %v, %v; want LineErrors", got, err)
	}
	return invalid
}

// TestParse parses valid lists and counts their values.
func TestParse(t *testing.T) {
	const one, two = `{"issuer":"api","sub":"a"}`, `{"issuer":"api","sub":"b"}`
	long := `{"issuer":"api","sub":"` + strings.Repeat("x", 4096-25) + `"}`
	if len(long) != 4096 {
		t.Fatalf("%d bytes", len(long))
	}
	for _, row := range []struct {
		name, list string
		length     int
	}{
		{"an empty file", "", 0},
		{"one line without an end", one, 1},
		{"one line", one + "\n", 1},
		{"two lines", one + "\n" + two, 2},
		{"CRLF", one + "\r\n" + two + "\r\n", 2},
		{"CR at the end", one + "\r", 1},
		{"blank lines", "\n\r\n \t\n" + one + "\n\n" + two + "\n\n", 2},
		{"white space", "  { \"issuer\" : \"api\" ,\t\"sub\" : \"a\" }  ", 1},
		{"a repeated line", one + "\n" + one, 1},
		{"one value of two issuers", one + "\n" + `{"issuer":"pool","sub":"a"}`, 2},
		{"one value of two keys", one + "\n" + `{"issuer":"api","client":"a"}`, 2},
		{"one value with and without a time", one + "\n" + `{"issuer":"api","sub":"a","issued_before":"2026-05-17T10:00:00.25+02:00"}`, 1},
		{"escapes", `{"issuer":"\u0061pi","sub":"a"}` + "\n" + one, 1},
		{"4 KiB", long, 1},
		{"4 KiB and CRLF", long + "\r\n" + one, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			// The second reader returns one byte at a time.
			for _, r := range []io.Reader{strings.NewReader(row.list), iotest.OneByteReader(strings.NewReader(row.list))} {
				list, err := revocation.Parse(r, issuers())
				if err != nil {
					t.Fatal(err)
				}
				if list.Len() != row.length {
					t.Errorf("got %d values, want %d", list.Len(), row.length)
				}
			}
		})
	}
	if n := (*revocation.List)(nil).Len(); n != 0 {
		t.Errorf("a nil list: got %d values, want 0", n)
	}
}

// TestParseRefuses has each invalid line at several places of a list.
func TestParseRefuses(t *testing.T) {
	const (
		example   = `; expected {"issuer": "NAME", "sub": "VALUE"}`
		oneOf     = `one of "sub", "client", "jti", "origin_jti"`
		notText   = `; expected a string that is not empty`
		allKeys   = `; expected "issuer", "issued_before" and ` + oneOf
		time      = "; expected a time such as 2026-05-17T10:00:00Z"
		known     = `; expected one of "api", "pool"`
		behind    = "invalid JSON object: unexpected data after the object" + example
		notObject = "invalid JSON object: not an object" + example
		tooLong   = "the line is longer than 4096 bytes; expected one JSON object per line"
	)
	long := strings.Repeat("x", quote.Max+1)
	cut := `"` + long[:quote.Max] + `"...`
	issuedBefore := func(value string) string { return `{"issuer":"api","sub":"a","issued_before":` + value + `}` }
	notTime := func(value string) string { return `"issued_before" is not an RFC 3339 time: got ` + value + time }
	for _, row := range []struct{ name, line, text string }{
		{"not JSON", `api alice`, notObject},
		{"an array", `["api"]`, notObject},
		{"text after the object", `{"issuer":"api","sub":"a"} # gone`, behind},
		{"a comma after the object", `{"issuer":"api","sub":"a"},`, behind},
		{"two objects", `{"issuer":"api","sub":"a"}{"issuer":"api","sub":"b"}`, behind},
		{"a truncated object", `{"issuer":"api","sub":"a"`, "invalid JSON object: invalid JSON" + example},
		{"a duplicate name", `{"issuer":"api","sub":"a","sub":"b"}`, "invalid JSON object: duplicate name" + example},
		{"a duplicate name with an escape", `{"issuer":"api","sub":"a","\u0073ub":"b"}`, "invalid JSON object: duplicate name" + example},
		{"invalid UTF-8", "{\"issuer\":\"api\",\"sub\":\"\xff\"}", "invalid JSON object: invalid UTF-8" + example},
		{"a byte order mark", "\ufeff" + `{"issuer":"api","sub":"a"}`, notObject},
		{"an empty object", `{}`, "no key says what is revoked; expected exactly " + oneOf},
		{"only an issuer", `{"issuer":"api"}`, "no key says what is revoked; expected exactly " + oneOf},
		{"two keys", `{"issuer":"api","sub":"a","jti":"b"}`, `several keys say what is revoked: got "jti", "sub"; expected exactly ` + oneOf},
		{"an unknown key", `{"issuer":"api","sub":"a","why":"left"}`, `unknown key: got "why"` + allKeys},
		{"two unknown keys", `{"issuer":"api","sub":"a","why":"left","by":"bob"}`, `unknown key: got "by"` + allKeys},
		{"an empty key", `{"issuer":"api","sub":"a","":"left"}`, `unknown key: got ""` + allKeys},
		{"a key in upper case", `{"issuer":"api","SUB":"a"}`, `unknown key: got "SUB"` + allKeys},
		{"a long key", `{"` + long + `":"a"}`, `unknown key: got ` + cut + allKeys},
		{"no issuer", `{"sub":"a"}`, `"issuer" is missing` + notText},
		{"an issuer that is null", `{"issuer":null,"sub":"a"}`, `"issuer" is not a string` + notText},
		{"an empty issuer", `{"issuer":"","sub":"a"}`, `"issuer" is empty` + notText},
		{"an unknown issuer", `{"issuer":"partner","sub":"a"}`, `unknown issuer: got "partner"` + known},
		{"the iss of an issuer", `{"issuer":"https://api.example/","sub":"a"}`, `unknown issuer: got "https://api.example/"` + known},
		{"a long issuer", `{"issuer":"` + long + `","sub":"a"}`, `unknown issuer: got ` + cut + known},
		{"an empty value", `{"issuer":"api","jti":""}`, `"jti" is empty` + notText},
		{"a value that is a number", `{"issuer":"api","client":5}`, `"client" is not a string` + notText},
		{"a value that is an array", `{"issuer":"api","sub":["a"]}`, `"sub" is not a string` + notText},
		{"a time that is a number", issuedBefore(`1790000000`), `"issued_before" is not a string` + notText},
		{"a time that is null", issuedBefore(`null`), `"issued_before" is not a string` + notText},
		{"a date", issuedBefore(`"2026-05-17"`), notTime(`"2026-05-17"`)},
		{"a date that does not exist", issuedBefore(`"2026-02-30T10:00:00Z"`), notTime(`"2026-02-30T10:00:00Z"`)},
		{"an hour of one digit", issuedBefore(`"2026-05-17T9:00:00Z"`), notTime(`"2026-05-17T9:00:00Z"`)},
		{"a comma in the time", issuedBefore(`"2026-05-17T09:00:00,5Z"`), notTime(`"2026-05-17T09:00:00,5Z"`)},
		{"no time zone", issuedBefore(`"2026-05-17T10:00:00"`), notTime(`"2026-05-17T10:00:00"`)},
		{"one byte more than 4 KiB", strings.Repeat(" ", 4097), tooLong},
		{"an object and white space, one byte more than 4 KiB", `{"issuer":"api","sub":"a"}` + strings.Repeat(" ", 4071), tooLong},
		{"a megabyte", strings.Repeat("x", 1<<20), tooLong},
	} {
		t.Run(row.name, func(t *testing.T) {
			const valid = `{"issuer":"api","sub":"valid"}`
			for list, line := range map[string]int{
				row.line:                                        1,
				row.line + "\r\n" + valid:                       1,
				valid + "\n\n" + row.line + "\n" + valid:        3,
				"\r\n" + valid + "\n" + valid + "\n" + row.line: 4,
			} {
				got := lineErrors(t, strings.NewReader(list))
				if want := (revocation.LineErrors{{Line: line, Text: row.text}}); !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			}
		})
	}
}

// The error names the first 20 invalid lines and counts the others.
func TestParseNamesEveryLine(t *testing.T) {
	invalid := lineErrors(t, strings.NewReader("x\n\n"+`{"issuer":"api","sub":"a"}`+"\n{}\n"+strings.Repeat("y", 5000)+"\nz"))
	if lines := numbers(invalid); !slices.Equal(lines, []int{1, 4, 5, 6}) {
		t.Errorf("got lines %v", lines)
	}
	if text := invalid.Error(); !strings.HasPrefix(text, "line 1: invalid JSON object") || strings.Count(text, "; line ") != 3 {
		t.Error(text)
	}

	invalid = lineErrors(t, strings.NewReader(strings.Repeat("x\n", 20)))
	if len(invalid) != 20 || strings.Contains(invalid.Error(), "more") {
		t.Errorf("got %d errors: %v", len(invalid), invalid)
	}
	invalid = lineErrors(t, strings.NewReader(strings.Repeat("x\n", 20)+"\n"+strings.Repeat("x\n", 13)))
	want := revocation.LineError{Line: 22, Text: "and 13 more invalid lines from here"}
	if last := invalid[len(invalid)-1]; len(invalid) != 21 || last != want {
		t.Errorf("got %d errors, the last is %v; want %v", len(invalid), last, want)
	}
}

func numbers(invalid revocation.LineErrors) []int {
	lines := make([]int, len(invalid))
	for i, one := range invalid {
		lines[i] = one.Line
	}
	return lines
}

// blankLines is a reader of blank lines that never ends.
type blankLines struct{}

func (blankLines) Read(to []byte) (int, error) {
	for i := range to {
		to[i] = '\n'
	}
	return len(to), nil
}

// Parse reads at most 10 million lines, even of a file that never ends.
func TestParseEnds(t *testing.T) {
	got := lineErrors(t, blankLines{})
	if want := (revocation.LineErrors{{Line: 10_000_001, Text: "too many lines: expected at most 10000000"}}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Parse returns an error of the reader as it is, and no list.
func TestParseUnreadable(t *testing.T) {
	for name, before := range map[string]string{
		"at once":            "",
		"after a line":       `{"issuer":"api","sub":"a"}` + "\n",
		"inside a line":      `{"issuer":"api","sub":"a"}`,
		"inside a long line": strings.Repeat("x", 9000),
	} {
		list, err := revocation.Parse(io.MultiReader(strings.NewReader(before), iotest.ErrReader(io.ErrUnexpectedEOF)), issuers())
		var invalid revocation.LineErrors
		if list != nil || !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &invalid) {
			t.Errorf("%s: got %v, %v", name, list, err)
		}
	}
}

// FuzzParse: Parse accepts the whole list or names its invalid lines, and an error is
// short and printable.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"issuer":"api","sub":"a"}`, "\r\n", `{"issuer":"api","jti":"a","issued_before":"2026-05-17T10:00:00Z"}` + "\r\nx\n\n{}",
		strings.Repeat(" ", 4097), `{"issuer":"api","sub":"a","why":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := revocation.Parse(strings.NewReader(text), issuers())
		if err == nil {
			if most := strings.Count(text, "\n") + 1; list.Len() > most {
				t.Errorf("got %d values from %d lines", list.Len(), most)
			}
			return
		}
		var invalid revocation.LineErrors
		if list != nil || !errors.As(err, &invalid) || len(invalid) == 0 || !slices.IsSorted(numbers(invalid)) {
			t.Fatalf("got %v, %v", list, err)
		}
		for _, one := range invalid {
			if len(one.Text) > 400 || strings.ContainsFunc(one.Text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("got %d bytes of text: %q", len(one.Text), one.Text)
			}
		}
	})
}

// BenchmarkParse measures the time to parse a list of UUIDs, and the memory that the list
// takes.
func BenchmarkParse(b *testing.B) {
	for name, n := range map[string]int{"100 thousand": 100_000, "million": 1_000_000} {
		text := lines(n)
		b.Run(name, func(b *testing.B) {
			var list *revocation.List
			var before, after runtime.MemStats
			for b.Loop() {
				list = nil
				runtime.GC()
				runtime.ReadMemStats(&before)
				list = parse(b, text)
				runtime.GC()
				runtime.ReadMemStats(&after)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "bytes/line")
			runtime.KeepAlive(list)
		})
	}
}
