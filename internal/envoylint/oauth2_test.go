package envoylint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// loginGate is what a configuration for login.yaml needs.
func loginGate() envoylint.Gate {
	gate := plainGate()
	gate.Tokens, gate.TokenCookies, gate.StripCookies = append(gate.Tokens, "cookie"), []string{envoy.SessionCookie}, envoy.LoginCookies()
	return gate
}

// TestLoginFile: login.yaml has no finding. Its pages may replace denials for people only,
// and each edit here makes one replace the answers to programs too.
func TestLoginFile(t *testing.T) {
	gate := loginGate()
	file := read(t, "../../envoy/login.yaml")
	const page = "name: page-403"
	before, after, found := strings.Cut(file, page)
	if !found {
		t.Fatal("login.yaml has no page for 403")
	}
	const accept = "request.headers['accept'].contains('text/html') &&"
	const body = "              body_format_override:"
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
		"an alternative in parentheses": {func(text string) string {
			return strings.Replace(text, accept, "(true || false && "+accept+" true) &&", 1)
		}, []string{"local-reply-overwrites"}},
		"a negation": {func(text string) string {
			return strings.Replace(text, accept, "!(false && "+accept+" true) &&", 1)
		}, []string{"local-reply-overwrites"}},
		"in a string": {func(text string) string {
			return strings.Replace(text, accept, `"x && request.headers['accept'].contains('text/html') && x" != "" &&`, 1)
		}, []string{"local-reply-overwrites"}},
		"in a string with another quote": {func(text string) string {
			return strings.Replace(text, accept, `"\" && request.headers['accept'].contains('text/html') && \"" != "" &&`, 1)
		}, []string{"local-reply-overwrites"}},
		"in a comment": {func(text string) string {
			return strings.Replace(text, accept, "true // &&\n                      "+accept, 1)
		}, []string{"local-reply-overwrites"}},
		"a further condition": {func(text string) string {
			return strings.Replace(text, accept, accept+" ('sec-fetch-mode' in request.headers ? "+
				"request.headers['sec-fetch-mode'] == 'navigate' : !('authorization' in request.headers)) &&", 1)
		}, nil},
		"the condition in other words": {func(text string) string {
			return strings.Replace(text, accept, `request.headers.accept.contains("text/html")&&`, 1)
		}, nil},
		"a page with status 200": {func(text string) string {
			return strings.Replace(text, body, "              status_code: 200\n"+body, 1)
		}, []string{"local-reply-overwrites"}},
		"a page with status 404": {func(text string) string {
			return strings.Replace(text, body, "              status_code: 404\n"+body, 1)
		}, nil},
		"another status": {func(text string) string {
			return strings.Replace(text, "response.code == 403", "response.code == 400", 1)
		}, nil},
		"another path than the callback": {func(text string) string {
			return strings.Replace(text, "redirect_path_matcher: { path: { exact: /oauth2/callback } }",
				"redirect_path_matcher: { path: { exact: /cb } }", 1)
		}, []string{"oauth2-callback", "oauth2-code-logged", "local-reply-overwrites"}},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := envoylint.Lint("login.yaml", []byte(before+page+row.edit(after)), gate, envoylint.Plain)
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(report); !slices.Equal(got, slices.Sorted(slices.Values(row.want))) {
				t.Errorf("found %q, want %q", got, row.want)
			}
		})
	}
}

// signInFilter returns the configuration of the oauth2 filter of login.yaml, and the lines
// before and after it.
func signInFilter(t *testing.T) (before, config, after string) {
	t.Helper()
	file := read(t, "../../envoy/login.yaml")
	const begin, end = "              config:\n                stat_prefix: login.\n", "          - name: envoy.filters.http.ext_authz\n"
	from, to := strings.Index(file, begin), strings.Index(file, end)
	if from < 0 || to < from {
		t.Fatal("login.yaml has no oauth2 filter before ext_authz")
	}
	return file[:from], file[from:to], file[to:]
}

