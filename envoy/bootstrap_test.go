package envoy_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/envoy"
)

func shipped(t *testing.T) []byte {
	t.Helper()
	file, err := os.ReadFile("envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheZeroEditChangesNothing(t *testing.T) {
	got, err := envoy.Bootstrap(envoy.Edit{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, shipped(t)) {
		t.Error("Bootstrap(Edit{}) is not envoy.yaml byte for byte")
	}
}

// edit is an edit and all its changes.
type edit struct {
	name string
	edit envoy.Edit
	want map[string]string // path -> new value, and nothing else changed
}

func edits(t *testing.T) []edit {
	t.Helper()
	const (
		socket   = "address.socket_address."
		listener = "static_resources.listeners[0]."
		hcm      = listener + "filter_chains[0].filters[0].typed_config."
		cors     = hcm + "route_config.virtual_hosts[0].typed_per_filter_config.envoy.filters.http.cors.allow_origin_string_match"
		removed  = ".remove_on_match.key_matcher.safe_regex.regex"
		early    = hcm + "early_header_mutation_extensions[0].typed_config.mutations"
		trailer  = hcm + "http_filters[0].typed_config.mutations.request_trailers_mutations"
		filter   = hcm + "http_filters[2].typed_config."
		sent     = filter + "allowed_headers.patterns"
		changed  = filter + "decoder_header_mutation_rules.allow_expression.regex"
		endpoint = ".load_assignment.endpoints[0].lb_endpoints[0].endpoint."
	)
	headers := "authorization|cookie|sec-websocket-protocol|.*token.*|x-envoy-upstream-stream-duration-ms|" + overridePattern(t) + "|"
	return []edit{
		{
			name: "where clients call",
			edit: envoy.Edit{Listen: "0.0.0.0:443"},
			want: map[string]string{listener + socket + "address": "0.0.0.0", listener + socket + "port_value": "443",
				hcm + "strip_any_host_port": "true"},
		},
		{
			name: "the admin port",
			edit: envoy.Edit{Admin: "127.0.0.1:19901"},
			want: map[string]string{"admin." + socket + "port_value": "19901"},
		},
		{
			name: "jwtgate by name",
			edit: envoy.Edit{Gate: "jwtgate:9001"},
			want: map[string]string{"static_resources.clusters[0]" + endpoint + socket + "address": "jwtgate"},
		},
		{
			name: "the application on IPv6, for both protocols",
			edit: envoy.Edit{App: "[::1]:9090"},
			want: map[string]string{
				"static_resources.clusters[1]" + endpoint + socket + "address": "::1",
				"static_resources.clusters[2]" + endpoint + socket + "address": "::1",
			},
		},
		{
			name: "other origins",
			edit: envoy.Edit{Origins: []string{"https://app.example", "http://localhost:5173"}},
			want: map[string]string{
				cors + "[0].exact": "https://app.example",
				cors + "[1].exact": "http://localhost:5173",
			},
		},
		{
			name: "no origin at all, as in the shipped file",
			edit: envoy.Edit{Origins: []string{}},
			want: map[string]string{},
		},
		{
			name: "other identity headers",
			edit: envoy.Edit{Identity: []string{"x-user-id", "x-user-name", "x-tenant", "remote_user"}},
			want: map[string]string{
				early + "[0]" + removed:        `x[^a-z0-9]user[^a-z0-9](id|name)|x[^a-z0-9]tenant|remote[^a-z0-9]user`,
				trailer + "[0]" + removed:      `x[^a-z0-9]user[^a-z0-9](id|name)|x[^a-z0-9]tenant|remote[^a-z0-9]user`,
				sent + "[14].safe_regex.regex": `^x[^a-z0-9]user[^a-z0-9](id|name)|x[^a-z0-9]tenant|remote[^a-z0-9]user`,
				changed:                        headers + `x[^a-z0-9]user[^a-z0-9](id|name)|x[^a-z0-9]tenant|remote[^a-z0-9]user`,
			},
		},
		{
			name: "a condition that may read anything",
			edit: envoy.Edit{Conditions: []string{"x-tenant"}, SendAll: true},
			want: map[string]string{sent + "[16].exact": "(gone)", sent + "[16].safe_regex.regex": ".*"},
		},
		{
			name: "paths that jwtgate relaxes",
			edit: envoy.Edit{EncodedSlash: true, DoubleSlash: true},
			want: map[string]string{hcm + "merge_slashes": "false", hcm + "path_with_escaped_slashes_action": "KEEP_UNCHANGED"},
		},
		{
			name: "more request headers", edit: envoy.Edit{HeaderKB: 84},
			want: map[string]string{hcm + "max_request_headers_kb": "84"},
		},
		{
			name: "override headers that jwtgate lets through",
			edit: envoy.Edit{Overrides: []string{"forwarded", "x-host", "x-original-url", "x-original-uri"},
				TrailerOverrides: []string{"path-info"}},
			want: map[string]string{
				early + "[1]" + removed:   `forwarded|x[^a-z0-9]host|x[^a-z0-9]original[^a-z0-9](url|uri)`,
				trailer + "[1]" + removed: `path[^a-z0-9]info`,
			},
		},
		{
			name: "every override header let through",
			edit: envoy.Edit{Overrides: []string{}, TrailerOverrides: []string{}},
			want: map[string]string{
				early + "[1]" + removed: "(gone)", early + "[1].remove": "x-envoy-auth-failure-mode-allowed", early + "[2].remove": "(gone)",
				trailer + "[1]" + removed: "(gone)",
			},
		},
		{
			name: "jwtgate by its socket",
			edit: envoy.Edit{Gate: "unix:/run/jwtgate/gate.sock"},
			want: map[string]string{
				"static_resources.clusters[0].type":                               "STATIC",
				"static_resources.clusters[0]" + endpoint + socket + "address":    "(gone)",
				"static_resources.clusters[0]" + endpoint + socket + "port_value": "(gone)",
				"static_resources.clusters[0]" + endpoint + "address.pipe.path":   "/run/jwtgate/gate.sock",
			},
		},
	}
}

// TestAnEditChangesMarkedPlacesOnly compares the parsed trees, which shows every change.
func TestAnEditChangesMarkedPlacesOnly(t *testing.T) {
	before := leaves(t, shipped(t))
	for _, test := range edits(t) {
		t.Run(test.name, func(t *testing.T) {
			file, err := envoy.Bootstrap(test.edit)
			if err != nil {
				t.Fatal(err)
			}
			got := difference(before, leaves(t, file))
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("changed\n%v\nwant\n%v", got, test.want)
			}
			again, err := envoy.Apply(file, envoy.Edit{Listen: "127.0.0.1:1", Admin: "127.0.0.1:2", App: "127.0.0.1:4", Origins: []string{}})
			if err != nil || len(again) == 0 {
				t.Errorf("an edited file cannot be edited again: %v", err)
			}
		})
	}
}

// TestThePortInHost: an application's redirects need the port that clients write into
// Host, unless it is a default one, which they omit.
func TestThePortInHost(t *testing.T) {
	for listen, strips := range map[string]bool{
		"127.0.0.1:80": true, "[::]:443": true, "127.0.0.1:8080": false, "0.0.0.0:8443": false, "127.0.0.1:4430": false, "127.0.0.1:1": false,
	} {
		file, err := envoy.Bootstrap(envoy.Edit{Listen: listen})
		if err != nil {
			t.Fatal(err)
		}
		// An edited file can be edited again, in both directions.
		for _, before := range [][]byte{file, apply(t, file, "127.0.0.1:443"), apply(t, file, "127.0.0.1:3000")} {
			line := fmt.Sprintf("strip_any_host_port: %t # edit: host-port\n", strips)
			if !strings.Contains(string(apply(t, before, listen)), line) {
				t.Errorf("%s: the file does not contain %q", listen, line)
			}
		}
	}
}

// apply makes Envoy listen on another address.
func apply(t *testing.T, file []byte, listen string) []byte {
	t.Helper()
	edited, err := envoy.Apply(file, envoy.Edit{Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	return edited
}

func TestAFileWithoutItsMarkersIsRejected(t *testing.T) {
	tests := []struct {
		name      string
		old, new  string
		edit      envoy.Edit
		wantFault string
	}{
		{"missing", " # edit: listen", "", envoy.Edit{Listen: "127.0.0.1:1"}, `got 0 lines marked "edit: listen"; expected 1`},
		{"doubled", " # edit: admin", " # edit: gate", envoy.Edit{Gate: "127.0.0.1:1"}, `got 2 lines marked "edit: gate"; expected 1`},
		{"one of the application's two", " # edit: app\n", "\n", envoy.Edit{App: "127.0.0.1:1"},
			`got 1 lines marked "edit: app"; expected 2`},
		{"another shape", "port_value: 9001 }", "pipe: gate }", envoy.Edit{Gate: "127.0.0.1:1"}, `marked "edit: gate" does not contain`},
		{"other identity names already", "(id|name|email", "(name|email", envoy.Edit{Identity: []string{"x-tenant"}},
			`marked "edit: identity" does not contain`},
		{"one of the lists of tokens", `- contains: "token" # edit: tokens`, `- contains: "token"`,
			envoy.Edit{Tokens: []string{"x-jwt"}}, `got 1 lines marked "edit: tokens"; expected 2`},
		{"no list of what conditions read", ` # edit: conditions`, "", envoy.Edit{SendAll: true},
			`got 0 lines marked "edit: conditions"; expected 1`},
		{"a cluster of another type", `type: STRICT_DNS # edit: gate-type`, "type: LOGICAL_DNS # edit: gate-type",
			envoy.Edit{Gate: "unix:/a"}, `marked "edit: gate-type" does not contain`},
		{"slashes that are merged no longer", "merge_slashes: true", "merge_slashes: false", envoy.Edit{DoubleSlash: true},
			`marked "edit: double_slash" does not contain`},
		{"escaped slashes that are redirected", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", envoy.Edit{EncodedSlash: true},
			`marked "edit: encoded_slash" does not contain`},
		{"no line of the overrides", " # edit: overrides", "", envoy.Edit{Overrides: []string{}},
			`got 0 lines marked "edit: overrides"; expected 1`},
		{"no line of the trailers", " # edit: trailer_overrides", "", envoy.Edit{TrailerOverrides: []string{}},
			`got 0 lines marked "edit: trailer_overrides"; expected 1`},
		{"no list of origins", `allow_origin_string_match: []`, "allow_origin_string_match:", envoy.Edit{Origins: []string{}},
			`marked "edit: origins" does not contain`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := strings.Replace(string(shipped(t)), test.old, test.new, 1)
			if file == string(shipped(t)) {
				t.Fatalf("envoy.yaml does not contain %q", test.old)
			}
			got, err := envoy.Apply([]byte(file), test.edit)
			if err == nil || !strings.Contains(err.Error(), test.wantFault) {
				t.Errorf("error %v, want one with %q", err, test.wantFault)
			}
			if got != nil {
				t.Error("got a file in addition to the error")
			}
		})
	}
}

func TestValuesThatCouldChangeTheFileAreRejected(t *testing.T) {
	tests := []struct {
		name      string
		edit      envoy.Edit
		wantFault string
	}{
		{"an address without a port", envoy.Edit{Listen: "127.0.0.1"}, "expected HOST:PORT"},
		{"an address without a host", envoy.Edit{Listen: ":8080"}, "expected an IP address or a host name"},
		{"port 0", envoy.Edit{Gate: "127.0.0.1:0"}, "expected a port from 1 to 65535"},
		{"port by name", envoy.Edit{Gate: "127.0.0.1:http"}, "expected a port from 1 to 65535"},
		{"port too large", envoy.Edit{Gate: "127.0.0.1:65536"}, "expected a port from 1 to 65535"},
		{"a host that ends the YAML value", envoy.Edit{App: "a, b }:80"}, "expected an IP address or a host name"},
		{"a host with a line break", envoy.Edit{App: "a\nb:80"}, "expected an IP address or a host name"},
		{"a host with a comment", envoy.Edit{Admin: "a #b:80"}, "expected an IP address or a host name"},
		{"an origin with a path", envoy.Edit{Origins: []string{"https://app.example/a"}}, "expected the form that browsers send"},
		{"an origin without a scheme", envoy.Edit{Origins: []string{"app.example"}}, "expected the form that browsers send"},
		{"any origin", envoy.Edit{Origins: []string{"*"}}, "expected the form that browsers send"},
		{"the null origin", envoy.Edit{Origins: []string{"null"}}, "expected the form that browsers send"},
		{"an origin with capitals", envoy.Edit{Origins: []string{"https://App.example"}}, "in lower case"},
		{"an origin with a wildcard", envoy.Edit{Origins: []string{"https://*.example"}}, "expected a host name"},
		{"an origin with its scheme's own port", envoy.Edit{Origins: []string{"https://app.example:443"}}, "without the scheme's default port"},
		{"an origin that ends the YAML value", envoy.Edit{Origins: []string{`https://a" } ] #`}}, "expected the form that browsers send"},
		{"no identity header", envoy.Edit{Identity: []string{}}, "a header name is missing"},
		{"a header name that is a pattern", envoy.Edit{Identity: []string{"x-.*"}}, "expected a header name"},
		{"a header name with capitals", envoy.Edit{Identity: []string{"X-User-Id"}}, "expected a header name"},
		{"an empty header name", envoy.Edit{Identity: []string{""}}, "expected a header name"},
		{"a token's header that is a pattern", envoy.Edit{Tokens: []string{".*|a"}}, "expected a header name"},
		{"a condition's header that ends the YAML value", envoy.Edit{Conditions: []string{`a" }`}}, "expected a header name"},
		{"a condition's header with capitals", envoy.Edit{Conditions: []string{"X-A"}}, "expected a header name"},
		{"an override that is none", envoy.Edit{Overrides: []string{"x-user-id"}}, `overrides: got "x-user-id"; expected an override header`},
		{"an override that is a pattern", envoy.Edit{TrailerOverrides: []string{".*"}}, `overrides: got ".*"; expected`},
		{"a relative socket", envoy.Edit{Gate: "unix:gate.sock"}, "expected the absolute path of a socket"},
		{"a socket that ends the YAML value", envoy.Edit{Gate: `unix:/a" }`}, "expected the absolute path of a socket"},
		{"a socket with a longer path than there can be", envoy.Edit{Gate: "unix:/" + strings.Repeat("a", 107)}, "at most 107 bytes"},
		{"a socket for clients", envoy.Edit{Listen: "unix:/a"}, "expected a port"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := envoy.Bootstrap(test.edit)
			if err == nil || !strings.Contains(err.Error(), test.wantFault) {
				t.Errorf("error %v, want one with %q", err, test.wantFault)
			}
			if got != nil {
				t.Error("got a file in addition to the error")
			}
		})
	}
}

func TestEveryFaultIsNamedAtOnce(t *testing.T) {
	_, err := envoy.Bootstrap(envoy.Edit{Listen: "a", Gate: "b", Origins: []string{"c"}, Identity: []string{"D"}})
	for _, value := range []string{`"a"`, `"b"`, `"c"`, `"D"`} {
		if err == nil || !strings.Contains(err.Error(), value) {
			t.Errorf("the error does not name %s: %v", value, err)
		}
	}
}

// TestTheIdentityPatternFoldsSpellings: the pattern matches jwtgate's spellings of a name,
// in which all bytes except letters and digits are the same.
func TestTheIdentityPatternFoldsSpellings(t *testing.T) {
	text := string(shipped(t))
	start := strings.Index(text, `regex: "x[^a-z0-9]user`) + len(`regex: "`)
	pattern := regexp.MustCompile("^(?:" + text[start:start+strings.Index(text[start:], `"`)] + ")$")
	for _, name := range envoy.IdentityNames() {
		for _, spelling := range []string{name, strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."),
			strings.Replace(name, "-", "~", 1)} {
			if !pattern.MatchString(spelling) {
				t.Errorf("%q is not removed", spelling)
			}
		}
	}
	for _, other := range []string{"x-user-agent", "x-user", "x-userid", "x-user-id-token", "x-auth-token", "ax-user-id"} {
		if pattern.MatchString(other) {
			t.Errorf("%q is removed, and is not an identity header", other)
		}
	}
}

// leaves returns every scalar of a YAML document by its path.
func leaves(t *testing.T, file []byte) map[string]string {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal(file, &tree); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	walk("", tree, found)
	return found
}

func walk(path string, node any, found map[string]string) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			walk(strings.TrimPrefix(path+"."+key, "."), value, found)
		}
	case []any:
		for i, value := range node {
			walk(fmt.Sprintf("%s[%d]", path, i), value, found)
		}
	default:
		found[path] = fmt.Sprint(node)
	}
}

// difference returns the paths whose values differ, with the new one.
func difference(before, after map[string]string) map[string]string {
	changed := map[string]string{}
	for path, value := range after {
		if before[path] != value {
			changed[path] = value
		}
	}
	for path := range before {
		if _, ok := after[path]; !ok {
			changed[path] = "(gone)"
		}
	}
	return changed
}
