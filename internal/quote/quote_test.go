package quote_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/quote"
)

const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"

func TestText(t *testing.T) {
	full := strings.Repeat("x", quote.Max)
	for name, row := range map[string]struct{ text, want string }{
		"empty":                       {"", `""`},
		"plain":                       {"admin", `"admin"`},
		"other scripts":               {"größe", `"gr\u00f6\u00dfe"`},
		"as long as is shown":         {full, `"` + full + `"`},
		"longer":                      {full + "y", `"` + full + `"...`},
		"cut before a character":      {full[1:] + "é", `"` + full[1:] + `"...`},
		"cut before a long character": {full[3:] + "𝄞", `"` + full[3:] + `"...`},
		"no character begins":         {strings.Repeat("\x80", 100), `"` + strings.Repeat(`\x80`, quote.Max-utf8.UTFMax) + `"...`},
		"a line end":                  {"a\r\nb\u2028c", `"a\r\nb\u2028c"`},
		"terminal":                    {"\x1b[31m\u009b1m\u202e", `"\x1b[31m\u009b1m\u202e"`},
		"not UTF-8":                   {"a\xff", `"a\xff"`},
		"quotes":                      {`a"b\`, `"a\"b\\"`},
		"a token":                     {jwt, `"(token)"`},
		"a token at the end":          {full[8:] + jwt, `"` + full[8:] + `(token)"`},
		"a token where it is cut":     {full[5:] + jwt, `"` + full[5:] + `(toke"...`},
	} {
		if got := quote.Text(row.text); got != row.want {
			t.Errorf("%s: got %s, want %s", name, got, row.want)
		}
	}
}

func TestReadable(t *testing.T) {
	for text, want := range map[string]string{
		"größe 管理者": `"größe 管理者"`, "a\u2028\u202e\xff": `"a\u2028\u202e\xff"`, jwt: `"(token)"`,
		strings.Repeat("é", 41): `"` + strings.Repeat("é", 40) + `"...`,
	} {
		if got := quote.Readable(text); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestList(t *testing.T) {
	for want, items := range map[string][]string{
		"":                                       {},
		`"a"`:                                    {"a"},
		`"a", "b\n"`:                             {"a", "b\n"},
		`"a", "(token)"`:                         {"a", jwt},
		`"1", "2", "3", "4", "5", "6", "7", "8"`: strings.Fields("1 2 3 4 5 6 7 8"),
		`"1", "2", "3", "4", "5", "6", "7", "8" and 2 more`: strings.Fields("1 2 3 4 5 6 7 8 9 10"),
	} {
		if got := quote.List(items); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestOneOf(t *testing.T) {
	for want, items := range map[string][]string{`"a"`: {"a"}, `one of "a", "b"`: {"a", "b"}} {
		if got := quote.OneOf(items); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		most int
		want string
	}{
		"plain":                {"/orders/7", 9, "/orders/7"},
		"cut":                  {"/orders/77", 9, "/order..."},
		"cut before a letter":  {"größe der Seite", 6, "gr..."},
		"readable":             {"größe 管理者", 99, "größe 管理者"},
		"ASCII control":        {"a\nb", 99, "a\nb"}, // JSON escapes it
		"other line ends":      {"a\u0085b\u2028c\u2029d", 99, "a?b?c?d"},
		"not UTF-8":            {"a\xffb", 99, "a?b"},
		"a token":              {"/x/" + jwt + "/y", 99, "/x/(token)/y"},
		"a token that is cut":  {"/x/" + jwt, 10, "/x/(token)"},
		"a token cut in words": {"/x/" + jwt, 8, "/x/(t..."},
	} {
		if got := quote.Plain(row.text, row.most); got != row.want {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"/orders":                   "/orders",
		"eyJ":                       "eyJ",
		"eyJ" + jwt[3:18]:           jwt[:18], // too short for a header
		jwt[:19]:                    "(token)",
		jwt:                         "(token)",
		"x" + jwt:                   "x(token)",
		"a=" + jwt + "&b=" + jwt:    "a=(token)&b=(token)",
		"eyJ/" + jwt + "/eyJ":       "eyJ/(token)/eyJ",
		"eyJeyJ" + jwt[3:] + " end": "(token) end",
		jwt + "." + jwt + "%2e":     "(token)%2e",
	} {
		if got := quote.Redact(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for length, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 500 * time.Millisecond: "500ms", time.Minute: "1m", 90 * time.Second: "1m30s", time.Hour: "1h",
		time.Hour + time.Second: "1h0m1s", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 720 * time.Hour: "720h", -time.Hour: "-1h",
	} {
		if got := quote.Duration(length); got != want {
			t.Errorf("%v: got %s, want %s", length, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	const day = 24 * time.Hour
	for length, want := range map[time.Duration]string{
		0: "0s", 1500 * time.Millisecond: "1s", 59 * time.Second: "59s", 61 * time.Second: "1m", 59 * time.Minute: "59m",
		90 * time.Minute: "1h", 47 * time.Hour: "47h", 2 * day: "2 days", 45*day + time.Hour: "45 days",
	} {
		if got := quote.Age(length); got != want {
			t.Errorf("%v: got %s, want %s", length, got, want)
		}
	}
}

// FuzzText: whatever the text, the rule for tokens is that of a regular expression,
// and what is written is short, printable and without a token.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"", "admin", jwt, strings.Repeat("é", 50), "\xff\n\u2028",
		strings.Repeat("x", 75) + jwt, "eyJeyJ" + jwt, "\xbe" + jwt[1:],
	} {
		f.Add(seed)
	}
	token := regexp.MustCompile(`eyJ[A-Za-z0-9_-]{16}[A-Za-z0-9_.-]*`)
	f.Fuzz(func(t *testing.T, text string) {
		redacted := quote.Redact(text)
		if want := token.ReplaceAllString(text, "(token)"); redacted != want && utf8.ValidString(text) {
			t.Errorf("redacted to %q, want %q", redacted, want)
		}
		got := quote.Text(text)
		shown, err := strconv.Unquote(strings.TrimSuffix(got, "..."))
		if err != nil || len(shown) > quote.Max || !strings.HasPrefix(redacted, shown) || strings.HasSuffix(got, `"`) != (shown == redacted) {
			t.Errorf("quoted as %s: %v", got, err)
		}
		if utf8.ValidString(text) && !utf8.ValidString(shown) {
			t.Errorf("%s was cut inside a character", got)
		}
		readable := quote.Readable(text)
		for _, written := range []string{got, quote.List([]string{text, text}), readable, quote.Plain(text, 30)} {
			if !utf8.ValidString(written) || len(written) > 8*quote.Max+64 {
				t.Errorf("%q is not valid or too long", written)
			}
		}
		// What the quotes contain is compared, because the escape of a byte may end in "e": \xbeyJ.
		readable, err = strconv.Unquote(strings.TrimSuffix(readable, "..."))
		if err != nil || readable != shown {
			t.Errorf("%q and %q show different texts: %v", got, readable, err)
		}
		for _, written := range []string{shown, quote.Plain(text, 30)} {
			if token.MatchString(written) {
				t.Errorf("%q contains a token", written)
			}
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
			t.Errorf("%q has a character that is not printable ASCII", got)
		}
	})
}
