package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// issuerInput is an issuer with the values of the file from which it is made.
type issuerInput struct {
	Issuer
	provider      string
	parameters    [parameterCount]string // of the provider
	pool          string
	url           string
	tenants       tenantList
	replicas      []string
	boundTokens   string
	emailVerified string
	lost          []string // keys of the provider that lack a parameter; a mistake was reported
	keyMistake    bool     // a mistake about its keys was reported
}

func issuerObject(f *issuerInput) yamlform.Object {
	return yamlform.Object{
		Expected: issuerForm,
		Synonyms: map[string]string{
			"region": "cognito", "user_pool": "cognito", "user_pool_id": "cognito", "idp": "provider", "preset": "provider",
			"client": "clients", "client_id": "clients", "audience": "audiences", "url": "issuer",
		},
		Rows: slices.Concat([]yamlform.Row{
			yamlform.Field("provider",
				"the identity provider; it sets what is known about its tokens, and every key that you write replaces its value",
				yamlform.Enum(Providers()...), &f.provider),
		}, parameterRows(f), []yamlform.Row{
			yamlform.Field("cognito", "short for provider: cognito and pool; both issuer forms of the pool are accepted",
				poolCodec(), &f.pool),
			yamlform.Field("issuer",
				"the iss of an issuer, exactly as in its tokens, or with tenants its template; it must be a URL unless jwks has the keys",
				issCodec(), &f.url),
			yamlform.Field("tenants", "Microsoft Entra: the IDs of the tenants whose tokens are accepted, or any; issuer then has {tenant}",
				tenantsCodec(), &f.tenants),
			yamlform.Field("prefix",
				"is put before the subject, the user names and each group; {tenant} in it stands for the tenant of the token",
				prefixCodec(), &f.Prefix),
			yamlform.Field("replica_regions", "Cognito: regions of the pool's replicas, whose tokens are accepted too",
				yamlform.Set("a list such as [us-east-1]", regionCodec()), &f.replicas),
			yamlform.Field("audiences", "aud must contain one of them",
				yamlform.NonEmptySet("a list such as [orders-api]", yamlform.Identifier("an audience")), &f.Audiences),
			yamlform.Field("clients", "the token's client must be one of them",
				yamlform.Set("a list such as [3v5exampleclient]", yamlform.Identifier("a client id")), &f.Clients),
			yamlform.Field("require", "claims that must have, or contain, one of the listed values", requireCodec(), &f.Require),
			yamlform.Field("token_use", "which kinds of token are accepted; by default [access], or what the provider sets",
				yamlform.NonEmptySet("a list such as [access, id]", yamlform.Enum("access", "id")), &f.TokenUse),
			yamlform.Field("bound_tokens", "how to treat a token that is bound to a key (cnf); the gate does not verify the proof of possession",
				yamlform.Enum("refuse", "accept_as_bearer"), &f.boundTokens).WithDefault("refuse"),
			yamlform.Field("email_verified",
				"required: email is used only if the token says email_verified: true; assumed: also if email_verified is missing",
				yamlform.Enum("required", "assumed"), &f.emailVerified).WithDefault("required"),
			yamlform.Field("token_types", "if the token has a typ, it must be one of them",
				yamlform.NonEmptySet("a list such as [JWT, at+jwt]", typeCodec()), &f.TokenTypes).WithDefault("[JWT, at+jwt]"),
			yamlform.Field("algorithms", "the algorithms with which a token may be signed",
				yamlform.NonEmptySet("a list such as [RS256]", yamlform.Enum(Algorithms()...)), &f.Algorithms).WithDefault("[RS256]"),
		}, claimRows(f), []yamlform.Row{
			yamlform.Field("leeway", "how much the clocks of the issuer and the gate may differ",
				yamlform.Duration("30s", 0, time.Minute), &f.Leeway).WithDefault("30s"),
			yamlform.Field("max_lifetime", "maximum lifetime of a token, from iat to exp; a token without iat is rejected; by default, no maximum",
				yamlform.Duration("24h", time.Second, MaxLifetime), &f.MaxLifetime),
			yamlform.Field("dangerously_allow_http", "allow plain http to this issuer, for discovery and keys",
				yamlform.Boolean(), &f.AllowHTTP).WithDefault("false"),
			yamlform.Field("jwks", "where the keys are fetched from and how they are cached",
				yamlform.Mapping(jwksObject), &f.JWKS).WithDefault("{}"),
		}),
		Preset:    f.preset,
		Selectors: 1 + parameterCount,
		Check:     func(d *yamlform.Decoder, at yamlform.Place) { checkIssuer(d, at, f) },
	}
}

