package condition_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/condition"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/request"
)

// TestConditionFalseShows: the denial of a false condition shows what the condition read of
// the token's subject, client and kind and of the request line, each once, in the order of
// the text, and never a claim, a header or the query.
func TestConditionFalseShows(t *testing.T) {
	const secret = "sesame"
	long := strings.Repeat("x", quote.Max+1)
	for _, row := range []struct{ name, when, with string }{
		{"subject and variable", "token.subject == path.id", `token.subject "alice", path.id "me"`},
		{"in the order of the text", "path.id == token.subject", `path.id "me", token.subject "alice"`},
		{"each once", "path.id == 'x' || path.id == 'y'", `path.id "me"`},
		{"client and kind", "token.client == 'x' && token.kind == 'client'", `token.client "site", token.kind "user"`},
		{"the request's line", "request.method == 'PUT' || request.host == 'x' || request.path == '/'",
			`request.method "GET", request.host "shop.example", request.path "/users/me/` + strings.Repeat("x", quote.Max-10) + `"...`},
		{"a long one", "path.rest == 'x'", `path.rest "` + long[:quote.Max] + `"...`},
		{"as an argument", "path.id.startsWith('x')", `path.id "me"`},
		{"inside a macro", "token.groups.exists(g, g == path.id)", `path.id "me"`},
		{"next to a claim", "claims.secret == path.id", `path.id "me"`},
		{"a claim", "claims.secret == 'x'", ""},
		{"a header", "request.headers['x-secret'] == 'x'", ""},
		{"the query", "request.query == 'x'", ""},
		{"groups and scopes", "'x' in token.groups || 'x' in token.scopes", ""},
		{"nothing", "1 == 2", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			tok := verified(t, map[string]any{"secret": secret, "groups": []string{secret}, "scope": secret, "azp": "site"})
			r := requestTo(t, "/users/me/"+long, config.Relaxed{})
			r.Method, r.Host, r.Query = "GET", "shop.example", secret
			r.Headers = []request.Header{{Name: "x-secret", Value: secret}}
			err := check(t, "/users/{id}/{rest}", row.when, tok, r)
			var failure *denial.Error
			if !errors.As(err, &failure) || !errors.Is(err, condition.ErrFalse) {
				t.Fatalf("got %v", err)
			}
			want := row.when
			if row.with != "" {
				want += ", with " + row.with
			}
			if failure.Internal != want {
				t.Errorf("got  %s\nwant %s", failure.Internal, want)
			}
			if strings.Contains(failure.Error()+failure.Hint(), secret) {
				t.Errorf("%v contains the secret", failure)
			}
		})
	}
}

// TestConditionFalseShowsNoToken: no part of a token in a path is shown.
func TestConditionFalseShowsNoToken(t *testing.T) {
	const text = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"
	for target, shown := range map[string]string{
		"/" + text:                           "(token)",
		"/x&access_token=" + text:            "x&access_token=(token)",
		"/" + strings.Repeat("x", 70) + text: strings.Repeat("x", 70) + "(token)",
		"/%65yJ" + text[3:]:                  "(token)",
	} {
		const when = "path.id == 'x' || request.path == 'x' || token.subject == 'x'"
		err := check(t, "/{id}", when, verified(t, nil), requestTo(t, target, config.Relaxed{}))
		want := fmt.Sprintf(`, with path.id "%s", request.path "/%[1]s", token.subject "alice"`, shown)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", target, err, want)
		}
	}
}

// The shown text is bounded and on one line, for every request and every condition.
func TestConditionFalseShowsALine(t *testing.T) {
	match := "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"
	err := check(t, match, "(path.a + path.b + path.c +\n path.d + path.e + path.f + path.g + path.h + path.i) == '\u0085'",
		verified(t, nil), requestTo(t, "/1/2/3/4/5/6/7/%22/9", config.Relaxed{}))
	const want = `condition false: (path.a + path.b + path.c + path.d + path.e + path.f + path.g + path.h + path.i) == '`
	const with = `', with path.a "1", path.b "2", path.c "3", path.d "4", path.e "5", path.f "6", path.g "7", path.h "\""`
	text := fmt.Sprint(err)
	if !strings.HasPrefix(text, want) || !strings.HasSuffix(text, with) || strings.Contains(text, "\u0085") {
		t.Errorf("got %v", err)
	}
	err = check(t, "/{a}", "path.a == '\u200b'", verified(t, nil), requestTo(t, "/1", config.Relaxed{}))
	if err == nil || err.Error() != "condition false: path.a == '\ufffd', with path.a \"1\"" {
		t.Errorf("got %q", err)
	}
}
