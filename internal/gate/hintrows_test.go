package gate_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/signer"
)

// hintRow is one cause of a denial. spoil adds it to a request that is allowed. fixes are
// how to follow fixes whose text does not say everything.
type hintRow struct {
	reason gate.Reason
	name   string
	spoil  func(p *plight)
	fixes  map[string]func(p *plight)
}

func newCast(t *testing.T) *cast {
	t.Helper()
	make := func(alg string) *signer.Key {
		key, err := signer.New(alg)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return &cast{
		home:  make("ES256"),
		other: make("ES256"),
		p384:  make("ES384"),
		rsa:   make("RS256"),
		weak:  signer.With(weak, "RS256", "weak"),
	}
}

func hintRows(c *cast) []hintRow {
	var all []hintRow
	for _, part := range [][]hintRow{
		requestRows(), routeRows(), credentialRows(), malformedRows(), headerRows(c), issuerRows(), keyRows(c), claimRows(), timeRows(),
		audienceRows(), clientRows(), useRows(), subjectRows(), requirementRows(), conditionRows(), identityRows(),
	} {
		all = append(all, part...)
	}
	return all
}

func requestRows() []hintRow {
	path := func(name, target string) hintRow {
		return hintRow{reason: "path_refused", name: name, spoil: func(p *plight) { p.target = target }}
	}
	rows := []hintRow{
		{"method_refused", "lower case", func(p *plight) { p.method = "get" }, nil},
		{"method_refused", "not a token", func(p *plight) { p.method = "G ET" }, nil},
		{"method_refused", "many methods in the query", func(p *plight) {
			p.method, p.target = "POST", "/strict?_method=A&_method=B&_method=C&_method=D&_method=E"
		}, nil},
		{"method_refused", "a method in the query of a named route", func(p *plight) {
			p.method, p.target, p.route = "POST", "/strict?_method=PUT", "strict"
		}, nil},
		{"host_refused", "a port that is not a number", func(p *plight) { p.host = "api.example:x" }, nil},
		{"host_refused", "two hosts", func(p *plight) { p.host = "api.example,b" }, nil},
		{"connection_header_refused", "", func(p *plight) { p.fields = []string{"connection: x-user-id"} }, nil},
		path("no slash", "strict"),
	}
	for _, part := range []string{
		`\`, ";", "#", " ", "é", "/", "/..", "%zz", "%ff", "%0a", "%2e", "%2f", "%5c", "%25", "%3b", "%00",
	} {
		other := "/%2f"
		if part == other[1:] {
			other = "/%5c"
		}
		rows = append(rows, path(part, "/"+part+"strict"), path(part+" with another", "/"+part+"strict"+other))
	}
	return rows
}

func routeRows() []hintRow {
	preflight := func(origin string) func(p *plight) {
		return func(p *plight) {
			p.method, p.send, p.cfg["cors"] = "OPTIONS", "", object{"origins": []any{"https://app.example"}}
			p.fields = []string{"origin: " + origin, "access-control-request-method: GET"}
		}
	}
	return []hintRow{
		{"preflight_refused", "", preflight("https://new.example"), nil},
		{"preflight_refused", "an origin that cannot be listed", preflight("null"), nil},
		{"route_unknown", "", func(p *plight) { p.route = "nowhere" }, nil},
		{"route_unknown", "an invalid name", func(p *plight) { p.route = "a\nb" }, nil},
		{"route_mismatch", "path", func(p *plight) { p.route, p.target = "strict", "/x" }, nil},
		{"route_mismatch", "host", func(p *plight) { p.route, p.strict()["hosts"] = "strict", []any{"other.example"} }, nil},
		{"route_denied", "a route", func(p *plight) { p.strict()["access"] = "deny" }, nil},
		{"route_denied", "the default", func(p *plight) { p.target, p.cfg["default"] = "/x", "deny" }, nil},
		{"route_denied", "a named route", func(p *plight) { p.route, p.strict()["access"] = "strict", "deny" }, nil},
		{"route_denied", "another reading of the path", func(p *plight) {
			p.target, p.strict()["access"] = "/STRICT", "deny"
			p.cfg["routes"] = append(p.cfg["routes"].([]any), object{"match": "/**"})
		}, nil},
	}
}

func credentialRows() []hintRow {
	from := func(places ...any) func(p *plight) {
		return func(p *plight) { p.strict()["tokens_from"] = places }
	}
	then := func(one, two func(p *plight)) func(p *plight) { return func(p *plight) { one(p); two(p) } }
	none := func(p *plight) { p.send = "" }
	cookie := func(p *plight) { p.method, p.send = "POST", "cookie: session=%s" }
	missing := func(name string, spoil func(p *plight)) hintRow {
		return hintRow{"credential_missing", name, spoil, nil}
	}
	ambiguous := func(name string, spoil func(p *plight)) hintRow {
		return hintRow{"credential_ambiguous", name, spoil, nil}
	}
	return []hintRow{
		missing("a route", none),
		missing("a route with requirements", then(none, func(p *plight) { p.strict()["scopes"] = []any{"read"} })),
		missing("the default", then(none, func(p *plight) { p.target = "/x" })),
		missing("a cookie", then(none, from(object{"cookie": "session"}))),
		missing("a token elsewhere", from(object{"cookie": "session"})),
		missing("no scheme", func(p *plight) { p.send = "authorization: %s" }),
		missing(
			"no scheme, and a route of its own",
			then(from("bearer", object{"cookie": "s"}), func(p *plight) { p.send = "authorization: %s" }),
		),
		missing("another scheme", func(p *plight) { p.send = "authorization: Token %s" }),
		missing("another scheme where none is read", then(from(object{"header": "authorization"}), func(p *plight) {
			p.send = "authorization: Token %s"
		})),
		missing("a scheme where none is read", from(object{"header": "authorization"})),
		ambiguous("two fields", func(p *plight) { p.fields = []string{"authorization: Bearer a.b.c"} }),
		ambiguous("two places", then(from("bearer", object{"cookie": "s"}), func(p *plight) { p.fields = []string{"cookie: s=a.b.c"} })),
		ambiguous("a comma", then(from(object{"header": "x-t"}), func(p *plight) {
			p.send, p.spoil = "x-t: %s", func(raw string) string { return raw + ",a" }
		})),
		ambiguous(
			"an encoded parameter",
			then(from(object{"query": "token"}), func(p *plight) { p.send, p.target = "", "/strict?%74oken=%s" }),
		),
		ambiguous("a protocol twice", then(from(object{"websocket_protocol": "bearer"}), func(p *plight) {
			p.send, p.fields = "sec-websocket-protocol: bearer, %s, bearer", []string{"upgrade: websocket"}
		})),
		{"cross_site", "an origin", then(from(object{"cookie": "session"}), then(cookie, func(p *plight) {
			p.fields = []string{"origin: https://app.example"}
		})), nil},
		{
			"cross_site",
			"null",
			then(from(object{"cookie": "session"}), then(cookie, func(p *plight) { p.fields = []string{"origin: null"} })),
			nil,
		},
		{"cross_site", "no origin", then(from(object{"cookie": "session"}), cookie), nil},
		{"token_too_large", "", func(p *plight) { p.claims["padding"] = strings.Repeat("x", 13000) }, nil},
		{"token_too_large", "more than can be configured", func(p *plight) { p.claims["padding"] = strings.Repeat("x", 66000) }, nil},
	}
}

// encrypted returns an encrypted token with a header.
func encrypted(header string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + ".AA.AA.AA.AA"
}

func malformedRows() []hintRow {
	as := func(name string, spoil func(raw string) string) hintRow {
		return hintRow{reason: "token_malformed", name: name, spoil: func(p *plight) { p.spoil = spoil }}
	}
	always := func(text string) func(string) string { return func(string) string { return text } }
	only := func(row hintRow) hintRow { // the only issuer checks clients
		before := row.spoil
		row.name += ", only clients"
		row.spoil = func(p *plight) { before(p); delete(p.issuer("home"), "audiences") }
		return row
	}
	return []hintRow{
		as("null", always("null")), as("an object", always("[object Object]")),
		as("quotes", func(raw string) string { return `"` + raw + `"` }),
		as("single quotes", func(raw string) string { return `'` + raw + `'` }),
		as("padding", func(raw string) string { return raw + "==" }),
		as("padding in a part", func(raw string) string { return strings.Replace(raw, ".", "=.", 1) }),
		as("standard base64", func(raw string) string { return raw + "+/" }),
		as("an opaque token", always("gho_16C7e42F292c6912E7710c838347Ae178B4a")),
		as("an opaque token of two parts", always("ya29.a0AfH6SMB")),
		only(as("an opaque token", always("2YotnFZFEjr1zCsicMWpAA"))),
		as("the beginning", func(raw string) string { return raw[:20] }),
		as("an end that is cut", func(raw string) string { return raw[:len(raw)-1] }),
		as("Bearer twice", func(raw string) string { return "Bearer " + raw }),
		as("four parts", func(raw string) string { return raw + ".a" }),
		as("five parts", always("a.b.c.d.e")), as("a header that is not JSON", func(raw string) string { return "AAAA" + raw[4:] }),
		as("an empty part", func(raw string) string { return raw[strings.Index(raw, "."):] }),
		as("an encrypted token", always(encrypted(`{"alg":"dir","enc":"A256GCM"}`))),
		as("an encrypted token of a configured issuer", always(encrypted(`{"alg":"dir","enc":"A256GCM","iss":"https://home.example/"}`))),
		as("a refresh token of Cognito", always(encrypted(`{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}`))),
		{"token_malformed", "no token", func(p *plight) { p.send = "authorization: Bearer " }, nil},
	}
}

func headerRows(c *cast) []hintRow {
	header := func(reason gate.Reason, name, parameter string, value any) hintRow {
		return hintRow{reason: reason, name: name, spoil: func(p *plight) { p.header[parameter] = value }}
	}
	published := func(p *plight) { p.key, p.sets["home"] = c.p384, append(p.sets["home"], jwk(c.p384)) }
	return []hintRow{
		header("alg_not_allowed", "unsupported", "alg", "HS256"), header("alg_not_allowed", "none", "alg", "none"),
		{"alg_not_allowed", "not published", func(p *plight) { p.key = c.p384 }, nil},
		{"alg_not_allowed", "published", published, nil},
		{"alg_not_allowed", "published, and another issuer's", func(p *plight) {
			published(p)
			p.cfg["issuers"].(object)["b"] = object{"issuer": "https://b.example/", "prefix": "b:", "audiences": []any{"b"},
				"algorithms": []any{"ES384"}}
			p.sets["b"] = []object{jwk(c.p384)}
		}, nil},
		{"alg_not_allowed", "of an unknown issuer", func(p *plight) { p.key, p.claims["iss"] = c.p384, "https://x.example/" }, nil},
		header("header_not_allowed", "crit", "crit", []any{"exp"}), header("header_not_allowed", "zip", "zip", "DEF"),
		header("type_not_allowed", "", "typ", "my+jwt"), header("type_not_allowed", "a logout token", "typ", "logout+jwt"),
		header("type_not_allowed", "a proof of DPoP", "typ", "dpop+jwt"), header("type_not_allowed", "invalid", "typ", "a b"),
		header("type_not_allowed", "not a string", "typ", 7),
		{
			"type_not_allowed",
			"of an unknown issuer",
			func(p *plight) { p.header["typ"], p.claims["iss"] = "my+jwt", "https://x.example/" },
			nil,
		},
	}
}

func issuerRows() []hintRow {
	unknown := func(name, configured, found string, more ...func(p *plight)) hintRow {
		return hintRow{reason: "issuer_unknown", name: name, spoil: func(p *plight) {
			p.issuer("home")["issuer"], p.claims["iss"] = configured, found
			for _, one := range more {
				one(p)
			}
		}}
	}
	const east = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_ExamplePool"
	const updated = "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_ExamplePool"
	cognito := func(p *plight) {
		one := p.issuer("home")
		delete(one, "issuer")
		delete(one, "audiences")
		one["cognito"], p.claims["token_use"] = "us-east-1_ExamplePool", "access"
		delete(p.claims, "aud")
	}
	access := func(p *plight) {
		p.claims["token_use"] = "access"
		delete(p.issuer("home"), "audiences")
		delete(p.claims, "aud")
	}
	const v1, v2 = "https://sts.windows.net/" + tenantID + "/", "https://login.microsoftonline.com/" + tenantID + "/v2.0"
	graph := func(p *plight) { p.header["nonce"] = "n" }
	discovered := func(p *plight) { p.issuer("home")["algorithms"] = []any{"ES256"} }
	return []hintRow{
		unknown("another", "https://home.example/", "https://other.example/"),
		unknown("none", "https://home.example/", "https://home.example/", func(p *plight) { delete(p.claims, "iss") }),
		unknown(
			"not a URL",
			"https://home.example/",
			"robot@x",
		),
		unknown("a number", "https://home.example/", "", func(p *plight) { p.claims["iss"] = 7 }),
		unknown("a document", "https://home.example/", "https://x.example/.well-known/openid-configuration"),
		unknown("a template", "https://home.example/", "https://x.example/{tenant}/v2.0"),
		unknown(
			"a slash too many",
			"https://home.example",
			"https://home.example/",
		),
		unknown("a slash too few", "https://home.example/", "https://home.example"),
		unknown("http", "https://home.example/", "http://home.example/"), unknown("no scheme", "https://home.example/", "home.example/"),
		unknown("another host", "https://home.example/realms/a", "https://b.example/realms/a"),
		unknown("no host", "https://home.example/realms/a", "https:///realms/a"),
		unknown("a long host", "https://home.example/realms/a", "https://"+strings.Repeat("h", 90)+"/realms/a"),
		unknown("discovered", "https://home.example/realms/a", "https://b.example/realms/a", discovered),
		unknown("Entra's version 1.0", v2, v1), unknown("Entra's version 2.0", v1, v2),
		unknown("Microsoft Graph", v2, v1, graph),
		unknown("Cognito, a slash", "", east+"/", cognito),
		unknown("Cognito, another region", "", strings.Replace(east, "idp.us-east-1", "idp.eu-west-1", 1), cognito),
		unknown("Cognito, another region that is none", "", strings.Replace(east, "idp.us-east-1", "idp.nowhere", 1), cognito),
		unknown("Cognito, another region, updated", "", strings.Replace(updated, "idp.us-east-1", "idp.eu-west-1", 1), cognito),
		unknown("Cognito by its URL, updated", east, updated, access),
		unknown("Cognito by its URL, without clients", east, updated, func(p *plight) {
			p.claims["token_use"] = "access"
			delete(p.issuer("home"), "clients")
		}),
		unknown("Cognito by its URL, another region", east, strings.Replace(east, "idp.us-east-1", "idp.eu-west-1", 1), access),
	}
}

func keyRows(c *cast) []hintRow {
	unfit := func(name string, change func(key object)) hintRow {
		return hintRow{reason: "key_unfit", name: name, spoil: func(p *plight) {
			bad := jwk(c.other)
			change(bad)
			p.key, p.sets["home"] = c.other, append(p.sets["home"], bad)
		}}
	}
	set := func(name string, value any) func(key object) { return func(key object) { key[name] = value } }
	rs256 := func(p *plight) { add(p.issuer("home"), "algorithms", "RS256", "ES384") }
	return []hintRow{
		{"kid_missing", "empty", func(p *plight) { p.header["kid"] = "" }, nil},
		{"kid_missing", "not a string", func(p *plight) { p.header["kid"] = 7 }, nil},
		{"kid_missing", "two keys", func(p *plight) { p.header["kid"], p.sets["home"] = nil, append(p.sets["home"], jwk(c.other)) }, nil},
		{"key_unknown", "", func(p *plight) { p.key = c.other }, nil},
		unfit("use", set("use", "enc")), unfit("key_ops", set("key_ops", []any{"sign"})), unfit("alg", set("alg", "ECDH-ES")),
		unfit("private", set("d", "AA")), unfit("malformed", set("x", "AA")), unfit("curve", set("crv", "secp256k1")),
		unfit("type", set("kty", "XYZ")), unfit("symmetric", set("kty", "oct")),
		{
			"key_unfit",
			"too short",
			func(p *plight) { rs256(p); p.key, p.sets["home"] = c.weak, append(p.sets["home"], jwk(c.weak)) },
			nil,
		},
		{"key_unfit", "only a certificate", func(p *plight) {
			rs256(p)
			bad := jwk(c.rsa)
			bad["x5c"] = []any{"AA"}
			delete(bad, "n")
			delete(bad, "e")
			p.key, p.sets["home"] = c.rsa, append(p.sets["home"], bad)
		}, nil},
		{"key_unfit", "a kid with two keys", func(p *plight) {
			second := jwk(c.other)
			second["kid"] = c.home.ID
			p.sets["home"] = append(p.sets["home"], second)
		}, nil},
		{"key_unfit", "a key for another algorithm", func(p *plight) { rs256(p); p.header["alg"] = "ES384" }, nil},
		{"key_unfit", "a key for an algorithm that is not configured", func(p *plight) {
			p.sets["home"] = append(p.sets["home"], jwk(c.p384))
			p.key, p.header["alg"] = c.p384, "ES256"
		}, nil},
		{"key_unfit", "no kid and no key", func(p *plight) { rs256(p); p.key, p.header["kid"] = c.p384, nil }, nil},
		{"signature_invalid", "", func(p *plight) { p.key, p.header["kid"] = c.other, c.home.ID }, nil},
		{"signature_invalid", "Microsoft Graph", func(p *plight) {
			const iss = "https://login.microsoftonline.com/" + tenantID + "/v2.0"
			p.issuer("home")["issuer"], p.claims["iss"], p.header["nonce"], p.spoil = iss, iss, "n", tampered
		}, nil},
	}
}

func claimRows() []hintRow {
	claim := func(name string, value any) hintRow {
		return hintRow{reason: "claims_malformed", name: name, spoil: func(p *plight) { p.claims[name] = value }}
	}
	twice := func(raw string) string {
		parts := strings.Split(raw, ".")
		parts[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://home.example/","iss":"https://home.example/"}`))
		return strings.Join(parts, ".")
	}
	require := func(name string, value any) hintRow {
		return hintRow{reason: "claim_mismatch", name: name, spoil: func(p *plight) {
			p.issuer("home")["require"], p.claims["org"] = object{"org": []any{"acme", "b"}}, value
		}}
	}
	entra := "https://login.microsoftonline.com/" + tenantID + "/v2.0"
	return []hintRow{
		{"claims_malformed", "a claim twice", func(p *plight) { p.spoil = twice }, nil},
		claim("exp", "soon"),
		claim("nbf", true), claim("iat", []any{}), claim("aud", []any{"orders-api", 7}), claim("client_id", []any{"web"}), claim("azp", 7),
		{"claims_malformed", "milliseconds", func(p *plight) { p.claims["exp"] = time.Now().UnixMilli() }, nil},
		{"claims_malformed", "another issuer's prefix", func(p *plight) {
			p.cfg["issuers"].(object)["b"] = object{
				"issuer":     "https://b.example/",
				"prefix":     "b:",
				"audiences":  []any{"b"},
				"algorithms": []any{"ES256"},
			}
			p.sets["b"], p.claims["sub"] = p.sets["home"], "b:alice"
		}, nil},
		require("another value", "other"), require("a list", []any{"x", "y"}), require("missing", nil), require("an object", object{}),
		require("an empty string", ""),
		require("a long value", strings.Repeat("x", 600)), require("an invalid value first", []any{" x", "y"}),
		{"claim_mismatch", "a tenant", func(p *plight) {
			one := p.issuer("home")
			one["issuer"], one["tenants"] = "https://login.microsoftonline.com/{tenant}/v2.0", []any{tenantID}
			p.claims["iss"], p.claims["tid"] = entra, "22222222-2222-4333-8444-555555555555"
		}, nil},
		{"claim_mismatch", "a trust domain", func(p *plight) {
			p.issuer("home")["issuer"], p.claims["iss"] = "spiffe://prod.example", "spiffe://prod.example"
			p.claims["sub"] = "spiffe://evil.example/ns/a"
		}, nil},
		{"token_bound", "", func(p *plight) { p.claims["cnf"] = object{"jkt": "k"} }, nil},
	}
}

