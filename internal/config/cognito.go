package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// poolCodec is the ID of a Cognito user pool, which contains its region.
func poolCodec() yamlform.Codec[string] {
	const expected = "a user pool id such as us-west-1_6BpkgoczU"
	return yamlform.String(expected, func(text string) string {
		_, ok := poolRegion(text)
		return unless(ok, "is not a user pool id", text, expected)
	})
}

// poolRegion returns the region in a pool ID. The part after the region has 9
// characters at AWS and more in emulators. The API limits the whole ID to 55
// characters (UserPoolIdType).
func poolRegion(pool string) (string, bool) {
	region, id, ok := strings.Cut(pool, "_")
	ok = ok && len(pool) <= 55 && isRegion(region) && regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(id)
	return region, ok
}

// isRegion reports whether text has the form of an AWS region: us-west-1,
// us-gov-east-1, eusc-de-east-1.
func isRegion(text string) bool {
	return regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`).MatchString(text)
}

func regionCodec() yamlform.Codec[string] {
	const expected = "an AWS region such as us-east-1"
	return yamlform.String(expected, func(text string) string {
		return unless(isRegion(text), "is not a region", text, expected)
	})
}

// CognitoDomain returns the domain of the AWS partition that contains a region,
// without a leading dot.
func CognitoDomain(region string) string {
	switch {
	case strings.HasPrefix(region, "eusc-"):
		return "amazonaws.eu"
	case strings.HasPrefix(region, "cn-"):
		return "amazonaws.com.cn"
	default:
		return "amazonaws.com"
	}
}

// expandPool sets what follows from the pool ID. The ORIGINAL form of
// iss comes first: its host serves the keys of every pool, and the host of the
// UPDATED form (IssuerConfigurationType in the Cognito API) only those of pools that
// use it. Tokens of a replica have the ORIGINAL form with the region of the replica.
func (f *issuerInput) expandPool() {
	region, ok := poolRegion(f.pool)
	f.Cognito = &Cognito{Pool: f.pool, Region: region}
	if !ok {
		return
	}
	original := func(region string) string {
		return fmt.Sprintf("https://cognito-idp.%s.%s/%s", region, CognitoDomain(region), f.pool)
	}
	updated := fmt.Sprintf("https://issuer-cognito-idp.%s.%s/%s", region, CognitoDomain(region), f.pool)
	f.ISS = []string{original(region), updated}
	for _, replica := range f.replicas {
		f.ISS = append(f.ISS, original(replica))
	}
	if f.JWKS.URI != "" || f.JWKS.File != "" {
		return
	}
	f.JWKS.URI = keySetURL(original(region))
	if len(f.replicas) > 0 {
		// The host of the UPDATED form serves the same keys from several regions.
		for _, url := range f.ISS[1:] {
			f.JWKS.Fallbacks = append(f.JWKS.Fallbacks, keySetURL(url))
		}
	}
}

// keySetURL returns the URL at which Cognito or an emulator serves the keys of the
// pool at url.
func keySetURL(url string) string { return url + "/.well-known/jwks.json" }

func checkCognito(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	if i := slices.Index(f.replicas, f.Cognito.Region); i >= 0 && f.Cognito.Region != "" {
		d.ReportPath(fmt.Sprintf("%s[%d]", at.Child("replica_regions"), i), "is the pool's own region; list only the other regions")
	}
	// The gate reads these claims of Cognito's tokens by their names.
	fixed := settings(providerOf(cognitoName).values)
	for _, key := range []string{"subject_claims", "client_claims", "tenants"} {
		own := slices.ContainsFunc(fixed, func(v yamlform.Value) bool { return v.Key == key && f.hasClaims(key, v.YAML) })
		if d.IsSet(at.Child(key)) && !own {
			d.ReportPath(at.Child(key), "is not for Cognito, whose tokens have sub and client_id; remove it")
		}
	}
	switch clients := at.Child("clients"); {
	case !d.IsSet(clients):
		d.ReportPath(at.Path,
			"has no clients, so it would accept tokens of every app client of this pool; write clients: [CLIENT]")
	case f.Clients != nil && len(f.Clients) == 0:
		d.ReportPath(clients, "is an empty list; expected the ids of your app clients, such as [3v5exampleclient]")
	}
	other := func(client string) bool { return !slices.Contains(f.Audiences, client) }
	if len(f.Audiences) > 0 && slices.Contains(f.TokenUse, "id") && slices.ContainsFunc(f.Clients, other) {
		d.Warn(at.Child("audiences"),
			"rejects every ID token, because the aud of an ID token is its client; write token_use: [access] to make this explicit")
	}
}

// hasClaims reports whether a key names a list of claims, or had a mistake that was
// reported.
func (f *issuerInput) hasClaims(key, list string) bool {
	claims := f.ClientClaims
	if key == "subject_claims" {
		claims = f.SubjectClaims
	}
	return claims == nil || "["+strings.Join(claims, ", ")+"]" == list
}
