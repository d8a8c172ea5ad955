//go:build !race

package e2e

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// collector stores what Envoy sends to it by gRPC, as it is.
type collector struct {
	*httptest.Server
	data testutil.Output
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&c.data, r.Body) // access logs are a stream, which Envoy does not end
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		_, _ = w.Write(make([]byte, 5)) // an empty message
	}))
	c.Config.Protocols = new(http.Protocols)
	c.Config.Protocols.SetUnencryptedHTTP2(true)
	c.Start()
	t.Cleanup(c.CloseClientConnections)
	return c
}

// cluster is the collector as a cluster of Envoy.
func (c *collector) cluster(name string) string {
	return fmt.Sprintf(`  - name: %s
    load_assignment:
      cluster_name: %[1]s
      endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: %s } } } } ] } ]
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
`, name, port(c.Listener.Addr().String()))
}

// logRow is an access log, in which FILE is its file or COLLECTOR its cluster, and whether it
// contains what a sign-in or a session consists of.
type logRow struct {
	name, log string
	secret    bool
}

const (
	logger   = `typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.`
	logsFile = `{ name: a, ` + logger + `file.v3.FileAccessLog, path: "FILE"`
	celRule  = `{ extension_filter: { name: a, typed_config: { "@type": ` +
		`type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter, expression: "request.url_path != 'PATH'" } } }`
	pathRule = `{ header_filter: { header: { name: ":path", string_match: { prefix: PATH }, invert_match: true } } }`
)

// logRows are logs with each command of a format that may write a secret, and those without
// a format.
func logRows() []logRow {
	var rows []logRow
	formats := map[string]bool{
		"%REQ(:PATH)%": true, "%REQUEST_HEADER(:path)%": true, "%STREAM_INFO_REQ(:PATH)%": true, "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%": true,
		"%PATH%": true, "%PATH()%": true, "%PATH(WQ):99%": true, "%PATH(:PATH)%": true, "%PATH(WQ:ORIG)%": false, "%PATH(NQ)%": false,
		"%REQ(:PATH):17%": false, "%QUERY_PARAM(code)%": true, "%QUERY_PARAM(a)%": false, "%QUERY_PARAMS%": true, "%QUERY_PARAMS(DECODED)%": true,
		"%RESPONSE_CODE_DETAILS%": true, "%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%": true,
		"%RESP(LOCATION)%": true, "%RESPONSE_HEADER(a?location)%": true, "%RESP(SET-COOKIE)%": true, "%RESP(CONTENT-TYPE)%": false,
		"%REQ(COOKIE)%": true, "%REQ(A?COOKIE)%": true, "%REQ(:AUTHORITY)%": false,
		"%CEL(response.code_details)%": true, "%CEL(request.path)%": true, "%CEL(request.query)%": true, "%CEL(request['path'])%": true,
		"%CEL(request.headers[':path'])%": true, "%CEL(request.headers.cookie)%": true, "%CEL(request['headers']['cookie'])%": true,
		"%CEL(response.headers['location'])%": true, "%CEL(request.url_path)%": false, "%CEL('cookie' in request.headers)%": false,
		"100%%OK%REQ(COOKIE)%": true, "%CEL(.request.headers['cookie'])%": true, "%CEL(request.path):17%": false,
		"%CEL(google.protobuf.StringValue{value: request.path})%":                                                true,
		"%CEL(request.path.contains('code') ? 'a' : 'b')%":                                                       false,
		"%CEL(request.url_path == '/oauth2/callback' ? '-' : request.path)%":                                     false,
		"%CEL(request.url_path != '/oauth2/callback' ? response.code_details : '-')%":                            false,
		"%CEL(request.url_path == '/a' ? '-' : response.code_details)%":                                          true,
		"%CEL(request.url_path == '/oauth2/callback' ? '-' : response.headers['location'])%":                     true,
		"%CEL(request.url_path == '/oauth2/callback' ? request.path : '-')%":                                     true,
		`%COALESCE({\"operators\": [\"REQUESTED_SERVER_NAME\", {\"command\": \"REQ\", \"param\": \":path\"}]})%`: true,
	}
	for format, secret := range formats {
		text := `, log_format: { text_format_source: { inline_string: "%PATH(NQ)% ` + format + `\n" } } } }`
		rows = append(rows, logRow{format, logsFile + text, secret})
	}
	file := func(rule string) string {
		return strings.Replace(logsFile, "name: a,", "name: a, filter: "+rule+",", 1) + ` } }`
	}
	remote := func(kind, more string) string {
		return `{ name: a, ` + logger + kind + `, common_config: { log_name: a, grpc_service: { envoy_grpc: { cluster_name: COLLECTOR } }, ` +
			`buffer_flush_interval: 0.05s }` + more + ` } }`
	}
	const otel, body = "open_telemetry.v3.OpenTelemetryAccessLogConfig", `, body: { string_value: "%PATH(NQ)%`
	attribute := body + `" }, attributes: { values: [ { key: a, value: { string_value: "%RESP(LOCATION)%" } } ] }`
	callback := strings.ReplaceAll(celRule, "PATH", "/oauth2/callback")
	unpadded := base64.RawURLEncoding.EncodeToString([]byte("%PATH(NQ)% %REQ(COOKIE)%\n"))
	return append(rows,
		logRow{"headers as JSON", logsFile + `, log_format: { json_format: { a: "%PATH(NQ)%", b: "%TYPED_CEL(request.headers)%" } } } }`, true},
		logRow{"Base64 without padding", logsFile + `, log_format: { text_format_source: { inline_bytes: ` + unpadded + ` } } } }`, true},
		logRow{"Envoy's format", logsFile + ` } }`, true},
		logRow{"an empty format", logsFile + `, format: "" } }`, true},
		logRow{"not of the callback", file(callback), false},
		logRow{"not of another path", file(strings.ReplaceAll(celRule, "PATH", "/a")), true},
		logRow{"not of paths below one", file(strings.ReplaceAll(pathRule, "PATH", "/oauth2/")), false},
		logRow{"by two conditions", file("{ and_filter: { filters: [ { not_health_check_filter: {} }, " + callback + " ] } }"), false},
		logRow{"by one of two conditions", file("{ or_filter: { filters: [ { not_health_check_filter: {} }, " + callback + " ] } }"), true},
		logRow{"a gRPC log", remote("grpc.v3.HttpGrpcAccessLogConfig", ""), true},
		logRow{"OpenTelemetry without a secret", remote(otel, body+`" }`), false},
		logRow{"OpenTelemetry's body", remote(otel, body+` %REQ(:PATH)%" }`), true},
		logRow{"OpenTelemetry's attribute", remote(otel, attribute), true},
		logRow{"OpenTelemetry's tag", remote(otel, body+`" }, custom_tags: [ { tag: a, request_header: { name: cookie } } ]`), true},
	)
}

