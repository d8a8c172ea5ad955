package envoy_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
)

// strict returns the needs of a configuration without relaxations.
func strict() envoy.Needs {
	return envoy.Needs{
		Identity: envoy.IdentityNames(), Overrides: envoy.OverrideNames(), Removed: envoy.OverrideNames(),
		Tokens: []string{"authorization"}, Reads: []string{"authorization", "connection"},
	}
}

// TestNeedsThatTheShippedFileHas: needs that the shipped file meets require no edit.
func TestNeedsThatTheShippedFileHas(t *testing.T) {
	for name, needs := range map[string]envoy.Needs{
		"nothing relaxed": strict(),
		"less than there is": {
			Identity: []string{"x-user-id"}, Overrides: envoy.OverrideNames(), Removed: envoy.OverrideNames(),
			Tokens: []string{"cookie", "x-access-token"},
			Reads:  []string{"x-request-id", "x_user.id"}, CaseSensitive: true, TLS: true, Port: "1", Routes: []string{"a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := envoy.Bootstrap(needs.Edit())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(file, shipped(t)) {
				t.Errorf("got the edit %+v, want none", needs.Edit())
			}
		})
	}
}

// TestNeedsEdit: each need that the shipped file does not meet is an edit.
func TestNeedsEdit(t *testing.T) {
	except := func(gone ...string) []string {
		return slices.DeleteFunc(envoy.OverrideNames(), func(name string) bool { return slices.Contains(gone, name) })
	}
	for _, row := range []struct {
		name  string
		needs func(*envoy.Needs)
		want  envoy.Edit
	}{
		{"an identity header", func(n *envoy.Needs) { n.Identity = []string{"x-user-id", "x-team"} },
			envoy.Edit{Identity: append(envoy.IdentityNames(), "x-team")}},
		{"a token in another header, which is read as well",
			func(n *envoy.Needs) { n.Tokens, n.Reads = append(n.Tokens, "x-jwt"), append(n.Reads, "x-jwt") },
			envoy.Edit{Tokens: []string{"x-jwt"}}},
		{"a condition", func(n *envoy.Needs) { n.Reads = append(n.Reads, "x-tenant") }, envoy.Edit{Conditions: []string{"x-tenant"}}},
		{"a condition on a name that no list can hold", func(n *envoy.Needs) { n.Reads = append(n.Reads, "x~tenant") },
			envoy.Edit{SendAll: true}},
		{"a condition on any name", func(n *envoy.Needs) { n.ReadsAny = true }, envoy.Edit{SendAll: true}},
		{"tokens and identities that fit", func(n *envoy.Needs) { n.HeaderBytes = 52 << 10 }, envoy.Edit{}},
		{"tokens and identities that need more", func(n *envoy.Needs) { n.HeaderBytes = 52<<10 + 1 }, envoy.Edit{HeaderKB: 61}},
		{"tokens and identities that nothing fits", func(n *envoy.Needs) { n.HeaderBytes = 1 << 20 }, envoy.Edit{HeaderKB: 120}},
		{"encoded slashes on some host", func(n *envoy.Needs) { n.EncodedSlash = true }, envoy.Edit{EncodedSlash: true}},
		{"double slashes on every host", func(n *envoy.Needs) { n.DoubleSlash, n.DoubleSlashEverywhere = true, true },
			envoy.Edit{DoubleSlash: true}},
		{"an override header on some host", func(n *envoy.Needs) { n.Overrides = except("forwarded") },
			envoy.Edit{Overrides: except("forwarded")}},
		{"override headers on every host", func(n *envoy.Needs) { n.Overrides, n.Removed = nil, except("x-host", "forwarded") },
			envoy.Edit{Overrides: []string{}, TrailerOverrides: except("x-host", "forwarded")}},
	} {
		t.Run(row.name, func(t *testing.T) {
			needs := strict()
			row.needs(&needs)
			got := needs.Edit()
			if len(got.Tokens) == 0 {
				got.Tokens = nil
			}
			if !reflect.DeepEqual(got, row.want) {
				t.Errorf("got the edit %+v, want %+v", got, row.want)
			}
			if _, err := envoy.Bootstrap(got); err != nil {
				t.Errorf("the edit cannot be applied: %v", err)
			}
		})
	}
}

// TestUnderscored: Envoy drops headers with an underscore anywhere in the name.
func TestUnderscored(t *testing.T) {
	needs := envoy.Needs{Reads: []string{"connection", "x_tenant", "x-user_id", "x.user.id"}}
	if got := needs.Underscored(); !slices.Equal(got, []string{"x_tenant", "x-user_id"}) || len(needs.Reads) != 4 {
		t.Errorf("%q of %q", got, needs.Reads)
	}
}

// TestRemoval: the removal of any selection of override headers has the form of the
// shipped file.
func TestRemoval(t *testing.T) {
	all, err := envoy.Removal(envoy.OverrideNames())
	if err != nil ||
		!strings.HasPrefix(all, "- remove_on_match: { key_matcher: { safe_regex: { regex: \"x[^a-z0-9]http[^a-z0-9]method[^a-z0-9]override|") {
		t.Errorf("%q, %v", all, err)
	}
	none, err := envoy.Removal(nil)
	if err != nil || !strings.HasPrefix(none, "# ") {
		t.Errorf("%q, %v", none, err)
	}
	for _, names := range [][]string{{"x-user-id"}, {"forwarded", "X-Host"}, {`forwarded" }`}} {
		if item, err := envoy.Removal(names); err == nil || item != "" {
			t.Errorf("%q: %q, and no error", names, item)
		}
	}
	// An edited line can be edited again.
	edited, err := envoy.Bootstrap(envoy.Edit{Overrides: []string{}, TrailerOverrides: []string{"forwarded"}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := envoy.Apply(edited, envoy.Edit{Overrides: []string{"forwarded"}, TrailerOverrides: []string{}})
	if err != nil || !bytes.Contains(again, []byte(`regex: "forwarded" } } } # edit: overrides`)) {
		t.Errorf("an edited file cannot be edited again: %v", err)
	}
}
