package token_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
)

// eachVector runs one test for every vector of the corpus that is picked.
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

// Every attack of the corpus is refused, for its own reason, and no further on
// than where that reason is found.
func TestVerifyRefuses(t *testing.T) {
	hostile := func(v forge.Vector) bool { return v.Want != "valid" }
	eachVector(t, hostile, func(t *testing.T, v forge.Vector, raw string) {
		verifier, ring := corpusVerifier(t)
		got, err := verifier.Verify(t.Context(), raw, now)
		want, known := reasons()[v.Want]
		if !known {
			t.Fatalf("no reason is called %q", v.Want)
		}
		failure := refusal(t, err, want)
		if got != nil {
			t.Error("a refused token was returned")
		}
		if string(failure.Near) != v.Near {
			t.Errorf("near miss %q, want %q", failure.Near, v.Near)
		}
		if beforeKeys(v.Want) && len(ring.asked) > 0 {
			t.Errorf("a key was asked for: %q", ring.asked)
		}
		if beforeSignature(v.Want) {
			if len(ring.verified) > 0 {
				t.Error("a signature was said to have held")
			}
			if failure.Issuer != "" || failure.Subject != "" {
				t.Errorf("issuer %q and subject %q without a signature that held", failure.Issuer, failure.Subject)
			}
		}
	})
}

// The proper tokens beside the attacks pass, and say what they should.
func TestVerifyAccepts(t *testing.T) {
	proper := func(v forge.Vector) bool { return v.Want == "valid" }
	eachVector(t, proper, func(t *testing.T, v forge.Vector, raw string) {
		verifier, ring := corpusVerifier(t)
		got, err := verifier.Verify(t.Context(), raw, now)
		if err != nil {
			t.Fatal(err)
		}
		if len(ring.verified) != 1 || ring.verified[0] != got.KeyID {
			t.Errorf("signatures said to have held: %q", ring.verified)
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

// TestMoments: a vector is marked if it comes out otherwise a minute after it was written.
// The end-to-end tests leave those out.
func TestMoments(t *testing.T) {
	all := func(forge.Vector) bool { return true }
	eachVector(t, all, func(t *testing.T, v forge.Vector, raw string) {
		verifier, _ := corpusVerifier(t)
		_, err := verifier.Verify(t.Context(), raw, now.Add(time.Minute))
		if lasts := errors.Is(err, reasons()[v.Want]); lasts == v.Moment {
			t.Errorf("a minute later it is %v; moment is %t", err, v.Moment)
		}
	})
}

// The corpus itself is sound: every vector has a name of its own and says what
// it is, and every class has attacks and proper tokens beside them.
func TestCorpus(t *testing.T) {
	for _, c := range forge.Classes(t) {
		seen := make(map[string]bool)
		attacks, proper := 0, 0
		for _, v := range c.Vectors {
			if v.Name == "" || v.Why == "" || seen[v.Name] {
				t.Errorf("%s: %q lacks a name of its own, or a why", c.Class, v.Name)
			}
			seen[v.Name] = true
			if v.Want == "valid" {
				proper++
			} else {
				attacks++
			}
		}
		if c.Class == "" || c.About == "" || attacks == 0 || proper == 0 {
			t.Errorf("class %q (%s): %d attacks, %d proper tokens", c.Class, c.About, attacks, proper)
		}
	}
}
