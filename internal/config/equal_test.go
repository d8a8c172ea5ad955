package config_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// equal compares the contents of two configurations, ignoring their sources.
func equal(t *testing.T, got, want *config.Config) {
	t.Helper()
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range g.NumField() {
		field := g.Type().Field(i)
		if !field.IsExported() || field.Name == "Source" || field.Name == "Files" || field.Name == "Hash" || field.Name == "Warnings" {
			continue
		}
		if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			t.Errorf("%s is\n%+v\nwant\n%+v", field.Name, g.Field(i), w.Field(i))
		}
	}
}

// TestDefaultsWritten: setting a key to its default, as the reference writes it,
// changes nothing. This checks the text of every default.
func TestDefaultsWritten(t *testing.T) {
	const issuer, route = "issuers:\n  a:\n    cognito: us-west-1_a\n    clients: [web]\n", "routes:\n  - match: /a\n"
	want := parse(t, issuer+route)
	for _, k := range config.Keys() {
		if k.Default == "" {
			continue
		}
		value := strings.Join(strings.Fields(k.Default), " ")
		steps := strings.Split(k.Path, ".")
		yaml := issuer + route
		switch {
		case steps[0] == "issuers":
			yaml = issuer + nested("    ", steps[2:], value) + route
		case steps[0] == "routes[]":
			yaml += nested("    ", steps[1:], value)
		default:
			yaml += nested("", steps, value)
		}
		t.Run(k.Path, func(t *testing.T) { equal(t, parse(t, yaml), want) })
	}
}

// nested returns a value below its keys in block style.
func nested(indent string, keys []string, value string) string {
	if len(keys) == 1 {
		return indent + keys[0] + ": " + value + "\n"
	}
	return indent + keys[0] + ":\n" + nested(indent+"  ", keys[1:], value)
}

// TestOrderOfKeys: the order of the keys of a mapping has no effect, although routes
// refer to issuers.
func TestOrderOfKeys(t *testing.T) {
	parts := []string{
		"issuers:\n  a: {cognito: us-west-1_a, clients: [web], prefix: ''}\n  b: {audiences: [api], prefix: 'b:', issuer: " +
			"'https://b.example/'}\n",
		"routes:\n  - {groups: [x], issuers: [b, a], access: required, match: /a}\n",
		"identity: {strip: [x-internal], headers: {x-user-email: null, x-team: team}}\n",
		"default: deny\n",
	}
	want := parse(t, strings.Join(parts, ""))
	slices.Reverse(parts)
	backwards := strings.NewReplacer(
		"{cognito: us-west-1_a, clients: [web], prefix: ''}", "{prefix: '', clients: [web], cognito: us-west-1_a}",
		"{groups: [x], issuers: [b, a], access: required, match: /a}", "{match: /a, access: required, issuers: [b, a], groups: [x]}",
		"{strip: [x-internal], headers: {x-user-email: null, x-team: team}}",
		"{headers: {x-team: team, x-user-email: null}, strip: [x-internal]}",
	).Replace(strings.Join(parts, ""))
	equal(t, parse(t, backwards), want)
}

// TestStyles: the YAML style has no effect: block or flow, quotes, line endings.
func TestStyles(t *testing.T) {
	want := parse(t, shortest)
	for name, yaml := range map[string]string{
		"Windows line ends": strings.ReplaceAll(shortest, "\n", "\r\n"),
		"a byte order mark": "\ufeff" + shortest,
		"document markers":  "---\n" + shortest + "...\n# end\n",
		"all flow": `{"issuers": {"cruddur": {"cognito": "us-west-1_6BpkgoczU", "clients": ["3v5exampleclient"]}}, "routes": [
			{"match": "GET /api/health", "access": "public"}, {"match": "GET /api/activities/home", "access": "optional", "if_invalid": "anonymous"},
			{"match": "/api/admin/**", "groups": ["admin"]}, {"match": "PUT /api/users/{id}/**"}]}`,
		"all block": `issuers:
  ? cruddur
  : cognito: >-
      us-west-1_6BpkgoczU
    clients:
    - |-
      3v5exampleclient
routes:
- match: GET /api/health
  access: 'public'
- match: GET
    /api/activities/home
  access: "optional"
  if_invalid: anonymous
- match: /api/admin/** # a comment
  groups:
  - admin
- match: PUT /api/users/{id}/**
`,
	} {
		t.Run(name, func(t *testing.T) { equal(t, parse(t, yaml), want) })
	}
}

// TestEnvironmentIsAFile: environment mode is equivalent to a file.
func TestEnvironmentIsAFile(t *testing.T) {
	c, err := config.FromEnvironment(env("COGNITO_USER_POOLS_ID=us-east-1_x", "COGNITO_WEB_CLIENT_ID=web",
		"AWS_DEFAULT_REGION=us-east-1", "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=http://127.0.0.1:5055"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, c, parse(t, `
issuers:
  cognito:
    cognito: us-east-1_x
    clients: [web]
    prefix: ""
    dangerously_allow_http: true
    jwks: {uri: "http://127.0.0.1:5055/us-east-1_x/.well-known/jwks.json"}
default: required
`))
}
