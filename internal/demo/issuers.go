package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
)

// host adds every issuer of the configuration to the loopback server, with its name
// and iss, and with a login unless that is nil.
func host(server *devidp.Server, issuers []config.Issuer, login *devidp.Login) (map[string]*devidp.Issuer, error) {
	hosted := map[string]*devidp.Issuer{}
	for _, i := range issuers {
		iss, _ := i.Example("")
		c := devidp.IssuerConfig{ISS: iss, Algorithm: i.Algorithms[0], Defaults: defaultClaims(i), Login: login}
		if len(i.TokenTypes) > 0 {
			c.Type = i.TokenTypes[0]
		}
		one, err := server.Add(i.Name, c)
		if err != nil {
			return nil, fmt.Errorf("host issuer %q: %w", i.Name, err)
		}
		hosted[i.Name] = one
	}
	return hosted, nil
}

// defaultClaims returns the claims that the configuration expects in a token of this
// issuer, so that a token without requested claims is valid.
func defaultClaims(i config.Issuer) func(requested map[string]any) map[string]any {
	if i.Cognito != nil {
		return func(requested map[string]any) map[string]any { return cognitoClaims(i, requested) }
	}
	return func(map[string]any) map[string]any {
		claims := map[string]any{"sub": i.ExampleSubject("demo")}
		if _, tenant := i.Example(""); tenant != "" {
			claims["tid"] = tenant
		}
		if len(i.Audiences) > 0 {
			claims["aud"] = i.Audiences[0]
		}
		if len(i.Clients) > 0 {
			config.SetClaim(claims, i.ClientClaims[0], i.Clients[0])
		}
		if !slices.Contains(i.SubjectClaims, "sub") {
			config.SetClaim(claims, i.SubjectClaims[0], "demo")
		}
		for _, one := range i.Require {
			config.SetClaim(claims, one.Claim, one.Values[0])
		}
		return claims
	}
}

// cognitoClaims returns the claims of the examples in Cognito's developer guide: an
// access token has its client in client_id and no aud, an ID token has it in aud and
// no client_id.
func cognitoClaims(i config.Issuer, requested map[string]any) map[string]any {
	use, ok := requested["token_use"]
	if !ok {
		use = i.TokenUse[0]
	}
	name, ok := requested["sub"].(string)
	if !ok {
		name = "demo"
	}
	claims := map[string]any{"sub": name, "token_use": use}
	if use == "id" {
		claims["aud"] = i.Clients[0]
		claims["cognito:username"] = name
		claims["email"] = "demo@example.com"
		claims["email_verified"] = true
		return claims
	}
	claims["client_id"] = i.Clients[0]
	claims["username"] = name
	claims["scope"] = "aws.cognito.signin.user.admin"
	return claims
}

// Token requests a token from the demo that is running on this machine, for `jwtgate
// demo token`. server is the URL of the demo's issuer, normally [IssuerURL]. A claim
// that is nil is left out of the token. expires is the token's lifetime: zero for an
// hour, negative for an expired token.
func Token(ctx context.Context, server, issuer string, claims map[string]any, expires time.Duration) (string, error) {
	token, err := devidp.RequestToken(ctx, server, issuer, claims, expires)
	if _, unanswered := errors.AsType[*url.Error](err); unanswered {
		return "", fmt.Errorf("%w (is `jwtgate demo` running, with its issuer at %s?)", err, server)
	}
	return token, err
}

// ParseClaims parses one JSON object and keeps the digits of its numbers. For empty
// text it returns no claims.
func ParseClaims(text string) (map[string]any, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var claims map[string]any
	if err := decoder.Decode(&claims); err != nil {
		return nil, fmt.Errorf(`the claims are invalid; expected a JSON object such as {"sub": "you"}: %w`, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("unexpected data after the claims' JSON object")
	}
	return claims, nil
}
