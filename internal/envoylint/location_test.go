package envoylint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// TestLocations: a client must not choose the host to which an answer leads.
func TestLocations(t *testing.T) {
	const location = `value: "http://localhost:8080/login%REQ(:PATH)%" } } # edit: public-url`
	for text, chosen := range map[string]bool{
		"https://%REQ(:AUTHORITY)%/login":                             true,
		"%REQ(X-FORWARDED-PROTO)%://%REQ(X-FORWARDED-HOST)%/":         true,
		"https://%CEL(request.host)%/login":                           true,
		"https://%REQUESTED_SERVER_NAME%/login":                       true,
		"https://%QUERY_PARAM(tenant)%.app.example/login":             true,
		"https://app.example%REQ(X-NEXT)%":                            true,
		"%QUERY_PARAM(next)%":                                         true,
		"/%QUERY_PARAM(next)%":                                        true,
		"//%REQ(:AUTHORITY)%/login":                                   true,
		"https:%REQ(:PATH)%":                                          true,
		"%ENVIRONMENT(SCHEME)%://%REQ(:AUTHORITY)%/":                  true,
		`%COALESCE({\"operators\": [{\"command\": \"REQ\"}]})%/login`: true,
		"https://app.example%REQ(:PATH)%":                             false,
		"https://app.example%PATH(WQ:PATH)%":                          false,
		"https://app.example/login?to=%REQ(:AUTHORITY)%":              false,
		"%REQ(:SCHEME)%://app.example/%QUERY_PARAM(next)%":            false,
		"%ENVIRONMENT(PUBLIC_URL)%/login%REQ(:PATH)%":                 false,
		"%ENVIRONMENT(PUBLIC_URL)%%REQ(:PATH)%":                       false,
		"/login%REQ(:PATH)%":                                          false,
		"?next=%REQ(:PATH)%":                                          false,
		"https://app.example/":                                        false,
		`/\t%REQ(:PATH)%`:                                             true,
		" //%REQ(:AUTHORITY)%/":                                       true,
		"100%%A%REQ(:AUTHORITY)%":                                     true,
		"https://%CEL('app')%.example/":                               false,
		"https://%CEL(connection.requested_server_name)%/":            true,
		"https://%CEL(request.host == 'b' ? 'b' : 'a')%.example/":     false,
	} {
		t.Run(text, func(t *testing.T) {
			var want []string
			if chosen {
				want = []string{"redirect-by-client"}
			}
			file := read(t, "../../envoy/login.yaml")
			edited := strings.Replace(file, location, `value: "`+text+`" } }`, 1)
			wantFindings(t, lint(t, edited, loginGate(), envoylint.Plain), want...)
		})
	}
	long := `value: "` + strings.Repeat("%A%", 100_000) + `%REQ(:AUTHORITY)%" } }` // its time grows with its length only
	file := strings.Replace(read(t, "../../envoy/login.yaml"), location, long, 1)
	wantFindings(t, lint(t, file, loginGate(), envoylint.Plain), "redirect-by-client")
	const headers, route = "request_headers_to_add", "                response_headers_to_add:\n"
	for text, chosen := range map[string]bool{
		"0;url=https://%REQ(:AUTHORITY)%/": true, "0;url=//%REQ(:AUTHORITY)%/": true, "0; URL = '/%QUERY_PARAM(next)%": true,
		"0,%REQ(:PATH)%": true, "0;url=https://app.example%REQ(:PATH)%": false, "0;url=/login%REQ(:PATH)%": false, "0": false,
	} {
		var want []string
		if chosen {
			want = []string{"redirect-by-client"}
		}
		option := "                - { header: { key: Refresh, value: \"" + text + "\" } }\n"
		wantFindings(t, lint(t, loginWith(t, route, route+option), loginGate(), envoylint.Plain), want...)
	}
	onRequest := "              request_headers_to_remove: [ x-envoy"
	added := "              " + headers + ": [ { header: { key: location, value: \"https://%REQ(:AUTHORITY)%\" } } ]\n" + onRequest
	wantFindings(t, lint(t, loginWith(t, onRequest, added), loginGate(), envoylint.Plain))
}

// TestPages: an HTML page of Envoy contains no part of the request.
func TestPages(t *testing.T) {
	const fixed = "It was cancelled or took too long, or it had finished before."
	for text, found := range map[string]bool{
		"%RESPONSE_CODE_DETAILS%": true, "%QUERY_PARAM(error)%": true, "%REQ(:PATH)%": true, "%CEL(request.query)%": true,
		"%CEL(response.code_details)%": true, "%CEL(request.url_path == '/a' ? 'a' : 'b')%": false,
		"%CEL(request.url_path == '/a' ? 'a' : request['url_path'])%": true, "%CEL('From ' + request.referer)%": true,
		"%CEL(request.headers['A'].startsWith('a') ? 'a' : 'b')%": false, "%CEL(request)%": true, "%CEL(request.?host)%": true,
		"%RESPONSE_CODE%": false, "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:jwtgate:reason)%": false, "100%": false,
		"100%%A%REQ(:PATH)%": true,
	} {
		t.Run(text, func(t *testing.T) {
			var want []string
			if found {
				want = []string{"page-of-request"}
			}
			wantFindings(t, lint(t, loginWith(t, fixed, text), loginGate(), envoylint.Plain), want...)
		})
	}
	const address = "          use_remote_address: true\n"
	for _, lines := range []string{
		"use_remote_address: false", "use_remote_address: true\n          preserve_external_request_id: true",
		"use_remote_address: true\n          generate_request_id: false",
		"use_remote_address: true\n          internal_address_config: { unix_sockets: true }",
	} {
		report := lint(t, loginWith(t, address, "          "+lines+"\n"), loginGate(), envoylint.Plain)
		if found := ids(report); !slices.Contains(found, "page-of-request") {
			t.Errorf("%s: the client chooses the request ID in the page; found %q", lines, found)
		}
	}
	const body = "                  title: Service Unavailable\n"
	wantFindings(t, lint(t, loginWith(t, body, body+"                  path: \"%REQ(:PATH)%\"\n"), loginGate(), envoylint.Plain)) // JSON
	status := "                direct_response:\n                  status: 200\n"
	typed := func(format string) string { return status + "                  body_format: { " + format + " }\n" }
	const body64 = "JVJFUSg6UEFUSCkl" // %REQ(:PATH)%
	for format, want := range map[string][]string{
		`text_format_source: { inline_string: "%REQ(:PATH)%" }`:                           {"page-of-request"}, // the route adds text/html
		`content_type: text/plain, text_format_source: { inline_string: "%REQ(:PATH)%" }`: {"page-of-request"},
		`text_format_source: { inline_bytes: ` + body64 + ` }`:                            {"page-of-request"},
		`text_format_source: { filename: /etc/page }`:                                     {"unknown?"},
		`text_format_source: { inline_string: "%RESPONSE_CODE%" }`:                        nil,
	} {
		wantFindings(t, lint(t, loginWith(t, status, typed(format)), loginGate(), envoylint.Plain), want...)
	}
	plain := strings.Replace(loginWith(t, status, typed(`text_format_source: { inline_string: "%REQ(:PATH)%" }`)),
		"key: content-type, value: text/html; charset=utf-8", "key: content-type, value: text/plain", 1)
	wantFindings(t, lint(t, plain, loginGate(), envoylint.Plain)) // a browser shows it as a text
	svg := strings.Replace(plain, "key: content-type, value: text/plain", "key: content-type, value: image/svg+xml", 1)
	wantFindings(t, lint(t, svg, loginGate(), envoylint.Plain), "page-of-request")
}
