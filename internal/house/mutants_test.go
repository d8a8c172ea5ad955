package house

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is the program with one check disabled.
type mutant struct {
	check    string // the disabled check
	file     string // from the root
	old, new string // old is in the file once
}

// mutants disable each check, in the order of the checks.
func mutants() []mutant {
	const (
		path, table       = "internal/request/path.go", "internal/route/table.go"
		check, record     = "internal/gate/evaluation.go", "internal/token/record.go"
		extract, compact  = "internal/credential/extract.go", "internal/token/compact.go"
		verify, claims    = "internal/token/verify.go", "internal/token/claims.go"
		use, conns        = "internal/token/use.go", "internal/extauthz/connections.go"
		client, named     = "internal/token/client.go", "internal/token/named.go"
		strictReader      = "internal/strictjson/strictjson.go"
		authorize, method = "internal/route/authorize.go", "internal/token/method.go"
		mapper, strip     = "internal/identity/mapper.go", "internal/identity/strip.go"
		condition         = "internal/condition/condition.go"
		revoked           = "internal/revocation/list.go"
		shared, reading   = "internal/gate/identity.go", "internal/route/select.go"
	)
	return []mutant{
		{"1 method: letters", "internal/request/method.go", `return 'a' <= r && r <= 'z' }) {`, `return r < 0 }) {`},
		{"1 method: tokens", "internal/request/method.go", `if !config.Token(method) {`, `if !config.Token(method) && method == "" {`},
		{"1 method: how many the query names", "internal/request/method.go", `== maxOverrides {`, `< 0 {`},
		{"1 method: the query's on a route that Envoy names", check, `named && len(e.parsed.Overrides) > 0 {`, `named && false {`},
		{"1 connection: identity headers", check, `&& e.policy.mapper.Nominated(h.Value) {`, `&& false {`},
		{"1 path: dot segments", path, `part == "." || part == ".."`, `false`},
		{"1 path: semicolons", path, `case c == ';' && !relaxed.Semicolon:`, `case c == ';' && false:`},
		{"1 path: backslashes", path, `case c == '\\':`, `case c == '\\' && false:`},
		{"1 path: control bytes", path, `case c <= 0x20 || c == 0x7f:`, `case c == 0x7f && false:`},
		{"1 path: encodings", path, `switch code := strings.ToLower(segment[at+1 : at+3]); {`,
			`switch code := ""; {`},
		{"1 path: empty segments", path, `case segment == "" && more:`, `case segment == "" && more && false:`},
		{"1 path: encoded control characters", path, `case strings.ContainsFunc(whole, unicode.IsControl):`,
			`case false && unicode.IsControl(0):`},
		{"1 path: invalid UTF-8", path, `case !utf8.ValidString(whole):`, `case !utf8.ValidString(whole) && false:`},
		{"1 host: two hosts", "internal/request/host.go", `if strings.ContainsFunc(label, notHostByte) {`,
			`if strings.ContainsFunc(label, notHostByte) && false {`},

		{"2 route: methods", table, `r.pattern.matchMethod(method) && `, ``},
		{"2 route: hosts", table, ` && matchHost(r.hosts, host)`, ``},
		{"2 route: hosts of the index", "internal/route/index.go", `best = x.hosts[host].first(rules, method, segments, best)`,
			`for _, one := range x.hosts {
			best = one.first(rules, method, segments, best)
		}`},
		{"2 route: methods of the index", "internal/route/tree.go", `if rules[number].pattern.matchMethod(method) {`,
			`if true || rules[number].pattern.matchMethod(method) {`},
		{"2 route: the first of the index", "internal/route/tree.go", `if number >= best {`, `if number >= best && false {`},
		{"2 route: one that Envoy names", check, `if !known {`, `if !known && false {`},
		{"2 route: one that Envoy names has to fit", check, `if !covered {`, `if !covered && false {`},
		{"2 route: deny", check, `case config.AccessDeny:`, `case "never":`},
		{"2 route: deny of a preflight", check, `if rule.Access == config.AccessDeny {`, `if rule.Access == "never" {`},
		{"2 route: deny of the method that a preflight asks for", check, `e.selectRules(method)
		if e.denyIfClosed() {`, `e.selectRules(method)
		if false && e.denyIfClosed() {`},
		{"2 route: preflights of other origins", check, `if !slices.Contains(e.policy.cfg.CORS.Origins, origin) {`, `if false {`},
		{"2 route: letter case of paths", reading, `read(t.folded, r.Path.Folded(len(exact)))`, `read(t.exact, exact)`},
		{"2 route: letter case of rules", reading, `t.exact == t.folded && r.Path.IsFolded()`, `r.Path.IsFolded()`},
		{"2 route: a final slash", reading, `if hasSlashed && !r.Path.SlashSensitive() {
		read(sent, slashed)`, `if false {
		read(sent, slashed)`},
		{"2 route: a final slash in another case", reading, `if hasSlashed && !r.Path.SlashSensitive() {
		read(t.folded,`, `if false {
		read(t.folded,`},
		{"2 route: HEAD as GET", reading, `if method == "HEAD" && !slices`, `if false && !slices`},
		{"2 route: a method in the query", reading, `for _, override := range r.Overrides {`, `for _, override := range r.Overrides[:0] {`},
		{"2 route: a rule that covers the request comes later", reading, `found == own || found.Covers(method, r.Host, &r.Path)`, `found == own`},
		{"2 route: a rule that does not cover the request", reading, `found.Covers(method, r.Host, &r.Path)`, `true`},
		{"2 route: every further rule", check, `	for rule := range e.rules() {
		if err := e.applyRule(ctx, rule); err != nil {`, `	for _, rule := range []*route.Rule{e.rule} {
		if err := e.applyRule(ctx, rule); err != nil {`},
		{"2 route: a public page that a further rule protects", check, `if e.rule.Access != config.AccessPublic {
		return`, `if true {
		return`},
		{"2 route: overrides of a preflight", "internal/gate/preflight.go", `if !origin || slices`, `if !origin || false && slices`},

		{"3 credential: required", check, `case rule.Access == config.AccessOptional:`,
			`case rule.Access == config.AccessOptional || e.token == nil:`},
		{"3 credential: two places", extract, `case found.Found && credential.Found:`, `case found.Found && credential.Found && false:`},
		{"3 credential: two fields and commas", extract, `if seen || strings.Contains(h.Value, ",") {`, `if seen && false {`},
		{"3 credential: two of a kind", extract, `if len(values) > 1 {`, `if len(values) > 1 && false {`},
		{"3 credential: cross-site", extract, `&& !sameSite(r, credential.Source.Origins)`,
			`&& !sameSite(r, credential.Source.Origins) && false`},
		{"3 credential: upgrades are not safe", "internal/credential/cookie.go", `if len(r.Values("upgrade")) == 0 {`, `if true {`},
		{"3 credential: a JWT without the scheme", extract, `case !isBearer && containsJWT(value) &&`, `case false && containsJWT(value) &&`},
		{"3 credential: the scheme where none is read", extract, `case isBearer && !reads(config.SourceBearer):`, `case false:`},
		{"3 credential: size", compact, `if len(raw) > maxBytes {`, `if len(raw) > maxBytes && false {`},
		{"3 credential: base64url bytes", compact, `if !base64url(c) {`, `if !base64url(c) && false {`},
		{"3 credential: removal", check, `if rule.Forward || rule.Access == config.AccessPublic {`,
			`if rule.Forward || rule.Access == config.AccessPublic || true {`},
		{"3 credential: removal of one that failed", check,
			`e.allow(e.withoutIdentity, nil, e.remove(e.governing.TokensFrom))`,
			`e.allow(e.withoutIdentity, nil, credential.Removal{})`},

		{"4 header: parameters", verify, `if m.Present {`, `if m.Present && false {`},
		{"4 header: typ of any issuer", verify, `!v.types[h.typ] {`, `!v.types[h.typ] && text == "never" {`},
		{"4 header: duplicate names", strictReader, `if found && (depth == 1 || !r.tolerant) {`, `if found && r.tolerant {`},
		{"4 header: something behind the object", strictReader, `if r.at != len(r.text) {`, `if r.at != len(r.text) && false {`},
		{"4 header: depth of arrays", strictReader, `func (r *reader) array(depth int) (any, error) {
	if depth > maxDepth {`, `func (r *reader) array(depth int) (any, error) {
	if depth > maxDepth && false {`},
		{"4 header: UTF-8", strictReader, `if !utf8.ValidString(r.text) {`, `if !utf8.ValidString(r.text) && false {`},

		{"5 issuer: exact iss", verify, `issuer := v.issuerOf(iss)`, `issuer := v.issuerOf(strings.TrimSuffix(iss, "/"))`},
		{"5 issuer: one that is configured", verify, `issuer := v.issuerOf(iss)`, `issuer := v.issuerOf(iss)
	for _, one := range v.byISS {
		if issuer == nil {
			issuer = one
		}
	}`},
		{"5 issuer: its algorithms", verify, `case !slices.Contains(issuer.algorithms, h.alg):`,
			`case !slices.Contains(issuer.algorithms, h.alg) && false:`},
		{"5 issuer: its types", verify, `case h.hasType && !issuer.types[h.typ]:`, `case h.hasType && !issuer.types[h.typ] && false:`},

		{"6 key: a kid that is not a string", verify, `case h.hasKID && h.kid == "":`, `case h.hasKID && h.kid == "never":`},
		{"6 key: two keys without a kid", "internal/issuer/keyset.go",
			`case *one != nil && !(*one).public.Equal(k.public):`, `case false:`},
		{"6 key: keys that are not held", "internal/issuer/keyset.go", `if s.rest != nil || s.partial {`, `if false {`},
		{"6 key: the epoch without a kid", "internal/issuer/adopt.go", `&& !next.includesSole(old) {`, `&& false {`},
		{"6 key: the epoch of keys that are not held", "internal/issuer/keyset.go", `return s.restIncludes(old)`, `return true`},
		{"6 key: the key usage of a certificate", "internal/issuer/pem.go", `usage&x509.KeyUsageDigitalSignature == 0`, `false`},
		{"6 key: the bearer token to another host", "internal/issuer/bearer.go", `!strings.EqualFold(request.URL.Host, b.home.Host)`, `false`},
		{"6 key: the bearer token in plain text", "internal/issuer/bearer.go", `!config.LoopbackHost(request.URL.Hostname())`, `false`},
		{"6 key: the bearer token to a proxy", "internal/issuer/bearer.go", ` || b.proxied)`, `)`},
		{"6 key: bits of RSA", "internal/issuer/fitness.go", `minRSABits = 2048`, `minRSABits = 1024`},
		{"6 key: use", "internal/issuer/fitness.go", `m.has("use") && use != "sig"`, `m.has("use") && use == "never"`},
		{"6 key: SPIFFE's use", "internal/issuer/fitness.go", `use != "jwt-svid"`, `use != "jwt-svid" && use != "x509-svid"`},
		{"6 key: a gzip body's size", "internal/issuer/fetch.go", `readBounded(decoder)`, `io.ReadAll(decoder)`},
		{"6 key: its own alg", "internal/issuer/fitness.go", `(k.alg == "" || k.alg == alg)`, `(k.alg == "" || k.alg != "never")`},
		{"6 key: curve", method, `public.Curve.Params().BitSize != m.CurveBits`, `public.Curve.Params().BitSize != m.CurveBits && false`},

		{"7 signature", verify, `Verify(c.signed, c.signature, c.key); err != nil {`,
			`Verify(c.signed, c.signature, c.key); err != nil && false {`},
		{"7 signature: no claim in its failure", "internal/token/credential.go", `"kid "+quote.Text(c.kid)+", alg "+c.alg)`,
			`"kid "+quote.Text(c.kid)+", alg "+c.alg+c.claims)`},
		{"7 signature: salt", method, `rsa.PSSSaltLengthEqualsHash`, `rsa.PSSSaltLengthAuto`},

		{"8 claims: exp required", claims, `_, present := t.Claims()["exp"]; !present {`,
			`_, present := t.Claims()["exp"]; !present && false {`},
		{"8 claims: exp", claims, `case !now.Before(expiry.Add(i.leeway)):`, `case !now.Before(expiry.Add(i.leeway)) && false:`},
		{"8 claims: nbf", claims, `case notBefore.After(latest):`, `case notBefore.After(latest) && false:`},
		{"8 claims: iat", claims, `case issuedAt.After(latest):`, `case issuedAt.After(latest) && false:`},
		{"8 claims: range of times", claims, `!(seconds >= 0 && seconds <= maxNumericDate)`, `seconds != seconds`},
		{"8 claims: lifetime", claims, `expiry.Sub(issuedAt) > i.maxLifetime:`, `expiry.Sub(issuedAt) > i.maxLifetime && false:`},
		{"8 claims: lifetime without iat", claims, `case i.maxLifetime > 0 && issuedAt.IsZero():`, `case false:`},
		{"8 claims: audience", claims, `if len(expected) == 0 || slices`, `if true || slices`},
		{"8 claims: audience of a Cognito access token", claims, `use == useAccess && present {`, `use == "never" && present {`},
		{"8 claims: client", client, `(len(found) == 0 || slices.ContainsFunc(found, other))`,
			`false && slices.ContainsFunc(found, other)`},
		{"8 claims: a client that is named", client, `(len(found) == 0 || slices`, `(false || slices`},
		{"8 claims: client_id and azp agree", client, `found = append(found, clientClaim{name, client})`,
			`found = append(found[:0], clientClaim{name, client})`},
		{"8 claims: other clients only without client_id and azp", client, `	if len(found) > 0 {
		return found, nil
	}`, ``},
		{"8 claims: the form of client_id and azp", client, `		if !ok {
			return found, wrongForm`, `		if !ok && false {
			return found, wrongForm`},
		{"8 claims: client of an ID token", client, `if !slices.Contains(i.clients, t.Client) {`, `if false {`},
		{"8 claims: the tenant of iss", "internal/token/required.go", `claims["tid"] != t.Tenant {`, `claims["tid"] == t.Tenant && false {`},
		{"8 claims: a tenant's prefix", "internal/config/tenant.go", `FillTenant(i.Prefix, i.Tenants[iss])`, `i.Prefix`},
		{"5 issuer: the ID of any tenant", "internal/config/tenant.go", `return tenant, isTenantID(tenant)`, `return tenant, true`},
		{"8 claims: the prefix of any tenant", "internal/token/tenant.go", `config.FillTenant(form.prefix, tenant)`, `form.prefix`},
		{"8 claims: the prefix of any tenant, recalled", "internal/token/record.go", `config.FillTenant(form.prefix, t.Tenant)`, `form.prefix`},
		{"6 key: of one tenant, for any", "internal/issuer/set.go", `if cfg.AnyTenant {`, `if false {`},
		{"5 issuer: the trust domain of sub only without iss", verify, `if !members[0].Present {`, `if iss == "" {`},
		{"8 claims: the trust domain of sub", "internal/token/spiffe.go", `trustDomain(sub) == trustDomain(t.ISS+"/") {`, `true {`},
		{"configuration: whose token it is", "internal/config/preset.go", `if p.example != "" && !f.requiresOneOf(p.ownerClaims) {`,
			`if p.example == "never" && !f.requiresOneOf(p.ownerClaims) {`},
		{"hints: an audience of no application", "internal/token/diagnose.go",
			`change = cmp.Or(change, known); !shared {`, `change = cmp.Or(change, known); !shared || true {`},
		{"configuration: the provider's token for keys", "internal/config/preset.go",
			`return at.Has(key, "uri") || at.Has(key, "file")`, `return false`},
		{"6 key: a fallback after a response that must not be used", "internal/issuer/fetch.go",
			`if !ok || failed.result == FetchInvalid || len`, `if !ok || len`},
		{"6 key: the ETag of another server", "internal/issuer/fetch.go", `if ask.held.uri != uri {`, `if false {`},
		{"6 key: a fallback over plain http", "internal/issuer/set.go", `if err := checkURL(uri, id.AllowHTTP); err != nil {
			return nil, &mistake{"jwks",`, `if err := checkURL(uri, true); err != nil {
			return nil, &mistake{"jwks",`},
		{"6 key: a fallback removes keys", "internal/issuer/adopt.go", `!old.fallback && !r.stale(old, now) {`, `false {`},
		{"6 key: a fallback postpones max_stale", "internal/issuer/adopt.go", `next = old.borrowing(next)`,
			`next = old.borrowing(next); next.fetched = o.began`},
		{"6 key: a key in use past max_stale", "internal/issuer/adopt.go", `if r.stale(old, now) {`, `if false {`},
		{"6 key: a fallback is asked in a loop", "internal/issuer/adopt.go", `} else if !r.schedule`, `} else if false && !r.schedule`},
		{"6 key: a fallback makes a kid unknown", "internal/issuer/adopt.go", `if r.lent == nil {`, `if true {`},
		{"6 key: a fallback has a kid of the issuer", "internal/issuer/keyset.go", `|| !next.mentions(k.kid) {`, `|| true {`},
		{"6 key: a fallback has a kid twice", "internal/issuer/keyset.go", `if next.borrowed[k.kid] || !next`, `if !next`},
		{"6 key: a fallback's key without a kid", "internal/issuer/keyset.go", `|| s.borrowed[k.kid]:`, `:`},
		{"6 key: a fallback after max_stale", "internal/issuer/stale.go", `if r.lent != nil && r.stale(s, now) {`, `if false {`},
		{"6 key: a fallback's keys on disk", "internal/issuer/cachefile.go", ` && !s.borrowed[k.kid] {`, ` {`},
		{"6 key: a fallback's set on disk", "internal/issuer/cachefile.go", `max(age, 0)), stored.Fallback`, `max(age, 0)), false`},
		{"6 key: of another tenant", "internal/issuer/jwks.go", `strings.Contains(text, "{tenantid}") || slices`, `true || slices`},
		{"8 claims: required claims", "internal/token/required.go", `slices.Contains(want.values, one) }) {`, `true }) || true {`},
		{"8 claims: token_use", claims, `if !slices.Contains(i.tokenUse, use) {`, `if false {`},
		{"8 claims: ID tokens of others", use, `for _, name := range [...]string{"nonce", "at_hash", "c_hash", "s_hash"} {`,
			`for _, name := range [...]string{"never"} {`},
		{"8 claims: ID tokens of Keycloak", use, `strings.EqualFold(kind, "ID") {`, `kind == "never" {`},
		{"8 claims: access tokens that look like ID tokens", use, `if isAccessToken(claims, typ) || idTokenClaim`, `if idTokenClaim`},
		{"8 claims: logout tokens", use, `case typ == "logout+jwt", strings.EqualFold(kind, "Logout"):`, `case false:`},
		{"8 claims: security events", use, `case typ == "secevent+jwt", claims["events"] != nil:`, `case false:`},
		{"8 claims: refresh tokens", use, `case refreshClaim(claims) != "":`, `case false:`},
		{"8 claims: bound tokens", claims, `if !i.boundAsBearer && t.Claims()["cnf"] != nil {`, `if false {`},
		{"8 claims: subject", claims, `if subject == "" {
		return`, `if subject == "never" {
		return`},
		{"8 claims: a subject that is a string", named, `if text, _ := value.(string); text != "" {
			return text, path`, `if text := scalar(value); text != "" {
			return text, path`},
		{"8 claims: another's prefix in a claim that names the subject", verify, `t.subjectClaims, t.groupsClaim)`, `t.groupsClaim)`},
		{"8 claims: another's prefix", claims, `if name := i.claimOfAnotherIssuer(t); name != "" {`,
			`if name := i.claimOfAnotherIssuer(t); name == "never" {`},
		{"8 claims: another's prefix in a mapped claim", verify, `t.naming = append(t.naming, parseClaimPath(name))`, `_ = name`},
		{"8 claims: another's prefix in the client", claims, `if i.namedByClient && foreign`, `if false && foreign`},
		{"8 claims: no x-user-id", mapper, `if err != nil || value != "" {
		return err
	}
	failure :=`, `if err != nil || value == "" {
		return err
	}
	failure :=`},

		{"8 claims: revoked", verify, `failure = v.checkRevocation(token)`, `failure = nil`},
		{"8 claims: revoked at its issuer", revoked, `e := l.byIssuer[t.Issuer]`, `e := l.byIssuer["api"]`},
		{"8 claims: revoked by each key", revoked, `[...]string{t.Subject, t.Client, t.ID, t.OriginID}`,
			`[...]string{t.Subject, t.Client, t.ID, t.ID}`},
		{"8 claims: revoked without an iat", revoked, `t.IssuedAt.IsZero() || `, ``},
		{"8 claims: revoked by the later of two times", revoked, `max(before, earlier)`, `min(before, earlier)`},
		{"8 claims: revoked without the prefix", "internal/token/revocation.go", `strings.TrimPrefix(t.Subject, t.prefix)`,
			`strings.Clone(t.Subject)`},
		{"8 claims: a list with an invalid line", "internal/revocation/parse.go", `if err := invalid.err(); err != nil {`,
			`if err := invalid.err(); err != nil && false {`},

		{"8 memory: until exp", record, `!now.Before(t.Expiry) || `, ``},
		{"8 memory: from nbf and iat on", record, `now.Before(t.begin) || `, ``},
		{"8 memory: while the keys are the same", record, ` || t.by.keys.Epoch() != t.epoch`, ``},
		{"8 memory: the epoch is older than the key", verify,
			`	c.iss, c.issuer, c.epoch = iss, issuer, issuer.keys.Epoch()
	if c.key, err = issuer.keys.Key(ctx, c.kid, c.alg); err != nil {`,
			`	c.iss, c.issuer = iss, issuer
	c.key, err = issuer.keys.Key(ctx, c.kid, c.alg)
	if c.epoch = issuer.keys.Epoch(); err != nil {`},
		{"8 memory: each key set has its epoch", "internal/issuer/issuer.go", `return s.epoch`, `return 0 * s.epoch`},
		{"8 memory: revoked meanwhile", record, `return !revoked`, `return true || !revoked`},
		{"8 memory: revoked meanwhile by its token ID", record, `&t.ACR, &t.id, &t.originID}`, `&t.ACR, &t.ACR, &t.ACR}`},
		{"8 memory: good ones only", "internal/tokencache/cache.go", `if err == nil && now.Before(verified.Expiry) {`, `if err == nil {`},

		{"9 requirement: when", authorize, `if r.when != nil {`, `if r.when != nil && false {`},
		{"9 requirement: a condition that cannot be evaluated", condition, `return false, failureOf(err)`, `return true, ""`},
		{"9 requirement: the cost of a condition", condition, `, cel.CostLimit(costLimit))`, `)`},
		{"9 requirement: the work of a regular expression", "internal/condition/regex.go",
			`case len(text)*size > regexWork:`, `case len(text)*size > regexWork && false:`},
		{"9 requirement: issuers", authorize, `case len(want.Issuers) > 0 && `, `case false && len(want.Issuers) > 0 && `},
		{"9 requirement: groups", authorize, `case !met(want.Groups, t.Groups()):`, `case false:`},
		{"9 requirement: scopes", authorize, `case !met(want.Scopes, t.Scopes()):`, `case false:`},
		{"9 requirement: clients", authorize, `case !want.Clients.Empty() && `, `case false && !want.Clients.Empty() && `},

		{"9 requirement: shadow is for checks 3 to 9", check, `case rule.Shadow:`, `case !rule.Shadow:`},
		{"9 requirement: shadow of the governing rule alone", check, `if rule == e.governing {
		e.withoutIdentity`, `if true {
		e.withoutIdentity`},

		{"10 identity: names seen of a known token", shared,
			`if !found || !e.policy.mapper.Usual(e.request.Headers, e.parsed.Relaxed) {`, `if !found {`},
		{"10 identity: names seen of one that becomes known", shared,
			`!e.remembered.Remembered() || !e.policy.mapper.Usual(e.request.Headers, e.parsed.Relaxed) {`, `!e.remembered.Remembered() {`},
		{"10 identity: one token, two routes", shared, `uint64(e.rule.Number())<<40 | `, ``},
		{"10 identity: one token, two origins", shared, `uint64(origin)<<16 | `, `0*uint64(origin) | `},
		{"10 identity: one token under further rules", shared, `len(e.further) == 0 && `, ``},
		{"10 identity: one token, two hosts", shared, ` | uint64(e.parsed.Relaxed.Bits())`, ``},
		{"10 identity: an end that moves", shared, ` && !e.rule.EndStreamsAtExpiry`, ``},
		{"10 identity: places other than bearer", shared, `e.rule.BearerOnly() && `, ``},
		{"10 identity: one token, other cookies to remove", shared,
			` &&
		!credential.Strips(&e.parsed, e.policy.cfg.Identity.StripCookies)`, ` || credential.Strips(&e.parsed, nil)`},
		{"10 identity: cookies of public routes", check, `e.allow(ReasonPublic, nil, e.remove(nil))`,
			`e.allow(ReasonPublic, nil, credential.Removal{})`},
		{"10 identity: names seen", strip, `if !guarded || open(why, relaxed) {
			continue
		}
		name`, `if true || guarded && open(why, relaxed) {
			continue
		}
		name`},
		{"10 identity: names unseen", strip, `if !isSet(set, name) {
			remove`, `if false {
			remove`},
		{"10 identity: overrides of the method", strip, `return relaxed.MethodOverride
`, `return true
`},
		{"10 identity: overrides of the URL", strip, `return relaxed.OriginalURL
`, `return true
`},
		{"10 identity: overrides of the host", strip, `return relaxed.ForwardedHost
`, `return true
`},
		{"10 identity: what the file strips", mapper, `if _, known := m.folded[dashed]; known {`,
			`if _, known := m.folded[dashed]; known && why == identityName {`},
		{"10 identity: what is set stays", strip, `if !isSet(set, name) && !slices.Contains(remove, name) {`,
			`if !slices.Contains(remove, name) {`},
		{"10 identity: unverified email", mapper, `return verified || stated && relaxed.UnverifiedEmail`, `return true || verified || stated`},
		{"10 identity: an email of which nothing is said", mapper, `stated && relaxed.UnverifiedEmail`,
			`(stated || true) && relaxed.UnverifiedEmail`},
		{"10 identity: prefix of what names the user", mapper, `if config.NamesUser(h.Name) {`, `if false {`},
		{"10 identity: prefix of the client as a name", mapper, `return t.Name(text)`, `return text`},
		{"10 identity: size", mapper, `case len(text) > m.maxBytes:`, `case false:`},
		{"10 identity: size of all headers", mapper, `if total > m.maxTotal {`, `if total > m.maxTotal && false {`},
		{"10 identity: size of names", "internal/identity/size.go", `return len(h.Name) + len(h.Value)`, `return len(h.Value)`},
		{"10 identity: prefix", "internal/token/token.go", `return t.prefix + text, true`, `return text, true`},
		{"10 identity: prefix of groups", "internal/token/token.go", `return prefixed(t.prefix, groups), true`, `return groups, true`},
		{"10 identity: encoding", "internal/identity/encode.go", `return escape(text, false), err`, `return text, err`},

		{"hints: groups without the issuer's prefix", "internal/route/denial.go", `case len(unprefixed) > 0:`, `case false:`},
		{"hints: an issuer that the configuration refuses", "internal/token/near.go",
			`config.IsISS(iss, i.discovered, i.allowHTTP) && whole(iss)`, `true`},
		{"answer: a denial denies twice", "internal/extauthz/response.go",
			`Status: &rpcstatus.Status{Code: int32(rpc), Message`, `Status: &rpcstatus.Status{Code: 0 * int32(rpc), Message`},
		{"answer: an answer is no error", "internal/extauthz/response.go",
			`d.Answer.Status >= http.StatusOK && d.Answer.Status < http.StatusBadRequest`, `d.Answer.Status >= 0`},
		{"answer: what the application says stays", "internal/extauthz/response.go",
			`corev3.HeaderValueOption_ADD_IF_ABSENT`, `corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD`},
		{"answer: a denial is none that Envoy lets pass", "internal/extauthz/response.go",
			`d.Denial.Status < http.StatusBadRequest`, `d.Denial.Status < 0`},
		{"answer: headers overwrite", "internal/extauthz/response.go", `wrapperspb.Bool(false)`, `wrapperspb.Bool(true)`},
		{"answer: a template is of one route", "internal/extauthz/template.go", `		route: d.Route, reason`, `		reason`},
		{"answer: a template names nobody", "internal/extauthz/template.go", `d.Issuer == "" && d.Subject == "" && d.Expires.IsZero()`, `true`},
		{"answer: a template is of one origin", "internal/extauthz/template.go", `if len(denial.CORS) > 0 {`, `if false {`},
		{"answer: a template has the decision's own id", "internal/extauthz/template.go",
			`copy(to[begin+int(offset):], text)`, `_, _ = begin, offset`},

		{"connections: a message that does not come", "internal/extauthz/connection.go",
			`if c.begun[(now-age)%sweepSlots].Load() > 0 {`, `if false {`},
		{"connections: a stream that does not come", "internal/extauthz/connection.go",
			`if time.Duration(now-c.opened)*sweepInterval > firstStreamTimeout {`,
			`if time.Duration(now-c.opened)*sweepInterval > 1000*firstStreamTimeout {`},
		{"connections: what is read of messages", "internal/extauthz/connection.go", `c.partialBytes.Load() > c.readLimit.Load()`, `false`},
		{"connections: how many", conns, `refused := len(s.open) >= s.max && unused == nil`, `refused := false`},
		{"connections: one that asks before one that does not", conns, `if !conn.hadStream.Load() && (oldest`, `if false && (oldest`},
		{"connections: a share of the streams", "internal/extauthz/streams.go", `all.incomplete.Load() >= maxIncomplete && `, `false && `},
		{"connections: how long a message", "internal/extauthz/server.go", `grpc.MaxRecvMsgSize(maxMessageBytes),`,
			`grpc.MaxRecvMsgSize(maxMessageBytes * 8),`},
		{"connections: compression", "internal/extauthz/server.go", `func (noCompression) Type() string { return "gzip" }`,
			`func (noCompression) Type() string { return "none" }`},
		{"admin: hosts", "internal/telemetry/host.go", `if !hostAllowed(r.Host, named) {`, `if false {`},
		{"admin: names that are not listed", "internal/telemetry/host.go", `name != "" && named != nil && named(name)`, `true`},
		{"admin: how many connections", "internal/telemetry/admin.go", `Listener(listener, maxConnections)`, `Listener(listener, 1<<20)`},
		{"audit: no query", "internal/audit/record.go", `RedactPath, r.RawPath())`, `RedactPath, r.Target)`},
		{"audit: a redacted field", "internal/gate/redaction.go", `!slices.Contains(r.Fields(), field)`,
			`r != nil || !slices.Contains(r.Fields(), field)`},
		{"audit: the values of a condition", "internal/audit/record.go", `(text, part, "(redacted)")`, `(text, part, part)`},
		{"candidate: an offer does not wait", "internal/gate/candidate.go",
			`	case c.waiting <- offered{clone(r), live}:
	default:
		c.skipped.Add(1)
	}`,
			`	case c.waiting <- offered{clone(r), live}:
	}`},
		{"keys: Close waits for the fetch", "internal/issuer/refresher.go", `flight.Wait()`, ``},
	}
}

// original returns the file that the mutant changes, which contains the check once.
func (m mutant) original(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		t.Fatalf("%s has %q %d times, want once: the check has moved, and `make mutate` with it", m.file, m.old, n)
	}
	return string(text)
}

// TestMutantsAreCurrent: each check that `make mutate` disables is in the table's file.
func TestMutantsAreCurrent(t *testing.T) {
	for _, m := range mutants() {
		t.Run(m.check, func(t *testing.T) { m.original(t) })
	}
}
