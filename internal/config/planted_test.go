package config_test

import "testing"

// planted has one mistake of each common kind. The issuers come last, because rules
// that involve routes and issuers must not depend on their order.
const planted = `server:
  listen: 9001
  drain_delay: 3
  socket_mod: "0660"
admin: {listen: "127.0.0.1:99999"}
listen: 127.0.0.1:9001
default: public
tokens:
  from: [bearer, {cookie: session id}]
  max_bytes: "12288"
  forward: "yes"
identity:
  headers:
    x-user-id: $subject
    Host: sub
    x_user_team: team
    x-unknown: null
  strip: [x-a, x-a, "${NOT_SET}"]
  max_value_bytes: 1
routes:
  - {match: GET /a, access: publik}
  - GET /b
  - {access: public}
  - {match: GET /c, groups: []}
  - {match: GET /c, hosts: ["api.example:8080"]}
  - {match: GET /d, access: public, scopes: [read]}
  - {match: GET /e, if_invalid: anonymous}
  - {match: GET /f, issuers: [pol], groups: {any: [x]}}
  - {match: GET /g, groups: [admin]}
  - match: GET /h
    wehn: token.subject == path.id
    when: token.subject == path.id
    match: GET /i
issuers:
  pool: {cognito: us-west-1, clients: [web], leeway: 2m}
  both: {cognito: us-east-1_abc, issuer: "https://login.example/", prefix: ""}
  open: {issuer: "https://open.example", prefix: "p", algorithms: [RS256, none]}
  plain:
    issuer: http://plain.example
    prefix: "p:"
    audiences: [""]
    jwks: {uri: "https://keys.example/jwks", file: keys.json, refresh_interval: 2d, max_keys: 0, bearer_file: 7}
  nobody: {audiences: [api], token_types: [application/jwt]}
cors: {preflight: pass, origins: ["*"]}
relax: {all: [encoded_dot]}
`

