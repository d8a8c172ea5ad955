package token_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// nearIssuers are the issuers to which an iss of these tests is similar.
func nearIssuers() []config.Issuer {
	issuer := func(name, iss string) config.Issuer {
		i := apiIssuer()
		i.Name, i.ISS = name, []string{iss}
		return i
	}
	pool := issuer("pool", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_ExamplePool")
	pool.ISS = append(pool.ISS, "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_ExamplePool")
	pool.Cognito = &config.Cognito{Pool: "us-east-1_ExamplePool", Region: "us-east-1"}
	pool.Audiences, pool.Clients = nil, []string{"site"}
	named := issuer("named", "https://named.example/realm")
	named.JWKS.URI = "https://named.example/keys"
	return []config.Issuer{
		named,
		issuer("api", "https://api.example/"),
		issuer("entra", "https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/v2.0"),
		issuer("old entra", "https://sts.windows.net/99999999-2222-4333-8444-555555555555/"),
		issuer("bare", "https://bare.example"),
		issuer("realm", "https://sso.example/realms/main"),
		issuer("plain", "http://plain.example/a/b/"),
		pool,
		issuer("handmade", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_ByHand"),
		issuer("china", "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_ByHand"),
	}
}

// TestNearIssuers: the failure for an iss that differs in one part from a configured one has
// the near miss and a hint. The failure for any other iss does not.
func TestNearIssuers(t *testing.T) {
	const (
		bothForms = ", to accept both forms of the pool"
		ifReplica = " if the pool has a replica there"
	)
	orUse := func(issuer string) string {
		return ` for issuer "` + issuer + `" if you trust it, or configure the issuer to use `
	}
	const pool = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_ExamplePool"
	for _, row := range []struct {
		name, iss string
		near      denial.NearMiss
		hint      string
	}{
		{"a slash too few", "https://api.example", denial.NearIssuerSlash,
			`set issuer: "https://api.example" (without the slash)` + orUse("api") + `"https://api.example/"`},
		{"a slash too many", "https://bare.example/", denial.NearIssuerSlash,
			`set issuer: "https://bare.example/" (with the slash)` + orUse("bare") + `"https://bare.example"`},
		{"a slash too many after a path", "https://sso.example/realms/main/", denial.NearIssuerSlash,
			`set issuer: "https://sso.example/realms/main/" (with the slash)` + orUse("realm") + `"https://sso.example/realms/main"`},
		{"a slash too many after a pool", pool + "/", denial.NearIssuerSlash, `configure the issuer to use "` + pool + `"`},
		{"two slashes too many", "https://bare.example//", "", ""},
		{"a slash too many before a path", "https://sso.example//realms/main", "", ""},
		{"a question mark too many", "https://api.example/?", "", ""},

		{"Entra's version 1.0", "https://sts.windows.net/11111111-2222-4333-8444-555555555555/", denial.NearIssuerVersion,
			`set requestedAccessTokenVersion in the manifest of the API's app registration (Entra) to 2, or set issuer: ` +
				`"https://sts.windows.net/11111111-2222-4333-8444-555555555555/" for issuer "entra" if you trust it`},
		{"Entra's version 2.0", "https://login.microsoftonline.com/99999999-2222-4333-8444-555555555555/v2.0", denial.NearIssuerVersion,
			`set requestedAccessTokenVersion in the manifest of the API's app registration (Entra) to 1, or set issuer: ` +
				`"https://login.microsoftonline.com/99999999-2222-4333-8444-555555555555/v2.0" for issuer "old entra" if you trust it`},
		{"Entra's version 1.0 of another tenant", "https://sts.windows.net/99999999-0000-4333-8444-555555555555/", "", ""},
		{"Entra's version 1.0 of no tenant", "https://sts.windows.net/", "", ""},
		{"http", "http://api.example/", denial.NearIssuerScheme,
			`configure the issuer to use "https://api.example/"`},
		{"https", "https://plain.example/a/b/", denial.NearIssuerScheme,
			`set issuer: "https://plain.example/a/b/"` + orUse("plain") + `"http://plain.example/a/b/"`},
		{"HTTPS", "HTTPS://api.example/", denial.NearIssuerScheme,
			`set issuer: "HTTPS://api.example/"` + orUse("api") + `"https://api.example/"`},
		{"no scheme", "sso.example/realms/main", denial.NearIssuerScheme, `configure the issuer to use "https://sso.example/realms/main"`},
		{"no scheme and no path", "bare.example", denial.NearIssuerScheme, `configure the issuer to use "https://bare.example"`},
		{"no scheme, with jwks", "named.example/realm", denial.NearIssuerScheme,
			`set issuer: "named.example/realm"` + orUse("named") + `"https://named.example/realm"`},
		{"http of a pool", "http" + strings.TrimPrefix(pool, "https"), denial.NearIssuerScheme, `configure the issuer to use "` + pool + `"`},
		{"http and a slash too few", "http://api.example", "", ""},
		{"another scheme", "ftp://api.example/", "", ""},
		{"a scheme of many letters", strings.Repeat("s", 300) + "://api.example/", "", ""},

		{"another host", "https://login.example/realms/main", denial.NearIssuerHost,
			`set issuer: "https://login.example/realms/main"` + orUse("realm") + `"https://sso.example/realms/main"`},
		{"a port", "https://sso.example:8443/realms/main", denial.NearIssuerHost,
			`set issuer: "https://sso.example:8443/realms/main"` + orUse("realm") + `"https://sso.example/realms/main"`},
		{"no host", "https:///realms/main", denial.NearIssuerHost,
			`configure the issuer to use "https://sso.example/realms/main"`},
		{"the host in upper case", "https://API.example/", denial.NearIssuerHost,
			`set issuer: "https://API.example/"` + orUse("api") + `"https://api.example/"`},
		{"the host in upper case without a path", "https://BARE.example", denial.NearIssuerHost,
			`set issuer: "https://BARE.example"` + orUse("bare") + `"https://bare.example"`},
		{"another host of a pool", "https://cognito-idp-fips.us-east-1.amazonaws.com/us-east-1_ExamplePool", denial.NearIssuerHost,
			`configure the issuer to use "` + pool + `"`},
		{"a host that is long", "https://" + strings.Repeat("h", 99) + "/realms/main", denial.NearIssuerHost,
			`configure the issuer to use "https://sso.example/realms/main"`},
		{"another host with no path", "https://other.example", "", ""},
		{"another host with only a slash as path", "https://other.example/", "", ""},
		{"another host and path", "https://login.example/realms/other", "", ""},
		{"another path", "https://sso.example/realms/other", "", ""},
		{"the path in upper case", "https://sso.example/Realms/main", "", ""},
		{"another host and scheme", "http://login.example/realms/main", "", ""},
		{"user information", "https://api.example/@evil.example/", "", ""},

		{"another region of a pool", "https://cognito-idp.eu-west-2.amazonaws.com/us-east-1_ExamplePool", denial.NearIssuerCognito,
			`add "eu-west-2" to replica_regions of issuer "pool"`},
		{"another region of a pool, UPDATED", "https://issuer-cognito-idp.eu-west-2.amazonaws.com/us-east-1_ExamplePool",
			denial.NearIssuerCognito,
			`get the token from the pool's own region: the UPDATED form always names "us-east-1"`},
		{"UPDATED, of a pool configured by its URL", "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_ByHand",
			denial.NearIssuerCognito,
			`set cognito: "eu-west-1_ByHand" with clients: [CLIENT] instead of issuer for issuer "handmade"` + bothForms},
		{"another region of a pool configured by its URL", "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-1_ByHand",
			denial.NearIssuerCognito,
			`set cognito: "eu-west-1_ByHand" with clients: [CLIENT] instead of issuer for issuer "handmade"` +
				`, and replica_regions: ["eu-west-2"]` + ifReplica},
		{"another region of China's partition", "https://cognito-idp.cn-northwest-1.amazonaws.com.cn/cn-north-1_ByHand", denial.NearIssuerCognito,
			`set cognito: "cn-north-1_ByHand" with clients: [CLIENT] instead of issuer for issuer "china"` +
				`, and replica_regions: ["cn-northwest-1"]` + ifReplica},
		{"a region of China's in another partition's domain", "https://cognito-idp.cn-north-1.amazonaws.com/cn-north-1_ByHand",
			denial.NearIssuerHost,
			`set issuer: "https://cognito-idp.cn-north-1.amazonaws.com/cn-north-1_ByHand"` + orUse("china") +
				`"https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_ByHand"`},
		{"another pool", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Another", "", ""},
		{"the pool in upper case", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLEPOOL", "", ""},
		{"another region, by http", "http://cognito-idp.eu-west-2.amazonaws.com/us-east-1_ExamplePool", "", ""},
		{"a region of two labels", "https://cognito-idp.eu.west.amazonaws.com/us-east-1_ExamplePool", denial.NearIssuerHost,
			`configure the issuer to use "` + pool + `"`},
		{"no region", "https://cognito-idp..amazonaws.com/us-east-1_ExamplePool", denial.NearIssuerHost,
			`configure the issuer to use "` + pool + `"`},
		{"a domain of an attacker", "https://cognito-idp.eu-west-2.amazonaws.com.evil.example/us-east-1_ExamplePool", denial.NearIssuerHost,
			`configure the issuer to use "` + pool + `"`},

		{"nothing", "", "", ""},
		{"a name", "api", "", ""},
		{"only a separator", "://", "", ""},
		{"an iss that is too long", "https://" + strings.Repeat("h", 500) + "/realms/main", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			verifier := newVerifier(t, nearIssuers(), &tokentest.Keyring{Keys: published()})
			_, err := verifier.Verify(t.Context(), mintRS256(map[string]any{"iss": row.iss}), now)
			failure := refusal(t, err, token.ErrIssuerUnknown)
			if hint := row.hint; row.near == "" {
				const known = `get a token of one of the issuers "named", "api", "entra", "old entra", "bare", "realm", "plain", "pool" and 2 more`
				if !strings.HasPrefix(failure.Hint(), known+hint) {
					t.Errorf("got hint %s", failure.Hint())
				}
			} else if failure.Near != row.near || failure.Hint() != hint {
				t.Errorf("got near miss %q, hint %s; want %q, %s", failure.Near, failure.Hint(), row.near, row.hint)
			}
			if row.near == "" && failure.Near != "" {
				t.Errorf("got near miss %q", failure.Near)
			}
			if compared := strings.Contains(failure.Internal, "; expected "); compared != (row.near != "") {
				t.Errorf("got detail %q", failure.Internal)
			}
			fitForALog(t, err.Error())
			fitForALog(t, failure.Hint())
		})
	}
}

// A difference in the scheme or the slash takes precedence over a difference in the host,
// in any order of the issuers.
func TestNearestIssuer(t *testing.T) {
	issuers := nearIssuers()
	staging := apiIssuer()
	staging.Name, staging.ISS = "staging", []string{"http://staging.example/realms/main"}
	for _, order := range [][]config.Issuer{append(issuers, staging), append([]config.Issuer{staging}, issuers...)} {
		verifier := newVerifier(t, order, &tokentest.Keyring{Keys: published()})
		_, err := verifier.Verify(t.Context(), mintRS256(map[string]any{"iss": "https://staging.example/realms/main"}), now)
		failure := refusal(t, err, token.ErrIssuerUnknown)
		const detail = `got iss "https://staging.example/realms/main"; expected "http://staging.example/realms/main" of issuer "staging"`
		if failure.Near != denial.NearIssuerScheme || failure.Internal != detail {
			t.Errorf("near miss %q, detail %s", failure.Near, failure.Internal)
		}
	}
}

// farIssuers returns many issuers, of which the last accepts as many tenants as there are issuers.
func farIssuers(many int) []config.Issuer {
	all := make([]config.Issuer, many)
	for n := range all {
		all[n] = apiIssuer()
		all[n].Name = fmt.Sprint("n", n)
		all[n].ISS = []string{fmt.Sprintf("https://%d.example/realms/%d", n, n)}
		all[n].Audiences = []string{fmt.Sprint("api", n)}
	}
	last := &all[many-1]
	last.ISS, last.Tenants = nil, map[string]string{}
	for n := range many {
		tenant := fmt.Sprintf("11111111-2222-4333-8444-%012d", n)
		iss := "https://login.microsoftonline.com/" + tenant + "/v2.0"
		last.ISS, last.Tenants[iss] = append(last.ISS, iss), tenant
	}
	return all
}

// farTokens returns tokens for a number of issuers: two are denied with a hint, for which the
// issuers are searched, and one is valid.
func farTokens(many int) map[string]string {
	tenant := fmt.Sprintf("11111111-2222-4333-8444-%012d", many-1)
	iss := "https://login.microsoftonline.com/" + tenant + "/v2.0"
	return map[string]string{
		"an unknown issuer": mintRS256(map[string]any{"iss": "https://evil.example/realms/evil"}),
		"a wrong audience":  mintRS256(map[string]any{"iss": iss, "tid": tenant, "aud": "other"}),
		"the last tenant":   mintRS256(map[string]any{"iss": iss, "tid": tenant, "aud": fmt.Sprint("api", many-1)}),
	}
}

// fewAndMany returns the fastest verification of a token with 10 issuers and tenants, and
// with 5000. The two take turns, so that other load affects both.
func fewAndMany(t testing.TB, name string, again func() bool) (few, many time.Duration) {
	t.Helper()
	measure := func(size int) func() time.Duration {
		verifier, raw := newVerifier(t, farIssuers(size), &tokentest.Keyring{Keys: published()}), farTokens(size)[name]
		return func() time.Duration {
			began := time.Now()
			if _, err := verifier.Verify(t.Context(), raw, now); (err == nil) != (name == "the last tenant") {
				t.Fatal(err)
			}
			return time.Since(began)
		}
	}
	withFew, withMany := measure(10), measure(5000)
	few, many = time.Hour, time.Hour
	for again() {
		few, many = min(few, withFew()), min(many, withMany())
	}
	return few, many
}

// BenchmarkManyIssuers measures the time for a token with 5000 issuers and tenants, as a
// ratio to the time with 10.
func BenchmarkManyIssuers(b *testing.B) {
	for name := range farTokens(1) {
		b.Run(name, func(b *testing.B) {
			few, many := fewAndMany(b, name, b.Loop)
			b.ReportMetric(float64(many)/float64(few), "few")
		})
	}
}

// The time for a token does not depend on the number of issuers and tenants, and neither does
// the memory.
func TestManyIssuersTakeTheSameTime(t *testing.T) {
	for name := range farTokens(1) {
		t.Run(name, func(t *testing.T) {
			rounds := 0
			few, many := fewAndMany(t, name, func() bool { rounds++; return rounds <= 200 })
			if float64(many) > 1.5*float64(few) {
				t.Errorf("got %v with 5000 issuers, %v with 10", many, few)
			}
			allocations := func(size int) float64 {
				verifier, raw := newVerifier(t, farIssuers(size), &tokentest.Keyring{Keys: published()}), farTokens(size)[name]
				return testing.AllocsPerRun(20, func() { _, _ = verifier.Verify(t.Context(), raw, now) })
			}
			if few, many := allocations(10), allocations(5000); many > few {
				t.Errorf("got %v allocations with 5000 issuers, %v with 10", many, few)
			}
		})
	}
}
