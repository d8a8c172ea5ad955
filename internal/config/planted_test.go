package config_test

import "testing"

// planted holds one mistake of each kind that a user makes. The issuers come
// last, since the rules between routes and issuers must not need an order.
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
    jwks: {uri: "https://keys.example/jwks", file: keys.json, refresh_interval: 2d}
  nobody: {audiences: [api], token_types: [application/jwt]}
cors: {preflight: pass, origins: ["*"]}
relax: {all: [encoded_dot]}
`

func TestPlantedMistakes(t *testing.T) {
	same(t, mistakes(t, planted), []string{
		`2:11: server.listen is 9001, which is no string; write host:port or unix:PATH, such as 127.0.0.1:9001`,
		`3:16: server.drain_delay is "3" without a unit; write a duration with its unit, such as 3s, from 0s to 10m`,
		`4:3: the key "socket_mod" is unknown in server; did you mean socket_mode?`,
		`5:17: admin.listen is "127.0.0.1:99999", whose port is no number from 0 to 65535; write host:port, such as 127.0.0.1:9002`,
		`6:1: the key "listen" is unknown in the file; it belongs at server.listen or admin.listen`,
		`7:10: default is "public"; write required or deny`,
		`9:27: tokens.from[1].cookie is "session id"; write the cookie's name, 1 to 128 letters, digits and any of !#$%&'*+-.^_` + "`" + `|~`,
		`10:14: tokens.max_bytes is "12288"; write a whole number of bytes from 256 to 65536, without quotes`,
		`11:12: tokens.forward is "yes"; write true or false, without quotes`,
		`14:16: identity.headers.x-user-id is "$subject", which is no value of the gate; write a claim such as email, one of $groups $scopes $client $kind $issuer, or a list of them`,
		`15:5: identity.headers.Host is a header that carries the request itself; setting or removing it would break requests, so write another name`,
		`16:5: identity.headers.x_user_team is no plain header name; write x-user-team, which covers every spelling of it`,
		`17:5: identity.headers.x-unknown is null, but no default header has this name; write a claim, or put the name under identity.strip`,
		`18:16: identity.strip[1] repeats an earlier item; remove it`,
		`18:21: identity.strip[2] needs the variable NOT_SET, which is not set; set it, or write ${NOT_SET:-default}`,
		`19:20: identity.max_value_bytes is "1"; write a whole number of bytes from 64 to 65536, without quotes`,
		`21:29: routes[0].access is "publik"; write public, optional, required or deny`,
		`22:5: routes[1] is the single value "GET /b"; write a route such as {match: GET /api/health, access: public}`,
		`23:5: routes[2].match is missing; write [METHOD,...] PATH, such as GET /api/health, or a name for a route that only Envoy chooses, by jwtgate.route in its context_extensions`,
		`24:21: routes[3].groups is an empty list; write a list such as [admin], or {all: [admin]} to ask for all of them, or leave the key out`,
		`25:13: routes[4].match is "GET /c", and so is that of routes[3], which stands before it and takes every such request, so that this route never decides; take one of them out`,
		`25:29: routes[4].hosts[0] is "api.example:8080" with a port; write "api.example"`,
		`26:37: routes[5].scopes asks for something of a token, but this route is public; write access: required, or leave it out`,
		`27:33: routes[6].if_invalid is for access: optional, and this route is required; leave it out`,
		`28:31: routes[7].issuers[0] is "pol", and no issuer has that name; did you mean pool?`,
		`28:51: routes[7].groups.any is no key: any one of a plain list will do; write [x]`,
		`29:5: routes[8] needs issuers beside its groups, scopes, clients, when, max_auth_age or acr, since there is more than one issuer; write issuers: [pool, both, open, plain, nobody] or those of them that you mean`,
		`30:5: routes[9] needs issuers beside its groups, scopes, clients, when, max_auth_age or acr, since there is more than one issuer; write issuers: [pool, both, open, plain, nobody] or those of them that you mean`,
		`31:5: the key "wehn" is unknown in routes[9]; did you mean when?`,
		`33:5: the key "match" in routes[9] stands at 30:5 already; keep one of them`,
		`35:3: issuers.pool.prefix is missing; with more than one issuer each says its own, such as "pool:", or "" to leave its users and groups bare`,
		`35:19: issuers.pool.cognito is "us-west-1", which is no user pool id; write a user pool id such as us-west-1_6BpkgoczU`,
		`35:54: issuers.pool.leeway is "2m", out of its range; write a duration with its unit, such as 30s, from 0s to 1m`,
		`36:42: issuers.both.issuer stands beside cognito, which names the issuer already; keep one of them`,
		`37:3: issuers.open needs audiences or clients, or it would take every token that this issuer signs for anyone; write audiences: [AUDIENCE]`,
		`37:75: issuers.open.algorithms[1] is "none"; write RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA`,
		`39:13: issuers.plain.issuer is "http://plain.example", which is not encrypted; write https://, or dangerously_allow_http: true for this issuer`,
		`40:13: issuers.plain.prefix is "p:" and that of issuers.open is "p"; no prefix may equal or begin with another`,
		`41:17: issuers.plain.audiences[0] is empty; write an audience`,
		`42:17: issuers.plain.jwks.uri stands beside file, and keys come from one place; keep one of them`,
		`42:81: issuers.plain.jwks.refresh_interval is "2d", which is no duration (the units are ms, s, m and h); write a duration with its unit, such as 15m, from 1s to 24h`,
		`43:3: issuers.nobody names no issuer; write cognito: POOL, or issuer: URL`,
		`43:3: issuers.nobody.prefix is missing; with more than one issuer each says its own, such as "nobody:", or "" to leave its users and groups bare`,
		`43:44: issuers.nobody.token_types[0] is "application/jwt"; write "jwt", application/ is understood`,
		`44:35: cors.origins[0] is "*", which would be every site; write each origin out, such as https://app.example`,
		`45:15: relax.all[0] is "encoded_dot"; write encoded_slash, encoded_percent, semicolon, double_slash, ignore_case, case_sensitive, slash_sensitive, method_override, original_url, forwarded_host or unverified_email`,
	})
}
