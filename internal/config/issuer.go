package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// issuerFile is an issuer as the file has it, beside what becomes of it.
type issuerFile struct {
	Issuer
	pool          string
	url           string
	replicas      []string
	boundTokens   string
	emailVerified string
}

func issuerObject() object[issuerFile] {
	type of = issuerFile
	return object[of]{
		says: issuerSays,
		slips: map[string]string{
			"region": "cognito", "pool": "cognito", "user_pool": "cognito", "user_pool_id": "cognito",
			"client": "clients", "client_id": "clients", "audience": "audiences", "url": "issuer",
		},
		keys: []key[of]{
			field("cognito", "a user pool; stands for both of its issuer forms", poolForm(), func(f *of) *string { return &f.pool }),
			field("issuer", "an OIDC issuer: the iss of its tokens, byte for byte", issuerURL(),
				func(f *of) *string { return &f.url }),
			field("prefix", "stands before the subject, the user names and each group", prefixForm(), func(f *of) *string { return &f.Prefix }),
			field("replica_regions", "Cognito: regions of the pool's replicas, whose issuer forms are accepted too",
				setOf("a list such as [us-east-1]", regionForm()), func(f *of) *[]string { return &f.replicas }),
			field("audiences", "aud must hold one of them", listOf("a list such as [orders-api]", word("an audience")),
				func(f *of) *[]string { return &f.Audiences }),
			field("clients", "the token's client must be one of them", setOf("a list such as [3v5exampleclient]", word("a client id")),
				func(f *of) *[]string { return &f.Clients }),
			field("token_use", "which kinds of token are accepted; by default [access], for Cognito [access, id]",
				listOf("a list such as [access, id]", oneOf("access", "id")), func(f *of) *[]string { return &f.TokenUse }),
			field("bound_tokens", "what becomes of a token that is bound to a key (cnf), whose proof is not verified here", oneOf("refuse", "accept_as_bearer"),
				func(f *of) *string { return &f.boundTokens }).or("refuse"),
			field("email_verified", "required: email is used only if the token says email_verified: true; assumed: also if email_verified is missing", oneOf("required", "assumed"),
				func(f *of) *string { return &f.emailVerified }).or("required"),
			field("token_types", "the token's typ, when it has one, must be one of them", listOf("a list such as [JWT, at+jwt]", typeForm()),
				func(f *of) *[]string { return &f.TokenTypes }).or("[JWT, at+jwt]"),
			field("algorithms", "what a token may be signed with", listOf("a list such as [RS256]", oneOf(algorithms()...)),
				func(f *of) *[]string { return &f.Algorithms }).or("[RS256]"),
			field("groups_claim", "the claim that holds the groups, the first that is there; by default [groups], for Cognito [cognito:groups]",
				listOf("a list such as [groups]", claimName("a claim such as groups", false)), func(f *of) *[]string { return &f.GroupsClaim }),
			field("scopes_claim", "the claim that holds the scopes, the first that is there",
				listOf("a list such as [scope, scp]", claimName("a claim such as scope", false)), func(f *of) *[]string { return &f.ScopesClaim }).or("[scope, scp]"),
			field("leeway", "how far clocks may differ", duration("30s", 0, time.Minute), func(f *of) *time.Duration { return &f.Leeway }).or("30s"),
			field("max_lifetime", "a token that is good for longer, from iat to exp, is refused, and so is one without iat; by default there is no limit", duration("24h", time.Second, 10*365*24*time.Hour),
				func(f *of) *time.Duration { return &f.MaxLifetime }),
			field("dangerously_allow_http", "plain http to this issuer: discovery, keys", truth(), func(f *of) *bool { return &f.AllowHTTP }).or("false"),
			field("jwks", "where the keys come from and how they are kept", group(jwksObject()), func(f *of) *JWKS { return &f.JWKS }).or("{}"),
		},
		check: checkIssuer,
	}
}

const issuerSays = "an issuer such as {cognito: POOL, clients: [CLIENT]} or {issuer: URL, audiences: [AUDIENCE]}"

