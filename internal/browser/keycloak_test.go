//go:build browser

package browser

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

const (
	shop    = "http://app.lab.localhost:8080"  // the application, behind Envoy
	sibling = "http://evil.lab.localhost:5000" // of the same site: the browser sends its requests with SameSite=Lax cookies
	landing = "/orders?page=2"
)

// signIn is Keycloak, and the files that `jwtgate init --login` writes in front of an
// application that has no code for users, in a browser.
type signIn struct {
	*chromium
	application *programs.Requests
	keycloak    *programs.Keycloak
	gate        *testutil.Process
	revoked     string // the list of revoked tokens
}

// startSignIn runs all of it.
func startSignIn(t *testing.T) signIn {
	t.Helper()
	s := signIn{revoked: testutil.File(t, "revoked.jsonl", "")}
	idp := freeAddress(t)
	s.keycloak = programs.StartKeycloak(t, keycloakHome, idp, shopRealm())
	s.firstPage(t)
	var application string
	s.application, application = startApplication(t)
	project := t.TempDir()
	began := time.Now()
	configuration, bootstrap := runInitIn(t, project, fmt.Sprintf("jwtgate init --login --public-url http://localhost:8080 --issuer %s "+
		"--client-id web --client-secret-file %s --app %s", s.keycloak.ISS, testutil.File(t, "secret", clientSecret), application))
	for _, route := range []string{`\{match: GET /home, access: optional\}`, `\{match: /admin/\*\*, groups: \[admin\]\}`} {
		configuration = replace(t, configuration, `(?m)^  # (- `+route+`)`, "  $1")
	}
	configuration += fmt.Sprintf("revoked: {file: %q}\n", s.revoked)
	var address string
	// init takes no other http origin than localhost, which has no siblings.
	address, s.gate = serveEdited(t, configuration, bootstrap, envoy.Edit{App: application, Login: &envoy.Login{
		PublicURL: shop, Secrets: absoluteSecrets(t, project),
	}})
	t.Logf("from an empty folder to a running Envoy: %v", time.Since(began).Round(10*time.Millisecond))
	s.chromium = startChromium(t, map[string]string{
		"app.lab.localhost:8080": address, "evil.lab.localhost:5000": startPages(t, "testdata/page"), idp: idp,
	})
	return s
}

// firstPage asks Keycloak for its sign-in page. The first one takes longer than a call of
// the driver may.
func (s signIn) firstPage(t *testing.T) {
	t.Helper()
	response, err := http.Get(s.keycloak.ISS + "/protocol/openid-connect/auth?response_type=code&client_id=web&code_challenge_method=S256" +
		"&code_challenge=" + strings.Repeat("c", 43) + "&redirect_uri=" + url.QueryEscape(shop+"/oauth2/callback"))
	if err != nil {
		t.Fatal(err)
	}
	if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
		t.Fatalf("Keycloak's sign-in page: %s", response.Status)
	}
}

// absoluteSecrets makes the paths in the files of a project's secrets absolute, since Envoy
// does not run in the project's folder here. It returns their folder.
func absoluteSecrets(t *testing.T, project string) string {
	t.Helper()
	folder := filepath.Join(project, "secrets")
	for _, name := range []string{"client-secret.yaml", "cookie-key.yaml"} {
		file := filepath.Join(folder, name)
		testutil.Write(t, file, replace(t, read(t, file), `\./secrets/`, folder+"/"))
	}
	return folder
}

// clientSecret is that of the client web at Keycloak.
const clientSecret = "s3cret/+&="