// TestSignInOnRoutes: what a virtual host, a route or a part of a weighted cluster
// configures for the oauth2 filter is checked as the filter's own configuration is.
func TestSignInOnRoutes(t *testing.T) {
	before, config, after := signInFilter(t)
	const under = "                " // of the filters of a virtual host
	own := strings.Join(strings.Split(strings.TrimRight(config, "\n"), "\n"), "\n    ")
	perRoute := under + "envoy.filters.http.oauth2:\n" +
		under + "  \"@type\": type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2PerRoute\n    " + own + "\n"
	const vhost = "              typed_per_filter_config:\n"
	const route = "              - match: { prefix: \"/\" }\n                route: { cluster: app, timeout: 0s }\n"
	indent := func(text, by string) string { return strings.ReplaceAll(text, "\n", "\n"+by) }
	onHost := func(text string) string { return strings.Replace(before, vhost, vhost+text, 1) }
	onRoute := func(text string) string {
		return strings.Replace(before, route, route+"  "+vhost+strings.TrimSuffix("  "+indent(text, "  "), "  "), 1)
	}
	onPart := func(text string) string {
		return strings.Replace(
			before,
			route,
			"              - match: { prefix: \"/\" }\n                route:\n                  timeout: 0s\n"+
				"                  weighted_clusters:\n                    clusters:\n"+
				"                    - name: app\n                      weight: 1\n"+
				"        "+vhost+strings.TrimSuffix("        "+indent(text, "        "), "        "),
			1,
		)
	}
	forwards := strings.Replace(perRoute, "forward_bearer_token: false", "forward_bearer_token: true", 1)
	for name, row := range map[string]struct {
		file string
		want []string
	}{
		"the host's only":                   {onHost(perRoute) + after, nil},
		"the route's only":                  {onRoute(perRoute) + after, nil},
		"the host's forwards":               {onHost(forwards) + config + after, []string{"oauth2-forwards-token"}},
		"the route's forwards":              {onRoute(forwards) + config + after, []string{"oauth2-forwards-token"}},
		"the part's forwards":               {onPart(forwards) + config + after, []string{"oauth2-forwards-token"}},
		"the route's only, and it forwards": {onRoute(forwards) + after, []string{"oauth2-forwards-token"}},
		"another callback": {
			onHost(strings.Replace(perRoute, "exact: /oauth2/callback", "exact: /cb", 1)) + after,
			[]string{"local-reply-overwrites", "oauth2-callback", "oauth2-code-logged"},
		},
	} {
		t.Run(name, func(t *testing.T) { wantFindings(t, lint(t, row.file, loginGate(), envoylint.Plain), row.want...) })
	}
}

