package envoylint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// TestLoginFile: login.yaml has no finding. Its pages may replace denials for people only,
// and each edit here makes one replace the answers to programs too.
func TestLoginFile(t *testing.T) {
	gate := plainGate()
	gate.Tokens, gate.TokenCookies, gate.StripCookies = append(gate.Tokens, "cookie"), []string{envoy.SessionCookie}, envoy.LoginCookies()
	file := read(t, "../../envoy/login.yaml")
	const page = "name: page-403"
	before, after, found := strings.Cut(file, page)
	if !found {
		t.Fatal("login.yaml has no page for 403")
	}
	const accept = "request.headers['accept'].contains('text/html') &&"
	for name, row := range map[string]struct {
		edit func(string) string
		want []string
	}{
		"as shipped": {func(text string) string { return text }, nil},
		"no condition on accept": {func(text string) string { return strings.Replace(text, accept, "", 1) },
			[]string{"local-reply-overwrites"}},
		"another condition on accept": {func(text string) string {
			return strings.Replace(text, accept, "!"+accept, 1)
		}, []string{"local-reply-overwrites"}},
		"an alternative": {func(text string) string {
			return strings.Replace(text, "response.code == 403", "true || response.code == 403", 1)
		},
			[]string{"local-reply-overwrites"}},
		"a choice": {func(text string) string {
			return strings.Replace(text, "response.code == 403", "false ? false : true", 1)
		},
			[]string{"local-reply-overwrites"}},
		"another status": {func(text string) string {
			return strings.Replace(text, "response.code == 403", "response.code == 400", 1)
		}, nil},
		"another path than the callback": {func(text string) string {
			return strings.Replace(text, "redirect_path_matcher: { path: { exact: /oauth2/callback } }",
				"redirect_path_matcher: { path: { exact: /cb } }", 1)
		}, []string{"local-reply-overwrites"}},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := envoylint.Lint("login.yaml", []byte(before+page+row.edit(after)), gate, envoylint.Plain)
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Compact(ids(report)); !slices.Equal(got, row.want) {
				t.Errorf("found %q, want %q", got, row.want)
			}
		})
	}
}
