package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// minted is the corpus as other programs can use it: every token written out,
// and the keys that verify them.
type minted struct {
	Keys    []json.RawMessage `json:"keys"` // a JWK set, with the member name of one
	Vectors []mintedVector    `json:"vectors"`
}

type mintedVector struct {
	Name    string  `json:"name"` // class/name
	Token   string  `json:"token"`
	Want    string  `json:"want"`              // "valid", or a reason
	Subject *string `json:"subject,omitempty"` // what a valid one says, where the vector says it
}

// TestMintVectors writes the corpus, minted now, to the file that JWTGATE_MINTED
// names; the end-to-end tests send it to the running program. Without one it is
// written for this test alone. Vectors that hold for a moment only, at the edge
// of a time, are left out.
func TestMintVectors(t *testing.T) {
	file := os.Getenv("JWTGATE_MINTED")
	if file == "" {
		file = filepath.Join(t.TempDir(), "minted.json")
	}
	before := now
	t.Cleanup(func() { now = before })
	if file == os.Getenv("JWTGATE_MINTED") {
		now = time.Now().UTC().Truncate(time.Second)
	}
	var out minted
	for kid, key := range published() {
		out.Keys = append(out.Keys, publishedKey(t, kid, key))
	}
	bases := readBases(t)
	for _, c := range readCorpus(t) {
		for _, v := range c.Vectors {
			one := mintedVector{Name: c.Class + "/" + v.Name, Token: v.forge(t, bases), Want: v.Want}
			if v.Gives != nil {
				one.Subject = v.Gives.Subject
			}
			out.Vectors = append(out.Vectors, one)
		}
	}
	out.Vectors = lasting(t, out.Vectors)
	if err := os.WriteFile(file, must(json.Marshal(out)), 0o600); err != nil {
		t.Fatal(err)
	}
	var back minted
	readJSON(t, file, &back)
	if len(back.Keys) != len(published()) || len(back.Vectors) < 400 {
		t.Errorf("%d keys and %d vectors were written", len(back.Keys), len(back.Vectors))
	}
}

// lasting returns the vectors that are a minute later what they are now. It
// moves the clock.
func lasting(t *testing.T, all []mintedVector) []mintedVector {
	t.Helper()
	verifier, _ := corpusVerifier(t)
	now = now.Add(time.Minute)
	return slices.DeleteFunc(all, func(v mintedVector) bool {
		_, err := verifier.Verify(t.Context(), v.Token, now)
		return !errors.Is(err, reasons()[v.Want])
	})
}

// publishedKey is a member of a JWK set.
func publishedKey(t *testing.T, kid string, key crypto.PublicKey) json.RawMessage {
	t.Helper()
	text := ""
	if ec, ok := key.(*ecdsa.PublicKey); ok {
		point := must(ec.Bytes())[1:] // X || Y
		text = fmt.Sprintf(`{"kty":"EC","crv":%q,"x":%q,"y":%q}`, ec.Curve.Params().Name, encode(point[:len(point)/2]), encode(point[len(point)/2:]))
	} else {
		text = jwk(t, key)
	}
	return json.RawMessage(strings.Replace(text, "{", fmt.Sprintf(`{"kid":%q,"use":"sig",`, kid), 1))
}
