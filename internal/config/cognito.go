package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// poolCodec is a Cognito user pool's id, which names its region.
func poolCodec() yamlform.Codec[string] {
	const expected = "a user pool id such as us-west-1_6BpkgoczU"
	return yamlform.String(expected, func(text string) string {
		if _, ok := poolRegion(text); !ok {
			return fmt.Sprintf("is %s, which is no user pool id; write %s", yamlform.Quote(text), expected)
		}
		return ""
	})
}

// poolRegion returns the region that a pool id names. The id behind it has 9
// characters at AWS, more at emulators; the API's bound on the whole is 55
// (UserPoolIdType).
func poolRegion(pool string) (string, bool) {
	region, id, ok := strings.Cut(pool, "_")
	ok = ok && len(pool) <= 55 && isRegion(region) && regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(id)
	return region, ok
}

// isRegion takes the names of AWS regions: us-west-1, us-gov-east-1,
// eusc-de-east-1.
func isRegion(text string) bool {
	return regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`).MatchString(text)
}

func regionCodec() yamlform.Codec[string] {
	const expected = "an AWS region such as us-east-1"
	return yamlform.String(expected, func(text string) string {
		if !isRegion(text) {
			return fmt.Sprintf("is %s, which is no region; write %s", yamlform.Quote(text), expected)
		}
		return ""
	})
}

// CognitoDomain returns the domain of the partition of an AWS region, without a dot in
// front.
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

// cognitoPreset expands a pool id into what it stands for. The ORIGINAL issuer
// form comes first: its host answers for every pool, while that of the UPDATED
// form (IssuerConfigurationType in the Cognito API) refuses pools that were not
// switched to it. Tokens of replicas carry the ORIGINAL form of their region.
func (f *issuerInput) cognitoPreset() {
	region, ok := poolRegion(f.pool)
	f.Cognito = &Cognito{Pool: f.pool, Region: region}
	if f.TokenUse == nil {
		f.TokenUse = []string{"access", "id"}
	}
	if f.GroupsClaim == nil {
		f.GroupsClaim = []string{"cognito:groups"}
	}
	if !ok {
		return
	}
	original := func(region string) string {
		return fmt.Sprintf("https://cognito-idp.%s.%s/%s", region, CognitoDomain(region), f.pool)
	}
	f.ISS = []string{
		original(region),
		fmt.Sprintf("https://issuer-cognito-idp.%s.%s/%s", region, CognitoDomain(region), f.pool),
	}
	for _, replica := range f.replicas {
		f.ISS = append(f.ISS, original(replica))
	}
	if f.JWKS.URI == "" && f.JWKS.File == "" {
		f.JWKS.URI = keySetURL(original(region))
	}
}

// keysBelow is where Cognito, and an emulator of it, serves the keys of the
// pool at url.
func keySetURL(url string) string { return url + "/.well-known/jwks.json" }

func checkCognito(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	if i := slices.Index(f.replicas, f.Cognito.Region); i >= 0 && f.Cognito.Region != "" {
		d.ReportPath(fmt.Sprintf("%s[%d]", at.Child("replica_regions"), i), "is the pool's own region; write the others only")
	}
	switch clients := at.Child("clients"); {
	case !d.IsSet(clients):
		d.ReportPath(at.Path,
			"needs clients, the ids of your app clients, or it would take the tokens of every app of this pool; write clients: [CLIENT]")
	case f.Clients != nil && len(f.Clients) == 0:
		d.ReportPath(clients, "is an empty list; write the ids of your app clients, such as [3v5exampleclient]")
	}
	other := func(client string) bool { return !slices.Contains(f.Audiences, client) }
	if len(f.Audiences) > 0 && slices.Contains(f.TokenUse, "id") && slices.ContainsFunc(f.Clients, other) {
		d.Warn(at.Child("audiences"), "holds for no ID token, whose aud is its client: all of them are refused; token_use: [access] says so")
	}
}
