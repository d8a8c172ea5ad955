package token_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// verified returns a verified token of an issuer with a prefix and groups claims.
func verified(t *testing.T, prefix string, groupsClaim []string, claims map[string]any) *token.Token {
	t.Helper()
	issuer := apiIssuer()
	issuer.Prefix = prefix
	if groupsClaim != nil {
		issuer.GroupsClaim = groupsClaim
	}
	got, err := newVerifier(t, []config.Issuer{issuer}, &tokentest.Keyring{Keys: published()}).Verify(t.Context(), mintRS256(claims), now)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// absent stands for a claim that is missing.
type absent struct{}

func TestIdentityClaim(t *testing.T) {
	claims := map[string]any{
		"sub": "alice", "username": "al", "cognito:username": "Al", "preferred_username": 7,
		"email": "alice@example.com", "age": json.Number("42.10"), "active": true, "nothing": json.RawMessage("null"),
		"groups": []string{"users"}, "roles": []string{"admin"}, "tags": []any{"a", 1},
		"https://x.example/role": "boss", "a/b": "slash", "a~b": "tilde", "a~1b": "tilde one", "": "empty name",
		"profile":      map[string]any{"sub": "inner", "groups": []string{"inner"}, "": map[string]any{"x": "deep"}, "list": []any{"zero"}},
		"realm_access": map[string]any{"roles": []string{"admin"}, "other": "x"},
	}
	for _, row := range []struct {
		name, claim string
		prefix      string
		groups      []string // groups_claim
		want        any
	}{
		{"subject", "sub", "p:", nil, "p:alice"},
		{"subject of a bare issuer", "sub", "", nil, "alice"},
		{"subject by a pointer", "/sub", "p:", nil, "p:alice"},
		{"username", "username", "p:", nil, "p:al"},
		{"username by a pointer", "/username", "p:", nil, "p:al"},
		{"username of Cognito", "cognito:username", "p:", nil, "p:Al"},
		{"username of Cognito by a pointer", "/cognito:username", "p:", nil, "p:Al"},
		{"username that is a number", "preferred_username", "p:", nil, "p:7"},
		{"groups", "groups", "p:", nil, []string{"p:users"}},
		{"groups of a bare issuer", "groups", "", nil, []string{"users"}},
		{"groups by a pointer", "/groups", "p:", nil, []string{"p:users"}},
		{"groups that are configured by a pointer", "groups", "p:", []string{"/groups"}, []string{"p:users"}},
		{"groups that are configured by a pointer, by it", "/groups", "p:", []string{"/groups"}, []string{"p:users"}},
		{"groups in the second place", "roles", "p:", []string{"groups", "roles"}, []string{"p:admin"}},
		{"groups deep down", "/realm_access/roles", "p:", []string{"/realm_access/roles"}, []string{"p:admin"}},
		{"groups that are not an array of strings", "tags", "p:", []string{"tags"}, absent{}},
		{"groups that are a string", "email", "p:", []string{"email"}, []string{"p:alice@example.com"}},
		{"groups that are a number", "age", "p:", []string{"age"}, absent{}},
		{"an object that contains the groups", "realm_access", "p:", []string{"/realm_access/roles"}, absent{}},
		{"an object that contains the groups, by a pointer", "/realm_access", "p:", []string{"/realm_access/roles"}, absent{}},
		{"an object that contains the groups of a bare issuer", "realm_access", "", []string{"/realm_access/roles"},
			map[string]any{"roles": []any{"admin"}, "other": "x"}},
		{"a claim next to the groups", "/realm_access/other", "p:", []string{"/realm_access/roles"}, "x"},
		{"an array that is not configured as groups", "roles", "p:", nil, []any{"admin"}},

		{"string", "email", "p:", nil, "alice@example.com"},
		{"number, as it was written", "age", "p:", nil, json.Number("42.10")},
		{"boolean", "active", "p:", nil, true},
		{"null", "nothing", "p:", nil, nil},
		{"name of a URL", "https://x.example/role", "p:", nil, "boss"},
		{"name with a slash", "a/b", "p:", nil, "slash"},
		{"name with a slash, by a pointer", "/a~1b", "p:", nil, "slash"},
		{"name with a tilde, by a pointer", "/a~0b", "p:", nil, "tilde"},
		{"name with an escaped escape", "/a~01b", "p:", nil, "tilde one"},
		{"a name is not unescaped", "a~1b", "p:", nil, "tilde one"},
		{"empty name, by a pointer", "/", "p:", nil, "empty name"},
		{"inner claim", "/profile/sub", "p:", nil, "inner"},
		{"inner groups that are not configured", "/profile/groups", "p:", nil, []any{"inner"}},
		{"inner empty name", "/profile//x", "p:", nil, "deep"},

		{"absent", "missing", "p:", nil, absent{}},
		{"absent by a pointer", "/missing", "p:", nil, absent{}},
		{"absent inside", "/profile/missing", "p:", nil, absent{}},
		{"inside a string", "/email/x", "p:", nil, absent{}},
		{"inside the subject", "/sub/x", "p:", nil, absent{}},
		{"inside a list", "/profile/list/0", "p:", nil, absent{}},
		{"inside the groups", "/groups/0", "p:", nil, absent{}},
		{"a pointer without its first slash", "profile/sub", "p:", nil, absent{}},
		{"another case", "SUB", "p:", nil, absent{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, present := verified(t, row.prefix, row.groups, claims).IdentityClaim(row.claim)
			if _, none := row.want.(absent); none {
				if present || got != nil {
					t.Fatalf("got %#v (%t), want absent", got, present)
				}
				return
			}
			if !present || !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %#v (%t), want %#v", got, present, row.want)
			}
		})
	}
}

