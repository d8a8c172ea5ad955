package token

import (
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// maxNearISS is the maximum length of an iss that is compared with the configured ones to
// find a near miss.
const maxNearISS = 512

// issForm is an iss value in its parts, which are only compared with each other. An iss
// that is not a URL has parts too.
type issForm struct {
	iss    string
	scheme string // https, or empty
	host   string // with the port
	path   string // with the first slash, or empty
	tenant string // of a configured iss; empty: none
	prefix string // of the names in tokens with a configured iss
}

func splitISS(iss string) issForm {
	f := issForm{iss: iss}
	scheme, rest, ok := strings.Cut(iss, "://")
	if ok {
		f.scheme = scheme
	} else {
		rest = iss
	}
	f.host = rest
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		f.host, f.path = rest[:slash], rest[slash:]
	}
	return f
}

// pool parses an iss of a Cognito user pool. Its form (IssuerConfigurationType in the
// Cognito API) is ORIGINAL, or UPDATED if the host begins with "issuer-".
func (f *issForm) pool() (pool, region string, updated, ok bool) {
	host, updated := strings.CutPrefix(f.host, "issuer-")
	host, ok = strings.CutPrefix(host, "cognito-idp.")
	region, domain, _ := strings.Cut(host, ".")
	if !ok || f.scheme != "https" || region == "" || domain != config.CognitoDomain(region) {
		return "", "", false, false
	}
	pool, ok = strings.CutPrefix(f.path, "/")
	return pool, region, updated, ok && strings.Contains(pool, "_") && !strings.Contains(pool, "/")
}

// entraTenant parses an iss of Microsoft Entra: of version 1.0, https://sts.windows.net/ID/,
// or of version 2.0, https://login.microsoftonline.com/ID/v2.0.
func (f *issForm) entraTenant() (tenant, version string) {
	switch {
	case f.scheme != "https":
	case f.host == "sts.windows.net":
		return strings.Trim(f.path, "/"), "1.0"
	case f.host == "login.microsoftonline.com":
		return strings.TrimPrefix(strings.TrimSuffix(f.path, "/v2.0"), "/"), "2.0"
	}
	return "", ""
}

// otherVersion reports whether both are issuers of one tenant of Microsoft Entra, in
// different versions.
func (f *issForm) otherVersion(expected *issForm) bool {
	tenant, version := f.entraTenant()
	expectedTenant, expectedVersion := expected.entraTenant()
	return version != "" && expectedVersion != "" && version != expectedVersion && tenant != "" && tenant == expectedTenant
}

// near returns the part in which an unknown iss differs from a configured one, if it is
// only one part.
func (f *issForm) near(expected *issForm, cognito bool) denial.NearMiss {
	sameScheme, samePath := f.scheme == expected.scheme, f.path == expected.path
	switch {
	case f.otherVersion(expected):
		return denial.NearIssuerVersion
	case f.host == expected.host && sameScheme:
		if strings.TrimSuffix(f.path, "/") == strings.TrimSuffix(expected.path, "/") {
			return denial.NearIssuerSlash
		}
	case f.host == expected.host && samePath:
		if f.scheme == "" || webScheme(f.scheme) {
			return denial.NearIssuerScheme
		}
	case !sameScheme || !samePath:
	case len(f.path) <= len("/"):
		if strings.EqualFold(f.host, expected.host) {
			return denial.NearIssuerHost
		}
	case f.samePool(expected, cognito):
		return denial.NearIssuerCognito
	default:
		return denial.NearIssuerHost
	}
	return ""
}

// samePool reports whether both belong to one user pool. An issuer with the key cognito
// already accepts both forms of its own region.
func (f *issForm) samePool(expected *issForm, cognito bool) bool {
	pool, region, _, ok := f.pool()
	expectedPool, expectedRegion, _, expectedOK := expected.pool()
	return ok && expectedOK && pool == expectedPool && (!cognito || region != expectedRegion)
}

func webScheme(scheme string) bool {
	return strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http")
}

// unknownIssuer returns the failure for an iss that is not configured. It compares the iss
// once with each configured iss, and allocates memory only for the failure.
func (v *Verifier) unknownIssuer(member strictjson.Member) *denial.Error {
	iss := member.Text
	failure := fail(ErrIssuerUnknown, "got iss "+quote.Text(iss))
	if iss == "" {
		failure.Internal = "iss is " + memberShape(member) + ", so it names no issuer"
	}
	if iss == "" || len(iss) > maxNearISS {
		return failure
	}
	found := splitISS(iss)
	var otherHost *trusted // the first issuer that differs only in the host
	var otherHostForm *issForm
	for _, issuer := range v.issuers {
		for n := range issuer.forms {
			form := &issuer.forms[n]
			switch near := found.near(form, issuer.cognito != nil); {
			case near == "":
			case near != denial.NearIssuerHost:
				return issuer.nearMiss(failure, near, &found, form)
			case otherHost == nil:
				otherHost, otherHostForm = issuer, form
			}
		}
	}
	if otherHost != nil {
		return otherHost.nearMiss(failure, denial.NearIssuerHost, &found, otherHostForm)
	}
	return failure
}

// nearMiss adds to a failure how an unknown iss differs from an iss of the issuer.
func (i *trusted) nearMiss(f *denial.Error, near denial.NearMiss, found, expected *issForm) *denial.Error {
	f.Near = near
	f.Internal += "; expected " + quote.Text(expected.iss) + " of issuer " + quote.Text(i.name)
	switch near {
	case denial.NearIssuerCognito:
		f.Hint = i.hintCognito(found)
		return f
	case denial.NearIssuerVersion:
		_, version := found.entraTenant()
		_, expectedVersion := expected.entraTenant()
		f.Internal += ", a token of version " + version + " instead of " + expectedVersion
		f.Hint = "set requestedAccessTokenVersion in the manifest of the API's app registration (Entra) to " + expectedVersion[:1] +
			", or set issuer: " + quote.Text(found.iss)
		return f
	}
	f.Hint = "configure the issuer to use " + strconv.QuoteToASCII(expected.iss)
	// No setting accepts another iss for a Cognito pool, or one that is not a URL if the keys
	// are discovered.
	if i.cognito != nil || i.discovered && !webScheme(found.scheme) {
		return f
	}
	// Except for its host, such an iss is at most a few bytes longer than the configured
	// one, so that it does not need to be cut.
	setting := "set issuer: " + strconv.QuoteToASCII(found.iss)
	switch {
	case near == denial.NearIssuerHost:
		setting = "set issuer: " + quote.Text(found.iss)
	case near == denial.NearIssuerSlash && len(found.iss) > len(expected.iss):
		setting += " (with the slash)"
	case near == denial.NearIssuerSlash:
		setting += " (without the slash)"
	}
	f.Hint = setting + " if you trust it, or " + f.Hint
	return f
}

// hintCognito returns how to accept another form of the issuer's user pool.
func (i *trusted) hintCognito(found *issForm) string {
	pool, region, updated, _ := found.pool()
	home, _, _ := strings.Cut(pool, "_")
	hint := ""
	if i.cognito == nil {
		hint = "set cognito: " + quote.Text(pool) + " instead of issuer for issuer " + quote.Text(i.name) + ", to accept both forms of the pool"
	}
	switch {
	case region == home:
		return hint
	case updated:
		return "get the token from the pool's own region: the UPDATED form always names " + quote.Text(home)
	case hint == "":
		return "add " + quote.Text(region) + " to replica_regions of issuer " + quote.Text(i.name)
	}
	return hint + ", and replica_regions: [" + quote.Text(region) + "] if the pool has a replica there"
}