// claimRows are the keys that name claims.
func claimRows(f *issuerInput) []yamlform.Row {
	return []yamlform.Row{
		yamlform.Field("subject_claims",
			"the claims that may name the user; the first one that is a non-empty string is used; by default [sub], or what the provider sets",
			yamlform.NonEmptySet("a list such as [sub]", claimNameCodec("a claim such as sub", false)), &f.SubjectClaims),
		yamlform.Field("client_claims",
			"the claims that may name the token's client; client_id and azp must both be one of clients if the token has both, and the "+
				"others count only if it has neither; by default [client_id, azp, cid, appid], or what the provider sets",
			yamlform.NonEmptySet("a list such as [client_id, azp]", claimNameCodec("a claim such as client_id", false)), &f.ClientClaims),
		yamlform.Field("groups_claim",
			"the claims that may contain the groups; the first one that the token has is used; by default [groups], or what the provider sets",
			yamlform.NonEmptySet("a list such as [groups]", claimNameCodec("a claim such as groups", false)), &f.GroupsClaim),
		yamlform.Field("scopes_claim", "the claims that may contain the scopes; the first one that the token has is used",
			yamlform.NonEmptySet("a list such as [scope, scp]", claimNameCodec("a claim such as scope", false)),
			&f.ScopesClaim).WithDefault("[scope, scp]"),
	}
}

const issuerForm = "an issuer such as {cognito: POOL, clients: [CLIENT]} or {issuer: URL, audiences: [AUDIENCE]}"

// Algorithms returns the supported signature algorithms (RFC 7518 section 3.1, RFC
// 8037 and RFC 9864). EdDSA and Ed25519 are two names of one algorithm. All are
// asymmetric, so that a public key can never be used as a secret.
func Algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
}

// issuerList is the issuers of a file, in file order.
type issuerList struct {
	read        []Issuer          // nil if the file has issuers and none is valid
	names       []string          // of all issuers, valid or not
	keyMistakes map[string]bool   // paths of issuers with a mistake about their keys
	providers   map[string]string // :: path of an issuer -> its provider
}

