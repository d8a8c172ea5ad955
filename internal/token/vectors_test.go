package token_test

import (
	"bytes"
	"crypto"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/token"
)

// class is one file of testdata/vectors: attacks of one class, and the proper
// tokens beside them that must pass.
type class struct {
	Class   string   `json:"class"`
	About   string   `json:"about"`
	Vectors []vector `json:"vectors"`
}

// vector is one token and what must become of it. It is minted when the test
// runs, from a base in testdata/bases.json. In values and texts, "{{now+30}}"
// (with its quotes) is a time, "{{jwk KID}}" and "{{x5c KID}}" are a key,
// "{{nest N}}" is N arrays in one another, and {{byte XX}} is one byte.
type vector struct {
	Name string `json:"name"`
	Why  string `json:"why"`  // what is wrong with it, or right, and who says so
	Base string `json:"base"` // default: api

	// Header and Claims are laid over the base's; Drop takes out "header.NAME"
	// and "claims.NAME". HeaderText and ClaimsText, if there, are the JSON text;
	// {{members}} in them stands for the members of the object.
	Header     map[string]json.RawMessage `json:"header"`
	Claims     map[string]json.RawMessage `json:"claims"`
	Drop       []string                   `json:"drop"`
	HeaderText string                     `json:"header_text"`
	ClaimsText string                     `json:"claims_text"`

	// Key signs, by default the one that the base's kid names or, if it is
	// there, the one that the header's does. Alg is what it signs by, by
	// default the header's. Signature is the form of the signature, of
	// [signature] and [reshaped].
	Key       string `json:"key"`
	Alg       string `json:"alg"`
	Signature string `json:"signature"`

	// Compact is how the parts are put together: {header}, {claims},
	// {signature}, and {claims.head}, {claims.tail} and so on for halves.
	Compact string `json:"compact"`
	// Spare names the part whose last character gets a spare bit.
	Spare string `json:"spare"`

	Want  string  `json:"want"` // "valid", or a reason
	Near  string  `json:"near"`
	Gives *saying `json:"gives"` // what a valid token says
}

// saying is what is compared of a verified token; what is nil is not.
type saying struct {
	Issuer  *string   `json:"issuer"`
	Subject *string   `json:"subject"`
	Client  *string   `json:"client"`
	Kind    *string   `json:"kind"`
	Groups  *[]string `json:"groups"`
	Scopes  *[]string `json:"scopes"`
}

// base is the header and claims of an ordinary token.
type base struct {
	Header map[string]json.RawMessage `json:"header"`
	Claims map[string]json.RawMessage `json:"claims"`
}

