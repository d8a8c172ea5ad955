package envoylint_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

const (
	loggersBegin = "          access_log:\n"
	logger       = `          - { name: a, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.`
	customTag    = `custom_tags: [ { tag: a, request_header: { name: Cookie } } ]`
)

// TestRecords: what a log or a trace of login.yaml contains. TestLintLogs in the end-to-end
// tests shows it on a real Envoy, also for formats and filters that are not here.
func TestRecords(t *testing.T) {
	format := func(text string) string {
		return loggersBegin + logger + `stream.v3.StdoutAccessLog, log_format: { text_format_source: { ` + text + " } } } }\n"
	}
	text := func(text string) string { return format(`inline_string: "` + text + `"`) }
	traces := func(text string) string { return "          tracing: { " + text + " }\n" + loggersBegin }
	own := func(kind string) string { return loggersBegin + logger + kind + " } }\n" }
	code, token, both := []string{"oauth2-code-logged"}, []string{"token-logged"}, []string{"oauth2-code-logged", "token-logged"}
	by := func(expression string) string {
		return `{ extension_filter: { name: a, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.` +
			`ExpressionFilter, expression: "` + expression + `" } } }`
	}
	but := func(path string) string { return by("request.url_path != '" + path + "' && response.code > 0") }
	filtered := func(filter string) string {
		return strings.Replace(own("grpc.v3.HttpGrpcAccessLogConfig"), "name: a,", "name: a, filter: "+filter+",", 1)
	}
	const choice = `%COALESCE({\"operators\": [\"HOSTNAME\", {\"command\": \"REQ\", \"param\": \":path\"}]})%`
	base64 := base64.StdEncoding.EncodeToString([]byte("%REQ(:PATH)%"))
	for name, row := range map[string]struct {
		logs  string // replaces the beginning of the logs
		query bool   // jwtgate reads tokens in the query
		want  []string
	}{
		"the path":                    {logs: text("%REQ(:PATH)%"), want: code},
		"the path of the request":     {logs: text("%REQUEST_HEADER(A?:path)%"), want: code},
		"the path, short":             {logs: text("%REQ(:PATH):17%")},
		"the path, almost short":      {logs: text("%REQ(:PATH):18%"), want: code},
		"the path with its query":     {logs: text("%PATH(WQ:PATH)%"), want: code},
		"the path without it":         {logs: text("%REQ_WITHOUT_QUERY(:PATH)% %PATH(NQ)% %PATH(WQ:ORIG)%")},
		"the code":                    {logs: text("%QUERY_PARAM(code)%"), want: code},
		"another parameter":           {logs: text("%QUERY_PARAM(page)%")},
		"details":                     {logs: text("%RESPONSE_CODE_DETAILS%"), want: code},
		"details by an expression":    {logs: text("%CEL(response.code_details)%"), want: code},
		"details of another path":     {logs: text("%CEL(request.url_path == '/a' ? '-' : response.code_details)%"), want: code},
		"details but of the callback": {logs: text("%CEL(request.url_path != '/oauth2/callback' ? response.code_details : '-')%")},
		"details of the callback":     {logs: text("%CEL(request.url_path == '/oauth2/callback' ? request.path : '-')%"), want: code},
		"the cause of a failed callback": {logs: text("%CEL('/oauth2/callback' != request.url_path ? response.code_details : " +
			"response.code_details.startsWith('a') ? 'a' : '-')%")},
		"a part of the details":          {logs: text("%CEL(request.url_path == '/a' ? 'a' : response.code_details.split('?')[1])%"), want: code},
		"details of a longer path":       {logs: text("%CEL(request.url_path.startsWith('/oauth2') ? '-' : response.code_details)%"), want: code},
		"a query in a list":              {logs: text("%CEL([1, {'a': request['query'] + 'a'}])%"), want: code},
		"whether a query has the code":   {logs: text("%CEL(request.query.contains('code=') || has(request.headers.cookie))%")},
		"a header by a name":             {logs: text("%CEL(response.headers[request.headers['a']])%"), want: code},
		"what a macro returns":           {logs: text("%CEL(response.headers.map(h, h))%"), want: code},
		"whether a macro finds one":      {logs: text("%CEL(response.headers.exists(h, h == 'a'))%")},
		"no expression":                  {logs: text("%CEL(request.url_path ==)%"), want: both},
		"details that are compared":      {logs: text("%CEL(response.code_details == 'a' ? 'a' : 'b')%")},
		"a location":                     {logs: text("%RESP(LOCATION)%"), want: code},
		"a location by an expression":    {logs: text("%CEL(response.headers['Location'])%"), want: code},
		"every header of the answer":     {logs: text("%CEL(response.headers)%"), want: code},
		"cookies that Envoy sets":        {logs: text("%RESPONSE_HEADER(set-cookie)%"), want: code},
		"whether there is a cookie":      {logs: text("%CEL('cookie' in request.headers)%")},
		"a choice of commands":           {logs: text(choice), want: code},
		"in Base64":                      {logs: format("inline_bytes: " + base64), want: code},
		"a format elsewhere":             {logs: format("filename: /etc/format"), want: []string{"unknown?"}},
		"a format of the environment":    {logs: format("environment_variable: FORMAT"), want: []string{"unknown?"}},
		"Envoy's format":                 {logs: own("stream.v3.StderrAccessLog"), want: code},
		"an empty format":                {logs: own("file.v3.FileAccessLog, path: /a, format: \"\""), want: code},
		"a gRPC log":                     {logs: own("grpc.v3.HttpGrpcAccessLogConfig"), want: code},
		"a tag of an OpenTelemetry log":  {logs: own("open_telemetry.v3.OpenTelemetryAccessLogConfig, " + customTag), want: token},
		"a gRPC log but of the callback": {logs: filtered(but("/oauth2/callback"))},
		"but of it, in double quotes":    {logs: filtered(by(`request.url_path != \"/oauth2/callback\"`))},
		"but of it, the path first":      {logs: filtered(by("'/oauth2/callback' != request.url_path"))},
		"but of it, without spaces":      {logs: filtered(by("response.code>0&&(request['url_path']!='/oauth2/callback'&&true)"))},
		"but of it, or with an answer":   {logs: filtered(by("request.url_path != '/oauth2/callback' || response.code > 0")), want: code},
		"only of it":                     {logs: filtered(by("request.url_path == '/oauth2/callback'")), want: code},
		"but of it, in no expression":    {logs: filtered(by("request.url_path != '/oauth2/callback' &&")), want: code},
		"a gRPC log but of another path": {logs: filtered(but("/a")), want: code},
		"but of the callback, by two conditions": {logs: filtered("{ and_filter: { filters: [ { not_health_check_filter: {} }, " +
			but("/oauth2/callback") + " ] } }")},
		"but of the callback, by one of two": {logs: filtered("{ or_filter: { filters: [ { not_health_check_filter: {} }, " +
			but("/oauth2/callback") + " ] } }"), want: code},
		"but of paths below one": {logs: filtered(`{ header_filter: { header: { name: ":path", string_match: { prefix: /oauth2/ }, ` +
			"invert_match: true } } }")},
		"of paths below one": {logs: filtered(`{ header_filter: { header: { name: ":path", string_match: { prefix: /oauth2/ } } } }`),
			want: code},
		"traces":                      {logs: traces(""), want: code},
		"traces with short paths":     {logs: traces("max_path_tag_length: 16")},
		"traces with a tag":           {logs: traces("max_path_tag_length: 16, " + customTag), want: token},
		"a token by an expression":    {logs: text("%CEL(request.headers['authorization'])%"), want: token},
		"every header of the request": {logs: text("%TYPED_CEL(request.headers)%"), want: both},
		"the query, with tokens":      {logs: text("%QUERY_PARAMS%"), query: true, want: both},
		"a gRPC log, with tokens":     {logs: own("grpc.v3.HttpGrpcAccessLogConfig"), query: true, want: both},
		"traces, with tokens":         {logs: traces("max_path_tag_length: 16"), query: true, want: token},
		"after a percent sign":        {logs: text("100%%OK%REQ(AUTHORIZATION)%"), want: token},
		"a name of the root":          {logs: text("%CEL(.request.headers['cookie'])%"), want: token},
		"a message":                   {logs: text("%CEL(google.protobuf.StringValue{value: request.query})%"), want: code},
		"a query, short":              {logs: text("%CEL(request.query):16%"), want: code},
		"the path, short, by CEL":     {logs: text("%CEL(request.path):16%")},
		"a part of the path, short":   {logs: text("%CEL(request.path.split('?')[1]):16%"), want: code},
		"in Base64 without padding":   {logs: format("inline_bytes: JVJFUShDT09LSUUpJQ"), want: token},
		"in Base64 for URLs":          {logs: format("inline_bytes: JVJFUShDT09LSUUpJQo-Pj4_Pz8="), want: token},
		"traces without paths":        {logs: traces("max_path_tag_length: 1"), query: true},
	} {
		t.Run(name, func(t *testing.T) {
			gate := loginGate()
			gate.QueryTokens = row.query
			file := strings.Replace(read(t, "../../envoy/login.yaml"), loggersBegin, row.logs, 1)
			wantFindings(t, lint(t, file, gate, envoylint.Plain), row.want...)
		})
	}
}

