//go:build !race

package e2e

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// TestCheckRequestsThatNoEnvoySends: clients that connect to the gate itself can send any
// CheckRequest, and the gate is as strict with them.
func TestCheckRequestsThatNoEnvoySends(t *testing.T) {
	i := startIssuers(t)
	g := startDirect(t, "testdata/corpus.yaml", i.environment()...)
	proper := "Bearer " + mint(t, i.cruddur, access(nil))
	fields := func(pairs ...string) *corev3.HeaderMap {
		all := &corev3.HeaderMap{}
		for n := 0; n < len(pairs); n += 2 {
			all.Headers = append(all.Headers, &corev3.HeaderValue{Key: pairs[n], RawValue: []byte(pairs[n+1])})
		}
		return all
	}
	type asked = authv3.AttributeContext_HttpRequest
	for _, row := range []struct {
		name string
		http *asked
		want string
	}{
		{"one field", &asked{Method: "GET", Path: "/me", HeaderMap: fields("authorization", proper)}, "allowed"},
		{"a value that is not raw",
			&asked{Method: "GET", Path: "/me",
				HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "authorization", Value: proper}}}}, "allowed"},
		{"names in capitals", &asked{Method: "GET", Path: "/me", HeaderMap: fields("Authorization", proper)}, "allowed"},
		{"both forms at once",
			&asked{Method: "GET", Path: "/me", Headers: map[string]string{"authorization": proper},
				HeaderMap: fields("authorization", proper)}, "credential_ambiguous"},
		{"one name in two cases",
			&asked{Method: "GET", Path: "/me", Headers: map[string]string{"authorization": proper, "Authorization": proper}},
			"credential_ambiguous"},
		{"a pseudo-header that says another path",
			&asked{Method: "GET", Path: "/me", HeaderMap: fields(":path", "/public/x", ":method", "OPTIONS")}, "credential_missing"},
		{"pseudo-headers of another request",
			&asked{Method: "GET", Path: "/public/x", HeaderMap: fields(":path", "/admin", ":x-user-id", "root")}, "public"},
		{"a query apart from the path", &asked{Method: "GET", Path: "/admin", Query: "x", HeaderMap: fields()}, "credential_missing"},
		{"a fragment apart from the path", &asked{Method: "GET", Path: "/public/x", Fragment: "/../admin"}, "public"},
		{"a body", &asked{Method: "POST", Path: "/public/x", Body: "access_token=x", RawBody: []byte("x"), Size: -1}, "public"},
		{"no method", &asked{Path: "/public/x"}, "request_malformed"},
		{"no path", &asked{Method: "GET"}, "path_refused"},
		{"a header without a name", &asked{Method: "GET", Path: "/public/x", HeaderMap: fields("", "x")}, "request_malformed"},
		{"a header whose name ends a line", &asked{Method: "GET", Path: "/public/x", HeaderMap: fields("x\r\nx-user-id", "root")},
			"request_malformed"},
		{"a header whose name has a colon", &asked{Method: "GET", Path: "/public/x", HeaderMap: fields("x-user-id:root", "x")},
			"request_malformed"},
		{"a header whose name is not ASCII", &asked{Method: "GET", Path: "/public/x", HeaderMap: fields("x-u\u017fer-id", "root")},
			"request_malformed"},
		{"a header whose name has NUL",
			&asked{Method: "GET", Path: "/public/x", Headers: map[string]string{"x-user-id\x00": "root"}}, "request_malformed"},
		{"an empty entry",
			&asked{Method: "GET", Path: "/public/x", HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{nil, {}}}}, "request_malformed"},
		{"a token that ends a line",
			&asked{Method: "GET", Path: "/me", HeaderMap: fields("authorization", proper+"\r\nx-user-id: root")}, "token_malformed"},
		{"a token behind a NUL", &asked{Method: "GET", Path: "/me", HeaderMap: fields("authorization", "Bearer\x00 "+proper)}, "token_malformed"},
		{"a line feed inside the signature",
			&asked{Method: "GET", Path: "/me",
				HeaderMap: fields("authorization", proper[:len(proper)-9]+"\n"+proper[len(proper)-9:])}, "token_malformed"},
		{"a gRPC client",
			&asked{Method: "POST", Path: "/admin.Service/Do", Headers: map[string]string{"content-type": "application/grpc"}}, "credential_missing"},
		{"very many headers",
			&asked{Method: "GET", Path: "/public/x",
				HeaderMap: fields(strings.Split(strings.Repeat("x_user.id,root,", 2000)+"a,b", ",")...)}, "public"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.http.Host = "api.example"
			d := g.check(t, row.http)
			if d.reason != row.want || d.status != statuses()[row.want] {
				t.Fatalf("%d %s, want %d %s", d.status, d.reason, statuses()[row.want], row.want)
			}
			if d.allowed == nil {
				return
			}
			s := sent{}
			for _, h := range row.http.GetHeaderMap().GetHeaders() {
				s.headers = append(s.headers, [2]string{h.GetKey(), string(h.GetRawValue())})
			}
			attack{Want: row.want}.checkReceived(t, s.received(d.allowed), func(text string) string { return text })
		})
	}
	g.unharmed(t)
}
