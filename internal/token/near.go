package token

import (
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

// unknownIssuer returns the failure for an iss that is not configured.
func (v *Verifier) unknownIssuer(member strictjson.Member, h header) *denial.Error {
	iss := member.Text
	failure := fail(ErrIssuerUnknown, "got iss "+quote.Text(iss))
	if iss == "" {
		failure.Internal = "iss is " + memberShape(member) + ", so it names no issuer"
	}
	found := splitISS(iss)
	near, issuer, form := v.nearest(&found)
	if _, version := found.entraTenant(); version != "" && h.hasNonce {
		failure.Near = denial.NearGraphToken
		failure.Internal += "; the token's header has nonce, as in tokens for Microsoft Graph"
		if near == denial.NearIssuerVersion { // a token for this API has the expected version
			return failure.Advise(denial.FixNotGraph.With())
		}
	}
	if issuer != nil {
		return issuer.nearMiss(failure, near, &found, form)
	}
	failure.Advise(denial.FixTokenOf.With(v.described))
	if config.IsISS(iss, true, false) && whole(iss) {
		failure.Advise(denial.FixAddIssuer.With(quote.Text(iss)))
	}
	return failure
}

// likeness is what an iss has in common with one that differs from it in one part. It is
// never empty for an iss that has a near miss.
type likeness struct{ scheme, host, path string }

// likenesses returns those of an iss: with one of another scheme, with or without the final
// slash, or with the host in another case; with the other version of an Entra tenant; and
// with one of another host, if the path says more than a slash.
func (f *issForm) likenesses() (all [3]likeness) {
	all[0] = likeness{host: strings.ToLower(f.host), path: strings.TrimSuffix(f.path, "/")}
	if tenant, _ := f.entraTenant(); tenant != "" {
		all[1] = likeness{scheme: "tenant", path: tenant}
	}
	if len(f.path) > len("/") {
		all[2] = likeness{scheme: f.scheme, path: f.path}
	}
	return all
}

// likeISS is a configured iss that may be similar to an unknown one.
type likeISS struct {
	issuer *trusted
	form   *issForm
}

// maxLike is how many of the configured iss values with one likeness are compared with an
// unknown iss.
const maxLike = 8

// addLike adds an issuer to those that an unknown iss may be similar to.
func (v *Verifier) addLike(issuer *trusted) {
	for n := range issuer.forms {
		form := &issuer.forms[n]
		for _, one := range form.likenesses() {
			if one != (likeness{}) && len(v.like[one]) < maxLike {
				v.like[one] = append(v.like[one], likeISS{issuer, form})
			}
		}
	}
}

// nearest returns the configured iss from which an unknown iss differs in one part. The
// issuer is nil if there is none. The time does not depend on the number of issuers and
// tenants.
func (v *Verifier) nearest(found *issForm) (near denial.NearMiss, issuer *trusted, form *issForm) {
	if found.iss == "" || len(found.iss) > maxNearISS {
		return "", nil, nil
	}
	for _, one := range found.likenesses() {
		for _, expected := range v.like[one] {
			switch how := found.near(expected.form, expected.issuer.cognito != nil); {
			case how == "":
			case how != denial.NearIssuerHost:
				return how, expected.issuer, expected.form
			case issuer == nil: // the first issuer that differs only in the host
				near, issuer, form = how, expected.issuer, expected.form
			}
		}
	}
	return near, issuer, form
}

// nearMiss adds to a failure how an unknown iss differs from an iss of the issuer.
func (i *trusted) nearMiss(f *denial.Error, near denial.NearMiss, found, expected *issForm) *denial.Error {
	if f.Near == "" {
		f.Near = near
	}
	f.Internal += "; expected " + quote.Text(expected.iss) + " of issuer " + quote.Text(i.name)
	switch near {
	case denial.NearIssuerCognito:
		return f.Advise(i.adviseCognito(found, expected)...)
	case denial.NearIssuerVersion:
		_, version := found.entraTenant()
		_, expectedVersion := expected.entraTenant()
		f.Internal += ", a token of version " + version + " instead of " + expectedVersion
		f.Advise(denial.FixEntraVersion.With(expectedVersion[:1]))
		if i.accepts(expected, found.iss) {
			f.Advise(denial.FixSetISS.With(quote.Text(found.iss), quote.Text(i.name)))
		}
		return f
	}
	if i.accepts(expected, found.iss) {
		setting := quote.Text(found.iss)
		switch {
		case near == denial.NearIssuerSlash && len(found.iss) > len(expected.iss):
			setting += " (with the slash)"
		case near == denial.NearIssuerSlash:
			setting += " (without the slash)"
		}
		f.Advise(denial.FixSetISS.With(setting, quote.Text(i.name)))
	}
	return f.Advise(denial.FixIssuerUses.With(quote.Text(expected.iss)))
}

// accepts reports whether the issuer's key issuer may have the value iss instead of the
// expected one. It sets no iss of a Cognito pool or of a tenant.
func (i *trusted) accepts(expected *issForm, iss string) bool {
	return i.cognito == nil && !i.anyTenant && expected.tenant == "" && config.IsISS(iss, i.discovered, i.allowHTTP) && whole(iss)
}

// adviseCognito returns how to accept another form of the issuer's user pool.
func (i *trusted) adviseCognito(found, expected *issForm) []denial.Advice {
	pool, region, updated, _ := found.pool()
	home, _, _ := strings.Cut(pool, "_")
	name, clients := quote.Text(i.name), "CLIENT"
	if len(i.clients) > 0 {
		clients = quote.List(i.clients)
	}
	switch {
	case region != home && updated:
		return []denial.Advice{denial.FixHomeRegion.With(quote.Text(home))}
	case region != home && !config.IsRegion(region):
		return []denial.Advice{denial.FixIssuerUses.With(quote.Text(expected.iss))}
	case i.cognito != nil:
		return []denial.Advice{denial.FixReplicaRegion.With(quote.Text(region), name)}
	case region != home:
		return []denial.Advice{denial.FixCognitoReplica.With(quote.Text(pool), clients, name, quote.Text(region))}
	}
	return []denial.Advice{denial.FixCognito.With(quote.Text(pool), clients, name)}
}
