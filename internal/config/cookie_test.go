package config_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

func TestCookieNameCovers(t *testing.T) {
	for _, row := range []struct {
		name, other config.CookieName
		want        bool
	}{
		{"a", "a", true},
		{"a*", "a*", true},
		{"a*", "a", true},
		{"a*", "ab", true},
		{"a*", "ab*", true},
		{"a", "a*", false},
		{"ab*", "a*", false},
		{"ab*", "a", false},
		{"a", "A", false},
		{"a", "ab", false},
		{"a*", "ba", false},
	} {
		if got := row.name.Covers(row.other); got != row.want {
			t.Errorf("%s covers %s: %t", row.name, row.other, got)
		}
	}
}
