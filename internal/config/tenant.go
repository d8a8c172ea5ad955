package config

import (
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

// exampleTenant is the tenant of tokens that are made for a test or a demo.
const exampleTenant = "11111111-2222-4333-8444-555555555555"

// consumers is the tenant of all personal Microsoft accounts.
const (
	consumers       = "9188040d-6c67-4c5b-b112-36a304b66dad"
	consumersIssuer = entraHost + consumers + "/v2.0"
)

// tenantList is the tenants that an issuer accepts.
type tenantList struct {
	any bool
	ids []string // if any is false
}

// tenantsCodec is a list of tenants, or the word any.
func tenantsCodec() yamlform.Codec[tenantList] {
	const expected = "a list such as [" + exampleTenant + "], or any"
	list := yamlform.NonEmptySet("a list such as ["+exampleTenant+"]", tenantCodec())
	word := yamlform.String(expected, func(text string) string {
		return unless(text == "any", "is invalid", text, expected)
	})
	return yamlform.Codec[tenantList]{
		Expected: expected,
		Schema:   yamlform.AnyOfSchemas(yamlform.Enum("any").JSONSchema, list.JSONSchema),
		Read: func(d *yamlform.Decoder, p yamlform.Place) (tenantList, bool) {
			if p.IsScalar() && !d.IsNull(p) {
				_, ok := word.Read(d, p)
				return tenantList{any: ok}, ok
			}
			ids, ok := list.Read(d, p)
			return tenantList{ids: ids}, ok
		},
	}
}

// tenantCodec is the ID of a tenant of Microsoft Entra, as its tokens write it. All IDs have
// the same length, so no tenant's prefix begins with that of another.
func tenantCodec() yamlform.Codec[string] {
	const expected = "the ID of a tenant in lower case, such as " + exampleTenant
	return yamlform.String(expected, func(text string) string {
		return unless(isTenantID(text), "is not the ID of a tenant", text, expected)
	})
}

// isTenantID reports whether text is a UUID in lower case (RFC 9562 section 4).
func isTenantID(text string) bool {
	for n := range len(text) {
		c := text[n]
		switch n {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return len(text) == len(exampleTenant)
}

// expandTenants sets what follows from the tenants: the iss of both versions of a tenant's
// tokens, and the key set. One key set serves all tenants; that of a single tenant may have
// keys of its own.
func (f *issuerInput) expandTenants() {
	if f.url != entraIssuer || !f.tenants.any && len(f.tenants.ids) == 0 {
		return
	}
	templates := []string{entraIssuer, entraVersion + tenantMark + "/"}
	of := "organizations"
	if f.AnyTenant = f.tenants.any; f.AnyTenant {
		f.ISS = templates
	} else {
		f.ISS, f.Tenants = nil, make(map[string]string)
		for _, tenant := range f.tenants.ids {
			for _, template := range templates {
				iss := FillTenant(template, tenant)
				f.ISS = append(f.ISS, iss)
				f.Tenants[iss] = tenant
			}
		}
		if len(f.tenants.ids) == 1 {
			of = f.tenants.ids[0]
		}
	}
	if f.discovers() {
		f.JWKS.URI = entraHost + of + "/discovery/v2.0/keys"
	}
}

func checkTenants(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	issuer, tenants := at.Child("issuer"), at.Child("tenants")
	template := strings.Contains(f.url, tenantMark)
	switch listed := d.IsSet(tenants); {
	case template && f.url != entraIssuer:
		d.ReportPath(issuer, "has {tenant}: got %s; expected %s, or one issuer for each tenant", yamlform.Quote(f.url), entraIssuer)
	case template && !listed && !f.given(d, at, "tenants"):
		d.ReportPath(issuer,
			"has {tenant}, but tenants is missing; list the IDs of the tenants whose tokens are accepted")
	case listed && !template && f.url != "":
		d.ReportPath(tenants, "has no effect, because issuer does not have {tenant}; write issuer: %s", entraIssuer)
	}
	checkTenantPrefix(d, at, f, template)
	checkOpenTenants(d, tenants, f)
	if f.tenants.any && f.emailVerified == "assumed" {
		d.ReportPath(at.Child("email_verified"),
			"is assumed, but tenants is any: the administrator of any tenant can give its users any address; "+
				"remove email_verified, or list the tenants that you trust")
	}
}

// checkOpenTenants warns about tenants of which anybody can have a token, unless require says
// whose tokens are valid.
func checkOpenTenants(d *yamlform.Decoder, tenants string, f *issuerInput) {
	if claims := providerOf(entraName).ownerClaims; f.tenants.any && !f.requiresOneOf(claims) {
		d.Warn(tenants, "is any, and anybody can create a tenant, so wherever a route requires only a valid token, anybody has access; "+
			"list the tenants, require one of the claims %s, which no tenant can choose, or let the application decide by $tenant",
			strings.Join(claims, ", "))
	}
	if claims := openProvider(consumersIssuer).ownerClaims; slices.Contains(f.tenants.ids, consumers) && !f.requiresOneOf(claims) {
		d.Warn(tenants, "has %s, the tenant of all personal Microsoft accounts, so anybody has access wherever a route requires only "+
			"a valid token; remove it, or require one of the claims %s", consumers, strings.Join(claims, ", "))
	}
}

func checkTenantPrefix(d *yamlform.Decoder, at yamlform.Place, f *issuerInput, template bool) {
	prefix, marks := at.Child("prefix"), strings.Count(f.Prefix, tenantMark)
	switch {
	case marks > 0 && !template:
		d.ReportPath(prefix, "has {tenant}, but issuer does not; remove it")
	case marks > 1:
		d.ReportPath(prefix, "has {tenant} more than once; keep one")
	case template && (f.tenants.any || len(f.tenants.ids) > 1) && marks == 0:
		where := at.Child("issuer")
		if d.IsSet(prefix) {
			where = prefix
		}
		d.ReportPath(where,
			"has several tenants, and each of them names its own users and groups; write prefix: \"%s:{tenant}:\"", f.Name)
	}
}

// checkAnyTenant checks the rules that involve an issuer that accepts any tenant, and the
// others.
func checkAnyTenant(d *yamlform.Decoder, any Issuer, all []Issuer) {
	if len(all) > 1 && strings.HasPrefix(any.Prefix, tenantMark) {
		d.ReportPath(any.Path+".prefix", "begins with {tenant}; with tenants: any and more than one issuer, "+
			"it must begin with a text of its own; write prefix: \"%s:{tenant}:\"", any.Name)
	}
	for _, other := range all {
		for _, iss := range other.ISS {
			if _, shared := any.tenantOf(iss); shared && !other.AnyTenant {
				d.ReportPath(other.issuerPath(), "has the iss %s, which %s has too, because it accepts any tenant; keep one of them",
					yamlform.Quote(iss), any.Path)
				break
			}
		}
	}
}

// tenantOf returns the tenant of an iss, if the issuer accepts any.
func (i Issuer) tenantOf(iss string) (tenant string, ok bool) {
	for _, template := range i.ISS {
		if tenant, ok = MatchTenant(template, iss); ok && i.AnyTenant {
			return tenant, true
		}
	}
	return "", false
}

// MatchTenant returns the tenant whose iss is made from a template of [Issuer.ISS].
func MatchTenant(template, iss string) (tenant string, ok bool) {
	before, after, _ := strings.Cut(template, tenantMark)
	if len(iss) != len(before)+len(exampleTenant)+len(after) || !strings.HasPrefix(iss, before) || !strings.HasSuffix(iss, after) {
		return "", false
	}
	tenant = iss[len(before) : len(iss)-len(after)]
	return tenant, isTenantID(tenant)
}

// FillTenant returns the text that a template of [Issuer.ISS] or [Issuer.Prefix] has for a
// tenant.
func FillTenant(template, tenant string) string {
	return strings.ReplaceAll(template, tenantMark, tenant)
}

// Example returns an iss of the issuer, and the tenant of that iss, for a token that is made
// for a test or a demo. If the issuer accepts any tenant, that is the wanted one, unless it
// is not the ID of a tenant.
func (i Issuer) Example(wanted string) (iss, tenant string) {
	switch {
	case !i.AnyTenant:
		return i.ISS[0], i.Tenants[i.ISS[0]]
	case !isTenantID(wanted):
		wanted = exampleTenant
	}
	return FillTenant(i.ISS[0], wanted), wanted
}

// severalTenants reports whether tokens of more than one tenant are accepted.
func (i Issuer) severalTenants() bool { return i.AnyTenant || len(i.Prefixes()) > 1 }

// Prefixes returns the prefix of each tenant, or the only prefix. If any tenant is accepted,
// it returns the text with which the prefix of each begins.
func (i Issuer) Prefixes() []string {
	if before, _, has := strings.Cut(i.Prefix, tenantMark); i.AnyTenant && has {
		return []string{before}
	}
	var all []string
	for _, iss := range i.ISS {
		if one := i.PrefixOf(iss); !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// PrefixOf returns the prefix of a token with this iss, which is one of i.ISS. If the issuer
// accepts any tenant, it is a template for [FillTenant].
func (i Issuer) PrefixOf(iss string) string {
	if i.AnyTenant {
		return i.Prefix
	}
	return FillTenant(i.Prefix, i.Tenants[iss])
}
