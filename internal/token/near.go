package token

import (
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// maxNearISS bounds, in bytes, the iss that is compared with the configured
// ones: a longer one was not meant to be any of them.
const maxNearISS = 512

// issForm is an iss value in its parts. Those of one that is no URL are the same
// in both of two that are equal, and that is all they are for.
type issForm struct {
	iss    string
	scheme string // https, or empty
	host   string // with the port
	path   string // with the slash in front, or empty
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

// pool takes an iss for one form of a Cognito user pool (IssuerConfigurationType
// in the Cognito API): the ORIGINAL one, or the UPDATED one on the host that
// begins with "issuer-".
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

// near says how an iss that is not due differs from due when it differs in one
// thing only.
func (f *issForm) near(due *issForm, cognito bool) NearMiss {
	sameScheme, samePath := f.scheme == due.scheme, f.path == due.path
	switch {
	case f.host == due.host && sameScheme:
		if strings.TrimSuffix(f.path, "/") == strings.TrimSuffix(due.path, "/") {
			return NearIssuerSlash
		}
	case f.host == due.host && samePath:
		if f.scheme == "" || webScheme(f.scheme) {
			return NearIssuerScheme
		}
	case !sameScheme || !samePath:
	case len(f.path) <= len("/"):
		if strings.EqualFold(f.host, due.host) {
			return NearIssuerHost
		}
	case f.samePool(due, cognito):
		return NearIssuerCognito
	default:
		return NearIssuerHost
	}
	return ""
}

// samePool reports whether both are forms of one user pool. An issuer that is
// configured as Cognito has every form of its own region already.
func (f *issForm) samePool(due *issForm, cognito bool) bool {
	pool, region, _, ok := f.pool()
	duePool, dueRegion, _, dueOK := due.pool()
	return ok && dueOK && pool == duePool && (!cognito || region != dueRegion)
}

func webScheme(scheme string) bool {
	return strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http")
}

// unknownIssuer is the failure for an iss that is not configured. The configured
// ones are gone through once, and nothing but the failure is made of an iss that
// is near none of them.
func (v *Verifier) unknownIssuer(iss string) *Failure {
	failure := fail(ErrIssuerUnknown, "iss "+quoted(iss))
	if iss == "" || len(iss) > maxNearISS {
		return failure
	}
	found := splitISS(iss)
	var by *trusted // the first whose host alone differs
	var due *issForm
	for _, issuer := range v.issuers {
		for n := range issuer.forms {
			form := &issuer.forms[n]
			switch near := found.near(form, issuer.cognito != nil); {
			case near == "":
			case near != NearIssuerHost:
				return failure.nearIssuer(near, issuer, &found, form)
			case by == nil:
				by, due = issuer, form
			}
		}
	}
	if by != nil {
		return failure.nearIssuer(NearIssuerHost, by, &found, due)
	}
	return failure
}

// nearIssuer adds what an unknown iss nearly is.
func (f *Failure) nearIssuer(near NearMiss, issuer *trusted, found, due *issForm) *Failure {
	f.Near = near
	f.Detail += "; issuer " + quoted(issuer.name) + " is " + quoted(due.iss)
	if near == NearIssuerCognito {
		f.Mend = issuer.mendCognito(found)
		return f
	}
	f.Mend = "let the issuer sign as " + strconv.QuoteToASCII(due.iss)
	// No setting gives a Cognito pool other forms, or takes an iss that is no URL.
	if issuer.cognito != nil || !webScheme(found.scheme) {
		return f
	}
	// But for its host, such an iss is as long as the configured one at most, and
	// by a few bytes more: there is no need to cut it.
	write := "write issuer: " + strconv.QuoteToASCII(found.iss)
	switch {
	case near == NearIssuerHost:
		write = "write issuer: " + quoted(found.iss)
	case near == NearIssuerSlash && len(found.iss) > len(due.iss):
		write += " (with the slash)"
	case near == NearIssuerSlash:
		write += " (without the slash)"
	}
	f.Mend = write + " if you trust it, or " + f.Mend
	return f
}

// mendCognito says what takes another form of the issuer's user pool.
func (i *trusted) mendCognito(found *issForm) string {
	pool, region, updated, _ := found.pool()
	home, _, _ := strings.Cut(pool, "_")
	mend := ""
	if i.cognito == nil {
		mend = "write cognito: " + quoted(pool) + " for issuer " + quoted(i.name) + " in place of issuer, which takes both forms of the pool"
	}
	switch {
	case region == home:
		return mend
	case updated:
		return "get the token from the pool's own region: the UPDATED form names " + quoted(home) + " always"
	case mend == "":
		return "add " + quoted(region) + " to replica_regions of issuer " + quoted(i.name)
	}
	return mend + ", and replica_regions: [" + quoted(region) + "] if the pool has a replica there"
}
