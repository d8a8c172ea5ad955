package token

import (
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
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
func (f *issForm) near(due *issForm, cognito bool) denial.NearMiss {
	sameScheme, samePath := f.scheme == due.scheme, f.path == due.path
	switch {
	case f.host == due.host && sameScheme:
		if strings.TrimSuffix(f.path, "/") == strings.TrimSuffix(due.path, "/") {
			return denial.NearIssuerSlash
		}
	case f.host == due.host && samePath:
		if f.scheme == "" || webScheme(f.scheme) {
			return denial.NearIssuerScheme
		}
	case !sameScheme || !samePath:
	case len(f.path) <= len("/"):
		if strings.EqualFold(f.host, due.host) {
			return denial.NearIssuerHost
		}
	case f.samePool(due, cognito):
		return denial.NearIssuerCognito
	default:
		return denial.NearIssuerHost
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
func (v *Verifier) unknownIssuer(iss string) *denial.Error {
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
			case near != denial.NearIssuerHost:
				return issuer.nearMiss(failure, near, &found, form)
			case by == nil:
				by, due = issuer, form
			}
		}
	}
	if by != nil {
		return by.nearMiss(failure, denial.NearIssuerHost, &found, due)
	}
	return failure
}

// nearMiss adds to a failure how an unknown iss differs from one of the issuer's.
func (i *trusted) nearMiss(f *denial.Error, near denial.NearMiss, found, due *issForm) *denial.Error {
	f.Near = near
	f.Internal += "; issuer " + quoted(i.name) + " is " + quoted(due.iss)
	if near == denial.NearIssuerCognito {
		f.Hint = i.hintCognito(found)
		return f
	}
	f.Hint = "let the issuer sign as " + strconv.QuoteToASCII(due.iss)
	// No setting gives a Cognito pool other forms, or takes an iss that is no URL.
	if i.cognito != nil || !webScheme(found.scheme) {
		return f
	}
	// But for its host, such an iss is as long as the configured one at most, and
	// by a few bytes more: there is no need to cut it.
	write := "write issuer: " + strconv.QuoteToASCII(found.iss)
	switch {
	case near == denial.NearIssuerHost:
		write = "write issuer: " + quoted(found.iss)
	case near == denial.NearIssuerSlash && len(found.iss) > len(due.iss):
		write += " (with the slash)"
	case near == denial.NearIssuerSlash:
		write += " (without the slash)"
	}
	f.Hint = write + " if you trust it, or " + f.Hint
	return f
}

// hintCognito says how to accept another form of the issuer's user pool.
func (i *trusted) hintCognito(found *issForm) string {
	pool, region, updated, _ := found.pool()
	home, _, _ := strings.Cut(pool, "_")
	hint := ""
	if i.cognito == nil {
		hint = "write cognito: " + quoted(pool) + " for issuer " + quoted(i.name) + " in place of issuer, which takes both forms of the pool"
	}
	switch {
	case region == home:
		return hint
	case updated:
		return "get the token from the pool's own region: the UPDATED form names " + quoted(home) + " always"
	case hint == "":
		return "add " + quoted(region) + " to replica_regions of issuer " + quoted(i.name)
	}
	return hint + ", and replica_regions: [" + quoted(region) + "] if the pool has a replica there"
}
