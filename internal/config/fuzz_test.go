package config_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
)

// FuzzParse: for any bytes, Parse returns, every mistake and warning has a position
// inside the file, and a valid file allows nothing that it does not name.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		shortest, planted, everything, pool, "", "a: [", "a: &a [*a]", pool + "---\n", "\ufeff" + pool,
		strings.ReplaceAll(shortest, "\n", "\r\n"),
		"issuers:\n  a: {issuer: \"https://a.example/\", audiences: [api], prefix: \"a:\"}\n  b: {cognito: us-west-1_b, clients: ['${V}'], " +
			"prefix: ''}\n",
		"tokens: {from: [{cookie: s, origins: ['https://a.example:8443']}, {header: X-Token}], forward: true}\n" + pool,
		pool + "routes:\n  - {match: /a, tokens_from: [bearer, {query: '${V}'}, {websocket_protocol: jwt}], forward: true}\n",
		pool + "relax: {all: [encoded_slash, ignore_case], hosts: {'*.A.example': [semicolon], '[::1]': []}}\n",
		pool + "routes:\n  - {match: /a, when: 'a == ''b'''}\n  - {name: b, when: \"a == \\\"é\\u00e9\\\"\"}\n  - name: c\n    when: |2\n\n  " +
			"      a ==\n      b\n  - name: d\n    when: >-\n      a\n\n      b\n",
		pool + "include: [routes.d/*.yaml, gone.yaml]\ncors: {origins: ['https://a.example'], credentials: true}\naudit: {denied: 1/7, to: " +
			"stdout}\nrevoked: {file: x}\nshadow: true\n",
		"? [a]\n: {b: !t c}\n", "<<: {a: b}\n", "routes:\n  - match: ${V:-x}\n  - match: $${V}\n",
	} {
		f.Add([]byte(seed), "value")
	}
	f.Fuzz(func(t *testing.T, data []byte, value string) {
		c, err := config.Parse("gate.yaml", data, func(string) (string, bool) { return value, true })
		if c != nil {
			places(t, data, c.Warnings)
			within(t, data, c)
		}
		if err == nil {
			safe(t, c)
			return
		}
		var all config.Mistakes
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("got an error of type %T; expected Mistakes: %v", err, err)
		}
		places(t, data, all)
	})
}

// places checks that each mistake has a line and column of the file.
func places(t *testing.T, data []byte, all []config.Mistake) {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	for _, one := range all {
		if one.Pos.Line < 1 || one.Pos.Column < 1 || one.Pos.Line > len(lines) ||
			one.Pos.Column > utf8.RuneCountInString(lines[one.Pos.Line-1])+1 {
			t.Errorf("%q is outside the file", one.Error())
		}
		if one.Text == "" || strings.ContainsAny(one.Text, "\r\n") || strings.HasPrefix(one.Text, " ") {
			t.Errorf("%q is not one line of text", one.Error())
		}
	}
}

// within checks that positions inside conditions are inside the file.
func within(t *testing.T, data []byte, c *config.Config) {
	t.Helper()
	var all []config.Mistake
	for _, r := range c.Routes {
		for line, text := range strings.Split(r.Requirement.When+"\nbehind", "\n") {
			for _, column := range []int{-1, 0, len(text) / 2, len(text), 1 << 20} {
				all = append(all, c.MistakeWithin(r.Path+".when", line+1, column, "wrong"))
			}
		}
	}
	places(t, data, all)
}

