package gate_test

import (
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// second adds an issuer with these settings, of which the request has no token.
func second(p *plight, settings object) {
	one := object{"issuer": "https://b.example/", "prefix": "b:", "algorithms": []any{"ES256"}, "audiences": []any{"b"}}
	for key, value := range settings {
		one[key] = value
	}
	p.cfg["issuers"].(object)["b"], p.sets["b"] = one, p.sets["home"]
}

// pool makes home a Cognito user pool.
func pool(p *plight) {
	one := p.issuer("home")
	delete(one, "issuer")
	delete(one, "audiences")
	delete(p.claims, "aud")
	one["cognito"], p.claims["token_use"] = "us-west-1_6BpkgoczU", "access"
	p.claims["iss"] = "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU"
}

func audienceRows() []hintRow {
	aud := func(name string, value any, more ...func(p *plight)) hintRow {
		return hintRow{reason: "audience_mismatch", name: name, spoil: func(p *plight) {
			for _, one := range more {
				one(p)
			}
			if p.claims["aud"] = value; value == nil {
				delete(p.claims, "aud")
			}
		}}
	}
	client := func(p *plight) { p.claims["client_id"] = "orders-api" }
	noClients := func(p *plight) { delete(p.issuer("home"), "clients") }
	two := func(p *plight) { add(p.issuer("home"), "audiences", "invoices-api") }
	nonce := func(p *plight) { p.claims["nonce"] = "n" }
	idOnly := func(p *plight) { p.issuer("home")["token_use"] = []any{"id"} }
	realm := func(p *plight) {
		p.issuer("home")["issuer"], p.claims["iss"] = "https://home.example/realms/a", "https://home.example/realms/a"
	}
	return []hintRow{
		aud("of no application", "account", realm), aud("of no application, and of another", []any{"account", "other"}, realm),
		aud("of no application, and the client", "account", realm, client, noClients),
		aud("of no application, as another issuer's", "account", realm, func(p *plight) { second(p, object{"audiences": []any{"account"}}) }),
		aud("the issuer", "https://home.example/"),
		aud("missing", nil), aud("empty", []any{}), aud("another", "other"), aud("several", []any{"x", "y"}), aud("an empty string", ""),
		aud("a long one", strings.Repeat("x", 600)),
		aud("a space", "x "), aud("only invalid ones", []any{"", " "}), aud("two are expected", "other", two),
		aud("an ID token", "web", nonce), aud("an ID token where ID tokens are expected", "web", nonce, idOnly),
		aud("an ID token of another client", "app", nonce, noClients), aud("another issuer's", "b", func(p *plight) { second(p, nil) }),
		aud("the client", "account", client, noClients), aud("the client, and two are expected", "account", client, noClients, two),
		aud("the client, which is listed", "account", client, func(p *plight) { add(p.issuer("home"), "clients", "orders-api") }),
		aud("the client, and no aud", nil, client, noClients),
		aud("a resource of Cognito", "https://api.example", pool), aud("an empty resource of Cognito", []any{}, pool),
		aud("Cognito with audiences", "x", pool, func(p *plight) {
			p.issuer("home")["audiences"], p.issuer("home")["token_use"] = []any{"orders-api"}, []any{"access"}
		}),
	}
}

func clientRows() []hintRow {
	row := func(name string, changes ...func(p *plight)) hintRow {
		return hintRow{reason: "client_mismatch", name: name, spoil: func(p *plight) {
			for _, one := range changes {
				one(p)
			}
		}}
	}
	set := func(claim string, value any) func(p *plight) { return func(p *plight) { p.claims[claim] = value } }
	none := func(p *plight) { delete(p.claims, "client_id") }
	noAudiences := func(p *plight) { delete(p.issuer("home"), "audiences") }
	two := func(p *plight) { add(p.issuer("home"), "clients", "cli") }
	id := func(p *plight) { pool(p); p.claims["token_use"] = "id" }
	return []hintRow{
		row("another", set("client_id", "app")), row("two others", set("client_id", "app"), set("azp", "app2")),
		row("azp too", set("azp", "app")),
		row("an empty string", set("client_id", "")), row("a long one", set("client_id", strings.Repeat("x", 600))),
		row("none", none), row("none, own claims", none, func(p *plight) { p.issuer("home")["client_claims"] = []any{"azp", "/app/id"} }),
		row("cid is a number", none, set("cid", 7)),
		row("in aud", none, noAudiences, set("aud", "web")),
		row("in aud, another client", noAudiences, set("client_id", "app"), set("aud", []any{"x", "web"})),
		row("in aud, two clients", none, noAudiences, two, set("aud", "cli")),
		row("in aud, which is checked", none, set("aud", []any{"orders-api", "web"})),
		row("another issuer's", set("client_id", "job"), func(p *plight) { second(p, object{"clients": []any{"job"}}) }),
		row(
			"another issuer's, and two others",
			set("client_id", "job"),
			set("azp", "x"),
			func(p *plight) { second(p, object{"clients": []any{"job"}}) },
		),
		row("Cognito", pool, set("client_id", "app")),
		row("Cognito, none", pool, none), row("Cognito, in aud", pool, set("client_id", "app"), set("aud", "web")),
		row("an ID token of Cognito", id, set("aud", "app")), row("an ID token of Cognito with a list", id, set("aud", []any{"web"})),
		row("an ID token of Cognito without aud", id),
	}
}

func useRows() []hintRow {
	row := func(name string, spoil func(p *plight)) hintRow {
		return hintRow{"token_use_mismatch", name, spoil, nil}
	}
	only := func(use string) func(p *plight) {
		return func(p *plight) { p.issuer("home")["token_use"] = []any{use} }
	}
	then := func(one, two func(p *plight)) func(p *plight) { return func(p *plight) { one(p); two(p) } }
	use := func(value any) func(p *plight) { return func(p *plight) { p.claims["token_use"] = value } }
	return []hintRow{
		row("an ID token", func(p *plight) { p.claims["nonce"] = "n" }), row("an access token", only("id")),
		row("a logout token", func(p *plight) { p.claims["events"] = object{"x": object{}} }),
		row("a logout token where ID tokens are expected", then(only("id"), func(p *plight) { p.claims["typ"] = "Logout" })),
		row("a refresh token", func(p *plight) { p.claims["typ"] = "Refresh" }),
		row("Cognito, ID", then(pool, then(only("access"), then(use("id"), func(p *plight) { p.claims["aud"] = "web" })))),
		row("Cognito, access", then(pool, only("id"))),
		row("Cognito, none", then(pool, use(nil))), row("Cognito, another", then(pool, use("x"))),
		row("Cognito, another where ID tokens are expected", then(pool, then(only("id"), use("x")))),
	}
}

func subjectRows() []hintRow {
	row := func(name string, spoil func(p *plight)) hintRow { return hintRow{"subject_missing", name, spoil, nil} }
	made := func(claims ...any) func(p *plight) {
		return func(p *plight) { p.section("identity")["headers"] = object{"x-user-id": claims} }
	}
	return []hintRow{
		row("missing", func(p *plight) { delete(p.claims, "sub") }), row("a number", func(p *plight) { p.claims["sub"] = 7 }),
		row("empty", func(p *plight) { p.claims["sub"] = "" }),
		row("two claims", func(p *plight) { p.issuer("home")["subject_claims"] = []any{"device", "user"} }),
		row("Cognito", func(p *plight) { pool(p); delete(p.claims, "sub") }),
		row("x-user-id, missing", made("employee")),
		row("x-user-id, an object", func(p *plight) { made("employee")(p); p.claims["employee"] = object{} }),
		row("x-user-id, derived", func(p *plight) { made("$tenant")(p) }),
		row("x-user-id, no email", made("email")),
		row("x-user-id, email", func(p *plight) { made("email")(p); p.claims["email"] = "a@b.example" }),
		row("x-user-id, an unverified email", func(p *plight) {
			made("email")(p)
			p.claims["email"], p.claims["email_verified"] = "a@b.example", false
		}),
	}
}

func requirementRows() []hintRow {
	row := func(reason gate.Reason, name, key string, value any, more ...func(p *plight)) hintRow {
		return hintRow{reason: reason, name: name, spoil: func(p *plight) {
			p.strict()[key] = value
			for _, one := range more {
				one(p)
			}
		}}
	}
	set := func(claim string, value any) func(p *plight) { return func(p *plight) { p.claims[claim] = value } }
	prefix := func(p *plight) { p.issuer("home")["prefix"] = "own:" }
	other := func(p *plight) { second(p, nil) }
	home := func(p *plight) { second(p, nil); p.strict()["issuers"] = []any{"home"} }
	any := func(values ...any) []any { return values }
	return []hintRow{
		row("issuer_not_allowed", "", "issuers", any("b"), other),
		row(
			"issuer_not_allowed",
			"alternatives",
			"any_of",
			any(object{"issuers": any("b")}, object{"issuers": any("b"), "scopes": any("read")}),
			other,
		),
		row("group_missing", "no claim", "groups", any("admin")),
		row("group_missing", "another", "groups", any("admin"), set("groups", any("x"))),
		row("group_missing", "two", "groups", object{"all": any("a", "b")}, set("groups", any("a"))),
		row("group_missing", "an array of objects and strings", "groups", any("admin"), set("groups", any("admin", object{}))),
		row("group_missing", "an object", "groups", any("admin"), set("groups", object{"admin": object{"1": "acme.example"}})),
		row("group_missing", "a program", "groups", any("admin"), set("sub", "web")),
		row("group_missing", "with the prefix", "groups", any("own:admin"), prefix),
		row("group_missing", "without the prefix", "groups", any("admin", "staff"), prefix, set("groups", any("admin"))),
		row("group_missing", "one of two without the prefix", "groups", any("admin", "own:staff"), prefix),
		row("group_missing", "all, without the prefix", "groups", object{"all": any("admin")}, prefix, set("groups", any("admin"))),
		row("group_missing", "left out", "groups", any("admin"), set("_claim_names", object{"groups": "src1"})),
		row("group_missing", "left out, implicit", "groups", any("admin"), set("hasgroups", true)),
		row("group_missing", "Cognito", "groups", any("admin"), pool),
		row(
			"group_missing",
			"alternatives",
			"any_of",
			any(object{"groups": any("admin")}, object{"groups": any("b"), "scopes": any("x")}),
		),
		row("scope_missing", "", "scopes", any("write")), row("scope_missing", "all", "scopes", object{"all": any("read", "write", "x")}),
		row("scope_missing", "an object", "scopes", any("write"), set("scope", object{"write": true})),
		row("client_not_allowed", "", "clients", any("cli")),
		row("client_not_allowed", "all of one", "clients", object{"all": any("cli")}),
		row("client_not_allowed", "all of two", "clients", object{"all": any("web", "cli")}),
		row("client_not_allowed", "none", "clients", any("cli"), set("client_id", nil), func(p *plight) {
			delete(p.claims, "client_id")
			delete(p.issuer("home"), "clients")
		}),
		row("client_not_allowed", "alternatives", "any_of", any(object{"clients": any("cli")}, object{"clients": any("b", "c")})),
		row("client_not_allowed", "alternatives of issuers", "any_of",
			any(object{"issuers": any("b")}, object{"issuers": any("home"), "clients": any("b", "c")}), home),
		row("login_too_old", "", "max_auth_age", "5m", set("auth_time", time.Now().Add(-time.Hour).Unix())),
		row("login_too_old", "no time", "max_auth_age", "5m"),
		row("login_too_old", "a string", "max_auth_age", "5m", set("auth_time", "1")),
		row("login_too_old", "milliseconds", "max_auth_age", "5m", set("auth_time", time.Now().UnixMilli())),
		row("login_too_old", "in the future", "max_auth_age", "5m", set("auth_time", time.Now().Add(time.Hour).Unix())),
		row("acr_too_weak", "", "acr", any("gold", "platinum"), set("acr", "tin")), row("acr_too_weak", "none", "acr", any("gold")),
	}
}

func conditionRows() []hintRow {
	when := func(reason gate.Reason, name, condition string, fixes map[string]func(p *plight)) hintRow {
		return hintRow{reason, name, func(p *plight) { p.strict()["when"] = condition }, fixes}
	}
	write := func(condition string) func(p *plight) { return func(p *plight) { p.strict()["when"] = condition } }
	const twelve = "[1,2,3,4,5,6,7,8,9,10,11,12]"
	const loops = twelve + ".all(a, " + twelve + ".all(b, " + twelve + ".all(c, " + twelve + ".all(d, a+b+c+d > claims.n))))"
	type own = map[string]func(p *plight)
	cheap := write("true")
	return []hintRow{
		when("condition_false", "", "token.subject == 'bob'", own{"FixCondition": func(p *plight) { p.claims["sub"] = "bob" }}),
		when("condition_error", "a missing claim", "claims.level >= 3", own{"FixHas": write("!has(claims.level) || claims.level >= 3")}),
		when(
			"condition_error",
			"a list",
			"claims.my_groups[3] == 'x'",
			own{"FixListLength": write("size(claims.my_groups) < 4 || claims.my_groups[3] == 'x'")},
		),
		when("condition_error", "a type", "claims.sub >= 3", own{"FixClaimType": write("type(claims.sub) != int || claims.sub >= 3")}),
		when("condition_error", "arithmetic", "1 / (claims.iat - claims.iat) == 1", own{"FixArithmetic": cheap}),
		{"condition_error", "cost", func(p *plight) { p.strict()["when"], p.claims["n"] = loops, -1 }, own{
			"FixCheaper": cheap, "FixShorterValues": write(strings.ReplaceAll(loops, twelve, "[1]")),
		}},
		{"condition_error", "no iat", func(p *plight) {
			p.strict()["when"] = "token.issued_at < now + duration('1h')"
			delete(p.claims, "iat")
		}, own{
			"FixNoIssuedAt": cheap,
		}},
	}
}

func identityRows() []hintRow {
	row := func(name string, settings object, claim string, length int) hintRow {
		return hintRow{
			"identity_too_large",
			name,
			func(p *plight) { p.cfg["identity"], p.claims[claim] = settings, strings.Repeat("x", length) },
			nil,
		}
	}
	return []hintRow{
		row("a value", object{"max_value_bytes": 64}, "preferred_username", 65),
		row(
			"x-user-id",
			object{"max_value_bytes": 64, "headers": object{"x-user-id": []any{"preferred_username"}}},
			"preferred_username",
			65,
		),
		row("all together", object{"max_total_bytes": 1024}, "preferred_username", 1100),
		row(
			"all together, x-user-id is the largest",
			object{"max_total_bytes": 1024, "headers": object{"x-user-id": []any{"preferred_username"},
				"x-user-name": nil}},
			"preferred_username",
			1100,
		),
	}
}