func timeRows() []hintRow {
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	return []hintRow{
		{"expiry_missing", "", func(p *plight) { delete(p.claims, "exp") }, nil},
		{"expired", "", func(p *plight) { p.claims["exp"] = at(-time.Hour) }, nil},
		{"not_yet_valid", "", func(p *plight) { p.claims["nbf"] = at(4 * time.Minute) }, nil},
		{"issued_in_future", "", func(p *plight) { p.claims["iat"] = at(4 * time.Minute) }, nil},
		{"lifetime_too_long", "", func(p *plight) { p.issuer("home")["max_lifetime"] = "5m" }, nil},
		{"lifetime_too_long", "no iat", func(p *plight) { p.issuer("home")["max_lifetime"] = "5m"; delete(p.claims, "iat") }, nil},
		{"lifetime_too_long", "longer than can be configured", func(p *plight) {
			p.issuer("home")["max_lifetime"], p.claims["exp"] = "5m", at(20*365*24*time.Hour)
		}, nil},
		{"token_revoked", "sub", func(p *plight) { p.revoked = []string{`{"issuer":"home","sub":"alice"}`} }, nil},
		{"token_revoked", "client, until a time", func(p *plight) {
			p.claims["iat"] = at(-time.Minute)
			p.revoked = []string{
				`{"issuer":"home","client":"web","issued_before":"` + time.Now().Add(-30*time.Second).UTC().Format(time.RFC3339) + `"}`,
			}
		}, nil},
		{"token_revoked", "jti", func(p *plight) { p.revoked = []string{`{"issuer":"home","jti":"j-1"}`} }, nil},
		{"token_revoked", "origin_jti", func(p *plight) {
			p.revoked, p.claims["origin_jti"] = []string{`{"issuer":"home","origin_jti":"o-1"}`}, "o-1"
		}, nil},
	}
}