// A username that is a number or a boolean is its JSON text.
func TestIdentityClaimOfOddNames(t *testing.T) {
	for text, value := range map[string]any{"p:true": true, "p:1.50": json.Number("1.50"), "p: ": " "} {
		if got, _ := verified(t, "p:", nil, map[string]any{"username": value}).IdentityClaim("username"); got != text {
			t.Errorf("username %v: %v, want %q", value, got, text)
		}
	}
}

// A claim inside a username claim is not a name, so it gets no prefix.
func TestIdentityClaimInsideAName(t *testing.T) {
	got, present := verified(t, "p:", nil, map[string]any{"username": map[string]any{"display": "Al"}}).IdentityClaim("/username/display")
	if !present || got != "Al" {
		t.Errorf("got %v (%t), want it unchanged", got, present)
	}
}

// A username that is not a name is absent, instead of being only the prefix.
func TestIdentityClaimWithoutAName(t *testing.T) {
	for name, value := range map[string]any{
		"null": json.RawMessage("null"), "empty": "", "object": map[string]any{"a": 1}, "list": []string{"alice"},
	} {
		for _, prefix := range []string{"", "p:"} {
			if got, present := verified(t, prefix, nil, map[string]any{"username": value}).IdentityClaim("username"); present || got != nil {
				t.Errorf("username %s with prefix %q: %#v (%t)", name, prefix, got, present)
			}
		}
	}
}

// A token of a tenant has the tenant and its prefix, also when it is recalled.
func TestTenantOfAToken(t *testing.T) {
	const tenant = "99999999-2222-4333-8444-555555555555"
	verifier, _ := corpusVerifier(t)
	raw := forge.Vector{Base: "entra", Claims: map[string]json.RawMessage{
		"iss": json.RawMessage(`"https://sts.windows.net/` + tenant + `/"`), "tid": json.RawMessage(`"` + tenant + `"`),
	}}.Forge(t, now)
	verified, err := verifier.Verify(t.Context(), raw, now)
	if err != nil {
		t.Fatal(err)
	}
	var recalled token.Token
	if !verifier.Recall(verifier.Record(verified), raw, now, &recalled) {
		t.Fatal("the token is not recalled")
	}
	for name, got := range map[string]*token.Token{"verified": verified, "recalled": &recalled} {
		const prefix = "entra:" + tenant + ":"
		groups, _ := got.IdentityClaim("roles")
		if got.Tenant != tenant || got.Subject != prefix+"alice" || got.Name("x") != prefix+"x" ||
			!reflect.DeepEqual(groups, []string{prefix + "admin"}) || got.ISS != "https://sts.windows.net/"+tenant+"/" {
			t.Errorf("%s: tenant %q, subject %q, name %q, groups %q", name, got.Tenant, got.Subject, got.Name("x"), groups)
		}
	}
}