// shopRealm is the realm to import. The access tokens of the client web last ten minutes.
func shopRealm() map[string]any {
	user := func(name string, groups ...string) map[string]any {
		return map[string]any{
			"username": name, "enabled": true, "email": name + "@example.org", "emailVerified": true, "firstName": name, "lastName": "Example",
			"credentials": []any{map[string]any{"type": "password", "value": password}}, "groups": groups,
		}
	}
	groups := map[string]any{
		"name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
		"config": map[string]string{"claim.name": "groups", "full.path": "false", "access.token.claim": "true"},
	}
	return map[string]any{
		"realm": "shop", "enabled": true, "accessTokenLifespan": 600,
		"groups": []any{map[string]any{"name": "admin"}},
		"users":  []any{user("ann", "/admin"), user("bob"), user("carl")},
		"clients": []any{map[string]any{
			"clientId": "web", "secret": clientSecret,
			"protocolMappers":     []any{groups},
			"standardFlowEnabled": true, "redirectUris": []string{shop + "/oauth2/callback"},
			"attributes": map[string]string{
				"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": shop + "/oauth2/signed-out",
			},
		}},
	}
}

// lifespan sets for how many seconds new access tokens are valid.
func (s signIn) lifespan(t *testing.T, seconds int) {
	t.Helper()
	s.keycloak.Admin(t, http.MethodPut, "/admin/realms/shop", map[string]any{"accessTokenLifespan": seconds}, http.StatusNoContent)
}

// take returns what the application received since the last take, as "METHOD URI from USER".
// Nothing in it is a credential. The browser asks for /favicon.ico when it likes.
func (s signIn) take(t *testing.T) (seen []string) {
	t.Helper()
	for _, got := range s.application.Take() {
		for _, name := range []string{"Cookie", "Authorization", "X-Envoy-Oauth-Status"} {
			// The oauth2 filter leaves an empty Cookie where it removes all cookies.
			if values := got.Header.Values(name); strings.Join(values, "") != "" {
				t.Errorf("%s: the application received %s %.40q", got.URI, name, values)
			}
		}
		if token := programs.Token(fmt.Sprint(got)); token != "" {
			t.Errorf("%s: the application received a token: %.40s", got.URI, token)
		}
		if got.URI != "/favicon.ico" {
			seen = append(seen, got.Method+" "+got.URI+" from "+strings.Join(got.Header.Values("X-User-Name"), "|"))
		}
	}
	return seen
}

// received checks the one request that the application received.
func (s signIn) received(t *testing.T, request, user string) {
	t.Helper()
	if seen := s.take(t); len(seen) != 1 || seen[0] != request+" from "+user {
		t.Errorf("the application received %q, want %s from %q", seen, request, user)
	}
}

// nothing checks that the application received nothing.
func (s signIn) nothing(t *testing.T, when string) {
	t.Helper()
	if seen := s.take(t); len(seen) > 0 {
		t.Errorf("%s: the application received %q", when, seen)
	}
}

// open opens a page of the application in a tab.
func (s signIn) open(t *testing.T, page tab, path string) {
	t.Helper()
	page.do(t, "goto", shop+path)
}

// at fails the test unless a tab shows a page whose address begins so.
func (s signIn) at(t *testing.T, page tab, prefix string) {
	t.Helper()
	if url, _ := page.do(t, "url").(string); !strings.HasPrefix(url, prefix) {
		t.Fatalf("the page is %s, want %s\n%s", url, prefix, page.do(t, "textContent", "body"))
	}
}

// atKeycloak fails the test unless a tab shows Keycloak's sign-in page.
func (s signIn) atKeycloak(t *testing.T, page tab) {
	t.Helper()
	s.at(t, page, s.keycloak.ISS+"/")
	s.nothing(t, "at Keycloak")
}

// signs fills Keycloak's sign-in page.
func (s signIn) signs(t *testing.T, page tab, user, password string) {
	t.Helper()
	page.do(t, "fill", "#username", user)
	page.do(t, "fill", "#password", password)
	page.do(t, "click", "#kc-login")
}

// call calls the API by fetch from a page of the application, and returns the status and the
// body.
func (s signIn) call(t *testing.T, page tab, method, path string) (status int, body string) {
	t.Helper()
	script := fmt.Sprintf(`fetch(%q, {method: %q, redirect: "manual"}).then(async (r) => [r.status, await r.text()])`, path, method)
	answer, _ := page.do(t, "evaluate", script).([]any)
	number, _ := answer[0].(float64)
	body, _ = answer[1].(string)
	return int(number), body
}