func readJSON(t testing.TB, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func readBases(t testing.TB) map[string]base {
	t.Helper()
	var bases map[string]base
	readJSON(t, "testdata/bases.json", &bases)
	return bases
}

func readCorpus(t testing.TB) []class {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	classes := make([]class, len(files))
	for i, file := range files {
		readJSON(t, file, &classes[i])
	}
	return classes
}

// forge mints the vector's token.
func (v vector) forge(t testing.TB, bases map[string]base) string {
	t.Helper()
	name := v.Base
	if name == "" {
		name = "api"
	}
	from, ok := bases[name]
	if !ok {
		t.Fatalf("no base is called %q", name)
	}
	header, claims := maps.Clone(from.Header), maps.Clone(from.Claims)
	maps.Copy(header, v.Header)
	maps.Copy(claims, v.Claims)
	for _, path := range v.Drop {
		part, name, _ := strings.Cut(path, ".")
		object := map[string]map[string]json.RawMessage{"header": header, "claims": claims}[part]
		if _, there := object[name]; !there {
			t.Fatalf("there is no %q to drop", path)
		}
		delete(object, name)
	}
	alg, key := v.signer(t, header, from)
	headerText := v.padded("header", text(t, v.HeaderText, header))
	claimsText := v.padded("claims", text(t, v.ClaimsText, claims))
	signed := encode([]byte(headerText)) + "." + encode([]byte(claimsText))
	return v.assemble(t, encode([]byte(headerText)), encode([]byte(claimsText)),
		encode(signature(t, v.Signature, alg, key, signed)))
}

// signer returns the algorithm and the key that the token is signed by.
func (v vector) signer(t testing.TB, header map[string]json.RawMessage, from base) (string, crypto.Signer) {
	t.Helper()
	alg, kid := v.Alg, v.Key
	if alg == "" {
		_ = json.Unmarshal(header["alg"], &alg)
	}
	if kid == "" {
		_ = json.Unmarshal(header["kid"], &kid)
	}
	if kid == "" || privateKeys()[kid] == nil {
		_ = json.Unmarshal(from.Header["kid"], &kid)
	}
	key := privateKeys()[kid]
	if key == nil || v.Key != "" && kid != v.Key {
		t.Fatalf("no key is called %q", v.Key)
	}
	return alg, key
}

func text(t testing.TB, template string, object map[string]json.RawMessage) string {
	t.Helper()
	if template == "" {
		template = "{{{members}}}"
	}
	return fill(t, strings.Replace(template, "{{members}}", members(object), 1))
}

// padded makes the length of a part's text such that its encoding has spare
// bits, if the vector wants to set one.
func (v vector) padded(part, text string) string {
	for v.Spare == part && len(text)%3 != 1 {
		text += " "
	}
	return text
}

func (v vector) assemble(t testing.TB, header, claims, signature string) string {
	t.Helper()
	parts := map[string]string{"header": header, "claims": claims, "signature": signature}
	if v.Spare != "" {
		parts[v.Spare] = spareBit(t, parts[v.Spare])
	}
	compact := v.Compact
	if compact == "" {
		compact = "{header}.{claims}.{signature}"
	}
	if compact == "{}" { // nothing at all
		return ""
	}
	var pairs []string
	for name, part := range parts {
		half := len(part) / 2
		pairs = append(pairs, "{"+name+"}", part, "{"+name+".head}", part[:half], "{"+name+".tail}", part[half:])
	}
	return strings.NewReplacer(pairs...).Replace(compact)
}

// spareBit sets the lowest bit of the last character, which encodes nothing.
func spareBit(t testing.TB, part string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(part)%4 == 0 {
		t.Fatal("this part has no spare bits")
	}
	last := len(part) - 1
	return part[:last] + string(alphabet[strings.IndexByte(alphabet, part[last])|1])
}

// eachVector runs one test for every vector of the corpus that is picked.
func eachVector(t *testing.T, pick func(vector) bool, run func(t *testing.T, v vector, raw string)) {
	bases := readBases(t)
	for _, c := range readCorpus(t) {
		t.Run(c.Class, func(t *testing.T) {
			for _, v := range c.Vectors {
				if pick(v) {
					t.Run(v.Name, func(t *testing.T) { run(t, v, v.forge(t, bases)) })
				}
			}
		})
	}
}

// Every attack of the corpus is refused, for its own reason, and no further on
// than where that reason is found.
func TestVerifyRefuses(t *testing.T) {
	hostile := func(v vector) bool { return v.Want != "valid" }
	eachVector(t, hostile, func(t *testing.T, v vector, raw string) {
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
	proper := func(v vector) bool { return v.Want == "valid" }
	eachVector(t, proper, func(t *testing.T, v vector, raw string) {
		verifier, ring := corpusVerifier(t)
		got, err := verifier.Verify(t.Context(), raw, now)
		if err != nil {
			t.Fatal(err)
		}
		if len(ring.verified) != 1 || ring.verified[0] != got.KeyID {
			t.Errorf("signatures said to have held: %q", ring.verified)
		}
		if v.Gives != nil {
			v.Gives.compare(t, got)
		}
	})
}

func (want saying) compare(t *testing.T, got *token.Token) {
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

// The corpus itself is sound: every vector has a name of its own and says what
// it is, and every class has attacks and proper tokens beside them.
func TestCorpus(t *testing.T) {
	for _, c := range readCorpus(t) {
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