// TestSignIn: edits of login.yaml and of strip_cookies with which tokens leave Envoy or the
// gate, or a client chooses where a sign-in ends.
func TestSignIn(t *testing.T) {
	redirect, forwarded, callback := []string{"oauth2-redirect-uri"}, []string{"oauth2-cookies-forwarded"}, []string{"oauth2-callback"}
	const origin, chunking = `original_request_uri: "http://localhost:8080"`, "token_cookie_chunking: {}"
	const filter = "          - name: envoy.filters.http.oauth2\n"
	const onRoute = "              # The oauth2 filter lets only a browser with a session get here.\n"
	const uri, noPort = `redirect_uri: "http://localhost:8080/`, `redirect_uri: "http://localhost/`
	for name, row := range map[string]struct {
		edits  []string
		strips []string // pairs of a name in strip_cookies and its replacement; empty to remove it
		want   []string
	}{
		"the ID token in a header": {
			edits: []string{"forward_bearer_token: false", "forward_id_token: { header: x-id-token }"},
			want:  []string{"oauth2-forwards-token"},
		},
		"redirect_uri of the request": {want: redirect,
			edits: []string{`redirect_uri: "http://localhost:8080`, `redirect_uri: "%REQ(x-forwarded-proto)%://%REQ(:authority)%`}},
		"no original_request_uri": {edits: []string{origin, "#"}, want: redirect},
		"original_request_uri of the request": {want: redirect,
			edits: []string{origin, `original_request_uri: "https://%REQ(x-forwarded-host)%"`}},
		"every domain": {
			edits: []string{`allowed_redirect_domains: [ "localhost" ]`, `allowed_redirect_domains: [ "*" ]`}, want: redirect,
		},
		"URLs by http elsewhere": {want: redirect, edits: []string{uri,
			`redirect_uri: "http://app.example/`, origin, `original_request_uri: "http://app.example:8080"`,
			`allowed_redirect_domains: [ "localhost" ]`, `allowed_redirect_domains: [ "App.example" ]`}},
		"another path": {want: callback, edits: []string{`redirect_uri: "http://localhost:8080/oauth2/callback`,
			`redirect_uri: "http://localhost:8080/cb`}},
		"a host that is not allowed": {want: callback,
			edits: []string{`allowed_redirect_domains: [ "localhost" ]`, `allowed_redirect_domains: [ "app.example" ]`}},
		"another host after the sign-in": {want: callback, edits: []string{origin, `original_request_uri: "https://app.example"`}},
		"no port":                        {want: callback, edits: []string{uri, noPort}},
		"no port before a container": {edits: []string{uri, noPort,
			"address: 127.0.0.1, port_value: 8080", "address: 0.0.0.0, port_value: 8080"}},
		"port 80": {edits: []string{uri, noPort,
			"address: 127.0.0.1, port_value: 8080", "address: 127.0.0.1, port_value: 80"}},
		"another port in front": {edits: []string{uri, `redirect_uri: "http://localhost:5173/`}},
		"a domain for the cookies": {want: []string{"oauth2-cookie-dropped"},
			edits: []string{`client_id: "web"`, "client_id: web\n                  cookie_domain: app.example"}},
		"a domain for cookies with other names": {want: []string{"oauth2-cookie-domain", "oauth2-cookie-dropped", "oauth2-cookie-names"},
			edits: []string{"oauth_hmac: __Host-OauthHMAC", "oauth_hmac: __Secure-OauthHMAC",
				"cookie_names:\n", "cookie_domain: a\n                  cookie_names:\n"},
			strips: []string{"__Host-OauthHMAC*", "__Secure-OauthHMAC*"}},
		"a path for a cookie": {want: []string{"oauth2-cookie-dropped"},
			edits: []string{"oauth_nonce_cookie_config: {", "oauth_nonce_cookie_config: { path: /oauth2,"}},
		"the usual path":     {edits: []string{"oauth_nonce_cookie_config: {", "oauth_nonce_cookie_config: { path: /,"}},
		"a disabled filter":  {edits: []string{filter, filter + "            disabled: true\n"}, want: []string{"oauth2-off"}},
		"an optional filter": {edits: []string{filter, filter + "            is_optional: true\n"}, want: []string{"oauth2-off"}},
		"a filter that a route enables": {edits: []string{filter, filter + "            disabled: true\n", onRoute, onRoute +
			"                  envoy.filters.http.oauth2: { \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {} }\n"}},
		"a filter that the host disables": {want: []string{"oauth2-off"}, edits: []string{"                envoy.filters.http.cors:\n",
			"                envoy.filters.http.oauth2: { \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true }\n" +
				"                envoy.filters.http.cors:\n"}},
		"no matcher": {want: []string{"oauth2-redirects-all"}, edits: []string{"                allow_failed_matcher:\n" +
			`                - { name: ":path", string_match: { safe_regex: { regex: "/login([/?].*)?|/oauth2/callback([?].*)?" } }, ` +
			"invert_match: true }\n", ""}},
		"only a matcher that passes": {want: []string{"oauth2-pass-through"}, edits: []string{"allow_failed_matcher:", "pass_through_matcher:"}},
		"the session's bearer token instead": {want: []string{"oauth2-forwards-token"}, edits: []string{
			"preserve_authorization_header: true", "#", "forward_bearer_token: false", "forward_bearer_token: true"}},
		"a matcher for redirects": {edits: []string{"allow_failed_matcher:", "deny_redirect_matcher:"}},
		"bearer tokens are removed": {want: []string{"oauth2-drops-bearer"},
			edits: []string{"preserve_authorization_header: true", "preserve_authorization_header: false"}},
		"a filter that a route disables": {edits: []string{onRoute, onRoute +
			"                  envoy.filters.http.oauth2: { \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true }\n"}},
		"no end_session_endpoint": {edits: []string{"end_session_endpoint: ", "# "}, want: []string{"oauth2-sign-out-here?"}},
		"no hint for the issuer": {
			edits: []string{chunking, "disable_id_token_set_cookie: true"}, want: []string{"oauth2-sign-out"},
		},
		"no hint and no end_session_endpoint": {
			edits: []string{chunking, "disable_id_token_set_cookie: true", "end_session_endpoint: ", "# "},
			want:  []string{"oauth2-sign-out-here?"},
		},
		"no hint for Cognito":       {edits: []string{chunking, "disable_id_token_set_cookie: true", "/shop/end_session\"", "/logout?a=b#\""}},
		"the refresh token is kept": {strips: []string{"__Host-RefreshToken*", ""}, want: forwarded},
		"the nonce is kept":         {strips: []string{"__Host-OauthNonce*", ""}, want: forwarded},
		"the HMAC is kept":          {strips: []string{"__Host-OauthHMAC*", ""}, want: forwarded},
		"parts of a token are kept": {strips: []string{"__Host-BearerToken*", "__Host-BearerToken"}, want: forwarded},
		"a token without parts": {
			edits: []string{chunking, "#"}, strips: []string{"__Host-BearerToken*", "__Host-BearerToken"},
		},
		"IDs of sign-ins are kept": {strips: []string{"__Host-CodeVerifier*", "__Host-CodeVerifier"}, want: forwarded},
		"cookies without parts":    {strips: []string{"__Host-OauthHMAC*", "__Host-OauthHMAC"}},
	} {
		t.Run(name, func(t *testing.T) {
			file, gate := loginWith(t, row.edits...), loginGate()
			for i := 0; i < len(row.strips); i += 2 {
				at := slices.Index(gate.StripCookies, row.strips[i])
				gate.StripCookies[at] = row.strips[i+1]
			}
			wantFindings(t, lint(t, file, gate, envoylint.Plain), row.want...)
		})
	}
}

