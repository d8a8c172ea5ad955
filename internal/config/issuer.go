package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// issuerFile is an issuer as the file has it, beside what becomes of it.
type issuerInput struct {
	Issuer
	pool          string
	url           string
	replicas      []string
	boundTokens   string
	emailVerified string
	keyMistake    bool // there is a mistake about its keys
}

func issuerObject() yamlform.Object[issuerInput] {
	type of = issuerInput
	return yamlform.Object[of]{
		Expected: issuerForm,
		Synonyms: map[string]string{
			"region": "cognito", "pool": "cognito", "user_pool": "cognito", "user_pool_id": "cognito",
			"client": "clients", "client_id": "clients", "audience": "audiences", "url": "issuer",
		},
		Fields: []yamlform.FieldOf[of]{
			yamlform.Field("cognito", "a user pool; stands for both of its issuer forms", poolCodec(), func(f *of) *string { return &f.pool }),
			yamlform.Field("issuer", "an OIDC issuer: the iss of its tokens, byte for byte", issuerURLCodec(),
				func(f *of) *string { return &f.url }),
			yamlform.Field("prefix", "stands before the subject, the user names and each group", prefixCodec(),
				func(f *of) *string { return &f.Prefix }),
			yamlform.Field("replica_regions", "Cognito: regions of the pool's replicas, whose issuer forms are accepted too",
				yamlform.Set("a list such as [us-east-1]", regionCodec()), func(f *of) *[]string { return &f.replicas }),
			yamlform.Field("audiences", "aud must hold one of them",
				yamlform.NonEmptySet("a list such as [orders-api]", yamlform.Identifier("an audience")),
				func(f *of) *[]string { return &f.Audiences }),
			yamlform.Field("clients", "the token's client must be one of them",
				yamlform.Set("a list such as [3v5exampleclient]", yamlform.Identifier("a client id")),
				func(f *of) *[]string { return &f.Clients }),
			yamlform.Field("token_use", "which kinds of token are accepted; by default [access], for Cognito [access, id]",
				yamlform.NonEmptySet("a list such as [access, id]", yamlform.Enum("access", "id")), func(f *of) *[]string { return &f.TokenUse }),
			yamlform.Field("bound_tokens", "what becomes of a token that is bound to a key (cnf), whose proof is not verified here",
				yamlform.Enum("refuse", "accept_as_bearer"),
				func(f *of) *string { return &f.boundTokens }).WithDefault("refuse"),
			yamlform.Field("email_verified",
				"required: email is used only if the token says email_verified: true; assumed: also if email_verified is missing",
				yamlform.Enum("required", "assumed"),
				func(f *of) *string { return &f.emailVerified }).WithDefault("required"),
			yamlform.Field("token_types", "the token's typ, when it has one, must be one of them",
				yamlform.NonEmptySet("a list such as [JWT, at+jwt]", typeCodec()),
				func(f *of) *[]string { return &f.TokenTypes }).WithDefault("[JWT, at+jwt]"),
			yamlform.Field("algorithms", "what a token may be signed with",
				yamlform.NonEmptySet("a list such as [RS256]", yamlform.Enum(Algorithms()...)),
				func(f *of) *[]string { return &f.Algorithms }).WithDefault("[RS256]"),
			yamlform.Field("groups_claim",
				"the claim that holds the groups, the first that is there; by default [groups], for Cognito [cognito:groups]",
				yamlform.NonEmptySet("a list such as [groups]", claimNameCodec("a claim such as groups", false)),
				func(f *of) *[]string { return &f.GroupsClaim }),
			yamlform.Field("scopes_claim", "the claim that holds the scopes, the first that is there",
				yamlform.NonEmptySet("a list such as [scope, scp]", claimNameCodec("a claim such as scope", false)),
				func(f *of) *[]string { return &f.ScopesClaim }).WithDefault("[scope, scp]"),
			yamlform.Field("leeway", "how far clocks may differ", yamlform.Duration("30s", 0, time.Minute),
				func(f *of) *time.Duration { return &f.Leeway }).WithDefault("30s"),
			yamlform.Field("max_lifetime",
				"a token that is good for longer, from iat to exp, is refused, and so is one without iat; by default there is no limit",
				yamlform.Duration("24h", time.Second, 10*365*24*time.Hour),
				func(f *of) *time.Duration { return &f.MaxLifetime }),
			yamlform.Field("dangerously_allow_http", "plain http to this issuer: discovery, keys", yamlform.Boolean(),
				func(f *of) *bool { return &f.AllowHTTP }).WithDefault("false"),
			yamlform.Field("jwks", "where the keys come from and how they are kept", yamlform.Mapping(jwksObject()),
				func(f *of) *JWKS { return &f.JWKS }).WithDefault("{}"),
		},
		Check: checkIssuer,
	}
}

