package token_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
)

// eachVector runs a test for each vector that pick selects.
func eachVector(t *testing.T, pick func(forge.Vector) bool, run func(t *testing.T, v forge.Vector, raw string)) {
	for _, c := range forge.Classes(t) {
		t.Run(c.Class, func(t *testing.T) {
			for _, v := range c.Vectors {
				if pick(v) {
					t.Run(v.Name, func(t *testing.T) { run(t, v, v.Forge(t, now)) })
				}
			}
		})
	}
}

// Every attack is rejected for the expected reason, and no later check runs.
func TestVerifyRefuses(t *testing.T) {
	hostile := func(v forge.Vector) bool { return v.Want != "valid" }
	eachVector(t, hostile, func(t *testing.T, v forge.Vector, raw string) {
		verifier, ring := corpusVerifier(t)
		got, err := verifier.Verify(t.Context(), raw, now)
		want, known := reasons()[v.Want]
		if !known {
			t.Fatalf("unknown reason %q", v.Want)
		}
		failure := refusal(t, err, want)
		if got != nil {
			t.Error("got a token and an error")
		}
		if string(failure.Near) != v.Near {
			t.Errorf("near miss %q, want %q", failure.Near, v.Near)
		}
		if beforeKeys(v.Want) && len(ring.Asked) > 0 {
			t.Errorf("got calls of Key: %q", ring.Asked)
		}
		if beforeSignature(v.Want) {
			if len(ring.Accepted) > 0 {
				t.Error("Verified was called")
			}
			if failure.Issuer != "" || failure.Subject != "" {
				t.Errorf("got issuer %q and subject %q without a verified signature", failure.Issuer, failure.Subject)
			}
		}
	})
}

// Every valid vector is accepted, with the expected values.
func TestVerifyAccepts(t *testing.T) {
	valid := func(v forge.Vector) bool { return v.Want == "valid" }
	eachVector(t, valid, func(t *testing.T, v forge.Vector, raw string) {
		verifier, ring := corpusVerifier(t)
		got, err := verifier.Verify(t.Context(), raw, now)
		if err != nil {
			t.Fatal(err)
		}
		if len(ring.Accepted) != 1 || ring.Accepted[0] != got.KeyID {
			t.Errorf("got calls of Verified: %q", ring.Accepted)
		}
		if v.Gives != nil {
			compare(t, *v.Gives, got)
		}
	})
}

func compare(t *testing.T, want forge.Saying, got *token.Token) {
	t.Helper()
	for _, one := range []struct {
		name string
		want *string
		got  string
	}{
		{"issuer", want.Issuer, got.Issuer},
		{"subject", want.Subject, got.Subject},
		{"client", want.Client, got.Client},
		{"kind", want.Kind, string(got.Kind)},
	} {
		if one.want != nil && *one.want != one.got {
			t.Errorf("%s %q, want %q", one.name, one.got, *one.want)
		}
	}
	if want.Groups != nil && !slices.Equal(*want.Groups, got.Groups()) {
		t.Errorf("groups %q, want %q", got.Groups(), *want.Groups)
	}
	if want.Scopes != nil && !slices.Equal(*want.Scopes, got.Scopes()) {
		t.Errorf("scopes %q, want %q", got.Scopes(), *want.Scopes)
	}
}

// TestMoments: a vector is marked if its result is different a minute later. The end-to-end
// tests do not use these.
func TestMoments(t *testing.T) {
	all := func(forge.Vector) bool { return true }
	eachVector(t, all, func(t *testing.T, v forge.Vector, raw string) {
		verifier, _ := corpusVerifier(t)
		_, err := verifier.Verify(t.Context(), raw, now.Add(time.Minute))
		if lasts := errors.Is(err, reasons()[v.Want]); lasts == v.Moment {
			t.Errorf("a minute later: got %v; moment is %t", err, v.Moment)
		}
	})
}

// Every vector has a unique name and a reason, and every class has attacks and valid tokens.
func TestCorpus(t *testing.T) {
	for _, c := range forge.Classes(t) {
		seen := make(map[string]bool)
		attacks, valid := 0, 0
		for _, v := range c.Vectors {
			if v.Name == "" || v.Why == "" || seen[v.Name] {
				t.Errorf("%s: %q has no unique name or no why", c.Class, v.Name)
			}
			seen[v.Name] = true
			if v.Want == "valid" {
				valid++
			} else {
				attacks++
			}
		}
		if c.Class == "" || c.About == "" || attacks == 0 || valid == 0 {
			t.Errorf("class %q (%s): %d attacks, %d valid tokens", c.Class, c.About, attacks, valid)
		}
	}
}
