//go:build browser

package browser

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

const (
	shop    = "http://app.lab.localhost:8080"  // the application, behind Envoy
	sibling = "http://evil.lab.localhost:5000" // of the same site: the browser sends its requests with SameSite=Lax cookies
	landing = "/orders?page=2"
)

// signIn is Keycloak, and login.yaml in front of an application that has no code for users,
// in a browser.
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
	idp, address, gate, admin := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	s.keycloak = programs.StartKeycloak(t, keycloakHome, idp, shopRealm())
	endpoint := s.keycloak.ISS + "/protocol/openid-connect/"
	// Keycloak takes long for its first page, longer than a call of the driver may.
	if response, err := http.Get(endpoint + "auth?response_type=code&client_id=web&code_challenge_method=S256&code_challenge=" +
		strings.Repeat("c", 43) + "&redirect_uri=" + url.QueryEscape(shop+"/oauth2/callback")); err != nil {
		t.Fatal(err)
	} else if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
		t.Fatalf("Keycloak's sign-in page: %s", response.Status)
	}
	var application string
	s.application, application = startApplication(t)
	configuration := fmt.Sprintf(`
issuers:
  shop: {issuer: %q, audiences: [orders-api], dangerously_allow_http: true, leeway: 0s}
tokens: {from: [bearer, {cookie: __Host-BearerToken}]}
identity: {strip_cookies: [%s, __Host-SignInAgain]}
revoked: {file: %q}
routes:
  - {match: /home, access: optional}
  - {match: /admin/**, groups: [admin]}
`, s.keycloak.ISS, strings.Join(slices.Sorted(maps.Values(envoy.SessionCookies())), ", "), s.revoked)
	s.gate = programs.StartGate(t, jwtgateBinary, testutil.File(t, "jwtgate.yaml", configuration), gate, freeAddress(t))
	bootstrap, err := envoy.Bootstrap(envoy.Edit{Listen: address, Admin: admin, Gate: gate, App: application, Login: &envoy.Login{
		PublicURL: shop, ClientID: "web", Secrets: writeSecrets(t),
		Authorization: endpoint + "auth", Token: endpoint + "token", EndSession: endpoint + "logout",
	}})
	if err != nil {
		t.Fatal(err)
	}
	programs.StartEnvoy(t, envoyBinary, bootstrap, admin)
	s.chromium = startChromium(t, map[string]string{
		"app.lab.localhost:8080": address, "evil.lab.localhost:5000": startPages(t, "testdata/page"), idp: idp,
	})
	return s
}

// clientSecret is that of the client web at Keycloak.
const clientSecret = "s3cret/+&="

// shopRealm is the realm to import. The access tokens of the client web last a minute.
func shopRealm() map[string]any {
	user := func(name string, groups ...string) map[string]any {
		return map[string]any{
			"username": name, "enabled": true, "email": name + "@example.org", "emailVerified": true, "firstName": name, "lastName": "Example",
			"credentials": []any{map[string]any{"type": "password", "value": password}}, "groups": groups,
		}
	}
	mapper := func(kind string, config map[string]string) map[string]any {
		config["access.token.claim"] = "true"
		return map[string]any{"name": kind, "protocol": "openid-connect", "protocolMapper": kind, "config": config}
	}
	return map[string]any{
		"realm": "shop", "enabled": true, "accessTokenLifespan": 60,
		"groups": []any{map[string]any{"name": "admin"}},
		"users":  []any{user("ann", "/admin"), user("bob"), user("carl")},
		"clients": []any{map[string]any{
			"clientId": "web", "secret": clientSecret,
			"protocolMappers": []any{
				mapper("oidc-audience-mapper", map[string]string{"included.custom.audience": "orders-api"}),
				mapper("oidc-group-membership-mapper", map[string]string{"claim.name": "groups", "full.path": "false"}),
			},
			"standardFlowEnabled": true, "redirectUris": []string{shop + "/oauth2/callback"},
			"attributes": map[string]string{
				"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": shop + "/oauth2/signed-out",
			},
		}},
	}
}

// writeSecrets writes the files of login.yaml's secrets, and returns their folder.
func writeSecrets(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, value := range map[string]string{"client-secret": clientSecret, "cookie-key": strings.Repeat("k", 32)} {
		path := filepath.Join(folder, name)
		testutil.Write(t, path, value)
		testutil.Write(t, path+".yaml", "resources:\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n"+
			"  name: "+name+"\n  generic_secret: { secret: { filename: "+path+" } }\n")
	}
	return folder
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
