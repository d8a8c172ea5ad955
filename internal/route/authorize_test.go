package route_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/condition"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// verified returns a token with these claims from the issuer shop.
func verified(t testing.TB, claims map[string]any) *token.Token {
	t.Helper()
	return tokentest.Verified(t, config.Issuer{Name: "shop"}, claims)
}

// noRequest is a request for rules that do not read it.
func noRequest() *request.Parsed { return &request.Parsed{Request: new(request.Request)} }

// rule compiles one route with this requirement.
func rule(t *testing.T, want config.Alternative) *route.Rule {
	t.Helper()
	compiled, err := route.New(&config.Config{Routes: []config.Route{{
		Name: "x", Match: "/**", Access: config.AccessRequired, Requirement: config.Requirement{Alternative: want},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	path, err := request.ParsePath("/", config.Relaxed{})
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Match("GET", "", &path)
}

func anyOf(items ...string) config.Choice { return config.Choice{Any: items} }
func allOf(items ...string) config.Choice { return config.Choice{All: items} }

func TestAuthorize(t *testing.T) {
	groups := func(names ...string) map[string]any { return map[string]any{"groups": names} }
	scopes := func(text string) map[string]any { return map[string]any{"scope": text} }
	client := func(id string) map[string]any { return map[string]any{"client_id": id} }
	everything := map[string]any{"groups": []string{"staff"}, "scope": "read", "client_id": "site"}
	for _, row := range []struct {
		name   string
		want   config.Alternative
		claims map[string]any
		denied error
		scopes []string // that the denial asks for
	}{
		{"nothing asked of a plain token", config.Alternative{}, nil, nil, nil},
		{"nothing asked of a rich token", config.Alternative{}, everything, nil, nil},

		{"the issuer", config.Alternative{Issuers: []string{"other", "shop"}}, nil, nil, nil},
		{"another issuer", config.Alternative{Issuers: []string{"other"}}, everything, route.ErrIssuerNotAllowed, nil},
		{"an issuer whose name is longer", config.Alternative{Issuers: []string{"shop2", "sho"}}, nil, route.ErrIssuerNotAllowed, nil},

		{"one group of any", config.Alternative{Groups: anyOf("admin", "staff")}, groups("users", "staff"), nil, nil},
		{"no group of any", config.Alternative{Groups: anyOf("admin", "staff")}, groups("users"), route.ErrGroupMissing, nil},
		{"group asked for, an empty list there", config.Alternative{Groups: anyOf("staff")}, groups(), route.ErrGroupMissing, nil},
		{"group asked for, none there", config.Alternative{Groups: anyOf("staff")}, nil, route.ErrGroupMissing, nil},
		{"group asked for, a number there", config.Alternative{Groups: anyOf("7")}, map[string]any{"groups": 7},
			route.ErrGroupMissing, nil},
		{"group asked for, in another case", config.Alternative{Groups: anyOf("staff")}, groups("Staff"), route.ErrGroupMissing, nil},
		{"group asked for, a longer one there", config.Alternative{Groups: anyOf("staff")}, groups("staff2", "staf", " staff"),
			route.ErrGroupMissing, nil},
		{"group asked for, it is a scope", config.Alternative{Groups: anyOf("staff")}, scopes("staff"), route.ErrGroupMissing, nil},
		{"all groups", config.Alternative{Groups: allOf("a", "b")}, groups("b", "c", "a"), nil, nil},
		{"all groups but one", config.Alternative{Groups: allOf("a", "b")}, groups("a", "c"), route.ErrGroupMissing, nil},
		{"all groups asked for, none there", config.Alternative{Groups: allOf("a", "b")}, nil, route.ErrGroupMissing, nil},
		{"any and all, both met", config.Alternative{Groups: config.Choice{Any: []string{"x", "y"}, All: []string{"a"}}}, groups("y", "a"),
			nil, nil},
		{"any and all, any not met", config.Alternative{Groups: config.Choice{Any: []string{"x", "y"}, All: []string{"a"}}}, groups("a"),
			route.ErrGroupMissing, nil},
		{"any and all, all not met", config.Alternative{Groups: config.Choice{Any: []string{"x", "y"}, All: []string{"a"}}}, groups("x"),
			route.ErrGroupMissing, nil},

		{"one scope of any", config.Alternative{Scopes: anyOf("write", "read")}, scopes("read other"), nil, nil},
		{"no scope of any", config.Alternative{Scopes: anyOf("write", "read")}, scopes("other"), route.ErrScopeMissing,
			[]string{"write", "read"}},
		{"scope asked for, none there", config.Alternative{Scopes: anyOf("read")}, nil, route.ErrScopeMissing, []string{"read"}},
		{"scope asked for, an empty string there", config.Alternative{Scopes: anyOf("read")}, scopes(""), route.ErrScopeMissing,
			[]string{"read"}},
		{"scope asked for, a longer one there", config.Alternative{Scopes: anyOf("orders/read")}, scopes("orders/read2 orders"),
			route.ErrScopeMissing, []string{"orders/read"}},
		{"all scopes", config.Alternative{Scopes: allOf("a", "b")}, scopes("b a"), nil, nil},
		{"all scopes but one", config.Alternative{Scopes: allOf("a", "b")}, scopes("b"), route.ErrScopeMissing, []string{"a", "b"}},
		{"any and all scopes", config.Alternative{Scopes: config.Choice{Any: []string{"x"}, All: []string{"a"}}}, scopes("a"),
			route.ErrScopeMissing, []string{"x", "a"}},

		{"the client", config.Alternative{Clients: anyOf("cli", "site")}, client("site"), nil, nil},
		{"another client", config.Alternative{Clients: anyOf("cli")}, client("site"), route.ErrClientNotAllowed, nil},
		{"client asked for, none there", config.Alternative{Clients: anyOf("cli")}, nil, route.ErrClientNotAllowed, nil},
		{"client asked for, an empty one there", config.Alternative{Clients: anyOf("cli")}, client(""), route.ErrClientNotAllowed, nil},
		{"an empty client asked for, none there", config.Alternative{Clients: anyOf("")}, nil, route.ErrClientNotAllowed, nil},
		{"the one client of all", config.Alternative{Clients: allOf("site")}, client("site"), nil, nil},
		{"two clients of all", config.Alternative{Clients: allOf("site", "cli")}, client("site"), route.ErrClientNotAllowed, nil},

		{"everything", config.Alternative{Issuers: []string{"shop"}, Groups: anyOf("staff"), Scopes: anyOf("read"), Clients: anyOf("site")},
			everything, nil, nil},
		{"the issuer is checked first",
			config.Alternative{Issuers: []string{"x"}, Groups: anyOf("x"), Scopes: anyOf("x"), Clients: anyOf("x")}, everything,
			route.ErrIssuerNotAllowed, nil},
		{"groups are checked second", config.Alternative{Groups: anyOf("x"), Scopes: anyOf("x"), Clients: anyOf("x")}, everything,
			route.ErrGroupMissing, nil},
		{"scopes are checked third", config.Alternative{Scopes: anyOf("x"), Clients: anyOf("x")}, everything, route.ErrScopeMissing,
			[]string{"x"}},
		{"clients are checked last", config.Alternative{Groups: anyOf("staff"), Scopes: anyOf("read"), Clients: anyOf("x")}, everything,
			route.ErrClientNotAllowed, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := rule(t, row.want).Authorize(verified(t, row.claims), noRequest(), tokentest.Now())
			if row.denied == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var failure *denial.Error
			if !errors.As(err, &failure) || !errors.Is(err, row.denied) || !strings.HasPrefix(err.Error(), row.denied.Error()+": ") {
				t.Fatalf("got %v, want %v", err, row.denied)
			}
			if !slices.Equal(failure.Scopes, row.scopes) {
				t.Errorf("scopes %q, want %q", failure.Scopes, row.scopes)
			}
		})
	}
}

// TestAuthorizeAllowsWithNil: the error is nil, not a nil pointer.
func TestAuthorizeAllowsWithNil(t *testing.T) {
	if err := rule(t, config.Alternative{}).Authorize(verified(t, nil), noRequest(), tokentest.Now()); err != nil {
		t.Errorf("%#v", err)
	}
}

// TestDenialIsACopy: a caller that changes a denial's scopes does not change the rule.
func TestDenialIsACopy(t *testing.T) {
	r := rule(t, config.Alternative{Scopes: anyOf("read")})
	for range 2 {
		var failure *denial.Error
		if !errors.As(r.Authorize(verified(t, nil), noRequest(), tokentest.Now()), &failure) || failure.Scopes[0] != "read" {
			t.Fatalf("%+v", failure)
		}
		failure.Scopes[0] = "admin"
	}
}

// TestAuthorizeAnyOf: a token must meet one alternative and the route's own requirement. If
// it meets none, the error is that of the alternative that passed the most checks.
func TestAuthorizeAnyOf(t *testing.T) {
	staff := config.Alternative{Groups: anyOf("staff")}
	reader := config.Alternative{Issuers: []string{"shop"}, Scopes: anyOf("read")}
	stranger := config.Alternative{Issuers: []string{"other"}, Groups: anyOf("staff")}
	client := config.Alternative{Groups: anyOf("staff"), Clients: anyOf("cli")}
	for _, row := range []struct {
		name   string
		own    config.Alternative
		any    []config.Alternative
		claims map[string]any
		want   error
		scopes []string
	}{
		{"the first is met", config.Alternative{}, []config.Alternative{staff, reader}, map[string]any{"groups": []string{"staff"}}, nil, nil},
		{"the last is met", config.Alternative{}, []config.Alternative{staff, reader}, map[string]any{"scope": "read"}, nil, nil},
		{"none is met, the furthest says why", config.Alternative{}, []config.Alternative{staff, reader, stranger}, nil, route.ErrScopeMissing,
			[]string{"read"}},
		{"its place does not matter", config.Alternative{}, []config.Alternative{reader, stranger, staff}, nil, route.ErrScopeMissing,
			[]string{"read"}},
		{"the first of equals", config.Alternative{}, []config.Alternative{{Scopes: anyOf("a")}, {Scopes: anyOf("b")}}, nil,
			route.ErrScopeMissing, []string{"a"}},
		{"a client is further than a scope", config.Alternative{}, []config.Alternative{reader, client},
			map[string]any{"groups": []string{"staff"}}, route.ErrClientNotAllowed, nil},
		{"one alternative of another issuer", config.Alternative{}, []config.Alternative{stranger},
			map[string]any{"groups": []string{"staff"}}, route.ErrIssuerNotAllowed, nil},
		{"the route's own comes first", config.Alternative{Groups: anyOf("admin")}, []config.Alternative{reader},
			map[string]any{"scope": "read"}, route.ErrGroupMissing, nil},
		{"both", config.Alternative{Groups: anyOf("staff")}, []config.Alternative{reader},
			map[string]any{"groups": []string{"staff"}, "scope": "read"}, nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			compiled, err := route.New(&config.Config{Routes: []config.Route{{
				Name: "x", Match: "/**", Access: config.AccessRequired, Requirement: config.Requirement{Alternative: row.own, AnyOf: row.any},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			path, err := request.ParsePath("/", config.Relaxed{})
			if err != nil {
				t.Fatal(err)
			}
			err = compiled.Match("GET", "", &path).Authorize(verified(t, row.claims), noRequest(), tokentest.Now())
			if !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
				t.Fatalf("got %v, want %v", err, row.want)
			}
			var failure *denial.Error
			if errors.As(err, &failure) && !slices.Equal(failure.Scopes, row.scopes) {
				t.Errorf("scopes %q, want %q", failure.Scopes, row.scopes)
			}
		})
	}
}

// TestConditionComesLast: a condition is checked after everything else.
func TestConditionComesLast(t *testing.T) {
	compiled, err := route.New(&config.Config{Routes: []config.Route{{
		Name: "x", Match: "/**", Access: config.AccessRequired, Requirement: config.Requirement{
			Alternative: config.Alternative{Groups: anyOf("staff")}, MaxAuthAge: time.Hour, ACR: []string{"gold"},
			When: "token.subject == 'bob'",
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	rule, _ := compiled.Named("x")
	claims := map[string]any{}
	for _, step := range []struct {
		claim string
		value any
		want  error
	}{
		{"sub", "alice", route.ErrGroupMissing},
		{"groups", []string{"staff"}, route.ErrLoginTooOld},
		{"auth_time", tokentest.Now().Unix(), route.ErrACRTooWeak},
		{"acr", "gold", condition.ErrFalse},
		{"sub", "bob", nil},
	} {
		claims[step.claim] = step.value
		if err := rule.Authorize(verified(t, claims), noRequest(), tokentest.Now()); !errors.Is(err, step.want) {
			t.Errorf("with %s: %v, want %v", step.claim, err, step.want)
		}
	}
}

// The variables of a route with an invalid match are unknown, so its condition has no
// mistakes of its own.
func TestConditionOfAnInvalidMatch(t *testing.T) {
	_, err := route.New(&config.Config{Source: "gate.yaml", Routes: []config.Route{{
		Name: "x", Path: "routes[0]", Match: "/users/{id", Requirement: config.Requirement{When: "path.id == 'x'"},
	}}})
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 1 || !strings.Contains(mistakes[0].Text, "{id") {
		t.Errorf("got %v", err)
	}
}

// Each mistake in a condition is at its route. A route without a match has no variables.
func TestConditionMistakesHavePlaces(t *testing.T) {
	_, err := route.New(&config.Config{Source: "gate.yaml", Routes: []config.Route{
		{Name: "a", Path: "routes[0]", Match: "/a/{id}", Requirement: config.Requirement{When: "path.id == 'x'"}},
		{Name: "b", Path: "routes[1]", Match: "/b/{name}", Requirement: config.Requirement{When: "path.id == 'x'"}},
		{Name: "c", Path: "routes[2]", Requirement: config.Requirement{When: "path.id == 'x'"}},
	}})
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 2 {
		t.Fatalf("got %v", err)
	}
	for i, want := range []string{
		`routes[1].when: unknown field "path.id"; expected one of path.name`,
		`routes[2].when: unknown variable "path.id": the match of this route has no variables`,
	} {
		if got := mistakes[i].Text; !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
