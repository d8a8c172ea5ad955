package credential_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
)

func fromBearer() []config.TokenSource {
	return []config.TokenSource{{Kind: config.SourceBearer}}
}

// authorization returns header fields, among them these Authorization fields.
func authorization(values ...string) []request.Header {
	headers := []request.Header{{Name: ":path", Value: "/, Bearer path"}, {Name: "x-authorization", Value: "Bearer other"}}
	for _, value := range values {
		headers = append(headers, request.Header{Name: "authorization", Value: value})
	}
	return append(headers, request.Header{Name: "cookie", Value: "authorization=Bearer cookie"})
}

func TestExtract(t *testing.T) {
	for _, row := range []struct {
		name    string
		headers []request.Header
		raw     string // "": no credential is found
		wrong   error
	}{
		{"no header at all", nil, "", nil},
		{"no Authorization field", authorization(), "", nil},
		{"bearer", authorization("Bearer a.b.c"), "a.b.c", nil},
		{"scheme in lower case", authorization("bearer a.b.c"), "a.b.c", nil},
		{"scheme in capitals", authorization("BEARER a.b.c"), "a.b.c", nil},
		{"scheme in mixed case", authorization("bEaReR a.b.c"), "a.b.c", nil},
		{"two spaces", authorization("Bearer  a.b.c"), "a.b.c", nil},
		{"many spaces", authorization("Bearer" + strings.Repeat(" ", 1000) + "a.b.c"), "a.b.c", nil},
		{"field name in capitals", []request.Header{{Name: "AUTHORIZATION", Value: "Bearer a.b.c"}}, "a.b.c", nil},
		{"field name in mixed case", []request.Header{{Name: "Authorization", Value: "Bearer a.b.c"}}, "a.b.c", nil},
		{"not a JWT, but a credential", authorization("Bearer null"), "null", nil},
		{"space inside the credential", authorization("Bearer a.b.c d"), "a.b.c d", nil},
		{"space after the credential", authorization("Bearer a.b.c "), "a.b.c ", nil},
		{"tab inside the credential", authorization("Bearer a\tb"), "a\tb", nil},
		{"scheme written twice", authorization("Bearer Bearer a.b.c"), "Bearer a.b.c", nil},
		{"tab after the spaces", authorization("Bearer \ta.b.c"), "\ta.b.c", nil},

		{"Basic", authorization("Basic YWxpY2U6c2VjcmV0"), "", nil},
		{"Negotiate", authorization("Negotiate YII="), "", nil},
		{"DPoP", authorization("DPoP a.b.c"), "", nil},
		{"token without a scheme", authorization("a.b.c"), "", nil},
		{"empty field", authorization(""), "", nil},
		{"scheme cut short", authorization("Beare a.b.c"), "", nil},
		{"longer scheme", authorization("BearerToken a.b.c"), "", nil},
		{"longer scheme with a dash", authorization("Bearer-Token a.b.c"), "", nil},
		{"longer scheme with an underscore", authorization("Bearer_ a.b.c"), "", nil},
		{"longer scheme with a digit", authorization("Bearer2 a.b.c"), "", nil},
		{"space before the scheme", authorization(" Bearer a.b.c"), "", nil},
		{"a field that only begins like it", []request.Header{{Name: "authorization2", Value: "Bearer a.b.c"}}, "", nil},
		{"the field for a proxy", []request.Header{{Name: "proxy-authorization", Value: "Bearer a.b.c"}}, "", nil},

		{"scheme alone", authorization("Bearer"), "", token.ErrMalformed},
		{"scheme alone in lower case", authorization("bearer"), "", token.ErrMalformed},
		{"scheme and a space", authorization("Bearer "), "", token.ErrMalformed},
		{"scheme and spaces", authorization("Bearer   "), "", token.ErrMalformed},
		{"tab after the scheme", authorization("Bearer\ta.b.c"), "", token.ErrMalformed},
		{"colon after the scheme", authorization("Bearer:a.b.c"), "", token.ErrMalformed},
		{"equals sign after the scheme", authorization("Bearer=a.b.c"), "", token.ErrMalformed},
		{"quote after the scheme", authorization(`Bearer"a.b.c"`), "", token.ErrMalformed},
		{"NUL after the scheme", authorization("Bearer\x00a.b.c"), "", token.ErrMalformed},
		{"no-break space after the scheme", authorization("Bearer\u00a0a.b.c"), "", token.ErrMalformed},

		{"two fields", authorization("Bearer a.b.c", "Bearer d.e.f"), "", credential.ErrAmbiguous},
		{"the same field twice", authorization("Bearer a.b.c", "Bearer a.b.c"), "", credential.ErrAmbiguous},
		{"an empty field first", authorization("", "Bearer a.b.c"), "", credential.ErrAmbiguous},
		{"an empty field last", authorization("Bearer a.b.c", ""), "", credential.ErrAmbiguous},
		{"Basic first", authorization("Basic YQ==", "Bearer a.b.c"), "", credential.ErrAmbiguous},
		{"Basic last", authorization("Bearer a.b.c", "Basic YQ=="), "", credential.ErrAmbiguous},
		{"two fields of another scheme", authorization("Basic YQ==", "Basic Yg=="), "", credential.ErrAmbiguous},
		{"two fields, one name in capitals",
			[]request.Header{{Name: "authorization", Value: "Bearer a.b.c"}, {Name: "AUTHORIZATION", Value: "Bearer d.e.f"}}, "",
			credential.ErrAmbiguous},
		{"two fields joined", authorization("Bearer a.b.c,Bearer d.e.f"), "", credential.ErrAmbiguous},
		{"two fields joined, Basic first", authorization("Basic YQ==, Bearer a.b.c"), "", credential.ErrAmbiguous},
		{"comma after it", authorization("Bearer a.b.c,"), "", credential.ErrAmbiguous},
		{"comma before it", authorization(",Bearer a.b.c"), "", credential.ErrAmbiguous},
		{"comma alone", authorization(","), "", credential.ErrAmbiguous},
		{"comma of another scheme", authorization(`Digest username="a", realm="b"`), "", credential.ErrAmbiguous},
		{"comma and no value", authorization("Bearer ,"), "", credential.ErrAmbiguous},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := extract(sent{Headers: row.headers}, fromBearer())
			if row.wrong != nil {
				refusal(t, err, row.wrong)
				if got.Raw != "" || got.Found || got.Source.Kind != "" {
					t.Error("a refused credential was returned")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Raw != row.raw || got.Found != (row.raw != "") || got.Found && got.Source.Kind != config.SourceBearer {
				t.Errorf("got %+v, want %q", got, row.raw)
			}
		})
	}
}

