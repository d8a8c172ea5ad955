//go:build !race

package e2e

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// signInRow is where the rules about sign-in have their rows.
const signInRow = "about login.yaml: TestLintLogin"

// signInFindings are the findings of a small oauth2 filter.
func signInFindings() []string {
	return []string{
		"oauth2-code-logged", "oauth2-cookie-names", "oauth2-cookies-forwarded", "oauth2-drops-bearer", "oauth2-redirect-uri",
		"oauth2-redirects-all", "oauth2-same-site",
		"oauth2-sign-out-here", "oauth2-token-unread",
	}
}

// loginLintRow is one rule of `jwtgate lint-envoy` about sign-in: an edit of login.yaml or of
// the configuration, and its effect on a real Envoy, which is there with the edit only.
type loginLintRow struct {
	id            string
	name          string   // of a further row for a rule
	edits, config []string // pairs of a text that occurs once and its replacement
	further       []string // findings that the edit brings along
	rewrite       func(file string) string
	open          func(t *testing.T, s loginStack) bool
}

// signedIn signs a user in, and reports whether the page is the application's.
func signedIn(t *testing.T, s loginStack, b *loginBrowser, path string) bool {
	t.Helper()
	callback := callbackOf(t, s, b, path)
	if callback == "" || b.send(t, http.MethodGet, callback, navigation, "").Status != http.StatusFound {
		return false
	}
	got := b.send(t, http.MethodGet, s.origin+path, fetching, "")
	return got.Status == http.StatusOK && got.Header.Get("X-Application") != ""
}

// callbackOf signs a user in at the issuer, and returns the URL to which the issuer then sends
// the browser; empty if the browser did not get to the issuer.
func callbackOf(t *testing.T, s loginStack, b *loginBrowser, path string) string {
	t.Helper()
	form, _ := b.open(t, s.origin+"/login"+path)
	if !strings.HasPrefix(form.url, s.issuer.URL()+"/authorize?") {
		return ""
	}
	headers := append([]string{"content-type: application/x-www-form-urlencoded",
		"origin: " + strings.TrimSuffix(s.issuer.URL(), "/shop"), "sec-fetch-site: same-origin"}, navigation...)
	return b.send(t, http.MethodPost, form.url, headers, url.Values{"user": {"ann"}}.Encode()).location(t)
}

func (s loginStack) cookie(b *loginBrowser, name string) string {
	return b.cookies[strings.TrimPrefix(s.origin, "http://")][name]
}

// signsInForms reports whether a form of a sibling's page is sent as the user.
func signsInForms(t *testing.T, s loginStack) bool {
	b := newLoginBrowser()
	if !signedIn(t, s, b, "/orders") {
		t.Fatal("not signed in")
	}
	form := append([]string{"origin: http://evil.localhost", "sec-fetch-site: same-site"}, navigation...)
	return b.send(t, http.MethodPost, s.origin+"/orders", form, "").Status == http.StatusOK
}

// forwardsOnRoute configures the oauth2 filter on the virtual host only, where it forwards the
// session's token.
func forwardsOnRoute(file string) string {
	const begin, end = "              config:\n                stat_prefix: login.\n", authzFilter
	const filters = "              typed_per_filter_config:\n"
	from, to := strings.Index(file, begin), strings.Index(file, end)
	config := strings.NewReplacer("forward_bearer_token: false", "forward_bearer_token: true",
		"preserve_authorization_header: true", "preserve_authorization_header: false",
		"\n", "\n    ").Replace(strings.TrimRight(file[from:to], "\n"))
	return strings.Replace(file[:from]+file[to:], filters, filters+"                envoy.filters.http.oauth2:\n"+
		"                  \"@type\": type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2PerRoute\n    "+config+"\n", 1)
}

