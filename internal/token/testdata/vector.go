package forge

import (
	"bytes"
	"crypto"
	"embed"
	"encoding/json"
	"io/fs"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"
)

// Class is one file of testdata/vectors: attacks of one class, and valid tokens that are
// similar to them.
type Class struct {
	Class   string   `json:"class"`
	About   string   `json:"about"`
	Vectors []Vector `json:"vectors"`
}

// Vector is a token and the expected result. The test mints it from a base in
// testdata/bases.json. In values and texts, "{{now+30}}" (with its quotes) is a time,
// "{{jwk KID}}" and "{{x5c KID}}" are a key, "{{nest N}}" is N nested arrays, and
// {{byte XX}} is one byte.
type Vector struct {
	Name string `json:"name"`
	Why  string `json:"why"`  // what is invalid or valid, and which standard says so
	Base string `json:"base"` // default: api

	// Header and Claims replace those of the base; Drop removes "header.NAME" and
	// "claims.NAME". HeaderText and ClaimsText, if set, are the JSON text; {{members}} in
	// them is replaced by the members of the object.
	Header     map[string]json.RawMessage `json:"header"`
	Claims     map[string]json.RawMessage `json:"claims"`
	Drop       []string                   `json:"drop"`
	HeaderText string                     `json:"header_text"`
	ClaimsText string                     `json:"claims_text"`

	// Key is the kid of the key that signs; the default is the kid of the header or else of
	// the base. Alg is the algorithm; the default is that of the header. Signature is a
	// form of [signature] or [reshaped].
	Key       string `json:"key"`
	Alg       string `json:"alg"`
	Signature string `json:"signature"`

	// Compact joins the parts: {header}, {claims}, {signature}, and {claims.head},
	// {claims.tail} and so on for halves.
	Compact string `json:"compact"`
	// Spare names the part in whose last character an unused bit is set.
	Spare string `json:"spare"`

	Want   string  `json:"want"`   // "valid", or a reason
	Moment bool    `json:"moment"` // the result is different a minute later
	Near   string  `json:"near"`
	Gives  *Saying `json:"gives"` // what a valid token says
}

// Saying has the expected values of a verified token; a nil value is not compared.
type Saying struct {
	Issuer  *string   `json:"issuer"`
	Subject *string   `json:"subject"`
	Client  *string   `json:"client"`
	Kind    *string   `json:"kind"`
	Groups  *[]string `json:"groups"`
	Scopes  *[]string `json:"scopes"`
}

// base is the header and the claims of a valid token.
type base struct {
	Header map[string]json.RawMessage `json:"header"`
	Claims map[string]json.RawMessage `json:"claims"`
}

//go:embed bases.json vectors
var files embed.FS

func readJSON(t testing.TB, file string, into any) {
	t.Helper()
	data, err := files.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// bases returns the valid tokens that the vectors change.
var bases = sync.OnceValue(func() (bases map[string]base) {
	if err := json.Unmarshal(must(files.ReadFile("bases.json")), &bases); err != nil {
		panic(err)
	}
	return bases
})

// Classes returns the classes of vectors, one for each file.
func Classes(t testing.TB) []Class {
	t.Helper()
	names := must(fs.Glob(files, "vectors/*.json"))
	classes := make([]Class, len(names))
	for i, name := range names {
		readJSON(t, name, &classes[i])
	}
	return classes
}

// Forge returns the token of the vector, minted at the time of now.
func (v Vector) Forge(t testing.TB, now time.Time) string {
	t.Helper()
	name := v.Base
	if name == "" {
		name = "api"
	}
	from, ok := bases()[name]
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
	headerText := v.padded("header", text(t, v.HeaderText, header, now))
	claimsText := v.padded("claims", text(t, v.ClaimsText, claims, now))
	signed := Encode([]byte(headerText)) + "." + Encode([]byte(claimsText))
	return v.assemble(t, Encode([]byte(headerText)), Encode([]byte(claimsText)),
		Encode(signature(t, v.Signature, alg, key, signed)))
}

// signer returns the algorithm and the key that sign the token.
func (v Vector) signer(t testing.TB, header map[string]json.RawMessage, from base) (string, crypto.Signer) {
	t.Helper()
	alg, kid := v.Alg, v.Key
	if alg == "" {
		_ = json.Unmarshal(header["alg"], &alg)
	}
	if kid == "" {
		_ = json.Unmarshal(header["kid"], &kid)
	}
	if kid == "" || Keys()[kid] == nil {
		_ = json.Unmarshal(from.Header["kid"], &kid)
	}
	key := Keys()[kid]
	if key == nil || v.Key != "" && kid != v.Key {
		t.Fatalf("no key is called %q", v.Key)
	}
	return alg, key
}

func text(t testing.TB, template string, object map[string]json.RawMessage, now time.Time) string {
	t.Helper()
	if template == "" {
		template = "{{{members}}}"
	}
	return fill(t, strings.Replace(template, "{{members}}", members(object), 1), now)
}

// padded changes the length of the text of a part so that its encoding has unused bits, if
// the vector sets one.
func (v Vector) padded(part, text string) string {
	for v.Spare == part && len(text)%3 != 1 {
		text += " "
	}
	return text
}

func (v Vector) assemble(t testing.TB, header, claims, signature string) string {
	t.Helper()
	parts := map[string]string{"header": header, "claims": claims, "signature": signature}
	if v.Spare != "" {
		parts[v.Spare] = spareBit(t, parts[v.Spare])
	}
	compact := v.Compact
	if compact == "" {
		compact = "{header}.{claims}.{signature}"
	}
	if compact == "{}" { // an empty credential
		return ""
	}
	var pairs []string
	for name, part := range parts {
		half := len(part) / 2
		pairs = append(pairs, "{"+name+"}", part, "{"+name+".head}", part[:half], "{"+name+".tail}", part[half:])
	}
	return strings.NewReplacer(pairs...).Replace(compact)
}

// spareBit sets the lowest bit of the last character, which is not used.
func spareBit(t testing.TB, part string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(part)%4 == 0 {
		t.Fatal("this part has no spare bits")
	}
	last := len(part) - 1
	return part[:last] + string(alphabet[strings.IndexByte(alphabet, part[last])|1])
}
