package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// preset returns the values that follow from the provider, and the defaults of every
// issuer. Keys of the file come first. The keys that say where the keys are fetched from
// belong together: with uri or file in the file, none of the provider's applies.
func (f *issuerInput) preset(d *yamlform.Decoder, at yamlform.Place) []yamlform.Value {
	from := at.Child("provider")
	if pool := at.Child(cognitoName); f.provider == "" && d.IsSet(pool) {
		f.provider, from = cognitoName, pool
	}
	p := providerOf(f.provider)
	var preset []yamlform.Value
	used, replaced := map[string]bool{}, map[string]string{} // by parameter
	for _, value := range settings(p.values) {
		names := parameterNames(value.YAML)
		if f.writes(d, at, value.Key) {
			for _, name := range names {
				replaced[name] = value.Key
			}
			continue
		}
		for _, name := range names {
			used[name] = true
		}
		value.From, value.Origin = from, p.name
		if value.Parameters = f.parametersOf(p, names); value.Parameters == nil {
			f.lost = append(f.lost, value.Key)
			continue
		}
		preset = append(preset, value)
	}
	f.checkParameters(d, at, p, used, replaced)
	for _, value := range settings(generic) {
		same := func(other yamlform.Value) bool { return other.Key == value.Key }
		if !d.IsSet(at.Child(value.Key)) && !slices.ContainsFunc(preset, same) {
			value.From, value.Origin = at.Path, "default"
			preset = append(preset, value)
		}
	}
	return preset
}

// writes reports whether the file has a key instead of the provider.
func (f *issuerInput) writes(d *yamlform.Decoder, at yamlform.Place, key string) bool {
	if key == "jwks" {
		return at.Has(key, "uri") || at.Has(key, "file")
	}
	return d.IsSet(at.Child(key))
}

// parametersOf returns the values of parameters; nil: one has none.
func (f *issuerInput) parametersOf(p provider, names []string) map[string]string {
	values := map[string]string{}
	for i, one := range parameters() {
		if !slices.Contains(names, one.name) {
			continue
		}
		value := f.parameters[i]
		if value == "" {
			value = p.defaults[one.name]
		}
		if value == "" {
			return nil
		}
		values[one.name] = value
	}
	return values
}

// checkParameters reports parameters that are missing or have no effect.
func (f *issuerInput) checkParameters(
	d *yamlform.Decoder,
	at yamlform.Place,
	p provider,
	used map[string]bool,
	replaced map[string]string,
) {
	for i, one := range parameters() {
		path := at.Child(one.name)
		switch set := d.IsSet(path); {
		case used[one.name]:
			if !set && f.parameters[i] == "" && p.defaults[one.name] == "" {
				d.ReportPath(path, "is missing; provider %s needs it, for example %s: %s", p.name, one.name, one.example)
			}
		case !set:
		case replaced[one.name] != "":
			d.ReportPath(path, "has no effect, because %s is set too; remove one of them", replaced[one.name])
		case p.name != "":
			d.ReportPath(path, "has no effect with provider: %s; remove it", p.name)
		case !d.IsSet(at.Child("provider")):
			d.ReportPath(path, "has no effect without a provider; write provider: %s", strings.Join(usersOf(one.name), ", or "))
		}
	}
}

// given reports whether the file or the provider sets a key, or would set it without a
// mistake that has been reported.
func (f *issuerInput) given(d *yamlform.Decoder, at yamlform.Place, key string) bool {
	return d.IsSet(at.Child(key)) || slices.Contains(f.lost, key)
}

// checkProvider checks the rules of a provider.
func checkProvider(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	p := providerOf(f.provider)
	if p.example != "" && !f.requiresOneOf(p.ownerClaims) {
		d.ReportPath(at.Child("require"), "does not say whose tokens are valid, and anybody can get a token from %s; "+
			"expected one of the claims %s, for example require: {%s}", p.name, strings.Join(p.ownerClaims, ", "), p.example)
	}
	shared := f.SharedAudiences()
	for i, audience := range f.Audiences {
		change, found := shared.Of(audience)
		if found && (change != "" || p.name != "") {
			d.Warn(fmt.Sprintf("%s[%d]", at.Child("audiences"), i),
				"is %s, which is not the audience of one application: tokens that the issuer signs for other purposes have it too; %s",
				yamlform.Quote(audience), cmp.Or(change, "request tokens with an audience of your own"))
		}
	}
}

// requiresOneOf reports whether require has one of the claims.
func (f *issuerInput) requiresOneOf(claims []string) bool {
	return slices.ContainsFunc(f.Require, func(one RequiredClaim) bool {
		steps := ClaimSteps(one.Claim)
		return len(steps) == 1 && slices.Contains(claims, steps[0])
	})
}

// SharedAudiences are audiences that are not meant for one application, without a final slash,
// and what to change at the provider so that the tokens for one API have an audience of their
// own; "": that is not known.
type SharedAudiences map[string]string

// Of returns what to change for an audience, with or without a final slash, and whether it is
// one of them.
func (s SharedAudiences) Of(audience string) (change string, shared bool) {
	change, shared = s[strings.TrimSuffix(audience, "/")]
	return change, shared
}

// SharedAudiences returns those that the issuer's tokens may have. The issuer itself is one.
func (i Issuer) SharedAudiences() SharedAudiences {
	shared := SharedAudiences{}
	for _, iss := range i.ISS {
		shared[strings.TrimSuffix(iss, "/")] = ""
	}
	for _, p := range knownIssuers() {
		for _, audience := range p.shared {
			for _, iss := range i.ISS {
				if strings.Contains(iss, p.sharedBy) {
					shared[strings.ReplaceAll(audience, "<iss>", strings.TrimSuffix(iss, "/"))] = p.change
				}
			}
		}
	}
	return shared
}

// openProvider returns the known issuer that signs tokens for anybody with this iss, or one
// that sets nothing.
func openProvider(iss string) provider {
	bare := strings.TrimPrefix(strings.TrimSuffix(iss, "/"), "https://")
	for _, p := range knownIssuers() {
		for _, value := range settings(p.values) {
			own := strings.ReplaceAll(value.YAML, "<domain>", p.defaults["domain"])
			if value.Key == "issuer" && p.example != "" && strings.TrimPrefix(own, "https://") == bare {
				return p
			}
		}
	}
	return provider{}
}

// checkTokenHeaders warns about a provider whose tokens come in a header that is not read.
func checkTokenHeaders(d *yamlform.Decoder, c *Config) {
	from := c.Tokens.From
	for _, r := range c.Routes {
		from = append(from[:len(from):len(from)], r.TokensFrom...)
	}
	for _, one := range c.Issuers {
		name := c.issuers.providers[one.Path]
		header := ProviderHeader(name)
		if header != "" && !slices.ContainsFunc(from, func(s TokenSource) bool { return s.Kind == SourceHeader && s.Name == header }) {
			d.Warn(one.Path+".provider", "is %s, which sends the token in the header %s, and no source of credentials reads it; "+
				"write tokens: {from: [{header: %s}]}", name, header, header)
		}
	}
}
