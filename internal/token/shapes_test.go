package token_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
)

var update = flag.Bool("update", false, "write docs/claims.md")

const claimsPage = "../../docs/claims.md"

// form is a JSON form of a claim: a column of the table.
type form struct {
	head string // of the column
	text string // the value; S and N are the row's string and number; empty: no claim
	says string // what the record of a denial calls it
}

func forms() []form {
	return []form{
		{"missing", "", "missing"},
		{"`null`", "null", "null"},
		{"`\"\"`", `""`, "an empty string"},
		{"string", "S", "a string"},
		{"number", "N", "a number"},
		{"`0`", "0", "a number"},
		{"negative", "-1", "a negative number"},
		{"fraction", "F", "a number"},
		{"`true`", "true", "a boolean"},
		{"`[string]`", "[S]", "an array"},
		{"mixed array", "[S,1]", "an array"},
		{"object", `{"a":S}`, "an object"},
	}
}

// claimRow is a claim that jwtgate reads, and what it does with each form.
type claimRow struct {
	claim string // "NAME (REMARK)"
	use   string // what it is read for
	base  string // the token that has it
	with  map[string]string
	drop  []string
	text  string // a string with which the token is valid
	num   string // a number; default 7
	// effect is what a token that is accepted has from the claim; nil: nothing that differs.
	effect func(*token.Token) string
	// revoked is the list of revoked tokens.
	revoked string
	want    string // of each form, separated by |
}

func (r claimRow) name() string { name, _, _ := strings.Cut(r.claim, " "); return name }

// token returns the token of the row that has the claim in a form.
func (r claimRow) token(t *testing.T, f form) string {
	t.Helper()
	v := forge.Vector{Base: r.base, Claims: map[string]json.RawMessage{}, Drop: r.drop}
	for name, value := range r.with {
		v.Claims[name] = json.RawMessage(value)
	}
	num := r.num
	if num == "" {
		num = "7"
	}
	fraction := strings.Replace(num+".5", `}}".5`, `.5}}"`, 1)
	value := strings.NewReplacer("S", r.text, "N", num, "F", fraction).Replace(f.text)
	if f.text == "" {
		value = "null" // so that there is a claim to drop
		v.Drop = append(v.Drop, "claims."+r.name())
	}
	v.Claims[r.name()] = json.RawMessage(value)
	return v.Forge(t, now)
}

// TestClaimForms: jwtgate does with each claim in each JSON form what docs/claims.md says. A
// denial records the form, if that is what is wrong. With -update the test writes the page.
func TestClaimForms(t *testing.T) {
	for _, row := range claimRows() {
		t.Run(row.claim, func(t *testing.T) {
			want := strings.Split(row.want, "|")
			got := make([]string, len(forms()))
			for n, f := range forms() {
				verifier, _ := corpusVerifier(t)
				if row.revoked != "" {
					verifier.SetRevocations(revocations(t, row.revoked))
				}
				tok, err := verifier.Verify(t.Context(), row.token(t, f), now)
				got[n] = outcome(t, row, f, tok, err)
			}
			for n, f := range forms() {
				if len(want) != len(got) || strings.TrimSpace(want[n]) != got[n] {
					t.Errorf("%s, %s: got %s; want %s", row.claim, f.head, got[n], row.want)
				}
			}
			if t.Failed() {
				t.Logf("all: %s", strings.Join(got, " | "))
			}
		})
	}
	writeClaimsPage(t)
}

// outcome is the text of a cell.
func outcome(t *testing.T, row claimRow, f form, tok *token.Token, err error) string {
	t.Helper()
	if err == nil {
		if row.effect != nil {
			return row.effect(tok)
		}
		return "valid"
	}
	var failure *denial.Error
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	for reason, kind := range reasons() {
		if !errors.Is(err, kind) {
			continue
		}
		if aboutForm(reason, row.name(), f) && !strings.Contains(failure.Internal, f.says) {
			t.Errorf("%s, %s: the record does not name the form: %s", row.claim, f.head, failure.Internal)
		}
		return reason
	}
	t.Fatalf("unknown reason: %v", err)
	return ""
}

// aboutForm reports whether a denial is because of the form of the claim, and not because of
// its value.
func aboutForm(reason, claim string, f form) bool {
	switch reason {
	case "claims_malformed", "subject_missing", "token_bound":
		return true
	case "issuer_unknown", "audience_mismatch", "client_mismatch":
		return f.head != "string" && !strings.HasPrefix(f.head, "`[") && f.head != "`\"\"`"
	case "token_use_mismatch":
		return claim == "token_use" && f.head != "string" && f.head != "`\"\"`"
	}
	return false
}

func writeClaimsPage(t *testing.T) {
	t.Helper()
	want := page()
	if *update {
		if err := os.WriteFile(claimsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(claimsPage); err != nil || string(got) != want {
		t.Errorf("docs/claims.md is out of date (%v); run: go test ./internal/token -run TestClaimForms -update", err)
	}
}

// page returns docs/claims.md.
func page() string {
	var b strings.Builder
	b.WriteString(`# Claims in every form

Issuers write claims in different JSON forms: one group as a string and two as an array, or ` + "`null`" + ` for a claim that a
token does not have. This page says what jwtgate does with each claim that it reads, in each form. Every cell is a test.

A cell has the reason of the denial ([reasons.md](reasons.md)), or what jwtgate reads from the claim. "valid" means that the token is
accepted. When a claim cannot be used because of its form, the audit line and ` + "`jwtgate explain`" + ` name the form. "mixed array" is
an array with an item that is not a string.

This page is generated. ` + "`go test ./internal/token -run TestClaimForms -update`" + ` writes it.

| claim | what it is read for |`)
	for _, f := range forms() {
		b.WriteString(" " + f.head + " |")
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(forms())) + "\n")
	for _, row := range claimRows() {
		name, remark, _ := strings.Cut(row.claim, " ")
		if remark != "" {
			remark = " " + remark
		}
		fmt.Fprintf(&b, "| `%s`%s | %s |", name, remark, row.use)
		for cell := range strings.SplitSeq(row.want, "|") {
			cell = strings.TrimSpace(cell)
			if _, isReason := reasons()[cell]; isReason {
				cell = "`" + cell + "`"
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString(claimsPageEnd)
	return b.String()
}

const claimsPageEnd = `
- Times are seconds since 1970, up to the year 9999. A fraction is allowed.
- A string in a groups claim is one group. jwtgate does not split it at spaces or commas.
- A string in a scope claim is split at spaces.
- Only the first groups claim and the first scope claim that the token has is read, even if its form gives no value.
- ` + "`exp`, `client_id` and `aud`" + ` must not be ` + "`null`" + `.
- A ` + "`jti` or `origin_jti`" + ` that is not a string cannot be on the list of revoked tokens. Revoke the user instead.
- Other claims are read only by the headers and conditions that you configure, and may have any form.
`
