package config

import (
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// requireCodec is a mapping from claims to the values of which one is required.
func requireCodec() yamlform.Codec[[]RequiredClaim] {
	const expected = "a mapping from claims to lists, such as {repository_owner: [my-org]}"
	claim := claimNameCodec("a claim such as repository_owner", false)
	list := yamlform.NonEmptySet("a list such as [my-org]", yamlform.Identifier("a value of the claim"))
	return yamlform.Codec[[]RequiredClaim]{
		Expected: expected,
		Schema:   func() yamlform.Schema { return yamlform.NamesSchema("", list.JSONSchema()) },
		Read: func(d *yamlform.Decoder, p yamlform.Place) ([]RequiredClaim, bool) {
			entries, ok := d.Entries(p, expected)
			if !ok {
				return nil, false
			}
			if len(entries) == 0 {
				d.Report(p, "is empty, so it requires nothing; expected %s", expected)
				return nil, false
			}
			all := make([]RequiredClaim, 0, len(entries))
			for _, entry := range entries {
				name, named := claim.Read(d, entry.Key())
				values, read := list.Read(d, entry)
				if named && read {
					all = append(all, RequiredClaim{Claim: name, Values: values})
				}
			}
			return all, len(all) == len(entries)
		},
	}
}

// checkOpen warns about an issuer that signs tokens for anybody, unless require says whose
// tokens are valid.
func checkOpen(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	if p := openProvider(f.url); p.example != "" && f.provider == "" && !f.requiresOneOf(p.ownerClaims) {
		d.Warn(at.Child("issuer"), "gives a token to anybody who has an account there, so every such token for your audience is valid; "+
			"write require: {%s}, or require another of the claims %s", p.example, strings.Join(p.ownerClaims, ", "))
	}
}
