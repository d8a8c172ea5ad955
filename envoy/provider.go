package envoy

import "strings"

// Provider is a known provider in a new configuration.
type Provider struct {
	Name       string
	Parameters []Setting // such as domain
	Require    []Setting // claims, and the value of each
	KeysURL    string    // jwks.uri; empty: the provider says it
	Header     string    // carries the token; empty: Authorization
}

// Setting is a key and its value, unquoted.
type Setting struct{ Key, Value string }

// IssuerLines returns the keys of an issuer with the provider, as lines of YAML.
func (o InitOptions) IssuerLines() ([]string, error) {
	p := o.Provider
	lines := []string{"provider: " + p.Name}
	var faults error
	quoted := func(text string) string {
		scalar, err := yamlScalar(text)
		if err != nil {
			faults = err
		}
		return scalar
	}
	list := func(key string, values ...string) {
		var all []string
		for _, value := range values {
			if value != "" {
				all = append(all, quoted(value))
			}
		}
		if len(all) > 0 {
			lines = append(lines, key+": ["+strings.Join(all, ", ")+"]")
		}
	}
	for _, one := range p.Parameters {
		lines = append(lines, one.Key+": "+quoted(one.Value))
	}
	list("audiences", o.Audience)
	list("clients", o.ClientIDs...)
	if len(p.Require) > 0 {
		var all []string
		for _, one := range p.Require {
			all = append(all, quoted(one.Key)+": ["+quoted(one.Value)+"]")
		}
		lines = append(lines, "require: {"+strings.Join(all, ", ")+"}")
	}
	if p.KeysURL != "" {
		lines = append(lines, "jwks: {uri: "+quoted(p.KeysURL)+"}")
	}
	return lines, faults
}

// NamesIssuer reports whether an option names the issuer of a new configuration.
func (o InitOptions) NamesIssuer() bool {
	return o.Provider != nil || o.Cognito != "" || len(o.ClientIDs) > 0 || o.Issuer != "" || o.Audience != ""
}

// providerName returns the name of a provider; "" if there is none.
func providerName(p *Provider) string {
	if p == nil {
		return ""
	}
	return p.Name
}