// TestRecordsElsewhere: logs of requests to applications, and traces of routes that forward
// nothing.
func TestRecordsElsewhere(t *testing.T) {
	const router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }"
	upstream := func(format string) string {
		return strings.TrimSuffix(router, " }") + ", upstream_log: [ " + strings.TrimSpace(strings.TrimPrefix(logger, "          - ")) +
			"stream.v3.StdoutAccessLog, log_format: { text_format_source: { inline_string: \"" + format + "\" } } } } ] }"
	}
	wantFindings(t, lint(t, loginWith(t, router, upstream("%REQ(COOKIE)%")), loginGate(), envoylint.Plain), "token-logged")
	wantFindings(t, lint(t, loginWith(t, router, upstream("%REQ(:PATH)%")), loginGate(), envoylint.Plain)) // no callback gets there
	const route = "              - match: { path: /oauth2/signed-out }\n"
	traced := loginWith(t, route, route+"                tracing: { "+customTag+" }\n")
	wantFindings(t, lint(t, traced, loginGate(), envoylint.Plain), "token-logged")
}

// TestCookieRecords: the cookies of sessions are secret also where jwtgate reads no cookie.
func TestCookieRecords(t *testing.T) {
	const path = `path: "%PATH(NQ:ORIG_OR_PATH)%"`
	gate := loginGate()
	gate.Tokens = []string{"authorization"}
	file := loginWith(t, path, path+"\n                  cookie: \"%REQ(COOKIE)%\"")
	wantFindings(t, lint(t, file, gate, envoylint.Plain), "oauth2-code-logged")
}

// TestRecordsOfOtherCallbacks: a condition on one path covers neither another callback nor a
// callback that is no single path.
func TestRecordsOfOtherCallbacks(t *testing.T) {
	const exact = "redirect_path_matcher: { path: { exact: /oauth2/callback } }"
	for name, path := range map[string]string{
		"in any letter case": "{ exact: /oauth2/callback, ignore_case: true }", "a prefix": "{ prefix: /oauth2/callback }",
	} {
		t.Run(name, func(t *testing.T) {
			file := strings.Replace(read(t, "../../envoy/login.yaml"), exact, "redirect_path_matcher: { path: "+path+" }", 1)
			report := lint(t, file, loginGate(), envoylint.Plain)
			found := strings.Join(ids(report), " ")
			if !strings.Contains(found, "oauth2-code-logged") {
				t.Errorf("found %s", found)
			}
		})
	}
}
