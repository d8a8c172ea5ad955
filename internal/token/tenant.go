package token

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/config"
)

// issuerOf returns the issuer that has this iss, or that accepts the tenant in it; nil: none.
func (v *Verifier) issuerOf(iss string) *trusted {
	if issuer := v.byISS[iss]; issuer != nil {
		return issuer
	}
	for _, issuer := range v.anyTenant {
		if issuer.form(iss) >= 0 {
			return issuer
		}
	}
	return nil
}

// form returns the index of an iss, or of the template that it is made from; -1: none.
func (i *trusted) form(iss string) int {
	if i.anyTenant {
		return slices.IndexFunc(i.forms, func(form issForm) bool {
			_, ok := config.MatchTenant(form.iss, iss)
			return ok
		})
	}
	if n, ok := i.formOf[iss]; ok {
		return n
	}
	return -1
}

// tenantAndPrefix returns the tenant of an iss of the issuer, and the prefix of its names.
func (i *trusted) tenantAndPrefix(iss string) (tenant, prefix string) {
	form := &i.forms[i.form(iss)]
	if !i.anyTenant {
		return form.tenant, form.prefix
	}
	tenant, _ = config.MatchTenant(form.iss, iss)
	return tenant, config.FillTenant(form.prefix, tenant)
}
