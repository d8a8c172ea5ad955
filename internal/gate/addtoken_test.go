package gate_test

import (
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// AddToken keeps what the request has, and does not change the caller's list of headers.
func TestAddTokenKeepsWhatIsThere(t *testing.T) {
	field := func(name, value string) request.Header { return request.Header{Name: name, Value: value} }
	place := func(kind config.SourceKind) config.TokenSource { return config.TokenSource{Kind: kind, Name: "a b"} }
	for _, row := range []struct {
		name    string
		kind    config.SourceKind
		raw     string
		target  string
		headers []request.Header
		want    []request.Header // the headers after it
		asked   string           // the target after it
	}{
		{"bearer", config.SourceBearer, "t", "/", nil, []request.Header{field("authorization", "Bearer t")}, "/"},
		{"a second field", config.SourceHeader, "t", "/",
			[]request.Header{field("a b", "x")}, []request.Header{field("a b", "x"), field("a b", "t")}, "/"},
		{"the first cookie", config.SourceCookie, "t", "/", nil, []request.Header{field("cookie", "a b=t")}, "/"},
		{"one more cookie", config.SourceCookie, "t", "/",
			[]request.Header{field("Cookie", "x=y"), field("z", "")}, []request.Header{field("Cookie", "x=y; a b=t"), field("z", "")}, "/"},
		{"a handshake", config.SourceWebSocketProtocol, "t", "/", nil,
			[]request.Header{field("connection", "upgrade"), field("upgrade", "websocket"), field("sec-websocket-protocol", "a b, t")}, "/"},
		{"another upgrade", config.SourceWebSocketProtocol, "t", "/", []request.Header{field("Upgrade", "h2c")},
			[]request.Header{field("Upgrade", "h2c"), field("sec-websocket-protocol", "a b, t")}, "/"},
		{"an upgrade that is empty", config.SourceWebSocketProtocol, "t", "/", []request.Header{field("upgrade", "")},
			[]request.Header{field("upgrade", ""), field("sec-websocket-protocol", "a b, t")}, "/"},
		{"a query", config.SourceQuery, "t&x=%", "/", nil, nil, "/?a+b=t%26x%3D%25"},
		{"a longer query", config.SourceQuery, "t", "/?x", nil, nil, "/?x&a+b=t"},
	} {
		t.Run(row.name, func(t *testing.T) {
			kept := slices.Clone(row.headers)
			r := &request.Request{Target: row.target, Headers: row.headers}
			r.AddToken(place(row.kind), row.raw)
			if !slices.Equal(r.Headers, row.want) || r.Target != row.asked {
				t.Errorf("headers %q and target %q, want %q and %q", r.Headers, r.Target, row.want, row.asked)
			}
			if !slices.Equal(row.headers, kept) {
				t.Errorf("the caller's headers were changed to %q", row.headers)
			}
		})
	}
}
