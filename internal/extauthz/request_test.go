package extauthz_test

import (
	"context"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/extauthz"
)

// Envoy sends headers in one of two forms, as encode_raw_headers says, and
// header_map has two places for a value.
func TestBothHeaderEncodings(t *testing.T) {
	f := start(t)
	raw := f.mint(t, nil)
	type field struct{ name, value string }
	encodings := map[string]func([]field) *authv3.AttributeContext_HttpRequest{
		"headers": func(fields []field) *authv3.AttributeContext_HttpRequest {
			joined := map[string]string{}
			for _, f := range fields {
				if first, twice := joined[f.name]; twice {
					f.value = first + "," + f.value
				}
				joined[f.name] = f.value
			}
			return &authv3.AttributeContext_HttpRequest{Headers: joined}
		},
		"header_map, raw_value": func(fields []field) *authv3.AttributeContext_HttpRequest {
			list := &corev3.HeaderMap{}
			for _, f := range fields {
				list.Headers = append(list.Headers, &corev3.HeaderValue{Key: f.name, RawValue: []byte(f.value)})
			}
			return &authv3.AttributeContext_HttpRequest{HeaderMap: list}
		},
		"header_map, value": func(fields []field) *authv3.AttributeContext_HttpRequest {
			list := &corev3.HeaderMap{}
			for _, f := range fields {
				list.Headers = append(list.Headers, &corev3.HeaderValue{Key: f.name, Value: f.value})
			}
			return &authv3.AttributeContext_HttpRequest{HeaderMap: list}
		},
	}
	for encoding, encode := range encodings {
		for name, row := range map[string]struct {
			fields []field
			want   string
		}{
			"no token":        {[]field{{"user-agent", "x"}}, "credential_missing"},
			"a token":         {[]field{{"authorization", "Bearer " + raw}, {"x.user_id", "root"}}, "allowed"},
			"two of them":     {[]field{{"authorization", "Bearer " + raw}, {"authorization", "Bearer " + raw}}, "credential_ambiguous"},
			"an empty field":  {[]field{{"authorization", ""}}, "credential_missing"},
			"pseudo-headers":  {[]field{{":path", "/open/x"}, {":authority", "x"}, {":method", "GET"}}, "credential_missing"},
			"a bad name":      {[]field{{"x y", "1"}}, "request_malformed"},
			"a name in upper": {[]field{{"AUTHORIZATION", "Bearer " + raw}}, "allowed"},
		} {
			t.Run(encoding+"/"+name, func(t *testing.T) {
				http := encode(row.fields)
				http.Method, http.Host, http.Path = "GET", "api.example", "/readers"
				answer := f.ask(t, asked(http))
				if got := reason(answer); got != row.want {
					t.Fatalf("%s, want %s", got, row.want)
				}
				if row.want == "allowed" && name == "a token" && !contains(answer.GetOkResponse().GetHeadersToRemove(), "x.user_id") {
					t.Errorf("the spelling that was sent is not removed: %v", answer.GetOkResponse().GetHeadersToRemove())
				}
			})
		}
	}
	t.Run("raw_value before value", func(t *testing.T) {
		answer := f.ask(t, asked(&authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/readers",
			HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
				{Key: "authorization", Value: "Bearer null", RawValue: []byte("Bearer " + raw)},
			}}}))
		if got := reason(answer); got != "allowed" {
			t.Errorf("%s, want allowed", got)
		}
	})
	t.Run("a token in each form", func(t *testing.T) {
		answer := f.ask(t, asked(&authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/readers",
			Headers:   map[string]string{"authorization": "Bearer " + raw},
			HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "authorization", RawValue: []byte("Bearer " + raw)}}},
		}))
		if got := reason(answer); got != "credential_ambiguous" {
			t.Errorf("%s, want credential_ambiguous", got)
		}
	})
	t.Run("bytes that are no UTF-8", func(t *testing.T) {
		answer := f.ask(t, newRequest("GET", "/open/x", "x-name: caf\xe9\xff", "x_user_id: \xff"))
		if got := reason(answer); got != "public" {
			t.Errorf("%s, want public", got)
		}
	})
}