const issuerForm = "an issuer such as {cognito: POOL, clients: [CLIENT]} or {issuer: URL, audiences: [AUDIENCE]}"

// Algorithms is the closed list of what a token may be signed with (RFC 7518
// section 3.1 and RFC 8037): asymmetric ones only, so that a public key can
// never be taken for a secret.
func Algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// issuerList is the issuers of a file, in its order.
type issuerList struct {
	read        []Issuer        // nil when none of those that the file has could be read
	names       []string        // of all, faulty or not
	keyMistakes map[string]bool // paths of those about whose keys there is a mistake
}

// issuersCodec is the mapping from the user's names to issuers.
func issuersCodec() yamlform.Codec[issuerList] {
	const expected = "a mapping from a name of yours to " + issuerForm
	issuer := issuerObject()
	return yamlform.Codec[issuerList]{
		Expected: expected,
		Read: func(d *yamlform.Decoder, p yamlform.Place) (issuerList, bool) {
			entries, ok := d.Entries(p, expected)
			if !ok {
				return issuerList{}, false
			}
			all, list := make([]Issuer, 0, len(entries)), issuerList{keyMistakes: map[string]bool{}}
			for _, entry := range entries {
				if !issuerName(entry.Name()) {
					d.ReportPos(d.KeyPos(entry),
						"%s is no issuer name; write 1 to 64 letters, digits, dots, dashes and underscores", entry.Path)
				}
				list.names = append(list.names, entry.Name())
				var f issuerInput
				if issuer.Read(d, entry, &f) {
					all = append(all, f.Issuer)
					list.keyMistakes[f.Path] = f.keyMistake
				}
			}
			if len(all) == len(entries) || len(all) > 0 {
				list.read = all
			}
			return list, true
		},
		Keys: func(path string) []yamlform.Key { return issuer.Reference(path + ".*") },
		Schema: func() yamlform.Schema {
			return yamlform.NamesSchema(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`, issuer.Schema())
		},
	}
}

// issuerName keeps a name fit for a header value, a metric label and a file
// name at once.
func issuerName(name string) bool {
	return name != "" && len(name) <= 64 && name[0] != '.' && yamlform.ASCIIWord(name, ".-_")
}

// checkIssuer holds the rules of one issuer, and expands its preset.
func checkIssuer(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	f.Name, f.Path = at.Name(), at.Path
	cognito, generic := d.IsSet(at.Child("cognito")), d.IsSet(at.Child("issuer"))
	switch {
	case cognito && generic:
		d.ReportPath(at.Child("issuer"), "stands beside cognito, which names the issuer already; keep one of them")
	case cognito:
		f.cognitoPreset()
		checkCognito(d, at, f)
	case generic:
		f.generic()
		checkGeneric(d, at, f)
	default:
		d.ReportPath(at.Path, "names no issuer; write cognito: POOL, or issuer: URL")
	}
	f.BoundAsBearer, f.EmailAssumed = f.boundTokens == "accept_as_bearer", f.emailVerified == "assumed"
	checkHTTP(d, at, f)
	checkJWKS(d, at, f)
	if len(f.Clients) == 0 {
		f.Clients = nil
	}
}

// generic fills in what an OIDC issuer has by default.
func (f *issuerInput) generic() {
	if f.url != "" {
		f.ISS = []string{f.url}
	}
	if f.GroupsClaim == nil {
		f.GroupsClaim = []string{"groups"}
	}
	if f.TokenUse == nil {
		f.TokenUse = []string{"access"}
	}
}

func checkGeneric(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	if replicas := at.Child("replica_regions"); d.IsSet(replicas) {
		d.ReportPath(replicas, "is for Cognito; leave it out beside issuer")
	}
	empty := f.Clients != nil && len(f.Clients) == 0 // nil: left out, or faulty
	switch audiences := d.IsSet(at.Child("audiences")); {
	case !audiences && !d.IsSet(at.Child("clients")):
		d.ReportPath(at.Path,
			"needs audiences or clients, or it would take every token that this issuer signs for anyone; write audiences: [AUDIENCE]")
	case !audiences && empty:
		d.ReportPath(at.Child("clients"),
			"is an empty list and there are no audiences; write the clients whose tokens are taken, or audiences: [AUDIENCE]")
	case empty:
		d.Warn(at.Child("clients"), "is an empty list: only the audience of a token is checked, not its client")
	case !audiences:
		d.Warn(at.Child("clients"), "is set without audiences: a token that was issued to one of these clients for another API is accepted too, "+
			"so that API could replay it here; write audiences: [AUDIENCE]")
	}
	if strings.Contains(f.url, "cognito-idp") && strings.Contains(f.url, ".amazonaws.") {
		d.Warn(at.Child("issuer"), "is a Cognito user pool; cognito: POOL also takes its other issuer form and checks its kinds of token")
	}
}

func checkHTTP(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	if f.AllowHTTP {
		d.Warn(at.Child("dangerously_allow_http"), "is on: whoever is between the gate and this issuer can put in keys of their own")
		return
	}
	urls := map[string]string{at.Child("issuer"): f.url, at.Child("jwks") + ".uri": f.JWKS.URI}
	for path, url := range urls {
		if url != "" && plainHTTP(url) {
			d.ReportPath(path, "is %s, which is not encrypted; write https://, or dangerously_allow_http: true for this issuer", yamlform.Quote(url))
			f.keyMistake = true
		}
	}
}

// issuerURL is what tokens have as their iss. It is easily taken for the address
// of a document about the issuer (OpenID Connect Discovery section 4, RFC 8414
// section 3) or of its keys.
func issuerURLCodec() yamlform.Codec[string] {
	const expected = "the issuer's URL as its tokens have it, such as https://login.example/"
	f := urlCodec(expected, false)
	read := f.Read
	f.Read = func(d *yamlform.Decoder, p yamlform.Place) (string, bool) {
		text, ok := read(d, p)
		switch {
		case !ok:
		case regexp.MustCompile(`/\.well-known/(openid-configuration|oauth-authorization-server|jwks\.json)(/|$)`).MatchString(text):
			d.Report(p, "is %s, the address of a document; leave /.well-known/... out and write %s", yamlform.Quote(text), expected)
			return "", false
		case strings.HasSuffix(text, "jwks.json"):
			d.Report(p, "is %s, the address of a key set, which belongs at jwks.uri; write %s", yamlform.Quote(text), expected)
			return "", false
		}
		return text, ok
	}
	return f
}

func prefixCodec() yamlform.Codec[string] {
	const expected = `visible ASCII characters without a comma, in quotes, such as "partner:", or ""`
	return yamlform.String(expected, func(text string) string {
		if len(text) > 64 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' }) {
			return fmt.Sprintf("is %s; write at most 64 %s", yamlform.Quote(text), expected)
		}
		return ""
	})
}

// typeCodec is a value of the header typ (RFC 7515 section 4.1.9), without the
// application/ that stands for.
func typeCodec() yamlform.Codec[string] {
	return yamlform.String("a token type such as JWT or at+jwt", func(text string) string {
		bad := func(r rune) bool { return r >= 0x7f || r <= ' ' || strings.ContainsRune(`()<>@,;:\"/[]?=`, r) }
		short := strings.TrimPrefix(strings.ToLower(text), "application/")
		switch {
		case short == "" || len(text) > 128 || strings.ContainsFunc(short, bad):
			return fmt.Sprintf("is %s; write a token type such as JWT or at+jwt", yamlform.Quote(text))
		case len(short) < len(text):
			return fmt.Sprintf("is %s; write %s, application/ is understood", yamlform.Quote(text), yamlform.Quote(short))
		}
		return ""
	})
}

// checkIssuers holds the rules between issuers.
func checkIssuers(d *yamlform.Decoder, c *Config) {
	owners := map[string]string{} // iss -> path of its issuer
	for i, one := range c.Issuers {
		for _, iss := range one.ISS {
			if owner, taken := owners[iss]; taken && owner != one.Path {
				d.ReportPath(one.issuerPath(), "signs as %s, which %s does too; an iss belongs to one issuer", yamlform.Quote(iss), owner)
				break
			}
			owners[iss] = one.Path
		}
		if len(c.Issuers) > 1 && !d.IsSet(one.Path+".prefix") {
			d.ReportPath(one.Path+".prefix",
				"is missing; with more than one issuer each says its own, such as \"%s:\", or \"\" to leave its users and groups bare", one.Name)
		}
		clash := slices.IndexFunc(c.Issuers[:i], func(other Issuer) bool {
			return one.Prefix != "" && other.Prefix != "" &&
				(strings.HasPrefix(one.Prefix, other.Prefix) || strings.HasPrefix(other.Prefix, one.Prefix))
		})
		if clash >= 0 {
			other := c.Issuers[clash]
			d.ReportPath(one.Path+".prefix", "is %s and that of %s is %s; no prefix may equal or begin with another", yamlform.Quote(one.Prefix),
				other.Path, yamlform.Quote(other.Prefix))
		}
	}
}

// IssuerNames returns the name of every issuer that the configuration speaks of,
// in the order of the file: those too that Issuers leaves out because of a
// mistake. That a name is among them does not say that its tokens are taken.
func (c *Config) IssuerNames() []string {
	names := slices.Clone(c.issuers.names)
	for _, one := range c.Issuers {
		if !slices.Contains(names, one.Name) {
			names = append(names, one.Name)
		}
	}
	return names
}

// issuerPath is where the file says what the issuer signs as.
func (i Issuer) issuerPath() string {
	if i.Cognito != nil {
		return i.Path + ".cognito"
	}
	return i.Path + ".issuer"
}
