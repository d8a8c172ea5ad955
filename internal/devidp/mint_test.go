package devidp_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/devidp"
)

func TestRequestToken(t *testing.T) {
	s := start(t, devidp.Config{Now: clock})
	i := add(t, s, "with space", devidp.IssuerConfig{Algorithm: "EdDSA"})
	now := float64(at.Unix())
	for _, row := range []struct {
		name    string
		claims  map[string]any
		expires time.Duration
		want    map[string]any
	}{
		{"defaults", map[string]any{"sub": "andrew"}, 0, map[string]any{"sub": "andrew", "exp": now + 3600}},
		{"ten minutes", map[string]any{"sub": "andrew"}, 10 * time.Minute, map[string]any{"exp": now + 600}},
		{"expired", nil, -time.Minute, map[string]any{"exp": now - 60}},
		{"a claim removed", map[string]any{"exp": nil}, 0, map[string]any{"exp": nil}},
		{"a number kept", map[string]any{"exp": json.Number("1e1")}, 0, map[string]any{"exp": 10.0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			token, err := devidp.RequestToken(t.Context(), s.URL()+"/", "with space", row.claims, row.expires)
			if err != nil {
				t.Fatal(err)
			}
			got := part(t, token, 1)
			for claim, want := range row.want {
				if got[claim] != want {
					t.Errorf("claim %s is %v, want %v", claim, got[claim], want)
				}
			}
			if got := part(t, token, 0)["kid"]; got != i.KeyID() {
				t.Errorf("signed by %q, want %q", got, i.KeyID())
			}
		})
	}
}

func TestRequestTokenSaysWhyNot(t *testing.T) {
	s := start(t, devidp.Config{})
	add(t, s, "cruddur", devidp.IssuerConfig{Algorithm: "EdDSA"})
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/broken/") {
			http.Error(w, "<html>", http.StatusBadGateway)
		}
	}))
	defer other.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, row := range []struct {
		name, server, issuer string
		claims               map[string]any
		want                 string
	}{
		{"unknown issuer", s.URL(), "crudur", nil, `the issuer rejected the request: unknown issuer "crudur"; expected one of cruddur`},
		{"no listener", gone.URL, "cruddur", nil, "connection refused"},
		{"another server, 502", other.URL, "broken", nil, "answered 502 Bad Gateway; it is not a jwtgate demo issuer"},
		{"another server, 200", other.URL, "cruddur", nil, "answered without a token"},
		{"a claim that cannot be JSON", s.URL(), "cruddur", map[string]any{"f": func() {}}, "encode the claims as JSON"},
		{"too large", s.URL(), "cruddur", map[string]any{"sub": strings.Repeat("a", 70_000)}, "request body too large"},
		{"no URL", "http://[", "cruddur", nil, "ask for a token: parse"},
	} {
		t.Run(row.name, func(t *testing.T) {
			token, err := devidp.RequestToken(t.Context(), row.server, row.issuer, row.claims, 0)
			if err == nil || !strings.Contains(err.Error(), row.want) || token != "" {
				t.Errorf("token %q, error %v, want %q in it", token, err, row.want)
			}
		})
	}
}

func TestRequestTokenEndsWithItsContext(t *testing.T) {
	s := start(t, devidp.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := devidp.RequestToken(ctx, s.URL(), "cruddur", nil, 0); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("error %v, want the context's", err)
	}
}

// post sends a body to the mint endpoint.
func post(t *testing.T, s *devidp.Server, body string, edit func(*http.Request)) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/cruddur/mint", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	edit(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("origin %q may read the response", got)
	}
	return response.StatusCode, string(data)
}

func TestMintEndpointRefusesWebPages(t *testing.T) {
	s := start(t, devidp.Config{})
	add(t, s, "cruddur", devidp.IssuerConfig{Algorithm: "EdDSA"})
	port := s.URL()[strings.LastIndex(s.URL(), ":"):]
	for _, row := range []struct {
		name   string
		edit   func(*http.Request)
		status int
		want   string
	}{
		{"a program of this machine", func(*http.Request) {}, 200, `"token"`},
		{"by name", func(r *http.Request) { r.Host = "localhost" + port }, 200, `"token"`},
		{"by IPv6", func(r *http.Request) { r.Host = "[::1]" }, 200, `"token"`},
		{"a charset", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200, `"token"`},
		{"a form of another page", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
			403, "content-type must be application/json"},
		{"no content type", func(r *http.Request) { r.Header.Del("Content-Type") }, 403, "content-type must be application/json"},
		{"a page", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403, "a web page cannot ask for tokens here"},
		{"a page with an opaque origin", func(r *http.Request) { r.Header.Set("Origin", "null") }, 403, "a web page cannot ask for tokens here"},
		{"a rebound name", func(r *http.Request) { r.Host = "evil.example" + port }, 403, `host \"evil.example`},
		{"a name that looks like loopback", func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, 403, "is not this machine's loopback"},
		{"another address", func(r *http.Request) { r.Host = "192.0.2.1" }, 403, "is not this machine's loopback"},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, body := post(t, s, `{"claims":{}}`, row.edit)
			if status != row.status || !strings.Contains(body, row.want) {
				t.Errorf("%d %s, want %d with %q", status, body, row.status, row.want)
			}
		})
	}
}

func TestMintEndpointReadsOneStrictObject(t *testing.T) {
	s := start(t, devidp.Config{})
	add(t, s, "cruddur", devidp.IssuerConfig{Algorithm: "EdDSA"})
	for _, row := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"empty object", `{}`, 200, `"token"`},
		{"nothing", ``, 400, "read the request: EOF"},
		{"no object", `["sub"]`, 400, "read the request: json: cannot unmarshal array"},
		{"an unknown key", `{"claim":{}}`, 400, `unknown field \"claim\"`},
		{"two objects", `{}{}`, 400, "unexpected data after the JSON object"},
		{"not a duration", `{"expires":"soon"}`, 400, `expires \"soon\" is not a duration; expected one such as 10m`},
		{"a bare number", `{"expires":"60"}`, 400, `expires \"60\" is not a duration; expected one such as 10m`},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, body := post(t, s, row.body, func(*http.Request) {})
			if status != row.status || !strings.Contains(body, row.want) {
				t.Errorf("%d %s, want %d with %q", status, body, row.status, row.want)
			}
		})
	}
}