func contains(list []string, want string) bool {
	for _, one := range list {
		if one == want {
			return true
		}
	}
	return false
}

// Each field is read from its own place in the CheckRequest, and not from a header that a
// client sends.
func TestRequestFields(t *testing.T) {
	f := start(t)
	answer := f.ask(t, newRequest("GET", "/readers?token=secret", "x-request-id: abc", ":authority: evil.example", ":path: /open/x",
		"x-forwarded-for: 198.51.100.1", "x-original-url: /open/x"))
	lines := f.audit.all(t)
	if reason(answer) != "credential_missing" || len(lines) != 1 {
		t.Fatalf("%s, %d audit lines", reason(answer), len(lines))
	}
	for key, want := range map[string]any{
		"method": "GET", "host": "api.example", "path": "/readers", "source": "192.0.2.7",
		"request_id": "abc", "route": "readers", "decision": metadata(answer)["decision"],
	} {
		if lines[0][key] != want {
			t.Errorf("%s is %v, want %v", key, lines[0][key], want)
		}
	}
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error { return proto.Unmarshal(data, v.(proto.Message)) }

// askRaw sends any bytes as a CheckRequest.
func (f *fixture) askRaw(t *testing.T, ctx context.Context, data []byte) *authv3.CheckResponse {
	t.Helper()
	var answer authv3.CheckResponse
	if err := f.conn.Invoke(ctx, "/"+extauthz.ServiceName+"/Check", data, &answer, grpc.ForceCodec(rawCodec{})); err != nil {
		t.Fatalf("the RPC failed: %v", err)
	}
	explicit(t, &answer)
	return &answer
}

func TestMalformedIsDenied(t *testing.T) {
	f := start(t)
	wire := func(r *authv3.CheckRequest) []byte {
		data, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	named := func(name string) []byte {
		return wire(asked(&authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/open/x", Headers: map[string]string{name: "1"}}))
	}
	good := wire(newRequest("GET", "/open/x"))
	for name, data := range map[string][]byte{
		"no protobuf":             []byte("GET / HTTP/1.1\r\n\r\n"),
		"cut short":               good[:len(good)-1],
		"a wrong wire type":       {0x08, 0x01, 0x0d},
		"a length beyond the end": {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"a path that is no UTF-8": []byte(strings.Replace(string(good), "/open/x", "/open/\xff", 1)),
		"nothing":                 {},
		"no attributes":           wire(&authv3.CheckRequest{}),
		"no request":              wire(&authv3.CheckRequest{Attributes: &authv3.AttributeContext{}}),
		"no HTTP request":         wire(&authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{}}}),
		"no method":               wire(asked(&authv3.AttributeContext_HttpRequest{Path: "/open/x"})),
		"an empty header name":    named(""),
		"a space in a name":       named("x user-id"),
		"a line break in a name":  named("x-a\r\nx-user-id"),
		"a colon in a name":       named("x:user"),
		"a name beyond ASCII":     named("x-üser-id"),
		"a NUL in a name":         named("x-user-id\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			answer := f.askRaw(t, t.Context(), data)
			if got := reason(answer); got != "request_malformed" {
				t.Errorf("%s, want request_malformed", got)
			}
			denied := answer.GetDeniedResponse()
			if answer.GetStatus().GetCode() != 14 || denied.GetStatus().GetCode() != 503 {
				t.Errorf("status %d and %d, want 14 and 503", answer.GetStatus().GetCode(), denied.GetStatus().GetCode())
			}
			lines := f.audit.all(t)
			if len(lines) != 1 || lines[0]["reason"] != "request_malformed" || lines[0]["detail"] == "" || lines[0]["route"] != "none" {
				t.Errorf("audit lines %v", lines)
			}
		})
	}
	t.Run("the server goes on", func(t *testing.T) {
		if got := reason(f.askRaw(t, t.Context(), good)); got != "public" {
			t.Errorf("%s, want public", got)
		}
	})
}
