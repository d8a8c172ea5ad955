package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// The issuer of Microsoft Entra for tenants, and its parts.
const (
	tenantMark   = "{tenant}"
	entraHost    = "https://login.microsoftonline.com/"
	entraIssuer  = entraHost + tenantMark + "/v2.0"
	entraVersion = "https://sts.windows.net/" // of version 1.0
)

// tenantCodec is the ID of a tenant of Microsoft Entra, as its tokens write it. All IDs have
// the same length, so no tenant's prefix begins with that of another.
func tenantCodec() yamlform.Codec[string] {
	const expected = "the ID of a tenant in lower case, such as 11111111-2222-4333-8444-555555555555"
	id := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	return yamlform.String(expected, func(text string) string {
		return unless(id.MatchString(text), "is not the ID of a tenant", text, expected)
	})
}

// expandTenants sets what follows from the tenants: the iss of both versions of a tenant's
// tokens, and the key set. One key set serves all tenants; that of a single tenant may have
// keys of its own.
func (f *issuerInput) expandTenants() {
	if f.url != entraIssuer || len(f.tenants) == 0 {
		return
	}
	f.ISS, f.Tenants = nil, make(map[string]string)
	for _, tenant := range f.tenants {
		for _, iss := range []string{strings.ReplaceAll(entraIssuer, tenantMark, tenant), entraVersion + tenant + "/"} {
			f.ISS = append(f.ISS, iss)
			f.Tenants[iss] = tenant
		}
	}
	if f.discovers() {
		of := "organizations"
		if len(f.tenants) == 1 {
			of = f.tenants[0]
		}
		f.JWKS.URI = entraHost + of + "/discovery/v2.0/keys"
	}
}

func checkTenants(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	issuer, tenants, prefix := at.Child("issuer"), at.Child("tenants"), at.Child("prefix")
	template := strings.Contains(f.url, tenantMark)
	switch listed := d.IsSet(tenants); {
	case template && f.url != entraIssuer:
		d.ReportPath(issuer, "has {tenant}: got %s; expected %s, or one issuer for each tenant", yamlform.Quote(f.url), entraIssuer)
	case template && !listed:
		d.ReportPath(issuer, "has {tenant}, but tenants is missing; list the IDs of the tenants whose tokens are accepted")
	case listed && !template && f.url != "":
		d.ReportPath(tenants, "has no effect, because issuer does not have {tenant}; write issuer: %s", entraIssuer)
	}
	marks := strings.Count(f.Prefix, tenantMark)
	switch {
	case marks > 0 && !template:
		d.ReportPath(prefix, "has {tenant}, but issuer does not; remove it")
	case marks > 1:
		d.ReportPath(prefix, "has {tenant} more than once; keep one")
	case len(f.tenants) > 1 && marks == 0:
		where := issuer
		if d.IsSet(prefix) {
			where = prefix
		}
		d.ReportPath(where, "%s", fmt.Sprintf(
			"has several tenants, and each of them names its own users and groups; write prefix: \"%s:{tenant}:\"", f.Name))
	}
}

// Prefixes returns the prefix of each tenant, or the only prefix.
func (i Issuer) Prefixes() []string {
	var all []string
	for _, iss := range i.ISS {
		if one := i.PrefixOf(iss); !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// PrefixOf returns the prefix of a token with this iss.
func (i Issuer) PrefixOf(iss string) string {
	return strings.ReplaceAll(i.Prefix, tenantMark, i.Tenants[iss])
}