// TestSignInOfOthers: what the filter does is harmless where nothing needs it, and unknown
// where its routes are.
func TestSignInOfOthers(t *testing.T) {
	gate := loginGate()
	gate.Tokens = []string{"cookie"}
	const keeps, filter = "preserve_authorization_header: true", "          - name: envoy.filters.http.oauth2\n"
	wantFindings(t, lint(t, loginWith(t, keeps, "#"), gate, envoylint.Plain))
	file := loginWith(t, filter, filter+"            disabled: true\n")
	from, to := strings.Index(file, "          route_config:\n"), strings.Index(file, "          http_filters:\n")
	file = file[:from] + "          rds: { route_config_name: elsewhere }\n" + file[to:]
	wantFindings(t, lint(t, file, loginGate(), envoylint.Plain), "routes-elsewhere")
}

// TestSignInOfUpgrades: a WebSocket takes filters of its own, which need the oauth2 filter too.
func TestSignInOfUpgrades(t *testing.T) {
	const upgrades = "          upgrade_configs: [ { upgrade_type: websocket } ]\n"
	_, config, after := signInFilter(t)
	filters, _, _ := strings.Cut(after, "\n  clusters:")
	for from, want := range map[string][]string{
		filters: {"oauth2-off", "request-trailers"},
		"          - name: envoy.filters.http.oauth2\n            typed_config:\n              \"@type\": type.googleapis.com/" +
			"envoy.extensions.filters.http.oauth2.v3.OAuth2\n" + config + filters: {"request-trailers"},
	} {
		own := "          upgrade_configs:\n          - upgrade_type: websocket\n            filters:\n  " +
			strings.ReplaceAll(from, "\n", "\n  ") + "\n"
		wantFindings(t, lint(t, loginWith(t, upgrades, own), loginGate(), envoylint.Plain), want...)
	}
}

// TestSignInByMatcher: a matcher that chooses the oauth2 filter can leave it out.
func TestSignInByMatcher(t *testing.T) {
	before, config, after := signInFilter(t)
	const own = "              \"@type\": type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2\n"
	before = strings.TrimSuffix(before, own) +
		"              \"@type\": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher\n" +
		"              extension_config:\n                name: a\n                typed_config:\n    " + own
	config = "    " + strings.TrimSuffix(strings.ReplaceAll(config, "\n", "\n    "), "    ")
	wantFindings(t, lint(t, before+config+after, loginGate(), envoylint.Plain), "oauth2-off")
}