// logStack is login.yaml with access logs and traces.
type logStack struct {
	loginStack
	texts   []func() string // of the logs, and then of the traces
	secrets []string
	linted  string
}

// startLogs starts login.yaml with logs and traces, signs a user in and out, and lints the file.
func startLogs(t *testing.T, rows []logRow, tracing string) logStack {
	t.Helper()
	var w logStack
	var logs, clusters strings.Builder
	collect := func() string {
		c, name := startCollector(t), fmt.Sprintf("collector%d", len(w.texts))
		clusters.WriteString(c.cluster(name))
		w.texts = append(w.texts, c.data.String)
		return name
	}
	for i, row := range rows {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		log := strings.ReplaceAll(row.log, "FILE", path)
		if log == row.log {
			log = strings.ReplaceAll(row.log, "COLLECTOR", collect())
		} else {
			w.texts = append(w.texts, func() string {
				data, _ := os.ReadFile(path) // Envoy creates it
				return string(data)
			})
		}
		logs.WriteString("          - " + log + "\n")
	}
	w.loginStack = startLogin(t, time.Hour, loginLintRow{rewrite: func(file string) string {
		const begin, end, runtime = "          access_log:\n", "  clusters:\n", "    static_layer:\n"
		file = strings.Replace(file, runtime, runtime+"      tracing.opentelemetry.min_flush_spans: 1\n", 1)
		provider := `provider: { name: a, typed_config: { "@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig, ` +
			`service_name: a, grpc_service: { envoy_grpc: { cluster_name: ` + collect() + ` }, timeout: 1s } } }`
		file = strings.Replace(file, begin, "          tracing: { "+tracing+provider+" }\n"+begin+logs.String(), 1)
		return strings.Replace(file, end, end+clusters.String(), 1)
	}})
	b := newLoginBrowser()
	callback := callbackOf(t, w.loginStack, b, "/orders")
	u, err := url.Parse(callback)
	if err != nil || u.Query().Get("code") == "" {
		t.Fatalf("the issuer leads to %s: %v", callback, err)
	}
	w.secrets = []string{u.Query().Get("code"), u.Query().Get("state"), "SECRETSTATE", "id_token_hint=ey", "__Host-OauthHMAC="}
	for _, target := range []string{callback, w.origin + "/login/orders", w.origin + "/orders",
		w.origin + "/oauth2/callback?error=access_denied&state=SECRETSTATE", w.origin + "/logout", w.origin + "/login/last"} {
		b.send(t, http.MethodGet, target, navigation, "")
	}
	got := jwtgate(t, []string{"ISSUER=" + w.issuer.ISS()}, "lint-envoy", "--config", w.config, testutil.File(t, "logs.yaml", read(t, w.file)))
	w.linted = got.stdout
	return w
}

// has reports whether a log or the traces contain a secret, once they have the last request.
func (w logStack) has(t *testing.T, i int) bool {
	t.Helper()
	var text string
	eventually(t, clientTimeout, "the last request", func() error {
		if text = w.texts[i](); !strings.Contains(text, "/login/last") {
			return errors.New(text)
		}
		return nil
	})
	return slices.ContainsFunc(w.secrets, func(secret string) bool { return strings.Contains(text, secret) })
}

// reports reports whether lint-envoy reports a secret at a path.
func (w logStack) reports(path string) bool {
	for line := range strings.Lines(w.linted) {
		if strings.Contains(line, "typed_config."+path) && strings.Contains(line, "-logged)") {
			return true
		}
	}
	return false
}

// TestLintLogs: `jwtgate lint-envoy` reports the logs and traces of a real Envoy that contain
// the code or the state of a sign-in, or tokens of a session, and no others.
func TestLintLogs(t *testing.T) {
	rows := logRows()
	w := startLogs(t, rows, "")
	for i, row := range rows {
		if has, reports := w.has(t, i), w.reports(fmt.Sprintf("access_log[%d]", i)); has != row.secret || reports != row.secret {
			t.Errorf("%s: has a secret: %v; reported: %v; want %v", row.name, has, reports, row.secret)
		}
	}
	if !w.has(t, len(rows)) || !w.reports("tracing") {
		t.Errorf("the traces have a secret: %v; reported: %v", w.has(t, len(rows)), w.reports("tracing"))
	}
	short := startLogs(t, nil, "max_path_tag_length: 16, ")
	if short.has(t, 0) || short.reports("") {
		t.Errorf("traces with short paths have a secret: %v; reported: %v", short.has(t, 0), short.linted)
	}
}