// safe checks the properties of a valid configuration that other packages rely on.
func safe(t *testing.T, c *config.Config) {
	t.Helper()
	owners, names := map[string]bool{}, map[string]bool{}
	for n, i := range c.Issuers {
		if len(i.ISS) == 0 || len(i.Algorithms) == 0 || len(i.TokenTypes) == 0 || len(i.GroupsClaim) == 0 ||
			len(i.Audiences)+len(i.Clients) == 0 {
			t.Errorf("%s has an empty list of values to check: %+v", i.Path, i)
		}
		if i.Cognito != nil && (len(i.Clients) == 0 || len(i.TokenUse) == 0) {
			t.Errorf("%s has no clients or kinds: %+v", i.Path, i)
		}
		for _, alg := range i.Algorithms {
			if alg == "none" || strings.HasPrefix(alg, "HS") || alg == "" {
				t.Errorf("%s accepts %q", i.Path, alg)
			}
		}
		for _, one := range slices.Concat(i.ISS, i.Audiences, i.Clients) {
			if one == "" {
				t.Errorf("%s has an empty value: %+v", i.Path, i)
			}
		}
		for _, iss := range i.ISS {
			if owners[iss] {
				t.Errorf("%q belongs to two issuers", iss)
			}
			owners[iss] = true
		}
		for _, url := range append(slices.Clone(i.ISS), i.JWKS.URI) {
			if strings.HasPrefix(strings.ToLower(url), "http:") && !i.AllowHTTP {
				t.Errorf("%s is reached over plain http at %q", i.Path, url)
			}
		}
		for _, other := range c.Issuers[:n] {
			if i.Prefix != "" && other.Prefix != "" && (strings.HasPrefix(i.Prefix, other.Prefix) || strings.HasPrefix(other.Prefix, i.Prefix)) {
				t.Errorf("prefixes %q and %q overlap", i.Prefix, other.Prefix)
			}
		}
		if i.JWKS.RefreshInterval <= 0 || i.JWKS.RequestTimeout <= 0 || i.JWKS.UnknownKIDCooldown <= 0 || i.JWKS.MaxStale <= 0 || i.Leeway < 0 ||
			i.MaxLifetime < 0 {
			t.Errorf("%s has an invalid duration: %+v", i.Path, i)
		}
	}
	safeRequests(t, c)
	for _, r := range c.Routes {
		asks := r.Requirement.When != "" || !r.Requirement.Groups.Empty() || !r.Requirement.Scopes.Empty() || !r.Requirement.Clients.Empty()
		if names[r.Name] || r.Name == "" || asks && (r.Access != config.AccessRequired || len(c.Issuers) > 1 && len(r.Requirement.Issuers) == 0) {
			t.Errorf("route %+v", r)
		}
		names[r.Name] = true
		if len(c.Issuers) == 0 && r.Access != config.AccessPublic {
			t.Errorf("route %q without any issuer", r.Name)
		}
	}
	if len(c.Issuers) == 0 && c.Default != config.AccessDeny || c.Tokens.MaxBytes < 256 || len(c.Tokens.From) == 0 ||
		c.Identity.MaxValueBytes < 64 || c.Identity.MaxTotalBytes < 1024 {
		t.Errorf("config %+v", c)
	}
	for _, h := range c.Identity.Headers {
		if len(h.Claims) == 0 || h.Name != strings.ToLower(h.Name) || strings.Trim(h.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("header %+v", h)
		}
	}
}

// safeRequests checks that tokens are read, and that requests are relaxed, only as the
// file says.
func safeRequests(t *testing.T, c *config.Config) {
	t.Helper()
	guarded := append(slices.Clone(c.Identity.Removed), c.Identity.Strip...)
	for _, h := range c.Identity.Headers {
		guarded = append(guarded, h.Name)
	}
	from := c.Tokens.From
	for _, r := range c.Routes {
		if len(r.TokensFrom) == 0 {
			t.Errorf("%s has no token sources", r.Path)
		}
		from = append(slices.Clone(from), r.TokensFrom...)
	}
	for _, one := range from {
		named := one.Name != "" && !strings.ContainsAny(one.Name, " ,;=\"\r\n")
		if named == (one.Kind == config.SourceBearer) || len(one.Origins) > 0 && one.Kind != config.SourceCookie ||
			slices.Contains(one.Origins, "") {
			t.Errorf("source %+v", one)
		}
		if one.Kind == config.SourceHeader && (slices.Contains(guarded, one.Name) || one.Name != strings.ToLower(one.Name)) {
			t.Errorf("source %+v is a header that is set or stripped", one)
		}
	}
	if slices.ContainsFunc(c.Tokens.From, func(one config.TokenSource) bool { return one.Kind == config.SourceQuery }) {
		t.Errorf("every route reads a query: %+v", c.Tokens.From)
	}
	opened := slices.Clone(c.Relax.All)
	for i, one := range c.Relax.Hosts {
		same := func(other config.HostRelaxations) bool { return other.Host == one.Host }
		if one.Host == "" || one.Host == "*" || one.Host != strings.ToLower(one.Host) || slices.ContainsFunc(c.Relax.Hosts[:i], same) {
			t.Errorf("relaxed host %+v", one)
		}
		opened = append(opened, one.Relaxations...)
	}
	for _, one := range opened {
		if _, known := holes()[one]; !known {
			t.Errorf("unknown relaxation %q", one)
		}
	}
}