// TestSignInIssuer: how Envoy and browsers get to the issuer. TestLintIssuer in the end-to-end
// tests shows who gets the client's secret.
func TestSignInIssuer(t *testing.T) {
	const (
		noTLS   = "    # no TLS: this issuer is on loopback # edit: issuer-tls\n"
		uri     = `uri: "http://127.0.0.1:9003/shop/token"`
		address = "address: 127.0.0.1, port_value: 9003"
		secure  = `uri: "https://login.example/token"`
		named   = "trusted_ca: { filename: /ca }, match_typed_subject_alt_names: [ { san_type: DNS, matcher: { exact: a } } ]"
		trusted = "validation_context: { trusted_ca: { filename: /ca } }"
	)
	plain := []string{"oauth2-issuer-plain"}
	transport := func(kind, settings string) string {
		return "    transport_socket: { name: a, typed_config: { \"@type\": type.googleapis.com/envoy.extensions.transport_sockets." +
			kind + ", " + settings + " } }\n"
	}
	tls := func(settings, context string) string {
		return transport("tls.v3.UpstreamTlsContext", settings+"common_tls_context: { "+context+" }")
	}
	matches := func(one string) string {
		return "    transport_socket_matches: [ { name: a, " + strings.TrimSpace(one) + " } ]\n"
	}
	for name, row := range map[string]struct {
		edits []string
		want  []string
	}{
		"https without TLS":        {[]string{uri, secure}, plain},
		"https by a raw buffer":    {[]string{uri, secure, noTLS, transport("raw_buffer.v3.RawBuffer", "")}, plain},
		"http elsewhere":           {[]string{address, "address: login.example, port_value: 80"}, plain},
		"http to a socket":         {[]string{"socket_address: { " + address + " }", "pipe: { path: /issuer }"}, nil},
		"http to another loopback": {[]string{address, "address: 127.0.0.9, port_value: 80"}, nil},
		"addresses that Envoy fetches": {[]string{"name: issuer\n    type: STRICT_DNS", "name: issuer\n    type: EDS", uri,
			`uri: "http://login.example/token"`}, plain},
		"no authority":      {[]string{uri, secure, noTLS, tls("", "")}, plain},
		"any name":          {[]string{uri, secure, noTLS, tls("", trusted)}, plain},
		"any name of two":   {[]string{uri, secure, noTLS, tls("", "combined_validation_context: { default_"+trusted+" }")}, plain},
		"the name sent":     {[]string{uri, secure, noTLS, tls("sni: a, auto_sni_san_validation: true, ", trusted)}, nil},
		"the issuer's name": {[]string{uri, secure, noTLS, tls("", "validation_context: { "+named+" }")}, nil},
		"its name of two": {[]string{uri, secure, noTLS,
			tls("", "combined_validation_context: { default_validation_context: { "+named+" } }")}, nil},
		"a name by no authority": {[]string{uri, secure, noTLS, tls("sni: a, auto_sni_san_validation: true, ", "")}, plain},
		"the host's name": {[]string{uri, secure, noTLS, tls("", trusted) + "    typed_extension_protocol_options: { " +
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { \"@type\": " +
			"type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http_protocol_options: {} }, " +
			"upstream_http_protocol_options: { auto_sni: true, auto_san_validation: true } } }\n"}, nil},
		"a certificate": {[]string{uri, secure, noTLS, tls("", "validation_context: { verify_certificate_spki: [ a ] }")}, nil},
		"fetched":       {[]string{uri, secure, noTLS, tls("", "validation_context_sds_secret_config: { name: a }")}, nil},
		"any authority": {[]string{uri, secure, noTLS,
			tls("", "validation_context: { trust_chain_verification: ACCEPT_UNTRUSTED, "+named+" }")}, plain},
		"any name that fits": {[]string{uri, secure, noTLS,
			tls("", "validation_context: { "+strings.Replace(named, "exact: a", "safe_regex: { regex: '.*' }", 1)+" }")}, plain},
		"any name that ends so": {[]string{uri, secure, noTLS,
			tls("", "validation_context: { "+strings.Replace(named, "exact: a", "suffix: example", 1)+" }")}, plain},
		"hosts below one": {[]string{uri, secure, noTLS,
			tls("", "validation_context: { "+strings.Replace(named, "exact: a", "suffix: .login.example", 1)+" }")}, nil},
		"a name of no host": {[]string{uri, secure, noTLS,
			tls("", "validation_context: { "+strings.Replace(named, "DNS", "URI", 1)+" }")}, plain},
		"endpoints without TLS": {[]string{uri, secure, noTLS, matches("match: {}, " + transport("raw_buffer.v3.RawBuffer", ""))}, plain},
		"endpoints with TLS":    {[]string{uri, secure, noTLS, matches("match: {}, " + tls("", "validation_context: { "+named+" }"))}, nil},
		"some endpoints with TLS": {[]string{uri, secure, noTLS,
			matches("match: { a: b }, " + tls("", "validation_context: { "+named+" }"))}, plain},
		"another transport": {[]string{uri, secure, noTLS, transport("alts.v3.Alts", "")}, nil},
		"no cluster":        {[]string{"cluster: issuer,", "cluster: nobody,"}, []string{"oauth2-issuer-missing"}},
		"a cluster that Envoy fetches": {[]string{"cluster: issuer,", "cluster: nobody,",
			"admin:\n", "dynamic_resources: { cds_config: { ads: {} } }\nadmin:\n"}, []string{"cluster-elsewhere?"}},
		"a sign-in page by http": {[]string{"http://127.0.0.1:9003/shop/authorize", "http://login.example/authorize"}, plain},
		"a sign-out by http":     {[]string{"http://127.0.0.1:9003/shop/end_session", "HTTP://login.example/out"}, plain},
		"pages on this machine":  {[]string{"http://127.0.0.1:9003/shop/authorize", "http://localhost:9003/authorize"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			wantFindings(t, lint(t, loginWith(t, row.edits...), loginGate(), envoylint.Plain), row.want...)
		})
	}
}
