package revocation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/revocation"
)

// parse parses a list that must be valid.
func parse(t testing.TB, text string) *revocation.List {
	t.Helper()
	list, err := revocation.Parse(strings.NewReader(text), issuers())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// issued is the iat of the token of these tests.
var issued = time.Date(2026, time.May, 17, 9, 59, 59, 500_000_000, time.UTC)

// alice is a token that has every value.
func alice() revocation.Token {
	return revocation.Token{Issuer: "api", Subject: "alice", Client: "cli", ID: "j-1", OriginID: "o-1", IssuedAt: issued}
}

// TestRevoked: a list revokes the tokens that it has, by the first of their keys, and no
// others.
func TestRevoked(t *testing.T) {
	const before = `{"issuer":"api","sub":"alice","issued_before":"`
	without := func(change func(*revocation.Token)) revocation.Token {
		t := alice()
		change(&t)
		return t
	}
	none := without(func(t *revocation.Token) { t.Client, t.ID, t.OriginID = "", "", "" })
	undated := without(func(t *revocation.Token) { t.IssuedAt = time.Time{} })
	for _, row := range []struct {
		name  string
		lines []string
		token revocation.Token
		key   string // empty: it is not revoked
	}{
		{"an empty list", nil, alice(), ""},
		{"its sub", []string{`{"issuer":"api","sub":"alice"}`}, alice(), "sub"},
		{"its client", []string{`{"issuer":"api","client":"cli"}`}, alice(), "client"},
		{"its jti", []string{`{"issuer":"api","jti":"j-1"}`}, alice(), "jti"},
		{"its origin_jti", []string{`{"issuer":"api","origin_jti":"o-1"}`}, alice(), "origin_jti"},
		{"three keys, in their order", []string{
			`{"issuer":"api","origin_jti":"o-1"}`, `{"issuer":"api","jti":"j-1"}`, `{"issuer":"api","client":"cli"}`,
		}, alice(), "client"},

		{"the sub of another issuer", []string{`{"issuer":"pool","sub":"alice"}`}, alice(), ""},
		{"an issuer that the list does not know", []string{`{"issuer":"api","sub":"alice"}`},
			without(func(t *revocation.Token) { t.Issuer = "partner" }), ""},
		{"the sub in upper case", []string{`{"issuer":"api","sub":"Alice"}`}, alice(), ""},
		{"a longer sub", []string{`{"issuer":"api","sub":"alice2"}`}, alice(), ""},
		{"a shorter sub", []string{`{"issuer":"api","sub":"alic"}`}, alice(), ""},
		{"its sub as a client", []string{`{"issuer":"api","client":"alice"}`}, alice(), ""},
		{"its jti as an origin_jti", []string{`{"issuer":"api","origin_jti":"j-1"}`}, alice(), ""},
		{"only a sub", []string{
			`{"issuer":"api","jti":"j-1"}`, `{"issuer":"api","client":"cli"}`, `{"issuer":"api","origin_jti":"o-1"}`,
		}, none, ""},

		{"a microsecond before", []string{before + `2026-05-17T09:59:59.500001Z"}`}, alice(), "sub"},
		{"a nanosecond before, which is rounded up", []string{before + `2026-05-17T09:59:59.500000001Z"}`}, alice(), "sub"},
		{"at that time", []string{before + `2026-05-17T09:59:59.5Z"}`}, alice(), ""},
		{"after that time", []string{before + `2026-05-17T09:59:59Z"}`}, alice(), ""},
		{"before, in another time zone", []string{before + `2026-05-17T12:00:00+02:00"}`}, alice(), "sub"},
		{"after, in another time zone", []string{before + `2026-05-17T10:00:00+02:00"}`}, alice(), ""},
		{"no iat", []string{before + `2000-01-01T00:00:00Z"}`}, undated, "sub"},
		{"no iat, and the first year of RFC 3339", []string{before + `0000-01-01T00:00:00Z"}`}, undated, "sub"},
		{"after the time of its sub, and its jti", []string{before + `2000-01-01T00:00:00Z"}`, `{"issuer":"api","jti":"j-1"}`}, alice(), "jti"},

		{"two times, the later one first", []string{before + `2030-01-01T00:00:00Z"}`, before + `2000-01-01T00:00:00Z"}`}, alice(), "sub"},
		{"two times, the later one last", []string{before + `2000-01-01T00:00:00Z"}`, before + `2030-01-01T00:00:00Z"}`}, alice(), "sub"},
		{"without a time and with one", []string{`{"issuer":"api","sub":"alice"}`, before + `2000-01-01T00:00:00Z"}`}, alice(), "sub"},
		{"with a time and without one", []string{before + `2000-01-01T00:00:00Z"}`, `{"issuer":"api","sub":"alice"}`}, alice(), "sub"},
	} {
		t.Run(row.name, func(t *testing.T) {
			list := parse(t, strings.Join(row.lines, "\n"))
			if key, _, revoked := list.Revoked(row.token); key != row.key || revoked != (row.key != "") {
				t.Errorf("got %v by %q, want %q", revoked, key, row.key)
			}
		})
	}
	for name, list := range map[string]*revocation.List{"nil": nil, "zero": {}} {
		if key, _, revoked := list.Revoked(alice()); revoked {
			t.Errorf("a %s list: got revoked by %q", name, key)
		}
	}
}

// lines is a list of n lines with the four keys in turn.
func lines(n int) string {
	var text strings.Builder
	keys := [...]string{"sub", "client", "jti", "origin_jti"}
	for i := range n {
		fmt.Fprintf(&text, `{"issuer":"api",%q:"7f0c0e1a-1111-4222-8333-%012d"}`+"\n", keys[i%4], i)
	}
	return text.String()
}

func TestRevokedAllocatesNothing(t *testing.T) {
	list := parse(t, lines(100_000))
	if list.Len() != 100_000 {
		t.Fatalf("got %d values", list.Len())
	}
	if n := testing.AllocsPerRun(100, func() { list.Revoked(alice()) }); n > 0 {
		t.Errorf("got %v allocations", n)
	}
}

// BenchmarkRevoked measures a check against lists of several lengths.
func BenchmarkRevoked(b *testing.B) {
	for _, n := range []int{0, 100, 100_000} {
		list := parse(b, lines(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, revoked := list.Revoked(alice()); revoked {
					b.Fatal("revoked")
				}
			}
		})
	}
}
