package request_test

import (
	"reflect"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// The names of header fields are compared without regard to letter case.
func TestHeaderFields(t *testing.T) {
	r := request.Request{Target: "/a?b?c", Headers: []request.Header{
		{Name: "X-One", Value: "1"}, {Name: "x-two", Value: ""}, {Name: "x-one", Value: "2"},
	}}
	if got := r.Values("x-ONE"); !reflect.DeepEqual(got, []string{"1", "2"}) {
		t.Errorf("the values are %q", got)
	}
	if one, two, none := r.Header("x-one"), r.Header("x-two"), r.Header("x-three"); one != "1" || two != "" || none != "" {
		t.Errorf("the first values are %q, %q and %q", one, two, none)
	}
	if _, found := r.Lookup("X-Two"); !found {
		t.Error("an empty field is not found")
	}
	if _, found := r.Lookup("x-three"); found {
		t.Error("a missing field is found")
	}
	if got := r.RawPath(); got != "/a" {
		t.Errorf("the path is %q", got)
	}
}

func TestExtensions(t *testing.T) {
	var r request.Request
	if name, named := r.NamedRoute(); named || r.UnknownExtension() {
		t.Errorf("without extensions: %q, %t", name, named)
	}
	r.SetRoute("a")
	if name, named := r.NamedRoute(); name != "a" || !named || r.UnknownExtension() {
		t.Errorf("with a route: %q, %t", name, named)
	}
	r.Extensions["other.route"] = "b"
	if r.UnknownExtension() {
		t.Error("an extension for another service is unknown")
	}
	r.Extensions["jwtgate.routes"] = "c"
	if !r.UnknownExtension() {
		t.Error("jwtgate.routes is known")
	}
}

// A token is added where a client would put it, next to what the request has.
func TestAddToken(t *testing.T) {
	headers := func(pairs ...string) (all []request.Header) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, request.Header{Name: pairs[i], Value: pairs[i+1]})
		}
		return all
	}
	for _, row := range []struct {
		name   string
		place  config.TokenSource
		before []request.Header
		target string
		after  []request.Header
		to     string
	}{
		{"bearer", config.TokenSource{Kind: config.SourceBearer}, nil, "/", headers("authorization", "Bearer a&b"), "/"},
		{"header", config.TokenSource{Kind: config.SourceHeader, Name: "x-token"}, nil, "/", headers("x-token", "a&b"), "/"},
		{"cookie", config.TokenSource{Kind: config.SourceCookie, Name: "s"}, nil, "/", headers("cookie", "s=a&b"), "/"},
		{"cookie with another", config.TokenSource{Kind: config.SourceCookie, Name: "s"}, headers("Cookie", "x=y"), "/",
			headers("Cookie", "x=y; s=a&b"), "/"},
		{"protocol", config.TokenSource{Kind: config.SourceWebSocketProtocol, Name: "jwt"}, nil, "/",
			headers("connection", "upgrade", "upgrade", "websocket", "sec-websocket-protocol", "jwt, a&b"), "/"},
		{"protocol with another upgrade", config.TokenSource{Kind: config.SourceWebSocketProtocol, Name: "jwt"}, headers("upgrade", "h2c"), "/",
			headers("upgrade", "h2c", "sec-websocket-protocol", "jwt, a&b"), "/"},
		{"query", config.TokenSource{Kind: config.SourceQuery, Name: "t"}, nil, "/", nil, "/?t=a%26b"},
		{"query with another", config.TokenSource{Kind: config.SourceQuery, Name: "t"}, nil, "/?x=y", nil, "/?x=y&t=a%26b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			original := append([]request.Header(nil), row.before...)
			r := request.Request{Target: row.target, Headers: row.before}
			r.AddToken(row.place, "a&b")
			if !reflect.DeepEqual(r.Headers, row.after) || r.Target != row.to {
				t.Errorf("got %q and %s, want %q and %s", r.Headers, r.Target, row.after, row.to)
			}
			if !reflect.DeepEqual(row.before, original) {
				t.Errorf("the caller's headers are now %q", row.before)
			}
		})
	}
}