func loginLintRows() []loginLintRow {
	notSignedIn := func(path string) func(*testing.T, loginStack) bool {
		return func(t *testing.T, s loginStack) bool { return !signedIn(t, s, newLoginBrowser(), path) }
	}
	neverAsks := func(t *testing.T, s loginStack) bool { // but leads back to the page, which leads to /login
		to := newLoginBrowser().send(t, http.MethodGet, s.origin+"/login/orders", navigation, "").location(t)
		return to == s.origin+"/orders"
	}
	cookie := func(bad func(t *testing.T, b *loginBrowser, s loginStack) bool) func(*testing.T, loginStack) bool {
		return func(t *testing.T, s loginStack) bool {
			b := newLoginBrowser()
			if !signedIn(t, s, b, "/orders") {
				t.Fatal("not signed in")
			}
			return bad(t, b, s)
		}
	}
	return []loginLintRow{
		{id: "oauth2-after-ext-authz", open: notSignedIn("/orders"), rewrite: func(file string) string {
			from, to := strings.Index(file, "          # Only /login and the callback need"), strings.Index(file, authzFilter)
			return strings.Replace(file[:from]+file[to:], routerFilter, file[from:to]+routerFilter, 1)
		}},
		{id: "oauth2-forwards-token", config: []string{"[bearer, {cookie: __Host-BearerToken}]", "[bearer]"},
			edits: []string{
				"forward_bearer_token: false",
				"forward_bearer_token: true",
				"preserve_authorization_header: true",
				"preserve_authorization_header: false",
			},
			open: signsInForms},
		{
			id:    "oauth2-forwards-token",
			name:  "oauth2-forwards-id-token",
			edits: []string{"forward_bearer_token: false", "forward_id_token: { header: x-id-token }"},
			open: func(t *testing.T, s loginStack) bool {
				s.application.take()
				if !signedIn(t, s, newLoginBrowser(), "/orders") {
					t.Fatal("not signed in")
				}
				return slices.ContainsFunc(s.application.take(), func(r received) bool { return r.Header.Get("X-Id-Token") != "" })
			},
		},
		{
			id:      "oauth2-forwards-token",
			name:    "oauth2-forwards-on-route",
			config:  []string{"[bearer, {cookie: __Host-BearerToken}]", "[bearer]"},
			rewrite: forwardsOnRoute,
			open:    signsInForms,
		},
		{
			id:     "oauth2-forwards-token",
			name:   "oauth2-forwards-on-route-only", // whose config enables the filter
			config: []string{"[bearer, {cookie: __Host-BearerToken}]", "[bearer]"},
			rewrite: func(file string) string {
				const filter = "          - name: envoy.filters.http.oauth2\n"
				return strings.Replace(forwardsOnRoute(file), filter, filter+"            disabled: true\n", 1)
			},
			open: signsInForms,
		},
		{id: "oauth2-redirects-all",
			rewrite: func(file string) string {
				return regexp.MustCompile(`( +allow_failed_matcher:\n).*\n`).ReplaceAllString(file, "")
			},
			open: func(t *testing.T, s loginStack) bool {
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/public", fetching, "")
				return strings.HasPrefix(got.location(t), s.issuer.URL())
			}},
		{id: "oauth2-drops-bearer", edits: []string{"preserve_authorization_header: true", "preserve_authorization_header: false"},
			open: func(t *testing.T, s loginStack) bool {
				token := mint(t, s.issuer, map[string]any{"sub": "robot", "aud": "shop-api"})
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/orders", []string{bearer(token)}, "")
				return got.Status == http.StatusUnauthorized
			}},
		{id: "oauth2-off", open: neverAsks,
			edits: []string{"- name: envoy.filters.http.oauth2\n", "- name: envoy.filters.http.oauth2\n            disabled: true\n"}},
		{id: "oauth2-off", name: "oauth2-off-for-websockets", further: []string{"request-trailers"},
			rewrite: func(file string) string {
				const upgrades = "          upgrade_configs: [ { upgrade_type: websocket } ]\n"
				filters, _, _ := strings.Cut(file[strings.Index(file, authzFilter):], "\n  clusters:")
				return strings.Replace(file, upgrades, "          upgrade_configs:\n          - upgrade_type: websocket\n            filters:\n"+
					"  "+strings.ReplaceAll(filters, "\n", "\n  ")+"\n", 1)
			},
			open: cookie(func(t *testing.T, b *loginBrowser, s loginStack) bool {
				host := strings.TrimPrefix(s.origin, "http://")
				var cookies []string
				for name, value := range b.cookies[host] {
					cookies = append(cookies, name+"="+value)
				}
				connection, _, response := open(t, s.envoy.address, call{line: "GET /orders", headers: []string{"host: " + host,
					"connection: Upgrade", "upgrade: websocket", "origin: " + s.origin, "cookie: " + strings.Join(cookies, "; ")}})
				defer connection.Close()
				return response.StatusCode == http.StatusUnauthorized
			})},
		{id: "oauth2-token-unread", config: []string{"[bearer, {cookie: __Host-BearerToken}]", "[bearer]"}, open: notSignedIn("/orders")},
		{id: "oauth2-cookies-forwarded", config: []string{"'__Host-IdToken*', ", ""},
			open: func(t *testing.T, s loginStack) bool {
				s.application.take()
				if !signedIn(t, s, newLoginBrowser(), "/orders") {
					t.Fatal("not signed in")
				}
				return slices.ContainsFunc(s.application.take(), func(r received) bool {
					return strings.Contains(r.Header.Get("Cookie"), "__Host-IdToken=ey")
				})
			}},
		{id: "oauth2-redirect-uri", name: "oauth2-original-request-uri", edits: []string{`original_request_uri: "ORIGIN"`, "#"},
			open: func(t *testing.T, s loginStack) bool {
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/login", append([]string{"host: localhost:1"}, navigation...), "")
				to, err := url.Parse(got.location(t))
				if err != nil {
					t.Fatal(err)
				}
				state, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(to.Query().Get("state"), "="))
				return err == nil && strings.Contains(string(state), "//localhost:1/")
			}},
		{id: "oauth2-cookies-plain", edits: []string{"token_cookie_chunking: {}", "disable_token_encryption: true"},
			open: cookie(func(t *testing.T, b *loginBrowser, s loginStack) bool {
				return strings.HasPrefix(s.cookie(b, "__Host-BearerToken"), "ey")
			})},
		{id: "oauth2-cookie-names", edits: []string{"oauth_nonce: __Host-OauthNonce", "oauth_nonce: OauthNonce"},
			config: []string{"'__Host-OauthNonce*'", "'OauthNonce*'"},
			open: func(t *testing.T, s loginStack) bool {
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/login", navigation, "")
				return slices.ContainsFunc(
					got.Header.Values("Set-Cookie"),
					func(c string) bool { return !strings.HasPrefix(c, "__Host-") },
				)
			}},
		{id: "oauth2-cookie-dropped", edits: []string{"client_id: \"web\"", "client_id: \"web\"\n                  cookie_domain: localhost"},
			open: notSignedIn("/orders")},
		{id: "oauth2-cookie-dropped", name: "oauth2-cookie-path", open: notSignedIn("/orders"),
			edits: []string{"oauth_nonce_cookie_config: {", "oauth_nonce_cookie_config: { path: /oauth2,"}},
		{id: "oauth2-cookie-domain", further: []string{"oauth2-cookie-dropped", "oauth2-cookie-names"},
			edits: []string{"oauth_nonce: __Host-OauthNonce", "oauth_nonce: OauthNonce",
				"client_id: \"web\"", "client_id: \"web\"\n                  cookie_domain: localhost"},
			config: []string{"'__Host-OauthNonce*'", "'OauthNonce*'"},
			open: func(t *testing.T, s loginStack) bool {
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/login", navigation, "")
				return slices.ContainsFunc(
					got.Header.Values("Set-Cookie"),
					func(c string) bool {
						return strings.HasPrefix(c, "OauthNonce=") && strings.Contains(strings.ToLower(c), "domain=localhost")
					},
				)
			}},
		{id: "oauth2-callback", name: "oauth2-callback-host", open: notSignedIn("/orders"),
			edits: []string{`allowed_redirect_domains: [ "localhost" ]`, `allowed_redirect_domains: [ "app.example" ]`}},
		{id: "oauth2-callback", name: "oauth2-callback-port", open: notSignedIn("/orders"),
			edits: []string{`redirect_uri: "ORIGIN/oauth2`, `redirect_uri: "http://localhost/oauth2`}},
		{id: "oauth2-callback", edits: []string{`redirect_uri: "ORIGIN/oauth2/callback"`, `redirect_uri: "http://localhost:8080/cb"`},
			open: func(t *testing.T, s loginStack) bool {
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/login", navigation, "")
				to, err := url.Parse(got.location(t))
				if err != nil {
					t.Fatal(err)
				}
				back, err := url.Parse(to.Query().Get("redirect_uri"))
				if err != nil || back.Path == "" {
					t.Fatalf("%s: %v", to, err)
				}
				answer := newLoginBrowser().send(t, http.MethodGet, s.origin+back.Path+"?error=access_denied&state=a", navigation, "")
				return !strings.Contains(answer.Body, "The sign-in did not finish") // the page of a callback
			}},
		{id: "oauth2-same-site", edits: []string{"oauth_nonce_cookie_config: { same_site: LAX }", "oauth_nonce_cookie_config: {}"},
			open: func(t *testing.T, s loginStack) bool {
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/login", navigation, "")
				return slices.ContainsFunc(
					got.Header.Values("Set-Cookie"),
					func(c string) bool { return !strings.Contains(c, "SameSite=Lax") },
				)
			}},
		{id: "oauth2-pass-through", edits: []string{"                allow_failed_matcher:\n",
			"                pass_through_matcher: [ { name: \":path\", string_match: { prefix: /maybe } } ]\n" +
				"                allow_failed_matcher:\n"},
			open: notSignedIn("/maybe")},
		{
			id: "oauth2-redirect-uri",
			edits: []string{
				`redirect_uri: "ORIGIN/oauth2`, `redirect_uri: "%REQ(x-forwarded-proto)%://%REQ(:authority)%/oauth2`,
				`allowed_redirect_domains: [ "localhost" ]`, "allowed_redirect_domains: []",
			},
			open: func(t *testing.T, s loginStack) bool {
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/login", append([]string{"host: evil.example"}, navigation...), "")
				return strings.Contains(got.location(t), url.QueryEscape("evil.example/oauth2/callback"))
			},
		},
		{id: "oauth2-sign-out", edits: []string{"token_cookie_chunking: {}", "disable_id_token_set_cookie: true"},
			open: func(t *testing.T, s loginStack) bool {
				b := newLoginBrowser()
				if !signedIn(t, s, b, "/orders") {
					t.Fatal("not signed in")
				}
				got := b.send(t, http.MethodGet, s.origin+"/logout", navigation, "")
				return !strings.Contains(got.location(t), "id_token_hint=ey")
			}},
		{id: "oauth2-issuer-plain",
			rewrite: func(file string) string {
				return regexp.MustCompile(`authorization_endpoint: "[^"]*"`).ReplaceAllString(file, `authorization_endpoint: "http://login.example/a"`)
			},
			open: func(t *testing.T, s loginStack) bool {
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/login", navigation, "")
				return strings.HasPrefix(got.location(t), "http://login.example/")
			}},
		{id: "oauth2-issuer-missing", edits: []string{"cluster: issuer,", "cluster: nobody,"}, open: notSignedIn("/orders")},
		{id: "oauth2-sign-out-here", edits: []string{"end_session_endpoint: ", "# "},
			open: func(t *testing.T, s loginStack) bool {
				b := newLoginBrowser()
				if !signedIn(t, s, b, "/orders") {
					t.Fatal("not signed in")
				}
				host := strings.TrimPrefix(s.origin, "http://")
				refresh := s.cookie(b, "__Host-RefreshToken")
				b.open(t, s.origin+"/logout")
				b.cookies[host] = map[string]string{"__Host-RefreshToken": refresh} // does the issuer's session go on?
				return b.send(t, http.MethodGet, s.origin+"/orders", fetching, "").Status == http.StatusOK
			}},
		{id: "page-of-request", edits: []string{"It was cancelled or took too long, or it had finished before.", "%RESPONSE_CODE_DETAILS%"},
			open: func(t *testing.T, s loginStack) bool {
				state := base64.RawURLEncoding.EncodeToString([]byte("<script>alert(1)</script>"))
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/oauth2/callback?code=a&state="+state, navigation, "")
				return strings.Contains(got.Body, "<script>")
			}},
		{id: "redirect-by-client",
			rewrite: func(file string) string {
				location := regexp.MustCompile(`"http://[^"%]*/login%REQ`)
				return location.ReplaceAllString(file, `"http://%REQ(:AUTHORITY)%/login%REQ`)
			},
			open: func(t *testing.T, s loginStack) bool {
				got := newLoginBrowser().send(t, http.MethodGet, s.origin+"/orders", append([]string{"host: evil.example"}, navigation...), "")
				return got.location(t) == "http://evil.example/login/orders"
			}},
		{
			id:    "oauth2-code-logged",
			edits: []string{`details: "%CEL(`, `details: "%RESPONSE_CODE_DETAILS%%CEL(`},
			open: func(t *testing.T, s loginStack) bool {
				newLoginBrowser().send(t, http.MethodGet, s.origin+"/oauth2/callback?error=access_denied&state=SECRET", navigation, "")
				line := s.envoy.accessLog(t, 1)[0]
				return strings.Contains(line["details"].(string), "SECRET")
			},
		},
	}
}

// TestLintLogin: each rule of `jwtgate lint-envoy` about sign-in holds on a real Envoy.
func TestLintLogin(t *testing.T) {
	shipped := startLogin(t, time.Hour)
	if got := shipped.findings(t); len(got) != 0 {
		t.Errorf("as shipped: found %q", got)
	}
	seen := map[string]bool{}
	for _, row := range loginLintRows() {
		seen[row.id] = true
		t.Run(cmp.Or(row.name, row.id), func(t *testing.T) {
			edited := startLogin(t, time.Hour, row)
			want := slices.Sorted(slices.Values(append(row.further, row.id)))
			if got := edited.findings(t); !slices.Equal(got, want) {
				t.Errorf("found %q", got)
			}
			if !row.open(t, edited) {
				t.Error("the effect of the edit is not there")
			}
			if row.id != "oauth2-code-logged" && row.open(t, shipped) { // TestLoginAnswers reads the shipped file's log
				t.Error("the effect is there in the shipped file too")
			}
		})
	}
	for id, why := range lintElsewhere() {
		if strings.Contains(why, "TestLintLogin") != seen[id] {
			t.Errorf("%s has a row: %v, and another test: %s", id, seen[id], why)
		}
	}
}
