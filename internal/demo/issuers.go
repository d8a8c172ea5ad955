package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
)

// host puts every issuer of the configuration onto the loopback server, under
// its name in the configuration, signing as it does in earnest.
func host(server *devidp.Server, issuers []config.Issuer) (map[string]*devidp.Issuer, error) {
	hosted := map[string]*devidp.Issuer{}
	for _, i := range issuers {
		c := devidp.IssuerConfig{ISS: i.ISS[0], Algorithm: i.Algorithms[0], Defaults: usual(i)}
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

// usual returns the claims that a token of this issuer has in earnest, as far
// as its configuration tells, so that a token asked for with no claims at all
// is a valid one.
func usual(i config.Issuer) func(asked map[string]any) map[string]any {
	if i.Cognito != nil {
		return func(asked map[string]any) map[string]any { return usualCognito(i, asked) }
	}
	return func(map[string]any) map[string]any {
		claims := map[string]any{"sub": "demo"}
		if len(i.Audiences) > 0 {
			claims["aud"] = i.Audiences[0]
		}
		if len(i.Clients) > 0 {
			claims["client_id"] = i.Clients[0]
		}
		return claims
	}
}

// usualCognito follows the samples of Cognito's developer guide: an access
// token names its client in client_id and has no aud, an ID token has it in aud
// and no client_id.
func usualCognito(i config.Issuer, asked map[string]any) map[string]any {
	use, ok := asked["token_use"]
	if !ok {
		use = i.TokenUse[0]
	}
	name, ok := asked["sub"].(string)
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

// Token asks the demo that is running on this machine for a token: what
// `jwtgate demo token` prints. Server is the URL of its issuer, [IssuerURL]
// unless the demo said otherwise; a claim that is null is left out of the token.
// Expires is zero for an hour, and negative for a token that has expired.
func Token(ctx context.Context, server, issuer string, claims map[string]any, expires time.Duration) (string, error) {
	token, err := devidp.RequestToken(ctx, server, issuer, claims, expires)
	if _, unanswered := errors.AsType[*url.Error](err); unanswered {
		return "", fmt.Errorf("%w (is `jwtgate demo` up, with its issuer at %s?)", err, server)
	}
	return token, err
}

// ParseClaims reads one JSON object, its numbers as they are written; nothing but
// spaces is no claims.
func ParseClaims(text string) (map[string]any, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var claims map[string]any
	if err := decoder.Decode(&claims); err != nil {
		return nil, fmt.Errorf(`the claims are not a JSON object such as {"sub": "you"}: %w`, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the claims' JSON object")
	}
	return claims, nil
}