// algorithms is the closed list of what a token may be signed with (RFC 7518
// section 3.1 and RFC 8037): asymmetric ones only, so that a public key can
// never be taken for a secret.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// issuersForm is the mapping from the user's names to issuers, in file order.
func issuersForm() form[[]Issuer] {
	const says = "a mapping from a name of yours to " + issuerSays
	issuer := issuerObject()
	return form[[]Issuer]{
		says: says,
		read: func(d *decoder, p place) ([]Issuer, bool) {
			entries, ok := d.entries(p, says)
			if !ok {
				return nil, false
			}
			all := make([]Issuer, 0, len(entries))
			for _, entry := range entries {
				if !issuerName(entry.key.Value) {
					d.report(d.at(entry.key.Line, entry.key.Column),
						"%s is no issuer name; write 1 to 64 letters, digits, dots, dashes and underscores", entry.path)
				}
				d.issuers = append(d.issuers, entry.key.Value)
				var f issuerFile
				if issuer.read(d, entry, &f) {
					all = append(all, f.Issuer)
				}
			}
			return all, len(all) == len(entries) || len(all) > 0
		},
		below: func(path string) []Key { return issuer.reference(path + ".*") },
		shape: func() schema { return namesShape(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`, issuer.shape()) },
	}
}

// issuerName keeps a name fit for a header value, a metric label and a file
// name at once.
func issuerName(name string) bool {
	return name != "" && len(name) <= 64 && name[0] != '.' && madeOf(name, ".-_")
}

// checkIssuer holds the rules of one issuer, and expands its preset.
func checkIssuer(d *decoder, at place, f *issuerFile) {
	f.Name, f.Path = at.key.Value, at.path
	cognito, generic := d.stated(at.below("cognito")), d.stated(at.below("issuer"))
	switch {
	case cognito && generic:
		d.wrong(at.below("issuer"), "stands beside cognito, which names the issuer already; keep one of them")
	case cognito:
		f.cognitoPreset()
		checkCognito(d, at, f)
	case generic:
		f.generic()
		checkGeneric(d, at, f)
	default:
		d.wrong(at.path, "names no issuer; write cognito: POOL, or issuer: URL")
	}
	f.BoundAsBearer, f.EmailAssumed = f.boundTokens == "accept_as_bearer", f.emailVerified == "assumed"
	checkHTTP(d, at, f)
	checkJWKS(d, at, f)
	if len(f.Clients) == 0 {
		f.Clients = nil
	}
}

// generic fills in what an OIDC issuer has by default.
func (f *issuerFile) generic() {
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

func checkGeneric(d *decoder, at place, f *issuerFile) {
	if replicas := at.below("replica_regions"); d.stated(replicas) {
		d.wrong(replicas, "is for Cognito; leave it out beside issuer")
	}
	empty := f.Clients != nil && len(f.Clients) == 0 // nil: left out, or faulty
	switch audiences := d.stated(at.below("audiences")); {
	case !audiences && !d.stated(at.below("clients")):
		d.wrong(at.path, "needs audiences or clients, or it would take every token that this issuer signs for anyone; write audiences: [AUDIENCE]")
	case !audiences && empty:
		d.wrong(at.below("clients"), "is an empty list and there are no audiences; write the clients whose tokens are taken, or audiences: [AUDIENCE]")
	case empty:
		d.warn(at.below("clients"), "is an empty list: only the audience of a token is checked, not its client")
	case !audiences:
		d.warn(at.below("clients"), "is set without audiences: a token that was issued to one of these clients for another API is accepted too, "+
			"so that API could replay it here; write audiences: [AUDIENCE]")
	}
	if strings.Contains(f.url, "cognito-idp") && strings.Contains(f.url, ".amazonaws.") {
		d.warn(at.below("issuer"), "is a Cognito user pool; cognito: POOL also takes its other issuer form and checks its kinds of token")
	}
}

func checkHTTP(d *decoder, at place, f *issuerFile) {
	if f.AllowHTTP {
		d.warn(at.below("dangerously_allow_http"), "is on: whoever is between the gate and this issuer can put in keys of their own")
		return
	}
	urls := map[string]string{at.below("issuer"): f.url, at.below("jwks") + ".uri": f.JWKS.URI}
	for path, url := range urls {
		if url != "" && plainHTTP(url) {
			d.wrong(path, "is %s, which is not encrypted; write https://, or dangerously_allow_http: true for this issuer", shown(url))
			d.keyless[at.path] = true
		}
	}
}

// issuerURL is what tokens have as their iss. It is easily taken for the address
// of a document about the issuer (OpenID Connect Discovery section 4, RFC 8414
// section 3) or of its keys.
func issuerURL() form[string] {
	const says = "the issuer's URL as its tokens have it, such as https://login.example/"
	f := webURL(says, false)
	read := f.read
	f.read = func(d *decoder, p place) (string, bool) {
		text, ok := read(d, p)
		switch {
		case !ok:
		case regexp.MustCompile(`/\.well-known/(openid-configuration|oauth-authorization-server|jwks\.json)(/|$)`).MatchString(text):
			d.fault(p, "is %s, the address of a document; leave /.well-known/... out and write %s", shown(text), says)
			return "", false
		case strings.HasSuffix(text, "jwks.json"):
			d.fault(p, "is %s, the address of a key set, which belongs at jwks.uri; write %s", shown(text), says)
			return "", false
		}
		return text, ok
	}
	return f
}

func prefixForm() form[string] {
	const says = `visible ASCII characters without a comma, in quotes, such as "partner:", or ""`
	return textOf(says, func(text string) string {
		if len(text) > 64 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' }) {
			return fmt.Sprintf("is %s; write at most 64 %s", shown(text), says)
		}
		return ""
	})
}

// typeForm is a value of the header typ (RFC 7515 section 4.1.9), without the
// application/ that stands for.
func typeForm() form[string] {
	return textOf("a token type such as JWT or at+jwt", func(text string) string {
		bad := func(r rune) bool { return r >= 0x7f || r <= ' ' || strings.ContainsRune(`()<>@,;:\"/[]?=`, r) }
		short := strings.TrimPrefix(strings.ToLower(text), "application/")
		switch {
		case short == "" || len(text) > 128 || strings.ContainsFunc(short, bad):
			return fmt.Sprintf("is %s; write a token type such as JWT or at+jwt", shown(text))
		case len(short) < len(text):
			return fmt.Sprintf("is %s; write %s, application/ is understood", shown(text), shown(short))
		}
		return ""
	})
}

// checkIssuers holds the rules between issuers.
func checkIssuers(d *decoder, c *Config) {
	owners := map[string]string{} // iss -> path of its issuer
	for i, one := range c.Issuers {
		for _, iss := range one.ISS {
			if owner, taken := owners[iss]; taken && owner != one.Path {
				d.wrong(one.issuerPath(), "signs as %s, which %s does too; an iss belongs to one issuer", shown(iss), owner)
				break
			}
			owners[iss] = one.Path
		}
		if len(c.Issuers) > 1 && !d.stated(one.Path+".prefix") {
			d.wrong(one.Path+".prefix", "is missing; with more than one issuer each says its own, such as \"%s:\", or \"\" to leave its users and groups bare", one.Name)
		}
		clash := slices.IndexFunc(c.Issuers[:i], func(other Issuer) bool {
			return one.Prefix != "" && other.Prefix != "" &&
				(strings.HasPrefix(one.Prefix, other.Prefix) || strings.HasPrefix(other.Prefix, one.Prefix))
		})
		if clash >= 0 {
			other := c.Issuers[clash]
			d.wrong(one.Path+".prefix", "is %s and that of %s is %s; no prefix may equal or begin with another", shown(one.Prefix), other.Path, shown(other.Prefix))
		}
	}
}

// IssuerNames returns the name of every issuer that the configuration speaks of,
// in the order of the file: those too that Issuers leaves out because of a
// mistake. That a name is among them does not say that its tokens are taken.
func (c *Config) IssuerNames() []string {
	names := slices.Clone(c.issuers)
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
