package request_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Fold agrees with strings.EqualFold on every rune and the runes that fold to it.
func TestFold(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		next := unicode.SimpleFold(r)
		if request.Fold(string(r)) != request.Fold(string(next)) {
			t.Errorf("%q and %q have different folds", r, next)
		}
		if fold := request.Fold(string(r)); !strings.EqualFold(fold, string(r)) || request.Fold(fold) != fold {
			t.Errorf("the fold of %q is %q", r, fold)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = request.Fold("/api/users") }); n > 0 {
		t.Errorf("%.1f allocations", n)
	}
}

// The other readings of a path, which select further rules.
func TestPathReadings(t *testing.T) {
	for _, row := range []struct {
		target         string
		isFolded       bool
		folded, other  []string
		otherAndFolded []string
	}{
		{"/a/b", true, []string{"a", "b"}, []string{"a", "b", ""}, []string{"a", "b", ""}},
		{"/a/B", false, []string{"a", "b"}, []string{"a", "B", ""}, []string{"a", "b", ""}},
		{"/A/b/", false, []string{"a", "b", ""}, []string{"A", "b"}, []string{"a", "b"}},
		{"/", true, []string{""}, nil, nil},
	} {
		relaxed := config.Relaxed{CaseSensitive: true}
		path, err := request.ParsePath(row.target, relaxed)
		if err != nil {
			t.Fatal(err)
		}
		if path.IsFolded() != row.isFolded || !slices.Equal(path.Folded(len(path.Segments())), row.folded) {
			t.Errorf("%s: folded %t, %q", row.target, path.IsFolded(), path.Folded(len(path.Segments())))
		}
		other, ok := path.OtherSlash()
		if ok != (row.other != nil) || !slices.Equal(other, row.other) || !slices.Equal(path.Folded(len(other)), row.otherAndFolded) {
			t.Errorf("%s: the other slash is %q, folded %q", row.target, other, path.Folded(len(other)))
		}
		if path.IgnoreCase() || !path.CaseSensitive() || path.SlashSensitive() {
			t.Errorf("%s does not have the relaxations %+v", row.target, relaxed)
		}
	}
	made := request.NewPath([]string{"a", "b/c%"})
	if got := made.String(); got != "/a/b%2Fc%25" {
		t.Errorf("the path is %s", got)
	}
	if got := (request.Path{}).String(); got != "" {
		t.Errorf("the zero path is %q", got)
	}
}
