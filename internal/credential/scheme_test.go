package credential_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/token"
)

// TestExtractScheme: a JWT in Authorization that the route does not read in that form is a
// failed credential, and is removed with the others.
func TestExtractScheme(t *testing.T) {
	const jwt, unsigned = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."
	const jwe = "eyJlbmMiOiJBMTI4R0NNIn0.a.b.c.d"
	bearer := config.TokenSource{Kind: config.SourceBearer}
	alone := config.TokenSource{Kind: config.SourceHeader, Name: config.FieldAuthorization}
	only, both, reversed := []config.TokenSource{bearer}, []config.TokenSource{bearer, alone}, []config.TokenSource{alone, bearer}
	for _, row := range []struct {
		name, value string
		from        []config.TokenSource
		raw         string // "": no credential is found
		wrong       error
		near        denial.NearMiss
	}{
		{"a JWT alone", jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"an unsigned JWT alone", unsigned, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"an encrypted JWT alone", jwe, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a JWT with padding", "eyJhbGciOiJub25lIiB9==.e30.", only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a JWT in the other base64", "eyI/Ij4+PiI6Pz4+In0.e30.a", only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a JWT with white space in its header", "IHsiYWxnIjoibm9uZSJ9.e30.", only, "", credential.ErrMissing, denial.NearNoScheme},
		{"JWT", "JWT " + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"Token", "Token " + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"DPoP", "DPoP " + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a longer scheme", "BearerToken " + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a scheme and a tab", "JWT\t" + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a scheme and spaces", "JWT   " + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"two schemes", "JWT Bearer " + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},

		{"a scheme and a no-break space", "JWT\u00a0" + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a scheme and a colon", "JWT:" + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a scheme and an underscore", "Bearer_" + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a scheme and a dash", "Bearer-" + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"in quotes", `JWT "` + jwt + `"`, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a parameter, as Rails accepts it", "Token token=" + jwt, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a parameter in quotes", `Token token="` + jwt + `"`, only, "", credential.ErrMissing, denial.NearNoScheme},
		{"claims alone", "JWT x.eyJzdWIiOiJhIn0.x", only, "", credential.ErrMissing, denial.NearNoScheme},
		{"claims between dots", "JWT .eyJzdWIiOiJhIn0.", only, "", credential.ErrMissing, denial.NearNoScheme},
		{"claims after a dot", "x.eyJzdWIiOiJhIn0", only, "", credential.ErrMissing, denial.NearNoScheme},
		{"two parts", "JWT eyJhbGciOiJub25lIn0.e30", only, "", credential.ErrMissing, denial.NearNoScheme},
		{"four parts", "JWT " + jwt + ".x", only, "", credential.ErrMissing, denial.NearNoScheme},
		{"a byte order mark", "JWT 77u_eyJhbGciOiJub25lIn0.e30.", only, "", credential.ErrMissing, denial.NearNoScheme},

		{"Basic", "Basic YWxpY2U6c2VjcmV0", only, "", nil, ""},
		{"a name with dots", "Token e2e.example.com", only, "", nil, ""},
		{"only a dot", "Token .", only, "", nil, ""},
		{"an odd byte in a part, which some readers skip", "Token eyJ!.eyJ!", only, "", credential.ErrMissing, denial.NearNoScheme},
		{"an opaque token", "Token 7f0c4d1e", only, "", nil, ""},
		{"three parts that are not a JWT", "Token 10.0.1", only, "", nil, ""},
		{"three parts, the first a JSON text", "Token ImEi.b.c", only, "", nil, ""},
		{"a Bearer token", "Bearer " + jwt, only, jwt, nil, ""},

		{"alone, where that is read too", jwt, both, jwt, nil, ""},
		{"alone, where that is read first", jwt, reversed, jwt, nil, ""},
		{"alone, where that alone is read", jwt, []config.TokenSource{alone}, jwt, nil, ""},
		{"alone, not a JWT", "null", both, "null", nil, ""},
		{"Bearer, where both are read", "Bearer " + jwt, both, jwt, nil, ""},
		{"Bearer, where both are read, alone first", "Bearer " + jwt, reversed, jwt, nil, ""},
		{"Bearer without a token, where both are read", "Bearer", reversed, "", token.ErrMalformed, ""},
		{"JWT, where both are read", "JWT " + jwt, both, "", credential.ErrMissing, denial.NearNoScheme},
		{"a space after it, where both are read", jwt + " ", both, "", credential.ErrMissing, denial.NearNoScheme},
		{"Basic, where both are read", "Basic YWxpY2U6c2VjcmV0", both, "", nil, ""},
		{"Bearer, where it must be alone", "Bearer " + jwt, []config.TokenSource{alone}, "", credential.ErrMissing, denial.NearScheme},
		{"Bearer without a JWT, where it must be alone", "Bearer null", []config.TokenSource{alone}, "", credential.ErrMissing,
			denial.NearScheme},
		{"a comma, where it must be alone", jwt + ",", []config.TokenSource{alone}, "", credential.ErrAmbiguous, ""},
		{"empty, where both are read", "", both, "", nil, ""},
		{"where neither is read", jwt, []config.TokenSource{{Kind: config.SourceHeader, Name: "x-token"}}, "", nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := sent{Headers: authorization(row.value)}
			got, err := extract(m, row.from)
			if !errors.Is(err, row.wrong) || got.Raw != row.raw || got.Found != (row.raw != "") {
				t.Fatalf("got %+v, %v; want %q, %v", got, err, row.raw, row.wrong)
			}
			if failure := new(denial.Error); errors.As(err, &failure) && failure.Near != row.near {
				t.Errorf("near %q, want %q", failure.Near, row.near)
			}
			var removed []string
			if row.wrong != nil || row.raw != "" {
				removed = []string{config.FieldAuthorization}
			}
			if got := remove(m, row.from); !slices.Equal(got.Headers, removed) {
				t.Errorf("%v is removed, want %v", got.Headers, removed)
			}
		})
	}
}