func TestPlantedMistakes(t *testing.T) {
	same(t, mistakes(t, planted), []string{
		`2:11: server.listen is not a string: got 9001; expected host:port or unix:PATH, such as 127.0.0.1:9001`,
		`3:16: server.drain_delay has no unit: got "3"; expected a duration with its unit, such as 3s, from 0s to 10m`,
		`4:3: unknown key "socket_mod" in server; did you mean socket_mode?`,
		`5:17: admin.listen has a port that is not a number from 0 to 65535: got "127.0.0.1:99999"; expected host:port, such as 127.0.0.1:9002`,
		`6:1: unknown key "listen" in the file; it belongs at server.listen or admin.listen`,
		`7:10: default is invalid: got "public"; expected required or deny`,
		`9:27: tokens.from[1].cookie is invalid: got "session id"; expected the cookie's name, 1 to 128 letters, digits and any of ` +
			`!#$%&'*+-.^_` + "`" + `|~`,
		`10:14: tokens.max_bytes is invalid: got "12288"; expected a whole number of bytes from 256 to 65536, without quotes`,
		`11:12: tokens.forward is invalid: got "yes"; expected true or false, without quotes`,
		`14:16: identity.headers.x-user-id is an unknown derived value: got "$subject"; expected a claim such as email, one of $groups ` +
			`$scopes $client $kind $issuer $tenant, or a list of them`,
		`15:5: identity.headers.Host is part of the request itself, so setting or removing it would break requests; use another name`,
		`16:5: identity.headers.x_user_team is not a plain header name; expected x-user-team, which covers every spelling`,
		`17:5: identity.headers.x-unknown is null, but it is not a default header; expected a claim; to remove the header from requests, list ` +
			`it in identity.strip`,
		`18:16: identity.strip[1] repeats an earlier item; remove it`,
		`18:21: identity.strip[2] uses the variable NOT_SET, which is not set; set it, or write ${NOT_SET:-default}`,
		`19:20: identity.max_value_bytes is invalid: got "1"; expected a whole number of bytes from 64 to 65536, without quotes`,
		`21:29: routes[0].access is invalid: got "publik"; expected public, optional, required or deny`,
		`22:5: routes[1] is the single value "GET /b"; expected a route such as {match: GET /api/health, access: public}`,
		`23:5: routes[2].match is missing; expected [METHOD,...] PATH, such as GET /api/health, or a name for a route that only Envoy ` +
			`selects, with jwtgate.route in its context_extensions`,
		`24:21: routes[3].groups is an empty list; set it to a list such as [admin], or {all: [admin]} to ask for all of them, or remove the key`,
		`25:13: routes[4].match is repeated: got "GET /c", which routes[3] has too; that route comes first and matches all these requests, so ` +
			`this route is never used; remove one of them`,
		`25:29: routes[4].hosts[0] has a port: got "api.example:8080"; expected "api.example"`,
		`26:37: routes[5].scopes is a requirement for a token, but this route is public; write access: required, or remove it`,
		`27:33: routes[6].if_invalid has no effect without access: optional, and this route is required; remove it`,
		`28:31: routes[7].issuers[0] is an unknown issuer: got "pol"; did you mean pool?`,
		`28:51: routes[7].groups.any is not supported, because a plain list such as [admin] already means any of its items`,
		`29:5: routes[8] has no issuers; with more than one issuer, a route with groups, scopes, clients, when, max_auth_age or acr needs ` +
			`them; write issuers: [pool, both, open, plain, nobody], or only some of them`,
		`30:5: routes[9] has no issuers; with more than one issuer, a route with groups, scopes, clients, when, max_auth_age or acr needs ` +
			`them; write issuers: [pool, both, open, plain, nobody], or only some of them`,
		`31:5: unknown key "wehn" in routes[9]; did you mean when?`,
		`33:5: the key "match" is repeated in routes[9]; it first appears at 30:5; keep one of them`,
		`35:3: issuers.pool.prefix is missing; with more than one issuer, every issuer needs a prefix, for example "pool:", or "" for none`,
		`35:19: issuers.pool.cognito is not a user pool id: got "us-west-1"; expected a user pool id such as us-west-1_6BpkgoczU`,
		`35:54: issuers.pool.leeway is out of range: got "2m"; expected a duration with its unit, such as 30s, from 0s to 1m`,
		`36:42: issuers.both.issuer conflicts with cognito, which sets the issuer too; keep one of them`,
		`37:3: issuers.open has neither audiences nor clients, so it would accept tokens that the issuer signs for other applications; write ` +
			`audiences: [AUDIENCE]`,
		`37:75: issuers.open.algorithms[1] is invalid: got "none"; expected RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, ` +
			`EdDSA or Ed25519`,
		`40:13: issuers.plain.prefix is "p:", but that of issuers.open is "p"; expected prefixes that do not equal or begin with each other`,
		`41:17: issuers.plain.audiences[0] is empty; expected an audience`,
		`42:17: issuers.plain.jwks.uri conflicts with file, because keys have one source; keep one of them`,
		`42:81: issuers.plain.jwks.refresh_interval is not a duration (the units are ms, s, m and h): got "2d"; expected a duration with its ` +
			`unit, such as 15m, from 1s to 24h`,
		`42:95: issuers.plain.jwks.max_keys is invalid: got "0"; expected a whole number of keys from 1 to 10000, without quotes`,
		`42:111: issuers.plain.jwks.bearer_file is not a string: got 7; expected the path of a file with a bearer token, in quotes if it ` +
			`looks like a number, true or false`,
		`43:3: issuers.nobody has no provider, cognito or issuer; write provider: NAME, cognito: POOL, or issuer: URL`,
		`43:3: issuers.nobody.prefix is missing; with more than one issuer, every issuer needs a prefix, for example "nobody:", or "" for none`,
		`43:44: issuers.nobody.token_types[0] is invalid: got "application/jwt"; expected "jwt", without application/`,
		`44:35: cors.origins[0] is "*", which would allow every site; list each origin, such as https://app.example`,
		`45:15: relax.all[0] is invalid: got "encoded_dot"; expected encoded_slash, encoded_percent, semicolon, double_slash, ignore_case, ` +
			`case_sensitive, slash_sensitive, method_override, original_url, forwarded_host or unverified_email`,
	})
}