// issuersCodec is the mapping from names that the user chooses to issuers.
func issuersCodec() yamlform.Codec[issuerList] {
	const expected = "a mapping from names that you choose to issuers, such as {cruddur: {cognito: POOL, clients: [CLIENT]}}"
	issuer := yamlform.Mapping(issuerObject)
	return yamlform.Codec[issuerList]{
		Expected: expected,
		Read: func(d *yamlform.Decoder, p yamlform.Place) (issuerList, bool) {
			entries, ok := d.Entries(p, expected)
			if !ok {
				return issuerList{}, false
			}
			all, list := make([]Issuer, 0, len(entries)), issuerList{keyMistakes: map[string]bool{}, providers: map[string]string{}}
			for _, entry := range entries {
				if !issuerName(entry.Name()) {
					d.ReportPos(d.KeyPos(entry),
						"%s is not an issuer name; expected 1 to 64 letters, digits, dots, dashes and underscores", entry.Path)
				}
				list.names = append(list.names, entry.Name())
				if f, ok := issuer.Read(d, entry); ok {
					all = append(all, f.Issuer)
					list.keyMistakes[f.Path], list.providers[f.Path] = f.keyMistake, f.provider
				}
			}
			if len(all) == len(entries) || len(all) > 0 {
				list.read = all
			}
			return list, true
		},
		Keys: func(path string) []yamlform.Key { return issuer.Keys(path + ".*") },
		Schema: func() yamlform.Schema {
			return yamlform.NamesSchema(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`, issuer.Schema())
		},
	}
}

// issuerName reports whether a name can be a header value, a metric label and a file
// name.
func issuerName(name string) bool {
	return name != "" && len(name) <= 64 && name[0] != '.' && yamlform.ASCIIWord(name, ".-_")
}

// checkIssuer checks the rules of one issuer and expands its preset.
func checkIssuer(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	f.Name, f.Path = at.Name(), at.Path
	cognito, generic := d.IsSet(at.Child("cognito")), d.IsSet(at.Child("issuer"))
	switch {
	case cognito && generic:
		d.ReportPath(at.Child("issuer"), "conflicts with cognito, which sets the issuer too; keep one of them")
	case cognito:
		f.expandPool()
		checkCognito(d, at, f)
	case generic:
		f.expandIssuer()
		checkGeneric(d, at, f)
	case !d.IsSet(at.Child("provider")):
		d.ReportPath(at.Path, "has no provider, cognito or issuer; write provider: NAME, cognito: POOL, or issuer: URL")
	}
	checkProvider(d, at, f)
	f.BoundAsBearer, f.EmailAssumed = f.boundTokens == "accept_as_bearer", f.emailVerified == "assumed"
	checkOpen(d, at, f)
	checkHTTP(d, at, f)
	checkJWKS(d, at, f)
	if len(f.Clients) == 0 {
		f.Clients = nil
	}
}

// expandIssuer sets what follows from the iss of an OIDC issuer.
func (f *issuerInput) expandIssuer() {
	if f.url != "" {
		f.ISS = []string{f.url}
	}
	f.expandTenants()
}

func checkGeneric(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	checkISS(d, at, f)
	if replicas := at.Child("replica_regions"); d.IsSet(replicas) {
		d.ReportPath(replicas, "is only for Cognito; remove it")
	}
	checkClientClaims(d, at, f)
	checkTenants(d, at, f)
	empty := f.Clients != nil && len(f.Clients) == 0 // nil: not set, or invalid
	p := providerOf(f.provider)
	switch audiences := f.given(d, at, "audiences"); {
	case !audiences && !d.IsSet(at.Child("clients")):
		d.ReportPath(
			at.Path,
			"has neither audiences nor clients, so it would accept tokens that the issuer signs for other applications; write %s",
			cmp.Or(p.audience, "audiences: [AUDIENCE]"),
		)
	case !audiences && empty:
		d.ReportPath(at.Child("clients"),
			"is an empty list, and audiences is not set; list the clients whose tokens are accepted, or write audiences: [AUDIENCE]")
	case empty:
		d.Warn(at.Child("clients"), "is an empty list, so the audience of a token is checked, but not its client")
	case !audiences && !p.origins:
		d.Warn(at.Child("clients"),
			"is set without audiences, so a token that was issued to one of these clients for another API is accepted too, "+
				"and that API could replay it here; write audiences: [AUDIENCE]")
	}
	if strings.Contains(f.url, "cognito-idp") && strings.Contains(f.url, ".amazonaws.") {
		d.Warn(at.Child("issuer"),
			"is a Cognito user pool; write cognito: POOL instead, which also accepts its other issuer form and checks token_use")
	}
}

// checkClientClaims requires that client_id and azp come first, because they count first.
func checkClientClaims(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	other := ""
	for n, name := range f.ClientClaims {
		switch standard := name == "client_id" || name == "azp"; {
		case !standard && other == "":
			other = name
		case standard && other != "":
			d.ReportPath(fmt.Sprintf("%s[%d]", at.Child("client_claims"), n),
				"is %s after %s, but client_id and azp always count before other claims; put it first", name, yamlform.Quote(other))
			return
		}
	}
}

func checkHTTP(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	if f.AllowHTTP {
		d.Warn(at.Child("dangerously_allow_http"), "is true: an attacker between the gate and this issuer can replace the keys")
		return
	}
	urls := map[string]string{at.Child("jwks") + ".uri": f.JWKS.URI}
	if f.discovers() && badURL(f.url, false) == "" {
		urls[at.Child("issuer")] = f.url
	}
	for path, url := range urls {
		if url != "" && plainHTTP(url) {
			d.ReportPath(
				path,
				"is not encrypted: got %s; expected https://; to allow http, write dangerously_allow_http: true for this issuer",
				yamlform.Quote(url),
			)
			f.keyMistake = true
		}
	}
}

const issURL = "the issuer's URL as its tokens have it, such as https://login.example/"

// issCodec is the iss of tokens: a StringOrURI (RFC 7519 section 4.1.1). [checkISS] checks
// the rest, which depends on jwks.
func issCodec() yamlform.Codec[string] {
	return yamlform.NotInQuotes(yamlform.String(issURL, yamlform.Expecting(issURL, badISS)))
}

func badISS(text string) string {
	switch {
	case text == "":
		return "is empty"
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return "has white space or a control character in it"
	case len(text) > 1024:
		return "is longer than 1024 bytes"
	}
	return ""
}

// checkISS checks an iss. Without jwks, discovery has to find the keys, so it must be a
// URL; with jwks, it is only compared. Users often confuse it with the URL of the discovery
// document (OpenID Connect Discovery section 4, RFC 8414 section 3) or of the key set.
func checkISS(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	if f.url == "" {
		return // a mistake was reported
	}
	problem, expected := otherDocument(f.url), issURL
	if problem == "" && (f.discovers() || hasPassword(f.url)) {
		problem = badURL(f.url, false)
		if problem != "" && !webURL(f.url) {
			problem, expected = problem+", so its keys cannot be discovered", expected+", or jwks with the uri or the file of the keys"
		}
	}
	if problem != "" {
		d.ReportPath(at.Child("issuer"), "%s; expected %s", problem, expected)
		f.keyMistake = true
	}
}

func webURL(text string) bool {
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

// otherDocument returns why a text is the URL of a document of the issuer and not its iss,
// or "".
func otherDocument(text string) string {
	discovery := regexp.MustCompile(`/\.well-known/(openid-configuration|oauth-authorization-server|jwks\.json)(/|$)`)
	switch {
	case discovery.MatchString(text):
		return fmt.Sprintf("is the URL of a discovery document: got %s; remove /.well-known/...", yamlform.Quote(text))
	case webURL(text) && strings.HasSuffix(text, "jwks.json"):
		return fmt.Sprintf("is the URL of a key set: got %s; move it to jwks.uri", yamlform.Quote(text))
	}
	return ""
}

// discovers reports whether the keys of an issuer that is not a Cognito pool are found
// with its discovery document.
func (f *issuerInput) discovers() bool { return f.JWKS.URI == "" && f.JWKS.File == "" }

func prefixCodec() yamlform.Codec[string] {
	const expected = `visible ASCII characters without a comma, in quotes, such as "partner:", or ""`
	return yamlform.String(expected, func(text string) string {
		bad := strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' })
		return unless(len(text) <= 64 && !bad, "is invalid", text, "at most 64 "+expected)
	})
}

// typeCodec is a value of the header typ (RFC 7515 section 4.1.9), without the implied
// application/.
func typeCodec() yamlform.Codec[string] {
	return yamlform.String("a token type such as JWT or at+jwt", func(text string) string {
		short := strings.TrimPrefix(strings.ToLower(text), "application/")
		switch {
		case len(text) > 128 || !IsTokenType(short):
			return fmt.Sprintf("is invalid: got %s; expected a token type such as JWT or at+jwt", yamlform.Quote(text))
		case len(short) < len(text):
			return fmt.Sprintf("is invalid: got %s; expected %s, without application/", yamlform.Quote(text), yamlform.Quote(short))
		}
		return ""
	})
}

// checkIssuers checks the rules that involve several issuers.
func checkIssuers(d *yamlform.Decoder, c *Config) {
	owners := map[string]string{} // iss -> path of its issuer
	for i, one := range c.Issuers {
		for _, iss := range one.ISS {
			if owner, taken := owners[iss]; taken && owner != one.Path {
				d.ReportPath(
					one.issuerPath(),
					"has the iss %s, which %s has too; expected a different iss for each issuer",
					yamlform.Quote(iss),
					owner,
				)
				break
			}
			owners[iss] = one.Path
		}
		if len(c.Issuers) > 1 && !d.IsSet(one.Path+".prefix") {
			d.ReportPath(one.Path+".prefix",
				"is missing; with more than one issuer, every issuer needs a prefix, for example \"%s:\", or \"\" for none", one.Name)
		}
		if one.AnyTenant {
			checkAnyTenant(d, one, c.Issuers)
		}
		clash := slices.IndexFunc(c.Issuers[:i], func(other Issuer) bool { return prefixesClash(one.Prefixes(), other.Prefixes()) })
		if clash >= 0 {
			other := c.Issuers[clash]
			d.ReportPath(one.Path+".prefix", "is %s, but that of %s is %s; expected prefixes that do not equal or begin with each other",
				yamlform.Quote(one.Prefix),
				other.Path, yamlform.Quote(other.Prefix))
		}
	}
}

// prefixesClash reports whether a prefix of one list begins with one of the other.
func prefixesClash(ones, others []string) bool {
	for _, one := range ones {
		for _, other := range others {
			if one != "" && other != "" && (strings.HasPrefix(one, other) || strings.HasPrefix(other, one)) {
				return true
			}
		}
	}
	return false
}

// IssuerNames returns the name of every issuer in the file, in file order. This
// includes issuers that Issuers omits because of a mistake, so a name does not prove
// that the tokens of its issuer are accepted.
func (c *Config) IssuerNames() []string {
	names := slices.Clone(c.issuers.names)
	for _, one := range c.Issuers {
		if !slices.Contains(names, one.Name) {
			names = append(names, one.Name)
		}
	}
	return names
}

// issuerPath returns the path of the key that sets iss.
func (i Issuer) issuerPath() string {
	if i.Cognito != nil {
		return i.Path + ".cognito"
	}
	return i.Path + ".issuer"
}
