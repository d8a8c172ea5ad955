package envoy_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
)

// TestAnEditAddsHeadersThatAreSent: each name is an item of its own before the marked
// one; without these items the file is the shipped one, byte for byte.
func TestAnEditAddsHeadersThatAreSent(t *testing.T) {
	const indent = "                "
	for _, row := range []struct {
		name  string
		edit  envoy.Edit
		added []string
	}{
		{
			"tokens in other headers", envoy.Edit{Tokens: []string{"x-jwt", "x.id"}},
			[]string{indent + "- exact: \"x-jwt\"\n" + indent + "- exact: \"x.id\"\n", "|x-jwt|x[.]id"},
		},
		{
			"what a condition reads", envoy.Edit{Conditions: []string{"x-tenant", "no", "123"}},
			[]string{indent + "- exact: \"x-tenant\"\n" + indent + "- exact: \"no\"\n" + indent + "- exact: \"123\"\n"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			file, err := envoy.Bootstrap(row.edit)
			if err != nil {
				t.Fatal(err)
			}
			without := file
			for _, added := range row.added {
				if bytes.Count(without, []byte(added)) != 1 {
					t.Fatalf("the file does not contain %q once", added)
				}
				without = bytes.Replace(without, []byte(added), nil, 1)
			}
			if !bytes.Equal(without, shipped(t)) {
				t.Error("the edit changed something else")
			}
			leaves(t, file) // it is YAML
			again, err := envoy.Apply(file, row.edit)
			if err != nil || bytes.Count(again, []byte(strings.TrimSpace(row.added[0]))) < 1 {
				t.Errorf("an edited file cannot be edited again: %v", err)
			}
		})
	}
}

func TestSent(t *testing.T) {
	for _, row := range []struct {
		why   string
		names []string
		want  bool
	}{
		{"credentials", []string{"authorization", "cookie", "sec-websocket-protocol", "x-access-token", "token", "x-token-id"}, true},
		{"what says how a request was meant", []string{
			"origin", "sec-fetch-site", "upgrade", "access-control-request-method", "access-control-request-headers",
			"content-length", "content-type", "transfer-encoding", "trailer", "connection",
		}, true},
		{"the request's id", []string{"x-request-id"}, true},
		{"identity in every spelling", append(envoy.IdentityNames(), "x_user_id", "x.user.id", "x~user-roles"), true},
		{"overrides in every spelling", []string{
			"x-http-method-override", "x_http_method", "x.method.override", "x-original-url", "x-rewrite-url", "x-rewrite_url",
			"forwarded", "script_name", "x-script.name",
		}, true},
		{"others", []string{
			"", "user-agent", "accept", "x-user", "x-user-agent", "x-userid", "ax-user-id", "x-tenant", "x-http-methods",
			"x-original-uris", "connections", "script",
			"x-forwarded-for", "cookies", "cookie2", "originator", "authorizations", "x-request-id2", "patterns:", "encode_raw_headers", ".*",
			"x-envoy-upstream-stream-duration-ms",
		}, false},
	} {
		for _, name := range row.names {
			if got := envoy.Sent(name); got != row.want {
				t.Errorf("%s: %q is sent: %v, want %v", row.why, name, got, row.want)
			}
		}
	}
}

func TestPlain(t *testing.T) {
	for name, want := range map[string]bool{
		"x-tenant": true, "x_tenant.id": true, "0": true, "-": true,
		"": false, "X-Tenant": false, "x tenant": false, "x\"tenant": false, "x\ntenant": false, "x|tenant": false, "caf\u00e9": false,
	} {
		if got := envoy.Plain(name); got != want {
			t.Errorf("%q is plain: %v, want %v", name, got, want)
		}
	}
}