// Only the listed places are read.
func TestExtractReadsOnlyItsSources(t *testing.T) {
	headers := authorization("Bearer a.b.c", "Bearer d.e.f")
	for name, from := range map[string][]config.TokenSource{
		"no source":      nil,
		"another source": {{Kind: "other", Name: "authorization"}},
	} {
		if got, err := extract(sent{Headers: headers}, from); err != nil || got.Found {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// Tokens in two places are ambiguous, even if they are equal (RFC 6750 section 2).
func TestExtractReturnsOneCredential(t *testing.T) {
	_, err := extract(sent{Headers: authorization("Bearer a.b.c")}, append(fromBearer(), fromBearer()...))
	if failure := refusal(t, err, credential.ErrAmbiguous); failure.Internal != "tokens in two places" {
		t.Errorf("got %q", failure.Internal)
	}
}

// FuzzExtract: a credential is the part of a field after the scheme and its spaces, as
// sent. An ambiguous credential is never found.
func FuzzExtract(f *testing.F) {
	f.Add("authorization", "Bearer a.b.c", "x-other", "y")
	f.Add("Authorization", "bearer  a.b.c", "AUTHORIZATION", "Basic x")
	f.Add("authorization", "Bearer a,b", "cookie", "a=b")
	f.Add("authorization", "Bearer", "", "")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		headers := []request.Header{{Name: name1, Value: value1}, {Name: name2, Value: value2}}
		got, err := extract(sent{Headers: headers}, fromBearer())
		fields := 0
		for _, h := range headers {
			if strings.ToLower(h.Name) != "authorization" {
				continue
			}
			fields++
			scheme, isSuffix := strings.CutSuffix(h.Value, got.Raw)
			if got.Found && (!isSuffix || !strings.HasSuffix(scheme, " ") || !strings.EqualFold(strings.TrimRight(scheme, " "), "bearer")) {
				t.Fatalf("%q is not the credential of %q", got.Raw, h.Value)
			}
			if strings.Contains(h.Value, ",") && !errors.Is(err, credential.ErrAmbiguous) {
				t.Fatalf("a comma in %q was not ambiguous: %v", h.Value, err)
			}
		}
		if fields > 1 && !errors.Is(err, credential.ErrAmbiguous) {
			t.Fatalf("two fields were not ambiguous: %v", err)
		}
		if got.Found && (fields != 1 || err != nil || got.Raw == "") {
			t.Fatalf("%+v, %v from %d fields", got, err, fields)
		}
	})
}
