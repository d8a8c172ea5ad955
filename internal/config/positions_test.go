package config_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// placed is the file whose positions TestAt checks.
const placed = `server:
  listen: 127.0.0.1:9001
issuers:
  pool:
    cognito: us-west-1_6BpkgoczU
    clients:
      - "wéb"
    jwks: {uri: "https://keys.example/é", proxy: none}
  a.b: {issuer: "https://login.example/", audiences: [api, "日本"], prefix: ""}
identity: {headers: {x-é: sub}}
routes:
  - match: /a
    hosts: [a.example, b.example]
  - {name: two, match: /b}
`

// TestAt: a path leads to where a reader finds its value: a scalar where it is
// written, a list or mapping at its key.
func TestAt(t *testing.T) {
	rows := []struct {
		path         string
		line, column int
	}{
		{"", 1, 1},
		{"server", 1, 1},
		{"server.listen", 2, 11},
		{"issuers", 3, 1},
		{"issuers.pool", 4, 3},
		{"issuers.pool.cognito", 5, 14},
		{"issuers.pool.clients", 6, 5},
		{"issuers.pool.clients[0]", 7, 9},
		{"issuers.pool.jwks", 8, 5},
		{"issuers.pool.jwks.uri", 8, 17},
		{"issuers.pool.jwks.proxy", 8, 50},
		{`issuers["a.b"]`, 9, 3},
		{`issuers["a.b"].audiences[1]`, 9, 60},
		{`issuers["a.b"].prefix`, 9, 75},
		{"routes[0]", 12, 5},
		{"routes[0].match", 12, 12},
		{"routes[0].hosts[1]", 13, 24},
		{"routes[1].name", 14, 12},
		{"routes[1].match", 14, 24},
		// What the file does not have is at its nearest parent.
		{"issuers.pool.jwks.file", 8, 5},
		{`issuers["a.b"].jwks.uri`, 9, 3},
		{`issuers["c.d"].jwks.uri`, 3, 1},
		{"routes[0].groups.all[3]", 12, 5},
		{"routes[7].match", 11, 1},
		{"tokens.from", 1, 1},
	}
	for name, text := range map[string]string{
		"Unix line ends":     placed,
		"Windows line ends":  strings.ReplaceAll(placed, "\n", "\r\n"),
		"a byte order mark":  "\ufeff" + placed,
		"a document marker ": placed + "...\n",
	} {
		c, err := config.Parse("gate.yaml", []byte(text), nil)
		if c == nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			want := config.Pos{File: "gate.yaml", Line: row.line, Column: row.column}
			if got := c.At(row.path); got != want {
				t.Errorf("%s: %q is at %v, want %v", name, row.path, got, want)
			}
		}
	}
}

func TestAtWithoutFile(t *testing.T) {
	c := &config.Config{Source: "environment"}
	if got, want := c.Mistake("issuers.cognito.jwks.uri", "is %q", "x").Error(), `environment: is "x"`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (config.Mistake{Text: "x"}).Error(), "config: x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
