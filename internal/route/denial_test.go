package route_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// denialOf returns the error for a token with these claims, which must not meet the requirement.
func denialOf(t *testing.T, want config.Requirement, claims map[string]any) *denial.Error {
	t.Helper()
	compiled, err := route.New(&config.Config{Routes: []config.Route{{
		Name: "x", Match: "/**", Access: config.AccessRequired, Requirement: want,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	rule, _ := compiled.Named("x")
	err = rule.Authorize(verified(t, claims), noRequest(), tokentest.Now())
	var failure *denial.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v", err)
	}
	return failure
}

func alternative(one config.Alternative) config.Requirement {
	return config.Requirement{Alternative: one}
}

// TestDenialSaysWhy: a denial says what was found, what was expected, and what to change.
func TestDenialSaysWhy(t *testing.T) {
	const elsewhere = `, or list the claim that has the groups in groups_claim of issuer "shop"`
	const leftOut = `; the token says that it leaves out groups, because there are too many `
	const fewer = "configure the issuer to write fewer groups (Entra: groups that are assigned to the application) or app roles"
	many := make([]string, 12)
	for i := range many {
		many[i] = fmt.Sprintf("g%d", i)
	}
	ago := func(d time.Duration) map[string]any {
		return map[string]any{"auth_time": tokentest.Now().Add(-d).Unix(), "acr": "silver"}
	}
	for _, row := range []struct {
		name         string
		want         config.Requirement
		claims       map[string]any
		detail, hint string
	}{
		{"issuer", alternative(config.Alternative{Issuers: []string{"a", "b"}}), nil,
			`has issuer "shop", needs one of "a", "b"`, `add issuer "shop" to this route's issuers`},
		{"one group", alternative(config.Alternative{Groups: anyOf("admin")}), map[string]any{"groups": []string{"dev", "ops"}},
			`has groups "dev", "ops", needs one of "admin"`, `add this user to group "admin"`},
		{"one of two groups", alternative(config.Alternative{Groups: anyOf("admin", "root")}), nil,
			`has no groups (groups is missing), needs one of "admin", "root"`,
			`add this user to one of the groups "admin", "root"` + elsewhere},
		{"all groups but one", alternative(config.Alternative{Groups: allOf("a", "b", "c")}), map[string]any{"groups": []string{"b"}},
			`has groups "b", needs all of "a", "b", "c"`, `add this user to the groups "a", "c"`},
		{"any and all", alternative(config.Alternative{Groups: config.Choice{Any: []string{"x"}, All: []string{"a", "b"}}}),
			map[string]any{"groups": []string{"a"}},
			`has groups "a", needs one of "x" and all of "a", "b"`, `add this user to group "x" and group "b"`},
		{"any is met, all is not", alternative(config.Alternative{Groups: config.Choice{Any: []string{"x"}, All: []string{"b"}}}),
			map[string]any{"groups": []string{"x"}},
			`has groups "x", needs one of "x" and all of "b"`, `add this user to group "b"`},
		{"a program's group", alternative(config.Alternative{Groups: anyOf("admin")}), map[string]any{"client_id": "alice"},
			`has no groups (groups is missing), needs one of "admin"`, `add this client to group "admin"` + elsewhere},
		{"many groups", alternative(config.Alternative{Groups: anyOf("admin")}), map[string]any{"groups": many},
			`has groups "g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7" and 4 more, needs one of "admin"`, `add this user to group "admin"`},
		{"eight groups", alternative(config.Alternative{Groups: anyOf("admin")}), map[string]any{"groups": many[:8]},
			`has groups "g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", needs one of "admin"`, `add this user to group "admin"`},
		{"a group as long as is shown", alternative(config.Alternative{Groups: anyOf("admin")}),
			map[string]any{"groups": []string{strings.Repeat("g", quote.Max)}},
			`has groups "` + strings.Repeat("g", quote.Max) + `", needs one of "admin"`, `add this user to group "admin"`},
		{"a longer one", alternative(config.Alternative{Groups: anyOf("admin")}),
			map[string]any{"groups": []string{strings.Repeat("g", quote.Max+1)}},
			`has groups "` + strings.Repeat("g", quote.Max) + `"..., needs one of "admin"`, `add this user to group "admin"`},
		{"one in another script", alternative(config.Alternative{Groups: anyOf("admin")}), map[string]any{"groups": []string{"größe"}},
			`has groups "gr\u00f6\u00dfe", needs one of "admin"`, `add this user to group "admin"`},
		{"a group that would break a line", alternative(config.Alternative{Groups: anyOf("admin")}),
			map[string]any{"groups": []string{"a\nb\"c"}},
			`has groups "a\nb\"c", needs one of "admin"`, `add this user to group "admin"`},
		{"groups that are a number", alternative(config.Alternative{Groups: anyOf("7")}), map[string]any{"groups": 7},
			`has no groups (groups is a number), needs one of "7"`, "configure the issuer to write groups as a string or an array of strings"},
		{"groups with a number in it", alternative(config.Alternative{Groups: anyOf("a")}), map[string]any{"groups": []any{"a", 7}},
			`has no groups (groups is an array with an item that is not a string), needs one of "a"`,
			"configure the issuer to write groups as a string or an array of strings"},
		{"an empty array of groups", alternative(config.Alternative{Groups: anyOf("a")}), map[string]any{"groups": []string{}},
			`has no groups (groups is an empty array), needs one of "a"`, `add this user to group "a"`},
		{"a group that is a string", alternative(config.Alternative{Groups: anyOf("a")}), map[string]any{"groups": "a b"},
			`has groups "a b", needs one of "a"`, `add this user to group "a"`},
		{"groups that are left out", alternative(config.Alternative{Groups: anyOf("a")}),
			map[string]any{"_claim_names": map[string]any{"groups": "src1"}},
			`has no groups (groups is missing), needs one of "a"` + leftOut + "(_claim_names)", fewer},
		{"groups that are left out of an implicit token", alternative(config.Alternative{Groups: anyOf("a")}),
			map[string]any{"hasgroups": true}, `has no groups (groups is missing), needs one of "a"` + leftOut + "(hasgroups)", fewer},
		{"another claim that is left out", alternative(config.Alternative{Groups: anyOf("a")}),
			map[string]any{"_claim_names": map[string]any{"address": "src1"}}, `has no groups (groups is missing), needs one of "a"`,
			`add this user to group "a"` + elsewhere},
		{"scopes that are an object", alternative(config.Alternative{Scopes: anyOf("a")}), map[string]any{"scope": map[string]any{}},
			`has no scopes (scope is an object), needs one of "a"`, "configure the issuer to write scope as a string or an array of strings"},
		{"a client that is null", alternative(config.Alternative{Clients: anyOf("cli")}), map[string]any{"azp": nil},
			`has no client (azp is null, client_id is missing), needs one of "cli"`, "use a token with its client in client_id or azp"},
		{"login at a string", config.Requirement{MaxAuthAge: time.Hour}, map[string]any{"auth_time": "1"},
			"does not say when the login was (auth_time is a string), at most 1h ago",
			"configure the issuer to write the time of the login into auth_time, in seconds since 1970"},
		{"acr is a number", config.Requirement{ACR: []string{"1"}}, map[string]any{"acr": 1}, `has no acr (acr is a number), needs one of "1"`,
			`log in with acr "1"`},
		{"scope", alternative(config.Alternative{Scopes: anyOf("orders/read")}), map[string]any{"scope": "a b"},
			`has scopes "a", "b", needs one of "orders/read"`, `ask the issuer for scope "orders/read"`},
		{"scopes", alternative(config.Alternative{Scopes: allOf("a", "b")}), nil,
			`has no scopes (scope and scp are missing), needs all of "a", "b"`, `ask the issuer for the scopes "a", "b"`},
		{"client", alternative(config.Alternative{Clients: anyOf("cli", "job")}), map[string]any{"client_id": "site"},
			`has client "site", needs one of "cli", "job"`, `add client "site" to this route's clients`},
		{"no client", alternative(config.Alternative{Clients: anyOf("cli")}), nil,
			`has no client (client_id and azp are missing), needs one of "cli"`, "use a token with its client in client_id or azp"},
		{"any_of", config.Requirement{AnyOf: []config.Alternative{{Groups: anyOf("a")}, {Scopes: anyOf("s")}}}, nil,
			`has no groups (groups is missing), needs one of "a"; or has no scopes (scope and scp are missing), needs one of "s"`,
			`add this user to group "a"` + elsewhere + `, or ask the issuer for scope "s"`},
		{"any_of with an issuer's",
			config.Requirement{AnyOf: []config.Alternative{{Issuers: []string{"other"}, Groups: anyOf("b")}, {Groups: anyOf("a")}}}, nil,
			`has issuer "shop", needs one of "other"; or has no groups (groups is missing), needs one of "a"`,
			`add this user to group "a"` + elsewhere},
		{"any_of of other issuers", config.Requirement{AnyOf: []config.Alternative{{Issuers: []string{"b"}}, {Issuers: []string{"c"}}}}, nil,
			`has issuer "shop", needs one of "b"; or has issuer "shop", needs one of "c"`,
			`add issuer "shop" to issuers of this route's alternative with the issuers "b", or ` +
				`add issuer "shop" to issuers of this route's alternative with the issuers "c"`},
		{"any_of one", config.Requirement{AnyOf: []config.Alternative{{Groups: anyOf("a")}}}, nil,
			`has no groups (groups is missing), needs one of "a"`, `add this user to group "a"` + elsewhere},
		{"any_of the same",
			config.Requirement{AnyOf: []config.Alternative{
				{Groups: anyOf("a"), Clients: anyOf("x")}, {Groups: anyOf("a"), Clients: anyOf("y")}}}, nil,
			`has no groups (groups is missing), needs one of "a"`,
			`add this user to group "a"` + elsewhere},
		{"any_of four",
			config.Requirement{AnyOf: []config.Alternative{
				{Scopes: anyOf("a")}, {Scopes: anyOf("b")}, {Scopes: anyOf("c")}, {Scopes: anyOf("d")}}}, nil,
			`has no scopes (scope and scp are missing), needs one of "a"; or has no scopes (scope and scp are missing), needs one of "b"; ` +
				`or has no scopes (scope and scp are missing), needs one of "c"; or has no scopes (scope and scp are missing), needs one of "d"`,
			`ask the issuer for scope "a", or ask the issuer for scope "b", or ask the issuer for scope "c", or ask the issuer for scope "d"`},
		{"any_of six, the last furthest", config.Requirement{AnyOf: []config.Alternative{
			{Groups: anyOf("a")}, {Groups: anyOf("b")}, {Groups: anyOf("c")}, {Groups: anyOf("d")}, {Groups: anyOf("e")}, {Scopes: anyOf("s")}}},
			nil,
			`has no groups (groups is missing), needs one of "a"; or has no groups (groups is missing), needs one of "b"; ` +
				`or has no groups (groups is missing), needs one of "c"; or has no scopes (scope and scp are missing), needs one of "s"; or 2 more`,
			`add this user to group "a"` + elsewhere +
				`, or add this user to group "b", or add this user to group "c", or ask the issuer for scope "s"`},
		{"any_of five, the fourth furthest", config.Requirement{AnyOf: []config.Alternative{
			{Groups: anyOf("a")}, {Groups: anyOf("b")}, {Groups: anyOf("c")}, {Scopes: anyOf("s")}, {Groups: anyOf("e")}}}, nil,
			`has no groups (groups is missing), needs one of "a"; or has no groups (groups is missing), needs one of "b"; ` +
				`or has no groups (groups is missing), needs one of "c"; or has no scopes (scope and scp are missing), needs one of "s"; or 1 more`,
			`add this user to group "a"` + elsewhere +
				`, or add this user to group "b", or add this user to group "c", or ask the issuer for scope "s"`},
		{"login of hours and minutes", config.Requirement{MaxAuthAge: time.Hour}, ago(2*time.Hour + 13*time.Minute),
			"logged in 2h13m ago, at most 1h", "log in again"},
		{"login of seconds", config.Requirement{MaxAuthAge: 30 * time.Second}, ago(31 * time.Second), "logged in 31s ago, at most 30s",
			"log in again"},
		{"login of minutes and seconds", config.Requirement{MaxAuthAge: time.Minute}, ago(90 * time.Second),
			"logged in 1m30s ago, at most 1m", "log in again"},
		{"login at no time", config.Requirement{MaxAuthAge: time.Hour}, nil,
			"does not say when the login was (auth_time is missing), at most 1h ago",
			"configure the issuer to write the time of the login into auth_time, in seconds since 1970"},
		{"acr", config.Requirement{ACR: []string{"gold", "platinum"}}, ago(0), `has acr "silver", needs one of "gold", "platinum"`,
			`log in with acr "gold", "platinum"`},
		{"no acr", config.Requirement{ACR: []string{"gold"}}, nil, `has no acr (acr is missing), needs one of "gold"`, `log in with acr "gold"`},
		{"condition", config.Requirement{When: "token.subject ==\n  'bob'"}, nil, `token.subject == 'bob', with token.subject "alice"`,
			`make this true: "token.subject == 'bob'"`},
		{"long condition", config.Requirement{When: "token.subject == '" + strings.Repeat("b", 300) + "'"}, nil,
			`token.subject == '` + strings.Repeat("b", 235) + `..., with token.subject "alice"`,
			`make this true: "token.subject == '` + strings.Repeat("b", 235) + `..."`},
	} {
		t.Run(row.name, func(t *testing.T) {
			failure := denialOf(t, row.want, row.claims)
			if failure.Internal != row.detail || failure.Hint() != row.hint {
				t.Errorf("got  %s | %s\nwant %s | %s", failure.Internal, failure.Hint(), row.detail, row.hint)
			}
			if want := failure.Kind.Error() + ": " + row.detail; failure.Error() != want {
				t.Errorf("renders %q, want %q", failure.Error(), want)
			}
		})
	}
	if got := (&denial.Error{Kind: route.ErrGroupMissing}).Error(); got != "group missing" {
		t.Errorf("without a detail it renders %q", got)
	}
}

// TestAuthorizeAnyOfAllocations: alternatives that a token does not meet do not allocate.
func TestAuthorizeAnyOfAllocations(t *testing.T) {
	want := config.Requirement{AnyOf: []config.Alternative{{Groups: anyOf("a")}, {Scopes: anyOf("b")}, {Issuers: []string{"shop"}}}}
	compiled, err := route.New(&config.Config{Routes: []config.Route{{
		Name: "x", Match: "/**", Access: config.AccessRequired, Requirement: want,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	rule, _ := compiled.Named("x")
	tok, facts := verified(t, nil), noRequest()
	if got := testing.AllocsPerRun(100, func() { _ = rule.Authorize(tok, facts, tokentest.Now()) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
